"""What a scored window is counted as, from frames as scoring leaves them."""

from __future__ import annotations

from typing import Any

import polars as pl

from tail_pipeline.domain.audit import Audit
from tail_pipeline.domain.judgement import Judgement
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import BUDGET, NO_OUTPUT, ScoredBy, judged_columns
from tail_pipeline.domain.scoring_summary import ScoringSummary, how_scored, summarise
from tail_pipeline.domain.selection import with_triggers
from tail_pipeline.domain.suspicious_text import with_flags
from tail_pipeline_tests.domain.builders import RUBRIC, scored_frame, span, span_frame

JUDGED = Rubric.model_validate(
    RUBRIC.model_dump()
    | {"judge_model": "vendor/judge", "criteria": [{"name": "policy", "weight": 1.0, "judge": "Follows the policy."}]}
)
GOOD, BAD, LEFT_OUT = Judgement(0.9, None), Judgement(0.2, None), Judgement(None, BUDGET)


def summary(*rows: tuple[Judgement, ScoredBy, str | None], **fields: Any) -> ScoringSummary:
    """Of one span per row, judged as the row says."""
    frame = span_frame([span(number, **fields) for number in range(len(rows))])
    columns = judged_columns(
        [one for one, _, _ in rows], [by for _, by, _ in rows], [content for _, _, content in rows]
    )
    return summarise(with_triggers(with_flags(frame.hstack(columns)), JUDGED).lazy(), JUDGED)


def test_spans_are_counted_by_where_their_score_is_from() -> None:
    found = summary(
        (GOOD, ScoredBy.RECORDED, None),
        (BAD, ScoredBy.JUDGE, "a"),
        (BAD, ScoredBy.JUDGE, "a"),
        (GOOD, ScoredBy.AUDIT, "b"),
        (LEFT_OUT, ScoredBy.JUDGE, "c"),
        (Judgement(None, NO_OUTPUT), ScoredBy.JUDGE, None),
    )
    assert (found.recorded, found.judged, found.unscored, found.over_budget, found.contents, found.failing) == (
        1,
        3,
        2,
        1,
        3,
        2,
    )


def test_the_audit_counts_distinct_contents() -> None:
    rows = [(BAD, ScoredBy.JUDGE, "found")] * 3
    rows += [(GOOD, ScoredBy.AUDIT, f"audited {number}") for number in range(9)] + [
        (BAD, ScoredBy.AUDIT, "audited bad")
    ]
    rows += [(LEFT_OUT, ScoredBy.JUDGE, f"left {number // 2}") for number in range(40)]
    assert summary(*rows).audit == Audit.of(population=30, sampled=10, failing=1, found=2)


def test_complaints_are_in_the_tail_and_not_among_what_may_be_missed() -> None:
    found = summary((LEFT_OUT, ScoredBy.JUDGE, "a"), (LEFT_OUT, ScoredBy.JUDGE, "b"), user_feedback="thumbs_down")
    assert found.audit == Audit.of(population=0, sampled=0, failing=0, found=2)


def test_without_anything_left_out_there_is_no_audit() -> None:
    assert summary((BAD, ScoredBy.JUDGE, "a"), (GOOD, ScoredBy.JUDGE, "b")).audit is None


def test_without_a_judge_it_is_said_that_scores_are_as_recorded_and_how_many_are_of_another_rubric() -> None:
    frame = scored_frame([span(1, rubric_sha="0123456789ab"), span(2, rubric_sha=RUBRIC.sha), span(3)])
    assert how_scored(RUBRIC, summarise(frame.lazy(), RUBRIC)) == (
        "as recorded in the trace store, 1 of them made with another rubric; no judge is configured"
    )


def test_an_empty_window_is_counted_as_such() -> None:
    found = summarise(pl.DataFrame(schema=scored_frame([]).schema).lazy(), RUBRIC)
    assert (found.spans, found.failing, found.contents, found.audit) == (0, 0, 0, None)
