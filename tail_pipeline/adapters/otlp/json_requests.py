"""OTLP in JSON: one request, its parts where something in it is wrong, and what else a JSON file may be."""

from __future__ import annotations

import base64
import json
import re

import msgspec

from tail_pipeline.adapters.otlp.spans import (
    Attributes,
    OtlpEvent,
    OtlpSpan,
    Report,
    WantedKeys,
    micros,
    parent_id,
    valid_id,
)
from tail_pipeline.domain.spans import BadSpan

ACCEPTED = (
    "accepted are OTLP trace requests (with resourceSpans) as JSON or protobuf, as the Collector's file and S3 exporters "
    "write them; export the traces through a Collector, or bring them into the span schema and use {store: files}"
)
OTHER_SIGNALS = "OTLP requests with logs or metrics"
"""Reported like what cannot be read, and no fault: a Collector may write all its signals into one folder."""

_HEX = re.compile(r"[0-9a-fA-F]+")
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)|[][{}]', re.DOTALL)
_AROUND_SPANS = [b"{", b"["] * 3
"""What is open around a span: the request, its resources, one of them, its scopes, one of them, its spans."""

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _KeyValue(msgspec.Struct, gc=False):
    key: str = ""
    value: msgspec.Raw = msgspec.Raw(b"{}")


class _JsonEvent(msgspec.Struct, rename="camel", gc=False):
    name: str = ""
    time_unix_nano: str | int = 0
    attributes: list[_KeyValue] | None = None


class _JsonLink(msgspec.Struct, rename="camel", gc=False):
    trace_id: str
    span_id: str


class _JsonSpan(msgspec.Struct, rename="camel", gc=False):
    trace_id: str
    span_id: str
    start_time_unix_nano: str | int
    end_time_unix_nano: str | int = 0
    parent_span_id: str | None = None
    name: str = ""
    attributes: list[_KeyValue] | None = None
    events: list[_JsonEvent] | None = None
    links: list[_JsonLink] | None = None
    dropped_attributes_count: int = 0


class _JsonResource(msgspec.Struct, gc=False):
    attributes: list[_KeyValue] | None = None


class _ScopeSpans(msgspec.Struct, gc=False):
    spans: list[_JsonSpan] | None = None


class _ResourceSpans(msgspec.Struct, rename="camel", gc=False):
    resource: _JsonResource | None = None
    scope_spans: list[_ScopeSpans] | None = None
    instrumentation_library_spans: list[_ScopeSpans] | None = None
    """What ``scopeSpans`` were called until OTLP 0.15."""


class _Request(msgspec.Struct, rename="camel", gc=False):
    resource_spans: list[_ResourceSpans]


_REQUEST = msgspec.json.Decoder(_Request)
_SPAN = msgspec.json.Decoder(_JsonSpan)
_RESOURCE = msgspec.json.Decoder(_JsonResource)


class JsonRequests:
    """Reads requests; of the attributes those that are ``wanted``."""

    def __init__(self, wanted: WantedKeys, report: Report) -> None:
        self._wanted = wanted
        self._report = report

    def spans(self, text: bytes, place: str, *, is_document: bool = False) -> list[OtlpSpan]:
        """The spans of one request; what cannot be read is reported as of ``place``.

        A line that breaks off may still be being written and is left for later. Of a document, those before the cut are read.
        """
        try:
            request = _REQUEST.decode(text)
        except _UNREADABLE:
            parts = _parts(text)
            if parts is not None:
                return self._of(parts, place)
            if is_document:
                return self.spans_before_the_cut(text, place, what_it_is(text))
            self._report(BadSpan(place, what_it_is(text)))
            return []
        spans: list[OtlpSpan] = []
        for group in request.resource_spans:
            resource = _all_attributes(group.resource)
            for scope in group.scope_spans or group.instrumentation_library_spans or ():
                for span in scope.spans or ():
                    try:
                        spans.append(self._span(span, resource, place))
                    except ValueError as error:
                        self._report(BadSpan(place, f"span {span.span_id[:32]!r}: {error}"))
        return spans

    def spans_before_the_cut(self, text: bytes, place: str, reason: str) -> list[OtlpSpan]:
        """The spans of a request that was cut, as far as they are complete; ``reason`` is reported."""
        closed = _closed_after_its_last_span(text)
        parts = _parts(closed) if closed else None
        self._report(BadSpan(place, f"{reason}; its complete spans are kept" if parts else reason))
        return self._of(parts or [], place)

    def _of(self, parts: list[_Part], place: str) -> list[OtlpSpan]:
        """The good spans of a request that holds something of another type; the bad ones are reported one by one."""
        spans: list[OtlpSpan] = []
        for resource, raws in parts:
            for number, raw in enumerate(raws, start=1):
                try:
                    spans.append(self._span(_SPAN.decode(raw), resource, place))
                except (*_UNREADABLE, ValueError) as error:
                    self._report(BadSpan(f"{place} span {number}", str(error)))
        return spans

    def _span(self, span: _JsonSpan, resource: Attributes, place: str) -> OtlpSpan:
        wanted = self._wanted
        attributes = {one.key: one.value for one in span.attributes if wanted[one.key]} if span.attributes else {}
        events = [self._event(one, span.start_time_unix_nano) for one in span.events] if span.events else []
        end = span.end_time_unix_nano
        return OtlpSpan(
            valid_id(_json_id(span.trace_id, 16, "traceId"), "traceId"),
            valid_id(_json_id(span.span_id, 8, "spanId"), "spanId"),
            parent_id(_json_id(span.parent_span_id, 8, "parentSpanId")) if span.parent_span_id else "",
            span.name,
            micros(span.start_time_unix_nano, "startTimeUnixNano"),
            micros(end, "endTimeUnixNano") if end not in (0, "0", "") else None,
            attributes,
            events,
            [
                (_json_id(link.trace_id, 16, "link traceId"), _json_id(link.span_id, 8, "link spanId"))
                for link in span.links
            ]
            if span.links
            else [],
            resource,
            span.dropped_attributes_count > 0,
            wanted.judge(attributes, events),
            [] if attributes else [one.key for one in (span.attributes or ())[:5]],
            place,
        )

    def _event(self, event: _JsonEvent, start: str | int) -> OtlpEvent:
        attributes = {one.key: one.value for one in event.attributes or () if self._wanted[one.key]}
        return OtlpEvent(event.name, micros(event.time_unix_nano or start, "timeUnixNano"), attributes)


