"""What a chat completion says, read from the bytes of a reply: endpoints leave out and add what they like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_MAX_MODEL_CHARS = 200


@dataclass(frozen=True)
class Completion:
    """``arguments`` are those of tool calls; ``tokens`` what the request used, question included, where it says.

    ``model`` is the very model that answered, such as the dated snapshot behind an alias.
    """

    content: str = ""
    arguments: tuple[str, ...] = ()
    refusal: str = ""
    finish_reason: str = ""
    tokens: int | None = None
    model: str | None = None


def read_completion(body: bytes) -> Completion | None:
    """The first choice; None where the reply is no chat completion at all, such as a login page."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return None
    choices = _dict(whole).get("choices")
    if not isinstance(choices, list):
        return None
    choice = _dict(choices[0] if choices else None)
    message = _dict(choice.get("message"))
    tokens = _dict(whole.get("usage")).get("total_tokens")
    return Completion(
        content=_text(message.get("content")),
        arguments=tuple(
            _text(_dict(_dict(call).get("function")).get("arguments")) for call in _list(message, "tool_calls")
        ),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")),
        tokens=tokens if isinstance(tokens, int) and tokens >= 0 else None,
        model=_text(whole.get("model"))[:_MAX_MODEL_CHARS] or None,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(message: dict[str, Any], key: str) -> list[Any]:
    found = message.get(key)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    """A text, or the text parts of a list of parts; halves of surrogate pairs, which no file can hold, become ``?``."""
    if isinstance(value, list):
        return "".join(_text(_dict(part).get("text")) for part in value if _dict(part).get("type") == "text")
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""
