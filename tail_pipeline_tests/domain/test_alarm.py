from __future__ import annotations

import pytest
from hypothesis import given

from tail_pipeline.domain.alarm import (
    MAX_FAILURE_CHARS,
    Alarm,
    MissingCell,
    compose_alarm,
    compose_escalation_alarm,
    says_over,
)
from tail_pipeline_tests.domain.builders import DAY, WEEK, at
from tail_pipeline_tests.strategies import hostile_texts


def missing(segment: str | None = "acme", failure: str | None = None, *, under_way: bool = False) -> MissingCell:
    return MissingCell(DAY, segment, under_way, failure)


def compose(*cells: MissingCell) -> Alarm:
    return compose_alarm("support", DAY, cells, owner="engagement-owner")


def test_an_alarm_says_which_cells_of_which_day_are_missing() -> None:
    alarm = compose(missing("acme"), missing("globex", under_way=True))
    assert alarm.title == "Missing: regression tail 2026-W17-1 of support"
    assert "**support** has no pull request yet for 2 cells of mining day 2026-W17-1." in alarm.body
    assert "- `acme`: never mined\n- `globex`: under way" in alarm.body


def test_the_last_failure_of_a_cell_is_told() -> None:
    body = compose(missing("acme", "the store is down")).body
    assert "- `acme`: failed" in body
    assert "Last failure of `acme`:\n\n```text\nthe store is down\n```" in body


def test_the_tenant_that_failed_stands_above_two_hundred_whose_turn_has_not_come() -> None:
    waiting = [missing(f"tenant-{number:03d}") for number in range(200)]
    body = compose(*waiting, missing("zeta", "the store is down")).body
    assert "201 cells of mining day 2026-W17-1.\n\n- `zeta`: failed\n- `tenant-000`: never mined\n" in body


def test_a_cell_that_is_tried_again_says_so() -> None:
    assert "- `acme`: failed, and under way again" in compose(missing("acme", "down", under_way=True)).body


def test_an_agent_without_segments_has_no_segment_in_its_alarm() -> None:
    body = compose(missing(None, "down")).body
    assert "1 cell of mining day" in body
    assert "- failed\n\nLast failure:\n" in body


def test_an_alarm_is_over_when_nothing_is_missing() -> None:
    alarm = compose()
    assert (alarm.over, alarm.title) == (True, "Over: regression tail 2026-W17-1 of support")
    assert alarm.body.startswith("**Over.** Every cell of 2026-W17-1 of **support** has been mined")


def test_an_alarm_and_its_end_are_one_issue() -> None:
    assert compose().key == compose(missing()).key == "support.2026-W17-1"


@given(hostile_texts())
def test_the_text_of_a_failure_does_nothing(text: str) -> None:
    body = compose(missing("acme", f"{text}\n@octocat fixes #12\n```\n<img src=x>")).body
    assert "@octocat" not in body
    assert "#12" not in body
    fence = next(line for line in body.splitlines() if line.endswith("text") and line.startswith("```"))
    assert body.splitlines().count(fence.removesuffix("text")) == 1


@pytest.mark.parametrize(("cells", "lines"), [(50, 50), (120, 51)])
def test_an_alarm_of_many_cells_stays_readable(cells: int, lines: int) -> None:
    body = compose(*(missing(f"tenant-{number}", "x" * 10_000) for number in range(cells))).body
    assert len([line for line in body.splitlines() if line.startswith("- ")]) == lines
    assert len(body) < 12 * MAX_FAILURE_CHARS
    assert f"The failures of {cells - 10} more are in Dagster's runs." in body


@pytest.mark.parametrize("cells", [(), (missing(),)], ids=["over", "missing"])
def test_a_title_says_whether_the_alarm_was_over(cells: tuple[MissingCell, ...]) -> None:
    alarm = compose(*cells)
    assert says_over(alarm.title) == alarm.over
    assert alarm.is_named_by(alarm.title)


def test_an_alarm_cannot_be_older_than_the_day_before_its_mining_day() -> None:
    assert compose().not_before == at("2026-04-19T00:00")


def of_escalation(failure: str | None, segment: str | None = "acme") -> Alarm:
    return compose_escalation_alarm("support", segment, WEEK, failure, owner="engagement-owner")


def test_an_escalation_that_failed_says_that_nobody_was_paged_and_what_to_do() -> None:
    alarm = of_escalation("the token lacks a permission")
    assert alarm.title == "Missing: escalation of 2026-W17: support / acme"
    assert "nobody was paged.\n\n```text\nthe token lacks a permission\n```" in alarm.body
    assert "`tail-pipeline escalate --agent support --segment acme --week 2026-W17` raises it" in alarm.body


def test_an_escalation_of_an_agent_without_segments_names_none() -> None:
    assert "`tail-pipeline escalate --agent support --week 2026-W17` raises it" in of_escalation("x", None).body


def test_an_alarm_about_an_escalation_and_its_end_are_one_issue() -> None:
    over, raised = of_escalation(None), of_escalation("down")
    assert (over.key, over.about, over.over, raised.over) == (raised.key, raised.about, True, False)
    assert over.title == "Over: escalation of 2026-W17: support / acme"


def test_alarms_about_pull_requests_and_about_escalations_are_told_apart() -> None:
    assert not compose(missing()).is_named_by(of_escalation("down", None).title)
    assert not of_escalation("down", None).is_named_by(compose(missing()).title)
