"""Real OpenTelemetry exports, beside what an independent flattening of the same files says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tail_pipeline.adapters.otlp.units import UnitRules
from tail_pipeline.adapters.traces_otel import OtelTraceStore
from tail_pipeline.domain.collection import AsRecorded, SpanCollector
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay, Window
from tail_pipeline_tests.adapters.trace_writers import bad_of, frame_of

Shared = Callable[[str], Path]
YEARS = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
ANY = SegmentFilter("any")


def store(tmp_path: Path, pattern: Path, unit: str = "turn", **attributes: list[str]) -> OtelTraceStore:
    rules = UnitRules(unit, attributes)  # type: ignore[arg-type]
    return OtelTraceStore(tmp_path, str(pattern), rules, tmp_path / "times.sqlite")


def test_real_exports_read_to_their_turns(shared_data: Shared, tmp_path: Path):
    otlp = shared_data("otel_raw/otlp_openinference_rag_earnings.json").parent / "otlp_*.json"
    batches = list(store(tmp_path, otlp).iter_spans(YEARS, ANY))
    rag, research = sorted(frame_of(batches).to_dicts(), key=lambda row: row["span_id"], reverse=True)
    assert bad_of(batches) == []
    # The RAG trace hangs below a span of no dialect; its retriever stands three levels down, beside the model call.
    assert (rag["span_id"], rag["input"], rag["output"], rag["model"], rag["start_time"]) == (
        "ed78e4e77f97ca97",
        "what was meta's revenue in Q4 2023",
        "Meta Platforms Inc.'s revenue in Q4 2023 was $40.1 billion.",
        "gpt-3.5-turbo",
        datetime(2025, 7, 2, 16, 47, 20, 290605, UTC),
    )
    flat = pl.read_parquet(shared_data("otel_raw/spans.parquet"))
    assert rag["contexts"] == flat.filter(pl.col("span_id").str.starts_with("2f697b"))["context"].item().to_list()
    assert (research["span_id"], research["model"]) == ("6da5963a76f00399", "o1-2024-12-17")
    assert research["input"].startswith("You are a world expert at analyzing a situation")


def test_real_spans_read_to_what_the_flattened_table_says(shared_data: Shared, tmp_path: Path):
    """With the span kind as node class, each outermost span of a kind is a unit and can be compared one by one."""
    flat = pl.read_parquet(shared_data("otel_raw/spans.parquet")).filter(pl.col("format") == "otlp-json")
    otlp = shared_data("otel_raw/otlp_openinference_rag_earnings.json").parent / "otlp_*.json"
    read = frame_of(store(tmp_path, otlp, "node", node_class=["openinference.span.kind"]).iter_spans(YEARS, ANY))
    both = read.join(flat, on=["trace_id", "span_id"], suffix="_flat")
    assert both.height == read.height == 11
    for row in both.iter_rows(named=True):
        assert row["start_time"] == row["start_time_flat"]
        assert row["end_time"] == row["end_time_flat"]
        assert row["node_class"] == row["kind"]
        if row["kind"] == "RETRIEVER":
            assert (row["contexts"], row["input"], row["output"]) == (
                row["context"],
                row["input_flat"],
                row["output_flat"],
            )
        if row["kind"] == "LLM":
            assert row["model"] == row["model_flat"]
        for side in ("input", "output"):
            _is_said_in(row[side], row[f"{side}_flat"])


def _is_said_in(text: str, raw: str) -> None:
    """What was read stands in the raw value, letter by letter; tool calls are named by us."""
    if not text.startswith("[tool call"):
        assert _letters(text) in _letters(raw)


def _letters(text: str) -> str:
    """ASCII letters and digits, without what JSON escapes."""
    return re.sub(r"[^a-zA-Z0-9]+", "", re.sub(r"\\+(?:[nt]|u[0-9a-f]{4})", "", text))


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("otel_raw/langfuse_trace_1.json", "a Langfuse trace export"),
        ("otel_raw/langfuse_trace_3.json", "a Langfuse trace export"),
        ("otel_raw/js_readable_spans_vercel_ai_v6.json", "a dump of ReadableSpan objects of the JavaScript SDK"),
        ("traces/trail/raw", "a dump of nested spans"),
    ],
)
def test_real_dumps_of_another_kind_are_called_by_their_name(
    shared_data: Shared, tmp_path: Path, name: str, looks: str
):
    path = shared_data(name)
    reading = SpanCollector(
        store(tmp_path, path / "*.json.gz" if path.is_dir() else path),
        MiningDay.parse("2026-W17-1").window(Cadence.WEEKLY),
        ANY,
        AsRecorded(),
        YEARS.end - YEARS.start,
    )
    assert sum(frame.height for frame in reading.frames()) == 0
    message = rf"{re.escape(looks)}.*accepted are OTLP trace requests \(with resourceSpans\) as JSON or protobuf"
    with pytest.raises(PermanentError, match=message) as error:
        reading.require_readable(0.05)
    assert path.name in str(error.value)
