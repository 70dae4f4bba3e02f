"""What was said to an agent or model, what it answered and what was retrieved, as text a person would recognise.

Values are hostile and of any size: texts are cut at ``MAX_TEXT_CHARS``, pictures in messages become a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tail_pipeline.adapters.otlp.dialects import AttributePaths, as_json, json_text, value_at
from tail_pipeline.adapters.otlp.spans import Attributes, OtlpSpan, SpanKind, plain_value

MAX_TEXT_CHARS = 200_000
"""A longer input, output or document is cut and its unit marked as truncated."""

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,[A-Za-z0-9+/=_-]{32,}")
_SHORTEST_PICTURE = 2_048
_BASE64_RUN = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{_SHORTEST_PICTURE},}}={{0,2}}")
_DIFFERENT_LETTERS = 40
"""Base64 of anything compressed uses all its 64 letters; a run of one letter is somebody's text."""

_INPUT_KEYS = ("input", "inputs", "question", "query", "prompt", "user_input", "task", "text", "message", "content")
_OUTPUT_KEYS = ("output", "outputs", "answer", "result", "response", "completion", "text", "message", "content")
_INPUT_VALUES = ("input.value", "traceloop.entity.input", "gen_ai.prompt")
_OUTPUT_VALUES = ("output.value", "traceloop.entity.output", "gen_ai.completion")
_READ_INPUT, _READ_OUTPUT = "\0input", "\0output"
"""Where a text stands that was read already; no span brings these keys along, as nobody asks for them."""

_TEXT_PREFIXES = (
    *(
        "input.",
        "output.",
        "llm.input_messages.",
        "llm.output_messages.",
        "traceloop.entity.input",
        "traceloop.entity.output",
    ),
    *("gen_ai.prompt", "gen_ai.completion", "gen_ai.input.", "gen_ai.output."),
)
_MAX_UNWRAPPED = 6


@dataclass(frozen=True)
class Text:
    value: str
    truncated: bool = False


def input_of(span: OtlpSpan, kind: SpanKind | None, paths: AttributePaths) -> Text | None:
    """What the user or caller said: the last user message, or the input value without its wrapping."""
    return _text_of(span, kind, paths, incoming=True)


def output_of(span: OtlpSpan, kind: SpanKind | None, paths: AttributePaths) -> Text | None:
    """What was answered: the last assistant message, or the output value without its wrapping."""
    return _text_of(span, kind, paths, incoming=False)


def without_texts(attributes: Attributes, kept: frozenset[str]) -> Attributes:
    """The attributes but for those that hold inputs, outputs and messages; ``kept`` are those that hold more."""
    return {key: value for key, value in attributes.items() if not key.startswith(_TEXT_PREFIXES) or key in kept}


def with_texts(attributes: Attributes, given: Text | None, said: Text | None) -> Attributes:
    """The attributes and what was read from others, as ``input_of`` and ``output_of`` give it again."""
    if given:
        attributes[_READ_INPUT] = given.value
    if said:
        attributes[_READ_OUTPUT] = said.value
    return attributes


def documents_of(span: OtlpSpan, paths: AttributePaths) -> list[Text]:
    """The texts a retriever span found, in its own order."""
    given = value_at(span, paths, resource=False) if paths.paths else None
    if given is None and "gen_ai.retrieval.documents" in span.attributes:
        given = plain_value(span.attributes["gen_ai.retrieval.documents"])
    if given is not None:
        found = as_json(given)
        return [text for one in (found if isinstance(found, list) else [found]) if (text := _document(one))]
    numbered = _numbered(span.attributes, "retrieval.documents.", ".document.content")
    texts = [plain_value(value) for _, value in numbered]
    texts += [
        plain_value(event.attributes["db.query.result.document"])
        for event in span.events
        if event.name == "db.query.result" and "db.query.result.document" in event.attributes
    ]
    return [capped(text) for text in texts if isinstance(text, str) and text]


def _text_of(span: OtlpSpan, kind: SpanKind | None, paths: AttributePaths, *, incoming: bool) -> Text | None:
    already = span.attributes.get(_READ_INPUT if incoming else _READ_OUTPUT)
    if already is not None:
        return Text(already)
    given = value_at(span, paths, resource=False) if paths.paths else None
    if given is not None and (found := _unwrapped(given, incoming=incoming)):
        return found
    # A model call's value is the whole request or answer, so its messages come first; an agent has no messages to speak of.
    if kind in (SpanKind.AGENT, SpanKind.CHAIN):
        return _value_text(span, incoming=incoming) or _message_text_of(span, incoming=incoming)
    return _message_text_of(span, incoming=incoming) or _value_text(span, incoming=incoming)


