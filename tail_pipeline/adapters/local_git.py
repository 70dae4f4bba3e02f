"""A local git repository as the place of review: branches and commits by git, pull request bodies as Markdown files.

Git plumbing only (objects, a private index, compare-and-swap on the reference), so the work tree and the index of
whoever works in the checkout are never touched.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from tail_pipeline.adapters.state_dir import state_dir, write_atomically, write_once
from tail_pipeline.domain.alarm import Alarm
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.escalation import Escalation
from tail_pipeline.domain.issues import Issue
from tail_pipeline.domain.ports import (
    BranchState,
    Published,
    PublishedEscalation,
    PublishedPullRequest,
    StoredFile,
    TailBranch,
)
from tail_pipeline.domain.pull_request import BRANCH_PREFIX, PullRequest, branch_of
from tail_pipeline.domain.review import FileVersion, case_ids

TRAILER = "Tail-Miner"
_AUTHOR = {"NAME": "tail-miner", "EMAIL": "tail-miner@localhost"}
_TIMEOUT_S = 60
_KEPT = "refs/published/"
"""What we published on each branch, numbered, out of the reach of amending, squashing and deleting."""
_GIT_ELSEWHERE = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "OBJECT_DIRECTORY", "COMMON_DIR", "NAMESPACE", "PREFIX")
)


@dataclass(frozen=True)
class LocalGitRepository:
    """A checkout in ``repo_dir`` whose ``base_branch`` is what counts."""

    repo_dir: Path
    base_branch: str

    @property
    def name(self) -> str:
        return self.repo_dir.name

    def read(self, path: str) -> str | None:
        return self._file_at(self._base(), path)

    def tail_files(self, tail_dir: str) -> list[StoredFile]:
        base = self._base()
        found = [StoredFile(path, self._blob(sha, path), None) for path, sha in self._yaml_in(base, tail_dir)]
        on_base = {(file.path, file.text) for file in found}
        week_branches = branch_of(f"{tail_dir}/*.yaml")
        branches = self._refs(f"refs/heads/{week_branches}")
        for name, commit in branches.items():
            if not self._is_ancestor(commit, base):
                found += [
                    file for file in self._own_files(name, commit, tail_dir) if (file.path, file.text) not in on_base
                ]
        published = self._refs(f"{_KEPT}{week_branches}/*")
        last = {number.rpartition("/")[0]: commit for number, commit in sorted(published.items())}
        for name, commit in last.items():
            if name not in branches:
                found += [
                    replace(file, abandoned=True)
                    for file in self._own_files(name, commit, tail_dir)
                    if self.tail_branch(name, file.path).state is BranchState.CLOSED
                ]
        return found

    def tail_branch(self, name: str, path: str) -> TailBranch:
        base = self._base()
        merged = [replace(version, merged=True) for version in self._versions([base], path) if version.text]
        head = self._ref(name)
        if merged and self._file_at(base, path) is None:
            return TailBranch(name, BranchState.CLOSED, head, tuple(merged))
        first = branch_of(path)
        kept = [*self._kept(first), *self._kept(f"{first}.*")]
        own = [head, f"^{base}"] if head else []
        # What a reviewer amended, squashed or reset away is still what the file once was.
        lost = self._versions([*kept, f"^{base}", *([f"^{head}"] if head else [])], path) if kept else []
        versions = (*lost, *merged, *(self._versions(own, path) if own else []))
        if head is None:
            return TailBranch(name, self._state_without_branch(name, path, merged), None, versions if merged else ())
        if self._is_ancestor(head, base):
            state = BranchState.MERGED if merged else BranchState.CLOSED
        else:
            text = self._file_at(head, path)
            state = BranchState.MERGED if any(version.text == text for version in merged) else BranchState.OPEN
        return TailBranch(name, state, head, versions)

    def publish(self, pull_request: PullRequest, branch: TailBranch) -> PublishedPullRequest:
        ref = f"refs/heads/{pull_request.branch}"
        if self._ref(pull_request.branch) != branch.head:
            raise TransientError(f"branch {pull_request.branch} moved while its file was being written; run again")
        head = branch.head or self._base()
        outcome = Published.UNCHANGED
        if branch.head is None or self._file_at(head, pull_request.path) != pull_request.text:
            self._refuse_checked_out(pull_request.branch)
            commit = self._commit(pull_request, parent=head)
            try:
                old = branch.head or "0" * len(commit)
                kept = f"{_KEPT}{pull_request.branch}/{len(self._kept(pull_request.branch)) + 1:06d}"
                self._git("update-ref", "--stdin", stdin=f"update {ref} {commit} {old}\ncreate {kept} {commit}\n")
            except PermanentError as error:
                if self._ref(pull_request.branch) == branch.head:
                    raise
                raise TransientError(
                    f"branch {pull_request.branch} moved while it was being updated; run again"
                ) from error
            outcome = Published.CREATED if branch.head is None else Published.UPDATED
            head = commit
        number = self._number(pull_request.branch)
        body_path = self._body_path(pull_request.branch)
        body = _body_file(number, pull_request, self.base_branch)
        if not body_path.exists() or body_path.read_text(encoding="utf-8") != body:
            write_atomically(body_path, body)
            outcome = Published.UPDATED if outcome is Published.UNCHANGED else outcome
        return PublishedPullRequest(number, body_path.as_uri(), head, outcome)

    def escalate(self, escalation: Escalation) -> PublishedEscalation:
        path = self._state_dir() / "escalations" / f"{escalation.key}.md"
        return PublishedEscalation(path.as_uri(), created=write_once(path, _issue_file(escalation)))

    def raise_alarm(self, alarm: Alarm) -> str:
        path = self._alarm_path(alarm)
        text = _issue_file(alarm)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)
        return path.as_uri()

    def update_alarm(self, alarm: Alarm) -> str | None:
        return self.raise_alarm(alarm) if self._alarm_path(alarm).exists() else None

    def _base(self) -> str:
        head = self._ref(self.base_branch)
        if head is None:
            raise PermanentError(
                f"{self.repo_dir} has no branch '{self.base_branch}' with a commit; "
                "commit eval/ there, or set repository.base_branch in eval/agents.yaml"
            )
        return head

    def _ref(self, branch: str) -> str | None:
        return self._refs(f"refs/heads/{branch}").get(branch)

    def _kept(self, branch: str) -> list[str]:
        """Every commit we published on a branch, oldest first."""
        return [commit for _, commit in sorted(self._refs(f"{_KEPT}{branch}/*").items())]

    def _refs(self, pattern: str) -> dict[str, str]:
        """Branch name → commit of the references that match exactly; ``*`` stays within one part of a name."""
        listing = self._git("for-each-ref", "--format=%(objectname) %(refname)", pattern)
        found = (line.split(" ", 1) for line in listing.splitlines())
        named = {name.removeprefix("refs/heads/").removeprefix(_KEPT): commit for commit, name in found}
        wanted = pattern.removeprefix("refs/heads/").removeprefix(_KEPT)
        return {
            name: commit
            for name, commit in named.items()
            if fnmatchcase(name, wanted) and name.count("/") == wanted.count("/")
        }

    def _own_files(self, name: str, commit: str, tail_dir: str) -> list[StoredFile]:
        """The tail files a branch added or changed since it left the base."""
        fork = self._merge_base(self._base(), commit)
        before = dict(self._yaml_in(fork, tail_dir)) if fork else {}
        return [
            StoredFile(path, self._blob(sha, path), name)
            for path, sha in self._yaml_in(commit, tail_dir)
            if before.get(path) != sha
        ]

    def _yaml_in(self, commit: str, directory: str) -> list[tuple[str, str]]:
        """(path, blob) of the YAML files directly in a directory."""
        listing = self._git("ls-tree", "-z", commit, f"{directory}/")
        entries = [entry.partition("\t") for entry in listing.split("\0") if entry]
        return [
            (path, meta.split(" ")[2])
            for meta, _, path in entries
            if meta.split(" ")[1] == "blob" and path.endswith(".yaml")
        ]

    def _file_at(self, commit: str, path: str) -> str | None:
        listing = self._git("ls-tree", "-z", commit, path).rstrip("\0")
        return self._blob(listing.split(" ")[2].partition("\t")[0], path) if listing else None

    def _blob(self, sha: str, path: str) -> str:
        try:
            return self._git("cat-file", "blob", sha)
        except UnicodeDecodeError as error:
            raise PermanentError(f"{path} in {self.repo_dir} is not UTF-8 text; save it as UTF-8") from error

    def _versions(self, commits: list[str], path: str) -> list[FileVersion]:
        """What each commit made of the file, oldest first; ours are those whose trailer names these very bytes.

        An amended commit keeps the message it had, so the trailer alone would take a reviewer's edit for ours.
        """
        log = self._git(
            "log", "--reverse", "--topo-order", f"--format=%H %(trailers:key={TRAILER},valueonly,separator=%x2C)",
            *commits, "--", path,
        )  # fmt: skip
        versions = []
        for line in log.splitlines():
            commit, _, trailers = line.partition(" ")
            text = self._file_at(commit, path) or ""
            versions.append(FileVersion(text, ours=trailers.strip() == _fingerprint(text)))
        return versions

    def _state_without_branch(self, name: str, path: str, merged: list[FileVersion]) -> BranchState:
        """A branch that is gone was merged when the base once held a case that was new on it; else somebody deleted it."""
        if merged and name == branch_of(path):
            return BranchState.MERGED
        published = self._kept(name)
        if not published:
            return BranchState.ABSENT
        kept = published[-1]
        base = self._base()
        fork = self._merge_base(kept, base)
        before = case_ids(self._file_at(fork, path) or "") if fork else set()
        text = self._file_at(kept, path) or ""
        new = case_ids(text) - before
        was_merged = kept == fork or any(new & case_ids(version.text) or version.text == text for version in merged)
        return BranchState.MERGED if was_merged else BranchState.CLOSED

    def _is_ancestor(self, commit: str, of: str) -> bool:
        return self._merge_base(commit, of) == commit

    def _merge_base(self, left: str, right: str) -> str | None:
        """Where two histories part; None when they have nothing in common."""
        return self._git("merge-base", left, right, nothing_found=1).strip() or None

    def _refuse_checked_out(self, branch: str) -> None:
        listing = self._git("worktree", "list", "--porcelain")
        for block in listing.split("\n\n"):
            if f"branch refs/heads/{branch}" in block.splitlines():
                where = block.splitlines()[0].removeprefix("worktree ")
                raise PermanentError(
                    f"branch {branch} is checked out in {where}; switch to another branch there, then run again"
                )

    def _commit(self, pull_request: PullRequest, *, parent: str) -> str:
        # The checkout may be a folder of a larger repository; the index wants paths from its top.
        prefix = self._git("rev-parse", "--show-prefix").strip()
        blob = self._git("hash-object", "-w", "--stdin", stdin=pull_request.text).strip()
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self._git("read-tree", parent, env=index)
            self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{prefix}{pull_request.path}", env=index)
            tree = self._git("write-tree", env=index).strip()
        identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _AUTHOR.items()}
        message = f"{pull_request.commit_message}\n\n{TRAILER}: {_fingerprint(pull_request.text)}\n"
        return self._git("commit-tree", tree, "-p", parent, stdin=message, env=identity).strip()

    def _number(self, branch: str) -> int:
        """The pull request's number: the one it has, else the next free one, claimed by creating its file."""
        numbers = self._state_dir() / "pull_requests" / "numbers"
        numbers.mkdir(parents=True, exist_ok=True)
        taken = {
            int(path.name): path.read_text(encoding="utf-8") for path in numbers.iterdir() if path.name.isdecimal()
        }
        for number, name in sorted(taken.items()):
            if name == branch:
                return number
        number = max(taken, default=0)
        while True:
            number += 1
            place = numbers / str(number)
            if write_once(place, branch) or place.read_text(encoding="utf-8") == branch:
                return number

    def _body_path(self, branch: str) -> Path:
        return self._state_dir() / "pull_requests" / f"{branch.removeprefix(BRANCH_PREFIX)}.md"

    def _alarm_path(self, alarm: Alarm) -> Path:
        return self._state_dir() / "alarms" / f"{alarm.key}.md"

    def _state_dir(self) -> Path:
        return state_dir(self.repo_dir)

    def _git(
        self, *arguments: str, stdin: str | None = None, env: dict[str, str] | None = None, nothing_found: int = 0
    ) -> str:
        """Standard output; ``nothing_found`` is the exit code besides 0 that is an answer and no error."""
        try:
            done = subprocess.run(
                ["git", "-C", str(self.repo_dir), *arguments],
                input=None if stdin is None else stdin.encode(),
                capture_output=True,
                env={**_clean_environment(), **(env or {})},
                timeout=_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise PermanentError("git is not installed; the local repository provider needs it") from error
        except subprocess.TimeoutExpired as error:
            raise TransientError(f"git {arguments[0]} in {self.repo_dir} did not finish in {_TIMEOUT_S} s") from error
        if done.returncode not in (0, nothing_found):
            reason = done.stderr.decode(errors="replace").strip()
            raise PermanentError(f"git {arguments[0]} failed in {self.repo_dir}: {reason}")
        return done.stdout.decode()


def _clean_environment() -> dict[str, str]:
    """Without what points git elsewhere than at ``repo_dir``; a git hook would pass that on."""
    return {name: value for name, value in os.environ.items() if name not in _GIT_ELSEWHERE}


def _fingerprint(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _issue_file(issue: Issue) -> str:
    """An issue as a Markdown file: its title, what GitHub would show beside it, and its body."""
    labels = f"Labels: {', '.join(issue.labels)} · assigned to {issue.assignee or 'nobody'}"
    return f"# {issue.title}\n\n{labels}\n\n{issue.body}"


def _body_file(number: int, pull_request: PullRequest, base_branch: str) -> str:
    """The body behind a front matter that says what GitHub would show around it."""
    return (
        "---\n"
        f"number: {number}\n"
        f"title: {pull_request.title}\n"
        f"branch: {pull_request.branch}\n"
        f"base: {base_branch}\n"
        f"labels: {', '.join(pull_request.labels)}\n"
        f"reviewers: {', '.join(pull_request.reviewers)}\n"
        "---\n\n"
        f"{pull_request.body}"
    )
