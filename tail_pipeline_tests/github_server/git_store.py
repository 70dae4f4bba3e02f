"""The bare git repository behind the routes; what can be read, written, merged or refused is git's own answer."""

from __future__ import annotations

import re
import subprocess
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

NO_OBJECT = "0" * 40
_REF_CHARACTERS = re.compile(r"[\x21-\x7e\x80-\U0010ffff]+")
_FORBIDDEN_IN_REFS = re.compile(r"[~^:?*\[\\]|\.\.|@\{|//|\.lock(/|$)|(^|/)\.|[./]$")
_QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class RefRefused(Exception):
    """Git did not move a reference; the message is git's."""


@dataclass(frozen=True)
class Identity:
    """Who wrote a commit, and when."""

    name: str
    email: str
    when: datetime

    def stamp(self) -> str:
        return f"{int(self.when.timestamp())} {self.when:%z}"


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Identity
    committer: Identity
    message: str


@dataclass(frozen=True)
class TreeEntry:
    """One line of a tree; ``size`` is that of a blob in bytes, None for a tree."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


@dataclass(frozen=True)
class ChangedFile:
    """What a diff says of one file: git's letter, the old path of a rename, the blob (of a deleted file, the one it had)."""

    status: str
    path: str
    before: str | None
    sha: str
    additions: int
    deletions: int


