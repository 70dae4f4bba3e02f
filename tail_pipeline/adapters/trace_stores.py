"""Opens the trace store an agent names."""

from __future__ import annotations

from pathlib import Path

from tail_pipeline.adapters.traces_files import FileTraceStore
from tail_pipeline.adapters.traces_postgres import PostgresTraceStore
from tail_pipeline.domain.agents import FileTraces, PostgresTraces
from tail_pipeline.domain.ports import TraceStore


def open_trace_store(traces: PostgresTraces | FileTraces, repo_dir: Path) -> TraceStore:
    match traces:
        case PostgresTraces():
            return PostgresTraceStore(traces.dsn_env, traces.table, traces.columns)
        case FileTraces():
            return FileTraceStore(repo_dir, traces.path, traces.columns)