def _message_text_of(span: OtlpSpan, *, incoming: bool) -> Text | None:
    """The text of the messages of a model call, whichever dialect wrote them."""
    attributes = span.attributes
    key = "gen_ai.input.messages" if incoming else "gen_ai.output.messages"
    if key in attributes:
        text = _spoken(_list(as_json(plain_value(attributes[key]))), incoming=incoming)
        return capped(text) if text else None
    flat = ("llm.input_messages.", "gen_ai.prompt.") if incoming else ("llm.output_messages.", "gen_ai.completion.")
    for prefix in flat:
        if text := _flat_text(attributes, prefix, incoming=incoming):
            return capped(text)
    text = _spoken(_event_messages(span, incoming=incoming), incoming=incoming) if span.events else None
    return capped(text) if text else None


def _value_text(span: OtlpSpan, *, incoming: bool) -> Text | None:
    for key in _INPUT_VALUES if incoming else _OUTPUT_VALUES:
        if (
            key in span.attributes
            and (value := plain_value(span.attributes[key])) is not None
            and (found := _unwrapped(value, incoming=incoming))
        ):
            return found
    return None


def _event_messages(span: OtlpSpan, *, incoming: bool) -> list[Any]:
    """Messages written as events: one a message, or all of them in the details of the operation."""
    messages: list[Any] = []
    for event in span.events:
        body = {key: plain_value(value) for key, value in event.attributes.items()}
        key = "gen_ai.input.messages" if incoming else "gen_ai.output.messages"
        if key in body:
            messages.extend(_list(as_json(body[key])))
        elif event.name == ("gen_ai.content.prompt" if incoming else "gen_ai.content.completion"):
            messages.extend(_list(as_json(body.get("gen_ai.prompt" if incoming else "gen_ai.completion"))))
        elif incoming and event.name in ("gen_ai.user.message", "gen_ai.system.message", "gen_ai.assistant.message"):
            messages.append({"role": event.name.split(".")[1], "content": body.get("content")})
        elif not incoming and event.name == "gen_ai.choice":
            message = as_json(body.get("message", body.get("content")))
            messages.append(message if isinstance(message, dict) else {"role": "assistant", "content": message})
    return messages


def _flat_text(attributes: Attributes, prefix: str, *, incoming: bool) -> str | None:
    """The text that is asked for among messages spread over attributes: ``prefix`` + number + field.

    Long conversations stand in every model call, so they are read from their end and no further than needed.
    """
    fields: dict[int, list[tuple[str, Any]]] = {}
    for key, value in attributes.items():
        if key.startswith(prefix):
            number, _, name = key[len(prefix) :].partition(".")
            if number.isdecimal():
                fields.setdefault(int(number), []).append((name.removeprefix("message."), value))
    latest: str | None = None
    for position in sorted(fields, reverse=True):
        message = _flat_message(fields[position])
        if text := _message_text(message):
            if _role(message) in _roles(incoming=incoming):
                return text
            latest = latest or text
    return latest


