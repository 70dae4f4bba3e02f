"""The span record: one row per unit of work, whatever store it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.weeks import Window

UTC_TIME = pl.Datetime("us", "UTC")

SPAN_SCHEMA: dict[str, pl.DataType] = {
    "trace_id": pl.String(),
    "span_id": pl.String(),
    "session_id": pl.String(),
    "agent": pl.String(),
    "node_class": pl.String(),
    "tenant": pl.String(),
    "model": pl.String(),
    "input": pl.String(),
    "output": pl.String(),
    "contexts": pl.List(pl.String()),
    "labels": pl.List(pl.String()),
    "start_time": UTC_TIME,
    "end_time": UTC_TIME,
    "feedback_time": UTC_TIME,
    "rubric_score": pl.Float64(),
    "ragas_faithfulness": pl.Float64(),
    "rubric_sha": pl.String(),
    "user_feedback": pl.String(),
    "correction": pl.String(),
    "metadata": pl.String(),
    "truncated": pl.Boolean(),
    "orphan": pl.Boolean(),
}
"""Columns and dtypes of a span frame, in order. Scores are in 0..1, times are UTC with microseconds."""

MAX_BATCH_ROWS = 10_000

Batches = Callable[[], Iterator[pl.DataFrame]]
"""Reads the same frames in the same order each time it is called, so that nobody has to hold them."""

FEEDBACK_VALUES = ("thumbs_up", "thumbs_down", "regenerated", "corrected")
NEGATIVE_FEEDBACK = ("thumbs_down", "regenerated", "corrected")


_READ_AS: dict[type[pl.DataType], tuple[type[pl.DataType], ...]] = {
    pl.String: (pl.Categorical, pl.Enum),
    pl.Float64: (pl.Float32, pl.Decimal, pl.Int64, pl.Int32),
    pl.Datetime: (pl.Datetime,),
}
"""Dtypes that are read as another without losing anything."""


@dataclass(frozen=True)
class BadSpan:
    """A row that could not be used: where it was and why."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True)
class SetAside:
    """What was read well and is no unit of work, such as the trace of a health check; ``example`` is one of ``count``."""

    reason: str
    count: int
    example: str


@dataclass(frozen=True)
class SpanBatch:
    """At most ``MAX_BATCH_ROWS`` good rows in the span schema, and what else was met on the way to them.

    ``passed_over`` counts readable rows of other windows and segments: a bad row cannot be told to be of ours, so its
    share is taken of all that was read.
    """

    frame: pl.DataFrame
    bad: list[BadSpan] = field(default_factory=list)
    passed_over: int = 0
    set_aside: list[SetAside] = field(default_factory=list)


@dataclass(frozen=True)
class SegmentFilter:
    """Which rows of the store belong to a run: those of one agent and, with segments, of some values of one column."""

    agent: str
    column: str | None = None
    values: tuple[str, ...] = ()

    def expression(self) -> pl.Expr:
        """True for rows that belong; rows without an agent belong to every agent of the store."""
        belongs = pl.col("agent").is_null() | (pl.col("agent") == self.agent)
        if self.column:
            belongs &= pl.col(self.column).is_in(list(self.values)).fill_null(False)
        return belongs


def in_window(column: str, window: Window) -> pl.Expr:
    """True where the time lies in ``[start, end)``; false where it is null."""
    return pl.col(column).is_between(window.start, window.end, closed="left").fill_null(False)


def conformed(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """The frame in the span schema: absent columns are null, foreign ones are dropped.

    Raises PermanentError naming ``source`` and the column when a column can never be read as its dtype.
    """
    columns = []
    for name, dtype in SPAN_SCHEMA.items():
        if name not in frame.columns:
            columns.append(pl.lit(None, dtype=dtype).alias(name))
            continue
        found = frame.schema[name]
        if isinstance(dtype, pl.Datetime) and isinstance(found, pl.Datetime) and found.time_zone is None:
            raise PermanentError(f"{source}: column {name} has no time zone; store times with a zone, in UTC")
        if not _is_readable(found, dtype):
            raise PermanentError(f"{source}: column {name} is {found}, expected {dtype}")
        columns.append(pl.col(name).cast(dtype))
    try:
        return frame.select(columns)
    except pl.exceptions.PolarsError as error:
        raise PermanentError(f"{source}: cannot be read in the span schema: {error}") from error


def _is_readable(found: Any, dtype: Any) -> bool:
    """Whether a column of one dtype can be read as another without losing anything."""
    if isinstance(dtype, pl.List) and isinstance(found, pl.List):
        return _is_readable(found.inner, dtype.inner)
    return found in (dtype, pl.Null) or type(found) in _READ_AS.get(type(dtype), ())


CHECKED_COLUMNS = (
    *("trace_id", "span_id", "input", "contexts", "labels", "user_feedback"),
    *("start_time", "end_time"),
)
"""What ``checked`` decides by."""


def checked(frame: pl.DataFrame, places: pl.Series) -> SpanBatch:
    """Split rows that already have the span schema's dtypes into good ones and named bad ones.

    ``places`` says where each row came from (``file:line``, ``table row a/b``). Empty outputs become null,
    a span without a trace is a trace of its own, and scores are left for scoring to judge.
    """
    frame = frame.with_columns(pl.coalesce("trace_id", "span_id").alias("trace_id"))
    empty_as_null = [
        pl.when(pl.col(name).str.len_bytes() > 0).then(pl.col(name)).alias(name) for name in ("output", "correction")
    ]
    reason = pl.coalesce(
        pl.when(pl.col("span_id").fill_null("") == "").then(pl.lit("span_id is missing")),
        pl.when(pl.col("input").is_null()).then(pl.lit("input is null")),
        pl.when(pl.col("start_time").is_null()).then(pl.lit("start_time is missing")),
        pl.when(pl.col("end_time") < pl.col("start_time")).then(pl.lit("end_time is before start_time")),
        *(
            pl.when(pl.col(name).list.eval(pl.element().is_null()).list.any()).then(pl.lit(f"{name} holds null"))
            for name in ("contexts", "labels")
        ),
        pl.when(~pl.col("user_feedback").is_in(FEEDBACK_VALUES)).then(
            pl.lit(f"user_feedback is none of {', '.join(FEEDBACK_VALUES)}")
        ),
    )
    rows = frame.with_columns(empty_as_null).with_columns(places.alias("place"), reason.alias("reason"))
    good = rows.filter(pl.col("reason").is_null()).drop("place", "reason")
    bad = rows.filter(pl.col("reason").is_not_null()).select("place", "reason")
    return SpanBatch(good, [BadSpan(place, why) for place, why in bad.iter_rows()])


def feedback_as_of(frame: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Forget feedback given at or after the window's end: it belongs to a later week's tail.

    So a week mined again months later still gives the file it gave on its own Monday.
    """
    later = (pl.col("feedback_time") >= window.end).fill_null(False)
    return frame.with_columns(
        pl.when(~later).then(pl.col(name)).alias(name) for name in ("user_feedback", "correction", "feedback_time")
    )


def is_negative_feedback() -> pl.Expr:
    """True for a thumbs down, a regeneration or a correction the user wrote."""
    return pl.col("user_feedback").is_in(NEGATIVE_FEEDBACK).fill_null(False) | pl.col("correction").is_not_null()


def in_batches(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Slices of at most ``MAX_BATCH_ROWS`` rows, in order."""
    yield from frame.iter_slices(MAX_BATCH_ROWS)
