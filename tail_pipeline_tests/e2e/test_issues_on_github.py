"""``check-deadline`` and ``escalate`` on a CI runner: the repository is on GitHub, and Dagster's history is empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.domain.agents import GitHubHosted
from tail_pipeline_tests.adapters.eval_texts import counts, tail_text
from tail_pipeline_tests.adapters.filed import as_filed
from tail_pipeline_tests.adapters.places import NO_WAIT
from tail_pipeline_tests.conftest import commit_all
from tail_pipeline_tests.defs.pipeline import AGENT, pipeline
from tail_pipeline_tests.e2e.command import run
from tail_pipeline_tests.github_server import TOKEN, GitHubServer

PATH = "eval/tail/2026-W17.yaml"
BRANCH = "tail-miner/2026-W17"


@pytest.fixture
def server(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with GitHubServer(tmp_path / "hub") as running:
        hosted = f"  provider: github\n  name: {running.full_name}\n  base_url: {running.base_url}\n"
        agents = checkout / "eval" / "agents.yaml"
        agents.write_text(agents.read_text(encoding="utf-8").replace("  provider: local\n", hosted), encoding="utf-8")
        commit_all(checkout, "On GitHub")
        yield running


def titles(server: GitHubServer) -> list[tuple[object, object]]:
    return [(title, state) for _, title, _, state, *_ in as_filed(server)]


def test_a_monday_without_a_pull_request_is_one_issue_until_there_is_one(server: GitHubServer, checkout: Path) -> None:
    miner = server.person("miner")
    miner.branch(BRANCH)
    miner.push(BRANCH, {PATH: tail_text("2026-W17")})
    for _ in range(2):
        late = run("check-deadline", "--repo", checkout, "--day", "2026-W17-1", expect=1)
    assert f"{server.origin}/acme/agent/issues/1" in late.stdout
    assert titles(server) == [("Missing: regression tail 2026-W17-1 of simulated-support", "open")]

    _open_pull_request(server, checkout)
    run("check-deadline", "--repo", checkout, "--day", "2026-W17-1")

    assert titles(server)[0] == ("Over: regression tail 2026-W17-1 of simulated-support", "closed")


def test_an_escalation_is_one_issue_and_says_what_github_would_not_take(server: GitHubServer, checkout: Path) -> None:
    _grow(server)

    printed = [run("escalate", "--repo", checkout, "--week", "2026-W17").stdout for _ in range(2)]

    assert "note: issue 1: engagement-owner cannot be assigned; correct owner in eval/agents.yaml\n" in printed[0]
    assert [f"escalation (growing): {server.origin}/acme/agent/issues/1\n" in text for text in printed] == [True, True]
    assert titles(server) == [("Regression tail growing in 2026-W17: simulated-support", "open")]


def test_a_run_tells_what_github_would_not_take_of_its_escalation(server: GitHubServer, checkout: Path) -> None:
    _grow(server)
    with pipeline(checkout) as running:
        job = running.repository.get_job(f"escalate_{AGENT}")
        config = {"ops": {f"{AGENT}__escalation": {"config": {"page": True}}}}
        job.execute_in_process(instance=running.instance, partition_key="2026-W17-1", run_config=config)
        told = running.metadata("escalation")

    assert (told["outcome"], told["url"]) == ("created", f"{server.origin}/acme/agent/issues/1")
    assert told["notes"] == ["issue 1: engagement-owner cannot be assigned; correct owner in eval/agents.yaml"]


def test_what_is_missing_is_told_also_where_no_alarm_can_be_raised(server: GitHubServer, checkout: Path) -> None:
    server.add_token(TOKEN, "miner", permissions={"contents": "write", "pull_requests": "write"})

    done = run("check-deadline", "--repo", checkout, "--day", "2026-W17-1", expect=2)

    assert "missing: simulated-support 2026-W17-1: never mined\n" in done.stderr
    assert "This request needs: issues=write" in done.stderr


def _grow(server: GitHubServer) -> None:
    """Three weeks on main, each with a cluster more than the one before."""
    weeks = {f"2026-W{week}": counts(spans=100, clusters=week) for week in (15, 16, 17)}
    files = {f"eval/tail/{week}.yaml": tail_text(week, counts=count) for week, count in weeks.items()}
    server.person("lead").push("main", files)


def _open_pull_request(server: GitHubServer, repo: Path) -> None:
    config = {"provider": "github", "name": server.full_name, "base_url": server.base_url}
    Connection(GitHubHosted.model_validate(config), repo, NO_WAIT).repo.create_pull(
        "main", BRANCH, title="Tail", body=""
    )
