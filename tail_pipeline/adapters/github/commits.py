"""Commits of one file through the Git Data API: objects first, then a reference moved only from where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from github.GithubException import GithubException
from github.GitRef import GitRef
from github.InputGitTreeElement import InputGitTreeElement

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.tail_branches import HEADS, with_trailer
from tail_pipeline.domain.errors import TransientError


@dataclass(frozen=True)
class Commits:
    """Writes commits to one repository."""

    api: Connection

    def of_file(self, path: str, text: str, message: str, *, parents: Sequence[str], onto: str) -> str:
        """A new commit, on no branch yet: the tree of commit ``onto`` with one file put in place.

        Without an author of its own, so that GitHub signs what an App commits.
        """
        what = f"commit {path}"
        with self.api.attempting(what):
            repo = self.api.repo
            known = {sha: repo.get_git_commit(sha) for sha in dict.fromkeys((*parents, onto))}
            element = InputGitTreeElement(path=path, mode="100644", type="blob", content=text)
            tree = repo.create_git_tree([element], base_tree=self.api.given(known[onto].tree, what))
            self.api.given(tree.sha, what)
            commit = repo.create_git_commit(with_trailer(message, text), tree, [known[parent] for parent in parents])
            return self.api.given(commit.sha, what)

    def create(self, ref: str, commit: str) -> None:
        """Make a reference; raises TransientError when somebody else just did."""
        with self.api.attempting(f"create {ref}"):
            try:
                made = self.api.repo.create_git_ref(ref, commit)
            except GithubException as error:
                if error.status == 422 and "already exists" in str(error):
                    raise _moved(ref) from error
                raise
            self.api.given(made.object, f"create {ref}")

    def move(self, branch: str, commit: str) -> None:
        """Move a branch forward to a commit; raises TransientError when it is not where the commit comes from."""
        with self.api.attempting(f"move {branch}"):
            try:
                self.move_unguarded(branch, commit)
            except GithubException as error:
                if is_not_forward(error):
                    raise _moved(f"{HEADS}{branch}") from error
                raise

    def move_unguarded(self, branch: str, commit: str) -> None:
        """Like ``move``, for a caller to whom GitHub's refusals mean something."""
        repo = self.api.repo
        ref = GitRef(repo.requester, {}, {"url": f"{repo.url}/git/refs/heads/{quote(branch)}"}, completed=True)
        ref.edit(commit, force=False)
        self.api.given(ref.object, f"move {branch}")


def is_not_forward(error: GithubException) -> bool:
    """Whether a branch was elsewhere than the commit it was to be moved to comes from, or nowhere at all."""
    return error.status in (409, 422) and any(
        words in str(error) for words in ("not a fast forward", "Reference does not exist")
    )


def _moved(ref: str) -> TransientError:
    return TransientError(f"{ref} moved while it was being written; run again")
