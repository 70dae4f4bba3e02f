"""Values of any size: cut where they are longer than what they are, and never too many of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from tail_pipeline.adapters.otlp.rows import MAX_BATCH_CHARS, Rows
from tail_pipeline_tests.adapters.otlp_assembly import AGENT, units
from tail_pipeline_tests.adapters.otlp_traffic import Tracing

LONG = "long " * 60_000


@pytest.mark.parametrize(
    ("written", "column", "kept"),
    [
        ("session.id", "session_id", LONG[:1_000]),
        ("tenant.id", "tenant", LONG[:1_000]),
        ("llm.model_name", "model", LONG[:1_000]),
        ("node_class", "node_class", LONG[:1_000]),
        ("labels", "labels", [LONG.strip()[:200_000]]),
        ("metadata", "metadata", LONG[:200_000]),
        ("correction", "correction", LONG[:200_000]),
    ],
)
def test_a_value_longer_than_any_name_or_text_is_cut_wherever_it_stands(written: str, column: str, kept: Any):
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "q", written: LONG})
    (unit,) = units(tracing)
    assert unit[column] == kept
    assert unit["truncated"]


def test_units_with_long_texts_come_in_small_batches():
    rows = Rows()
    sizes = []
    for number in range(400):
        rows.add({"span_id": f"{number}", "input": "q" * 200_000, "output": "a", "contexts": ["c" * 10_000]}, "a line")
        if rows.full:
            sizes.append(rows.taken().frame.height)
    assert len(sizes) > 1
    assert max(sizes) * 210_000 < 2 * MAX_BATCH_CHARS
