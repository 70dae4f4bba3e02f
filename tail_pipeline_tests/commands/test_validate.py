"""What ``validate`` prints and how it exits, for people, for programs and as the check on a tail pull request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tail_pipeline.cli import main
from tail_pipeline_tests.adapters.eval_texts import case, put, tail_text
from tail_pipeline_tests.conftest import commit_all, git

OLD, NEW = "eval/tail/2026-W16.yaml", "eval/tail/2026-W17.yaml"
OLD_CASE, NEW_CASE = "tail-2026W16-001", "tail-2026W17-001"


@pytest.fixture
def reviewed(checkout: Path) -> Path:
    """A tail branch that brings week 17, beside a week 16 that was merged undecided."""
    put(checkout, OLD, tail_text("2026-W16", [case(OLD_CASE)]))
    commit_all(checkout, "Week 16, undecided")
    git(checkout, "switch", "--quiet", "--create", "tail-miner/2026-W17")
    put(checkout, NEW, tail_text("2026-W17", [case(NEW_CASE)]))
    return checkout


def validate(repo: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["validate", "--repo", str(repo), *options])


def decide(repo: Path) -> None:
    put(repo, NEW, tail_text("2026-W17", [case(NEW_CASE, status="promoted")]))


def test_a_review_fails_on_undecided_cases_of_the_pull_request_and_names_their_lines(reviewed: Path):
    line = (reviewed / NEW).read_text(encoding="utf-8").splitlines().index("    status: proposed") + 1

    done = validate(reviewed, "--review")

    assert done.exit_code == 1
    assert f"error: {NEW}:{line}: {NEW_CASE}: status: undecided; promote or reject it" in done.stdout


def test_undecided_cases_of_older_weeks_fail_no_later_review(reviewed: Path):
    decide(reviewed)

    done = validate(reviewed, "--review")

    assert done.exit_code == 0
    assert f"warning: {OLD}:" in done.stdout


def test_a_review_of_an_older_week_asks_for_its_decisions_again(reviewed: Path):
    decide(reviewed)
    put(reviewed, OLD, tail_text("2026-W16", [case(OLD_CASE, expected="better")]))

    assert f"error: {OLD}:" in validate(reviewed, "--review").stdout


def test_without_a_base_a_review_asks_for_all_decisions(reviewed: Path):
    decide(reviewed)
    git(reviewed, "branch", "--quiet", "--delete", "--force", "main")

    done = validate(reviewed, "--review")

    assert done.exit_code == 1
    assert [line.split(":")[1] for line in done.stdout.splitlines() if line.startswith("error: ")] == [f" {OLD}"]


@pytest.mark.parametrize("expected", [None, " \n"])
def test_a_promoted_case_without_an_expected_output_fails_a_review(reviewed: Path, expected: str | None):
    put(reviewed, NEW, tail_text("2026-W17", [case(NEW_CASE, status="promoted", expected=expected)]))

    assert f"{NEW_CASE}: expected: promoted without an expected output" in validate(reviewed, "--review").stdout


@pytest.mark.parametrize("options", [[], ["--review"]])
def test_a_rejection_without_a_reason_always_fails(reviewed: Path, options: list[str]):
    put(reviewed, NEW, tail_text("2026-W17", [case(NEW_CASE, status="rejected")]))

    done = validate(reviewed, *options)

    assert done.exit_code == 1
    assert f"{NEW_CASE}: rejection_reason: a rejected case needs a reason" in done.stdout


def test_a_case_that_disappeared_fails(reviewed: Path):
    put(reviewed, "eval/cases.yaml", "cases: []\n")

    done = validate(reviewed)

    assert done.exit_code == 1
    assert "poc-001: is on main and gone here" in done.stdout


def test_what_it_was_compared_with_is_said_in_one_line(reviewed: Path):
    base = git(reviewed, "rev-parse", "main")[:12]

    assert f"\ncompared with main at {base}\n" in validate(reviewed).stdout


def test_a_work_tree_without_git_is_checked_on_its_own_and_says_so(reviewed: Path):
    (reviewed / ".git").rename(reviewed / "not-git")

    done = validate(reviewed)

    assert done.exit_code == 0
    assert "\nnot compared with the base branch: " in done.stdout


def test_programs_get_the_findings_and_the_note(reviewed: Path):
    found = json.loads(validate(reviewed, "--review", "--json").stdout)

    assert [one["case"] for one in found["undecided"]] == [OLD_CASE, NEW_CASE]
    assert (found["errors"], found["to_decide"]) == ([], [found["undecided"][1]])
    assert found["notes"][0].startswith("compared with main at ")


def test_it_says_for_which_agents_redaction_is_off(checkout: Path):
    agents = checkout / "eval" / "agents.yaml"
    assert "redaction is off" not in validate(checkout).stdout

    put(checkout, "eval/agents.yaml", agents.read_text(encoding="utf-8").rstrip() + "\n    redact: {enabled: false}\n")

    assert "redaction is off for simulated-support" in validate(checkout).stdout
    assert "redaction is off" in str(json.loads(validate(checkout, "--json").stdout)["notes"])
