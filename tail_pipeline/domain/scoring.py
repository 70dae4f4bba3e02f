"""Which score a span has under the rubric on main, or why it has none.

"Not scored" is a third state beside pass and fail: null with a reason, counted and shown. In Polars neither
``score < 0.82`` nor ``~(score >= 0.82)`` keeps a null, so without the reason a judge outage would look like a perfect week.
"""

from __future__ import annotations

import polars as pl

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.rubric import Rubric

SCORED_COLUMNS: dict[str, pl.DataType] = {
    "score": pl.Float64(),
    "faithfulness": pl.Float64(),
    "unscored_reason": pl.String(),
    "triggers": pl.List(pl.String()),
}
"""What scoring and selection add to the span schema; ``score`` and ``faithfulness`` are in 0..1 or null."""


class RecordedScores:
    """Takes the scores the trace store holds as they are; the scorer of a rubric without a ``judge_model``."""

    def __init__(self, rubric: Rubric, *, rubric_path: str) -> None:
        if rubric.judge_model is not None:
            raise PermanentError(
                f"{rubric_path}: judge_model is {rubric.judge_model}, but this version cannot call a judge; "
                "remove the line to use the scores recorded in the trace store"
            )

    def score(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add ``score``, ``faithfulness`` and ``unscored_reason`` to a span frame; never drops a row."""
        recorded = pl.col("rubric_score")
        usable = _in_unit_interval(recorded)
        return frame.with_columns(
            pl.when(usable).then(recorded).alias("score"),
            pl.when(_in_unit_interval(pl.col("ragas_faithfulness")))
            .then(pl.col("ragas_faithfulness"))
            .alias("faithfulness"),
            pl.when(recorded.is_null())
            .then(pl.lit("no recorded score"))
            .when(~usable)
            .then(pl.lit("recorded score outside 0..1"))
            .alias("unscored_reason"),
        )


def is_signalled() -> pl.Expr:
    """True for a scored span by which a failure could show at all: a score, a faithfulness or any feedback."""
    return pl.any_horizontal(pl.col("score", "faithfulness", "user_feedback", "correction").is_not_null())


def _in_unit_interval(column: pl.Expr) -> pl.Expr:
    """False for null, NaN and anything outside 0..1."""
    return (column.is_not_nan() & column.is_between(0, 1)).fill_null(False)
