"""A bounded, order-independent sample of the week's passing spans: what users ordinarily say here."""

from __future__ import annotations

import heapq
from hashlib import blake2b

import polars as pl

from tail_pipeline.domain.clustering import MAX_BACKGROUND
from tail_pipeline.domain.embedding import canonical

SpanKey = tuple[str, str]
"""(trace_id, span_id)."""


class BackgroundSample:
    """Keeps the ``size`` distinct canonical texts with the smallest hash, fed batch by batch.

    The hash makes the choice random with respect to meaning and the same for every order of the rows, so
    memory stays flat however many spans pass.
    """

    def __init__(self, size: int = MAX_BACKGROUND) -> None:
        self._size = size
        self._heap: list[tuple[int, str]] = []
        self._key_of: dict[str, SpanKey] = {}

    def add(self, passing: pl.DataFrame) -> None:
        """``passing`` needs the columns input, trace_id and span_id."""
        for text, trace_id, span_id in passing.select("input", "trace_id", "span_id").iter_rows():
            form = canonical(text)
            known = self._key_of.get(form)
            if known is not None:
                self._key_of[form] = min(known, (trace_id, span_id))
                continue
            negative_hash = -int.from_bytes(blake2b(form.encode(), digest_size=8).digest())
            if len(self._heap) < self._size:
                heapq.heappush(self._heap, (negative_hash, form))
            elif negative_hash > self._heap[0][0]:
                _, dropped = heapq.heapreplace(self._heap, (negative_hash, form))
                del self._key_of[dropped]
            else:
                continue
            self._key_of[form] = (trace_id, span_id)

    def texts(self) -> list[str]:
        """Distinct canonical texts, sorted."""
        return sorted(self._key_of)

    def key_of(self, text: str) -> SpanKey:
        """The span that said it; of several, the smallest key among those seen while the text was in the sample."""
        return self._key_of[text]
