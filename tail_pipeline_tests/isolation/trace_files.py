"""Puts a world's traffic where its agents read it: JSON lines, Parquet, a PostgreSQL table, or OTLP files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from tail_pipeline_tests.adapters.otlp_traffic import Tracing, requests_of, write_otlp
from tail_pipeline_tests.adapters.trace_writers import DSN_ENV, json_line, make_table, write_lines, write_parquet
from tail_pipeline_tests.isolation.traffic import Row, Traffic


def write_traffic(traffic: Traffic, checkout: Path, dsn: str | None) -> dict[str, Any]:
    """The ``traces:`` of an agent that reads what was written."""
    rows = [{name: value for name, value in row.items() if not name.startswith("_")} for row in traffic.rows]
    match traffic.world.store:
        case "jsonl":
            lines = [*map(json_line, rows), *(line.encode() for line in traffic.broken_lines)]
            write_lines(checkout / "traces" / "all.jsonl", lines)
            return {"store": "files", "path": "traces/*.jsonl"}
        case "parquet":
            (checkout / "traces").mkdir()
            write_parquet(checkout / "traces" / "all.parquet", rows, {})
            return {"store": "files", "path": "traces/*.parquet"}
        case "postgres":
            assert dsn, "a world with a table needs a server"
            table = make_table(dsn, rows)
            if "uncastable" in traffic.world.odd:
                _spoil_a_list(traffic, dsn, table)
            return {"store": "postgres", "dsn_env": DSN_ENV, "table": table}
        case "otel":
            write_otlp(checkout / "traces" / "all.jsonl", requests_of(_traced(traffic, rows).spans))
            attributes = {"agent": ["agent"], "correction": ["user.correction"]}
            return {"store": "otel", "path": "traces/*.jsonl", "attributes": attributes}
    raise AssertionError(traffic.world.store)


def _spoil_a_list(traffic: Traffic, dsn: str, table: str) -> None:
    """Some teams keep lists as text: what is no list cannot be cast, and PostgreSQL says so with the value."""
    row = traffic.rows[0]
    readers = traffic.owners_of(row["agent"], row["tenant"], row["node_class"])
    value = "{" + traffic.aviary.word(readers, "a list that is none")
    with psycopg.connect(dsn) as connection:
        connection.execute(f"ALTER TABLE {table} ALTER COLUMN contexts TYPE text USING NULL")
        connection.execute(f"UPDATE {table} SET contexts = %s WHERE span_id = %s", (value, row["span_id"]))


def _traced(traffic: Traffic, rows: Sequence[Row]) -> Tracing:
    """An agent's span with a retriever and a model call below it; spans of one trace stand below a batch of all tenants.

    The batch and the retriever beside the agents say nothing of a tenant: what they hold belongs to nobody.
    """
    tracing = Tracing(seed=len(rows))
    batches: dict[str, Any] = {}
    together = {row["trace_id"] for row in rows if sum(one["trace_id"] == row["trace_id"] for one in rows) > 1}
    tenants = any(plan.segments and plan.split == "tenant" for plan in traffic.world.agents)
    several = len(set(traffic.spellings.values())) > 1
    for row in rows:
        at = row["start_time"]
        parent = None
        if row["trace_id"] in together:
            if row["trace_id"] not in batches:
                batch = tracing.span("batch", {"http.route": "/batch"}, at=at, end=False)
                if tenants and several:
                    found = {"retrieval.documents.0.document.content": traffic.nobodys("retriever beside tenants")}
                    tracing.span("search", {"openinference.span.kind": "RETRIEVER"} | found, at=at, parent=batch)
                batches[row["trace_id"]] = tracing.ended(batch, at, 60)
            parent = batches[row["trace_id"]]
        _unit(traffic, tracing, row, parent)
    return tracing


def _unit(traffic: Traffic, tracing: Tracing, row: Row, parent: Any) -> None:
    at = row["start_time"]
    owned = {
        name: value
        for name, value in {
            "tenant.id": row["tenant"],
            "agent": row["agent"],
            "node_class": row["node_class"],
        }.items()
        if value
    }
    unit = tracing.span(
        "agent",
        {
            "openinference.span.kind": "AGENT",
            "input.value": row["input"],
            "output.value": row["output"],
            "session.id": row["session_id"],
            "metadata": row["metadata"],
            "labels": row["labels"],
            **owned,
        },
        at=at,
        parent=parent,
        end=False,
    )
    found = {f"retrieval.documents.{n}.document.content": text for n, text in enumerate(row["contexts"])}
    tracing.span("search", {"openinference.span.kind": "RETRIEVER", **found, **owned}, at=at, parent=unit)
    tracing.span("llm", {"openinference.span.kind": "LLM", "llm.model_name": row["model"], **owned}, at=at, parent=unit)
    score = row.get("rubric_score")
    if score is not None and "judgement_no_number" in traffic.world.odd and at.minute % 4 == 0:
        word = traffic.aviary.word(
            traffic.owners_of(row["agent"], row["tenant"], row["node_class"]), "a score in words"
        )
        unit.set_attribute("eval.rubric_score.label", f"{word} good")
    elif score is not None:
        unit.set_attribute("eval.rubric_score.score", score)
    tracing.ended(unit, at)
    if row.get("user_feedback"):
        said = {"annotation.user_feedback.label": row["user_feedback"]}
        said |= {"user.correction": row["correction"]} if row.get("correction") else {}
        given = row.get("feedback_time") or at + timedelta(minutes=5)
        tracing.span("feedback", said, at=given, link=unit)
