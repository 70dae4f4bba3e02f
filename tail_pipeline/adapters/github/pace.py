"""A pause between writes to GitHub that all processes of a checkout keep together.

GitHub's limits on what is written are those of the token, and a deployment has several runs at a time. Each write
takes the next free turn from a file under ``.tail/github`` and waits for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from github.Requester import Requester

from tail_pipeline.adapters.state_dir import state_dir, write_atomically

_LONGEST_WAIT_S = 3600
"""A turn further away than this was written by a clock that has been put back since."""


@dataclass(frozen=True)
class WritePace:
    """Turns for the writes of every process that works for ``repo_dir``, ``pause_s`` apart."""

    repo_dir: Path
    pause_s: float

    def next_turn(self, now: float) -> float:
        """The time of the next free turn, in seconds since the epoch, which is taken when this returns."""
        directory = state_dir(self.repo_dir) / "github"
        directory.mkdir(exist_ok=True)
        with FileLock(directory / "last_write.lock"):
            taken = directory / "last_write"
            try:
                last = float(taken.read_text(encoding="utf-8"))
            except (FileNotFoundError, ValueError):
                last = 0.0
            turn = max(now, last + self.pause_s) if last - now < _LONGEST_WAIT_S else now
            write_atomically(taken, repr(turn))
        return turn

    def wait(self) -> None:
        """Return when it is this process's turn to write."""
        if self.pause_s:
            now = time.time()
            time.sleep(self.next_turn(now) - now)


class PacedRequester(Requester):
    """PyGithub's requester, which waits for its turn before each write."""

    def __init__(self, pace: WritePace, **settings: Any) -> None:
        super().__init__(**settings)
        self._pace = pace

    def requestJson(self, verb: str, *arguments: Any, **named: Any) -> tuple[int, dict[str, Any], str]:  # noqa: N802
        if verb != "GET":
            self._pace.wait()
        return super().requestJson(verb, *arguments, **named)
