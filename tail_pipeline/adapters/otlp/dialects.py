"""What the attributes of a span mean in the three dialects teams write.

OpenInference, the GenAI semantic conventions, OpenLLMetry: what kind of span it is, where the columns of a unit are
found, and who judged it how. What was said stands in ``texts``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tail_pipeline.adapters.otlp.spans import Attributes, OtlpSpan, SpanKind, WantedKeys, plain_value


@dataclass(frozen=True)
class Evaluation:
    """One judgement of a span: a score, a user's feedback or a correction; ``time`` in microseconds, None if unknown."""

    name: str
    label: str | None
    score: float | None
    text: str | None
    time: int | None


DEFAULT_PATHS: Mapping[str, tuple[str, ...]] = {
    "session_id": (
        "session.id",
        "gen_ai.conversation.id",
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.chat_id",
    ),
    "model": ("llm.model_name", "gen_ai.response.model", "gen_ai.request.model"),
    "tenant": ("tenant.id", "tenant", "traceloop.association.properties.tenant", "metadata.tenant"),
    "node_class": ("node_class", "graph.node.id", "traceloop.association.properties.node_class", "metadata.node_class"),
    "labels": ("labels", "tag.tags", "traceloop.association.properties.labels", "metadata.labels"),
    "rubric_score": ("rubric_score",),
    "ragas_faithfulness": ("ragas_faithfulness", "faithfulness"),
    "rubric_sha": ("rubric_sha",),
    "user_feedback": ("user_feedback", "user-feedback", "user.feedback", "feedback"),
    "correction": ("correction", "user.correction"),
    "metadata": ("metadata",),
}
"""Span column → where it is looked for, in order, after what the agent's ``attributes:`` name.

Input, output and contexts are not here: each dialect has its own way of writing them.
"""

JUDGED_COLUMNS = ("rubric_score", "ragas_faithfulness", "user_feedback", "correction")

_PREFIXES = (
    "openinference.",
    "input.",
    "output.",
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.request.type",
    "retrieval.documents.",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.input.",
    "gen_ai.output.",
    "gen_ai.operation.",
    "gen_ai.retrieval.documents",
    "gen_ai.event.content",
    "traceloop.span.kind",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "db.query.result.document",
)
_EVENT_KEYS = ("content", "message")
_JUDGING_PREFIXES = ("gen_ai.evaluation.", "annotation.", "eval.")

_KINDS = {
    "agent": SpanKind.AGENT,
    "chain": SpanKind.CHAIN,
    "llm": SpanKind.LLM,
    "retriever": SpanKind.RETRIEVER,
    "evaluator": SpanKind.EVALUATOR,
    "guardrail": SpanKind.EVALUATOR,
    "workflow": SpanKind.CHAIN,
    "task": SpanKind.CHAIN,
    "invoke_agent": SpanKind.AGENT,
    "invoke_workflow": SpanKind.CHAIN,
    "chat": SpanKind.LLM,
    "completion": SpanKind.LLM,
    "text_completion": SpanKind.LLM,
    "generate_content": SpanKind.LLM,
    "retrieval": SpanKind.RETRIEVER,
}
_KIND_KEYS = ("openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name", "llm.request.type")
_EVALUATION_EVENTS = ("gen_ai.evaluation.result", "gen_ai.evaluation")
_NAMED_JUDGEMENT = re.compile(r"(?:annotation|eval)\.(.+)\.(label|score|text|explanation)")
_FEEDBACK_WORDS = {
    "thumbs_up": (
        "thumbs_up",
        "thumb_up",
        "thumbsup",
        "up",
        "positive",
        "good",
        "like",
        "liked",
        "helpful",
        "true",
        "1",
        "👍",
    ),
    "thumbs_down": (
        *("thumbs_down", "thumb_down", "thumbsdown", "down", "negative", "bad", "dislike", "disliked", "not_helpful"),
        *("unhelpful", "false", "0", "-1", "👎"),
    ),
    "regenerated": ("regenerated", "regenerate", "regeneration", "retry", "retried"),
    "corrected": ("corrected", "correction", "edited"),
}


def wanted_keys(paths: Mapping[str, Sequence[str]]) -> WantedKeys:
    """The attribute keys any dialect, default or configured path can ask for."""
    judging = [path for column in JUDGED_COLUMNS for path in (*paths.get(column, ()), *DEFAULT_PATHS[column])]
    every = [path for one in (*paths.values(), *DEFAULT_PATHS.values()) for path in one]
    names, judging_names = AttributePaths.of(every).names, AttributePaths.of(judging).names
    return WantedKeys(names.union(_EVENT_KEYS), _PREFIXES, judging_names, _JUDGING_PREFIXES)


def kind_of(span: OtlpSpan) -> SpanKind | None:
    """What the span does, or None where no dialect says so."""
    attributes = span.attributes
    if not attributes and not span.events:
        return None
    for key in _KIND_KEYS:
        if key in attributes:
            return _KINDS.get(str(plain_value(attributes[key])).lower(), SpanKind.OTHER)
    if "gen_ai.request.model" in attributes:
        # Before there were operation names, a span with a requested model was a call of it.
        return SpanKind.LLM
    if any(event.name == "db.query.result" for event in span.events):
        return SpanKind.RETRIEVER
    return None


