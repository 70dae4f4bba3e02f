"""What every failure of a call to GitHub means: whether waiting helps, and what a person has to do."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from github.GithubException import GithubException, IncompletableObject, RateLimitExceededException
from requests import RequestException
from requests.exceptions import InvalidHeader, InvalidProxyURL, InvalidURL

from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError

NEEDED = "contents, pull requests and issues: write, metadata: read"
"""What the pipeline does with a repository, in the terms of fine-grained tokens and Apps."""

_NEEDED_CLASSIC = "repo (public_repo for a public repository)"
_MAX_SAID = 300


@dataclass(frozen=True)
class Failures:
    """The failures of one repository on one host; ``credential`` is the environment variable of token or key."""

    host: str
    repository: str
    credential: str

    def message(self, what: str, why: str) -> str:
        return f"{self.repository} on {self.host}: could not {what}: {why}"

    def of(self, error: Exception, what: str) -> TailPipelineError | None:
        """What an error raised while attempting ``what`` means; None for one that is not GitHub's doing."""
        match error:
            case TailPipelineError():
                return None
            case IncompletableObject():
                # PyGithub takes the keys of a page or of a redirect for the items of a list.
                return self._unreadable(error, what)
            case GithubException():
                return self._answer(error, what)
            case RequestException():
                return self._no_answer(error, what)
        if not _raised_by_pygithub(error):
            return None
        if isinstance(error, RuntimeError) and "base_url" in str(error):
            why = "GitHub answers at another address; correct repository.base_url in eval/agents.yaml"
            return PermanentError(self.message(what, why))
        return self._unreadable(error, what)

    def _unreadable(self, error: Exception, what: str) -> TailPipelineError:
        return TransientError(self.message(what, f"the answer could not be read ({type(error).__name__}); run again"))

    def _answer(self, error: GithubException, what: str) -> TailPipelineError:
        """What an answer with an error status means."""
        headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
        said = _said(error.data)
        status = f"HTTP {error.status}{f', {said}' if said else ''}"
        if _is_rate_limit(error, headers):
            wait = headers.get("retry-after")
            after = f"; GitHub asks to wait {wait} s" if wait and wait.isdecimal() else ""
            return TransientError(self.message(what, f"the rate limit is exceeded ({status}){after}; run again later"))
        if _is_page(error.data):
            why = f"HTTP {error.status} with a page in place of data; a proxy or an outage stands between; run again"
            return TransientError(self.message(what, why))
        if error.status >= 500 or error.status in (408, 409):
            return TransientError(self.message(what, f"{status}; run again"))
        return PermanentError(self.message(what, self._refusal(error.status, status, headers)))

    def _refusal(self, code: int, status: str, headers: Mapping[str, str]) -> str:
        if code == 401:
            return f"{status}; what ${self.credential} holds is wrong, expired or revoked; set it anew"
        if "x-github-sso" in headers:
            return f"{status}; authorize what ${self.credential} holds for single sign-on of the organization"
        if code == 403 and "archived" in status:
            return f"{status}; the repository is archived and takes no writes; name another one in eval/agents.yaml"
        if code in (403, 404):
            reason = "it is not there, or " if code == 404 else ""
            return f"{status}; {reason}what ${self.credential} holds lacks a permission. {_permissions(headers)}"
        return f"{status}; the same request would be refused again"

    def _no_answer(self, error: RequestException, what: str) -> TailPipelineError:
        if isinstance(error, InvalidHeader):
            why = f"what ${self.credential} holds cannot be sent; set it anew"
            return PermanentError(self.message(what, why))
        if isinstance(error, InvalidURL | InvalidProxyURL):
            why = "the address is wrong; correct repository.base_url in eval/agents.yaml or the proxy"
            return PermanentError(self.message(what, why))
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            why = "the certificate is not trusted; point REQUESTS_CA_BUNDLE to the authority that signed it"
            return PermanentError(self.message(what, why))
        reason = getattr(error.args[0], "reason", None) if error.args else None
        return TransientError(self.message(what, f"no answer ({_cut(str(reason or error))}); run again"))


def _permissions(headers: Mapping[str, str]) -> str:
    """What GitHub says it would accept, and what this pipeline needs in all."""
    told = [
        f"{label}: {headers[name]}."
        for name, label in (
            ("x-accepted-github-permissions", "This request needs"),
            ("x-accepted-oauth-scopes", "Scopes this request accepts"),
            ("x-oauth-scopes", "Scopes there are"),
        )
        if headers.get(name)
    ]
    return " ".join([*told, f"The pipeline needs {NEEDED}; of a classic token, the scope {_NEEDED_CLASSIC}"])


def _is_rate_limit(error: GithubException, headers: Mapping[str, str]) -> bool:
    """403 or 429 that says, in words or in headers, to come back later."""
    if error.status == 429 or isinstance(error, RateLimitExceededException):
        return True
    return error.status == 403 and ("retry-after" in headers or headers.get("x-ratelimit-remaining") == "0")


def _is_page(data: Any) -> bool:
    """Whether the body was no JSON, which is how GitHub answers; PyGithub then keeps the text under ``data``."""
    return isinstance(data, str | bytes) or (isinstance(data, dict) and data.keys() == {"data"})


def _said(data: Any) -> str:
    """GitHub's own words: the message, and what is wrong with each field."""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    found = [data.get("message"), *(errors if isinstance(errors, list) else [errors])]
    words = [str(one.get("message") or one) if isinstance(one, dict) else str(one) for one in found if one]
    return _cut(": ".join(words))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SAID else f"{line[:_MAX_SAID]}…"


def _raised_by_pygithub(error: Exception) -> bool:
    """Whether PyGithub could not cope with an answer: a body of another shape ends in whatever its code meets first."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(str(frame.f_globals.get("__name__", "")).startswith("github.") for frame, _ in frames)
