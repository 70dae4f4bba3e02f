"""What an endpoint means by refusing one request: the question itself, a parameter it does not know, or nobody knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai import OpenAIError

_ABOUT_THIS_REQUEST = (400, 413, 422)
_FILTER_CODES = frozenset(
    {
        "content_filter",  # Azure, Bedrock's gateways
        "content_policy_violation",
        "invalid_prompt",  # OpenAI's reasoning models
        "data_inspection_failed",  # DashScope
        "ResponsibleAIPolicyViolation",
    }
)
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "string_above_max_length"})
_TOO_LONG = re.compile(
    r"(maximum|model's) context|context (length|window)|(prompt|input) is too long|too many (input )?tokens"
    r"|reduce the length",
    re.IGNORECASE,
)
_PARAMETERS = frozenset(
    {
        "model",
        "messages",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "response_format",
        "tools",
        "tool_choice",
    }
)
_READ_CHARACTERS = 500


class Refusal(StrEnum):
    """Why a request was refused."""

    FILTERED = "stopped by the content filter"
    TOO_LONG = "the question is too long for the model"
    UNKNOWN = "the endpoint refused the request"


@dataclass(eq=False)
class RefusedRequestError(Exception):
    """A request refused for what it holds; ``about`` names the parameter, or is what the endpoint said."""

    kind: Refusal
    reason: str
    about: str = field(default="", repr=False)

    def names(self, *parameters: str) -> bool:
        """Whether one of these parameters is what the endpoint does not take."""
        return any(re.search(rf"\b{parameter}\b", self.about) for parameter in parameters)


def refusal_of(error: OpenAIError) -> RefusedRequestError | None:
    """None where the error concerns more than the one request, or comes from no endpoint at all."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return None
    codes = _codes(error)
    if codes & _FILTER_CODES and error.status_code in (*_ABOUT_THIS_REQUEST, 403):
        return RefusedRequestError(Refusal.FILTERED, Refusal.FILTERED.value)
    if error.status_code not in _ABOUT_THIS_REQUEST:
        return None
    said = error.response.text[:_READ_CHARACTERS]
    if error.status_code == 413 or codes & _TOO_LONG_CODES or _TOO_LONG.search(said):
        return RefusedRequestError(Refusal.TOO_LONG, Refusal.TOO_LONG.value)
    about = _parameter(error, said)
    named = f", about {about}" if about in _PARAMETERS else ""
    return RefusedRequestError(Refusal.UNKNOWN, f"{Refusal.UNKNOWN} (status {error.status_code}{named})", about)


def _codes(error: Any) -> set[str]:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("innererror")
    found = (error.code, error.type, inner.get("code") if isinstance(inner, dict) else None)
    return {code for code in found if isinstance(code, str)}


def _parameter(error: Any, said: str) -> str:
    """The parameter the endpoint names, such as ``response_format`` of ``response_format.schema``; else its words."""
    return re.split(r"[.\[]", error.param)[0] if isinstance(error.param, str) and error.param else said
