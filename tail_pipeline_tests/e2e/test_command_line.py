"""What each command does and prints, on the example that ships."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tail_pipeline.cli import main
from tail_pipeline.domain.weeks import Cadence, last_mining_days
from tail_pipeline_tests.adapters.eval_texts import put, tail_text
from tail_pipeline_tests.agent_server import AgentServer
from tail_pipeline_tests.conftest import EXAMPLE_EVAL, commit_all, git
from tail_pipeline_tests.defs.pipeline import FAILING, configure, span, write_spans
from tail_pipeline_tests.e2e.command import run

WEEKS = [f"2026-W{number}" for number in range(10, 18)]


def test_check_deadline_names_the_cells_that_are_missing_and_what_failed(checkout: Path) -> None:
    configure(checkout, "    segments: {by: tenant, values: [acme, globex, initech]}\n")
    run("mine", "--repo", checkout, "--week", "2026-W17", "--segment", "acme", expect=1)
    write_spans(checkout, [{**span(n, f"refund {n}", FAILING), "tenant": "globex"} for n in range(4)])
    run("mine", "--repo", checkout, "--week", "2026-W17", "--segment", "globex")

    done = run("check-deadline", "--repo", checkout, "--day", "2026-W17-1", expect=1)
    rows = json.loads(run("check-deadline", "--repo", checkout, "--day", "2026-W17-1", "--json", expect=1).stdout)

    missing = {cell["segment"]: cell for cell in rows[0]["missing"]}
    assert {name: cell["state"] for name, cell in missing.items()} == {"acme": "failed", "initech": "never mined"}
    assert "no file matches" in missing["acme"]["last_failure"]
    assert "missing: simulated-support acme 2026-W17-1: failed: trace store files" in done.stderr


def test_check_deadline_raises_one_alarm_and_ends_it(checkout: Path) -> None:
    configure(checkout)
    alarm = checkout / ".tail" / "alarms" / "simulated-support.2026-W17-1.md"
    for _ in range(2):
        (row,) = json.loads(run("check-deadline", "--repo", checkout, "--day", "2026-W17-1", "--json", expect=1).stdout)
    assert row["alarm"] == alarm.as_uri()
    assert alarm.read_text(encoding="utf-8").startswith("# Missing: ")

    put(checkout, "eval/tail/2026-W17.yaml", tail_text("2026-W17"))
    commit_all(checkout, "Mined elsewhere")
    run("check-deadline", "--repo", checkout, "--day", "2026-W17-1")

    assert [path.name for path in alarm.parent.iterdir()] == [alarm.name]
    assert alarm.read_text(encoding="utf-8").startswith("# Over: ")


def test_check_deadline_looks_at_the_newest_mining_day_and_says_when_it_is_not_due_yet(checkout: Path) -> None:
    newest = last_mining_days(datetime.now(UTC), Cadence.WEEKLY, 1)[0]
    due = datetime.now(UTC) >= newest.deadline
    alarm = checkout / ".tail" / "alarms" / f"simulated-support.{newest.key}.md"

    done = run("check-deadline", "--repo", checkout, expect=1 if due else 0)

    assert done.stdout.splitlines()[1].split() == [
        *("simulated-support", newest.key, *f"{newest.deadline:%Y-%m-%d %H:%M} UTC".split()),
        *(["1", "1", alarm.as_uri()] if due else ["1", "not", "due", "yet"]),
    ]


def test_check_deadline_before_the_first_mining_day_is_quiet(checkout: Path) -> None:
    agents = checkout / "eval" / "agents.yaml"
    agents.write_text(
        agents.read_text(encoding="utf-8").replace("start_week: 2026-W10", "start_week: 2099-W01"), encoding="utf-8"
    )

    assert "no mining day of these agents has come yet" in run("check-deadline", "--repo", checkout).stdout


def test_escalate_says_for_which_label_a_week_may_not_wait(checkout: Path) -> None:
    configure(checkout, "    escalate_on: {labels: [regulatory]}\n")
    write_spans(checkout, [{**span(n, f"cite statute {n}", FAILING), "labels": ["regulatory"]} for n in range(2)])
    run("mine", "--repo", checkout, "--week", "2026-W17")

    rows = json.loads(run("escalate", "--repo", checkout, "--week", "2026-W17", "--json").stdout)

    assert [(row["verdict"], row["escalates_for"]) for row in rows] == [("unknown", ["with regulatory cases"])]
    issue = (checkout / ".tail" / "escalations" / "simulated-support.2026-W17.md").read_text(encoding="utf-8")
    assert issue.startswith("# Regression tail with regulatory cases in 2026-W17: simulated-support\n")


def test_validate_names_file_line_and_case_of_everything_at_once(checkout: Path) -> None:
    configure(checkout)
    write_spans(checkout, [span(n, f"refund number {n}", FAILING) for n in range(4)])
    run("mine", "--repo", checkout, "--week", "2026-W17")
    git(checkout, "checkout", "--quiet", "tail-miner/2026-W17")
    file = checkout / "eval" / "tail" / "2026-W17.yaml"
    text = file.read_text(encoding="utf-8")
    broken = text.replace("status: proposed", "status: yes").replace("cost_weight: 1", "cost_weight: heavy")
    file.write_text(broken, encoding="utf-8")
    lines = broken.splitlines()

    printed = run("validate", "--repo", checkout, expect=1).stdout

    status, weight = (
        next(n for n, line in enumerate(lines, 1) if text in line) for text in ("status:", "cost_weight:")
    )
    assert f"eval/tail/2026-W17.yaml:{status}: tail-2026W17-001: status: must be" in printed
    assert f"eval/tail/2026-W17.yaml:{weight}: tail-2026W17-001: cost_weight: must be" in printed


def test_undecided_cases_are_warnings_and_fail_only_a_review(checkout: Path) -> None:
    configure(checkout)
    write_spans(checkout, [span(n, f"refund number {n}", FAILING) for n in range(4)])
    run("mine", "--repo", checkout, "--week", "2026-W17")
    git(checkout, "checkout", "--quiet", "tail-miner/2026-W17")

    plain = run("validate", "--repo", checkout)
    review = run("validate", "--repo", checkout, "--review", expect=1)

    assert "0 errors, 1 undecided" in plain.stdout
    assert "tail-2026W17-001: status: undecided; promote or reject it" in review.stdout


def test_fresh_asks_the_agent_again(checkout: Path) -> None:
    agents = checkout / "eval" / "agents.yaml"
    with AgentServer() as server:
        shipped = agents.read_text(encoding="utf-8")
        agents.write_text(
            shipped.replace('{python: "tail_pipeline.demo.agent:answer"}', f"{{http: {server.url}}}"), encoding="utf-8"
        )
        configure(checkout)
        write_spans(checkout, [span(n, f"refund number {n}", FAILING) for n in range(4)])
        asked = []
        for fresh in ([], ["--fresh"]):
            (row,) = json.loads(run("mine", "--repo", checkout, "--week", "2026-W17", "--json", *fresh).stdout)
            asked.append((row["handled"], len(server.requests)))

    assert asked == [("1/1", 3), ("1/1", 6)]


def test_a_failed_cell_is_named_and_the_others_run(checkout: Path) -> None:
    configure(checkout, "    segments: {by: tenant, values: [acme, globex]}\n")
    write_spans(checkout, [{**span(n, f"refund {n}", FAILING), "tenant": "globex"} for n in range(4)])
    broken = checkout / "eval" / "tail" / "acme"
    broken.mkdir(parents=True)
    (broken / "2026-W16.yaml").write_text("cases: 3\n", encoding="utf-8")
    commit_all(checkout, "Broken history of one tenant")

    done = run("mine", "--repo", checkout, "--week", "2026-W17", "--json", expect=1)

    rows = {row["segment"]: row for row in json.loads(done.stdout)}
    assert "eval/tail/acme/2026-W16.yaml" in rows["acme"]["error"]
    assert (rows["globex"]["error"], rows["globex"]["cases"]) == (None, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine", "--week", "2026-W60"], "'2026-W60' is not an ISO week"),
        (["mine", "--week", "2026-W09"], "2026-W09-1 is before the start_week 2026-W10"),
        (["mine", "--day", "2026-W17-3"], "not a mining day of simulated-support, which is mined weekly"),
        (["mine", "--day", "2999-W01-1"], "its mining day is in the future"),
        (["check-deadline", "--day", "2026-W17-3"], "2026-W17-3 is not a mining day of any agent"),
        (["check-deadline", "--day", "2999-W01-1"], "its mining day is in the future"),
        (
            ["check-deadline", "--agent", "simulated-support", "--day", "2026-W17-3"],
            "not a mining day of simulated-support, which is mined weekly",
        ),
        (["check-deadline", "--agent", "nobody"], "no agent 'nobody' in eval/agents.yaml"),
        (["mine", "--agent", "nobody"], "no agent 'nobody' in eval/agents.yaml"),
        (["mine", "--segment", "acme"], "no segment 'acme' in eval/agents.yaml"),
        (["mine", "--week", "2026-W17", "--day", "2026-W17-1"], "give --week or --day, not both"),
        (["backfill", "--from", "2026-W17", "--to", "2026-W16"], "--from 2026-W17 is after --to 2026-W16"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(checkout: Path, arguments: list[str], message: str) -> None:
    assert message in run(*arguments, "--repo", checkout, expect=2).stderr


def test_a_broken_configuration_exits_with_2_and_lists_everything(checkout: Path) -> None:
    (checkout / "eval" / "agents.yaml").write_text(
        "repository: {provider: svn}\nagents: []\nfoo: 1\n", encoding="utf-8"
    )

    printed = run("mine", "--repo", checkout, expect=2).stderr

    assert "eval/agents.yaml:1: repository" in printed
    assert "eval/agents.yaml:2: agents" in printed
    assert "eval/agents.yaml:3: foo: unknown key" in printed


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help(command: str) -> None:
    assert f"tail-pipeline {command} [OPTIONS]" in run(command, "--help").stdout


def test_the_shipped_schemas_are_those_of_the_models(tmp_path: Path) -> None:
    from tail_pipeline.adapters.eval_files import SCHEMAS, write_schemas

    write_schemas(tmp_path)

    assert {name: (tmp_path / name).read_text() for name in SCHEMAS} == {
        name: (EXAMPLE_EVAL / name).read_text() for name in SCHEMAS
    }
