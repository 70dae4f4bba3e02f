"""How a week's branch stands and what its file once was, read from commits; the same rules for every provider.

Branches are amended, squashed, rebased and deleted by people. What the pipeline published is therefore kept under
references of its own, out of their reach: no case id is given out twice, and nothing that was deleted comes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from posixpath import dirname
from typing import Protocol

from tail_pipeline.domain.ports import BranchState, StoredFile, TailBranch
from tail_pipeline.domain.promotion import promotion_branch
from tail_pipeline.domain.pull_request import branch_of
from tail_pipeline.domain.review import FileVersion, case_ids

TRAILER = "Tail-Miner"
"""Marks a commit of ours, with the fingerprint of the file it wrote."""

PUBLISHED = "refs/published/"
"""What was published on each branch, numbered from 000001 on."""


HEADS = "refs/heads/"


class GitHistory(Protocol):
    """What a provider tells of the commits of a repository; a commit is its full hash."""

    def base(self) -> str:
        """The commit the base branch is at; raises PermanentError when there is none."""
        ...

    def heads(self, pattern: str) -> dict[str, str]:
        """Branch name → commit of the branches that match exactly; ``*`` stays within one part of a name."""
        ...

    def published(self, pattern: str) -> dict[str, str]:
        """``<branch>/<number>`` → commit of the references under ``PUBLISHED``, matched like ``heads``."""
        ...

    def files_in(self, commit: str, directory: str) -> dict[str, str]:
        """Path → blob of the files directly in a directory; empty when it is not there."""
        ...

    def blob(self, sha: str, path: str) -> str:
        """Text of a blob of ``path``, its line ends as they are; bytes that are not UTF-8 as lone surrogates.

        ``bytes.decode(errors="surrogateescape")`` gives them: a state that somebody broke and repaired again must not
        stand in the way for good, and whoever parses the newest one names its line.
        """
        ...

    def commits_of(self, path: str, reachable: Sequence[str], but_not: Sequence[str]) -> list[tuple[str, str]]:
        """(commit, message) of the commits that changed the file, oldest first."""
        ...

    def merge_base(self, left: str, right: str) -> str | None:
        """Where two histories part; None when they have nothing in common."""
        ...

    def pull_request_state(self, branch: str) -> BranchState | None:
        """What became of the branch's pull request (open, merged or closed); None when the provider knows of none."""
        ...


