"""Which spans belong to one run: those of its window, and older ones that were complained about in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import polars as pl

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import Redactor, TraceStore
from tail_pipeline.domain.spans import (
    BadSpan,
    SegmentFilter,
    SetAside,
    SpanBatch,
    feedback_as_of,
    in_window,
    is_negative_feedback,
)
from tail_pipeline.domain.weeks import Window

MAX_NAMED = 20


@dataclass
class Collected:
    """What was met while collecting; the bad spans beyond the first ``MAX_NAMED`` are only counted."""

    spans: int = 0
    passed_over: int = 0
    late_feedback: int = 0
    bad: int = 0
    named: list[BadSpan] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    set_aside: dict[str, SetAside] = field(default_factory=dict)

    def add_bad(self, spans: list[BadSpan]) -> None:
        self.bad += len(spans)
        self.named.extend(spans[: MAX_NAMED - len(self.named)])
        self.reasons.update(span.reason for span in spans)

    def add_set_aside(self, found: list[SetAside]) -> None:
        """Count what is no unit, by reason; the first example of each is kept."""
        for one in found:
            known = self.set_aside.get(one.reason)
            self.set_aside[one.reason] = replace(known, count=known.count + one.count) if known else one

    @property
    def bad_share(self) -> float:
        return self.bad / self.read if self.bad else 0.0

    @property
    def read(self) -> int:
        """Rows met, ours or not, bad or not."""
        return self.bad + self.spans + self.passed_over


class SpanCollector:
    """Reads one window of one segment; ``collected`` fills while ``frames`` is consumed."""

    def __init__(
        self,
        store: TraceStore,
        window: Window,
        segment: SegmentFilter,
        redactor: Redactor,
        feedback_lookback: timedelta,
    ) -> None:
        self._store = store
        self._oldest = window.start - feedback_lookback
        self._window = window
        self._segment = segment
        self._redactor = redactor
        self.collected = Collected()

    def frames(self) -> Iterator[pl.DataFrame]:
        """Redacted frames in the span schema, feedback as it stood at the window's end; duplicates are not removed."""
        for batch in self._store.iter_spans(self._window, self._segment):
            frame = self._taken(batch)
            self.collected.spans += frame.height
            self.collected.passed_over += batch.passed_over
            # Of many tenants most batches hold nothing of this one.
            if frame.height:
                yield self._redactor.redact(frame)
        complained = self._complained_about()
        units = self._store.fetch_units(complained, self._segment, self._oldest) if complained else ()
        for batch in units:
            older = self._taken(SpanBatch(batch.frame, set_aside=batch.set_aside)).filter(
                (pl.col("start_time") < self._window.start)
                & is_negative_feedback()
                & in_window("feedback_time", self._window)
            )
            self.collected.spans += older.height
            self.collected.late_feedback += older.height
            if older.height:
                yield self._redactor.redact(older)

    def require_readable(self, max_bad_share: float) -> None:
        """Raises PermanentError, with the first bad rows, when more than ``max_bad_share`` of the rows were bad."""
        found = self.collected
        if found.bad_share > max_bad_share:
            rows = "\n".join(f"  {span}" for span in found.named)
            raise PermanentError(
                f"trace store {self._store.name}: {found.bad} of {found.read} rows cannot be used "
                f"({found.bad_share:.1%}, allowed {max_bad_share:.1%}); fix the export or raise max_bad_span_share. "
                f"The first {len(found.named)}:\n{rows}"
            )

    def _taken(self, batch: SpanBatch) -> pl.DataFrame:
        """The batch's rows; what is said of the others may quote them, and is redacted as they are."""
        text = self._redactor.text
        self.collected.add_bad([BadSpan(text(span.place), text(span.reason)) for span in batch.bad])
        self.collected.add_set_aside(
            [replace(one, reason=text(one.reason), example=text(one.example)) for one in batch.set_aside]
        )
        return feedback_as_of(batch.frame, self._window)

    def _complained_about(self) -> list[str]:
        """The traces with negative feedback of this window."""
        frames = self._store.iter_feedback(self._window, self._segment)
        return sorted({trace_id for frame in frames for trace_id in frame["trace_id"]})


class AsRecorded:
    """The redactor that takes nothing out."""

    taken = None

    def redact(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    def text(self, text: str) -> str:
        return text

    def counts(self, seen: Mapping[str | None, int], declared: Collection[str]) -> dict[str | None, int]:
        return dict(seen)