@dataclass
class BareRepository:
    """A bare repository at ``path``, made when it is not there."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reader: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        if not self.path.exists():
            subprocess.run(
                ["git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(self.path)], check=True
            )

    def close(self) -> None:
        if self._reader is not None:
            self._reader.communicate()
            self._reader = None

    # Objects

    def object(self, name: str) -> tuple[str, str, bytes] | None:
        """(sha, type, content) of what git finds under a name, such as a sha, a full ref, or ``<commit>:<path>``."""
        if "\n" in name or not name:
            return None
        with self._lock:
            inward, outward = self._batch()
            inward.write(f"{name}\n".encode())
            inward.flush()
            head = outward.readline().decode().split(" ")
            if len(head) != 3 or not head[2].strip().isdigit():
                return None
            content = outward.read(int(head[2]))
            outward.read(1)
        return head[0], head[1], content

    def commit(self, name: str) -> Commit | None:
        """The commit a sha or full ref names; None for anything else."""
        found = self.object(f"{name}^{{commit}}") if name else None
        return _parsed_commit(found[0], found[2]) if found and found[1] == "commit" else None

    def blob(self, name: str) -> bytes | None:
        found = self.object(name)
        return found[2] if found and found[1] == "blob" else None

    def write_blob(self, content: bytes) -> str:
        return self._git("hash-object", "-w", "--stdin", stdin=content).decode().strip()

    def tree(self, sha: str, *, recursive: bool = False) -> list[TreeEntry]:
        flags = ["-r", "-t"] if recursive else []
        lines = self._git("ls-tree", "-z", "--long", *flags, sha).decode().split("\0")
        return [_parsed_entry(line) for line in lines if line]

    def write_tree(self, base: str | None, changes: Sequence[tuple[str, str, str | None]]) -> str:
        """The tree ``base`` with (mode, path, sha) put in; a sha of None takes the path away."""
        with self._index() as env:
            if base:
                self._git("read-tree", base, env=env)
            lines = [f"{mode if sha else '0'} {sha or NO_OBJECT}\t{path}\0" for mode, path, sha in changes]
            self._git("update-index", "-z", "--index-info", stdin="".join(lines).encode(), env=env)
            return self._git("write-tree", env=env).decode().strip()

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Identity, committer: Identity | None = None
    ) -> str:
        committer = committer or author
        env = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": author.stamp(),
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": committer.stamp(),
        }
        named = [part for parent in parents for part in ("-p", parent)]
        return self._git("commit-tree", tree, *named, stdin=message.encode(), env=env).decode().strip()

    # References

    def ref(self, name: str) -> str | None:
        """The sha a full reference points to."""
        if not valid_ref(name):
            return None
        found = self.object(name)
        return found[0] if found else None

    def refs(self, prefix: str) -> dict[str, tuple[str, str]]:
        """(sha, type) by full name, of all references whose name starts so; sorted by name."""
        lines = self._git("for-each-ref", "--format=%(refname)%00%(objectname)%00%(objecttype)").decode().splitlines()
        found = (line.split("\0") for line in lines)
        return {name: (sha, kind) for name, sha, kind in found if name.startswith(prefix)}

    def update_ref(self, name: str, new: str, old: str | None = None) -> None:
        """Point a reference elsewhere, or make it (``old`` all zeros); RefRefused when it is not at ``old`` or cannot be."""
        self._update_ref(name, new, *([old] if old else []))

    def delete_ref(self, name: str) -> None:
        self._update_ref("-d", name)

    # History

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return self._run("merge-base", "--is-ancestor", ancestor, descendant).returncode == 0

    def merge_base(self, one: str, other: str) -> str | None:
        found = self._run("merge-base", one, other)
        return found.stdout.decode().strip() if found.returncode == 0 else None

    def ahead_behind(self, base: str, head: str) -> tuple[int, int]:
        """How many commits head has that base has not, and the other way round."""
        behind, ahead = self._git("rev-list", "--left-right", "--count", f"{base}...{head}").decode().split()
        return int(ahead), int(behind)

    def commits(self, base: str, head: str) -> list[str]:
        """Commits of head that base has not, oldest first."""
        return self._git("rev-list", "--reverse", "--topo-order", f"{base}..{head}").decode().split()

    def log(self, start: str, paths: Sequence[str], *options: str) -> list[str]:
        """Commits newest first, simplified by path as ``git log`` does."""
        return self._git("log", "--format=%H", *options, start, "--", *paths).decode().split()

    def changed_files(self, old: str, new: str) -> list[ChangedFile]:
        """The files in which two trees or commits differ, renames found."""
        out = self._git("diff-tree", "-r", "-M", "-z", "--raw", "--numstat", old, new).decode()
        return _parsed_diff(out)

    def first_parent_or_empty(self, commit: Commit) -> str:
        return (
            commit.parents[0]
            if commit.parents
            else self._git("hash-object", "-t", "tree", "/dev/null").decode().strip()
        )

    def merged_tree(self, ours: str, theirs: str) -> str | None:
        """The tree of a merge of two commits; None where they conflict."""
        done = self._run("merge-tree", "--write-tree", "--allow-unrelated-histories", ours, theirs)
        return done.stdout.decode().splitlines()[0] if done.returncode == 0 else None

    def _update_ref(self, *arguments: str) -> None:
        done = self._run("update-ref", *arguments)
        if done.returncode != 0:
            raise RefRefused(done.stderr.decode().strip())

    @contextmanager
    def _index(self) -> Iterator[dict[str, str]]:
        index = self.path / f"index-{uuid.uuid4().hex}"
        try:
            yield {"GIT_INDEX_FILE": str(index)}
        finally:
            index.unlink(missing_ok=True)

    def _batch(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._reader is None:
            self._reader = subprocess.Popen(
                ["git", "-C", str(self.path), "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_environment({}),
            )
        assert self._reader.stdin is not None
        assert self._reader.stdout is not None
        return self._reader.stdin, self._reader.stdout

    def _git(self, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> bytes:
        done = self._run(*arguments, stdin=stdin, env=env)
        if done.returncode != 0:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout

    def _run(
        self, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=False, env=_environment(env or {}))


def valid_ref(name: str) -> bool:
    """Whether git takes this as a full reference name: ``git check-ref-format``, without a process."""
    return bool(_REF_CHARACTERS.fullmatch(name)) and not _FORBIDDEN_IN_REFS.search(name) and name.count("/") >= 2


def _environment(more: dict[str, str]) -> dict[str, str]:
    import os

    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | _QUIET | more


def _parsed_commit(sha: str, content: bytes) -> Commit:
    head, _, message = content.decode(errors="replace").partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.splitlines():
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    return Commit(
        sha=sha,
        tree=fields["tree"][0],
        parents=tuple(fields.get("parent", ())),
        author=_parsed_identity(fields["author"][0]),
        committer=_parsed_identity(fields["committer"][0]),
        message=message,
    )


def _parsed_identity(line: str) -> Identity:
    match = re.fullmatch(r"(.*?) ?<(.*)> (\d+) ([+-]\d{4})", line)
    assert match is not None, line
    zone = datetime.strptime(match[4], "%z").tzinfo
    return Identity(match[1], match[2], datetime.fromtimestamp(int(match[3]), zone))


def _parsed_entry(line: str) -> TreeEntry:
    head, _, path = line.partition("\t")
    mode, kind, sha, size = head.split()
    return TreeEntry(mode, kind, sha, None if size == "-" else int(size), path)


def _parsed_diff(out: str) -> list[ChangedFile]:
    """What ``--raw --numstat -z`` prints: all raw lines first, then the counts in the same order."""
    fields = iter(out.split("\0"))
    raw: list[tuple[str, str, str | None, str]] = []
    counts: list[tuple[int, int]] = []
    for one in fields:
        if one.startswith(":"):
            _, _, old, new, status = one.split(" ")
            first = next(fields)
            moved = status[0] in "RC"
            raw.append(
                (status[0], next(fields) if moved else first, first if moved else None, old if status == "D" else new)
            )
        elif "\t" in one:
            added, deleted, path = one.split("\t")
            if not path:
                next(fields), next(fields)
            counts.append((0 if added == "-" else int(added), 0 if deleted == "-" else int(deleted)))
    return [
        ChangedFile(status, path, before, sha, added, deleted)
        for (status, path, before, sha), (added, deleted) in zip(raw, counts, strict=True)
    ]
