"""Tenants and node classes that are renamed, vanish or run by a wrong clock, and days that were reviewed already."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import (
    AGENT,
    BRANCH,
    FAILING,
    Pipeline,
    configure,
    materialize,
    pipeline,
    span,
    tail_of,
    write_spans,
)

DAYS = [f"2026-W17-{number}" for number in range(1, 5)]
MIDNIGHT = datetime(2026, 4, 21, tzinfo=UTC)
"""Begins Tuesday of W17, whose spans are mined on Wednesday."""


def check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    assert result.success
    return next(one for one in result.get_asset_check_evaluations() if one.check_name == name)


def failing(first: int, text: str, count: int = 2, **fields: Any) -> list[dict[str, Any]]:
    return [span(number, f"{text} {text} {number}", FAILING, **fields) for number in range(first, first + count)]


def test_a_tenant_that_was_renamed_within_the_week_keeps_one_tail(checkout: Path) -> None:
    configure(checkout, '    segments: {by: tenant, values: {acme: [acme, "Acme Corp."], globex: globex}}\n')
    rows = [*failing(0, "refund", tenant="acme"), *failing(10, "refund", tenant="Acme Corp.")]
    write_spans(checkout, [*rows, *failing(20, "export", tenant="globex")])
    with pipeline(checkout) as mining:
        told = check(mining.mine("2026-W17-1|acme"), "undeclared_segments")

    (case,) = tail_of(checkout, "tail-miner/acme/2026-W17", "eval/tail/acme/2026-W17.yaml").cases
    assert (case.cluster.size, told.passed) == (4, True)


def test_a_tenant_whose_new_name_nobody_declared_is_told_of_in_its_own_run(checkout: Path) -> None:
    configure(checkout, "    segments: {by: tenant, values: [acme, globex]}\n")
    write_spans(checkout, [*failing(0, "refund", tenant="Acme Corp."), *failing(10, "export", tenant="globex")])
    with pipeline(checkout) as mining:
        told = check(mining.mine("2026-W17-1|acme"), "segment_seen")

    said = told.description or ""
    assert not told.passed
    assert "no span of tenant acme started in the window; there are undeclared ones: 'Acme Corp" in said
    assert "globex" not in said, "no tenant's run names another tenant"


def test_a_quiet_tenant_is_no_finding(checkout: Path) -> None:
    configure(checkout, "    segments: {by: tenant, values: [acme, globex]}\n")
    write_spans(checkout, failing(10, "export", tenant="globex"))
    with pipeline(checkout) as mining:
        assert check(mining.mine("2026-W17-1|acme"), "segment_seen").passed


def test_a_node_class_that_vanished_is_told_of_with_those_that_are_there(checkout: Path) -> None:
    configure(checkout, "    segments: {by: node_class, values: [shot-plan, continuity-check]}\n")
    rows = failing(0, "scene", node_class="continuity-check")
    write_spans(checkout, [*rows, *failing(10, "shot", node_class="shot_planner")])
    with pipeline(checkout) as mining:
        told = check(mining.mine("2026-W17-1|shot-plan"), "segment_seen")

    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    said = re.sub(r"\\", "", told.description or "")
    assert "no span of node_class shot-plan" in said
    assert "'continuity-check' (2 spans), 'shot_planner' (2 spans)" in said


def daily(checkout: Path) -> None:
    configure(checkout)
    path = checkout / "eval" / "agents.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("cadence: weekly", "cadence: daily"), encoding="utf-8")
    commit_all(checkout, "Every day")


@pytest.mark.parametrize(
    ("start", "day"),
    [
        (MIDNIGHT - timedelta(microseconds=1), "2026-W17-2"),
        (MIDNIGHT, "2026-W17-3"),
        (MIDNIGHT + timedelta(minutes=5), "2026-W17-3"),
        (MIDNIGHT + timedelta(days=1) - timedelta(microseconds=1), "2026-W17-3"),
        (MIDNIGHT + timedelta(days=1, hours=3), "2026-W17-4"),
        (MIDNIGHT + timedelta(days=400), None),
    ],
    ids=["last of its day", "midnight", "skewed into tomorrow", "last of tomorrow", "two days ahead", "next year"],
)
def test_a_span_of_a_clock_that_is_ahead_is_in_the_cell_of_its_time_and_in_no_other(
    checkout: Path, start: datetime, day: str | None
) -> None:
    daily(checkout)
    write_spans(checkout, [span(1, "when was I", FAILING) | {"start_time": start}])
    with pipeline(checkout) as mining:
        for one in DAYS:
            materialize(mining, "spans", partition=one)
        seen = [one for one in DAYS if _spans(mining, one).height]

    assert seen == ([day] if day else [])


def _spans(mining: Pipeline, day: str) -> pl.DataFrame:
    return pl.read_parquet(mining.checkout / ".tail" / "frames" / AGENT / "spans" / f"{day}.parquet")


def test_a_day_that_was_reviewed_and_merged_changes_nothing_when_it_is_mined_again(reviewed: Pipeline) -> None:
    before = git(reviewed.checkout, "for-each-ref")

    assert reviewed.mine("2026-W17-2").success

    assert git(reviewed.checkout, "for-each-ref") == before


def test_what_a_reviewed_day_brings_later_goes_to_a_follow_up_and_the_decisions_stay(reviewed: Pipeline) -> None:
    late = failing(50, "password reset", count=3)
    for row in late:
        row["start_time"] += timedelta(days=7)
    write_spans(reviewed.checkout, late, "late.jsonl")
    main = git(reviewed.checkout, "rev-parse", "main")

    assert reviewed.mine("2026-W17-2").success

    first, second = tail_of(reviewed.checkout, f"{BRANCH}.2").cases
    assert (first.status, first.expected, first.id) == ("promoted", "The reviewer's answer.", "tail-2026W17-001")
    assert (second.status, second.id, second.cluster.size) == ("proposed", "tail-2026W17-002", 3)
    assert git(reviewed.checkout, "rev-parse", "main") == main


@pytest.fixture
def reviewed(checkout: Path) -> Any:
    """Tuesday of a daily agent: its one case was promoted with an answer of the reviewer's, and merged."""
    daily(checkout)
    rows = failing(0, "refund")
    for row in rows:
        row["start_time"] += timedelta(days=7)
    write_spans(checkout, rows)
    with pipeline(checkout) as mining:
        assert mining.mine("2026-W17-2").success
        git(checkout, "switch", "--quiet", BRANCH)
        path = checkout / "eval/tail/2026-W17.yaml"
        text = path.read_text(encoding="utf-8").replace("status: proposed", "status: promoted")
        path.write_text(re.sub(r"expected: .*", "expected: The reviewer's answer.", text, count=1), encoding="utf-8")
        commit_all(checkout, "Decide")
        git(checkout, "switch", "--quiet", "main")
        git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
        yield mining
