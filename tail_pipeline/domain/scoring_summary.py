"""What scoring a window came to, counted from its scored spans: for the metadata, the checks and the tail file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tail_pipeline.domain.audit import Audit
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import BUDGET, ScoredBy, is_signalled
from tail_pipeline.domain.selection import TRIGGERS, is_failing


@dataclass(frozen=True)
class ScoringSummary:
    """Counts of spans, and of ``contents``, the distinct answers behind those that a judge had to score.

    ``signalled`` counts spans with a score, a faithfulness or feedback; ``other_rubric`` those with a recorded score that was
    made with another rubric. ``audit`` is None unless the budget ended before the contents did.
    """

    spans: int
    failing: int
    unscored: int
    signalled: int
    recorded: int
    judged: int
    over_budget: int
    other_rubric: int
    contents: int
    triggers: Mapping[str, int]
    unscored_reasons: Mapping[str, int]
    faithfulness_reasons: Mapping[str, int]
    served_by: Mapping[str, int]
    flags: Mapping[str, int]
    audit: Audit | None


def summarise(scored: pl.LazyFrame, rubric: Rubric) -> ScoringSummary:
    """``scored`` in the span schema with ``SCORED_COLUMNS``; read in a streaming way."""
    by = pl.col("scored_by")
    over_budget = (pl.col("unscored_reason") == BUDGET).fill_null(value=False)
    other = pl.col("rubric_score").is_not_null() & pl.col("rubric_sha").is_not_null()
    totals = (
        scored.select(
            pl.len().alias("spans"),
            is_failing().sum().alias("failing"),
            pl.col("score").is_null().sum().alias("unscored"),
            is_signalled().sum().alias("signalled"),
            (by == ScoredBy.RECORDED).sum().alias("recorded"),
            by.is_in([ScoredBy.JUDGE.value, ScoredBy.AUDIT.value]).sum().alias("judged"),
            over_budget.sum().alias("over_budget"),
            (other & (pl.col("rubric_sha") != rubric.sha)).sum().alias("other_rubric"),
            *(pl.col("triggers").list.contains(name).sum().alias(name) for name in TRIGGERS),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    triggers = {name: totals.pop(name) for name in TRIGGERS}
    contents = (
        scored.filter(pl.col("content").is_not_null())
        .group_by("content")
        .agg(
            is_failing().any().alias("failing"),
            pl.col("triggers").list.contains("feedback").any().alias("complained"),
            (by == ScoredBy.AUDIT).any().alias("audited"),
            over_budget.any().alias("over_budget"),
            pl.col("score").is_not_null().any().alias("scored"),
        )
        .collect(engine="streaming")
    )
    return ScoringSummary(
        **totals,
        contents=contents.height,
        triggers=triggers,
        unscored_reasons=_counts(scored, "unscored_reason"),
        faithfulness_reasons=_counts(scored, "faithfulness_reason"),
        served_by=_counts(scored, "served_by"),
        flags=_counts(scored.select(pl.col("flags").explode()), "flags"),
        audit=_audit(contents),
    )


def _audit(contents: pl.DataFrame) -> Audit | None:
    """Of contents nobody complained about: those are in the tail whatever a judge would say."""
    if not contents["over_budget"].any():
        return None
    rest = contents.filter((pl.col("over_budget") & ~pl.col("complained")) | pl.col("audited"))
    sample = rest.filter("audited", "scored")
    return Audit.of(
        population=rest.height,
        sampled=sample.height,
        failing=int(sample["failing"].sum()),
        found=int(contents["failing"].sum()),
    )


def _counts(frame: pl.LazyFrame, column: str) -> dict[str, int]:
    counted = frame.group_by(column).len().drop_nulls().sort(column).collect(engine="streaming")
    return dict(counted.iter_rows())


def how_scored(rubric: Rubric, summary: ScoringSummary) -> str:
    """One sentence on where the scores are from."""
    if rubric.judge_model is None:
        others = f", {summary.other_rubric} of them made with another rubric" if summary.other_rubric else ""
        return f"as recorded in the trace store{others}; no judge is configured"
    return (
        f"{summary.judged} judged by {rubric.judge_model} ({summary.contents} distinct answers), {summary.recorded} recorded "
        "in the trace store with this very rubric"
    )
