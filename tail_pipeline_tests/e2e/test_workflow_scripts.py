"""The shell scripts of the workflows, run as a runner runs them, in a checkout with the local provider."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tail_pipeline.domain.weeks import Cadence, MiningDay, last_mining_days
from tail_pipeline_tests.conftest import commit_all, git, make_checkout
from tail_pipeline_tests.defs.pipeline import FAILING, configure, span, write_spans
from tail_pipeline_tests.e2e.workflows import GITHUB, scripts

SCRIPTS = scripts()
BIN = Path(sys.executable).parent
NEWEST = last_mining_days(datetime.now(UTC), Cadence.WEEKLY, 1)[0]
HOSTILE = "no file\r<b>@everyone</b>\n\n| a | b |"


@dataclass
class Runner:
    """The steps of one job: they share the checkout, a temporary directory and the summary."""

    checkout: Path
    temporary: Path

    def run(self, place: str, **env: str) -> subprocess.CompletedProcess[str]:
        """One step, by bash as the runner calls it."""
        script = self.temporary / "step.sh"
        script.write_text(SCRIPTS[place], encoding="utf-8")
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.checkout,
            env={
                **os.environ,
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "RUNNER_TEMP": str(self.temporary),
                "GITHUB_STEP_SUMMARY": str(self.temporary / "summary.md"),
                "GITHUB_OUTPUT": str(self.temporary / "output"),
                **env,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def mined(self, *rows: dict[str, Any]) -> None:
        """What ``mine --json`` would have printed."""
        (self.temporary / "mined.json").write_text(json.dumps(rows), encoding="utf-8")

    def written(self, name: str) -> str:
        path = self.temporary / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


def runner(directory: Path) -> Runner:
    (directory / "temp").mkdir()
    return Runner(make_checkout(directory), directory / "temp")


@dataclass
class Monday:
    """What the steps of the mining job left."""

    runner: Runner
    done: dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Monday:
    """The mining job of the newest week, in which an agent has two regulatory failures that escalate at once."""
    here = runner(tmp_path_factory.mktemp("monday"))
    configure(here.checkout, "    escalate_on: {labels: [regulatory]}\n")
    start = NEWEST.window(Cadence.WEEKLY).start + timedelta(days=2)
    rows = [span(n, f"cite statute {n}", FAILING, labels=["regulatory"], start_time=start) for n in range(2)]
    write_spans(here.checkout, rows)
    return Monday(
        here, {name: here.run(f"tail-mine/mine/{name}", WEEK="") for name in ("Mine", "Summarise", "Escalate")}
    )


def test_every_step_of_a_monday_succeeds(monday: Monday) -> None:
    assert {name: done.returncode for name, done in monday.done.items()} == {"Mine": 0, "Summarise": 0, "Escalate": 0}


def test_mining_leaves_the_branch_under_review(monday: Monday) -> None:
    branch = f"tail-miner/{NEWEST.iso_week}"

    assert git(monday.runner.checkout, "branch", "--list", branch, "--format=%(refname:short)").strip() == branch


SILENCED = re.compile(r"::stop-commands::[0-9a-f]{32}\n")


def test_the_log_commands_nothing_after_its_first_line(monday: Monday) -> None:
    assert SILENCED.fullmatch(monday.done["Mine"].stdout)


def test_the_summary_has_a_row_for_every_cell(monday: Monday) -> None:
    row = monday.runner.written("summary.md").splitlines()[2]

    assert row.startswith(f"| simulated-support |  | {NEWEST.key} | 2 | 2 | 1 | unknown | [created 1](file:///")


def test_a_week_that_may_not_wait_is_escalated(monday: Monday) -> None:
    raised = monday.runner.checkout / ".tail" / "escalations" / f"simulated-support.{NEWEST.iso_week}.md"

    assert f"escalation (with regulatory cases): {raised.as_uri()}" in monday.done["Escalate"].stdout


def test_undecided_cases_fail_the_review_and_are_annotated_beside_their_lines(monday: Monday) -> None:
    checkout = monday.runner.checkout
    git(checkout, "checkout", "--quiet", f"tail-miner/{NEWEST.iso_week}")
    path = f"eval/tail/{NEWEST.iso_week}.yaml"
    line = (checkout / path).read_text(encoding="utf-8").splitlines().index("    status: proposed") + 1

    done = monday.runner.run("tail-review/review/Review")

    assert (done.returncode, annotations(done.stdout)) == (
        1,
        [("error", path, str(line), f"tail-{NEWEST.iso_week.compact}-001: status: undecided; promote or reject it")],
    )


def annotations(log: str) -> list[tuple[str, ...]]:
    """What the runner makes of a log with our matcher, which the first line of the log names."""
    added, _, rest = log.partition("\n")
    matcher = json.loads((GITHUB.parent / added.removeprefix("::add-matcher::")).read_text(encoding="utf-8"))
    (pattern,) = matcher["problemMatcher"][0]["pattern"]
    groups = [pattern[name] for name in ("severity", "file", "line", "message")]
    found = (re.search(pattern["regexp"], line) for line in rest.splitlines())
    return [match.group(*groups) for match in found if match]


def test_a_mining_day_that_fails_fails_the_job_and_is_told(tmp_path: Path) -> None:
    here = runner(tmp_path)
    configure(here.checkout)

    mined = here.run("tail-mine/mine/Mine", WEEK="2026-W17")
    here.run("tail-mine/mine/Summarise")

    summary = here.written("summary.md")
    assert mined.returncode == 1
    assert "| simulated-support |  | 2026-W17-1 |  |  |  |  | **failed** |" in summary
    assert re.search(r"^    .*no file matches", summary, re.MULTILINE)


def test_a_week_that_is_none_fails_the_job_whatever_it_says(tmp_path: Path) -> None:
    here = runner(tmp_path)

    mined = here.run("tail-mine/mine/Mine", WEEK='2026-W17" --fresh; touch here #')

    assert (mined.returncode, (here.checkout / "here").exists()) == (2, False)


def test_what_an_error_quotes_cannot_leave_its_code_block(tmp_path: Path) -> None:
    here = runner(tmp_path)
    here.mined({"agent": "support", "segment": "acme", "day": "2026-W17-1", "error": HOSTILE, "warnings": [HOSTILE]})

    here.run("tail-mine/mine/Summarise")

    told = here.written("summary.md").splitlines()[3:]
    assert told == ["", "support acme 2026-W17-1:", "", "    no file", "    <b>@everyone</b>", "    | a | b |"] * 2


@pytest.mark.parametrize("day", [MiningDay(NEWEST.day - timedelta(days=14)).key, "2026-W17-1"])
def test_an_old_week_that_is_mined_again_pages_nobody(tmp_path: Path, day: str) -> None:
    here = runner(tmp_path)
    here.mined({"day": day, "error": None})

    done = here.run("tail-mine/mine/Escalate")

    assert (done.returncode, SILENCED.sub("", done.stdout)) == (0, "")


def test_a_failed_week_pages_nobody(tmp_path: Path) -> None:
    here = runner(tmp_path)
    here.mined({"day": NEWEST.key, "error": "no file"})

    done = here.run("tail-mine/mine/Escalate")

    assert (done.returncode, SILENCED.sub("", done.stdout)) == (0, "")


def test_an_escalation_that_cannot_be_raised_fails_the_job(tmp_path: Path) -> None:
    here = runner(tmp_path)
    here.mined({"day": NEWEST.key, "error": None})
    (here.checkout / "eval" / "agents.yaml").write_text("agents: []\n", encoding="utf-8")

    assert here.run("tail-mine/mine/Escalate").returncode == 2


@pytest.fixture
def pull_request(tmp_path: Path) -> Runner:
    """A checkout as a pull request's: the base branch is a remote one, and HEAD a commit of its own behind it."""
    here = runner(tmp_path)
    git(here.checkout, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(here.checkout, "checkout", "--quiet", "--detach")
    return here


@pytest.mark.parametrize(
    ("path", "touched"), [("eval/tail/2026-W17.yaml", "true"), ("eval/rubric.yaml", "true"), ("README.md", "false")]
)
def test_only_a_pull_request_about_evaluation_files_is_reviewed(pull_request: Runner, path: str, touched: str) -> None:
    changed = pull_request.checkout / path
    changed.parent.mkdir(exist_ok=True)
    changed.write_text("changed", encoding="utf-8")
    commit_all(pull_request.checkout, "Change")

    pull_request.run("tail-review/review/Look for evaluation files", GITHUB_BASE_REF="main")

    assert pull_request.written("output") == f"eval={touched}\n"


def test_a_base_branch_that_was_not_fetched_is_no_reason_to_skip_the_review(pull_request: Runner) -> None:
    pull_request.run("tail-review/review/Look for evaluation files", GITHUB_BASE_REF="elsewhere")

    assert pull_request.written("output") == "eval=true\n"


def test_the_deadline_fails_the_job_while_a_pull_request_is_missing(tmp_path: Path) -> None:
    here = runner(tmp_path)

    done = here.run("tail-mine/deadline/Check the deadline")

    late = datetime.now(UTC) >= NEWEST.deadline
    assert done.returncode == (1 if late else 0)


def install(here: Runner, package: str, constraints: str = "") -> subprocess.CompletedProcess[str]:
    """The install step, which looks at what is there and changes nothing."""
    env = {"PIP_DRY_RUN": "1", "PIP_NO_INDEX": "1", "PIP_NO_INPUT": "1"}
    return here.run("install/Install", PACKAGE=package, CONSTRAINTS=constraints, **env)


@pytest.mark.parametrize("files", [[], ["constraints.txt"], ["constraints.txt", "pyproject.toml"]])
def test_a_repository_that_names_no_package_is_told_the_variable(tmp_path: Path, files: list[str]) -> None:
    here = runner(tmp_path)
    for name in files:
        (here.checkout / name).write_text('[project]\nname = "support-agent"\n', encoding="utf-8")

    done = install(here, ".")

    assert done.returncode == 1
    assert re.fullmatch(
        r"::error::.*set the repository variable TAIL_PIPELINE_PACKAGE \(docs/github\.md\)\n", done.stdout
    )


def test_this_checkout_is_installed_with_the_versions_it_was_tested_with(tmp_path: Path) -> None:
    here = runner(tmp_path)
    (here.checkout / "pyproject.toml").write_text('[project]\nname = "tail-pipeline"\n', encoding="utf-8")
    (here.checkout / "constraints.txt").write_text("no version\n", encoding="utf-8")

    assert "(from line 1 of constraints.txt)" in install(here, ".").stderr


def test_a_package_is_installed_as_it_is_named(tmp_path: Path) -> None:
    assert install(runner(tmp_path), "click>=8").returncode == 0


def test_a_package_is_installed_with_the_versions_of_the_repository(tmp_path: Path) -> None:
    here = runner(tmp_path)
    (here.checkout / "pinned versions.txt").write_text("click==0.0.1\n", encoding="utf-8")

    done = install(here, "click>=8", "pinned versions.txt")

    assert (done.returncode, "(constraint) click==0.0.1" in done.stdout) == (1, True)
