"""Mined cases tried on an agent that is served over HTTP, through Dagster, up to the pull request a lead reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.domain.dry_run import RUNS
from tail_pipeline.domain.tail_file import TailCase
from tail_pipeline_tests.agent_server import AgentServer, Request, output_reply
from tail_pipeline_tests.conftest import commit_all, git, make_checkout
from tail_pipeline_tests.defs.pipeline import FAILING, Pipeline, configure, pipeline, span, write_spans

TAIL_PATH = "eval/tail/2026-W17.yaml"
BRANCH = "tail-miner/2026-W17"
Served = tuple[Pipeline, AgentServer]
SHIPPED = 'target: {python: "tail_pipeline.demo.agent:answer"}'
TOPICS = {"refund": "See § 4.2.", "export": "It cannot.", "statute": "2023 template, § 3.1."}
"""The first is handled, the others are not: one cites nothing, one breaks a floor."""


def served_answer(request: Request) -> Any:
    return output_reply(next(answer for topic, answer in TOPICS.items() if topic in request.input))


def aim_at(checkout: Path, target: str, rubric: str | None = None) -> None:
    agents = checkout / "eval" / "agents.yaml"
    text = agents.read_text(encoding="utf-8")
    assert SHIPPED in text
    agents.write_text(text.replace(SHIPPED, target), encoding="utf-8")
    if rubric is not None:
        (checkout / "eval" / "rubric.yaml").write_text(rubric, encoding="utf-8")


def tail_cases(checkout: Path) -> dict[str, TailCase]:
    """The cases by what their first word is about."""
    file = parse_tail(git(checkout, "show", f"{BRANCH}:{TAIL_PATH}"), TAIL_PATH)
    return {next(topic for topic in TOPICS if topic in case.input): case for case in file.cases}


def verdicts(checkout: Path) -> dict[str, str | None]:
    return {topic: case.dry_run.verdict if case.dry_run else "absent" for topic, case in tail_cases(checkout).items()}


def body(checkout: Path) -> str:
    """The body a lead reads, without the head of the local provider."""
    return (checkout / ".tail" / "pull_requests" / "2026-W17.md").read_text(encoding="utf-8").partition("\n---\n\n")[2]


def check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    assert result.success
    return next(one for one in result.get_asset_check_evaluations() if one.check_name == "dry_run")


@contextmanager
def served_at(checkout: Path) -> Iterator[Served]:
    """A week with three topics of two failing spans each, and the agent they are tried on."""
    rows = [
        {**span(10 * n + copy, f"{topic} {topic} {copy}", FAILING), "labels": labels}
        for n, (topic, labels) in enumerate({"refund": [], "export": [], "statute": ["regulatory"]}.items())
        for copy in range(2)
    ]
    write_spans(checkout, rows)
    with AgentServer(served_answer) as server, pipeline(checkout) as mining:
        aim_at(checkout, f"target: {{http: {server.url}}}")
        configure(checkout)
        yield mining, server


@pytest.fixture
def served(checkout: Path) -> Iterator[Served]:
    with served_at(checkout) as setting:
        yield setting


@pytest.fixture(scope="module")
def mined_twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pipeline, AgentServer, list[Any]]]:
    """A week after an ordinary run and an identical one, with what each left: metadata, head of the branch, check."""
    with served_at(make_checkout(tmp_path_factory.mktemp("dry-run"))) as (mining, server):
        runs = []
        for _ in range(2):
            result = check(mining.mine())
            runs.append((mining.metadata("tail_yaml"), git(mining.checkout, "rev-parse", BRANCH), result))
        yield mining, server, runs


MinedTwice = tuple[Pipeline, AgentServer, list[Any]]


def test_the_pull_request_opens_with_what_the_agent_handles(mined_twice: MinedTwice) -> None:
    mining, server, _ = mined_twice

    text = body(mining.checkout)

    assert text.startswith(f"## Scorecard\n\n**`{server.url}` as it is now already handles 1 of 3 mined cases (33%).**")
    assert "| 1 | 0 | 2 | 0 |" in text
    assert "1 costly case not handled" in text


def test_each_case_has_its_verdict(mined_twice: MinedTwice) -> None:
    mining, _, _ = mined_twice

    assert verdicts(mining.checkout) == {"refund": "stable_pass", "export": "stable_fail", "statute": "stable_fail"}


def test_the_file_says_on_one_line_what_came_of_a_case(mined_twice: MinedTwice) -> None:
    mining, server, _ = mined_twice

    text = git(mining.checkout, "show", f"{BRANCH}:{TAIL_PATH}")

    assert f'    dry_run: {{model: "{server.url}", runs: 3, score: 0.5, passed: false, verdict: stable_fail}}\n' in text
    assert 'verdict: stable_fail, reason: "broken floor: template_in_force"}\n' in text


def test_a_dry_run_of_every_case_passes_its_check(mined_twice: MinedTwice) -> None:
    _, _, runs = mined_twice

    assert [result.passed for _, _, result in runs] == [True, True]


def test_an_identical_rerun_asks_nothing_and_changes_no_byte(mined_twice: MinedTwice) -> None:
    _, server, [(_, first, _), (_, second, _)] = mined_twice

    assert (second, len(server.requests)) == (first, 3 * RUNS)


def test_what_the_run_did_is_in_the_metadata(mined_twice: MinedTwice) -> None:
    _, server, runs = mined_twice

    found = [{name: value for name, value in run[0].items() if name.startswith("dry_run")} for run in runs]

    counts = {"dry_run_stable_pass": 1, "dry_run_flaky": 0, "dry_run_stable_fail": 2, "dry_run_not_run": 0}
    first = {"dry_run_answers_asked": 9, "dry_run_answers_recorded": 0, "dry_run_judged": 9}
    second = {"dry_run_answers_asked": 0, "dry_run_answers_recorded": 9, "dry_run_judged": 0}
    assert found == [{"dry_run_target": server.url} | counts | calls for calls in (first, second)]


def test_a_fresh_run_asks_about_every_case_again(served: Served) -> None:
    mining, server = served
    mining.mine()
    server.answer = lambda _request: output_reply("See § 4.2.")

    mining.mine(fresh=True)

    assert len(server.requests) == 2 * 3 * RUNS
    assert set(verdicts(mining.checkout).values()) == {"stable_pass"}


def test_a_changed_rubric_scores_what_was_answered(served: Served) -> None:
    mining, server = served
    mining.mine()
    rubric = mining.checkout / "eval" / "rubric.yaml"
    rubric.write_text(rubric.read_text(encoding="utf-8").replace("2023 template", "4[.]2"), encoding="utf-8")
    commit_all(mining.checkout, "Another template is out of force")

    mining.mine()

    assert verdicts(mining.checkout) == {"refund": "stable_fail", "export": "stable_fail", "statute": "stable_pass"}
    assert len(server.requests) == 3 * RUNS


def test_an_agent_that_is_down_costs_the_verdicts_and_not_the_pull_request(served: Served) -> None:
    mining, server = served
    server.stop()

    found = check(mining.mine())

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "does not answer" in (found.description or "")
    assert "**⚠ Not run: none of the 3 mined cases could be tried on" in body(mining.checkout)
    assert body(mining.checkout).count("| not run |\n") == 3


def test_a_token_that_is_missing_is_named_in_the_pull_request(served: Served) -> None:
    mining, server = served
    agents = mining.checkout / "eval" / "agents.yaml"
    text = agents.read_text(encoding="utf-8").replace(server.url, f"{server.url}, token_env: AGENT_TOKEN_OF_NOBODY")
    agents.write_text(text, encoding="utf-8")

    assert not check(mining.mine()).passed

    assert "the environment variable AGENT\\_TOKEN\\_OF\\_NOBODY is not set" in body(mining.checkout)


def test_a_rubric_that_needs_a_judge_scores_nothing_and_says_so(served: Served) -> None:
    mining, server = served
    (mining.checkout / "eval" / "rubric.yaml").write_text(
        "rubric_min_score: 0.82\nragas_faithfulness: 0.78\n"
        "criteria:\n  - {name: tone, weight: 1, judge: It is friendly.}\n",
        encoding="utf-8",
    )
    commit_all(mining.checkout, "A rubric for a judge")

    assert not check(mining.mine()).passed

    assert "tone needs a judge" in body(mining.checkout)
    assert server.requests == []


def test_a_case_a_reviewer_has_edited_keeps_the_verdict_it_had(served: Served) -> None:
    mining, server = served
    mining.mine()
    git(mining.checkout, "checkout", "--quiet", BRANCH)
    file = mining.checkout / TAIL_PATH
    file.write_text(
        file.read_text(encoding="utf-8").replace("expected: null", "expected: See § 4.2.", 1), encoding="utf-8"
    )
    commit_all(mining.checkout, "Review")
    git(mining.checkout, "checkout", "--quiet", "main")
    server.answer = lambda _request: output_reply("See § 4.2.")

    mining.mine(fresh=True)

    assert verdicts(mining.checkout) == {"refund": "stable_pass", "export": "stable_fail", "statute": "stable_fail"}


def test_a_daily_agent_runs_the_cases_of_the_day_and_keeps_the_others(served: Served) -> None:
    mining, server = served
    agents = mining.checkout / "eval" / "agents.yaml"
    agents.write_text(agents.read_text(encoding="utf-8").replace("cadence: weekly", "cadence: daily"), encoding="utf-8")
    mining.mine("2026-W16-2")
    first = git(mining.checkout, "show", "tail-miner/2026-W16:eval/tail/2026-W16.yaml").count("verdict: stable_")
    server.requests.clear()

    mining.mine("2026-W16-3")

    again = git(mining.checkout, "show", "tail-miner/2026-W16:eval/tail/2026-W16.yaml").count("verdict: stable_")
    assert (first, again, server.requests) == (3, 3, [])


def test_without_a_target_there_is_no_dry_run_and_no_check(checkout: Path) -> None:
    aim_at(checkout, "# no target")
    configure(checkout)
    write_spans(checkout, [span(n, f"refund {n}", FAILING) for n in range(3)])
    with pipeline(checkout) as mining:
        result = mining.mine()

    assert result.success
    assert [one.check_name for one in result.get_asset_check_evaluations() if one.check_name == "dry_run"] == []
    assert "**1 mined case. No dry run:** no target is configured" in body(checkout)
    assert "dry_run: null" in git(checkout, "show", f"{BRANCH}:{TAIL_PATH}")


def test_a_run_without_configuration_is_not_fresh() -> None:
    from tail_pipeline.defs.dry_run import DryRunConfig

    assert DryRunConfig().fresh is False
