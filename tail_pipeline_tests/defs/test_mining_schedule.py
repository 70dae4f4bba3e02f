"""Which cells a tick of the mining schedule requests, on a real Dagster instance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tail_pipeline_tests.conftest import git
from tail_pipeline_tests.defs.pipeline import (
    AGENT,
    FAILING,
    Pipeline,
    configure,
    persistent_pipeline,
    span,
    write_spans,
)
from tail_pipeline_tests.domain.builders import at

MONDAY = at("2026-04-20T09:00")
LAST_FOUR = ["2026-W14-1", "2026-W15-1", "2026-W16-1", "2026-W17-1"]
TENANTS = "    segments: {by: tenant, values: [globex, acme]}\n"


@pytest.fixture
def calendar(checkout: Path) -> Iterator[Pipeline]:
    configure(checkout)
    with persistent_pipeline(checkout) as running:
        yield running


def requested(calendar: Pipeline, time: str = "2026-04-20T09:00") -> list[str | None]:
    return [request.partition_key for request in calendar.tick(at(time)).run_requests or []]


def test_what_the_last_four_mondays_lack_is_requested_oldest_first(calendar: Pipeline) -> None:
    tick = calendar.tick(MONDAY)

    assert [(one.partition_key, one.run_key) for one in tick.run_requests or []] == [(key, key) for key in LAST_FOUR]


def test_the_schedules_run_without_anybody_switching_them_on(calendar: Pipeline) -> None:
    schedules = {one.name: one for one in calendar.repository.schedule_defs}

    assert {(name, one.cron_schedule, one.execution_timezone) for name, one in schedules.items()} == {
        (f"mine_{AGENT}_schedule", "0 9 * * 1", "UTC"),
        ("check_deadline_schedule", "0 12 * * *", "UTC"),
    }
    assert {one.default_status for one in schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}
    assert {one.default_status for one in calendar.repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}


@pytest.mark.parametrize(
    ("cadence", "cron", "keys"),
    [
        ("daily", "0 9 * * *", ["2026-W16-5", "2026-W16-6", "2026-W16-7", "2026-W17-1"]),
        ("monthly", "0 9 1 * *", ["2026-W14-3"]),
    ],
)
def test_a_daily_and_a_monthly_agent_have_their_own_days(
    checkout: Path, cadence: str, cron: str, keys: list[str]
) -> None:
    configure(checkout)
    _replace(checkout, "cadence: weekly", f"cadence: {cadence}")
    with persistent_pipeline(checkout) as calendar:
        schedule = calendar.repository.get_schedule_def(f"mine_{AGENT}_schedule")

        assert (schedule.cron_schedule, requested(calendar)) == (cron, keys)


def test_cells_with_a_pull_request_are_not_requested_again(calendar: Pipeline) -> None:
    calendar.land("2026-W14-1", "2026-W16-1")

    assert requested(calendar) == ["2026-W15-1", "2026-W17-1"]


def test_a_tick_with_nothing_to_do_says_so(calendar: Pipeline) -> None:
    calendar.land(*LAST_FOUR)

    tick = calendar.tick(MONDAY)

    assert (tick.run_requests, tick.skip_message) == ([], "2026-W14-1 to 2026-W17-1: every cell has its pull request")


def test_each_tenant_of_each_day_is_a_cell(checkout: Path) -> None:
    configure(checkout, TENANTS)
    with persistent_pipeline(checkout) as calendar:
        calendar.land("2026-W14-1|acme", "2026-W15-1|acme", "2026-W15-1|globex")

        tick = calendar.tick(MONDAY)

    keys = ["2026-W14-1|globex", *(f"2026-W{week}-1|{tenant}" for week in (16, 17) for tenant in ("globex", "acme"))]
    assert [(one.partition_key, one.run_key) for one in tick.run_requests or []] == [(key, key) for key in keys]


def test_nothing_before_the_start_week_is_requested(checkout: Path) -> None:
    configure(checkout)
    _replace(checkout, "start_week: 2026-W10", "start_week: 2026-W16")
    with persistent_pipeline(checkout) as calendar:
        assert requested(calendar) == ["2026-W16-1", "2026-W17-1"]
        assert calendar.tick(at("2026-04-06T09:00")).skip_message == (
            "the first mining day of simulated-support is 2026-W16-1"
        )


def test_the_turn_of_a_year_with_53_weeks_is_crossed(checkout: Path) -> None:
    configure(checkout)
    _replace(checkout, "start_week: 2026-W10", "start_week: 2020-W01")
    with persistent_pipeline(checkout) as calendar:
        assert requested(calendar, "2021-01-11T09:00") == ["2020-W52-1", "2020-W53-1", "2021-W01-1", "2021-W02-1"]


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
def test_a_cell_whose_run_is_not_over_is_not_requested_twice(calendar: Pipeline, status: dg.DagsterRunStatus) -> None:
    calendar.start("2026-W15-1", status)

    assert requested(calendar) == ["2026-W14-1", "2026-W16-1", "2026-W17-1"]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_a_cell_whose_run_ended_without_a_pull_request_is_requested_again(
    calendar: Pipeline, status: dg.DagsterRunStatus
) -> None:
    calendar.start("2026-W15-1", status)

    assert requested(calendar) == LAST_FOUR


def test_a_backfill_from_the_ui_counts_as_a_run_of_its_cells(calendar: Pipeline) -> None:
    calendar.start("2026-W15-1", job="__ASSET_JOB", assets=["spans", "tail_yaml", "tail_pr"])
    calendar.start("2026-W16-1", job="__ASSET_JOB", assets=["spans"])

    assert requested(calendar) == ["2026-W14-1", "2026-W16-1", "2026-W17-1"]


def test_when_all_that_is_missing_is_under_way_the_tick_says_so(calendar: Pipeline) -> None:
    calendar.land(*LAST_FOUR[:3])
    calendar.start("2026-W17-1")

    assert calendar.tick(MONDAY).skip_message == (
        "2026-W14-1 to 2026-W17-1: every cell has its pull request, or is under way"
    )


def test_the_runs_of_another_agent_are_not_taken_for_this_ones(checkout: Path) -> None:
    configure(checkout, "  - {name: other, eval_dir: eval/other, traces: {store: files, path: x.jsonl}}\n")
    (checkout / "eval" / "other").mkdir()
    (checkout / "eval" / "other" / "rubric.yaml").write_bytes((checkout / "eval" / "rubric.yaml").read_bytes())
    with persistent_pipeline(checkout) as calendar:
        calendar.start("2026-W15-1", job="mine_other")

        assert requested(calendar) == LAST_FOUR
        assert len(calendar.tick(MONDAY, "mine_other_schedule").run_requests or []) == 3


def test_a_failed_cell_is_requested_by_the_next_tick_and_what_it_left_stays(calendar: Pipeline) -> None:
    write_spans(calendar.checkout, [span(number, f"refund number {number}", FAILING) for number in range(4)])
    assert calendar.mine("2026-W16-1").success
    trunk = git(calendar.checkout, "rev-parse", "main").strip()
    git(calendar.checkout, "branch", "--quiet", "-m", "main", "trunk")
    assert not calendar.mine("2026-W17-1").success
    git(calendar.checkout, "branch", "--quiet", "-m", "trunk", "main")

    assert requested(calendar) == ["2026-W14-1", "2026-W15-1", "2026-W17-1"]

    assert calendar.mine("2026-W17-1").success
    assert requested(calendar) == ["2026-W14-1", "2026-W15-1"]
    assert git(calendar.checkout, "rev-parse", "main").strip() == trunk


def _replace(checkout: Path, old: str, new: str) -> None:
    agents = checkout / "eval" / "agents.yaml"
    agents.write_text(agents.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
