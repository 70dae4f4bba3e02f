"""Where an agent's traces are: one record for each kind of store, as ``agents.yaml`` has it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tail_pipeline.domain.spans import SPAN_SCHEMA

_ATTRIBUTE_COLUMNS = frozenset(SPAN_SCHEMA) - {
    *("trace_id", "span_id", "start_time", "end_time", "feedback_time", "truncated", "orphan")
}


def _table(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?", value):
        raise ValueError(f"'{value}' must be a table name, or schema.table")
    return value


def _columns(value: dict[str, str]) -> dict[str, str]:
    unknown = sorted(set(value) - set(SPAN_SCHEMA))
    if unknown:
        raise ValueError(f"no such span column: {', '.join(unknown)}; there are: {', '.join(SPAN_SCHEMA)}")
    return value


def _attribute_lists(value: Any) -> Any:
    """One path may stand without its list."""
    return (
        {name: [one] if isinstance(one, str) else one for name, one in value.items()}
        if isinstance(value, dict)
        else value
    )


def _attributes(value: dict[str, list[str]]) -> dict[str, list[str]]:
    unknown = sorted(set(value) - _ATTRIBUTE_COLUMNS)
    if unknown:
        raise ValueError(
            f"not read from attributes: {', '.join(unknown)}; there are: {', '.join(sorted(_ATTRIBUTE_COLUMNS))}"
        )
    return value


ColumnNames = Annotated[
    dict[str, str],
    AfterValidator(_columns),
    Field(default_factory=dict, description="Span column → the name it has in this store, where they differ."),
]


class _Store(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PostgresTraces(_Store):
    """A table with one row per unit of work."""

    store: Literal["postgres"]
    dsn_env: str = Field(description="Environment variable that holds the connection string.")
    table: Annotated[str, AfterValidator(_table)]
    columns: ColumnNames


class FileTraces(_Store):
    """Parquet or JSON-lines files in the span schema; relative to the repository."""

    store: Literal["files"]
    path: str = Field(description="Glob of *.parquet, *.jsonl, *.jsonl.gz or *.jsonl.zst files.")
    columns: ColumnNames


class OtelTraces(_Store):
    """OTLP files of the OpenTelemetry Collector, JSON or protobuf; relative to the repository, or an object-store URL."""

    store: Literal["otel"]
    path: str = Field(
        description="Glob of OTLP files, plain, gzip or zstd, such as traces/*.jsonl or s3://bucket/otel/**."
    )
    attributes: Annotated[
        dict[str, list[str]],
        BeforeValidator(_attribute_lists, json_schema_input_type=dict[str, list[str] | str]),
        AfterValidator(_attributes),
        Field(default_factory=dict, description="Span column → attribute paths, tried in order before the usual ones."),
    ]


Traces = PostgresTraces | FileTraces | OtelTraces
Unit = Literal["turn", "node"]
