"""What the documentation shows is run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tail_pipeline.adapters.eval_files import load_configuration
from tail_pipeline.adapters.traces_postgres import PostgresTraceStore
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay

ROOT = Path(__file__).parents[2]


def blocks(path: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / path).read_text(encoding="utf-8"), re.DOTALL)


def test_the_configuration_in_the_readme_loads(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    for block in blocks("README.md", "yaml"):
        name = re.search(r"eval/\w+\.yaml", block)
        assert name is not None
        (tmp_path / name[0]).write_text(block, encoding="utf-8")

    assert load_configuration(tmp_path).agents[0].segment_names == ["acme", "globex"]


def test_the_keys_in_the_readme_are_those_of_an_agent() -> None:
    from tail_pipeline.domain.agents import Agent

    table = (ROOT / "README.md").read_text(encoding="utf-8").split("| key of an agent |")[1].split("\n\n")[0]
    documented = {key for row in table.splitlines()[2:] for key in re.findall(r"`(\w+)`", row.split("|")[1])}

    assert documented == set(Agent.model_fields) - {"name"}


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
