"""What the pull request opens with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.dry_run import DryRun, not_run
from tail_pipeline.domain.scorecard import Scorecard, render_scorecard, verdict_cell
from tail_pipeline.domain.tail_file import TailCase
from tail_pipeline_tests.domain.builders import tail_case

TARGET = "openai/gpt-5-mini"


def tried(number: int, verdict: str | None, *, reason: str = "it was down", **changes: Any) -> TailCase:
    scores = {"stable_pass": 0.9, "flaky": 0.7, "stable_fail": 0.3}
    if verdict is None:
        return tail_case(number, dry_run=not_run(TARGET, reason), **changes)
    found = DryRun.model_validate(
        {"model": TARGET, "runs": 3, "score": scores[verdict], "passed": verdict == "stable_pass", "verdict": verdict}
    )
    return tail_case(number, dry_run=found, **changes)


def cases(passing: int = 0, flaky: int = 0, failing: int = 0, silent: int = 0) -> list[TailCase]:
    verdicts = ["stable_pass"] * passing + ["flaky"] * flaky + ["stable_fail"] * failing + [None] * silent
    return [tried(number, verdict) for number, verdict in enumerate(verdicts, start=1)]


COUNTS = st.integers(0, 12)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_every_case_is_counted_once(passing: int, flaky: int, failing: int, silent: int) -> None:
    card = Scorecard(cases(passing, flaky, failing, silent))

    found = (
        len(card.handled),
        len(card.with_verdict("flaky")),
        len(card.with_verdict("stable_fail")),
        len(card.not_run),
    )
    assert found == (passing, flaky, failing, silent)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_only_stable_passes_are_handled_and_only_tried_cases_counted(
    passing: int, flaky: int, failing: int, silent: int
) -> None:
    tried_cases = passing + flaky + failing

    share = Scorecard(cases(passing, flaky, failing, silent)).share

    assert share == (passing / tried_cases if tried_cases else None)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"failing": 20}, "0% is suspicious. Check that the target is the agent in production"),
        ({"flaky": 20}, "0% is suspicious"),
        ({"passing": 20}, "100% is suspicious. Check that the target is not ahead of what answered in the traces"),
        ({"passing": 2, "failing": 18}, "2 of 20 mined cases (10%).** 10–20% is healthy."),
        ({"passing": 4, "failing": 16}, "4 of 20 mined cases (20%).** 10–20% is healthy."),
        ({"passing": 1, "failing": 19}, "10–20% is healthy; this is below."),
        ({"passing": 5, "failing": 15}, "10–20% is healthy; this is above"),
    ],
)
def test_the_share_is_read_for_the_lead(counts: dict[str, int], says: str) -> None:
    assert says in render_scorecard(cases(**counts))


def test_cases_that_were_not_run_are_named_with_their_reason_beside_the_others() -> None:
    text = render_scorecard(cases(passing=2, failing=16, silent=2))

    assert "2 of 18 mined cases (11%)" in text
    assert "⚠ **Not run: 2 mined cases** (`tail-2026W17-019`, `tail-2026W17-020`): it was down" in text


def test_a_dry_run_that_failed_altogether_is_loud_and_claims_no_share() -> None:
    text = render_scorecard(cases(silent=3))

    assert f"**⚠ Not run: none of the 3 mined cases could be tried on `{TARGET}`.**" in text
    assert "handles" not in text


def test_flaky_cases_are_named() -> None:
    assert "not counted as handled: `tail-2026W17-002`." in render_scorecard(cases(passing=1, flaky=1, failing=8))


@pytest.mark.parametrize(("verdict", "named"), [("stable_fail", True), ("flaky", True), ("stable_pass", False)])
def test_a_costly_case_that_is_not_handled_comes_first(verdict: str, named: bool) -> None:
    text = render_scorecard([*cases(failing=9), tried(10, verdict, cost_weight=10)])

    assert ("**1 costly case not handled** (weight up to 10 a span): `tail-2026W17-010`" in text) is named


@pytest.mark.parametrize(("count", "warned"), [(4, True), (10, False)])
def test_a_share_of_few_cases_is_taken_with_care(count: int, warned: bool) -> None:
    assert ("read the share with that in mind" in render_scorecard(cases(failing=count))) is warned


def test_a_file_without_a_target_says_so() -> None:
    assert "**1 mined case. No dry run:** no target is configured" in render_scorecard([tail_case(1)])


def test_cases_mined_before_there_was_a_target_are_told_apart() -> None:
    text = render_scorecard([*cases(passing=1, failing=9), tail_case(11)])

    assert "Mined without a target, and not run: `tail-2026W17-011`." in text


def test_a_reason_cannot_speak_to_anybody() -> None:
    text = render_scorecard([tried(1, None, reason="@octocat fixes #12 <img src=x> | ![x](http://x.y)")])

    assert not any(live in text for live in ("@octocat", "#12", "<img", "http://", "!["))


@pytest.mark.parametrize(
    ("verdict", "cell"),
    [("stable_fail", "stable fail (0.30)"), ("stable_pass", "stable pass (0.90)"), (None, "not run")],
)
def test_a_case_has_its_verdict_in_the_table(verdict: str | None, cell: str) -> None:
    assert verdict_cell(tried(1, verdict)) == cell


@pytest.mark.parametrize(
    ("found", "shown"), [(cases(passing=1, flaky=1, failing=3, silent=2), "1/5"), ([tail_case(1)], None), ([], None)]
)
def test_a_table_of_weeks_shows_how_many_are_handled(found: list[TailCase], shown: str | None) -> None:
    assert Scorecard(found).handled_of_judged == shown
