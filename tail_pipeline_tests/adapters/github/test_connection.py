"""Who speaks to GitHub, and what a person is told when that does not work."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError
from tail_pipeline_tests.adapters.places import GitHubPlace
from tail_pipeline_tests.github_server.faults import (
    Fault,
    bad_gateway,
    dropped,
    html_page,
    primary_rate_limit,
    secondary_rate_limit,
    timed_out,
    too_many_requests,
)
from tail_pipeline_tests.github_server.routing import Reply
from tail_pipeline_tests.github_server.server import TOKEN, GitHubServer

ATTEMPTS = 5
PATH, TEXT = "eval/cases.yaml", "cases: []\n"
MATCHING = r"/git/matching-refs/"


@pytest.fixture(autouse=True)
def committed(server: GitHubServer) -> None:
    server.person().push("main", {PATH: TEXT})


def read(place: GitHubPlace, **fields: object) -> str | None:
    return place.opened(**fields).read(PATH)


def failure(place: GitHubPlace, **fields: object) -> TailPipelineError:
    with pytest.raises(TailPipelineError) as raised:
        read(place, **fields)
    return raised.value


# Tokens


def test_a_token_in_the_environment_signs_in(place: GitHubPlace):
    assert read(place) == TEXT


def test_a_line_break_after_the_token_does_not_matter(place: GitHubPlace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", f"{TOKEN}\n")
    assert read(place) == TEXT


def test_a_token_is_read_when_it_is_used(place: GitHubPlace, monkeypatch: pytest.MonkeyPatch):
    repository = place.opened(token_env="LATER")
    monkeypatch.setenv("LATER", TOKEN)
    assert repository.read(PATH) == TEXT


def test_a_token_that_is_not_set_is_named_by_its_variable(place: GitHubPlace):
    error = failure(place, token_env="NOT_SET")
    assert isinstance(error, PermanentError)
    assert "NOT_SET is not set" in str(error)


def test_a_wrong_token_is_one_permanent_error(place: GitHubPlace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_wrong")
    error = failure(place)
    assert isinstance(error, PermanentError)
    assert "$GITHUB_TOKEN holds is wrong, expired or revoked" in str(error)


@pytest.mark.parametrize("token", ["two\nlines", "Schlüssel", "with blank"])
def test_what_cannot_be_a_token_is_not_sent_and_not_quoted(
    place: GitHubPlace, monkeypatch: pytest.MonkeyPatch, token: str
):
    monkeypatch.setenv("GITHUB_TOKEN", token)
    error = failure(place)
    assert isinstance(error, PermanentError)
    assert token not in str(error)


def test_a_repository_the_token_may_not_see_is_told_from_nothing(place: GitHubPlace, server: GitHubServer):
    server.add_token(TOKEN, sees_repository=False)
    assert "does not exist, or the token in $GITHUB_TOKEN may not see it" in str(failure(place))


def test_a_repository_that_does_not_exist_is_told_so(place: GitHubPlace):
    error = failure(place, name="acme/nothing")
    assert isinstance(error, PermanentError)
    assert str(error).startswith("acme/nothing on 127.0.0.1:")


@pytest.mark.parametrize("state", ["archived", "disabled"])
def test_a_repository_that_takes_no_writes_is_told_so(place: GitHubPlace, server: GitHubServer, state: str):
    read(place)
    answer = next(one.response for one in server.exchanges if one.template == "/repos/{owner}/{repo}")
    server.faults.next("GET", r"/repos/acme/agent$", Fault(state, Reply(200, answer | {state: True})))
    assert f"the repository is {state}" in str(failure(place))


def test_a_renamed_repository_is_asked_for_once_under_its_old_name(place: GitHubPlace, server: GitHubServer):
    server.person().rename("helper")
    read(place, name="acme/agent")
    assert [one.path for one in server.exchanges if "/acme/agent" in one.path] == ["/repos/acme/agent"]


# Apps


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """(private, public) in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture
def app(server: GitHubServer, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The configuration of an App that is installed."""
    monkeypatch.setenv("APP_KEY", keys[0])
    return {"id": server.add_app(keys[1]).id, "private_key_env": "APP_KEY"}


def test_an_app_finds_its_installation_on_the_repository(place: GitHubPlace, app: dict[str, Any]):
    assert read(place, app=app) == TEXT


def test_an_installation_that_is_named_is_not_looked_for(place: GitHubPlace, server: GitHubServer, app: dict[str, Any]):
    read(place, app=app | {"installation_id": server.repository.apps[0].installation_id})
    assert not [one for one in server.exchanges if one.path.endswith("/installation")]


def test_a_key_with_written_out_line_breaks_is_a_key(
    place: GitHubPlace, app: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("APP_KEY", os.environ["APP_KEY"].replace("\n", "\\n"))
    assert read(place, app=app) == TEXT


def test_what_is_no_key_is_named_by_its_variable_and_not_quoted(
    place: GitHubPlace, app: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("APP_KEY", "s3cret")
    error = failure(place, app=app)
    assert isinstance(error, PermanentError)
    assert ("$APP_KEY" in str(error), "s3cret" in str(error)) == (True, False)


def test_an_app_github_does_not_know_is_one_permanent_error(place: GitHubPlace, app: dict[str, Any]):
    assert isinstance(failure(place, app=app | {"id": 1}), PermanentError)


def test_an_app_that_is_not_installed_is_told_so(place: GitHubPlace, app: dict[str, Any]):
    assert "the App is not installed on the repository" in str(failure(place, app=app, name="acme/nothing"))


def test_an_outage_while_the_app_signs_in_is_worth_waiting_for(
    place: GitHubPlace, server: GitHubServer, app: dict[str, Any]
):
    server.faults.next("POST", r"/access_tokens$", bad_gateway())
    assert isinstance(failure(place, app=app), TransientError)


# The way to GitHub


PASSING: dict[str, Callable[[], Fault]] = {
    "502": bad_gateway,
    "dropped": dropped,
    "no answer": timed_out,
    "HTML": html_page,
    "secondary rate limit": lambda: secondary_rate_limit(1),
    "secondary rate limit without a word on when": lambda: secondary_rate_limit(None),
    "429": lambda: too_many_requests(1),
    "429 without a word on when": lambda: too_many_requests(None),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_failure_that_passes_is_not_noticed(place: GitHubPlace, server: GitHubServer, fault: Callable[[], Fault]):
    server.faults.next("GET", MATCHING, fault())
    assert read(place) == TEXT


LASTING: dict[str, Callable[[], Fault]] = {name: fault for name, fault in PASSING.items() if name != "no answer"} | {
    "primary rate limit": primary_rate_limit,
    "HTML with 200": lambda: html_page(200),
    "HTML with 403": lambda: html_page(403),
    "HTML with 404": lambda: html_page(404),
    "cut off": lambda: Fault("cut off", Reply(200, b'[{"ref": "refs/heads/main"')),
    "redirect": lambda: Fault("redirect", Reply(307, {"message": "Temporary Redirect", "url": "/elsewhere"})),
}


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_a_failure_that_lasts_is_worth_waiting_for(
    place: GitHubPlace, server: GitHubServer, fault: Callable[[], Fault]
):
    server.faults.next("GET", MATCHING, *[fault() for _ in range(ATTEMPTS)])
    assert isinstance(failure(place), TransientError)


@pytest.mark.parametrize("path", [r"/repos/acme/agent$", r"/contents/", r"/git/blobs/"])
@pytest.mark.parametrize("fault", ["HTML with 200", "HTML with 404", "cut off", "redirect"])
def test_what_is_no_answer_of_githubs_is_taken_for_none(
    place: GitHubPlace, server: GitHubServer, fault: str, path: str
):
    server.faults.next("GET", path, LASTING[fault]())
    assert isinstance(failure(place), TransientError)


def test_a_server_that_is_not_there_is_worth_waiting_for(place: GitHubPlace):
    error = failure(place, base_url="http://127.0.0.1:9/api/v3")
    assert isinstance(error, TransientError)


def test_the_token_is_in_no_message(place: GitHubPlace, server: GitHubServer):
    server.faults.next("GET", MATCHING, html_page(403))
    assert TOKEN not in f"{failure(place)!r}"