@dataclass(frozen=True, slots=True)
class AttributePath:
    """Where a value may be: an attribute of that name, else a member of one that holds JSON or a map."""

    name: str
    inside: tuple[tuple[str, tuple[str, ...]], ...]
    resource_only: bool


@dataclass(frozen=True, slots=True)
class AttributePaths:
    """Paths in the order in which they are tried; ``names`` are all attributes that could answer any of them."""

    paths: tuple[AttributePath, ...]
    names: frozenset[str]

    @classmethod
    def of(cls, paths: Sequence[str]) -> AttributePaths:
        """``resource.service.name`` asks for an attribute of the resource alone."""
        found = tuple(
            AttributePath(
                name=path.removeprefix("resource."),
                inside=tuple(
                    (path[:at], tuple(path[at + 1 :].split("."))) for at in range(len(path)) if path[at] == "."
                ),
                resource_only=path.startswith("resource."),
            )
            for path in paths
        )
        return cls(found, frozenset(name for one in found for name in (one.name, *(outer for outer, _ in one.inside))))


def value_at(span: OtlpSpan, paths: AttributePaths, *, resource: bool = True) -> Any:
    """The first value found along the paths, each on the span itself and then, unless told not to, on its resource."""
    attributes = span.attributes
    # Most spans have none of the names, and one test in C is cheaper than a walk along the paths.
    if paths.names.isdisjoint(attributes) and paths.names.isdisjoint(span.resource):
        return None
    for path in paths.paths:
        if not path.resource_only:
            if path.name in attributes:
                return plain_value(attributes[path.name])
            for outer, members in path.inside:
                if outer in attributes and (found := _member(plain_value(attributes[outer]), members)) is not None:
                    return found
        if (resource or path.resource_only) and path.name in span.resource:
            return plain_value(span.resource[path.name])
    return None


def evaluations_of(span: OtlpSpan) -> list[Evaluation]:
    """Every judgement the span carries: evaluation events, evaluation attributes, annotations."""
    found = [
        _evaluation(event.attributes, event.time)
        for event in span.events
        if event.name in _EVALUATION_EVENTS and "gen_ai.evaluation.name" in event.attributes
    ]
    if "gen_ai.evaluation.name" in span.attributes:
        found.append(_evaluation(span.attributes, span.start))
    named: dict[str, dict[str, Any]] = {}
    for key, value in span.attributes.items():
        if key.startswith(("annotation.", "eval.")) and (match := _NAMED_JUDGEMENT.fullmatch(key)):
            named.setdefault(match[1], {})[match[2]] = plain_value(value)
    for name, parts in named.items():
        text = parts.get("text") or parts.get("explanation")
        found.append(
            Evaluation(name, string_of(parts.get("label")), number_of(parts.get("score")), string_of(text), span.start)
        )
    return found


def feedback_of(label: str | None, score: float | None) -> str:
    """One of the schema's feedback values; without a label, a score above zero is a thumb up.

    Raises ValueError for a label that no tool is known to write, and where there is neither label nor number.
    """
    if label is None:
        if score is None or math.isnan(score):
            raise ValueError("user_feedback has neither a label nor a score")
        return "thumbs_up" if score > 0 else "thumbs_down"
    word = re.sub(r"[\s-]+", "_", label.strip().lower())
    for value, words in _FEEDBACK_WORDS.items():
        if word in words:
            return value
    # The label is not quoted: whoever reads this may be another tenant than who wrote it.
    raise ValueError(f"user_feedback is none of {', '.join(_FEEDBACK_WORDS)}")


def _evaluation(attributes: Attributes, time: int) -> Evaluation:
    values = {
        key: _plain_or_none(attributes, f"gen_ai.evaluation.{key}") for key in ("name", "score.label", "score.value")
    }
    return Evaluation(
        name=str(values["name"]),
        label=string_of(values["score.label"]),
        score=number_of(values["score.value"]),
        text=string_of(_plain_or_none(attributes, "gen_ai.evaluation.explanation")),
        time=time,
    )


def _plain_or_none(attributes: Attributes, key: str) -> Any:
    return plain_value(attributes[key]) if key in attributes else None


def _member(value: Any, members: Sequence[str]) -> Any:
    """``plan`` of ``user`` in JSON such as ``{"user": {"plan": "pro"}}``."""
    for name in members:
        value = as_json(value)
        value = value.get(name) if isinstance(value, dict) else None
    return value


def as_json(value: Any) -> Any:
    """What a string says in JSON; itself where it is no JSON structure."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return value


def json_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def string_of(value: Any) -> str | None:
    """A label or text as it was written, anything else as JSON."""
    return None if value is None else value if isinstance(value, str) else json_text(value)


def number_of(value: Any) -> float | None:
    """A score, which some tools write as text; None where it is no number."""
    try:
        return float(value) if isinstance(value, bool | int | float | str) else None
    except (ValueError, OverflowError):
        return None
