"""Traces made by the OpenTelemetry SDK and its own encoder, in the dialects, encodings and framings teams land on disk."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard
from google.protobuf import json_format
from google.protobuf.internal.encoder import _VarintBytes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, Span, set_span_in_context

Attributes = Mapping[str, Any]
START = datetime(2026, 4, 13, 8, tzinfo=UTC)
DIALECTS = ("openinference", "genai", "openllmetry")
FRAMINGS = (
    "jsonl",
    "jsonl.gz",
    "jsonl.zst",
    "one.json",
    "pretty.json",
    "list.json",
    "list.json.gz",
    "framed.pb",
    "framed.pb.gz",
    "framed.pb.zst",
    "varint.pb",
    "one.pb",
    "each-zst.framed.pb",
    "each-zst.framed.json",
    "base64.jsonl",
)
"""How requests are put into a file; the last part of a name but one says how, the suffix how it is compressed."""


class _Seeded(IdGenerator):
    """Ids that are the same in every run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128) or 1


class _Keep(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class Tracing:
    """Makes spans at chosen times; ``spans`` are in the order in which they ended, children before parents."""

    def __init__(self, *, seed: int = 0, resource: Attributes | None = None) -> None:
        self._keep = _Keep()
        provider = TracerProvider(
            id_generator=_Seeded(seed),
            resource=Resource(dict(resource or {})),
            span_limits=SpanLimits(max_attributes=128),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._keep)
        self._tracer = provider.get_tracer("tests")

    @property
    def spans(self) -> list[ReadableSpan]:
        return self._keep.spans

    def span(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        at: datetime = START,
        seconds: float = 1,
        parent: Span | None = None,
        link: Span | None = None,
        events: Sequence[tuple[str, Attributes, datetime]] = (),
        end: bool = True,
    ) -> Span:
        span = self._tracer.start_span(
            name,
            context=set_span_in_context(parent) if parent else None,
            links=[Link(link.get_span_context())] if link else None,
            start_time=nanos(at),
        )
        span.set_attributes(dict(attributes or {}))
        for event, event_attributes, time in events:
            span.add_event(event, dict(event_attributes), timestamp=nanos(time))
        if end:
            span.end(end_time=nanos(at + timedelta(seconds=seconds)))
        return span

    def ended(self, span: Span, at: datetime, seconds: float = 1) -> Span:
        span.end(end_time=nanos(at + timedelta(seconds=seconds)))
        return span


def nanos(time: datetime) -> int:
    return int((time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000


def requests_of(spans: Iterable[ReadableSpan], size: int = 100) -> list[ExportTraceServiceRequest]:
    """Export requests as the SDK's own encoder writes them, ``size`` spans each."""
    everything = list(spans)
    return [encode_spans(everything[start : start + size]) for start in range(0, len(everything), size)]


def as_json(request: ExportTraceServiceRequest, *, ids: str = "hex") -> dict[str, Any]:
    """The request in OTLP/JSON: protobuf's own JSON, but for ids in hex as the specification asks."""
    record = json_format.MessageToDict(request)
    if ids == "hex":
        for group in record.get("resourceSpans", []):
            for scope in group.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    for holder in (span, *span.get("links", [])):
                        for key in {"traceId", "spanId", "parentSpanId"} & set(holder):
                            holder[key] = base64.b64decode(holder[key]).hex()
    return record


def json_lines(requests: Sequence[ExportTraceServiceRequest]) -> list[bytes]:
    return [json.dumps(as_json(request), ensure_ascii=False).encode() + b"\n" for request in requests]


def framed(payloads: Iterable[bytes]) -> bytes:
    """A length of four bytes, big endian, before each, as the Collector's file exporter writes them."""
    return b"".join(len(payload).to_bytes(4) + payload for payload in payloads)


def write_otlp(path: Path, requests: Sequence[ExportTraceServiceRequest]) -> Path:
    """Write the requests as the file's name says; see ``FRAMINGS``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_compressed(_content(path.name, requests), path.suffix))
    return path


def _content(name: str, requests: Sequence[ExportTraceServiceRequest]) -> bytes:
    binary = [request.SerializeToString() for request in requests]
    each = zstandard.ZstdCompressor().compress
    merged = ExportTraceServiceRequest()
    for request in requests:
        merged.MergeFrom(request)
    for ending, content in {
        "base64.jsonl": lambda: b"".join(json.dumps(as_json(one, ids="base64")).encode() + b"\n" for one in requests),
        "one.json": lambda: json.dumps(as_json(merged)).encode(),
        "pretty.json": lambda: json.dumps(as_json(merged), indent=2).encode(),
        "list.json": lambda: json.dumps([as_json(one) for one in requests], indent=1).encode(),
        "each-zst.framed.pb": lambda: framed(map(each, binary)),
        "each-zst.framed.json": lambda: framed(map(each, json_lines(requests))),
        "framed.pb": lambda: framed(binary),
        "varint.pb": lambda: b"".join(_VarintBytes(len(one)) + one for one in binary),
        "one.pb": lambda: b"".join(binary),
    }.items():
        if name.removesuffix(".gz").removesuffix(".zst").endswith(ending):
            return content()
    return b"".join(json_lines(requests))


def _compressed(content: bytes, suffix: str) -> bytes:
    match suffix:
        case ".gz":
            return gzip.compress(content, compresslevel=1)
        case ".zst":
            return zstandard.ZstdCompressor().compress(content)
    return content


@dataclass
class Turn:
    """One exchange to be traced; ``feedback`` and ``score`` are given by the dialect's own means."""

    number: int
    question: str
    answer: str
    documents: Sequence[str] = ()
    score: float | None = None
    feedback: str | None = None
    at: datetime = START
    labels: Sequence[str] = ()
    tenant: str | None = None


@dataclass
class Traffic:
    """Turns of all dialects, and what was planted among them."""

    turns: list[Turn] = field(default_factory=list)
    negative: int = 0
    low: int = 0


def planted_turns(count: int, *, seed: int = 7, days: int = 7) -> Traffic:
    """``count`` turns over a week, of which known numbers have a low score or negative feedback."""
    chance = random.Random(seed)
    traffic = Traffic()
    for number in range(count):
        low, negative = number % 17 == 3, number % 23 == 5
        traffic.low += low
        traffic.negative += negative
        traffic.turns.append(
            Turn(
                number,
                f"question {number}: " + " ".join(chance.choices(_WORDS, k=12)),
                f"answer {number}: " + " ".join(chance.choices(_WORDS, k=60)),
                documents=[" ".join(chance.choices(_WORDS, k=80)) for _ in range(2)] if number % 2 else (),
                score=chance.uniform(0.1, 0.6) if low else chance.uniform(0.85, 1),
                feedback="thumbs_down" if negative else None,
                at=START + timedelta(seconds=number * (days * 86_400 - 40_000) / count),
                labels=["regulatory"] if number % 101 == 0 else (),
                tenant=("acme", "globex")[number % 2],
            )
        )
    return traffic


_WORDS = (
    "clause invoice refund liability renewal notice party term contract summary damages statute limit audit tax".split()
)


def traced(turns: Iterable[Turn], dialects: Sequence[str] = DIALECTS, *, seed: int = 1) -> list[ReadableSpan]:
    """The spans of all turns, dialect after dialect in turn; another ``seed`` gives other ids."""
    tracing = Tracing(seed=seed, resource={"service.name": "support"})
    for turn, dialect in zip(turns, itertools.cycle(dialects), strict=False):
        WRITERS[dialect](tracing, turn)
    return tracing.spans


def openinference(tracing: Tracing, turn: Turn) -> None:
    """An agent with a retriever and a model call beside each other; feedback comes as a span of its own with a link."""
    metadata = {"tenant": turn.tenant} if turn.tenant else {}
    root = tracing.span(
        "agent",
        {
            "openinference.span.kind": "AGENT",
            "input.value": turn.question,
            "output.value": turn.answer,
            "session.id": f"session {turn.number // 3}",
            "metadata": json.dumps(metadata),
            **({"tag.tags": list(turn.labels)} if turn.labels else {}),
        },
        at=turn.at,
        end=False,
    )
    if turn.documents:
        found = {f"retrieval.documents.{n}.document.content": text for n, text in enumerate(turn.documents)}
        tracing.span(
            "search",
            {"openinference.span.kind": "RETRIEVER", "input.value": turn.question} | found,
            at=turn.at,
            parent=root,
        )
    tracing.span(
        "llm",
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-test",
            "llm.token_count.prompt": 100,
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "You answer questions about contracts.",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.content": turn.question,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": turn.answer,
        },
        at=turn.at,
        parent=root,
    )
    if turn.score is not None:
        root.set_attribute("eval.rubric_score.score", turn.score)
    tracing.ended(root, turn.at)
    if turn.feedback:
        tracing.span(
            "feedback", {"annotation.user_feedback.label": turn.feedback}, at=turn.at + timedelta(minutes=5), link=root
        )


def genai(tracing: Tracing, turn: Turn) -> None:
    """A web server's span above the agent's; messages as JSON strings, scores and feedback as evaluation events."""
    server = tracing.span("POST /chat", {"http.request.method": "POST"}, at=turn.at, end=False)
    events = []
    if turn.score is not None:
        judged = {"gen_ai.evaluation.name": "rubric_score", "gen_ai.evaluation.score.value": turn.score}
        events.append(("gen_ai.evaluation.result", judged, turn.at + timedelta(seconds=1)))
    if turn.feedback:
        said = {"gen_ai.evaluation.name": "user_feedback", "gen_ai.evaluation.score.label": turn.feedback}
        events.append(("gen_ai.evaluation.result", said, turn.at + timedelta(seconds=2)))
    asked = [{"role": "user", "parts": [{"type": "text", "content": turn.question}]}]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": turn.answer}], "finish_reason": "stop"}]
    agent = tracing.span(
        "invoke_agent support",
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.conversation.id": f"session {turn.number // 3}",
            **({"tenant.id": turn.tenant} if turn.tenant else {}),
            **({"labels": list(turn.labels)} if turn.labels else {}),
        },
        at=turn.at,
        parent=server,
        events=events,
        end=False,
    )
    if turn.documents:
        found = json.dumps([{"id": str(n), "content": text} for n, text in enumerate(turn.documents)])
        attributes = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": found}
        tracing.span("retrieval", attributes, at=turn.at, parent=agent)
    tracing.span(
        "chat gpt-test",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-test",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.input.messages": json.dumps(asked),
            "gen_ai.output.messages": json.dumps(said),
        },
        at=turn.at,
        parent=agent,
    )
    tracing.ended(agent, turn.at)
    tracing.ended(server, turn.at)


def openllmetry(tracing: Tracing, turn: Turn) -> None:
    """A workflow with tasks; prompts and completions in numbered attributes, documents as events of the vector store."""
    properties = {"traceloop.association.properties.session_id": f"session {turn.number // 3}"}
    if turn.tenant:
        properties["traceloop.association.properties.tenant"] = turn.tenant
    root = tracing.span(
        "support.workflow",
        {
            "traceloop.span.kind": "workflow",
            "traceloop.entity.name": "support",
            "traceloop.entity.input": json.dumps({"args": [turn.question], "kwargs": {}}),
            "traceloop.entity.output": json.dumps(turn.answer),
            **properties,
            **({"traceloop.association.properties.labels": list(turn.labels)} if turn.labels else {}),
            **({"rubric_score": turn.score} if turn.score is not None else {}),
        },
        at=turn.at,
        end=False,
    )
    if turn.documents:
        events = [("db.query.result", {"db.query.result.document": text}, turn.at) for text in turn.documents]
        tracing.span("chroma.query", {"db.system": "chroma", **properties}, at=turn.at, parent=root, events=events)
    tracing.span(
        "openai.chat",
        {
            "llm.request.type": "chat",
            "gen_ai.request.model": "gpt-test",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": turn.question,
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": turn.answer,
            **properties,
        },
        at=turn.at,
        parent=root,
    )
    if turn.feedback:
        tracing.span("feedback", {"user_feedback": turn.feedback}, at=turn.at + timedelta(seconds=1), parent=root)
    tracing.ended(root, turn.at)


WRITERS = {"openinference": openinference, "genai": genai, "openllmetry": openllmetry}
