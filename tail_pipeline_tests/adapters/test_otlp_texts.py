"""What was said, found inside what frameworks and dialects wrap around it."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from tail_pipeline_tests.adapters.otlp_assembly import AGENT, LLM, units
from tail_pipeline_tests.adapters.otlp_traffic import (
    START,
    Tracing,
)

LANGCHAIN = [
    {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": {"content": text}}
    for name, text in (("SystemMessage", "rules"), ("HumanMessage", "asked"), ("ToolMessage", "found"))
]
PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 50
BASE64 = base64.b64encode(random.Random(1).randbytes(6_001)).decode()


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"input.value": "plain"}, "plain"),
        ({"input.value": '{"input": "wrapped"}'}, "wrapped"),
        ({"input.value": '{"args": [{"question": "deep"}], "kwargs": {}}'}, "deep"),
        (
            {
                "input.value": '{"messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "last"}]}'
            },
            "last",
        ),
        ({"input.value": json.dumps({"messages": [LANGCHAIN]})}, "asked"),
        ({"input.value": '{"a": 1, "b": 2}'}, '{"a": 1, "b": 2}'),
        ({"input.value": '["a", "b"]'}, '["a", "b"]'),
        ({"input.value": '{"cut": "in the mid'}, '{"cut": "in the mid'),
        ({"input.value": f"look {PICTURE} here"}, "look [image/png] here"),
        ({"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi"}, "hi"),
        (
            {
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.contents.0.message_content.type": "text",
                "llm.input_messages.0.message.contents.0.message_content.text": "what is this",
                "llm.input_messages.0.message.contents.1.message_content.type": "image",
                "llm.input_messages.0.message.contents.1.message_content.image.image.url": PICTURE,
            },
            "what is this\n[image]",
        ),
        (
            {
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "s",
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "u",
            },
            "u",
        ),
        (
            {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": '[{"type": "text", "text": "in parts"}]'},
            "in parts",
        ),
        (
            {
                "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "blob", "content": "AAAA"}, '
                '{"type": "text", "content": "see"}]}]'
            },
            "[blob]\nsee",
        ),
        (
            {
                "gen_ai.input.messages": '[{"role": "user", "parts": [{"inline_data": {"data": "AAAA"}}, {"text": "see"}]}]'
            },
            "[inline_data]\nsee",
        ),
        ({"input.value": f"look {BASE64} here"}, "look [data] here"),
        ({"input.value": json.dumps({"q": "cat?", "picture": BASE64})}, '{"q": "cat?", "picture": "[data]"}'),
        ({"input.value": "ab" * 3_000}, "ab" * 3_000),
        ({"gen_ai.prompt": '[{"role": "user", "content": "old way"}]'}, "old way"),
    ],
)
def test_what_a_user_said_is_found_inside_what_frameworks_wrap_around_it(attributes: Mapping[str, Any], text: str):
    tracing = Tracing()
    tracing.span("llm", LLM | attributes)
    (unit,) = units(tracing)
    assert unit["input"] == text


@pytest.mark.parametrize(
    "events",
    [
        [
            ("gen_ai.user.message", {"content": "hi"}),
            ("gen_ai.choice", {"message": '{"role": "assistant", "content": "yo"}'}),
        ],
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "hi"}]'}),
            ("gen_ai.content.completion", {"gen_ai.completion": '[{"role": "assistant", "content": "yo"}]'}),
        ],
        [
            (
                "gen_ai.client.inference.operation.details",
                {
                    "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]',
                    "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "yo"}]}]',
                },
            )
        ],
    ],
)
def test_messages_may_stand_in_events(events: list[tuple[str, dict[str, str]]]):
    tracing = Tracing()
    tracing.span("chat", {"gen_ai.operation.name": "chat"}, events=[(name, values, START) for name, values in events])
    assert [(unit["input"], unit["output"]) for unit in units(tracing)] == [("hi", "yo")]


def test_json_that_was_cut_on_its_way_is_kept_and_flagged():
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": '{"question": "may I ca'})
    (unit,) = units(tracing)
    assert (unit["input"], unit["truncated"]) == ('{"question": "may I ca', True)
