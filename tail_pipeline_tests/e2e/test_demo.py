"""The demo as people run it, what it leaves, and its weeks again: by command, and after a kill."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import polars as pl
import pytest

from tail_pipeline_tests.conftest import EXAMPLE_EVAL, git
from tail_pipeline_tests.e2e.command import COMMAND, run, run_installed

pytestmark = pytest.mark.long

WEEKS = [f"2026-W{number}" for number in range(10, 18)]


@pytest.fixture(autouse=True)
def _own_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo keeps Dagster's history in its own repository."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo repository after its eight weeks, and what was printed."""
    target = tmp_path_factory.mktemp("demo") / "scratch"
    return target, run_installed("demo", "--to", target, "--project", EXAMPLE_EVAL.parent).stdout


def test_the_demo_prints_every_week_and_where_to_look(demo: tuple[Path, str]) -> None:
    target, printed = demo

    rows = [
        line.split() for line in printed.splitlines() if line.startswith("simulated-support ") and "://" not in line
    ]
    assert [row[1] for row in rows] == [f"{week}-1" for week in WEEKS]
    assert "simulated" in printed
    assert (target / ".tail" / "pull_requests" / "2026-W17.md").exists()


def test_the_two_regulatory_spans_stand_above_the_forty_about_tone(demo: tuple[Path, str]) -> None:
    target, _ = demo

    body = (target / ".tail" / "pull_requests" / "2026-W16.md").read_text(encoding="utf-8")

    rows = [line.split(" | ") for line in body.splitlines() if line.startswith("| `tail-2026W16-")]
    assert [(row[2], row[3]) for row in rows[:2]] == [("20", "2"), ("40", "40")]


def test_the_demos_pull_request_opens_with_what_its_simulated_agent_handles(demo: tuple[Path, str]) -> None:
    target, _ = demo

    body = (target / ".tail" / "pull_requests" / "2026-W16.md").read_text(encoding="utf-8").partition("\n---\n\n")[2]

    assert body.startswith("## Scorecard\n\n**`tail_pipeline.demo.agent:answer` as it is now already handles 1 of 5 ")
    assert "| 1 | 1 | 3 | 0 |" in body


def test_the_empty_week_has_a_file_that_says_so(demo: tuple[Path, str]) -> None:
    target, _ = demo

    assert "cases: []" in git(target, "show", "tail-miner/2026-W13:eval/tail/2026-W13.yaml")


def test_the_pasted_injection_stays_inert_in_the_body(demo: tuple[Path, str]) -> None:
    target, _ = demo

    bodies = "".join(path.read_text(encoding="utf-8") for path in (target / ".tail" / "pull_requests").glob("*.md"))

    assert "@everyone" not in bodies
    assert "<script>" not in bodies


def test_escalate_prints_the_verdict_and_raises_once(demo: tuple[Path, str]) -> None:
    target, _ = demo

    first = json.loads(run("escalate", "--repo", target, "--week", "2026-W17", "--json").stdout)
    second = json.loads(run("escalate", "--repo", target, "--week", "2026-W17", "--json").stdout)

    assert [row["verdict"] for row in first] == ["growing"]
    assert first == second
    assert len(list((target / ".tail" / "escalations").glob("*.md"))) == 1


def test_escalate_of_a_week_without_a_file_is_unknown(demo: tuple[Path, str]) -> None:
    target, _ = demo

    rows = json.loads(run("escalate", "--repo", target, "--week", "2026-W20", "--json").stdout)

    assert [(row["verdict"], row["escalation"]) for row in rows] == [("unknown", None)]


def test_mine_one_week_again_prints_what_it_found(demo: tuple[Path, str]) -> None:
    target, _ = demo

    rows = json.loads(run("mine", "--repo", target, "--week", "2026-W16", "--json").stdout)

    assert [(row["day"], row["cases"], row["pull_request"]) for row in rows] == [("2026-W16-1", 5, "unchanged")]


def test_a_demo_that_mined_every_week_is_not_late(demo: tuple[Path, str]) -> None:
    target, _ = demo

    rows = json.loads(run("check-deadline", "--repo", target, "--day", "2026-W17-1", "--json").stdout)

    assert [(row["day"], row["deadline"], row["deadline_passed"], row["missing"]) for row in rows] == [
        ("2026-W17-1", "2026-04-20 12:00 UTC", True, [])
    ]


def test_a_killed_run_leaves_nothing_half_written_and_can_be_repeated(demo: tuple[Path, str]) -> None:
    target, _ = demo
    frames = target / ".tail" / "frames" / "simulated_support"
    before = git(target, "for-each-ref")
    running = subprocess.Popen(
        [COMMAND, "mine", "--repo", target, "--week", "2026-W16"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with running:
        assert running.stderr is not None
        next(printed for printed in running.stderr if "weighted_clusters: comparing" in printed)
        running.kill()

    for path in frames.glob("*/[!.]*.parquet"):
        pl.read_parquet(path)
    rows = json.loads(run("mine", "--repo", target, "--week", "2026-W16", "--json").stdout)
    assert rows[0]["pull_request"] == "unchanged"
    assert git(target, "for-each-ref") == before
