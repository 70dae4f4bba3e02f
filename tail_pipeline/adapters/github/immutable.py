"""What never changes on GitHub and is therefore asked for once: blobs, and everything that hangs on a commit's hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tail_pipeline.adapters.state_dir import state_dir, write_atomically


@dataclass(frozen=True)
class ImmutableAnswers:
    """JSON values by what was asked, in memory and under ``.tail/github``; several processes may share the directory."""

    repo_dir: Path
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    def get(self, question: tuple[str, ...]) -> Any:
        """The answer, None when it was never kept."""
        if question not in self._known:
            try:
                found = json.loads(self._path(question).read_text(encoding="utf-8"))
            # A file that a power cut left without its text counts as none.
            except (FileNotFoundError, ValueError):
                return None
            self._known[question] = found
        return self._known[question]

    def keep(self, question: tuple[str, ...], answer: Any) -> None:
        """Keep an answer for good."""
        self._known[question] = answer
        write_atomically(self._path(question), json.dumps(answer))

    def _path(self, question: tuple[str, ...]) -> Path:
        name = hashlib.sha256("\0".join(question).encode()).hexdigest()
        return state_dir(self.repo_dir) / "github" / question[0] / f"{name}.json"
