from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import BUDGET
from tail_pipeline.domain.selection import is_failing, is_passing, require_selected_with
from tail_pipeline_tests.domain.builders import RUBRIC, scored_frame, span


def triggers(**changes: Any) -> list[str]:
    return scored_frame([span(**({"rubric_score": 0.95} | changes))])["triggers"][0].to_list()


@pytest.mark.parametrize(
    ("score", "expected"), [(0.8199999, ["rubric"]), (0.82, []), (0.8200001, []), (0.0, ["rubric"])]
)
def test_only_a_score_strictly_below_the_line_fails(score: float, expected: list[str]) -> None:
    assert triggers(rubric_score=score) == expected


@pytest.mark.parametrize(("faithfulness", "expected"), [(0.7799999, ["ragas"]), (0.78, []), (0.0, ["ragas"])])
def test_only_a_faithfulness_strictly_below_the_line_fails(faithfulness: float, expected: list[str]) -> None:
    assert triggers(ragas_faithfulness=faithfulness, contexts=["a source"]) == expected


@pytest.mark.parametrize("contexts", [None, []])
def test_faithfulness_counts_only_where_something_was_retrieved(contexts: list[str] | None) -> None:
    assert triggers(ragas_faithfulness=0.1, contexts=contexts) == []


@pytest.mark.parametrize("feedback", ["thumbs_down", "regenerated", "corrected"])
def test_negative_feedback_fails_whatever_the_score(feedback: str) -> None:
    assert triggers(rubric_score=1.0, user_feedback=feedback) == ["feedback"]


def test_a_correction_fails_without_any_other_feedback() -> None:
    assert triggers(correction="Better.") == ["feedback"]


def test_a_thumbs_up_does_not_excuse_a_low_score() -> None:
    assert triggers(rubric_score=0.2, user_feedback="thumbs_up") == ["rubric"]


def test_a_span_records_all_it_hit_in_fixed_order() -> None:
    found = triggers(user_feedback="thumbs_down", ragas_faithfulness=0.1, contexts=["a source"], rubric_score=0.1)
    assert found == ["rubric", "ragas", "feedback"]


@pytest.mark.parametrize("score", [None, math.nan, 1.5])
def test_an_unscored_span_is_neither_failing_nor_passing(score: float | None) -> None:
    frame = scored_frame([span(rubric_score=score)])
    assert frame.select(is_failing().alias("failing"), is_passing().alias("passing")).row(0) == (False, False)


def test_an_unscored_span_with_negative_feedback_is_failing() -> None:
    frame = scored_frame([span(rubric_score=None, user_feedback="thumbs_down")])
    assert frame.select(is_failing()).item() is True


numbers = st.none() | st.sampled_from([0.0, 0.78, 0.7799, 0.82, 0.8199, 1.0, 1.5, -1.0, math.nan]) | st.floats(0, 1)
rows = st.fixed_dictionaries(
    {
        "rubric_score": numbers,
        "ragas_faithfulness": numbers,
        "contexts": st.sampled_from([None, [], ["a source"], [""]]),
        "user_feedback": st.sampled_from([None, "thumbs_up", "thumbs_down", "regenerated", "corrected"]),
        "correction": st.sampled_from([None, "Better."]),
    }
)


def expected_triggers(row: dict[str, Any]) -> list[str]:
    """The rule of the three triggers in plain Python."""

    def below(value: float | None, line: float) -> bool:
        return value is not None and 0 <= value <= 1 and value < line

    found = []
    if below(row["rubric_score"], 0.82):
        found.append("rubric")
    if row["contexts"] and below(row["ragas_faithfulness"], 0.78):
        found.append("ragas")
    if row["user_feedback"] in ("thumbs_down", "regenerated", "corrected") or row["correction"]:
        found.append("feedback")
    return found


@given(st.lists(rows, max_size=12))
def test_triggers_are_those_of_the_rule(changes: list[dict[str, Any]]) -> None:
    frame = scored_frame([span(number, **change) for number, change in enumerate(changes)])
    assert frame["triggers"].to_list() == [expected_triggers(change) for change in changes]


@given(st.lists(rows, max_size=12))
def test_no_span_is_failing_and_passing(changes: list[dict[str, Any]]) -> None:
    frame = scored_frame([span(number, **change) for number, change in enumerate(changes)])
    assert frame.filter(is_failing() & is_passing()).height == 0


@pytest.mark.parametrize("change", [{"rubric_min_score": 0.5}, {"ragas_faithfulness": 0.5}, {"judge_model": "a/b"}])
def test_spans_that_another_rubric_selected_are_refused(change: dict[str, Any]) -> None:
    criteria = [{"name": "tone", "weight": 1.0, "judge": "Is friendly."}]
    edited = Rubric.model_validate(RUBRIC.model_dump() | {"criteria": criteria} | change)
    with pytest.raises(PermanentError, match="materialize scored_spans again"):
        require_selected_with(edited, scored_frame([span()]).lazy())


def test_spans_that_this_rubric_selected_and_weeks_without_any_are_taken() -> None:
    frame = scored_frame([span()])
    for taken in (frame, frame.clear()):
        require_selected_with(RUBRIC, taken.lazy())


@pytest.mark.parametrize(
    ("reason", "passes"),
    [(None, True), ("nothing was retrieved", True), ("the answer makes no statement", True), (BUDGET, False)],
)
def test_an_answer_whose_faithfulness_the_calls_did_not_reach_is_no_example(reason: str | None, passes: bool) -> None:
    frame = scored_frame([span(rubric_score=0.95)]).with_columns(
        pl.lit(reason, pl.String()).alias("faithfulness_reason")
    )
    assert frame.filter(is_passing()).height == passes
