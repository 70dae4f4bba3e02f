"""Trace store: a PostgreSQL table with one row per unit of work, streamed in Arrow batches.

The driver streams a query only when it has no bound parameters (with them it fetches the whole result first), so
windows and segment names are written as quoted literals; ids that come from traces are always bound.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.spans import (
    NEGATIVE_FEEDBACK,
    SPAN_SCHEMA,
    SegmentFilter,
    SpanBatch,
    checked,
    conformed,
    in_batches,
)
from tail_pipeline.domain.weeks import Window

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_REQUIRED = ("span_id", "input", "start_time")
_MAX_BOUND_IDS = 5_000
_QUOTED_VALUE = re.compile(r'ERROR:\s*(?:(?P<problem>[^":]+): |value )?"')
"""How PostgreSQL quotes a value; a name that it quotes stands behind what it is the name of."""

_CONNECTION_ERRORS = (
    "Connection refused",
    "timeout expired",
    "password authentication failed",
    "does not exist",
    "could not translate host name",
    "No such file or directory",
    "no pg_hba.conf entry",
    "too many connections",
    "the database system is",
    "server closed the connection unexpectedly",
    "certificate verify failed",
)


@dataclass(frozen=True)
class PostgresTraceStore:
    """``dsn_env`` names the environment variable with the connection string; it is read when used."""

    dsn_env: str
    table: str
    columns: dict[str, str]

    @property
    def name(self) -> str:
        return f"postgres table {self.table} ({self.dsn_env})"

    def check(self) -> None:
        with self._connected() as connection:
            self._select_list(connection)

    def iter_spans(self, window: Window, segment: SegmentFilter) -> Iterator[SpanBatch]:
        start = self._column("start_time")
        order = f"{start}, {self._column('span_id')}"
        yield from self._spans(lambda _present: self._between(start, window), segment, order=order)

    def iter_feedback(self, window: Window, segment: SegmentFilter) -> Iterator[pl.DataFrame]:
        with self._connected() as connection:
            present = self._present(connection)
            if "feedback_time" not in present or not {"user_feedback", "correction"} & set(present):
                return
            given = []
            if "user_feedback" in present:
                values = ", ".join(_literal(value) for value in NEGATIVE_FEEDBACK)
                given.append(f"{self._column('user_feedback')}::text IN ({values})")
            if "correction" in present:
                given.append(f"{self._column('correction')} IS NOT NULL")
            query = (
                f"SELECT {self._trace_id(present)} AS trace_id, {self._column('span_id')}::text AS span_id "
                f"FROM {self._table()} "
                f"WHERE {self._between(self._column('feedback_time'), window)} AND ({' OR '.join(given)}) "
                f"AND {self._belongs(segment, present)}"
            )
            for frame in self._frames(connection, query):
                yield from in_batches(frame)

    def fetch_units(self, trace_ids: Sequence[str], segment: SegmentFilter, since: datetime) -> Iterator[SpanBatch]:
        earliest = f"{self._column('start_time')} >= {_literal(since.isoformat())}"
        for start in range(0, len(trace_ids), _MAX_BOUND_IDS):
            chunk = list(trace_ids[start : start + _MAX_BOUND_IDS])
            order = self._column("start_time")
            yield from self._spans(
                lambda present: f"{self._trace_id(present)} = ANY($1) AND {earliest}", segment, order=order, ids=chunk
            )

    def count_by_segment(self, window: Window, agent: str, column: str) -> dict[str | None, int]:
        with self._connected() as connection:
            present = self._present(connection)
            value = f"{self._column(column)}::text" if column in present else "NULL::text"
            query = (
                f"SELECT {value} AS segment, count(*) AS spans FROM {self._table()} "
                f"WHERE {self._between(self._column('start_time'), window)} "
                f"AND {self._belongs(SegmentFilter(agent), present)} GROUP BY 1"
            )
            frames = list(self._frames(connection, query))
        return {segment: count for frame in frames for segment, count in frame.iter_rows()}

    def _spans(
        self,
        where: Callable[[dict[str, str]], str],
        segment: SegmentFilter,
        *,
        order: str,
        ids: list[str] | None = None,
    ) -> Iterator[SpanBatch]:
        with self._connected() as connection:
            present = self._present(connection)
            query = (
                f"SELECT {self._select_list(connection)} FROM {self._table()} "
                f"WHERE {where(present)} AND {self._belongs(segment, present)} ORDER BY {order}"
            )
            for frame in self._frames(connection, query, ids):
                for part in in_batches(conformed(frame, self.name)):
                    places = pl.select(
                        pl.format("{} row {}", pl.lit(f"table {self.table}"), part["span_id"].fill_null("?"))
                    ).to_series()
                    yield checked(part, places)

    def _frames(self, connection: Connection, query: str, ids: list[str] | None = None) -> Iterator[pl.DataFrame]:
        with connection.cursor() as cursor:
            cursor.execute(query, None if ids is None else [ids])
            for batch in cursor.fetch_record_batch():
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame), "a record batch is a table"
                yield frame

    def _present(self, connection: Connection) -> dict[str, str]:
        """Span column → PostgreSQL type, for those the table has."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self._table()} LIMIT 0")
            schema = cursor.fetch_record_batch().schema
        types = {field.name: (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() for field in schema}
        return {name: types[column] for name in SPAN_SCHEMA if (column := self.columns.get(name, name)) in types}

    def _select_list(self, connection: Connection) -> str:
        present = self._present(connection)
        missing = [self.columns.get(name, name) for name in _REQUIRED if name not in present]
        if missing:
            raise PermanentError(
                f"trace store {self.name}: no column {', '.join(missing)}; map it under traces.columns in eval/agents.yaml"
            )
        selected = []
        for name, postgres_type in present.items():
            column = self._column(name)
            match SPAN_SCHEMA[name]:
                case pl.Datetime() if postgres_type == "timestamp":
                    raise PermanentError(
                        f"trace store {self.name}: column {self.columns.get(name, name)} is timestamp without time zone; "
                        "make it timestamptz"
                    )
                case pl.List() if postgres_type in ("json", "jsonb"):
                    elements = f"ARRAY(SELECT jsonb_array_elements_text({column}::jsonb))"
                    expression = f"CASE WHEN jsonb_typeof({column}::jsonb) = 'array' THEN {elements} END"
                case pl.List():
                    expression = f"{column}::text[]"
                case pl.Float64():
                    expression = f"{column}::float8"
                case pl.String():
                    expression = f"{column}::text"
                case _:
                    expression = column
            selected.append(f'{expression} AS "{name}"')
        return ", ".join(selected)

    def _belongs(self, segment: SegmentFilter, present: dict[str, str]) -> str:
        conditions = ["TRUE"]
        if "agent" in present:
            agent = f"{self._column('agent')}::text"
            conditions.append(f"({agent} IS NULL OR {agent} = {_literal(segment.agent)})")
        if segment.column:
            if segment.column not in present:
                raise PermanentError(
                    f"trace store {self.name}: segments are split by {segment.column}, but the table has no such column; "
                    "map it under traces.columns in eval/agents.yaml"
                )
            values = ", ".join(_literal(value) for value in segment.values)
            conditions.append(f"{self._column(segment.column)}::text IN ({values})")
        return " AND ".join(conditions)

    def _between(self, column: str, window: Window) -> str:
        return f"({column} >= {_literal(window.start.isoformat())} AND {column} < {_literal(window.end.isoformat())})"

    def _trace_id(self, present: dict[str, str]) -> str:
        """A span without a trace is a trace of its own."""
        span_id = f"{self._column('span_id')}::text"
        return f"coalesce({self._column('trace_id')}::text, {span_id})" if "trace_id" in present else span_id

    def _column(self, name: str) -> str:
        return _identifier(self.columns.get(name, name))

    def _table(self) -> str:
        return ".".join(_identifier(part) for part in self.table.split("."))

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection whose errors name the store and never the connection string."""
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi

        dsn = os.environ.get(self.dsn_env)
        if not dsn:
            raise PermanentError(f"trace store {self.name}: the environment variable {self.dsn_env} is not set")
        try:
            connection = dbapi.connect(dsn)
        except Error as error:
            raise TransientError(f"trace store {self.name} does not answer: {_connection_error(error)}") from None
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET standard_conforming_strings = on")
            yield connection
        except Error as error:
            kind = PermanentError if (error.sqlstate or "").startswith(("42", "22", "28")) else TransientError
            raise kind(f"trace store {self.name}: {_statement_error(error)}") from None
        except OSError as error:
            # What goes wrong while batches are streamed comes through Arrow, which knows no class of errors.
            kind = TransientError if _is_lost(error) else PermanentError
            raise kind(f"trace store {self.name}: {_statement_error(error)}") from None
        finally:
            connection.close()


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    """A string constant; with standard_conforming_strings only the quote itself needs doubling."""
    if "\0" in text:
        raise PermanentError("a segment name cannot hold a NUL character")
    return "'" + text.replace("'", "''") + "'"


def _statement_error(error: Exception) -> str:
    """What the server said, without the value of a row: this is read by more people than the row is."""
    line = str(error).splitlines()[0]
    quoted = _QUOTED_VALUE.search(line)
    if quoted is None:
        return line
    problem = quoted["problem"] or "out of range"
    return f"a value cannot be read as its span column ({problem}); map another column, or mend the rows"


def _is_lost(error: Exception) -> bool:
    return any(reason in str(error) for reason in _CONNECTION_ERRORS)


def _connection_error(error: Exception) -> str:
    """What is known to be free of secrets: a mistyped connection string can stand anywhere in the driver's message."""
    text = str(error)
    return next((reason for reason in _CONNECTION_ERRORS if reason in text), "the connection string may be mistyped")
