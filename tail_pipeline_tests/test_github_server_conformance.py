"""Every route of the stand-in answers, and is asked, as GitHub's published description allows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from github import Auth, Github, InputGitTreeElement
from github.Repository import Repository

from tail_pipeline_tests.github_server import TOKEN, GitHubServer
from tail_pipeline_tests.github_server.exchanges import Exchange
from tail_pipeline_tests.github_server.openapi import DescriptionUnavailable, description, violations
from tail_pipeline_tests.github_server.routing import ROUTES

BRANCH = "tail-miner/2026-W17"


@pytest.fixture(scope="module", autouse=True)
def _described() -> None:
    try:
        description()
    except DescriptionUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Exchange]]:
    """Every route asked once at least, by PyGithub where it knows the route."""
    with GitHubServer(tmp_path_factory.mktemp("github"), {"eval/cases.yaml": "cases: []\n"}) as server:
        hub = Github(
            base_url=server.base_url,
            auth=Auth.Token(TOKEN),
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        repository = hub.get_repo("acme/agent")
        _write_git(repository)
        _read_history(repository)
        _work_on_issues(repository)
        _work_on_pull(server, repository)
        _ask_for_accounts(server, hub)
        _be_refused(server)
        yield server.exchanges


def _write_git(repository: Repository) -> None:
    main = repository.get_git_ref("heads/main")
    base = repository.get_git_commit(main.object.sha)
    blob = repository.create_git_blob("cases: []\n# one\n", "utf-8")
    elements = [
        InputGitTreeElement("eval/tail/2026-W17.yaml", "100644", "blob", content="cases: []\n"),
        InputGitTreeElement("eval/cases.yaml", "100644", "blob", sha=blob.sha),
    ]
    tree = repository.create_git_tree(elements, base.tree)
    first = repository.create_git_commit("Tail", tree, [base])
    ref = repository.create_git_ref(f"refs/heads/{BRANCH}", first.sha)
    second = repository.create_git_commit("Again", first.tree, [first])
    ref.edit(second.sha, force=False)
    repository.create_git_ref("refs/heads/gone", first.sha).delete()
    list(repository.get_git_matching_refs("heads/tail-miner/"))
    repository.get_git_blob(blob.sha)
    repository.get_git_tree(tree.sha, recursive=True)


def _read_history(repository: Repository) -> None:
    repository.get_contents("eval/cases.yaml", ref=BRANCH)
    repository.get_contents("eval", ref=BRANCH)
    list(repository.get_commits(sha=BRANCH, path="eval/cases.yaml"))
    repository.get_commit(BRANCH)
    repository.compare("main", BRANCH)
    repository.get_branch(BRANCH)
    list(repository.get_branches())


def _work_on_issues(repository: Repository) -> None:
    repository.create_label("tail-missing", "d73a4a", "A Monday without its pull request")
    repository.get_label("tail-missing")
    list(repository.get_labels())
    issue = repository.create_issue("Missing", body="Text", labels=["tail-missing"], assignee="lead")
    issue.edit(body="Other text", state="closed")
    issue.add_to_assignees("owner", "stranger")
    issue.add_to_labels("bug", "quite new")
    issue.remove_from_labels("bug")
    issue.set_labels("tail-missing")
    list(issue.get_labels())
    comment = issue.create_comment("Said")
    comment.edit("Said otherwise")
    issue.get_comment(comment.id)
    list(issue.get_comments())
    list(repository.get_issues(state="all", labels=["tail-missing"], sort="updated", direction="asc"))
    repository.get_issue(issue.number)
    repository.has_in_assignees("lead")


def _work_on_pull(server: GitHubServer, repository: Repository) -> None:
    pull = repository.create_pull(title="Tail", body="Body", head=BRANCH, base="main")
    server.repository.teams.add("evals")
    pull.create_review_request(["lead"], ["evals"])
    pull.get_review_requests()[0].get_page(0)
    pull.create_review(body="Looks fine", event="COMMENT")
    list(pull.get_reviews())
    pull.edit(title="Tail W17", body="Other body")
    list(pull.get_files())
    list(pull.get_commits())
    list(repository.get_pulls(state="all", head=f"acme:{BRANCH}", base="main"))
    pull = repository.get_pull(pull.number)
    pull.is_merged()
    pull.merge(merge_method="squash")
    pull.is_merged()
    list(repository.get_commit(server.person().head("main")).get_pulls())


def _ask_for_accounts(server: GitHubServer, hub: Github) -> None:
    _ = hub.get_user().login
    hub.get_user("lead")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    app = server.add_app(public.decode())
    now = int(time.time())
    signed = jwt.encode({"iat": now - 60, "exp": now + 300, "iss": str(app.id)}, key, algorithm="RS256")
    for method, path in (
        ("GET", "/repos/acme/agent/installation"),
        ("GET", f"/app/installations/{app.installation_id}"),
        ("POST", f"/app/installations/{app.installation_id}/access_tokens"),
    ):
        asked(server, method, path, token=signed)


def _be_refused(server: GitHubServer) -> None:
    """Each sort of error once."""
    missing, repository = "0" * 39 + "1", "/repos/acme/agent"
    asked(server, "GET", f"{repository}/contents/nothing")
    asked(server, "GET", repository, token="unknown")
    asked(server, "POST", f"{repository}/git/refs", {"ref": "refs/heads/main", "sha": server.person().head("main")})
    asked(server, "PATCH", f"{repository}/git/refs/heads/main", {"sha": missing})
    asked(server, "POST", f"{repository}/pulls", {"title": "T", "head": "main", "base": "main"})
    asked(server, "POST", f"{repository}/issues", {"title": "T", "assignees": ["nobody"]})
    asked(server, "POST", f"{repository}/labels", {"name": "bug", "color": "ededed"})
    asked(server, "PUT", f"{repository}/pulls/2/merge", {})
    asked(server, "POST", f"{repository}/pulls/2/requested_reviewers", {"reviewers": ["stranger"]})
    server.person().rename("agent-2")
    asked(server, "GET", f"{repository}/labels")
    asked(server, "POST", f"{repository}/labels", {"name": "x"})


def asked(server: GitHubServer, method: str, path: str, body: Any = None, *, token: str = TOKEN) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{server.base_url}{path}"
    return requests.request(method, url, json=body, headers=headers, timeout=10, allow_redirects=False)


def test_nothing_asked_or_answered_is_against_githubs_description(exchanges: list[Exchange]):
    found = violations(exchanges)

    assert found == []


def test_the_walk_asks_every_route(exchanges: list[Exchange]):
    assert {(one.method, one.template) for one in exchanges} == {(one.method, one.template) for one in ROUTES}


def one_of(exchanges: list[Exchange], method: str, end: str, status: int) -> Exchange:
    return next(
        one for one in exchanges if one.method == method and (one.template or "").endswith(end) and one.status == status
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": "1"}, "$.number '1' is not of type 'integer'"),
        ({"state": None}, "$.state None is not of type 'string'"),
        ({"created_at": "yesterday"}, "$.created_at 'yesterday' is not a 'date-time'"),
        ({"labels": [{"name": 3}]}, "$.labels[0]"),
        ({"colour": "red"}, "response has colour, which GitHub does not describe"),
    ],
)
def test_an_answer_github_would_not_give_is_a_violation(exchanges: list[Exchange], change: dict[str, Any], said: str):
    issue = one_of(exchanges, "GET", "/issues/{issue_number}", 200)

    (found,) = violations([replace(issue, response=issue.response | change)])

    assert said in found


def test_a_missing_field_is_a_violation(exchanges: list[Exchange]):
    pull = one_of(exchanges, "GET", "/pulls/{pull_number}", 200)

    (found,) = violations(
        [replace(pull, response={name: value for name, value in pull.response.items() if name != "head"})]
    )

    assert "'head' is a required property" in found


def test_a_status_github_does_not_document_is_a_violation(exchanges: list[Exchange]):
    created = one_of(exchanges, "POST", "/git/refs", 201)

    (found,) = violations([replace(created, status=200)])

    assert "GitHub documents no 200 here" in found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"state": "merged"}, "the query's state"),
        ({"status": "open"}, "the query has status"),
        ({"page": "two"}, "page"),
    ],
)
def test_a_query_github_does_not_know_is_a_violation(exchanges: list[Exchange], query: dict[str, str], said: str):
    listed = one_of(exchanges, "GET", "/pulls", 200)

    (found,) = violations([replace(listed, query=query)])

    assert said in found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"head": "a", "base": 3}, "$.base 3 is not of type 'string'"),
        ({"head": "a"}, "'base' is a required property"),
        ({"head": "a", "base": "b", "reviewers": []}, "body has reviewers"),
    ],
)
def test_a_body_github_does_not_take_is_a_violation(exchanges: list[Exchange], body: dict[str, Any], said: str):
    created = one_of(exchanges, "POST", "/pulls", 201)

    (found,) = violations([replace(created, body=body)])

    assert said in found


def test_what_github_does_not_document_is_a_violation(exchanges: list[Exchange]):
    (found,) = violations([replace(exchanges[0], template=None)])

    assert "GitHub documents no such operation" in found
