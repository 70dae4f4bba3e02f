"""Where reviews happen, as both providers have it: a repository, and what people do in it past the pipeline."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, Self

import pytest

from tail_pipeline.adapters.github.connection import Patience
from tail_pipeline.adapters.github.repository import GitHubRepository
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.domain.agents import GitHubHosted
from tail_pipeline.domain.ports import Repository
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.github_server.server import TOKEN, GitHubServer

Method = Literal["rebase", "merge", "squash"]
METHODS: tuple[Method, ...] = ("rebase", "merge", "squash")
NO_WAIT = Patience(
    timeout_s=1,
    backoff_factor=0,
    longest_wait_s=0,
    secondary_limit_wait_s=0,
    between_requests_s=0,
    between_writes_s=0,
    reading_lasts_s=0,
)
"""The product's policy of what is tried again, without its waiting; people act between any two calls, so each reads anew."""


class Place(Protocol):
    """A repository with one commit on ``main``, and a checkout that people work in by git."""

    repository: Repository

    @property
    def checkout(self) -> Path: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_error: object) -> None: ...

    def refresh(self) -> None:
        """Bring the checkout to where ``main`` is, and let the provider see what people did in it."""
        ...

    def merge(self, branch: str, method: Method, *, delete: bool) -> None:
        """Merge the branch's pull request."""
        ...

    def written(self) -> object:
        """Everything a run can write."""
        ...

    def pull_requests(self) -> list[str]:
        """The branch of every pull request there ever was."""
        ...


class LocalPlace:
    """The checkout is the repository."""

    def __init__(self, directory: Path) -> None:
        self.checkout = directory / "checkout"
        self.checkout.mkdir()
        git(self.checkout, "init", "--quiet", "--initial-branch=main")
        _introduce(self.checkout)
        (self.checkout / "README.md").write_text("An agent.\n", encoding="utf-8")
        commit_all(self.checkout, "Begin")
        self.repository: Repository = LocalGitRepository(self.checkout, "main")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing to stop."""

    def refresh(self) -> None:
        """Everybody works in the same checkout."""

    def merge(self, branch: str, method: Method, *, delete: bool) -> None:
        how = {"rebase": "--ff", "merge": "--no-ff", "squash": "--squash"}[method]
        git(self.checkout, "merge", "--quiet", "--no-edit", how, branch)
        if method == "squash":
            git(self.checkout, "commit", "--quiet", "--allow-empty", "-m", "Squashed")
        if delete:
            git(self.checkout, "branch", "--quiet", "-D", branch)

    def written(self) -> object:
        bodies = {path: path.read_bytes() for path in (self.checkout / ".tail").glob("pull_requests/**/*.md")}
        return git(self.checkout, "for-each-ref"), bodies

    def pull_requests(self) -> list[str]:
        numbers = self.checkout / ".tail" / "pull_requests" / "numbers"
        return [path.read_text(encoding="utf-8") for path in numbers.iterdir()] if numbers.exists() else []


class GitHubPlace:
    """The checkout is a work tree of the repository behind the server, so that what is done in it is pushed at once."""

    def __init__(self, directory: Path) -> None:
        self.server = GitHubServer(directory, {"README.md": "An agent.\n"})
        self._directory = directory
        self._environment = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        self.server.__enter__()
        self._environment.setenv("GITHUB_TOKEN", TOKEN)
        self.repository: Repository = self.opened()
        return self

    def __exit__(self, *_error: object) -> None:
        self._environment.undo()
        self.server.__exit__()

    @cached_property
    def checkout(self) -> Path:
        """Made at its first use: most tests need none."""
        bare, made = self.server.repository.git.path, self._directory / "checkout"
        git(bare, "worktree", "add", "--quiet", "--force", str(made), "main")
        _introduce(bare)
        return made

    def opened(self, state: str = "runner", **fields: object) -> GitHubRepository:
        """The repository as a process opens it whose checkout is ``state``."""
        settings = {"provider": "github", "name": self.server.full_name, "base_url": self.server.base_url} | fields
        return GitHubRepository(GitHubHosted.model_validate(settings), self._directory / state, NO_WAIT)

    def refresh(self) -> None:
        git(self.checkout, "checkout", "--quiet", "--force", "main")
        git(self.checkout, "reset", "--quiet", "--hard")
        with self.server.repository.lock:
            self.server.repository.settle()

    def merge(self, branch: str, method: Method, *, delete: bool) -> None:
        self.refresh()
        pulls = self.server.repository.pulls()
        number = next(one.number for one in pulls if one.pull and one.pull.head == branch and one.state == "open")
        self.server.person().merge(number, method, delete_branch=delete)
        self.refresh()

    def written(self) -> object:
        return git(self.server.repository.git.path, "for-each-ref"), repr(self.server.repository.issues)

    def pull_requests(self) -> list[str]:
        return [one.pull.head for one in self.server.repository.pulls() if one.pull]


def _introduce(repository: Path) -> None:
    git(repository, "config", "user.name", "Reviewer")
    git(repository, "config", "user.email", "reviewer@localhost")
