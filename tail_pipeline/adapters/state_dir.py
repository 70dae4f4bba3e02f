"""The ``.tail`` directory of a checkout, and files in it that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

STATE_DIR = ".tail"
"""Frames, run history, caches, and the pull request bodies and issues of a local repository; ignored by git."""

SEGMENT_STATE = "state"
"""Holds one directory for each agent, and in it one for each segment: no text of one lies in a file of another."""

WHOLE_AGENT = "_all"
"""The state of an agent without segments, and what an agent with segments keeps for all of them."""


def state_dir(repo_dir: Path) -> Path:
    """The repository's ``.tail`` directory, made with a ``.gitignore`` of its own so that git never sees it."""
    path = repo_dir / STATE_DIR
    ignore = path / ".gitignore"
    if not ignore.exists():
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(ignore, "*\n")
    return path


def segment_state_dir(repo_dir: Path, agent: str, segment: str | None) -> Path:
    """Where the answers, dry runs and vectors of one segment's texts are kept, and nobody else's; None is the agent's own.

    A segment's name begins with a letter or a digit, so none is called ``_all``.
    """
    return state_dir(repo_dir) / SEGMENT_STATE / agent / (segment or WHOLE_AGENT)


def shown(path: Path) -> str:
    """A path under ``.tail`` as it stands in a message, seen from the checkout; of any other its name."""
    return path.as_posix()[path.as_posix().index(f"{STATE_DIR}/") :] if STATE_DIR in path.parts else path.name


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