def _flat_message(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    parts: dict[int, dict[str, Any]] = {}
    for name, value in fields:
        if name.startswith("contents."):
            place, _, inner = name.removeprefix("contents.").partition(".")
            if place.isdecimal():
                parts.setdefault(int(place), {})[inner.removeprefix("message_content.").split(".")[0]] = plain_value(
                    value
                )
        elif name in ("role", "content"):
            message[name] = plain_value(value)
        elif name.endswith((".function.name", "tool_calls.0.name")):
            message["tool"] = plain_value(value)
    if parts:
        message.setdefault("content", [parts[place] for place in sorted(parts)])
    return message


def _spoken(messages: Sequence[Any], *, incoming: bool) -> str | None:
    """The text of the last message of the side that is asked for; else of the last message with any text."""
    texts = [(_role(message), _message_text(message)) for message in messages]
    own = [text for role, text in texts if text and role in _roles(incoming=incoming)]
    any_text = [text for _, text in texts if text]
    return (own or any_text)[-1] if own or any_text else None


def _roles(*, incoming: bool) -> tuple[str, ...]:
    return ("user", "human") if incoming else ("assistant", "ai", "model")


def _role(message: Any) -> str:
    if not isinstance(message, dict):
        return ""
    if isinstance(inner := message.get("kwargs"), dict):  # LangChain's serialised messages
        name = message["id"][-1] if isinstance(message.get("id"), list) and message["id"] else ""
        return _role(inner) or str(name).lower().removesuffix("chunk").removesuffix("message")
    return str(message.get("role") or message.get("type") or "").lower()


def _message_text(message: Any) -> str | None:
    """Text of one message; pictures and other media by a placeholder, a message that only calls tools by their names."""
    if isinstance(message, str):
        return message or None
    if not isinstance(message, dict):
        return None
    if isinstance(message.get("kwargs"), dict):  # LangChain's serialised messages
        return _message_text(message["kwargs"])
    content = message.get("content", message.get("parts", message.get("text")))
    if isinstance(content, str) and content:
        parts = as_json(content)
        if not (isinstance(parts, list) and parts and all(isinstance(one, dict) and "type" in one for one in parts)):
            return content
        content = parts
    pieces = [_part_text(part) for part in content] if isinstance(content, list) else []
    text = "\n".join(piece for piece in pieces if piece)
    return text or (f"[tool call {message['tool']}]" if message.get("tool") else None)


def _part_text(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return None
    # Some say what a part is by the name of its only field, such as inline_data.
    kind = str(part.get("type") or ("text" if {"text", "content"} & set(part) else next(iter(part), "text")))
    if kind in ("text", "input_text", "output_text"):
        text = part.get("text", part.get("content"))
        return text if isinstance(text, str) else None
    if kind in ("tool_call", "tool_use", "function_call"):
        return f"[tool call {part.get('name', '')}]"
    if kind in ("tool_call_response", "tool_result"):
        return None
    return f"[{kind.removesuffix('_url')}]"


def _unwrapped(value: Any, *, incoming: bool) -> Text | None:
    """The text inside what frameworks wrap around it, if any; JSON that says nothing else stays as it was written."""
    if not isinstance(value, str):
        return capped(json_text(value))
    inner = _inner_text(value, incoming=incoming, depth=0)
    if not (inner if inner is not None else value):
        return None
    text = capped(inner if inner is not None else value)
    # JSON that was cut on its way here is kept as it is.
    cut = value.lstrip()[:1] in ("{", "[") and as_json(value) is value
    return Text(text.value, text.truncated or cut)


def _inner_text(value: Any, *, incoming: bool, depth: int) -> str | None:
    """The one text a structure is about, or None where it is not clear which."""
    found = as_json(value)
    if isinstance(found, str):
        return found
    if depth >= _MAX_UNWRAPPED or not found:
        return None
    if isinstance(found, list):
        if all(isinstance(one, dict) and ({"role", "content", "kwargs", "parts"} & set(one)) for one in found):
            return _spoken(found, incoming=incoming)
        return _inner_text(found[0], incoming=incoming, depth=depth + 1) if len(found) == 1 else None
    if not isinstance(found, dict):
        return None
    if isinstance(found.get("messages"), list):
        return _inner_text(found["messages"], incoming=incoming, depth=depth + 1)
    if isinstance(found.get("generations"), list):
        return _inner_text(found["generations"], incoming=incoming, depth=depth + 1)
    if isinstance(found.get("args"), list) and isinstance(found.get("kwargs"), dict):
        given = [*found["args"], *found["kwargs"].values()]
        return _inner_text(given[0], incoming=incoming, depth=depth + 1) if len(given) == 1 else None
    keys = [key for key in (_INPUT_KEYS if incoming else _OUTPUT_KEYS) if found.get(key)]
    if keys or len(found) == 1:
        return _inner_text(found[keys[0] if keys else next(iter(found))], incoming=incoming, depth=depth + 1)
    return None


def _document(value: Any) -> Text | None:
    if isinstance(value, dict):
        value = value.get("content", value.get("text", value.get("page_content")))
    return capped(value) if isinstance(value, str) and value else None


def capped(text: str) -> Text:
    """A text of at most ``MAX_TEXT_CHARS``, with a placeholder for each picture that stands in it as base64."""
    clean = _DATA_URI.sub(lambda match: f"[{match[1] or 'data'}]", text) if ";base64," in text else text
    if _has_long_word(clean):
        clean = _BASE64_RUN.sub(_without_picture, clean)
    return Text(clean[:MAX_TEXT_CHARS], truncated=len(clean) > MAX_TEXT_CHARS)


def _has_long_word(text: str) -> bool:
    """Whether ``_BASE64_RUN`` may be found: a run of that length covers one of these stretches, however it lies."""
    stretch = _SHORTEST_PICTURE // 2
    return len(text) >= _SHORTEST_PICTURE and any(
        text.find(" ", at, at + stretch) < 0 for at in range(0, len(text) - stretch + 1, stretch)
    )


def _without_picture(run: re.Match[str]) -> str:
    return "[data]" if len(set(run[0])) >= _DIFFERENT_LETTERS else run[0]


def _numbered(attributes: Attributes, prefix: str, suffix: str) -> Iterator[tuple[int, Any]]:
    """Values of ``prefix`` + number + ``suffix``, by number."""
    found = [
        (int(number), value)
        for key, value in attributes.items()
        if key.startswith(prefix) and key.endswith(suffix) and (number := key[len(prefix) : -len(suffix)]).isdecimal()
    ]
    return iter(sorted(found, key=lambda one: one[0]))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
