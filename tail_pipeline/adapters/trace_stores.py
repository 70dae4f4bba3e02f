"""Opens the trace store an agent names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tail_pipeline.adapters.otlp.units import UnitRules
from tail_pipeline.adapters.state_dir import state_dir
from tail_pipeline.adapters.traces_files import FileTraceStore
from tail_pipeline.adapters.traces_otel import OtelTraceStore
from tail_pipeline.adapters.traces_postgres import PostgresTraceStore
from tail_pipeline.domain.ports import TraceStore
from tail_pipeline.domain.traces import FileTraces, OtelTraces, PostgresTraces, Traces, Unit


def open_trace_store(
    traces: Traces,
    repo_dir: Path,
    unit: Unit = "turn",
    progress: Callable[[str], None] = lambda _message: None,
) -> TraceStore:
    """``unit`` matters to stores of spans; the rows of the others are units already, and stream as they are read."""
    match traces:
        case PostgresTraces():
            return PostgresTraceStore(traces.dsn_env, traces.table, traces.columns)
        case FileTraces():
            return FileTraceStore(repo_dir, traces.path, traces.columns)
        case OtelTraces():
            rules = UnitRules(unit, traces.attributes)
            return OtelTraceStore(repo_dir, traces.path, rules, state_dir(repo_dir) / "otel_files.sqlite", progress)
