"""The spans of one trace, and which of them speak of which unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tail_pipeline.adapters.otlp.spans import OtlpSpan, SpanKind


@dataclass
class Trace:
    """The spans of one trace, last version of each."""

    spans: dict[str, OtlpSpan]

    def lineage(self, span_id: str) -> Iterator[str]:
        """The span and its ancestors, the last of which may be missing; a cycle ends the walk."""
        seen: set[str] = set()
        while span_id and span_id not in seen:
            yield span_id
            seen.add(span_id)
            span = self.spans.get(span_id)
            span_id = span.parent_id if span else ""

    def ancestors(self, span: OtlpSpan) -> Iterator[str]:
        line = self.lineage(span.span_id)
        next(line)
        return line

    def lost_its_root(self, span: OtlpSpan) -> bool:
        return any(one not in self.spans for one in self.ancestors(span))

    def is_below(self, span: OtlpSpan, kinds: Sequence[SpanKind]) -> bool:
        return bool(span.parent_id) and any(
            one in self.spans and self.spans[one].kind in kinds for one in self.ancestors(span)
        )


class Shares:
    """Which spans of a trace speak of which unit.

    A span belongs to the nearest unit above it; without one, to all units below its nearest ancestor that has any: a
    retriever stands beside the model call it feeds. No span speaks of a unit of another tenant than its own, and where a
    trace is of several tenants, a span that names none speaks of no unit but the one it stands below. Where units are
    ``nodes``, an agent beside them that is none did work of its own, and what stands below it speaks of none of them.
    """

    def __init__(
        self, trace: Trace, units: list[OtlpSpan], tenant_of: Callable[[OtlpSpan], str | None], *, nodes: bool
    ) -> None:
        self._trace = trace
        self._units = {unit.span_id: unit for unit in units}
        self._tenant_of = tenant_of
        self._nodes = nodes
        self._below: dict[str, list[OtlpSpan]] = {}
        self._spans_of: dict[str, list[OtlpSpan]] | None = None
        self._of_several_tenants: bool | None = None
        if len(units) > 1 or nodes:
            for unit in units:
                for span_id in trace.ancestors(unit):
                    self._below.setdefault(span_id, []).append(unit)

    def judged_by(self, span_id: str) -> OtlpSpan | None:
        """The unit that a judgement of this span is about: the nearest at or above it, else the only one of the trace."""
        above = next((self._units[one] for one in self._trace.lineage(span_id) if one in self._units), None)
        if above or len(self._units) != 1:
            return above
        (only,) = self._units.values()
        span = self._trace.spans.get(span_id)
        return only if span is None or self._same_tenant(span, only) else None

    def spans_of(self, unit: OtlpSpan, kind: SpanKind) -> list[OtlpSpan]:
        """The spans of one kind that speak of the unit."""
        if len(self._units) == 1 and not self._nodes:
            # As below, without a look at the way to the root: the usual trace has one unit, and there are many of them.
            return [span for span in self._trace.spans.values() if span.kind is kind and self._same_tenant(span, unit)]
        if self._spans_of is None:
            self._spans_of = {}
            for span in self._trace.spans.values():
                for owner in self._owners(span.span_id):
                    if self._same_tenant(span, owner):
                        self._spans_of.setdefault(owner.span_id, []).append(span)
        return [span for span in self._spans_of.get(unit.span_id, []) if span.kind is kind]

    def _owners(self, span_id: str) -> list[OtlpSpan]:
        for one in self._trace.lineage(span_id):
            if one in self._units:
                return [self._units[one]]
            if one in self._below:
                return self._below[one]
            if self._nodes and one in self._trace.spans and self._trace.spans[one].kind is SpanKind.AGENT:
                return []
        # A trace whose root was lost still has the only node that its spans can speak of.
        return list(self._units.values()) if len(self._units) == 1 else []

    def _same_tenant(self, span: OtlpSpan, unit: OtlpSpan) -> bool:
        if span is unit or unit.span_id in self._trace.lineage(span.span_id):
            return True
        tenants = {self._tenant_of(span), self._tenant_of(unit)}
        return len(tenants) == 1 or (None in tenants and not self._is_shared())

    def _is_shared(self) -> bool:
        """Whether several tenants are named in the trace."""
        if self._of_several_tenants is None:
            tenants = {self._tenant_of(span) for span in self._trace.spans.values()}
            self._of_several_tenants = len(tenants - {None}) > 1
        return self._of_several_tenants
