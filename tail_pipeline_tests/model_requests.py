"""What OpenAI would refuse in a request, so that a client tested against the stand-in is not refused by the vendor.

The rules of strict schemas are those of OpenAI's guide to structured outputs, at its narrowest: without the
keywords that only some models know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEYWORDS = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"} | {
    *("$ref", "$defs", "description", "title")
}


def request_problem(path: str, body: dict[str, Any]) -> str | None:
    """The first thing wrong with a request, in a sentence."""
    if path.endswith("/embeddings"):
        return None if body.get("input") and all(body["input"]) else "'input' cannot be an empty string."
    return next(_chat_problems(body), None)


def _chat_problems(body: dict[str, Any]) -> Iterator[str]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "'messages' must be a list that is not empty."
        return
    for message in messages:
        if set(message) != {"role", "content"} or message["role"] not in {"system", "user", "assistant"}:
            yield "a message has a role and a content."
        elif not isinstance(message["content"], str):
            yield "the content of a message is a string."
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "'max_tokens' and 'max_completion_tokens' exclude each other."
    if not 0 <= body.get("temperature", 1) <= 2:
        yield "'temperature' is between 0 and 2."
    if "response_format" in body:
        yield from _format_problems(body["response_format"])
    if "tools" in body or "tool_choice" in body:
        yield from _tool_problems(body.get("tools"), body.get("tool_choice"))


def _format_problems(response_format: dict[str, Any]) -> Iterator[str]:
    named = response_format.get("json_schema", {})
    if response_format.get("type") != "json_schema" or set(named) != {"name", "schema", "strict"}:
        yield "a response_format here is a json_schema with name, schema and strict."
        return
    if not _NAME.fullmatch(named["name"]):
        yield f"the name of a schema must match {_NAME.pattern}."
    if named["strict"]:
        yield from strict_schema_problems(named["schema"])


def _tool_problems(tools: Any, choice: Any) -> Iterator[str]:
    names = [tool["function"]["name"] for tool in tools or []]
    if not names or not all(map(_NAME.fullmatch, names)):
        yield f"tools are needed, and their names must match {_NAME.pattern}."
    elif choice not in [{"type": "function", "function": {"name": name}} for name in names]:
        yield "'tool_choice' names none of the tools."


def strict_schema_problems(schema: dict[str, Any]) -> Iterator[str]:
    """Where a schema leaves what strict mode understands."""
    if schema.get("type") != "object":
        yield "the schema itself must be of type object."
    yield from _node_problems(schema, "schema")


def _node_problems(node: dict[str, Any], where: str) -> Iterator[str]:
    if unknown := sorted(set(node) - _KEYWORDS):
        yield f"{where}: not permitted: {', '.join(unknown)}"
    if "$ref" in node and len(node) > 1:
        yield f"{where}: $ref cannot have keywords beside it"
    if node.get("type") == "object" or "properties" in node:
        if node.get("additionalProperties") is not False:
            yield f"{where}: 'additionalProperties' must be false"
        if list(node.get("properties", {})) != node.get("required"):
            yield f"{where}: 'required' must name every property"
    if node.get("type") == "array" and "items" not in node:
        yield f"{where}: an array needs items"
    children = {
        **node.get("properties", {}),
        **node.get("$defs", {}),
        **({"items": node["items"]} if "items" in node else {}),
    }
    for name, child in children.items():
        yield from _node_problems(child, f"{where}.{name}")
    for number, child in enumerate(node.get("anyOf", [])):
        yield from _node_problems(child, f"{where}.anyOf[{number}]")
