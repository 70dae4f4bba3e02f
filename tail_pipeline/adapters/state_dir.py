"""The ``.tail`` directory of a checkout, and files in it that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

STATE_DIR = ".tail"
"""Frames, run history, caches, and the pull request bodies and issues of a local repository; ignored by git."""


def state_dir(repo_dir: Path) -> Path:
    """The repository's ``.tail`` directory, made with a ``.gitignore`` of its own so that git never sees it."""
    path = repo_dir / STATE_DIR
    ignore = path / ".gitignore"
    if not ignore.exists():
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(ignore, "*\n")
    return path


def write_atomically(path: Path, text: str) -> None:
    """Either the old content or the new one, whenever the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


def write_once(path: Path, text: str) -> bool:
    """Create a file with all of its text at once; False when it exists already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".") as file:
        file.write(text)
        file.flush()
        try:
            os.link(file.name, path)
        except FileExistsError:
            return False
    return True
