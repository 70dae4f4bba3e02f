from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.scoring import RecordedScores
from tail_pipeline_tests.domain.builders import span, span_frame

SCORER = RecordedScores()


def score(recorded: float | None, faithfulness: float | None = None) -> tuple[float | None, float | None, str | None]:
    frame = SCORER.score(span_frame([span(rubric_score=recorded, ragas_faithfulness=faithfulness)]))
    return frame.select("score", "faithfulness", "unscored_reason").row(0)


@pytest.mark.parametrize("recorded", [0.0, 0.31, 0.82, 1.0])
def test_a_recorded_score_is_taken_as_it_is(recorded: float) -> None:
    assert score(recorded) == (recorded, None, None)


def test_a_span_without_a_score_is_unscored_and_never_zero() -> None:
    assert score(None) == (None, None, "no recorded score")


@pytest.mark.parametrize("recorded", [math.nan, math.inf, -math.inf, -0.001, 1.001, 82.0])
def test_a_score_outside_the_unit_interval_is_unscored(recorded: float) -> None:
    assert score(recorded) == (None, None, "recorded score outside 0..1")


@pytest.mark.parametrize("recorded", [None, math.nan, math.inf, -0.1, 1.1])
def test_a_faithfulness_outside_the_unit_interval_is_null(recorded: float | None) -> None:
    assert score(0.9, recorded) == (0.9, None, None)


def test_a_faithfulness_is_kept_where_the_score_is_missing() -> None:
    assert score(None, 0.4) == (None, 0.4, "no recorded score")


@given(st.lists(st.none() | st.floats(), max_size=20))
def test_every_span_has_either_a_score_or_a_reason(recorded: list[float | None]) -> None:
    frame = SCORER.score(span_frame([span(number, rubric_score=one) for number, one in enumerate(recorded)]))
    both = frame.select("score", "unscored_reason").rows()
    assert [(found is None) != (reason is None) for found, reason in both] == [True] * len(recorded)
