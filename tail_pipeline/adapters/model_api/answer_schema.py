"""The JSON schema of an answer, in the part of JSON schema that strict modes understand."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "minLength": "characters, at least",
    "maxLength": "characters, at most",
    "minItems": "items, at least",
    "maxItems": "items, at most",
    "pattern": "matches",
}
"""What only some endpoints know is told in the description, and checked when the answer is here."""


@lru_cache(maxsize=64)
def answer_schema(shape: type[BaseModel]) -> dict[str, Any]:
    """The schema to send; not to be changed. Raises TypeError for shapes strict modes cannot express.

    Those are open mappings, tuples and arrays of anything. Every field is required, as OpenAI wants it.
    """
    schema = shape.model_json_schema()
    return {**_strict(schema), **({"$defs": _each(schema["$defs"])} if "$defs" in schema else {})}


def _each(nodes: dict[str, Any]) -> dict[str, Any]:
    return {name: _strict(node) for name, node in nodes.items()}


def _strict(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    strict: dict[str, Any] = {}
    if description := _described(node):
        strict["description"] = description
    if options := node.get("anyOf", node.get("oneOf")):
        return {**strict, "anyOf": [_strict(option) for option in options]}
    kind = node.get("type")
    if "const" in node or "enum" in node:
        return {**strict, **({"type": kind} if kind else {}), "enum": node.get("enum", [node.get("const")])}
    if kind == "object" and node.get("additionalProperties") in (None, False):
        properties = _each(node.get("properties", {}))
        closed = {"properties": properties, "required": list(properties), "additionalProperties": False}
        return {"type": kind, **strict, **closed}
    if kind == "array" and "prefixItems" not in node and node.get("items"):
        return {"type": kind, **strict, "items": _strict(node["items"])}
    if kind in ("string", "number", "integer", "boolean", "null"):
        return {"type": kind, **strict}
    raise TypeError(f"no strict schema can say this: {node}")


def _described(node: dict[str, Any]) -> str:
    limits = ", ".join(f"{words} {node[key]}" for key, words in _LIMITS.items() if key in node)
    return " ".join(filter(None, (node.get("description", ""), f"({limits})" if limits else "")))
