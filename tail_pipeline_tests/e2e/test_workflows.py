"""What the workflows promise, by what stands in them; that their linters would notice is tried on broken ones."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tail_pipeline.cli import main
from tail_pipeline_tests.e2e.workflows import GITHUB, NAMES, ROOT, scripts, steps, workflow

BIN = Path(sys.executable).parent
ZIZMOR = "zizmor --quiet --offline --pedantic"
SCHEMA = "check-jsonschema --quiet --builtin-schema vendor.github-workflows"
SCRIPTS = scripts()

SOUND = """\
name: sound
on: {push: {branches: [main]}}
permissions: {}
concurrency: {group: sound, cancel-in-progress: true}
jobs:
  greet:
    name: Greet
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - name: Greet
        run: echo hello
"""


def lint(command: str, *files: Path) -> int:
    tool, *arguments = command.split()
    return subprocess.run([BIN / tool, *arguments, *files], capture_output=True, check=False).returncode


def a_workflow(directory: Path, text: str) -> Path:
    path = directory / ".github" / "workflows" / "one.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_workflows_and_their_action_pass_zizmor() -> None:
    assert lint(ZIZMOR, GITHUB) == 0


def test_zizmor_refuses_a_workflow_in_which_a_title_reaches_the_shell(tmp_path: Path) -> None:
    broken = SOUND.replace("push: {branches: [main]}", "pull_request: {}").replace(
        "hello", "${{ github.event.pull_request.title }}"
    )

    assert (lint(ZIZMOR, a_workflow(tmp_path / "a", SOUND)), lint(ZIZMOR, a_workflow(tmp_path / "b", broken)) > 0) == (
        0,
        True,
    )


def test_the_workflows_follow_the_published_schema() -> None:
    assert lint(SCHEMA, *sorted((GITHUB / "workflows").glob("*.yml"))) == 0


def test_the_schema_refuses_a_misspelt_key(tmp_path: Path) -> None:
    broken = SOUND.replace("timeout-minutes", "timeout")

    assert (lint(SCHEMA, a_workflow(tmp_path / "a", SOUND)), lint(SCHEMA, a_workflow(tmp_path / "b", broken))) == (0, 1)


@pytest.mark.parametrize("command", [f"{ZIZMOR} .github", f"{SCHEMA} .github/workflows/*.yml"])
def test_make_check_lints_them(command: str) -> None:
    assert f"\t$(BIN)/{command}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_mining_is_on_monday_at_nine_and_the_deadline_at_noon() -> None:
    assert [one["cron"] for one in workflow("tail-mine")[True]["schedule"]] == ["0 9 * * 1", "0 12 * * 1"]


CONDITION = re.compile(r"\$\{\{ (!?)startsWith\(github\.event\.schedule, '([^']*)'\) \}\}")


def started(schedule: str) -> list[str]:
    """The jobs that a run starts; started by hand, it has the empty schedule."""
    jobs = []
    for job, content in workflow("tail-mine")["jobs"].items():
        condition = CONDITION.fullmatch(content["if"])
        assert condition is not None
        if schedule.startswith(condition[2]) != bool(condition[1]):
            jobs.append(job)
    return jobs


@pytest.mark.parametrize("days", ["* * 1", "* * *", "1 * *"])
@pytest.mark.parametrize(("time", "job"), [("0 9", "mine"), ("0 12", "deadline")])
def test_the_time_of_a_cron_starts_one_job_whatever_the_days(time: str, days: str, job: str) -> None:
    assert started(f"{time} {days}") == [job]


def test_a_run_that_is_started_by_hand_mines() -> None:
    assert started("") == ["mine"]


def test_promotion_follows_a_merge_of_any_tail_file_and_can_be_started_by_hand() -> None:
    triggers = workflow("tail-promote")[True]

    assert (triggers["push"], "workflow_dispatch" in triggers) == (
        {"branches": ["main"], "paths": ["eval/**"]},
        True,
    )


def test_the_review_reports_on_every_pull_request_so_that_it_can_be_required() -> None:
    assert workflow("tail-review")[True] == {"pull_request": None}


WRITES = {"contents": "write", "pull-requests": "write", "issues": "write"}


@pytest.mark.parametrize(
    ("name", "job", "permissions"),
    [
        ("tail-mine", "mine", WRITES),
        ("tail-mine", "deadline", {"contents": "read", "pull-requests": "read", "issues": "write"}),
        ("tail-review", "review", {"contents": "read"}),
        ("tail-promote", "promote", WRITES),
    ],
)
def test_a_job_may_do_what_it_needs_and_nothing_else(name: str, job: str, permissions: dict[str, str]) -> None:
    found = workflow(name)

    assert (found["permissions"], found["jobs"][job]["permissions"]) == ({}, permissions)


@pytest.mark.parametrize("name", NAMES)
def test_every_job_ends_some_time(name: str) -> None:
    assert {job: "timeout-minutes" in content for job, content in workflow(name)["jobs"].items()} == dict.fromkeys(
        workflow(name)["jobs"], True
    )


@pytest.mark.parametrize(
    ("concurrency", "group"),
    [
        (workflow("tail-mine")["jobs"]["mine"]["concurrency"], "tail-mine"),
        (workflow("tail-mine")["jobs"]["deadline"]["concurrency"], "tail-deadline"),
        (workflow("tail-promote")["concurrency"], "tail-promote"),
    ],
)
def test_what_writes_waits_for_the_one_before_and_stops_nobody(concurrency: dict[str, Any], group: str) -> None:
    assert concurrency == {"group": group, "cancel-in-progress": False}


@pytest.mark.parametrize("place", SCRIPTS)
def test_no_expression_is_put_into_a_script(place: str) -> None:
    assert "${{" not in SCRIPTS[place]


def test_actions_are_pinned_to_a_commit_whose_version_is_named() -> None:
    used = [line.strip() for path in GITHUB.rglob("*.yml") for line in path.read_text("utf-8").splitlines()]
    foreign = [line for line in used if re.match(r"(- )?uses: [^.]", line)]

    assert [line for line in foreign if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_no_checkout_leaves_credentials_behind() -> None:
    checkouts = [
        step["with"]["persist-credentials"]
        for name in NAMES
        for content in workflow(name)["jobs"].values()
        for step in content["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]

    assert checkouts == [False] * 4


def test_what_is_kept_is_what_is_restored() -> None:
    """GitHub finds a cache by its paths as well, to the letter."""
    kept = steps("tail-mine", "mine")["Keep what this week leaves"]["with"]
    restored = [
        steps("tail-mine", "mine")["Restore what earlier weeks left"]["with"],
        steps("tail-mine", "deadline")["Restore the run history"]["with"],
    ]

    assert [(one["path"], one["key"].startswith(one["restore-keys"])) for one in restored] == [(kept["path"], True)] * 2


@pytest.mark.parametrize("place", [place for place, script in SCRIPTS.items() if "tail-pipeline " in script])
def test_what_our_command_prints_commands_no_runner(place: str) -> None:
    before, _, _ = SCRIPTS[place].partition("tail-pipeline ")

    assert 'echo "::stop-commands::$(openssl rand -hex 16)"\n' in before


def test_every_job_installs_what_the_repository_variables_name() -> None:
    installed = [
        step["with"]
        for name in NAMES
        for content in workflow(name)["jobs"].values()
        for step in content["steps"]
        if step.get("uses") == "./.github/actions/install"
    ]
    named = {
        "package": "${{ vars.TAIL_PIPELINE_PACKAGE || '.' }}",
        "constraints": "${{ vars.TAIL_PIPELINE_CONSTRAINTS }}",
    }

    assert installed == [named] * 4


def command_lines() -> list[str]:
    """The lines on which our command is called, the week filled in."""
    lines = [line for script in SCRIPTS.values() for line in script.splitlines() if "tail-pipeline " in line]
    called = [re.split(r"\s(?:>|\|)\s|;", line[line.index("tail-pipeline ") :])[0] for line in lines]
    return [line.replace('${WEEK:+--week "$WEEK"}', "--week 2026-W17").replace("$week", "2026-W17") for line in called]


@pytest.mark.parametrize("line", command_lines())
def test_every_command_in_the_workflows_exists_with_its_options(line: str) -> None:
    _, name, *arguments = shlex.split(line)

    command = main.commands[name]
    with command.make_context(name, arguments, parent=click.Context(main)) as context:
        assert context.command is command


def test_the_workflows_call_every_command_of_a_monday() -> None:
    called = [shlex.split(line)[1] for line in command_lines()]

    assert called == ["mine", "escalate", "check-deadline", "check-deadline", "validate", "promote"]
