"""What is kept under ``.tail`` of a segment's texts, and the caches in which several segments' texts lie side by side."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tail_pipeline.adapters.state_dir import SEGMENT_STATE, STATE_DIR, segment_state_dir, shown
from tail_pipeline.domain.forgetting import Held, Subject

_SHARED_ONCE = ("answers.sqlite", "dry_run.sqlite", "embeddings.sqlite")
"""Files of earlier versions, which all segments shared and nobody reads any more."""


@dataclass(frozen=True)
class KeptState:
    """The state directory of one checkout."""

    repo_dir: Path

    def held(self, subject: Subject) -> list[Held]:
        own, caches = self._own(subject), sorted(self._caches(subject))
        return [
            *([Held("answers, dry runs and vectors", (shown(own),))] if own.exists() else []),
            *([Held("caches of several segments", tuple(map(shown, caches)), cache=True)] if caches else []),
        ]

    def forget(self, subject: Subject) -> None:
        for path in (self._own(subject), *self._caches(subject)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def remains(self, subject: Subject) -> list[str]:
        return []

    def _own(self, subject: Subject) -> Path:
        if subject.segment is None:
            return self.repo_dir / STATE_DIR / SEGMENT_STATE / subject.agent
        return segment_state_dir(self.repo_dir, subject.agent, subject.segment)

    def _caches(self, subject: Subject) -> Iterator[Path]:
        """Which text in them is whose cannot be told, and all of it can be had again."""
        state = self.repo_dir / STATE_DIR
        candidates = [state / "github", *(found for name in _SHARED_ONCE for found in state.glob(f"{name}*"))]
        if subject.segment is not None:
            candidates.append(segment_state_dir(self.repo_dir, subject.agent, None))
        return (path for path in candidates if path.exists())
