"""Answers in what a model wrote: one JSON object of the shape asked for, or the reason why there is none.

A model may be talked into anything by what it reads, so nothing is guessed: of two different answers none counts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

_Shape = TypeVar("_Shape", bound=BaseModel)
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_MAX_STARTS = 1_000
"""Braces at which an object is looked for; prose with more of them is no answer."""
_MAX_PROBLEMS = 3
_MAX_CHARACTERS = 160
_LIMIT_ERRORS = frozenset({"greater_than_equal", "greater_than", "less_than_equal", "less_than", "finite_number"})


class UnusableAnswerError(Exception):
    """Why an answer cannot be used, in a few words that quote next to nothing of it."""

    def __init__(self, reason: str) -> None:
        printable = "".join(one if one.isprintable() else " " for one in reason)
        words = " ".join(printable.split())
        self.reason = words if len(words) <= _MAX_CHARACTERS else f"{words[:_MAX_CHARACTERS]}…"
        super().__init__(self.reason)


def answer_in(texts: Sequence[str], shape: type[_Shape]) -> _Shape:
    """The one answer in these texts; raises UnusableAnswerError where there is none, or more than one."""
    found: list[_Shape] = []
    problem = UnusableAnswerError("no JSON in the answer")
    for candidate in (one for text in texts for one in _candidates(_THOUGHTS.sub("", text).strip())):
        try:
            value = _checked(candidate, shape)
        except UnusableAnswerError as error:
            problem = error
        else:
            if value not in found:
                found.append(value)
    if len(found) > 1:
        raise UnusableAnswerError(f"{len(found)} different answers in one reply")
    if not found:
        raise problem
    return found[0]


def _candidates(text: str) -> Iterator[str]:
    """The text itself where it is JSON, else the JSON objects in it that are in no other one."""
    decoder = json.JSONDecoder()
    start, end = text.find("{"), -1
    if start != 0 and _decoded(decoder, text, 0) == len(text):
        yield text
        return
    for _ in range(_MAX_STARTS):
        if start < 0:
            return
        end = _decoded(decoder, text, start)
        if end > start:
            yield text[start:end]
        start = text.find("{", max(end, start + 1))


def _decoded(decoder: json.JSONDecoder, text: str, start: int) -> int:
    """Where the JSON value that starts here ends; -1 where none does."""
    try:
        return decoder.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return -1


def _checked(text: str, shape: type[_Shape]) -> _Shape:
    _STRICT.decode(text)
    try:
        return shape.model_validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise UnusableAnswerError("; ".join(_problems(error, shape))) from None


def _no_constant(name: str) -> float:
    raise UnusableAnswerError(f"{name} in the answer, which is no JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise UnusableAnswerError("a number in the answer is too large")
    return number


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise UnusableAnswerError("a field stands twice in the answer")
    return named


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_distinct)


def _problems(error: ValidationError, shape: type[BaseModel]) -> Iterator[str]:
    """The first few problems, with field names of ours alone and numbers as the only quotes."""
    schema, names = _schema_and_names(shape)
    seen: dict[str, None] = {}
    for one in error.errors(include_url=False):
        path, kind, value = _path(one["loc"], names), one["type"], one["input"]
        if kind == "missing":
            problem = f"{path} is missing"
        elif kind == "extra_forbidden":
            problem = "the answer has fields nobody asked for"
        elif kind in _LIMIT_ERRORS and isinstance(value, int | float):
            problem = f"{path} {value!s:.20} is outside {_bounds(schema, one['loc'])}"
        elif kind == "json_invalid":
            problem = "the answer is no JSON"
        else:
            problem = f"{path}: {one['msg'][:1].lower()}{one['msg'][1:]}"
        seen.setdefault(problem)
    yield from list(seen)[:_MAX_PROBLEMS]


def _path(location: tuple[int | str, ...], names: frozenset[str]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part if part in names else '…'}" for part in location]
    return "".join(parts).removeprefix(".") or "the answer"


def _bounds(schema: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """The limits of a number, such as ``0..1``, as the schema of the shape has them."""
    node = schema
    for part in location:
        inner = _resolved(schema, node)
        node = inner.get("items", {}) if isinstance(part, int) else inner.get("properties", {}).get(part, {})
    options = [_resolved(schema, one) for one in node.get("anyOf", [node])]
    low, high = (
        next((option[key] for option in options for key in keys if key in option), "")
        for keys in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
    )
    return f"{low}..{high}"


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = schema.get("$defs", {}).get(node.get("$ref", "").rpartition("/")[2], {})
    return named or node


@lru_cache(maxsize=64)
def _schema_and_names(shape: type[BaseModel]) -> tuple[dict[str, Any], frozenset[str]]:
    schema = shape.model_json_schema()
    objects = [schema, *schema.get("$defs", {}).values()]
    return schema, frozenset(name for one in objects for name in one.get("properties", {}))
