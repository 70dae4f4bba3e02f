"""The stand-in speaks the vendor's language: its replies fit the published types, its requests are checked like OpenAI does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from tail_pipeline_tests.model_requests import request_problem, strict_schema_problems
from tail_pipeline_tests.model_server import (
    Reply,
    Request,
    always,
    chat_reply,
    embeddings_reply,
    error_reply,
    filtered_reply,
    filtered_request_reply,
    in_fences,
    in_prose,
    poisoned,
    quota_reply,
    rate_limited_reply,
    refusal_reply,
    rows_of,
    too_long_reply,
    tool_only,
    tool_reply,
    truncated_reply,
    unknown_model_reply,
    usual,
    without_json_schema,
    without_parameter,
    without_tools,
    wrong_key_reply,
)

MESSAGES = [{"role": "system", "content": "Grade."}, {"role": "user", "content": "Text."}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "grade", "schema": SCHEMA, "strict": True}}
TOOL = {"type": "function", "function": {"name": "grade", "parameters": SCHEMA}}
CHOICE = {"type": "function", "function": {"name": "grade"}}


def chat(**more: Any) -> Request:
    return Request("/v1/chat/completions", "Bearer k", {"model": "m", "messages": MESSAGES, **more})


PLAIN, SCHEMED, TOOLED = chat(), chat(response_format=FORMAT), chat(tools=[TOOL], tool_choice=CHOICE)
VALUE = {"a": "b"}
COMPLETIONS = {
    "text": chat_reply("ok"),
    "nothing": chat_reply(None),
    "tool calls": tool_reply("{}", "{}"),
    "refusal": refusal_reply(),
    "filtered": filtered_reply(),
    "truncated": truncated_reply(),
    "in prose": in_prose(VALUE)(PLAIN),
    "in fences": in_fences(VALUE)(PLAIN),
    "poisoned": poisoned({"score": 1.0}, VALUE)(PLAIN),
    "json_schema": always(VALUE)(SCHEMED),
    "tool": always(VALUE)(TOOLED),
    "tool only": tool_only(always(VALUE))(PLAIN),
}
ERRORS = {
    "rate limit": rate_limited_reply({"Retry-After": "1"}),
    "overload": error_reply(503),
    "quota": quota_reply(),
    "key": wrong_key_reply(PLAIN),
    "model": unknown_model_reply(PLAIN),
    "filter": filtered_request_reply(),
    "too long": too_long_reply(),
    "no json_schema": without_json_schema(usual)(SCHEMED),
    "no tools": without_tools(usual)(TOOLED),
    "no temperature": without_parameter("temperature", usual)(chat(temperature=0)),
}


@pytest.mark.parametrize("reply", COMPLETIONS.values(), ids=COMPLETIONS)
def test_completions_fit_the_published_type(reply: Reply):
    assert ChatCompletion.model_validate_json(reply[2], strict=True).choices


@pytest.mark.parametrize("reply", COMPLETIONS.values(), ids=COMPLETIONS)
def test_completions_have_every_field_the_published_description_requires(reply: Reply):
    """``required`` of CreateChatCompletionResponse and its parts in OpenAI's OpenAPI description."""
    body = json.loads(reply[2])
    choice = body["choices"][0]
    missing = [
        *({"choices", "created", "id", "model", "object"} - set(body)),
        *({"finish_reason", "index", "message", "logprobs"} - set(choice)),
        *({"role", "content", "refusal"} - set(choice["message"])),
        *({"prompt_tokens", "completion_tokens", "total_tokens"} - set(body["usage"])),
        *(
            field
            for call in choice["message"].get("tool_calls", [])
            for field in {"id", "type", "function"} - set(call)
        ),
    ]
    assert missing == []


def test_embeddings_fit_the_published_type():
    body = embeddings_reply(rows_of(["a", "b"]))[2]
    assert [row.index for row in CreateEmbeddingResponse.model_validate_json(body, strict=True).data] == [0, 1]


@pytest.mark.parametrize("reply", ERRORS.values(), ids=ERRORS)
def test_errors_have_every_field_the_published_description_requires(reply: Reply):
    status, _headers, body = reply
    assert (status >= 400, set(json.loads(body)["error"])) == (True, {"message", "type", "code", "param"})


@pytest.mark.parametrize("request_", [PLAIN, SCHEMED, TOOLED, chat(temperature=0, max_tokens=5)])
def test_a_request_openai_would_take_is_taken(request_: Request):
    assert request_problem(request_.path, request_.body) is None


@pytest.mark.parametrize(
    "more",
    [
        {"messages": []},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "judge", "content": "x"}]},
        {"max_tokens": 1, "max_completion_tokens": 1},
        {"temperature": 3},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": SCHEMA, "strict": True}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"tool_choice": CHOICE},
    ],
)
def test_a_request_openai_would_refuse_is_refused(more: dict[str, Any]):
    assert request_problem("/v1/chat/completions", chat(**more).body)


@pytest.mark.parametrize(
    "node",
    [
        {"type": "number", "minimum": 0},
        {"type": "string", "default": "x"},
        {"type": "object", "properties": {}, "required": []},
        {"type": "object", "properties": {"a": {"type": "null"}}, "required": [], "additionalProperties": False},
        {"type": "array"},
        {"$ref": "#/$defs/X", "description": "beside it"},
        {"anyOf": [{"type": "integer", "maximum": 1}]},
        {"oneOf": [{"type": "null"}]},
    ],
)
def test_a_schema_beyond_strict_mode_is_found(node: dict[str, Any]):
    schema = {"type": "object", "properties": {"a": node}, "required": ["a"], "additionalProperties": False}
    assert list(strict_schema_problems(schema))
