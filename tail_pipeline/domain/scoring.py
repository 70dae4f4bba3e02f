"""Which score a span has under the rubric on main, or why it has none.

"Not scored" is a third state beside pass and fail: null with a reason, counted and shown. In Polars neither
``score < 0.82`` nor ``~(score >= 0.82)`` keeps a null, so without the reason a judge outage would look like a perfect week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import polars as pl

from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.spans import Batches

SCORED_COLUMNS: dict[str, pl.DataType] = {
    "score": pl.Float64(),
    "faithfulness": pl.Float64(),
    "unscored_reason": pl.String(),
    "faithfulness_reason": pl.String(),
    "scored_by": pl.String(),
    "served_by": pl.String(),
    "content": pl.String(),
    "broken_floors": pl.List(pl.String()),
    "criteria": pl.List(pl.Struct({"name": pl.String(), "score": pl.Float64(), "reason": pl.String()})),
    "flags": pl.List(pl.String()),
    "triggers": pl.List(pl.String()),
    "selected_with": pl.String(),
}
"""What scoring and selection add to the span schema.

``score`` and ``faithfulness`` are in 0..1 or null, each with its reason. ``scored_by`` is a ``ScoredBy`` or null,
``served_by`` the very model that judged, such as the dated snapshot behind an alias. ``content`` is the fingerprint of what was to
be judged, the same for spans that cost one call; null where nothing was. ``selected_with`` says which rubric scored and selected.
"""

SELECTION_COLUMNS = ("triggers", "selected_with")
"""Those that selection adds, when the scores are there."""

BUDGET = "not judged: max_judge_calls is spent"
NO_OUTPUT = "the span has no output"

_NO_STRINGS = pl.lit([], dtype=pl.List(pl.String()))


class ScoredBy(StrEnum):
    """Where a score is from; ``AUDIT`` is the judge as well, on a uniform sample of what the budget left over."""

    RECORDED = "recorded"
    JUDGE = "judge"
    AUDIT = "audit"


class RecordedScores:
    """Takes the scores the trace store holds as they are; the scorer of a rubric without a ``judge_model``."""

    def scored(self, batches: Batches) -> Iterator[pl.DataFrame]:
        """The batches with ``SCORED_COLUMNS`` but for ``SELECTION_COLUMNS``; never drops a row."""
        return map(self.score, batches())

    def score(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add ``SCORED_COLUMNS`` but for ``SELECTION_COLUMNS`` to a span frame; never drops a row."""
        recorded = pl.col("rubric_score")
        usable = in_unit_interval(recorded)
        return frame.with_columns(
            pl.when(usable).then(recorded).alias("score"),
            pl.when(in_unit_interval(pl.col("ragas_faithfulness")))
            .then(pl.col("ragas_faithfulness"))
            .alias("faithfulness"),
            pl.when(recorded.is_null())
            .then(pl.lit("no recorded score"))
            .when(~usable)
            .then(pl.lit("recorded score outside 0..1"))
            .alias("unscored_reason"),
            pl.lit(None, dtype=pl.String()).alias("faithfulness_reason"),
            pl.when(usable).then(pl.lit(ScoredBy.RECORDED.value)).alias("scored_by"),
            pl.lit(None, dtype=pl.String()).alias("served_by"),
            pl.lit(None, dtype=pl.String()).alias("content"),
            _NO_STRINGS.alias("broken_floors"),
            pl.lit([], dtype=SCORED_COLUMNS["criteria"]).alias("criteria"),
            _NO_STRINGS.alias("flags"),
        )


def counts_as_recorded(rubric: Rubric) -> pl.Expr:
    """True for a span whose recorded score was made with this very rubric."""
    return (pl.col("rubric_sha") == rubric.sha).fill_null(value=False) & in_unit_interval(pl.col("rubric_score"))


def has_output() -> pl.Expr:
    """True where there is an answer to judge."""
    return pl.col("output").str.contains(r"\S").fill_null(value=False)


def contents_of(frame: pl.DataFrame) -> list[Content]:
    """What the judge sees of each row, in order."""
    rows = frame.select("input", "output", "contexts").iter_rows()
    return [Content(text, output, tuple(contexts or ())) for text, output, contexts in rows]


def judged_columns(
    judgements: Sequence[Judgement], by: Sequence[ScoredBy], contents: Sequence[str | None]
) -> pl.DataFrame:
    """``SCORED_COLUMNS`` but for flags and ``SELECTION_COLUMNS``, one row per judgement; ``contents`` are fingerprints."""
    rows: list[Mapping[str, Any]] = [
        {
            "score": one.score,
            "faithfulness": one.faithfulness,
            "unscored_reason": one.unscored_reason,
            "faithfulness_reason": one.faithfulness_reason,
            "scored_by": None if one.score is None else source.value,
            "served_by": one.served_by,
            "content": content,
            "broken_floors": list(one.broken_floors),
            "criteria": [{"name": each.name, "score": each.score, "reason": each.reason} for each in one.criteria],
        }
        for one, source, content in zip(judgements, by, contents, strict=True)
    ]
    schema = {name: dtype for name, dtype in SCORED_COLUMNS.items() if name not in ("flags", *SELECTION_COLUMNS)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def is_signalled() -> pl.Expr:
    """True for a scored span by which a failure could show at all: a score, a faithfulness or any feedback."""
    return pl.any_horizontal(pl.col("score", "faithfulness", "user_feedback", "correction").is_not_null())


def in_unit_interval(column: pl.Expr) -> pl.Expr:
    """False for null, NaN and anything outside 0..1."""
    return (column.is_not_nan() & column.is_between(0, 1)).fill_null(value=False)
