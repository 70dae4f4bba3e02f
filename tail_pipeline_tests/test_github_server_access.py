"""Who is let in: tokens and what they may, Apps, and a repository that has moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from github import Auth, BadCredentialsException, Github, GithubException, GithubIntegration, UnknownObjectException

from tail_pipeline_tests.github_server import TOKEN, GitHubServer
from tail_pipeline_tests.github_server.tokens import Kind


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def connected(server: GitHubServer, auth: Auth.Auth) -> Github:
    return Github(base_url=server.base_url, auth=auth, retry=None, seconds_between_requests=0, seconds_between_writes=0)


def asked(server: GitHubServer, method: str, path: str, token: str = TOKEN, body: Any = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(
        method, f"{server.base_url}{path}", json=body, headers=headers, timeout=10, allow_redirects=False
    )


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def private_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_an_unknown_token_is_told_so(server: GitHubServer):
    with pytest.raises(BadCredentialsException, match="Bad credentials"):
        connected(server, Auth.Token("wrong")).get_repo(server.full_name)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("fine_grained", "Resource not accessible by personal access token"),
        ("app", "Resource not accessible by integration"),
        ("actions", "Resource not accessible by integration"),
    ],
)
def test_a_missing_permission_is_named_in_a_header(server: GitHubServer, kind: Kind, said: str):
    server.add_token("reader", "reader", kind, permissions={"issues": "read"})

    reply = asked(server, "POST", "/repos/acme/agent/issues", "reader", {"title": "Missing"})

    assert (reply.status_code, reply.json()["message"], reply.headers["X-Accepted-GitHub-Permissions"]) == (
        403,
        said,
        "issues=write",
    )


def test_a_classic_token_without_scope_does_not_see_a_private_repository(server: GitHubServer):
    server.add_token("classic", kind="classic", scopes=("public_repo",))
    with pytest.raises(UnknownObjectException):
        connected(server, Auth.Token("classic")).get_repo(server.full_name)


def test_a_classic_token_is_told_its_scopes(server: GitHubServer):
    server.add_token("classic", kind="classic", scopes=("repo", "read:org"))

    assert asked(server, "GET", "/repos/acme/agent", "classic").headers["X-OAuth-Scopes"] == "repo, read:org"


def test_a_token_made_for_another_repository_does_not_see_this_one(server: GitHubServer):
    server.add_token("elsewhere", permissions={"contents": "write"}, sees_repository=False)

    assert asked(server, "GET", "/repos/acme/agent", "elsewhere").status_code == 404


def test_a_workflow_opens_no_pull_request_until_the_setting_lets_it(server: GitHubServer):
    server.add_token("actions", "github-actions[bot]", "actions", permissions={"pull_requests": "write"})
    server.person().branch("next")
    server.person().push("next", {"a": "x"})
    body = {"title": "T", "head": "next", "base": "main"}

    reply = asked(server, "POST", "/repos/acme/agent/pulls", "actions", body)

    assert reply.json()["message"] == "GitHub Actions is not permitted to create or approve pull requests."


def test_an_app_signs_in_by_its_key(server: GitHubServer, key: rsa.RSAPrivateKey):
    app = server.add_app(public_pem(key))
    hub = GithubIntegration(auth=Auth.AppAuth(app.id, private_pem(key)), base_url=server.base_url)
    installation = hub.get_repo_installation("acme", "agent")

    issue = (
        connected(server, Auth.Token(hub.get_access_token(installation.id).token))
        .get_repo("acme/agent")
        .create_issue("x")
    )

    assert issue.user.login == "tail-miner[bot]"


def test_an_app_with_another_key_stays_out(server: GitHubServer, key: rsa.RSAPrivateKey):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    app = server.add_app(public_pem(other))
    hub = GithubIntegration(auth=Auth.AppAuth(app.id, private_pem(key)), base_url=server.base_url)
    with pytest.raises(GithubException, match="A JSON web token could not be decoded"):
        hub.get_repo_installation("acme", "agent")


def test_the_old_name_of_a_repository_leads_to_the_new_one(server: GitHubServer):
    server.person().rename("assistant")

    assert connected(server, Auth.Token(TOKEN)).get_repo("acme/agent").full_name == "acme/assistant"


def test_a_write_to_the_old_name_is_not_carried_out(server: GitHubServer):
    server.person().rename("assistant")

    reply = asked(server, "POST", "/repos/acme/agent/issues", body={"title": "Missing"})

    assert (reply.status_code, reply.headers["Location"], server.writes) == (
        307,
        f"{server.base_url}/repositories/{server.repository.id}/issues",
        [],
    )


def test_no_token_is_kept_in_what_the_server_recorded(server: GitHubServer, key: rsa.RSAPrivateKey):
    app = server.add_app(public_pem(key))
    hub = GithubIntegration(auth=Auth.AppAuth(app.id, private_pem(key)), base_url=server.base_url)

    token = hub.get_access_token(app.installation_id).token

    assert token not in repr(server.exchanges)
