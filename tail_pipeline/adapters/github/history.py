"""What GitHub tells of a repository's commits, branches and pull requests, read as few times as possible."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from posixpath import dirname
from typing import Any, TypeVar

from github.ContentFile import ContentFile
from github.GithubException import GithubException, UnknownObjectException
from github.GitRef import GitRef
from github.GitTree import GitTree
from github.PullRequest import PullRequest

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.immutable import ImmutableAnswers
from tail_pipeline.adapters.tail_branches import HEADS, PUBLISHED
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import BranchState

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_OF_A_WEEK = re.compile(r"/\d{4}-W\d{2}(?:\.\d+)?$")
_MAX_LISTED = 1000
"""Where the contents API cuts a directory."""

_MAX_COMPARED = 300
"""Where a comparison cuts its list of files."""

Answer = TypeVar("Answer")

_RANK = {BranchState.OPEN: 0, BranchState.MERGED: 1, BranchState.CLOSED: 2}


@dataclass(frozen=True)
class GitHubHistory:
    """One reading of the repository: branches and pull requests are asked for once and stay as they were found.

    What comes from a commit's hash is kept in ``immutable`` across readings.
    """

    api: Connection
    immutable: ImmutableAnswers
    _refs: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    _empty: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)
    _pull_requests: dict[str, list[PullRequest]] = field(default_factory=dict, repr=False)
    _began: float = field(default_factory=time.monotonic, repr=False)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._began

    def for_publishing(self, branch: str) -> GitHubHistory:
        """This reading, of the same age, but for the heads of the segment's branches and this one's pull requests.

        What people can have changed on the branch is asked anew. The base branch may be taken where it was.
        """
        self.base()
        refs = {beginning: dict(known) for beginning, known in self._refs.items()}
        refs = {beginning: known for beginning, known in refs.items() if not f"{HEADS}{branch}".startswith(beginning)}
        pull_requests = {name: known for name, known in self._pull_requests.items() if name != branch}
        return GitHubHistory(self.api, self.immutable, refs, self._empty, pull_requests, self._began)

    def learn_ref(self, ref: str, commit: str) -> None:
        """A reference that this process has just made or moved."""
        for beginning, known in self._refs.items():
            if ref.startswith(beginning):
                known[ref] = commit

    def learn_commit(self, commit: str, message: str, *, parent: str, path: str, text: str) -> None:
        """A commit that this process has just made on top of ``parent``: one file changed, so all of it is known."""
        content = text.encode(errors="surrogateescape")
        blob = hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
        self.immutable.keep(("blob", blob), text)
        files = self.files_in(parent, dirname(path)) | {path: blob}
        self.immutable.keep(("files", commit, dirname(path)), files)
        self.immutable.keep(("commits", commit, path), [*self._commits(path, parent), (commit, message)])
        base = self.base()
        if fork := self.merge_base(parent, base):
            self.immutable.keep(("merge_base", *sorted((commit, base))), fork)

    def forget_pull_requests(self, branch: str) -> None:
        """One was just opened or written to."""
        self._pull_requests.pop(branch, None)

    def base(self) -> str:
        branch = self.api.config.base_branch
        head = self.heads(branch).get(branch)
        if head is None:
            raise PermanentError(
                f"{self.api.name} on {self.api.host} has no branch '{branch}' with a commit; "
                "push eval/ there, or set repository.base_branch in eval/agents.yaml"
            )
        return head

    def heads(self, pattern: str) -> dict[str, str]:
        return self._matching(HEADS, pattern)

    def published(self, pattern: str) -> dict[str, str]:
        return self._matching(PUBLISHED, pattern)

    def files_in(self, commit: str, directory: str) -> dict[str, str]:
        def ask() -> dict[str, str]:
            with self.api.attempting(f"list {directory or 'the top directory'} at {commit}"):
                return self._listed(commit, directory)

        return dict(self._once(("files", commit, directory), ask))

    def blob(self, sha: str, path: str) -> str:
        def ask() -> str:
            what = f"read {path}"
            with self.api.attempting(what):
                content = base64.b64decode(self.api.given(self.api.repo.get_git_blob(sha).content, what))
            return content.decode(errors="surrogateescape")

        return str(self._once(("blob", sha), ask))

    def commits_of(self, path: str, reachable: Sequence[str], but_not: Sequence[str]) -> list[tuple[str, str]]:
        """What ``git log reachable ^but_not -- path`` lists, oldest first.

        GitHub lists the history of one commit only: each is asked for once, and what the others have is taken away.
        """
        excluded = {commit for start in but_not for commit, _ in self._commits(path, start)}
        found: dict[str, str] = {}
        for start in reachable:
            found |= {commit: message for commit, message in self._commits(path, start) if commit not in found}
        return [(commit, message) for commit, message in found.items() if commit not in excluded]

    def merge_base(self, left: str, right: str) -> str | None:
        if left == right:
            return left
        found: str = self._once(("merge_base", *sorted((left, right))), partial(self._merge_base, left, right))
        return found or None

    def changed_between(self, old: str, new: str) -> frozenset[str] | None:
        """The files that differ between a commit and one after it.

        None when the old one is gone or is no ancestor, or when GitHub cut the list.
        """
        if old == new:
            return frozenset()
        if not _COMMIT.fullmatch(old):
            return None
        what = f"compare {old} with {new}"
        with self.api.attempting(what):
            try:
                comparison = self.api.repo.compare(old, new, comparison_commits_per_page=1)
            except UnknownObjectException:
                return None
            files = list(self.api.given(comparison.files, what))
            if self.api.given(comparison.status, what) != "ahead" or len(files) >= _MAX_COMPARED:
                return None
            # A file that was renamed is also one that is gone from where it was.
            names = {name for file in files for name in (file.filename, file.previous_filename) if name}
        return frozenset(names)

    def pull_request_state(self, branch: str) -> BranchState | None:
        found = self.pull_request(branch)
        if found is None:
            return None
        # What was merged elsewhere is not on the base branch, and will not come there by this pull request.
        elsewhere = state_of(found) is BranchState.MERGED and not self._is_into_base(found)
        return BranchState.CLOSED if elsewhere else state_of(found)

    def pull_request(self, branch: str) -> PullRequest | None:
        """The pull request that speaks for a branch: an open one, else a merged one, else a closed one, the newest."""
        return min(self.pull_requests(branch), key=lambda one: (_RANK[state_of(one)], -one.number), default=None)

    def pull_requests(self, branch: str) -> list[PullRequest]:
        """The open pull requests of a branch into the base branch; where there is none, all it ever had.

        Those into other branches count only where none ever led into the base branch: somebody retargeted it.
        """
        ever = self._of_branch(branch)
        into_base = [one for one in ever if self._is_into_base(one)]
        return [one for one in into_base if state_of(one) is BranchState.OPEN] or into_base or ever

    def _of_branch(self, branch: str) -> list[PullRequest]:
        """Asked for branch by branch: a list of all open ones would bring the texts of other segments along."""
        if branch not in self._pull_requests:
            with self.api.attempting(f"look up the pull requests of {branch}"):
                listed = self.api.repo.get_pulls(state="all", head=f"{self.api.owner}:{branch}")
                self._pull_requests[branch] = [
                    one for one in listed if one.head.ref == branch and self._is_from_here(one)
                ]
        return self._pull_requests[branch]

    def _is_from_here(self, pull_request: PullRequest) -> bool:
        """Whether its branch is in this repository; a fork may have a branch of the same name."""
        head = self.api.given(pull_request.head, "list pull requests")
        return head.repo is not None and head.repo.full_name == self.api.name

    def _is_into_base(self, pull_request: PullRequest) -> bool:
        return self.api.given(pull_request.base, "list pull requests").ref == self.api.config.base_branch

    def _matching(self, namespace: str, pattern: str) -> dict[str, str]:
        """References by what follows the namespace; GitHub matches beginnings, the rest is done here."""
        # All of a segment's branches at once, its follow-ups as well.
        named = pattern.partition("*")[0].rstrip("/.")
        beginning = f"{namespace}{dirname(named) if _OF_A_WEEK.search(named) else named}"
        wider = next((known for known in self._refs if beginning.startswith(known)), None)
        if wider is None:
            what = f"list {beginning}*"
            with self.api.attempting(what):
                self._refs[beginning] = dict(self._named(ref, what) for ref in self._listed_refs(beginning))
        found = {name.removeprefix(namespace): sha for name, sha in self._refs[wider or beginning].items()}
        return {
            name: sha
            for name, sha in found.items()
            if fnmatchcase(name, pattern) and name.count("/") == pattern.count("/")
        }

    def _listed_refs(self, beginning: str) -> list[GitRef]:
        try:
            return list(self.api.repo.get_git_matching_refs(beginning.removeprefix("refs/")))
        except GithubException as error:
            # A repository without a single commit.
            if error.status == 409:
                return []
            raise

    def _named(self, ref: GitRef, what: str) -> tuple[str, str]:
        return self.api.given(ref.ref, what), self.api.given(ref.object, what).sha

    def _listed(self, commit: str, directory: str) -> dict[str, str]:
        try:
            listing = self.api.repo.get_contents(directory, ref=commit)
        except UnknownObjectException:
            return {}
        if not isinstance(listing, list):
            self.api.given(listing.path, f"list {directory}")
            return {}
        if len(listing) >= _MAX_LISTED:
            return self._listed_by_tree(commit, directory)
        return {one.path: one.sha for one in listing if _is_file(one)}

    def _listed_by_tree(self, commit: str, directory: str) -> dict[str, str]:
        """A directory of any size, reached part by part."""
        tree: GitTree | None = self.api.repo.get_git_tree(commit)
        for part in directory.split("/") if directory else []:
            below = (
                next((one.sha for one in tree.tree if one.path == part and one.type == "tree"), None) if tree else None
            )
            tree = self.api.repo.get_git_tree(below) if below else None
        found = tree.tree if tree else []
        return {f"{directory}/{one.path}".lstrip("/"): one.sha for one in found if one.type == "blob"}

    def _commits(self, path: str, start: str) -> list[tuple[str, str]]:
        """(commit, message) of the commits up to ``start`` that changed the file, oldest first."""

        def ask() -> list[tuple[str, str]]:
            what = f"list the commits of {path} up to {start}"
            with self.api.attempting(what):
                listed = list(self.api.repo.get_commits(sha=start, path=path))
                return [(one.sha, self.api.given(one.commit, what).message) for one in reversed(listed)]

        return [(commit, message) for commit, message in self._once(("commits", start, path), ask)]

    def _merge_base(self, left: str, right: str) -> str:
        """Empty where the two have nothing in common."""
        what = f"compare {left} with {right}"
        with self.api.attempting(what):
            try:
                comparison = self.api.repo.compare(left, right, comparison_commits_per_page=1)
            except UnknownObjectException:
                return ""
            return self.api.given(comparison.merge_base_commit, what).sha

    def _once(self, question: tuple[str, ...], ask: Callable[[], Answer]) -> Answer:
        """What hangs on a commit's or a blob's hash, asked for once.

        An empty answer lasts for this reading only: "not there" may come from a replica that has not caught up.
        """
        known: Answer | None = self._empty.get(question, self.immutable.get(question))
        if known is not None:
            return known
        found = ask()
        if found:
            self.immutable.keep(question, found)
        else:
            self._empty[question] = found
        return found


def state_of(pull_request: PullRequest) -> BranchState:
    if pull_request.state == "open":
        return BranchState.OPEN
    return BranchState.CLOSED if pull_request.merged_at is None else BranchState.MERGED


def _is_file(entry: ContentFile) -> bool:
    return entry.type in ("file", "symlink")
