"""From spans to units of work: traces are put together, whatever order and file their spans came in.

A unit of ``turn`` is the parentless agent or chain span; else the topmost one below spans of no dialect (a web server,
say); else the earliest model call; else a span of no dialect that has an input. A unit of ``node`` is each span of a
node class, the outermost where it repeats itself below. Retrieved documents and judgements come from other spans of the
trace and go to the unit they stand under or beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from tail_pipeline.adapters.otlp.condensing import UNIT_KINDS, Condenser
from tail_pipeline.adapters.otlp.dialects import (
    DEFAULT_PATHS,
    JUDGED_COLUMNS,
    AttributePaths,
    Evaluation,
    as_json,
    evaluations_of,
    feedback_of,
    number_of,
    string_of,
    value_at,
)
from tail_pipeline.adapters.otlp.parked import ParkedSpans
from tail_pipeline.adapters.otlp.rows import Rows, shorten
from tail_pipeline.adapters.otlp.spans import OtlpSpan, Report, SpanKind
from tail_pipeline.adapters.otlp.texts import Text, documents_of, input_of, output_of
from tail_pipeline.adapters.otlp.traces import Shares, Trace
from tail_pipeline.domain.spans import SPAN_SCHEMA, BadSpan, SetAside, SpanBatch

HELD_BYTES = 12 * 2**20
"""Bytes of traces held in memory; more are parked on disk, by trace."""

MAX_DOCUMENTS = 100
"""Retrieved documents kept of a unit; one with more is marked as truncated."""

_NO_PATHS = AttributePaths.of(())
NO_DIALECT = "traces without a span of OpenInference, GenAI or OpenLLMetry"
NO_UNIT_FOR_JUDGEMENT = "judgements of no unit"
NO_INPUT = "no input text on the unit or on its model calls; is message content captured?"


@dataclass(frozen=True)
class UnitRules:
    """What a unit is and where its columns are found; ``attributes`` stand before the defaults."""

    unit: Literal["turn", "node"]
    attributes: Mapping[str, Sequence[str]]

    def paths(self, column: str) -> tuple[str, ...]:
        return (*self.attributes.get(column, ()), *DEFAULT_PATHS.get(column, ()))


class TraceAssembler:
    """Takes spans in any order and gives the units of all traces once everything has been added.

    Up to ``held_bytes`` of encoded spans are held; beyond, traces are parked in buckets on disk and put together one
    bucket at a time, so memory stays flat; ``close`` removes them. ``until`` (microseconds) leaves out feedback given at or
    after it.
    """

    def __init__(
        self, rules: UnitRules, report: Report, *, until: int | None = None, held_bytes: int = HELD_BYTES
    ) -> None:
        self._rules = rules
        self._report = report
        self._until = until
        self._held_bytes = held_bytes
        self._bytes = 0
        self._traces: dict[str, list[OtlpSpan]] = {}
        self._parked: ParkedSpans | None = None
        self._paths = {column: AttributePaths.of(rules.paths(column)) for column in SPAN_SCHEMA}
        self._judging_columns = {
            path.name: column
            for column in JUDGED_COLUMNS
            for path in self._paths[column].paths
            if not path.resource_only
        }
        self._condenser = Condenser(rules.unit, self._paths, report)
        self.homeless: dict[str, list[OtlpSpan]] = {}
        self.set_aside: dict[str, SetAside] = {}

    def add(self, spans: Sequence[OtlpSpan]) -> None:
        """Take the spans of one request; they are changed: what no unit will need is dropped at once."""
        traces = self._traces
        kept, held_bytes = self._condenser.condensed(spans)
        for span in kept:
            trace_id = span.links[0][0] if len(span.links) == 1 and self._is_carrier(span) else span.trace_id
            held = traces.get(trace_id)
            if held is None:
                traces[trace_id] = [span]
            else:
                held.append(span)
        self._bytes += held_bytes
        if self._bytes > self._held_bytes:
            self._parked = self._parked or ParkedSpans()
            self._parked.add(traces)
            traces.clear()
            self._bytes = 0

    def batches(self) -> Iterator[SpanBatch]:
        """Units in the span schema, a limited number of rows and bytes a batch; call once, after the last ``add``.

        Judgements whose trace was not met are left in ``homeless``, by the trace they speak of.
        """
        rows = Rows()
        for traces in self._parked.traces(self._traces) if self._parked else [self._traces]:
            for trace_id, spans in traces.items():
                self._assemble(trace_id, spans, rows)
                if rows.full:
                    yield rows.taken()
        yield rows.taken()

    def close(self) -> None:
        """Remove what was parked on disk."""
        if self._parked:
            self._parked.close()
            self._parked = None

    def _is_carrier(self, span: OtlpSpan) -> bool:
        """Whether a span with one link only carries a judgement of the span it links to."""
        return span.judges and span.kind in (None, SpanKind.EVALUATOR, SpanKind.OTHER)

    def _assemble(self, trace_id: str, found: list[OtlpSpan], rows: Rows) -> None:
        carriers = [span for span in found if span.trace_id != trace_id]
        own = {span.span_id: span for span in found if span.trace_id == trace_id}
        if not own:
            self.homeless[trace_id] = carriers
            return
        trace = Trace(own)
        try:
            units = self._units(trace)
        except ValueError as error:
            self._report(BadSpan(f"{next(iter(own.values())).place} trace {trace_id}", str(error)))
            return
        if not units:
            first = next(iter(own.values()))
            lost = [*carriers, *(span for span in own.values() if span.parent_id and self._found(span, own=False))]
            if lost:
                self.homeless[trace_id] = lost
            elif all(span.judges for span in own.values()):
                self._leave(NO_UNIT_FOR_JUDGEMENT, f"{first.place}: span '{first.name[:60]}'")
            else:
                keys = f" with {', '.join(key[:60] for key in first.other_keys)}" if first.other_keys else ""
                self._leave(NO_DIALECT, f"{first.place}: span '{first.name[:60]}'{keys}")
            return
        nodes = self._rules.unit == "node"
        shares = Shares(trace, units, lambda span: _text(self._inherited(trace, span, "tenant")), nodes=nodes)
        judging = [span for span in own.values() if span.judges]
        judged = self._judged(units, shares, [*judging, *carriers]) if judging or carriers else {}
        for unit in units:
            try:
                row = self._row(trace, unit, shares, judged.get(unit.span_id, []))
            except ValueError as error:
                self._report(BadSpan(f"{unit.place} span {unit.span_id}", str(error)))
                continue
            if row["input"] is None:
                self._report(BadSpan(f"{unit.place} span {unit.span_id}", NO_INPUT))
            else:
                rows.add(row, f"{unit.place} span {unit.span_id}")

    def _units(self, trace: Trace) -> list[OtlpSpan]:
        if self._rules.unit == "node":
            return self._nodes(trace)
        spans = trace.spans.values()
        tops = [
            span
            for span in spans
            if span.kind in UNIT_KINDS and not trace.is_below(span, (*UNIT_KINDS, SpanKind.EVALUATOR))
        ]
        parentless = [span for span in tops if not span.parent_id]
        if parentless:
            return sorted(parentless, key=_by_start)
        if tops:
            tops.sort(key=lambda span: (span.kind is not SpanKind.AGENT, -_length(span), *_by_start(span)))
            return self._first_of_each_tenant(trace, tops)
        calls = [
            span for span in spans if span.kind is SpanKind.LLM and not trace.is_below(span, (SpanKind.EVALUATOR,))
        ]
        if calls:
            return self._first_of_each_tenant(trace, sorted(calls, key=_by_start))
        return self._plain(trace)

    def _plain(self, trace: Trace) -> list[OtlpSpan]:
        """Spans of no dialect that have an input all the same: the parentless ones, else the topmost."""
        plain = {
            span.span_id: span
            for span in trace.spans.values()
            if (span.kind is None or (span.kind is SpanKind.OTHER and not span.parent_id))
            and input_of(span, span.kind, self._paths["input"])
        }
        tops = [span for span in plain.values() if not any(one in plain for one in trace.ancestors(span))]
        parentless = [span for span in tops if not span.parent_id]
        return sorted(parentless, key=_by_start) or self._first_of_each_tenant(trace, sorted(tops, key=_by_start))

    def _first_of_each_tenant(self, trace: Trace, spans: Sequence[OtlpSpan]) -> list[OtlpSpan]:
        """The first span, and where a batch served several tenants the first of each, so that none speaks for another."""
        if len(spans) < 2:
            return list(spans)
        first: dict[str | None, OtlpSpan] = {}
        for span in spans:
            first.setdefault(_text(self._inherited(trace, span, "tenant")), span)
        if len(first.keys() - {None}) < 2:
            return [spans[0]]
        return sorted(first.values(), key=_by_start)

    def _nodes(self, trace: Trace) -> list[OtlpSpan]:
        classes = {span_id: self._node_class(span) for span_id, span in trace.spans.items()}
        found = [
            span
            for span_id, span in trace.spans.items()
            if (own := classes[span_id]) is not None and all(classes.get(one) != own for one in trace.ancestors(span))
        ]
        return sorted(found, key=_by_start)

    def _node_class(self, span: OtlpSpan) -> str | None:
        value = value_at(span, self._paths["node_class"], resource=False)
        return None if value is None or isinstance(value, dict | list) else str(value)

    def _judged(
        self, units: list[OtlpSpan], shares: Shares, judging: Sequence[OtlpSpan]
    ) -> dict[str, list[tuple[str, Evaluation]]]:
        """Per unit: (column, judgement), oldest first; what a unit says of itself was known when it ended."""
        judged: dict[str, list[tuple[int, str, str, Evaluation]]] = {}
        for span in judging:
            linked = len(span.links) == 1 and self._is_carrier(span)
            unit = shares.judged_by(span.links[0][1] if linked else span.span_id)
            found = self._found(span, own=span is unit)
            if not found:
                continue
            if unit is None:
                self._leave(NO_UNIT_FOR_JUDGEMENT, f"{span.place}: span '{span.name[:60]}'")
                continue
            ended = unit.end or unit.start
            judged.setdefault(unit.span_id, []).extend(
                (ended if one.time is None else one.time, span.span_id, column, one) for column, one in found
            )
        return {
            span_id: [(column, one) for _, _, column, one in sorted(found, key=lambda one: one[:2])]
            for span_id, found in judged.items()
        }

    def _found(self, span: OtlpSpan, *, own: bool) -> list[tuple[str, Evaluation]]:
        """What a span judges; ``own``: it is the unit itself, and nobody knows when its attributes were set."""
        if not span.judges:
            return []
        try:
            found = [
                (self._judging_columns[one.name], one)
                for one in evaluations_of(span)
                if one.name in self._judging_columns
            ]
            for column in JUDGED_COLUMNS:
                value = value_at(span, self._paths[column], resource=False)
                if value is not None:
                    label = None if isinstance(value, int | float) else string_of(value)
                    time = None if own else span.start
                    found.append((column, Evaluation(column, label, number_of(value), label, time)))
        except ValueError as error:
            self._report(BadSpan(f"{span.place} span {span.span_id}", f"a judgement cannot be read: {error}"))
            return []
        return found

    def _row(
        self, trace: Trace, unit: OtlpSpan, shares: Shares, judged: list[tuple[str, Evaluation]]
    ) -> dict[str, Any]:
        paths = self._paths
        kind = unit.kind
        given = input_of(unit, kind, paths["input"])
        said = output_of(unit, kind, paths["output"])
        model = value_at(unit, paths["model"], resource=False)
        if given is None or said is None or model is None:
            calls = [
                span for span in shares.spans_of(unit, SpanKind.LLM) if not trace.is_below(span, (SpanKind.EVALUATOR,))
            ]
            calls.sort(key=_by_start)
            given = given or next(
                (text for one in calls if (text := input_of(one, SpanKind.LLM, paths["input"]))), None
            )
            said = said or next(
                (text for one in reversed(calls) if (text := output_of(one, SpanKind.LLM, paths["output"]))), None
            )
            model = model or next((m for one in calls if (m := value_at(one, paths["model"], resource=False))), None)
        documents = self._documents(trace, unit, shares)
        too_many = len(documents) > MAX_DOCUMENTS
        documents = documents[:MAX_DOCUMENTS]
        row: dict[str, Any] = {
            "trace_id": unit.trace_id,
            "span_id": unit.span_id,
            "input": given.value if given else None,
            "output": said.value if said else None,
            "model": _text(model),
            "contexts": [text.value for text in documents] if documents else None,
            "start_time": unit.start,
            "end_time": unit.end,
            "node_class": self._node_class(unit),
            "labels": _labels(self._inherited(trace, unit, "labels")),
            "metadata": _text(self._inherited(trace, unit, "metadata")),
            "rubric_sha": _text(value_at(unit, paths["rubric_sha"], resource=False)),
            "truncated": too_many
            or unit.dropped_attributes
            or any(one.truncated for one in (given, said, *documents) if one),
            "orphan": bool(unit.parent_id) and trace.lost_its_root(unit),
        }
        for column in ("session_id", "agent", "tenant"):
            row[column] = _text(self._inherited(trace, unit, column))
        self._judge(row, judged, unit)
        row["truncated"] |= shorten(row)
        return row

    def _documents(self, trace: Trace, unit: OtlpSpan, shares: Shares) -> list[Text]:
        """What the retrievers of the unit found; ``attributes: {contexts: …}`` names where on the unit itself."""
        if self._paths["contexts"].paths and (own := documents_of(unit, self._paths["contexts"])):
            return own
        if len(trace.spans) == 1 and unit.kind is not SpanKind.RETRIEVER:
            return []
        retrievers = sorted(shares.spans_of(unit, SpanKind.RETRIEVER), key=_by_start)
        found = (text for span in retrievers for text in documents_of(span, _NO_PATHS))
        return list(islice(found, MAX_DOCUMENTS + 1))

    def _inherited(self, trace: Trace, unit: OtlpSpan, column: str) -> Any:
        """A value of the unit or of the nearest ancestor that has it; the resource comes last."""
        paths = self._paths[column]
        for span_id in trace.lineage(unit.span_id):
            span = trace.spans.get(span_id)
            found = value_at(span, paths, resource=False) if span else None
            if found is not None:
                return found
        return value_at(unit, paths)

    def _judge(self, row: dict[str, Any], judged: list[tuple[str, Evaluation]], unit: OtlpSpan) -> None:
        """Put the judgements into the row, the latest of each column last; one that cannot be read is reported."""
        for column, one in judged:
            if column in ("rubric_score", "ragas_faithfulness"):
                if one.score is None:
                    reason = f"{column} is no number; the unit is kept without it"
                    self._report(BadSpan(f"{unit.place} span {unit.span_id}", reason))
                else:
                    row[column] = one.score
                continue
            if self._until is not None and one.time is not None and one.time >= self._until:
                continue
            try:
                row[column] = feedback_of(one.label, one.score) if column == "user_feedback" else one.text or one.label
            except ValueError as error:
                self._report(BadSpan(f"{unit.place} span {unit.span_id}", f"{error}; the unit is kept without it"))
                continue
            if one.time is not None:
                row["feedback_time"] = max(one.time, row.get("feedback_time") or 0)

    def _leave(self, reason: str, example: str) -> None:
        known = self.set_aside.get(reason)
        self.set_aside[reason] = SetAside(
            reason, (known.count if known else 0) + 1, known.example if known else example
        )


def _by_start(span: OtlpSpan) -> tuple[int, str]:
    return span.start, span.span_id


def _length(span: OtlpSpan) -> int:
    return (span.end or span.start) - span.start


def _text(value: Any) -> str | None:
    return string_of(value) or None


def _labels(value: Any) -> list[str] | None:
    """A list of labels, however it was written: a list, JSON, or names between commas."""
    if value is None:
        return None
    found = as_json(value)
    items = found if isinstance(found, list) else value.split(",") if isinstance(value, str) else [value]
    return [text for one in items if (text := str(one).strip())] or None
