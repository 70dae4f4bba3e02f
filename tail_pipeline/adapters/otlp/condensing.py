"""Spans with only what a unit of work may still need of them.

In a trace of twenty spans the same documents and prompts stand in most; one of them becomes the unit. What can be
told from a single request is dropped before anything is kept: values inside a chain whose parent is a chain, messages of
a model call but for the last, prompts where the agent's own span already says what was asked and answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from tail_pipeline.adapters.otlp.dialects import AttributePaths, kind_of
from tail_pipeline.adapters.otlp.spans import OtlpSpan, Report, SpanKind, plain_value
from tail_pipeline.adapters.otlp.texts import input_of, output_of, with_texts, without_texts
from tail_pipeline.domain.spans import BadSpan

UNIT_KINDS = (SpanKind.AGENT, SpanKind.CHAIN)

_SPAN_BYTES = 400
"""What a span takes beside its attributes: most spans of a store have none that are wanted."""

_Key = tuple[str, str]
"""Trace id and span id."""


class Condenser:
    """``paths`` say where the columns are looked for; attributes that other columns than the texts need are kept."""

    def __init__(self, unit: Literal["turn", "node"], paths: Mapping[str, AttributePaths], report: Report) -> None:
        self._unit = unit
        self._inputs = paths["input"]
        self._outputs = paths["output"]
        self._kept = frozenset[str]().union(
            *(one.names for column, one in paths.items() if column not in ("input", "output"))
        )
        self._report = report

    def condensed(self, spans: Sequence[OtlpSpan]) -> tuple[list[OtlpSpan], int]:
        """The spans of one request, each with its kind, without what is not needed; and the bytes of what they hold."""
        known: dict[tuple[str, str], OtlpSpan] = {}
        for span in spans:
            try:
                span.kind = kind_of(span)
            except ValueError as error:
                self._report(BadSpan(f"{span.place} span {span.span_id}", str(error)))
                continue
            known[span.trace_id, span.span_id] = span
        told = self._told(spans) if self._unit == "turn" else set()
        kept, held = [], 0
        for span in spans:
            if known.get((span.trace_id, span.span_id)) is not span:
                # A later version of the span follows in the same request, or it cannot be read.
                continue
            try:
                if span.attributes:
                    self._condense(span, known, told)
                held += _settled(span)
            except ValueError as error:
                self._report(BadSpan(f"{span.place} span {span.span_id}", str(error)))
                continue
            kept.append(span)
        return kept, held

    def _told(self, spans: Sequence[OtlpSpan]) -> set[_Key]:
        """The turns that say themselves what was asked and answered."""
        return {
            (span.trace_id, span.span_id)
            for span in spans
            if not span.parent_id and span.kind in UNIT_KINDS and self._says_both(span)
        }

    def _says_both(self, span: OtlpSpan) -> bool:
        try:
            return bool(input_of(span, span.kind, self._inputs) and output_of(span, span.kind, self._outputs))
        except ValueError:
            # Reported when the unit is made.
            return False

    def _condense(self, span: OtlpSpan, known: Mapping[_Key, OtlpSpan], told: set[_Key]) -> None:
        if span.kind is SpanKind.LLM:
            if told and _is_below(span, known, told):
                span.attributes = without_texts(span.attributes, self._kept)
                span.events = span.events if span.judges else []
                return
            given, said = input_of(span, span.kind, self._inputs), output_of(span, span.kind, self._outputs)
            span.attributes = with_texts(without_texts(span.attributes, self._kept), given, said)
            span.dropped_attributes |= any(one.truncated for one in (given, said) if one)
            span.events = span.events if span.judges else []
        elif self._unit == "turn" and span.parent_id and not span.judges:
            parent = known.get((span.trace_id, span.parent_id))
            inner = parent is not None and parent.kind in UNIT_KINDS
            if span.kind in UNIT_KINDS and inner:
                span.attributes, span.events = {}, []
            elif span.kind is SpanKind.OTHER:
                span.attributes = without_texts(span.attributes, self._kept)


def _is_below(span: OtlpSpan, known: Mapping[_Key, OtlpSpan], told: set[_Key]) -> bool:
    """Whether one of ``told`` stands above the span, as far as this request shows; those between are told of as well."""
    seen: set[_Key] = set()
    above: OtlpSpan | None = span
    while above is not None:
        key = above.trace_id, above.parent_id
        if key in told:
            told |= seen
            return True
        if key in seen:
            return False
        seen.add(key)
        above = known.get(key)
    return False


def _settled(span: OtlpSpan) -> int:
    """Values on their own, so that the request they came from can be forgotten; gives their bytes."""
    held = _SPAN_BYTES
    for attributes in (span.attributes, *(event.attributes for event in span.events)):
        for key, value in attributes.items():
            # JSON stays JSON until it is needed; a protobuf message is read.
            own = value if type(value) is str else bytes(value) if type(value) is msgspec.Raw else plain_value(value)
            attributes[key] = own
            held += len(own) if isinstance(own, str | bytes) else 8
    return held
