"""A bounded, order-independent sample of passing spans: what users ordinarily say here.

The window's own where they are enough; a quiet tenant's few are joined by those of its earlier mining days, which say what
is ordinary and answer nothing: nobody has scored them with the rubric of this run.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import timedelta
from hashlib import blake2b

import polars as pl

from tail_pipeline.domain.clustering import ENOUGH_BACKGROUND, MAX_BACKGROUND
from tail_pipeline.domain.embedding import canonical

SpanKey = tuple[str, str]
"""(trace_id, span_id)."""

EARLIER_REACH = timedelta(days=31)
"""How far before a mining day the earlier ones may lie: 31 daily windows, four weekly ones, one of a month."""


class BackgroundSample:
    """Keeps the ``size`` distinct canonical texts with the smallest hash, fed batch by batch.

    The hash makes the choice random with respect to meaning and the same for every order of the rows, so
    memory stays flat however many spans pass.
    """

    def __init__(self, size: int = MAX_BACKGROUND) -> None:
        self._size = size
        self._heap: list[tuple[int, str]] = []
        self._key_of: dict[str, SpanKey | None] = {}

    def add(self, passing: pl.DataFrame) -> None:
        """Spans of the window; ``passing`` needs the columns input, trace_id and span_id."""
        for text, trace_id, span_id in passing.select("input", "trace_id", "span_id").iter_rows():
            self._put(canonical(text), (trace_id, span_id))

    def add_earlier(self, texts: Iterable[str]) -> None:
        """What was asked and passed on an earlier mining day; to be added once the window is."""
        for text in texts:
            self._put(canonical(text), None)

    @property
    def is_enough(self) -> bool:
        """Whether earlier days have nothing to add."""
        return len(self._key_of) >= ENOUGH_BACKGROUND

    @property
    def from_earlier_days(self) -> int:
        """How many of the texts stand in no span of the window."""
        return sum(key is None for key in self._key_of.values())

    def texts(self) -> list[str]:
        """Distinct canonical texts, sorted."""
        return sorted(self._key_of)

    def key_of(self, text: str) -> SpanKey | None:
        """The window's span that said it, None where that was on earlier days only.

        Of several, the smallest key among those seen while the text was in the sample.
        """
        return self._key_of[text]

    def _put(self, form: str, key: SpanKey | None) -> None:
        if form in self._key_of:
            known = self._key_of[form]
            self._key_of[form] = min(known, key) if known and key else known or key
            return
        negative_hash = -int.from_bytes(blake2b(form.encode(), digest_size=8).digest())
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, (negative_hash, form))
        elif negative_hash > self._heap[0][0]:
            _, dropped = heapq.heapreplace(self._heap, (negative_hash, form))
            del self._key_of[dropped]
        else:
            return
        self._key_of[form] = key
