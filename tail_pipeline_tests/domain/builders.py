"""Records with sensible values everywhere, so that a test states only what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from tail_pipeline.domain.background import BackgroundSample
from tail_pipeline.domain.novelty import Novelty, Outcome
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import RecordedScores
from tail_pipeline.domain.selection import is_failing, with_triggers
from tail_pipeline.domain.spans import SPAN_SCHEMA
from tail_pipeline.domain.tail_file import (
    CaseCluster,
    CaseRubric,
    CaseWindow,
    Counts,
    TailCase,
    TailFile,
)
from tail_pipeline.domain.trend import WeekNumbers
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay, Window
from tail_pipeline.domain.weighted_clusters import Cluster

RUBRIC = Rubric(rubric_min_score=0.82, ragas_faithfulness=0.78)
DAY = MiningDay.parse("2026-W17-1")
WEEK = IsoWeek(2026, 17)
WINDOW: Window = DAY.window(Cadence.WEEKLY)


def span(number: int = 1, text: str = "where is my order", **changes: Any) -> dict[str, Any]:
    """A span that fails by its score, and by nothing else."""
    started = WINDOW.start + timedelta(minutes=number)
    return {
        "trace_id": f"trace-{number:04d}",
        "span_id": f"span-{number:04d}",
        "agent": "support",
        "input": text,
        "output": "An answer.",
        "contexts": [],
        "labels": [],
        "start_time": started,
        "end_time": started + timedelta(seconds=2),
        "rubric_score": 0.5,
    } | changes


def span_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows in the span schema; what a row does not say is null."""
    return pl.DataFrame([{name: row.get(name) for name in SPAN_SCHEMA} for row in rows], schema=SPAN_SCHEMA)


def scored_frame(rows: Iterable[Mapping[str, Any]], rubric: Rubric = RUBRIC) -> pl.DataFrame:
    return with_triggers(RecordedScores().score(span_frame(rows)), rubric)


def failing_frame(rows: Iterable[Mapping[str, Any]], rubric: Rubric = RUBRIC) -> pl.DataFrame:
    return scored_frame(rows, rubric).filter(is_failing())


def background_of(texts: Sequence[str]) -> BackgroundSample:
    sample = BackgroundSample()
    rows = [span(number, text, trace_id=f"passing-{number:04d}") for number, text in enumerate(texts)]
    sample.add(span_frame(rows))
    return sample


def ordinary_texts() -> list[str]:
    """144 distinct things users of a shop say, in the small words everybody uses."""
    verbs = "track cancel return change ship find pay insure gift repeat delay split".split()
    nouns = "parcel order invoice basket voucher address delivery receipt booking card coupon label".split()
    frames = (
        "how can i {} the {} from last week",
        "does this shop {} a {} for me",
        "which of you will {} this {} today",
        "please {} the {} of my sister",
        "why did nobody {} this {} yet",
        "i want to {} that {} out of the warehouse",
    )
    pairs = [(verb, noun) for verb in verbs for noun in nouns]
    return [frames[number % len(frames)].format(*pair) for number, pair in enumerate(pairs)]


def cluster(number: int = 1, **changes: Any) -> Cluster:
    """A proposed cluster of two spans; clusters of different numbers share no member."""
    members = ((f"trace-{number}a", f"span-{number}a"), (f"trace-{number}b", f"span-{number}b"))
    return Cluster(
        **{
            "rank": number,
            "title": "Refund timing",
            "text": "when do i get my refund",
            "paraphrases": ("refund still missing",),
            "representative": members[0],
            "members": members,
            "weight": 2,
            "cost_weight": 1,
            "labels": (),
            "triggers": {"rubric": 2, "ragas": 0, "feedback": 0},
            "lowest_score": 0.31,
            "outcome": Outcome.PROPOSED,
            "novelty": Novelty.NEW,
        }
        | changes
    )


def counts(**changes: int) -> Counts:
    return Counts(
        **{
            "spans": 100,
            "scored": 98,
            "unscored": 2,
            "failing": 12,
            "clusters": 4,
            "new_clusters": 3,
            "cases": 3,
            "over_cap": 0,
            "unclustered": 1,
            "max_clusters": 20,
        }
        | changes
    )


def tail_case(number: int = 1, **changes: Any) -> TailCase:
    details = {
        "size": 2,
        "weight": 2,
        "triggers": {"rubric": 2, "ragas": 0, "feedback": 0},
        "lowest_score": 0.31,
        "novelty": "new",
        "first_seen": "2026-W17",
        "span_ids": [f"span-{number}a", f"span-{number}b"],
        "paraphrases": ["refund still missing"],
    } | changes.pop("cluster", {})
    return TailCase(
        **{
            "id": f"tail-2026W17-{number:03d}",
            "title": "Refund timing",
            "status": "proposed",
            "rejection_reason": None,
            "input": "when do i get my refund\nit has been two weeks",
            "context": [],
            "expected": None,
            "expected_source": "none",
            "labels": [],
            "source": "tail_miner",
            "cost_weight": 1,
            "cluster": CaseCluster(**details),
        }
        | changes
    )


def tail_file(**changes: Any) -> TailFile:
    return TailFile(
        **{
            "iso_week": "2026-W17",
            "agent": "support",
            "segment": None,
            "window": CaseWindow(start=WINDOW.start, end=WINDOW.end),
            "rubric": CaseRubric(sha=RUBRIC.sha, rubric_min_score=0.82, ragas_faithfulness=0.78, judge_model=None),
            "counts": counts(),
            "cases": [tail_case(1)],
            "not_proposed": [],
            "complaints": [],
        }
        | changes
    )


def week_numbers(week: IsoWeek, clusters: int, **changes: Any) -> WeekNumbers:
    return WeekNumbers(
        **{
            "week": week,
            "spans": 1000,
            "failing": clusters * 5,
            "clusters": clusters,
            "new_clusters": 5,
            "max_clusters": 20,
        }
        | changes
    )


def at(text: str) -> datetime:
    """UTC, from ``2026-04-13T09:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
