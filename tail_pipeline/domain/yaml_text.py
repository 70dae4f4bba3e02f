"""YAML as reviewers should read it: fixed order, block scalars, one way to write each value, the same bytes every time.

A writer of our own, because general dumpers fall back to one escaped line for trailing blanks, follow their own
version in what they quote, and print invisible characters as they are. What it writes is read back by any YAML 1.1 or 1.2 reader.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

MAX_LINE = 120

_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 _./()+%=-]*[A-Za-z0-9_./()+%=-])?|\d{4}-W\d{2}(?:-\d)?")
_RESERVED = frozenset("y n yes no on off true false null".split())
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}

# Everything outside YAML's printable set, and what is printable but unseen or reorders the text around it.
_UNSEEN = re.compile(
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\xad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


class Flow(dict[str, Any]):
    """A mapping to be written on one line."""


def to_yaml(document: Mapping[str, Any]) -> str:
    """A block mapping with a final newline; values may be None, bool, int, float, str, datetime, lists and mappings."""
    return "".join(f"{line}\n" for line in _mapping(document, 0))


def list_items(items: Sequence[Mapping[str, Any]], indent: int) -> str:
    """The items of a block list of mappings, as they stand under their key; for appending to a file."""
    return "".join(f"{line}\n" for item in items for line in _item(item, indent))


def _mapping(mapping: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for key, value in mapping.items():
        yield from _entry(f"{pad}{_string_inline(key)}:", value, indent)


def _entry(prefix: str, value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, Flow):
        yield f"{prefix} {_flow_mapping(value)}"
    elif isinstance(value, Mapping):
        yield f"{prefix}{'' if value else ' {}'}"
        yield from _mapping(value, indent + 2)
    elif isinstance(value, str):
        yield from _string(prefix, value, indent + 2)
    elif isinstance(value, Sequence):
        yield from _sequence(prefix, value, indent + 2)
    else:
        yield f"{prefix} {_scalar(value)}"


def _sequence(prefix: str, values: Sequence[Any], indent: int) -> Iterator[str]:
    if all(not isinstance(value, str | Mapping) or _is_word(value) for value in values):
        yield from _flow_sequence(prefix, [_scalar(value) for value in values], indent)
        return
    yield prefix
    for value in values:
        if isinstance(value, Mapping):
            yield from _item(value, indent)
        else:
            yield from _entry(f"{' ' * indent}-", value, indent)


def _item(mapping: Mapping[str, Any], indent: int) -> Iterator[str]:
    if isinstance(mapping, Flow):
        yield f"{' ' * indent}- {_flow_mapping(mapping)}"
        return
    for number, line in enumerate(_mapping(mapping, indent + 2)):
        yield line if number else f"{' ' * indent}- {line[indent + 2 :]}"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 64 and re.fullmatch(r"[\w.:/@-]+", value, re.ASCII) is not None


def _flow_sequence(prefix: str, items: list[str], indent: int) -> Iterator[str]:
    """On one line if it fits, else wrapped after commas."""
    line = f"{prefix} ["
    for number, item in enumerate(items):
        piece = item + ("," if number < len(items) - 1 else "]")
        if len(line) + len(piece) + 1 > MAX_LINE:
            yield line.rstrip()
            line = " " * indent
        line += piece if line.endswith("[") or line.isspace() else f" {piece}"
    yield line if items else f"{prefix} []"


def _flow_mapping(mapping: Mapping[str, Any]) -> str:
    parts = []
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            parts.append(f"{key}: {_flow_mapping(value)}")
        elif isinstance(value, list | tuple):
            parts.append(f"{key}: [{', '.join(_scalar(item) for item in value)}]")
        else:
            parts.append(f"{key}: {_scalar(value)}")
    return "{" + ", ".join(parts) + "}"


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
        case str():
            return _string_inline(value)
    raise TypeError(f"cannot write {type(value).__name__} as YAML")


def _number(value: float) -> str:
    """Four decimals at most; always with a point, so that it reads back as a float."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinity have no place in a case file")
    text = f"{value:.4f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def _string_inline(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.casefold() not in _RESERVED and "  " not in text:
        return text
    return f'"{_escaped(text)}"'


def _string(prefix: str, text: str, indent: int) -> Iterator[str]:
    """A literal block for several lines; quoted with escapes, still line by line, where a block could not show it all."""
    if "\n" not in text.rstrip("\n"):
        yield f"{prefix} {_string_inline(text)}"
        return
    pad = " " * indent
    first = text.split("\n", 1)[0]
    if not _UNSEEN.search(text) and first.strip() and "\t" not in first[:1]:
        body, trailing = text.rstrip("\n"), len(text) - len(text.rstrip("\n"))
        hint = "2" if first.startswith(" ") else ""
        chomp = "-" if trailing == 0 else "" if trailing == 1 else "+"
        yield f"{prefix} |{hint}{chomp}"
        for line in body.split("\n") + [""] * (trailing - 1):
            yield f"{pad}{line}" if line else ""
        return
    lines = text.split("\n")
    for number, line in enumerate(lines):
        start = f'{prefix} "' if number == 0 else pad
        quoted = _escaped(line)
        if number and quoted.startswith(" "):
            quoted = f"\\{quoted}"
        yield f"{start}{quoted}\\n\\" if number < len(lines) - 1 else f'{start}{quoted}"'


def _escaped(text: str) -> str:
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return _UNSEEN.sub(_escape_character, escaped)


def _escape_character(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
