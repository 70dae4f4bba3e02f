"""What a failure of a call to GitHub means to a run: wait, or call a person, and what that person is told."""

from __future__ import annotations

import importlib
import inspect
from json import JSONDecodeError

import pytest
import requests.exceptions
from github import GithubException

from tail_pipeline.adapters.github.failures import Failures
from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError

FAILURES = Failures(host="api.github.com", repository="acme/support-agent", credential="GITHUB_TOKEN")
PAGE = {"data": "<html>Bad gateway</html>"}


def meaning(status: int, data: object = None, **headers: str) -> TailPipelineError:
    answer = GithubException(status, data, {name.replace("_", "-"): value for name, value in headers.items()})
    found = FAILURES.of(answer, "open the pull request")
    assert found is not None
    return found


def github_exceptions() -> list[type[GithubException]]:
    found = (one for _, one in inspect.getmembers(importlib.import_module("github.GithubException"), inspect.isclass))
    return [one for one in found if issubclass(one, GithubException)]


def requests_exceptions() -> list[type[requests.RequestException]]:
    found = (one for _, one in inspect.getmembers(requests.exceptions, inspect.isclass))
    return [one for one in found if issubclass(one, requests.RequestException)]


@pytest.mark.parametrize("kind", github_exceptions())
def test_every_exception_of_pygithub_means_something(kind: type[GithubException]):
    assert isinstance(FAILURES.of(kind(418), "read"), TailPipelineError)


@pytest.mark.parametrize("kind", requests_exceptions())
def test_every_exception_of_requests_means_something(kind: type[requests.RequestException]):
    arguments = ("it broke", "{", 0) if issubclass(kind, JSONDecodeError) else ("it broke",)
    assert isinstance(FAILURES.of(kind(*arguments), "read"), TailPipelineError)


def test_a_mistake_of_our_own_is_not_taken_for_githubs():
    assert FAILURES.of(KeyError("a bug"), "read") is None


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 409, 429])
def test_an_outage_is_worth_waiting_for(status: int):
    assert isinstance(meaning(status, {"message": "Server Error"}), TransientError)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 502])
def test_a_proxys_page_is_worth_waiting_for_whatever_its_status(status: int):
    assert isinstance(meaning(status, PAGE), TransientError)


def test_a_proxys_page_is_not_quoted():
    assert "html" not in str(meaning(403, PAGE))


@pytest.mark.parametrize("headers", [{"retry_after": "60"}, {"x_ratelimit_remaining": "0"}])
def test_a_403_that_says_when_to_come_back_is_a_rate_limit(headers: dict[str, str]):
    assert isinstance(meaning(403, {"message": "Forbidden"}, **headers), TransientError)


def test_a_rate_limit_names_the_wait_github_asks_for():
    assert "wait 60 s" in str(meaning(403, {"message": "Forbidden"}, retry_after="60"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 451])
def test_a_refusal_calls_a_person(status: int):
    assert isinstance(meaning(status, {"message": "No"}), PermanentError)


def test_a_wrong_token_is_told_by_its_variable():
    assert "$GITHUB_TOKEN" in str(meaning(401, {"message": "Bad credentials"}))


def test_a_missing_permission_is_named_as_github_names_it():
    said = str(meaning(403, {"message": "Resource not accessible"}, X_Accepted_GitHub_Permissions="contents=write"))
    assert "This request needs: contents=write" in said


def test_a_missing_permission_comes_with_all_that_the_pipeline_needs():
    said = str(meaning(403, {"message": "Resource not accessible"}))
    assert "contents, pull requests and issues: write, metadata: read" in said


def test_scopes_of_a_classic_token_are_named():
    said = str(meaning(404, {"message": "Not Found"}, X_Accepted_OAuth_Scopes="repo", X_OAuth_Scopes="gist"))
    assert "Scopes this request accepts: repo. Scopes there are: gist." in said


def test_single_sign_on_is_told_from_a_missing_permission():
    said = str(meaning(403, {"message": "Resource protected"}, X_GitHub_SSO="required; url=https://github.com/sso"))
    assert "single sign-on" in said


def test_an_archived_repository_is_told_from_a_missing_permission():
    assert "archived" in str(meaning(403, {"message": "Repository was archived so is read-only."}))


def test_a_refused_field_is_told_in_githubs_words():
    errors = [{"resource": "PullRequest", "code": "custom", "message": "No commits between main and main"}]
    assert "No commits between main and main" in str(meaning(422, {"message": "Validation Failed", "errors": errors}))


def test_every_message_names_host_repository_and_what_was_attempted():
    said = str(meaning(500, {"message": "Server Error"}))
    assert said.startswith("acme/support-agent on api.github.com: could not open the pull request: ")


def test_a_header_that_cannot_be_sent_is_not_quoted():
    error = requests.exceptions.InvalidHeader("in header value: 'token s3cret'")
    assert "s3cret" not in str(FAILURES.of(error, "read"))


def test_an_untrusted_certificate_calls_a_person():
    error = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    assert isinstance(FAILURES.of(error, "read"), PermanentError)
