"""The connection to one repository on GitHub: who speaks, how patiently, and what every failure means."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from github import Auth, Github, GithubIntegration
from github.GithubException import GithubException, UnknownObjectException
from github.GithubRetry import GithubRetry
from github.Repository import Repository

from tail_pipeline.adapters.github.failures import Failures, said
from tail_pipeline.adapters.github.pace import PacedRequester, WritePace
from tail_pipeline.domain.agents import GitHubApp, GitHubHosted
from tail_pipeline.domain.errors import PermanentError, TransientError

_PER_PAGE = 100
_RETRIED = frozenset({"GET", "HEAD", "PUT", "DELETE", "PATCH"})
"""Never POST: a reply that was lost would make a second issue, comment or pull request."""

_RETRIED_STATUS = (403, 429, *range(500, 600))
"""Of the 403 only rate limits are retried; PyGithub tells them apart."""

_TOKEN = re.compile(r"[!-~]+")

Given = TypeVar("Given")


@dataclass(frozen=True)
class Patience:
    """Seconds and attempts: how long GitHub is waited for, and how much it is spared.

    GitHub asks for requests one after another and a second between writes; ten reads a second stay below its
    secondary limit of 900 points a minute.
    """

    timeout_s: int = 30
    retries: int = 4
    backoff_factor: float = 1.0
    longest_wait_s: int = 120
    secondary_limit_wait_s: float = 60
    between_requests_s: float = 0.1
    between_writes_s: float = 1.0
    reading_lasts_s: float = 60
    """How long what was asked about branches and pull requests answers further questions; a write asks anew.

    GitHub lets its own answers be kept that long (``Cache-Control: private, max-age=60``).
    """

    @classmethod
    def asked_for_by(cls, config: GitHubHosted) -> Patience:
        pause = config.seconds_between_writes
        return cls(between_requests_s=min(pause, 1) / 10, between_writes_s=pause)

    def retry(self) -> GithubRetry:
        return GithubRetry(
            total=self.retries,
            allowed_methods=_RETRIED,
            status_forcelist=list(_RETRIED_STATUS),
            backoff_factor=self.backoff_factor,
            backoff_max=self.longest_wait_s,
            retry_after_max=self.longest_wait_s,
            max_rate_limit_wait=self.longest_wait_s,
            secondary_rate_wait=self.secondary_limit_wait_s,
        )


@dataclass(frozen=True)
class Connection:
    """The repository that the configuration names, as PyGithub sees it; opened at the first use.

    All that write for the checkout in ``repo_dir`` keep one pause between writes.
    Token and key are read from the environment then. Not for several threads at once.
    """

    config: GitHubHosted
    repo_dir: Path
    patience: Patience = field(default_factory=Patience)

    @cached_property
    def repo(self) -> Repository:
        """The repository under the name it has now: one that was renamed is not asked for under its old name again.

        Raises PermanentError when it does not exist, may not be read or takes no writes.
        """
        client = self._client(self._auth())
        with self.attempting("read the repository"):
            try:
                repo = client.get_repo(self.config.name)
            except UnknownObjectException as error:
                raise PermanentError(self._failures.message("read the repository", self._not_there)) from error
            # PyGithub makes a name of the address asked for when the answer holds none; an id it cannot make up.
            self.given(repo.id, "read the repository")
            self._refuse_read_only(repo)
        pace = WritePace(self.repo_dir, self.patience.between_writes_s)
        return Repository(PacedRequester(pace, **client.requester.kwargs), repo.raw_headers, repo.raw_data)

    @property
    def name(self) -> str:
        """``owner/name``, as it is now."""
        return self.repo.full_name

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    @property
    def host(self) -> str:
        """The host of the API, without what else its URL may hold."""
        url = urlsplit(self.config.base_url)
        return f"{url.hostname}:{url.port}" if url.port else f"{url.hostname}"

    @contextmanager
    def attempting(self, what: str) -> Iterator[None]:
        """Whatever PyGithub raises inside becomes TransientError or PermanentError.

        ``what`` completes "could not …", such as "open the pull request of tail-miner/2026-W17". A status that means
        something there (409, 422) is caught inside.
        """
        try:
            yield
        except Exception as error:
            ours = self._failures.of(error, what)
            if ours is None:
                raise
            # An error of ``requests`` about a header quotes it, and with it the token.
            raise ours from (None if isinstance(error, ValueError) else error)

    def given(self, value: Given | None, what: str) -> Given:
        """The value, which an answer must hold.

        Raises TransientError without it: PyGithub takes a redirect or a proxy's page for an answer with nothing in it.
        """
        if value is None:
            why = "the answer was not what GitHub answers (a redirect, or a proxy's page); run again"
            raise TransientError(self._failures.message(what, why))
        return value

    def refusal(self, error: GithubException) -> str | None:
        """GitHub's words where it would refuse the same request again; None where waiting may help."""
        if isinstance(self._failures.of(error, "ask"), TransientError):
            return None
        return said(error.data) or f"HTTP {error.status}"

    @property
    def _credential(self) -> str:
        """The environment variable that holds the token or the key."""
        return self.config.app.private_key_env if self.config.app else self.config.token_env

    @cached_property
    def _failures(self) -> Failures:
        return Failures(host=self.host, repository=self.config.name, credential=self._credential)

    @property
    def _not_there(self) -> str:
        holder = "the App" if self.config.app else f"the token in ${self.config.token_env}"
        return f"it does not exist, or {holder} may not see it; check repository.name in eval/agents.yaml and {holder}"

    def _refuse_read_only(self, repo: Repository) -> None:
        for state, is_so in (("archived", repo.archived), ("disabled", repo.raw_data.get("disabled"))):
            if is_so:
                why = f"the repository is {state} and takes no writes; name another one in eval/agents.yaml"
                raise PermanentError(self._failures.message("work in the repository", why))

    def _client(self, auth: Auth.Auth) -> Github:
        return Github(
            auth=auth,
            base_url=self.config.base_url.rstrip("/"),
            timeout=self.patience.timeout_s,
            user_agent=f"tail-pipeline/{version('tail-pipeline')}",
            per_page=_PER_PAGE,
            retry=self.patience.retry(),
            seconds_between_requests=self.patience.between_requests_s,
            seconds_between_writes=0,
        )

    def _auth(self) -> Auth.Auth:
        if self.config.app:
            return self._app_auth(self.config.app)
        token = self._secret(self.config.token_env)
        if not _TOKEN.fullmatch(token):
            why = f"the token in ${self.config.token_env} holds characters that no token has; set it again"
            raise PermanentError(self._failures.message("sign in", why))
        return Auth.Token(token)

    def _app_auth(self, app: GitHubApp) -> Auth.Auth:
        # Environments without line breaks hold a key with "\n" written out.
        auth = Auth.AppAuth(app.id, self._secret(app.private_key_env).replace("\\n", "\n"))
        try:
            auth.create_jwt()
        except Exception:  # noqa: BLE001 - whatever the cryptography says may quote the key
            why = f"${app.private_key_env} does not hold a private key in PEM; set it to the App's key"
            raise PermanentError(self._failures.message("sign in as the App", why)) from None
        return auth.get_installation_auth(app.installation_id or self._installation(auth))

    def _installation(self, auth: Auth.AppAuth) -> int:
        what = "find the App's installation"
        with self.attempting(what):
            requester = self._client(auth).requester
            try:
                found = GithubIntegration(**requester.kwargs).get_repo_installation(*self.config.name.split("/"))
            except UnknownObjectException as error:
                why = "the App is not installed on the repository, or the repository does not exist; install the App"
                raise PermanentError(self._failures.message(what, why)) from error
            return self.given(found.id, what)

    def _secret(self, variable: str) -> str:
        value = os.environ.get(variable, "").strip()
        if not value:
            why = f"the environment variable {variable} is not set"
            raise PermanentError(
                self._failures.message(
                    "sign in", f"{why}; set it, or name another under repository: in eval/agents.yaml"
                )
            )
        return value
