"""The span as OTLP has it, in the one form all encodings are read into."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from tail_pipeline.domain.spans import BadSpan

Report = Callable[[BadSpan], None]
Attributes = dict[str, Any]
"""Values as str, bool, int, float, list or dict, or as they were encoded; ``plain_value`` reads either."""

_MAX_NANOS = 4_102_444_800 * 10**9  # the year 2100


class SpanKind(StrEnum):
    """What a span does, as far as units of work are concerned."""

    AGENT = "agent"
    CHAIN = "chain"
    LLM = "llm"
    RETRIEVER = "retriever"
    EVALUATOR = "evaluator"
    OTHER = "other"


class OtlpEvent(msgspec.Struct, array_like=True, gc=False):
    """Something that happened during a span; ``time`` is in microseconds since 1970, UTC."""

    name: str
    time: int
    attributes: Attributes


class OtlpSpan(msgspec.Struct, array_like=True, gc=False):
    """One span with lower-case hex ids and times in microseconds since 1970, UTC; ``end`` is None when it was not set.

    Of the attributes only those are kept that the reader was asked for; ``other_keys`` names a few of the rest where
    none was. ``judges``: an attribute or event carries a judgement. ``links`` are (trace_id, span_id); ``place`` says
    where the span was read. ``kind`` is filled in by the dialects.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start: int
    end: int | None
    attributes: Attributes
    events: list[OtlpEvent]
    links: list[tuple[str, str]]
    resource: Attributes
    dropped_attributes: bool
    judges: bool
    other_keys: list[str]
    place: str
    kind: SpanKind | None = None


class WantedKeys(dict[str, bool]):
    """Which attribute keys to keep, answered once per distinct key: the ``names`` and what starts with a prefix.

    ``judging_names`` and ``judging_prefixes`` are kept too and say that a span carries a judgement; ``judging`` holds
    those of them that were met.
    """

    _MAX_REMEMBERED = 100_000

    def __init__(
        self,
        names: frozenset[str],
        prefixes: tuple[str, ...],
        judging_names: frozenset[str],
        judging_prefixes: tuple[str, ...],
    ) -> None:
        super().__init__()
        self._names = names
        self._prefixes = prefixes
        self._judging_names = judging_names
        self._judging_prefixes = judging_prefixes
        self.judging: set[str] = set()

    def __missing__(self, key: str) -> bool:
        if len(self) >= self._MAX_REMEMBERED:
            self.clear()
            self.judging.clear()
        judging = key in self._judging_names or key.startswith(self._judging_prefixes)
        if judging:
            self.judging.add(key)
        self[key] = wanted = judging or key in self._names or key.startswith(self._prefixes)
        return wanted

    def judge(self, attributes: Attributes, events: list[OtlpEvent]) -> bool:
        """Whether any of these carries a judgement."""
        judging = self.judging
        return bool(judging) and (
            not judging.isdisjoint(attributes) or any(not judging.isdisjoint(one.attributes) for one in events)
        )


def plain_value(value: Any) -> Any:
    """An attribute as str, bool, int, float, list or dict; raises ValueError when it is not an OTLP value."""
    if isinstance(value, str):
        return value
    if not isinstance(value, msgspec.Raw | bytes):
        return _from_protobuf(value) if hasattr(value, "WhichOneof") else value
    try:
        found = _ANY_VALUE.decode(value)
        return _from_json(found) if found.string_value is None else found.string_value
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f"not an OTLP attribute value: {error}") from error


def valid_id(text: str, field: str) -> str:
    """The id; one of zeros only is none, and would put strangers into one trace."""
    if not text.strip("0"):
        raise ValueError(f"{field} is all zeros")
    return text


def parent_id(text: str) -> str:
    """The id, empty where zeros say that there is no parent."""
    return text if text.strip("0") else ""


def micros(nanos: str | int, field: str) -> int:
    """Nanoseconds as the nearest microsecond."""
    try:
        number = int(nanos)
    except ValueError:
        number = 0
    if not 0 < number < _MAX_NANOS:
        raise ValueError(f"{field} '{str(nanos)[:40]}' is not a time in nanoseconds since 1970")
    return (number + 500) // 1000


class _AnyValue(msgspec.Struct, rename="camel", gc=False):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | int | None = None
    double_value: float | str | None = None
    array_value: _ArrayValue | None = None
    kvlist_value: _KvList | None = None


class _ArrayValue(msgspec.Struct, gc=False):
    values: list[_AnyValue] | None = None


class _KeyAnyValue(msgspec.Struct, gc=False):
    key: str
    value: _AnyValue | None = None


class _KvList(msgspec.Struct, gc=False):
    values: list[_KeyAnyValue] | None = None


_ANY_VALUE = msgspec.json.Decoder(_AnyValue)


def _from_json(value: _AnyValue) -> Any:
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return int(value.int_value)
    if value.double_value is not None:
        return float(value.double_value)
    if value.array_value is not None:
        return [_from_json(one) for one in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {one.key: _from_json(one.value) if one.value else None for one in value.kvlist_value.values or ()}
    return None


def _from_protobuf(value: Any) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_from_protobuf(one) for one in value.array_value.values]
        case "kvlist_value":
            return {one.key: _from_protobuf(one.value) for one in value.kvlist_value.values}
        case None | "bytes_value":
            return None
        case kind:
            return getattr(value, kind)
