"""What three runs say of a case."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.dry_run import RUNS, RunOutcome, conclude, outcome_of
from tail_pipeline.domain.judgement import Judgement
from tail_pipeline_tests.domain.builders import RUBRIC
from tail_pipeline_tests.strategies import hostile_texts

SHARES = st.floats(0, 1, allow_nan=False)
JUDGEMENTS = st.builds(
    Judgement,
    score=SHARES,
    unscored_reason=st.none(),
    broken_floors=st.sampled_from([(), ("policy",)]),
    faithfulness=st.none() | SHARES,
)
SCORED = JUDGEMENTS.map(lambda judgement: outcome_of(judgement, RUBRIC))
SILENT = st.builds(RunOutcome, st.none(), st.none(), hostile_texts())


@given(st.lists(SCORED, min_size=RUNS, max_size=RUNS))
def test_three_runs_are_stable_where_they_agree_and_flaky_where_they_do_not(outcomes: list[RunOutcome]) -> None:
    passes = {one.passed for one in outcomes}

    expected = "flaky" if len(passes) == 2 else "stable_pass" if True in passes else "stable_fail"
    assert conclude("agent", outcomes).verdict == expected


@given(st.lists(SCORED, min_size=RUNS, max_size=RUNS))
def test_only_a_stable_pass_has_passed(outcomes: list[RunOutcome]) -> None:
    found = conclude("agent", outcomes)

    assert found.passed is (found.verdict == "stable_pass")


@given(st.lists(SCORED, min_size=RUNS, max_size=RUNS))
def test_the_score_is_the_median_of_the_runs(outcomes: list[RunOutcome]) -> None:
    assert conclude("agent", outcomes).score == round(median(one.score or 0.0 for one in outcomes), 4)


@given(st.lists(SCORED | SILENT, max_size=RUNS).filter(lambda runs: sum(one.passed is not None for one in runs) < RUNS))
def test_a_run_that_is_missing_leaves_the_case_without_a_verdict_and_never_passed(outcomes: list[RunOutcome]) -> None:
    found = conclude("agent", outcomes)

    assert (found.verdict, found.score, found.passed) == (None, None, None)


@given(st.lists(SCORED | SILENT, max_size=RUNS).filter(lambda runs: sum(one.passed is not None for one in runs) < RUNS))
def test_a_case_without_a_verdict_says_why_in_one_line(outcomes: list[RunOutcome]) -> None:
    reason = conclude("agent", outcomes).reason or ""

    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("judgement", "reason"),
    [
        (Judgement(0.95, None, broken_floors=("policy", "privacy")), "broken floor: policy, privacy"),
        (Judgement(0.95, None, faithfulness=0.4), "faithfulness 0.40"),
        (Judgement(0.5, None, broken_floors=("policy",)), None),
        (Judgement(0.95, None, faithfulness=0.9), None),
        (Judgement(None, "the judge is away"), "not scored: the judge is away"),
    ],
)
def test_a_run_says_what_its_score_does_not_show(judgement: Judgement, reason: str | None) -> None:
    assert outcome_of(judgement, RUBRIC).reason == reason
