"""Units out of spans made by the SDK, as JSON, without files and store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from tail_pipeline.adapters.otlp.dialects import wanted_keys
from tail_pipeline.adapters.otlp.json_requests import JsonRequests
from tail_pipeline.adapters.otlp.spans import OtlpSpan
from tail_pipeline.adapters.otlp.units import TraceAssembler, UnitRules
from tail_pipeline.domain.spans import BadSpan
from tail_pipeline_tests.adapters.otlp_traffic import (
    START,
    Tracing,
    json_lines,
    requests_of,
)
from tail_pipeline_tests.adapters.trace_writers import frame_of

AGENT = {"openinference.span.kind": "AGENT"}
LLM = {"openinference.span.kind": "LLM"}


def spans_of(tracing: Tracing, rules: UnitRules) -> list[OtlpSpan]:
    bad: list[BadSpan] = []
    reader = JsonRequests(wanted_keys(rules.attributes), bad.append)
    spans = [span for line in json_lines(requests_of(tracing.spans)) for span in reader.spans(line, "a line")]
    assert bad == []
    return spans


def assembled(
    spans: Sequence[OtlpSpan], rules: UnitRules, held_bytes: int = 2**20
) -> tuple[list[dict[str, Any]], list[str], dict[str, int]]:
    """Units without their empty columns, reasons of what was bad, counts of what was set aside."""
    bad: list[BadSpan] = []
    with closing(TraceAssembler(rules, bad.append, held_bytes=held_bytes)) as assembler:
        for span in spans:
            assembler.add([span])
        batches = list(assembler.batches())
    rows = frame_of(batches).sort("start_time", "span_id").to_dicts()
    reasons = [one.reason for one in [*bad, *(bad for batch in batches for bad in batch.bad)]]
    return rows, reasons, {one.reason: one.count for one in assembler.set_aside.values()}


def units(tracing: Tracing, unit: str = "turn", **attributes: list[str]) -> list[dict[str, Any]]:
    rules = UnitRules(unit, attributes)  # type: ignore[arg-type]
    rows, reasons, _ = assembled(spans_of(tracing, rules), rules)
    assert reasons == []
    return rows


def scenes() -> Tracing:
    """A film of two scenes; each goes through two nodes, and the model calls inherit the class of their node."""
    tracing = Tracing()
    film = tracing.span("film", AGENT | {"input.value": "a film"}, seconds=60)
    for scene in range(2):
        at = START + timedelta(seconds=10 * scene)
        for node in ("shot-plan", "prompt-repair"):
            at += timedelta(seconds=2)
            told = {"openinference.span.kind": "CHAIN", "graph.node.id": node, "input.value": f"{node} {scene}"}
            score = {"rubric_score": 0.2} if (node, scene) == ("prompt-repair", 1) else {"rubric_score": 0.95}
            step = tracing.span(node, told | score, at=at, seconds=2, parent=film)
            document = {
                "openinference.span.kind": "RETRIEVER",
                "retrieval.documents.0.document.content": f"for {node} {scene}",
            }
            tracing.span("search", document, at=at, parent=step)
            call = LLM | {
                "graph.node.id": node,
                "llm.model_name": f"model of {node}",
                "output.value": f"{node} {scene} done",
            }
            tracing.span("llm", call, at=at, parent=step)
    return tracing
