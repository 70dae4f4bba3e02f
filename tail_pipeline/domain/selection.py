"""Which spans would fail today's rubric, and by which of the three triggers."""

from __future__ import annotations

import polars as pl

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import BUDGET
from tail_pipeline.domain.spans import is_negative_feedback

TRIGGERS = ("rubric", "ragas", "feedback")


def with_triggers(scored: pl.DataFrame, rubric: Rubric) -> pl.DataFrame:
    """Add ``triggers``, the list, possibly empty, of those a span hit, and ``selected_with``.

    ``rubric``: score strictly below ``rubric_min_score``, or a broken floor. ``ragas``: faithfulness strictly below
    ``ragas_faithfulness``, only where something was retrieved. ``feedback``: explicit negative feedback whatever the score.
    """
    has_context = pl.col("contexts").list.len().fill_null(0) > 0
    hit = {
        "rubric": (pl.col("score") < rubric.rubric_min_score).fill_null(False)
        | (pl.col("broken_floors").list.len() > 0),
        "ragas": ((pl.col("faithfulness") < rubric.ragas_faithfulness) & has_context).fill_null(False),
        "feedback": is_negative_feedback(),
    }
    named = [pl.when(hit[name]).then(pl.lit(name)) for name in TRIGGERS]
    return scored.with_columns(
        pl.concat_list(named).list.drop_nulls().alias("triggers"), pl.lit(_selects(rubric)).alias("selected_with")
    )


def require_selected_with(rubric: Rubric, scored: pl.LazyFrame) -> None:
    """Raises PermanentError where another rubric scored or selected the spans: what is made of them would name the wrong one."""
    made_with = scored.select(pl.col("selected_with").unique()).collect(engine="streaming").to_series().to_list()
    if others := [one for one in made_with if one != _selects(rubric)]:
        raise PermanentError(
            f"scored_spans was made with the rubric {others[0]}, and the one on main is now {_selects(rubric)}; "
            "materialize scored_spans again, then what follows from it"
        )


def _selects(rubric: Rubric) -> str:
    """What decides scores and triggers."""
    return f"{rubric.sha} (score < {rubric.rubric_min_score}, faithfulness < {rubric.ragas_faithfulness})"


def is_failing() -> pl.Expr:
    return pl.col("triggers").list.len() > 0


def is_passing() -> pl.Expr:
    """Scored and without a trigger; what is unscored, or lacks its faithfulness for want of calls, proves nothing."""
    whole = (pl.col("faithfulness_reason") != BUDGET).fill_null(value=True)
    return (pl.col("triggers").list.len() == 0) & pl.col("score").is_not_null() & whole
