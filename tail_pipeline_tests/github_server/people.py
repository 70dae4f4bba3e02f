"""People who work in the repository by hand, past the API: commits, merges, settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tail_pipeline_tests.github_server.git_store import NO_OBJECT
from tail_pipeline_tests.github_server.merging import merge
from tail_pipeline_tests.github_server.records import Account, Comment, Issue, Label, Review
from tail_pipeline_tests.github_server.repository import HostedRepository, Protection
from tail_pipeline_tests.github_server.routes_issues import add_comment
from tail_pipeline_tests.github_server.routes_pulls import add_review, set_state


@dataclass(frozen=True)
class Person:
    """What somebody does; every method raises AssertionError where there is nothing to do it on."""

    repository: HostedRepository
    account: Account

    # Commits

    def push(
        self, branch: str, files: Mapping[str, str | None], *, message: str = "Review", old: str | None = None
    ) -> str:
        """The sha of a new commit on a branch; a file of None is taken away. With ``old`` all zeros, the branch is new."""
        with self.repository.lock:
            parent = None if old == NO_OBJECT else self.head(branch)
            return self._commit(branch, files, message, [parent] if parent else [], parent)

    def amend(self, branch: str, files: Mapping[str, str | None], *, message: str | None = None) -> str:
        """Another commit in place of the last one, force-pushed."""
        with self.repository.lock:
            last = self.repository.git.commit(f"refs/heads/{branch}")
            assert last is not None, branch
            return self._commit(branch, files, message or last.message, list(last.parents), last.sha)

    def squash(self, branch: str, *, onto: str = "main", message: str = "Squashed") -> str:
        """One commit in place of all that the branch has over another, force-pushed."""
        with self.repository.lock:
            head = self.head(branch)
            base = self.repository.git.merge_base(self.head(onto), head)
            return self._commit(branch, {}, message, [base] if base else [], head)

    def branch(self, name: str, *, of: str = "main") -> str:
        """A new branch where another one is."""
        with self.repository.lock:
            sha = self.head(of)
            self._move(name, sha, NO_OBJECT)
            return sha

    def force(self, branch: str, sha: str) -> None:
        """Point a branch at any commit."""
        with self.repository.lock:
            self._move(branch, sha, None)

    def delete_branch(self, name: str) -> None:
        with self.repository.lock:
            self.repository.git.delete_ref(f"refs/heads/{name}")
            self.repository.settle()

    def head(self, branch: str) -> str:
        sha = self.repository.git.ref(f"refs/heads/{branch}")
        assert sha is not None, f"there is no branch {branch}"
        return sha

    def read(self, branch: str, path: str) -> str | None:
        """The text of a file on a branch; None when it is not there."""
        content = self.repository.git.blob(f"refs/heads/{branch}:{path}")
        return None if content is None else content.decode()

    def _commit(
        self, branch: str, files: Mapping[str, str | None], message: str, parents: list[str], old: str | None
    ) -> str:
        git = self.repository.git
        blobs = {path: None if text is None else git.write_blob(text.encode()) for path, text in files.items()}
        tree = git.write_tree(old, [("100644", path, sha) for path, sha in blobs.items()])
        sha = git.write_commit(tree, parents, message, self.repository.identity(self.account))
        self._move(branch, sha, old or NO_OBJECT)
        return sha

    def _move(self, branch: str, sha: str, old: str | None) -> None:
        self.repository.git.update_ref(f"refs/heads/{branch}", sha, old)
        self.repository.settle()

    # Pull requests and issues

    def issue(self, number: int) -> Issue:
        """An issue or pull request as it is now."""
        with self.repository.lock:
            self.repository.settle()
            found = self.repository.issue(number)
            assert found is not None, f"there is no number {number}"
            return found

    def merge(self, number: int, method: str = "merge", *, delete_branch: bool = False) -> str:
        """The commit the base is at after the merge."""
        with self.repository.lock:
            issue = self.issue(number)
            assert issue.pull is not None
            sha = merge(self.repository, issue, self.account, method)
            if delete_branch:
                self.delete_branch(issue.pull.head)
            self.repository.settle()
            return sha

    def close(self, number: int) -> None:
        with self.repository.lock:
            set_state(self.repository, self.issue(number), self.account, "closed")

    def reopen(self, number: int) -> None:
        with self.repository.lock:
            set_state(self.repository, self.issue(number), self.account, "open")

    def edit(self, number: int, *, body: str | None = None, title: str | None = None) -> None:
        with self.repository.lock:
            issue = self.issue(number)
            issue.body = issue.body if body is None else body
            issue.title = issue.title if title is None else title
            self.repository.touch(issue)

    def comment(self, number: int, body: str) -> Comment:
        with self.repository.lock:
            return add_comment(self.repository, self.issue(number), self.account, body)

    def review(self, number: int, state: str = "APPROVED", body: str = "") -> Review:
        with self.repository.lock:
            return add_review(self.repository, self.issue(number), self.account, state, body)

    def open_issue(self, title: str, body: str = "", *, labels: tuple[str, ...] = ()) -> Issue:
        with self.repository.lock:
            issue = self.repository.add_issue(self.account, title, body)
            issue.labels = self.repository.labelled(list(labels))
            return issue

    # Settings

    def add_label(self, name: str, color: str = "ededed") -> Label:
        with self.repository.lock:
            return self.repository.label(name) or self.repository.add_label(name, color)

    def protect(self, branch: str = "main", by: Protection = "classic") -> None:
        self.repository.protected[branch] = by

    def unprotect(self, branch: str = "main") -> None:
        self.repository.protected.pop(branch, None)

    def rename(self, name: str) -> None:
        """The old name goes on leading here."""
        with self.repository.lock:
            self.repository.former_names.add(self.repository.name)
            self.repository.name = name
