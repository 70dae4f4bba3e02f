"""Daily and monthly agents on a real instance: one file a week that grows by days, months that are compared with months."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tail_pipeline_tests.conftest import git
from tail_pipeline_tests.defs.pipeline import (
    BRANCH,
    FAILING,
    configure,
    materialize,
    pipeline,
    span,
    tail_of,
    week,
    write_spans,
)


def test_a_daily_agent_extends_one_file_a_week(checkout: Path) -> None:
    configure(checkout)
    _mined(checkout, "daily")
    monday, tuesday = _two_days()
    write_spans(checkout, monday + tuesday)
    with pipeline(checkout) as mining:
        assert mining.mine("2026-W17-1").success
        assert mining.mine("2026-W17-2").success
        once = git(checkout, "rev-parse", BRANCH)
        assert mining.mine("2026-W17-1").success

    file = tail_of(checkout)
    assert [(run.day, run.counts.spans) for run in file.runs or []] == [("2026-W17-1", 25), ("2026-W17-2", 3)]
    assert [(case.id, case.run) for case in file.cases] == [
        ("tail-2026W17-001", "2026-W17-1"),
        ("tail-2026W17-002", "2026-W17-1"),
        ("tail-2026W17-003", "2026-W17-2"),
    ]
    assert git(checkout, "rev-parse", BRANCH) == once


def test_days_after_a_merge_go_to_a_follow_up_branch(checkout: Path) -> None:
    configure(checkout)
    _mined(checkout, "daily")
    monday, tuesday = _two_days()
    write_spans(checkout, monday + tuesday)
    with pipeline(checkout) as mining:
        mining.mine("2026-W17-1")
        git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
        assert mining.mine("2026-W17-2").success

    file = tail_of(checkout, f"{BRANCH}.2")
    assert [case.id for case in file.cases] == ["tail-2026W17-001", "tail-2026W17-002", "tail-2026W17-003"]
    assert len(tail_of(checkout, BRANCH).cases) == 2


def test_a_quiet_day_after_a_merge_opens_nothing(checkout: Path) -> None:
    configure(checkout)
    _mined(checkout, "daily")
    write_spans(checkout, [{**row, "start_time": row["start_time"].replace(day=19)} for row in week()])
    with pipeline(checkout) as mining:
        mining.mine("2026-W17-1")
        git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
        for _ in range(2):
            assert mining.mine("2026-W17-1").success

    assert git(checkout, "branch", "--list", f"{BRANCH}.*") == ""


def test_a_stale_proposal_does_not_overwrite_another_day(checkout: Path) -> None:
    configure(checkout)
    _mined(checkout, "daily")
    monday, tuesday = _two_days()
    write_spans(checkout, monday + tuesday)
    with pipeline(checkout) as mining:
        mining.mine("2026-W17-1")
        mining.mine("2026-W17-2")
        write_spans(checkout, [*monday[:22], *tuesday])
        materialize(mining, "weighted_clusters", "tail_yaml", partition="2026-W17-1")
        extra = [{**tuesday[0], "span_id": f"x{n}", "trace_id": f"x{n}", "input": f"login loop {n}"} for n in range(3)]
        write_spans(checkout, [*monday, *tuesday, *extra])
        mining.mine("2026-W17-2")
        before = git(checkout, "rev-parse", BRANCH)
        materialize(mining, "tail_pr", partition="2026-W17-1")

    assert git(checkout, "rev-parse", BRANCH) == before


def test_a_monthly_agent_reads_the_calendar_month_and_compares_months(checkout: Path) -> None:
    configure(checkout)
    _mined(checkout, "monthly")
    april = week()
    march = [
        {**row, "span_id": f"march-{n}", "start_time": row["start_time"].replace(month=3)}
        for n, row in enumerate(week())
    ]
    write_spans(checkout, march + april)
    with pipeline(checkout) as mining:
        for first_of_month in ("2026-W14-3", "2026-W18-5"):
            assert mining.mine(first_of_month).success

        assert mining.metadata("spans", "2026-W18-5")["window_start"] == "2026-04-01 00:00 UTC"
        assert (
            mining.metadata("tail_yaml", "2026-W18-5")["verdict_reason"]
            == "2 and 0 new clusters: under 3 two weeks in a row"
        )
    assert tail_of(checkout, "tail-miner/2026-W18", "eval/tail/2026-W18.yaml").counts.spans == 25


def _two_days() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The spans that a daily agent reads on Monday and on Tuesday of 2026-W17."""
    monday = [{**row, "start_time": row["start_time"].replace(day=19)} for row in week()]
    tuesday = [span(700 + n, f"export {n} of my data never ends", FAILING) for n in range(3)]
    tuesday = [{**monday[0], **row, "start_time": row["start_time"].replace(day=20)} for row in tuesday]
    return monday, tuesday


def _mined(checkout: Path, cadence: str) -> None:
    agents = checkout / "eval" / "agents.yaml"
    shipped = agents.read_text(encoding="utf-8")
    agents.write_text(shipped.replace("cadence: weekly", f"cadence: {cadence}"), encoding="utf-8")
