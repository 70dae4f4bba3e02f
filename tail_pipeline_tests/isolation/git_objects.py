"""All objects of a git repository, read through one process: who would clone it, or look behind its branches, sees these."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_TREE_ENTRY = re.compile(rb"(\d+) ([^\0]+)\0")
_SHA_BYTES = 20


@dataclass(frozen=True)
class Tip:
    """A reference and the commit it leads to."""

    ref: str
    sha: str


@dataclass
class GitObjects:
    """``paths`` are (path, blob) of every commit there is, reachable or not; ``blobs`` holds also those without a path."""

    tips: list[Tip]
    messages: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    paths: set[tuple[str, str]] = field(default_factory=set)


def read_objects(git_dir: Path) -> GitObjects:
    """Every object of the repository, packed and loose."""
    found = GitObjects(
        [Tip(*line.split(" ")) for line in _lines(git_dir, "for-each-ref", "--format=%(refname) %(objectname)")]
    )
    trees: dict[str, bytes] = {}
    roots: list[str] = []
    content = _git(git_dir, "cat-file", "--batch-all-objects", "--batch")
    at = 0
    while at < len(content):
        end = content.index(b"\n", at)
        sha, kind, size = content[at:end].decode().split(" ")
        body = content[end + 1 : end + 1 + int(size)]
        at = end + 2 + int(size)
        if kind == "blob":
            found.blobs[sha] = body
        elif kind == "tree":
            trees[sha] = body
        else:
            head, _, message = body.decode(errors="replace").partition("\n\n")
            found.messages[sha] = message
            roots += [line.removeprefix("tree ") for line in head.splitlines() if line.startswith("tree ")]
    for root in set(roots):
        _walk(root, "", trees, found)
    return found


def _walk(tree: str, directory: str, trees: dict[str, bytes], found: GitObjects) -> None:
    content, at = trees[tree], 0
    while match := _TREE_ENTRY.match(content, at):
        sha = content[match.end() : match.end() + _SHA_BYTES].hex()
        at = match.end() + _SHA_BYTES
        path = f"{directory}{match[2].decode()}"
        if sha in trees:
            _walk(sha, f"{path}/", trees, found)
        else:
            found.paths.add((path, sha))


def _lines(git_dir: Path, *arguments: str) -> list[str]:
    return _git(git_dir, *arguments).decode().splitlines()


def _git(git_dir: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "--git-dir", str(git_dir), *arguments], check=True, capture_output=True).stdout
