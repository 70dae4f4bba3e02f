"""Git in a checkout: commands that touch neither its work tree nor its index, and what its commits tell."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from tail_pipeline.adapters.tail_branches import HEADS, PUBLISHED
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.ports import BranchState

_AUTHOR = {"NAME": "tail-miner", "EMAIL": "tail-miner@localhost"}
_TIMEOUT_S = 60
_MAX_REMEMBERED_CHARS = 32 * 2**20
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_GIT_ELSEWHERE = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "OBJECT_DIRECTORY", "COMMON_DIR", "NAMESPACE", "PREFIX")
)


@dataclass(frozen=True)
class ComparisonBase:
    """The commit of the base branch that the work tree is compared with, and the reference it was found by."""

    ref: str
    commit: str


@dataclass(frozen=True)
class GitCheckout:
    """The checkout in ``repo_dir``, whose ``base_branch`` is what counts.

    What git says of commits and blobs by their ids never changes, so it is asked once; references are asked for each time.
    """

    repo_dir: Path
    base_branch: str
    _remembered: dict[tuple[str, ...], str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def base(self) -> str:
        head = self.heads(self.base_branch).get(self.base_branch)
        if head is None:
            raise PermanentError(
                f"{self.repo_dir} has no branch '{self.base_branch}' with a commit; "
                "commit eval/ there, or set repository.base_branch in eval/agents.yaml"
            )
        return head

    def heads(self, pattern: str) -> dict[str, str]:
        return self._refs(HEADS, pattern)

    def published(self, pattern: str) -> dict[str, str]:
        return self._refs(PUBLISHED, pattern)

    def files_in(self, commit: str, directory: str) -> dict[str, str]:
        below = [f"{directory}/"] if directory else []
        listing = self._asked_once([commit], "ls-tree", "-z", commit, *below)
        entries = [entry.partition("\t") for entry in listing.split("\0") if entry]
        return {path: meta.split(" ")[2] for meta, _, path in entries if meta.split(" ")[1] == "blob"}

    def blob(self, sha: str, path: str) -> str:
        return self._asked_once([sha], "cat-file", "blob", sha)

    def commits_of(self, path: str, reachable: Sequence[str], but_not: Sequence[str]) -> list[tuple[str, str]]:
        excluded = [f"^{commit}" for commit in but_not]
        order = ("--reverse", "--topo-order", "-z", "--format=%H%n%B")
        log = self._asked_once([*reachable, *but_not], "log", *order, *reachable, *excluded, "--", path)
        found = (entry.partition("\n") for entry in log.split("\0") if entry.strip())
        return [(commit, message) for commit, _, message in found]

    def merge_base(self, left: str, right: str) -> str | None:
        return self._asked_once([left, right], "merge-base", left, right, nothing_found=1).strip() or None

    def changed_between(self, old: str, new: str) -> frozenset[str] | None:
        """The files that differ between two commits; None when the old one is not here (any more)."""
        if not _ID.fullmatch(old) or self.git("cat-file", "-t", old, nothing_found=128).strip() != "commit":
            return None
        listing = self.git("diff-tree", "-r", "-z", "--name-only", "--relative", old, new)
        return frozenset(path for path in listing.split("\0") if path)

    def comparison_base(self) -> ComparisonBase:
        """Where HEAD left the base branch, as far as this clone knows without asking any server.

        A branch that is behind is not to be blamed for what it has not got yet; a clone too shallow to know where the
        two parted is compared with the tip. Raises PermanentError where there is nothing to compare with.
        """
        for namespace, ref in (("refs/remotes/", f"origin/{self.base_branch}"), (HEADS, self.base_branch)):
            tip = self.git("rev-parse", "--verify", "--quiet", f"{namespace}{ref}^{{commit}}", nothing_found=1).strip()
            if tip:
                return ComparisonBase(ref, self.merge_base("HEAD", tip) or tip)
        raise PermanentError(f"this clone has neither origin/{self.base_branch} nor a branch {self.base_branch}")

    def files_below(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """Path → blob of these files, and of every file in and below these directories; nothing for what is not there."""
        listing = self.git("ls-tree", "-r", "-z", commit, "--", *paths)
        entries = [entry.partition("\t") for entry in listing.split("\0") if entry]
        return {path: meta.split(" ")[2] for meta, _, path in entries}

    def edited_since(self, commit: str, directories: Sequence[str]) -> frozenset[str]:
        """The files of a commit that the work tree has otherwise or not at all."""
        listing = self.git(
            *("diff", "--name-only", "-z", "--no-renames", "--relative", commit, "--"),
            *directories,
            env={"GIT_OPTIONAL_LOCKS": "0"},
        )
        return frozenset(path for path in listing.split("\0") if path)

    def paths_committed(self, reachable: str, but_not: str, directories: Sequence[str]) -> frozenset[str]:
        """The files that any commit between the two touched."""
        log = self.git(
            *("log", "--format=", "--name-only", "-z", "--no-renames", "--relative", reachable, f"^{but_not}", "--"),
            *directories,
        )
        return frozenset(path.strip("\n") for path in log.split("\0") if path.strip("\n"))

    def work_tree_of(self, branch: str) -> Path | None:
        """Where somebody has the branch checked out."""
        for block in self.git("worktree", "list", "--porcelain").split("\n\n"):
            lines = block.splitlines()
            if f"branch {HEADS}{branch}" in lines and not any(line.startswith("prunable") for line in lines):
                return Path(lines[0].removeprefix("worktree "))
        return None

    def user_name(self) -> str:
        """Who commits here; raises PermanentError where nobody has said."""
        name = self.git("config", "user.name", nothing_found=1).strip()
        if not name:
            raise PermanentError("git has no user.name here; set it, or say with --who who removes the data")
        return name

    def commit_file(self, path: str, text: str, message: str, *, parent: str) -> str:
        """A new commit, on no branch yet, that differs from its parent in one file."""
        # The checkout may be a folder of a larger repository; the index wants paths from its top.
        prefix = self.git("rev-parse", "--show-prefix").strip()
        mode = self.git("ls-tree", parent, "--", path).partition(" ")[0] or "100644"
        blob = self.git("hash-object", "-w", "--stdin", stdin=text).strip()
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self.git("read-tree", parent, env=index)
            self.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{prefix}{path}", env=index)
            tree = self.git("write-tree", env=index).strip()
        identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _AUTHOR.items()}
        return self.git("commit-tree", tree, "-p", parent, stdin=message, env=identity).strip()

    def pull_request_state(self, branch: str) -> BranchState | None:
        """None: without a provider only the commits say what became of a branch."""
        return None

    def git(
        self, *arguments: str, stdin: str | None = None, env: dict[str, str] | None = None, nothing_found: int = 0
    ) -> str:
        """Standard output, bytes that are not UTF-8 as lone surrogates. No hook runs.

        ``nothing_found`` is the exit code besides 0 that is an answer and no error.
        """
        try:
            done = subprocess.run(
                ["git", "-C", str(self.repo_dir), "-c", f"core.hooksPath={os.devnull}", *arguments],
                input=None if stdin is None else stdin.encode(errors="surrogateescape"),
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
        return done.stdout.decode(errors="surrogateescape")

    def _asked_once(self, objects: Sequence[str], *arguments: str, nothing_found: int = 0) -> str:
        """Standard output; remembered where all ``objects`` are named by their ids, as far as there is room."""
        if arguments in self._remembered:
            return self._remembered[arguments]
        said = self.git(*arguments, nothing_found=nothing_found)
        room = _MAX_REMEMBERED_CHARS - sum(map(len, self._remembered.values()))
        if len(said) <= room and all(_ID.fullmatch(one) for one in objects):
            self._remembered[arguments] = said
        return said

    def _refs(self, namespace: str, pattern: str) -> dict[str, str]:
        listing = self.git("for-each-ref", "--format=%(objectname) %(refname)", f"{namespace}{pattern}")
        found = (line.split(" ", 1) for line in listing.splitlines())
        named = {name.removeprefix(namespace): commit for commit, name in found}
        return {
            name: commit
            for name, commit in named.items()
            if fnmatchcase(name, pattern) and name.count("/") == pattern.count("/")
        }


def _clean_environment() -> dict[str, str]:
    """Without what points git elsewhere than at ``repo_dir``; a git hook would pass that on."""
    return {name: value for name, value in os.environ.items() if name not in _GIT_ELSEWHERE}
