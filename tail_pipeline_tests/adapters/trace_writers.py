"""Writes one list of rows into every kind of trace store, so that the same tests can read all of them."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import zstandard
from psycopg import sql

import tail_pipeline.adapters
from tail_pipeline.adapters.trace_stores import open_trace_store
from tail_pipeline.domain.ports import TraceStore
from tail_pipeline.domain.spans import SPAN_SCHEMA, BadSpan, SegmentFilter, SpanBatch
from tail_pipeline.domain.traces import FileTraces, PostgresTraces
from tail_pipeline.domain.weeks import Cadence, MiningDay

Row = dict[str, Any]

WINDOW = MiningDay.parse("2026-W17-1").window(Cadence.WEEKLY)
SUPPORT = SegmentFilter("support")
STORE_KINDS = ("postgres", "parquet", "jsonl", "jsonl.gz", "jsonl.zst")
DSN_ENV = "TRACE_STORE_TEST_DSN"
SHIPPED_TABLE = (Path(tail_pipeline.adapters.__file__).parent / "traces_postgres.sql").read_text(encoding="utf-8")

_table_numbers = itertools.count(1)


def span(span_id: str = "s1", **fields: Any) -> Row:
    """A good row in the middle of the window; ``fields`` change it."""
    start = fields.pop("start_time", WINDOW.start + timedelta(hours=60))
    return {"trace_id": f"trace of {span_id}", "span_id": span_id, "input": "a question", "start_time": start} | fields


def expected_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as every store must give them, sorted by key."""
    columns = {name: [row.get(name) for row in rows] for name in SPAN_SCHEMA}
    return pl.DataFrame(columns, schema=SPAN_SCHEMA).sort("trace_id", "span_id")


def frame_of(batches: Iterable[SpanBatch]) -> pl.DataFrame:
    """All good rows, sorted by key."""
    frames = [batch.frame for batch in batches]
    return pl.concat([pl.DataFrame(schema=SPAN_SCHEMA), *frames]).sort("trace_id", "span_id")


def ids_of(batches: Iterable[SpanBatch]) -> list[str]:
    return sorted(frame_of(batches)["span_id"].to_list())


def bad_of(batches: Iterable[SpanBatch]) -> list[BadSpan]:
    return [bad for batch in batches for bad in batch.bad]


@dataclass(frozen=True)
class StoreMaker:
    """Makes a store of one kind that holds the given rows."""

    kind: str
    directory: Path
    dsn: str | None = None

    def __call__(
        self, rows: Sequence[Row], *, columns: Mapping[str, str] | None = None, absent: Sequence[str] = ()
    ) -> TraceStore:
        """``columns`` are span column → stored name; ``absent`` columns are not stored at all."""
        names = dict(columns or {})
        if self.dsn is not None:
            table = make_table(self.dsn, rows, names=names, absent=absent)
            return open_trace_store(
                PostgresTraces(store="postgres", dsn_env=DSN_ENV, table=table, columns=names), self.directory
            )
        kept = [{name: value for name, value in row.items() if name not in absent} for row in rows]
        path = self.directory / f"traces.{self.kind}"
        if self.kind == "parquet":
            write_parquet(path, kept, names, absent)
        else:
            write_lines(path, [json_line(row, names) for row in kept])
        return open_trace_store(FileTraces(store="files", path="traces.*", columns=names), self.directory)


def make_table(
    dsn: str, rows: Sequence[Row], *, names: Mapping[str, str] | None = None, absent: Sequence[str] = ()
) -> str:
    """A new table made from the shipped DDL; returns its name."""
    table = f"spans_{next(_table_numbers)}"
    stored = [name for name in SPAN_SCHEMA if name not in {*absent, "truncated", "orphan"}]
    foreign = dict(names or {})
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(SHIPPED_TABLE.replace("agent_spans", table))
        for name in absent:
            if name not in ("truncated", "orphan"):
                cursor.execute(
                    sql.SQL("ALTER TABLE {} DROP COLUMN {}").format(sql.Identifier(table), sql.Identifier(name))
                )
        with cursor.copy(f"COPY {table} ({', '.join(stored)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([row.get(name) for name in stored])
        for old, new in foreign.items():
            cursor.execute(
                sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(
                    sql.Identifier(table), sql.Identifier(old), sql.Identifier(new)
                )
            )
    return table


def write_parquet(path: Path, rows: Sequence[Row], names: Mapping[str, str], absent: Sequence[str] = ()) -> None:
    schema = {name: dtype for name, dtype in SPAN_SCHEMA.items() if name not in absent}
    columns = {name: [row.get(name) for row in rows] for name in schema}
    pl.DataFrame(columns, schema=schema).rename(dict(names)).write_parquet(path)


def write_lines(path: Path, lines: Sequence[bytes]) -> None:
    """The lines, compressed as the file's name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compressed(b"".join(line + b"\n" for line in lines), path.suffix))


def compressed(content: bytes, suffix: str) -> bytes:
    match suffix:
        case ".gz":
            return gzip.compress(content)
        case ".zst":
            return zstandard.ZstdCompressor().compress(content)
    return content


def json_line(row: Row, names: Mapping[str, str] | None = None) -> bytes:
    """The row as one JSON line, metadata as an object."""
    foreign = names or {}
    record = {foreign.get(name, name): _json_value(name, value) for name, value in row.items()}
    return json.dumps(record, ensure_ascii=False).encode()


def _json_value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return json.loads(value) if name == "metadata" and value is not None else value