_Part = tuple[Attributes, list[bytes]]
"""The attributes of a resource, and its spans as JSON."""


def _parts(text: bytes) -> list[_Part] | None:
    """Per resource its attributes and spans, each span still as JSON; None where this is no OTLP request at all.

    Python's own reader takes text that msgspec refuses as a whole, such as half of a surrogate pair in one span.
    """
    try:
        found = json.loads(text.decode("utf-8", errors="replace"))
        groups = [
            (
                group.get("resource"),
                [
                    span
                    for scope in group.get("scopeSpans") or group.get("instrumentationLibrarySpans") or ()
                    for span in scope.get("spans") or ()
                ],
            )
            for group in found["resourceSpans"]
        ]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    parts = []
    for resource, spans in groups:
        try:
            attributes = _all_attributes(_RESOURCE.decode(json.dumps(resource or {})))
        except _UNREADABLE:
            attributes = {}
        parts.append((attributes, [json.dumps(span).encode() for span in spans]))
    return parts


def is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except _UNREADABLE:
        return False
    return True


def before_the_cut(text: bytes) -> tuple[list[msgspec.Raw], bytes]:
    """The elements of a JSON list up to the first that is not complete, and the text from there on."""
    whole = text.decode("utf-8", errors="replace")
    decoder, place = json.JSONDecoder(), whole.index("[") + 1
    parts: list[msgspec.Raw] = []
    while True:
        place = next((at for at in range(place, len(whole)) if whole[at] not in " \t\r\n,"), len(whole))
        try:
            _, end = decoder.raw_decode(whole, place)
        except (ValueError, RecursionError):
            return parts, whole[place:].encode()
        parts.append(msgspec.Raw(whole[place:end].encode()))
        place = end


def _closed_after_its_last_span(text: bytes) -> bytes | None:
    """A request that breaks off somewhere, closed behind the last span that is complete; None where none is."""
    around: list[bytes] = []
    start = max(text.find(b"{"), 0)
    end = 0
    for token in _TOKENS.finditer(text, start):
        mark = token[0]
        if mark in (b"{", b"["):
            around.append(mark)
        elif mark in (b"}", b"]") and around:
            around.pop()
            if mark == b"}" and len(around) == len(_AROUND_SPANS) and around == _AROUND_SPANS:
                end = token.end()
    return text[start:end] + b"]}]}]}" if end else None


def what_it_is(text: bytes) -> str:
    """Why this text is no OTLP request, by what it looks like."""
    try:
        found = msgspec.json.decode(text)
    except _UNREADABLE as error:
        return f"not valid JSON in UTF-8: {error}"
    one = found[0] if isinstance(found, list) and found else found
    keys = set(one) if isinstance(one, dict) else set()
    if "resourceSpans" in keys:
        return "an OTLP request whose resourceSpans are not as OTLP has them"
    if keys & {"resourceLogs", "resourceMetrics"}:
        return OTHER_SIGNALS
    looks = next((name for needed, name in _FOREIGN if needed <= keys), None)
    if looks is None and "spans" in keys and b'"child_spans"' in text:
        looks = "a dump of nested spans (child_spans)"
    if looks is None:
        looks = (
            f"a JSON object with the keys {', '.join(key[:40] for key in sorted(keys)[:8])}"
            if keys
            else f"JSON of type {type(one).__name__}"
        )
    return f"this looks like {looks}, not like OTLP traces; {ACCEPTED}"


_FOREIGN: tuple[tuple[set[str], str], ...] = (
    ({"trace", "observations"}, "a Langfuse trace export"),
    ({"spanContext", "startTime"}, "a dump of ReadableSpan objects of the JavaScript SDK"),
    ({"context", "parent_id", "start_time"}, "what the Python SDK's console exporter prints"),
    ({"data", "total", "limit"}, "a Jaeger API answer"),
)


def _all_attributes(resource: _JsonResource | None) -> Attributes:
    """Copies: they are kept longer than the request."""
    return {one.key: bytes(one.value) for one in resource.attributes or ()} if resource else {}


def _json_id(text: str, length: int, field: str) -> str:
    """Lower-case hex of an id of ``length`` bytes, written in hex or in base64 of either alphabet; they differ in length."""
    if len(text) == 2 * length and _HEX.fullmatch(text):
        return text.lower()
    try:
        binary = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        binary = b""
    if len(binary) != length:
        raise ValueError(f"{field} '{text[:40]}' is neither {2 * length} hex digits nor base64 of {length} bytes")
    return binary.hex()
