"""``tail-pipeline promote`` as people and workflows run it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tail_pipeline.adapters.eval_files import parse_cases
from tail_pipeline.cli import main
from tail_pipeline_tests.adapters.eval_texts import RUBRIC, agents_text, case, put, tail_text
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.e2e.command import COMMAND

TRACES = "traces: {store: files, path: 'traces/*.jsonl'}"
TENANTS = f"- {{name: support, {TRACES}, segments: {{by: tenant, values: [acme, globex]}}}}"


@pytest.fixture
def merged(checkout: Path) -> Path:
    """A checkout of two tenants; a week of each is merged, one case undecided."""
    put(checkout, "eval/agents.yaml", agents_text(TENANTS))
    put(checkout, "eval/rubric.yaml", RUBRIC)
    put(checkout, "eval/tail/acme/2026-W17.yaml", tail("acme", 17))
    put(checkout, "eval/tail/globex/2026-W16.yaml", tail("globex", 16))
    commit_all(checkout, "Merge")
    return checkout


def tail(tenant: str, week: int) -> str:
    ids = [f"tail-2026W{week}-{tenant}-00{number}" for number in (1, 2)]
    return tail_text(f"2026-W{week}", [case(ids[0], status="promoted"), case(ids[1])], segment=tenant)


def run(checkout: Path, *arguments: str, expect: int = 0) -> Result:
    done = CliRunner().invoke(main, ["promote", "--repo", str(checkout), *arguments])
    assert done.exit_code == expect, done.output
    return done


def found(checkout: Path, *arguments: str, expect: int = 0) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run(checkout, *arguments, "--json", expect=expect).stdout)
    return rows


def ids(checkout: Path, tenant: str) -> list[str]:
    path = f"eval/cases/{tenant}.yaml"
    shown = subprocess.run(["git", "-C", checkout, "show", f"main:{path}"], capture_output=True, text=True, check=False)
    return [row.id for row in parse_cases(shown.stdout or "cases: []", path).cases]


def test_every_merged_week_of_every_tenant_is_promoted(merged: Path) -> None:
    rows = found(merged)

    assert [(row["segment"], row["week"], row["outcome"], row["promoted"], row["undecided"]) for row in rows] == [
        ("acme", "2026-W17", "committed", ["tail-2026W17-acme-001"], ["tail-2026W17-acme-002"]),
        ("globex", "2026-W16", "committed", ["tail-2026W16-globex-001"], ["tail-2026W16-globex-002"]),
    ]
    assert (ids(merged, "acme"), ids(merged, "globex")) == (["tail-2026W17-acme-001"], ["tail-2026W16-globex-001"])


def test_run_twice_it_does_nothing_the_second_time(merged: Path) -> None:
    run(merged)
    before = git(merged, "for-each-ref") + git(merged, "status", "--porcelain")

    assert "nothing to promote in 2 merged tail files" in run(merged).stdout
    assert git(merged, "for-each-ref") + git(merged, "status", "--porcelain") == before


def test_the_table_names_what_is_still_undecided(merged: Path) -> None:
    lines = [line.split() for line in run(merged, "--segment", "acme").stdout.splitlines()]

    assert lines == [
        ["agent", "segment", "week", "outcome", "promoted", "cases_file", "cases", "undecided"],
        ["support", "acme", "2026-W17", "committed", "1", "eval/cases/acme.yaml", "1", "1"],
    ]


def test_one_week_or_one_tenant_alone_can_be_promoted(merged: Path) -> None:
    assert found(merged, "--week", "2026-W15") == []
    assert [row["segment"] for row in found(merged, "--week", "2026-W16")] == ["globex"]
    assert (ids(merged, "acme"), ids(merged, "globex")) == ([], ["tail-2026W16-globex-001"])


def test_a_broken_file_is_a_finding_and_keeps_no_other_tenant_waiting(merged: Path) -> None:
    put(merged, "eval/tail/acme/2026-W18.yaml", "cases: [\n")
    commit_all(merged, "Broken")

    done = run(merged, expect=1)

    assert "error: support acme: 1 error:\n  eval/tail/acme/2026-W18.yaml:2: not valid YAML" in done.stderr
    assert (ids(merged, "acme"), ids(merged, "globex")) == ([], ["tail-2026W16-globex-001"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--week", "17"), "'17' is not an ISO week"),
        (("--agent", "nobody"), "no agent 'nobody'"),
        (("--segment", "nobody"), "no segment 'nobody'"),
    ],
)
def test_a_wrong_name_is_wrong_usage(merged: Path, arguments: tuple[str, str], message: str) -> None:
    assert message in run(merged, *arguments, expect=2).stderr


def test_commands_that_race_promote_each_case_once(merged: Path) -> None:
    racers = [
        subprocess.Popen([COMMAND, "promote", "--repo", merged], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(3)
    ]
    outputs = [racer.communicate()[0].decode() for racer in racers]

    assert [racer.returncode for racer in racers] == [0, 0, 0], outputs
    assert (ids(merged, "acme"), ids(merged, "globex")) == (["tail-2026W17-acme-001"], ["tail-2026W16-globex-001"])
    assert git(merged, "status", "--porcelain") == ""


def test_a_tenant_that_could_not_be_read_is_not_said_to_have_nothing_to_promote(merged: Path) -> None:
    put(merged, "eval/tail/acme/2026-W17.yaml", "cases: [\n")
    commit_all(merged, "Broken")

    assert "nothing to promote" not in run(merged, "--segment", "acme", expect=1).stdout
