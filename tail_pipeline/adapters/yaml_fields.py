"""What is wrong with the value of one field, in words for whoever edited it."""

from __future__ import annotations

from datetime import date
from reprlib import Repr
from typing import Any

from pydantic_core import ErrorDetails

_MAX_SHOWN = 60


def field_message(detail: ErrorDetails, spelt: str | None) -> str:
    """Pydantic's finding in our words; ``spelt`` is how the file spells a value that is no text and no collection."""
    found = detail["input"]
    shown = _shown(found) if spelt is None else "nothing" if found is None else _shortened(spelt)
    match detail["type"]:
        case "extra_forbidden":
            return "unknown key; check the spelling or remove it"
        case "missing":
            return "is missing"
        case "finite_number":
            return "must be a finite number"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "union_tag_not_found":
            return f"needs the key {detail['ctx']['discriminator']}"
        case "union_tag_invalid":
            context = detail["ctx"]
            return f"{context['discriminator'].strip(chr(39))} is '{context['tag']}', expected one of {context['expected_tags']}"
    wanted, advice = _wanted(detail)
    return f"{wanted}, found {shown}{advice}"


def _wanted(detail: ErrorDetails) -> tuple[str, str]:
    """What the value should be, and what to do where that is not plain from it."""
    found = detail["input"]
    match detail["type"]:
        case "model_type":
            return "must be a mapping", ""
        case "string_type":
            return "must be text", _how_to_write_text(found)
        case "list_type" if found is None:
            return "must be a list", "; write [] for an empty one"
        case "literal_error":
            boolean = "; an unquoted yes, no, on or off is a boolean in YAML" if isinstance(found, bool) else ""
            return f"must be {detail['ctx']['expected']}", boolean
    text = detail["msg"].removeprefix("Input should be ")
    return (f"must be {text}" if text != detail["msg"] else text), ""


def _how_to_write_text(found: Any) -> str:
    match found:
        case bool():
            return ", which YAML reads as a boolean; put it in quotes"
        case int() | float():
            return ", which YAML reads as a number; put it in quotes"
        case date():
            return ", which YAML reads as a date; put it in quotes"
        case list() | dict():
            return "; put it in quotes, or begin it in the line below |-"
    return ""


def _shown(value: Any) -> str:
    return _shortened(_Short().repr(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}…"


class _Short(Repr):
    """The beginning of a value: of a list with a million items only the first are ever looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 10 * _MAX_SHOWN
        self.maxlist = self.maxdict = _MAX_SHOWN
