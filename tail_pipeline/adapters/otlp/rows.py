"""Units on their way into frames: no name or text longer than it may be, no frame larger than memory allows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

from tail_pipeline.adapters.otlp.texts import MAX_TEXT_CHARS, capped
from tail_pipeline.domain.spans import MAX_BATCH_ROWS, SPAN_SCHEMA, UTC_TIME, SpanBatch, checked

MAX_BATCH_CHARS = 16 * 2**20
"""Characters of inputs, outputs and documents in a frame, about: a thousand rows of the longest texts are gigabytes."""

MAX_NAME_CHARS = 1_000
"""A longer session, tenant, model or class is cut and its unit marked as truncated: it is no name."""

_NAMES = ("session_id", "agent", "node_class", "tenant", "model", "rubric_sha")
_LISTS = ("contexts", "labels")
_TIMES = ("start_time", "end_time", "feedback_time")


class Rows:
    """Rows on their way into a frame, column by column; ``full`` when it is time to take them."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in SPAN_SCHEMA}
        self._places: list[str] = []
        self._chars = 0

    @property
    def full(self) -> bool:
        return len(self._places) >= MAX_BATCH_ROWS or self._chars >= MAX_BATCH_CHARS

    def add(self, row: dict[str, Any], place: str) -> None:
        for name, column in self._columns.items():
            column.append(row.get(name))
        self._places.append(place)
        self._chars += len(row["input"]) + len(row["output"] or "") + sum(map(len, row["contexts"] or ()))

    def taken(self) -> SpanBatch:
        """Everything added since the last time."""
        series = [
            pl.Series(name, values, dtype=pl.Int64).cast(UTC_TIME)
            if name in _TIMES
            # Arrow builds lists of strings many times faster than Polars does from Python lists.
            else pl.Series(name, pa.array(values, pa.large_list(pa.large_string())))
            if name in _LISTS
            else pl.Series(name, values, dtype=SPAN_SCHEMA[name])
            for name, values in self._columns.items()
        ]
        places = pl.Series(self._places, dtype=pl.String)
        self.__init__()  # type: ignore[misc]
        return checked(pl.DataFrame(series), places)


def shorten(row: dict[str, Any]) -> bool:
    """Cut what is longer than names and texts are; whether anything was."""
    cut = False
    for column in ("metadata", "correction"):
        if row.get(column):
            text = capped(row[column])
            row[column] = text.value
            cut |= text.truncated
    for column in _NAMES:
        if (name := row[column]) and len(name) > MAX_NAME_CHARS:
            row[column], cut = name[:MAX_NAME_CHARS], True
    if any(len(label) > MAX_TEXT_CHARS for label in row["labels"] or ()):
        row["labels"], cut = [label[:MAX_TEXT_CHARS] for label in row["labels"]], True
    return cut