@dataclass(frozen=True)
class TailBranches:
    """Tail files and tail branches of one repository."""

    history: GitHistory

    def file_at(self, commit: str, path: str) -> str | None:
        sha = self.history.files_in(commit, dirname(path)).get(path)
        return None if sha is None else self.history.blob(sha, path)

    def tail_files(self, tail_dir: str) -> list[StoredFile]:
        """What ``Repository.tail_files`` promises."""
        base = self.history.base()
        on_base = {
            path: StoredFile(path, self.history.blob(sha, path), None) for path, sha in self._yaml_in(base, tail_dir)
        }
        week_branches = branch_of(f"{tail_dir}/*.yaml")
        branches = self.history.heads(week_branches)
        published = self.history.published(f"{week_branches}/*")
        last = {number.rpartition("/")[0]: commit for number, commit in sorted(published.items())}
        deleted = {name: commit for name, commit in last.items() if name not in branches}
        unmerged = [*self._unmerged(branches, tail_dir, on_base), *self._deleted(deleted, tail_dir, on_base)]
        weeks = {f"{tail_dir}/{name.rpartition('/')[2].partition('.')[0]}.yaml" for name in (*branches, *last)}
        taken_back = self._taken_back(weeks - on_base.keys(), base, branches)
        return [*on_base.values(), *(file for file in unmerged if file.path not in taken_back), *taken_back.values()]

    def _unmerged(
        self, branches: Mapping[str, str], tail_dir: str, on_base: Mapping[str, StoredFile]
    ) -> Iterator[StoredFile]:
        """The files that branches have otherwise than the base; abandoned where their pull request was closed."""
        for name, commit in branches.items():
            if self._is_ancestor(commit, self.history.base()):
                continue
            decision = self.history.pull_request_state(name)
            if decision is BranchState.MERGED:
                continue
            for file in self._own_files(name, commit, tail_dir, abandoned=decision is BranchState.CLOSED):
                if file.path not in on_base or on_base[file.path].text != file.text:
                    yield file

    def _deleted(
        self, deleted: Mapping[str, str], tail_dir: str, on_base: Mapping[str, StoredFile]
    ) -> Iterator[StoredFile]:
        """What was last published on branches that are gone and that nobody merged."""
        on_main = {branch_of(path) for path in on_base}
        for name, commit in deleted.items():
            if name in on_main:
                continue
            for file in self._own_files(name, commit, tail_dir, abandoned=True):
                if self.tail_branch(name, file.path).state is BranchState.CLOSED:
                    yield file

    def _taken_back(self, paths: AbstractSet[str], base: str, branches: Mapping[str, str]) -> dict[str, StoredFile]:
        """Files the base branch held and holds no more: somebody reverted their merge, or deleted them.

        The branch is then an ancestor of the base, or its pull request merged, so nothing else tells of them.
        """
        found = {}
        for path in sorted(paths):
            name = branch_of(path)
            if name in branches and self.history.pull_request_state(name) is BranchState.OPEN:
                continue
            texts = [version.text for version in self._versions(path, [base]) if version.text]
            if texts:
                found[path] = StoredFile(path, texts[-1], name, abandoned=True)
        return found

    def tail_branch(self, name: str, path: str) -> TailBranch:
        """What ``Repository.tail_branch`` promises."""
        base = self.history.base()
        merged = [replace(version, merged=True) for version in self._versions(path, [base]) if version.text]
        head = self.history.heads(name).get(name)
        if merged and self.file_at(base, path) is None:
            return TailBranch(name, BranchState.CLOSED, head, tuple(merged))
        first = branch_of(path)
        kept = [*self.kept(first), *self.kept(f"{first}.*")]
        # What a reviewer amended, squashed or reset away is still what the file once was.
        lost = self._versions(path, kept, [base, *([head] if head else [])]) if kept else []
        own = self._versions(path, [head], [base]) if head else []
        versions = (*lost, *merged, *own)
        decision = self.history.pull_request_state(name)
        if head is None:
            # A pull request that is said to be open although its branch is gone is about to be closed.
            gone = BranchState.CLOSED if decision is BranchState.OPEN else decision
            state = gone or self._state_without_branch(name, path, merged)
            return TailBranch(name, state, None, versions if merged else ())
        if decision in (BranchState.MERGED, BranchState.CLOSED):
            return TailBranch(name, decision, head, versions)
        if self._is_ancestor(head, base):
            state = BranchState.MERGED if merged else BranchState.CLOSED
        else:
            text = self.file_at(head, path)
            state = BranchState.MERGED if any(version.text == text for version in merged) else BranchState.OPEN
        return TailBranch(name, state, head, versions)

    def references(self, tail_dirs: Sequence[str]) -> dict[str, str]:
        """Reference → commit: every branch of the weeks and promotions of these directories, and what was published."""
        found: dict[str, str] = {}
        for tail_dir in tail_dirs:
            weeks = f"{tail_dir}/*.yaml"
            for branches in (branch_of(weeks), promotion_branch(weeks)):
                found |= {f"{HEADS}{name}": commit for name, commit in self.history.heads(branches).items()}
            kept = self.history.published(f"{branch_of(weeks)}/*")
            found |= {f"{PUBLISHED}{name}": commit for name, commit in kept.items()}
        return dict(sorted(found.items()))

    def kept(self, branch: str) -> list[str]:
        """Every commit that was published on a branch, oldest first."""
        return [commit for _, commit in sorted(self.history.published(f"{branch}/*").items())]

    def ours(self, path: str, head: str) -> list[str]:
        """The commits of ours that changed the file on a branch since it left the base, oldest first."""
        commits = self.history.commits_of(path, [head], [self.history.base()])
        return [commit for commit, message in commits if is_ours(message, self.file_at(commit, path) or "")]

    def _own_files(self, name: str, commit: str, tail_dir: str, *, abandoned: bool) -> list[StoredFile]:
        """The tail files a branch added or changed since it left the base."""
        fork = self.history.merge_base(self.history.base(), commit)
        before = dict(self._yaml_in(fork, tail_dir)) if fork else {}
        return [
            StoredFile(path, self.history.blob(sha, path), name, abandoned=abandoned)
            for path, sha in self._yaml_in(commit, tail_dir)
            if before.get(path) != sha
        ]

    def _yaml_in(self, commit: str, directory: str) -> list[tuple[str, str]]:
        """(path, blob) of the YAML files directly in a directory."""
        files = self.history.files_in(commit, directory)
        return [(path, sha) for path, sha in sorted(files.items()) if path.endswith(".yaml")]

    def _versions(self, path: str, reachable: Sequence[str], but_not: Sequence[str] = ()) -> list[FileVersion]:
        """What each commit made of the file, oldest first."""
        versions = []
        for commit, message in self.history.commits_of(path, reachable, but_not):
            text = self.file_at(commit, path) or ""
            versions.append(FileVersion(text, ours=is_ours(message, text)))
        return versions

    def _state_without_branch(self, name: str, path: str, merged: list[FileVersion]) -> BranchState:
        """A branch that is gone was merged when the base once held a case that was new on it; else somebody deleted it."""
        if merged and name == branch_of(path):
            return BranchState.MERGED
        published = self.kept(name)
        if not published:
            return BranchState.ABSENT
        kept = published[-1]
        fork = self.history.merge_base(kept, self.history.base())
        before = case_ids(self.file_at(fork, path) or "") if fork else set()
        text = self.file_at(kept, path) or ""
        new = case_ids(text) - before
        was_merged = kept == fork or any(new & case_ids(version.text) or version.text == text for version in merged)
        return BranchState.MERGED if was_merged else BranchState.CLOSED

    def _is_ancestor(self, commit: str, of: str) -> bool:
        return self.history.merge_base(commit, of) == commit


def fingerprint(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()}"


def with_trailer(message: str, text: str) -> str:
    """The message of a commit of ours that writes ``text``."""
    return f"{message}\n\n{TRAILER}: {fingerprint(text)}\n"


def carries_trailer(message: str) -> bool:
    """Whether a commit was ours once; whoever amends it keeps its message."""
    return bool(_trailers(message))


def is_ours(message: str, text: str) -> bool:
    """Whether the pipeline wrote these very bytes: an amended commit keeps the message it had."""
    return _trailers(message) == [fingerprint(text)]


def _trailers(message: str) -> list[str]:
    """The values of our trailer, from the last paragraph of a commit message, where git looks for trailers."""
    last = message.strip().rpartition("\n\n")[2]
    return [line.partition(":")[2].strip() for line in last.splitlines() if line.startswith(f"{TRAILER}:")]
