"""OTLP in protobuf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tail_pipeline.adapters.otlp.spans import (
    Attributes,
    OtlpEvent,
    OtlpSpan,
    Report,
    WantedKeys,
    micros,
    parent_id,
    plain_value,
    valid_id,
)
from tail_pipeline.domain.spans import BadSpan

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_TO_SPANS = (1, 2)
"""The fields that lead to spans: the resources of a request, the scopes of one."""


def message_of(text: bytes) -> Any:
    """The request, or None where these bytes are none."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        message = ExportTraceServiceRequest.FromString(text)
    except DecodeError:
        return None
    return message if message.resource_spans or not text else None


def message_before_the_cut(text: bytes) -> Any:
    """What a request held before it was cut, or None where there is no whole span in these bytes."""
    message = message_of(_complete_fields(memoryview(text), _TO_SPANS))
    has_spans = message and any(scope.spans for group in message.resource_spans for scope in group.scope_spans)
    return message if has_spans else None


def _complete_fields(text: memoryview, inside: tuple[int, ...]) -> bytes:
    """The fields of a message up to a cut; of the field of the number ``inside`` begins with, what it held until then."""
    place = 0
    while place < len(text):
        try:
            tag, content = _varint(text, place)
            end = content
            match tag & 7:
                case 0:
                    _, end = _varint(text, content)
                case 1 | 5 as fixed:
                    end = content + (8 if fixed == 1 else 4)
                case 2:
                    length, content = _varint(text, content)
                    end = content + length
                case _:
                    break
        except IndexError:
            break
        if end > len(text):
            if inside and tag == inside[0] << 3 | 2:
                held = _complete_fields(text[content:], inside[1:])
                return bytes(text[:place]) + _encoded(tag) + _encoded(len(held)) + held
            break
        place = end
    return bytes(text[:place])


def _varint(text: memoryview, place: int) -> tuple[int, int]:
    """The number at this place and where it ends; raises IndexError where it is cut or longer than any length."""
    number = 0
    for shift in range(0, 70, 7):
        byte = text[place + shift // 7]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + shift // 7 + 1
    raise IndexError


def _encoded(number: int) -> bytes:
    """As a varint."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


class ProtobufRequests:
    """Reads messages; of the attributes those that are ``wanted``."""

    def __init__(self, wanted: WantedKeys, report: Report) -> None:
        self._wanted = wanted
        self._report = report

    def spans(self, request: Any, place: str) -> list[OtlpSpan]:
        """The spans of one message; what cannot be read is reported as of ``place``."""
        spans: list[OtlpSpan] = []
        for group in request.resource_spans:
            resource = {one.key: plain_value(one.value) for one in group.resource.attributes}
            for scope in group.scope_spans:
                for span in scope.spans:
                    try:
                        spans.append(self._span(span, resource, place))
                    except ValueError as error:
                        self._report(BadSpan(place, f"span '{span.span_id.hex()[:32]}': {error}"))
        return spans

    def _span(self, span: Span, resource: Attributes, place: str) -> OtlpSpan:
        wanted = self._wanted
        attributes = {key: one.value for one in span.attributes if wanted[key := one.key]}
        events = [self._event(one, span.start_time_unix_nano) for one in span.events]
        end = span.end_time_unix_nano
        return OtlpSpan(
            valid_id(_binary_id(span.trace_id, 16, "trace_id"), "trace_id"),
            valid_id(_binary_id(span.span_id, 8, "span_id"), "span_id"),
            parent_id(_binary_id(span.parent_span_id, 8, "parent_span_id")) if span.parent_span_id else "",
            span.name,
            micros(span.start_time_unix_nano, "start_time_unix_nano"),
            micros(end, "end_time_unix_nano") if end else None,
            attributes,
            events,
            [
                (_binary_id(link.trace_id, 16, "link trace_id"), _binary_id(link.span_id, 8, "link span_id"))
                for link in span.links
            ],
            resource,
            span.dropped_attributes_count > 0,
            wanted.judge(attributes, events),
            [] if attributes else [one.key for one in span.attributes[:5]],
            place,
        )

    def _event(self, event: Any, start: int) -> OtlpEvent:
        attributes = {one.key: plain_value(one.value) for one in event.attributes if self._wanted[one.key]}
        return OtlpEvent(event.name, micros(event.time_unix_nano or start, "time_unix_nano"), attributes)


def _binary_id(binary: bytes, length: int, field: str) -> str:
    if len(binary) != length:
        raise ValueError(f"{field} has {len(binary)} bytes, not {length}")
    return binary.hex()
