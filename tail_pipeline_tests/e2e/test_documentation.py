"""What the documentation shows is run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tail_pipeline.adapters.eval_files import load_configuration, parse_removed_cases
from tail_pipeline.adapters.traces_postgres import PostgresTraceStore
from tail_pipeline.domain.agents import Agent, Endpoint, GitHubApp, GitHubHosted, LocalRepository
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay

ROOT = Path(__file__).parents[2]


_NAMED = re.compile(r"(?:secrets|vars)\.(TAIL_\w+)")
"""The secrets and variables of our own that workflows read."""


def blocks(path: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / path).read_text(encoding="utf-8"), re.DOTALL)


def test_the_configuration_in_the_readme_loads(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    for block in blocks("README.md", "yaml"):
        name = re.search(r"eval/\w+\.yaml", block)
        assert name is not None
        (tmp_path / name[0]).write_text(block, encoding="utf-8")

    assert load_configuration(tmp_path).agents[0].segment_names == ["acme", "globex"]


def test_the_removed_case_in_the_readme_can_be_read() -> None:
    (shown,) = [block for block in blocks("README.md", "yaml") if "eval/cases_removed.yaml" in block]

    assert [case.id for case in parse_removed_cases(shown, "README.md").removed] == ["tail-2026W17-001"]


def documented(path: str, table: str) -> set[str]:
    """The keys in the first column of the table that begins with this."""
    rows = (ROOT / path).read_text(encoding="utf-8").split(table)[1].split("\n\n")[0].splitlines()[2:]
    return {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_keys_in_the_readme_are_those_of_an_agent() -> None:
    assert documented("README.md", "| key of an agent |") == set(Agent.model_fields) - {"name"}


def test_the_keys_of_a_repository_are_documented() -> None:
    keys = set(GitHubHosted.model_fields) | set(LocalRepository.model_fields)
    assert documented("README.md", "| key of `repository` |") == keys


def test_the_keys_of_a_github_app_are_documented() -> None:
    (shown,) = re.findall(r"^\| `app` \|.*`\{(.*)\}`", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert set(shown.split(", ")) == set(GitHubApp.model_fields)


def test_the_repositories_on_github_in_the_documentation_can_be_configured(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "rubric.yaml").write_text("rubric_min_score: 0.82\nragas_faithfulness: 0.78\n", "utf-8")
    agents = "agents: [{name: support, traces: {store: files, path: x}}]\n"
    hosts = []
    for block in blocks("docs/github.md", "yaml"):
        (tmp_path / "eval" / "agents.yaml").write_text(block + agents, encoding="utf-8")
        repository = load_configuration(tmp_path).repository
        assert isinstance(repository, GitHubHosted)
        hosts.append((repository.base_url, repository.app is not None))

    assert hosts == [
        ("https://api.github.com", False),
        ("https://api.github.com", True),
        ("https://github.example.com/api/v3", False),
    ]


def test_the_secrets_and_variables_in_the_documentation_are_those_of_the_workflows() -> None:
    used = {name for path in (ROOT / ".github").rglob("*.yml") for name in _NAMED.findall(path.read_text("utf-8"))}
    told = set(re.findall(r"`(TAIL_\w+)`", (ROOT / "docs" / "github.md").read_text(encoding="utf-8")))
    assert told == used


def messages() -> list[str]:
    """Our own messages in the table of what does not work; ``…`` stands for what differs."""
    table = (ROOT / "docs" / "github.md").read_text(encoding="utf-8").split("| message |")[1]
    return re.findall(r"`([^`]+)`", "\n".join(row.split("|")[1] for row in table.splitlines()[2:] if "|" in row))


@pytest.fixture(scope="module")
def source() -> str:
    """What the code says, with ``…`` where it puts something in."""
    paths = [
        *(ROOT / "tail_pipeline" / "adapters").rglob("*.py"),
        ROOT / ".github" / "actions" / "install" / "action.yml",
    ]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    return re.sub(r"\{[^{}]*\}", "…", text)


@pytest.mark.parametrize("message", messages())
def test_a_message_in_the_documentation_is_one_of_ours(message: str, source: str) -> None:
    said = [part for part in re.split(r"…|: |\. |HTTP 401", message) if part.strip(" ;,")]
    assert [part for part in said if part.strip() not in source] == []


def test_the_keys_of_an_endpoint_are_documented() -> None:
    assert documented("docs/judge.md", "| key of an endpoint |") == set(Endpoint.model_fields)


def test_the_judge_in_the_documentation_can_be_configured(tmp_path: Path) -> None:
    rubric, agents = blocks("docs/judge.md", "yaml")
    (tmp_path / "eval").mkdir()
    thresholds = "rubric_min_score: 0.82\nragas_faithfulness: 0.78\n"
    repository = "repository: {provider: local}\nagents: [{name: support, traces: {store: files, path: x}}]\n"
    (tmp_path / "eval" / "rubric.yaml").write_text(thresholds + rubric, encoding="utf-8")
    (tmp_path / "eval" / "agents.yaml").write_text(repository + agents, encoding="utf-8")

    assert load_configuration(tmp_path).endpoint_names == ["anthropic", "bedrock", "ollama", "openai", "vllm"]


def test_the_writer_for_teams_without_a_trace_store_writes_what_is_read(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, Any] = {}
    exec(blocks("docs/trace-table.md", "python")[0], names)
    monkeypatch.setenv("TRACES_DSN", postgres_dsn)
    start = datetime(2026, 4, 15, tzinfo=UTC)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute((ROOT / "tail_pipeline" / "adapters" / "traces_postgres.sql").read_text(encoding="utf-8"))
        names["write_turn"](
            connection, "t", "s", "support", "why", "because", ["page"], ["safety"], start, source="web"
        )
        names["write_feedback"](connection, "s", "corrected", "because of that")

    window = MiningDay.parse("2026-W17-1").window(Cadence.WEEKLY)
    store = PostgresTraceStore("TRACES_DSN", "agent_spans", {})
    rows = [row for batch in store.iter_spans(window, SegmentFilter("support")) for row in batch.frame.to_dicts()]
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("DROP TABLE agent_spans")

    assert [(row["input"], row["contexts"], row["labels"], row["correction"]) for row in rows] == [
        ("why", ["page"], ["safety"], "because of that")
    ]
