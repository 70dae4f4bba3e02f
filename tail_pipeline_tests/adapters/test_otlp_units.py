"""Units of work out of traces: the dialects, the shapes of traces, contexts, judgements, tenants, nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tail_pipeline.adapters.otlp.dialects import wanted_keys
from tail_pipeline.adapters.otlp.json_requests import JsonRequests
from tail_pipeline.adapters.otlp.spans import OtlpSpan
from tail_pipeline.adapters.otlp.units import TraceAssembler, UnitRules
from tail_pipeline.domain.spans import BadSpan
from tail_pipeline_tests.adapters.otlp_traffic import (
    DIALECTS,
    START,
    Tracing,
    Turn,
    json_lines,
    planted_turns,
    requests_of,
    traced,
)
from tail_pipeline_tests.adapters.trace_writers import frame_of

AGENT = {"openinference.span.kind": "AGENT"}
LLM = {"openinference.span.kind": "LLM"}
TURN = Turn(
    3,
    "May I cancel?",
    "You may.",
    documents=["§ 1", "§ 2"],
    score=0.4,
    feedback="thumbs_down",
    labels=["regulatory"],
    tenant="acme",
)


def spans_of(tracing: Tracing, rules: UnitRules) -> list[OtlpSpan]:
    bad: list[BadSpan] = []
    reader = JsonRequests(wanted_keys(rules.attributes), bad.append)
    spans = [span for line in json_lines(requests_of(tracing.spans)) for span in reader.spans(line, "a line")]
    assert bad == []
    return spans


def assembled(
    spans: Sequence[OtlpSpan], rules: UnitRules, held_bytes: int = 2**20
) -> tuple[list[dict[str, Any]], list[str], dict[str, int]]:
    """Units without their empty columns, reasons of what was bad, counts of what was set aside."""
    bad: list[BadSpan] = []
    with closing(TraceAssembler(rules, bad.append, held_bytes=held_bytes)) as assembler:
        for span in spans:
            assembler.add([span])
        batches = list(assembler.batches())
    rows = frame_of(batches).sort("start_time", "span_id").to_dicts()
    reasons = [one.reason for one in [*bad, *(bad for batch in batches for bad in batch.bad)]]
    return rows, reasons, {one.reason: one.count for one in assembler.set_aside.values()}


def units(tracing: Tracing, unit: str = "turn", **attributes: list[str]) -> list[dict[str, Any]]:
    rules = UnitRules(unit, attributes)  # type: ignore[arg-type]
    rows, reasons, _ = assembled(spans_of(tracing, rules), rules)
    assert reasons == []
    return rows


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_turn_reads_the_same_in_every_dialect(dialect: str):
    (unit,) = units(_traced([TURN], dialect))
    told = {name: unit[name] for name in ("input", "output", "contexts", "model", "session_id", "tenant", "labels")}
    assert told == {
        "input": "May I cancel?",
        "output": "You may.",
        "contexts": ["§ 1", "§ 2"],
        "model": "gpt-test",
        "session_id": "session 1",
        "tenant": "acme",
        "labels": ["regulatory"],
    }
    assert (unit["rubric_score"], unit["user_feedback"]) == (0.4, "thumbs_down")


def _traced(turns: Sequence[Turn], *dialects: str) -> Tracing:
    tracing = Tracing()
    tracing.spans.extend(traced(turns, dialects or DIALECTS))
    return tracing


@settings(deadline=None, max_examples=15)
@given(order=st.randoms(use_true_random=False), held=st.sampled_from([0, 5_000, 10**9]), seed=st.integers(0, 3))
def test_units_depend_neither_on_the_order_of_spans_nor_on_what_fits_in_memory(order: Any, held: int, seed: int):
    rules = UnitRules("turn", {})
    spans = spans_of(_traced(planted_turns(20, seed=seed).turns), rules)
    expected, _, _ = assembled(spans, rules)
    again = spans_of(_traced(planted_turns(20, seed=seed).turns), rules)
    order.shuffle(again)
    assert assembled(again, rules, held) == (expected, [], {})


def test_of_a_span_written_twice_the_last_version_counts():
    rules = UnitRules("turn", {})
    first, second = Tracing(seed=1), Tracing(seed=1)
    first.span("agent", AGENT | {"input.value": "draft"})
    second.span("agent", AGENT | {"input.value": "final"})
    rows, _, _ = assembled([*spans_of(first, rules), *spans_of(second, rules)], rules)
    assert [row["input"] for row in rows] == ["final"]


def test_two_traces_may_share_a_span_id():
    rules = UnitRules("turn", {})
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "one"})
    tracing.span("agent", AGENT | {"input.value": "two"})
    one, two = spans_of(tracing, rules)
    two.span_id = one.span_id
    rows, _, _ = assembled([one, two], rules)
    assert sorted(row["input"] for row in rows) == ["one", "two"]


def test_below_a_web_server_the_topmost_agent_is_the_unit():
    tracing = Tracing()
    server = tracing.span("POST /chat", {"http.request.method": "POST"}, seconds=9)
    guard = tracing.span("guard", {"openinference.span.kind": "CHAIN", "input.value": "guard"}, parent=server)
    agent = tracing.span("agent", AGENT | {"input.value": "question"}, parent=server)
    tracing.span("step", {"openinference.span.kind": "CHAIN", "input.value": "step"}, parent=agent)
    tracing.span("llm", LLM | {"input.value": "prompt"}, parent=guard)
    assert [(unit["input"], unit["orphan"]) for unit in units(tracing)] == [("question", False)]


def test_without_an_agent_the_earliest_model_call_is_the_unit():
    tracing = Tracing()
    root = tracing.span("main", {"app": "x"}, seconds=9)
    tracing.span("llm", LLM | {"input.value": "second"}, at=START + timedelta(seconds=5), parent=root)
    tracing.span("llm", LLM | {"input.value": "first"}, at=START + timedelta(seconds=2), parent=root)
    assert [unit["input"] for unit in units(tracing)] == ["first"]


def test_a_judges_model_call_is_no_unit():
    tracing = Tracing()
    judge = tracing.span("judge", {"openinference.span.kind": "EVALUATOR", "input.value": "is it good?"})
    tracing.span("llm", LLM | {"input.value": "score this"}, parent=judge)
    tracing.span("agent", AGENT | {"input.value": "question"}, at=START + timedelta(seconds=9))
    rules = UnitRules("turn", {})
    rows, _, aside = assembled(spans_of(tracing, rules), rules)
    assert [row["input"] for row in rows] == ["question"]
    assert list(aside.values()) == [1]


def test_a_trace_that_lost_its_root_gives_an_orphan():
    tracing = Tracing()
    lost = tracing.span("root", AGENT | {"input.value": "lost"}, seconds=9)
    tracing.span("agent", AGENT | {"input.value": "found"}, parent=lost)
    tracing.spans[:] = [span for span in tracing.spans if span.name != "root"]
    assert [(unit["input"], unit["orphan"]) for unit in units(tracing)] == [("found", True)]


def test_spans_whose_parents_form_a_circle_end_somewhere():
    rules = UnitRules("turn", {})
    tracing = Tracing()
    parent = tracing.span("a", AGENT | {"input.value": "a"})
    tracing.span("b", AGENT | {"input.value": "b"}, parent=parent)
    one, two = spans_of(tracing, rules)
    one.parent_id, two.parent_id = two.span_id, one.span_id
    rows, reasons, aside = assembled([one, two], rules)
    assert len(rows) + len(reasons) + sum(aside.values()) == 1


def test_each_parentless_agent_of_a_trace_is_a_turn_with_its_own_documents():
    tracing = Tracing()
    rules = UnitRules("turn", {})
    for number in range(2):
        root = tracing.span("agent", AGENT | {"input.value": f"turn {number}"}, at=START + timedelta(minutes=number))
        document = {
            "openinference.span.kind": "RETRIEVER",
            "retrieval.documents.0.document.content": f"document {number}",
        }
        tracing.span("search", document, parent=root)
    spans = spans_of(tracing, rules)
    for span in spans:
        span.trace_id = spans[0].trace_id
    rows, _, _ = assembled(spans, rules)
    assert [(row["input"], row["contexts"]) for row in rows] == [("turn 0", ["document 0"]), ("turn 1", ["document 1"])]


def test_documents_keep_the_order_of_their_numbers():
    tracing = Tracing()
    root = tracing.span("agent", AGENT | {"input.value": "q"}, seconds=5)
    found = {f"retrieval.documents.{n}.document.content": f"document {n}" for n in (10, 2, 0, 1)}
    tracing.span("search", {"openinference.span.kind": "RETRIEVER"} | found, parent=root)
    (unit,) = units(tracing)
    assert unit["contexts"] == ["document 0", "document 1", "document 2", "document 10"]


def test_an_agent_without_captured_text_takes_it_from_its_model_calls():
    tracing = Tracing()
    root = tracing.span("invoke_agent", {"gen_ai.operation.name": "invoke_agent"}, seconds=9)
    for number in range(2):
        asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"question {number}"}]}])
        said = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": f"answer {number}"}]}])
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": asked, "gen_ai.output.messages": said}
        tracing.span("chat", attributes, at=START + timedelta(seconds=number), parent=root)
    assert [(unit["input"], unit["output"]) for unit in units(tracing)] == [("question 0", "answer 1")]


def test_an_agent_without_text_beside_one_with_text_still_has_that_of_its_model_calls():
    rules = UnitRules("turn", {})
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "told", "output.value": "yes"})
    silent = tracing.span("agent", AGENT, at=START + timedelta(seconds=5))
    tracing.span("llm", LLM | {"input.value": "asked of the model", "output.value": "said"}, parent=silent)
    spans = spans_of(tracing, rules)
    for span in spans:
        span.trace_id = spans[0].trace_id
    assembler = TraceAssembler(rules, lambda bad: pytest.fail(str(bad)))
    assembler.add(spans)
    assert frame_of(assembler.batches()).sort("start_time")["input"].to_list() == ["told", "asked of the model"]


def test_columns_may_stand_inside_a_text():
    tracing = Tracing()
    state = json.dumps({"question": "q", "customer": "acme", "quality": 0.25})
    tracing.span("llm", LLM | {"input.value": state})
    (unit,) = units(tracing, tenant=["input.value.customer"], rubric_score=["input.value.quality"])
    assert (unit["input"], unit["tenant"], unit["rubric_score"]) == ("q", "acme", 0.25)


@pytest.mark.parametrize("nothing", ["", '""', '{"input": ""}', '{"args": [""], "kwargs": {}}'])
def test_an_agent_whose_text_is_empty_takes_it_from_its_model_calls(nothing: str):
    tracing = Tracing()
    told = {"traceloop.span.kind": "workflow", "traceloop.entity.input": nothing, "traceloop.entity.output": nothing}
    root = tracing.span("flow", told, seconds=9)
    tracing.span("llm", LLM | {"input.value": "asked", "output.value": "answered"}, parent=root)
    assert [(unit["input"], unit["output"]) for unit in units(tracing)] == [("asked", "answered")]


def test_spans_without_a_wanted_attribute_are_parked_too():
    rules = UnitRules("turn", {})
    tracing = Tracing()
    for _ in range(100):
        tracing.span("GET /", {"http.request.method": "GET"})
    held = []
    with closing(TraceAssembler(rules, lambda bad: pytest.fail(str(bad)), held_bytes=10_000)) as assembler:
        for span in spans_of(tracing, rules):
            assembler.add([span])
            held.append(len(assembler._traces))  # noqa: SLF001 nothing else tells what is held
    assert max(held) < 30


LANGCHAIN = [
    {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": {"content": text}}
    for name, text in (("SystemMessage", "rules"), ("HumanMessage", "asked"), ("ToolMessage", "found"))
]
PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 50


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


def _feedback_by_attribute(tracing: Tracing) -> None:
    tracing.span("agent", AGENT | {"input.value": "q", "user_feedback": "thumbs_down", "correction": "better"})


def _feedback_by_event(tracing: Tracing) -> None:
    told = {"gen_ai.evaluation.name": "user_feedback", "gen_ai.evaluation.score.value": 0.0}
    better = {"gen_ai.evaluation.name": "correction", "gen_ai.evaluation.explanation": "better"}
    later = START + timedelta(seconds=1)
    events = [("gen_ai.evaluation.result", told, later), ("gen_ai.evaluation.result", better, later)]
    tracing.span("agent", AGENT | {"input.value": "q"}, events=events)


def _feedback_by_child(tracing: Tracing) -> None:
    root = tracing.span("agent", AGENT | {"input.value": "q"}, seconds=9)
    step = tracing.span("step", {"openinference.span.kind": "CHAIN"}, parent=root)
    tracing.span("feedback", {"user_feedback": "👎", "correction": "better"}, parent=step)


def _feedback_by_link(tracing: Tracing) -> None:
    root = tracing.span("agent", AGENT | {"input.value": "q"})
    told = {"annotation.user_feedback.label": "negative", "annotation.correction.text": "better"}
    tracing.span("feedback", told, at=START + timedelta(days=1), link=root)


@pytest.mark.parametrize("given", [_feedback_by_attribute, _feedback_by_event, _feedback_by_child, _feedback_by_link])
def test_feedback_reaches_its_unit_however_it_is_given(given: Any):
    tracing = Tracing()
    given(tracing)
    (unit,) = units(tracing)
    assert (unit["user_feedback"], unit["correction"]) == ("thumbs_down", "better")


def test_feedback_by_a_span_of_its_own_has_that_spans_time():
    tracing = Tracing()
    _feedback_by_link(tracing)
    (unit,) = units(tracing)
    assert unit["feedback_time"] == START + timedelta(days=1)


@settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(13)))
def test_a_judgement_of_the_whole_film_is_of_none_of_its_nodes_whatever_the_order(order: list[int]):
    rules = UnitRules("node", {})
    tracing = Tracing()
    film = tracing.span("film", AGENT | {"input.value": "a film", "rubric_score": 0.1}, seconds=60)
    for number in range(4):
        node = {"openinference.span.kind": "CHAIN", "node_class": f"node {number}", "input.value": "in"}
        step = tracing.span("step", node | {"rubric_score": 0.9}, parent=film, seconds=5)
        inner = tracing.span("inner", {"openinference.span.kind": "CHAIN", "rubric_score": 0.2}, parent=step)
        tracing.span("search", {"openinference.span.kind": "RETRIEVER"}, parent=inner)
    spans = spans_of(tracing, rules)
    rows, reasons, aside = assembled([spans[one] for one in order], rules)
    assert ([row["rubric_score"] for row in rows], reasons) == ([0.9] * 4, [])
    assert aside == {"judgements of no unit": 1}


def test_feedback_inside_the_trace_reaches_the_node_it_links_to():
    tracing = Tracing()
    film = tracing.span("film", AGENT | {"input.value": "a film"}, seconds=60)
    nodes = [
        tracing.span("step", AGENT | {"node_class": f"node {number}", "input.value": "in"}, parent=film)
        for number in range(3)
    ]
    tracing.span("feedback", {"user_feedback": "thumbs_down"}, parent=film, link=nodes[1])
    found = {unit["node_class"]: unit["user_feedback"] for unit in units(tracing, unit="node")}
    assert found == {"node 0": None, "node 1": "thumbs_down", "node 2": None}


def test_feedback_by_a_span_below_the_unit_has_that_spans_time():
    tracing = Tracing()
    root = tracing.span("agent", AGENT | {"input.value": "q"})
    tracing.span("feedback", {"user_feedback": "thumbs_down"}, at=START + timedelta(days=1), parent=root)
    (unit,) = units(tracing)
    assert unit["feedback_time"] == START + timedelta(days=1)


def test_a_judgement_without_any_unit_is_counted():
    tracing = Tracing()
    tracing.span("judged", {"rubric_score": 0.5})
    rules = UnitRules("turn", {})
    assert assembled(spans_of(tracing, rules), rules) == ([], [], {"judgements of no unit": 1})


def test_the_latest_judgement_counts():
    tracing = Tracing()
    root = tracing.span("agent", AGENT | {"input.value": "q"})
    for hours, score in ((3, 0.9), (1, 0.1), (2, 0.5)):
        tracing.span("judged", {"rubric_score": score}, at=START + timedelta(hours=hours), link=root)
    assert [unit["rubric_score"] for unit in units(tracing)] == [0.9]


def test_feedback_that_nobody_knows_is_named_and_the_unit_kept():
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "q", "user_feedback": "meh"})
    rules = UnitRules("turn", {})
    rows, reasons, _ = assembled(spans_of(tracing, rules), rules)
    assert [(row["input"], row["user_feedback"]) for row in rows] == [("q", None)]
    assert reasons == [
        "user_feedback 'meh' is none of thumbs_up, thumbs_down, regenerated, corrected; the unit is kept without it"
    ]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"rubric_score": "high"}, "rubric_score 'high' is no number; the unit is kept without it"),
        ({"eval.rubric_score.label": "good"}, "rubric_score 'good' is no number; the unit is kept without it"),
        (
            {"annotation.user_feedback.text": "lovely"},
            "user_feedback has neither a label nor a score; the unit is kept without it",
        ),
    ],
)
def test_a_judgement_that_says_nothing_is_named_and_the_unit_kept(attributes: dict[str, str], reason: str):
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "q"} | attributes)
    rules = UnitRules("turn", {})
    rows, reasons, _ = assembled(spans_of(tracing, rules), rules)
    assert [(row["input"], row["rubric_score"], row["user_feedback"]) for row in rows] == [("q", None, None)]
    assert reasons == [reason]


@pytest.mark.parametrize("value", [b'{"intValue": "' + b"9" * 400 + b'"}', b'{"doubleValue": "much"}', b'{"x'])
def test_a_score_that_is_no_value_costs_only_itself(value: bytes):
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "q", "rubric_score": 0.5})
    rules = UnitRules("turn", {})
    (span,) = spans_of(tracing, rules)
    span.attributes["rubric_score"] = msgspec.Raw(value)
    rows, reasons, _ = assembled([span], rules)
    assert [(row["input"], row["rubric_score"]) for row in rows] == [("q", None)]
    assert len(reasons) == 1


def test_a_later_judgement_without_a_number_leaves_the_score():
    tracing = Tracing()
    root = tracing.span("agent", AGENT | {"input.value": "q", "rubric_score": 0.4})
    tracing.span("judge", {"eval.rubric_score.label": "poor"}, at=START + timedelta(hours=1), link=root)
    rules = UnitRules("turn", {})
    rows, _, _ = assembled(spans_of(tracing, rules), rules)
    assert [row["rubric_score"] for row in rows] == [0.4]


def test_labels_nested_deeper_than_anything_can_be_read_are_kept_as_text():
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "q", "labels": "[" * 100_000})
    assert [unit["labels"] for unit in units(tracing)] == [["[" * 100_000]]


def test_a_link_to_the_turn_before_makes_no_carrier_of_a_turn():
    tracing = Tracing()
    first = tracing.span("agent", AGENT | {"input.value": "one", "rubric_score": 0.9})
    later = START + timedelta(minutes=1)
    tracing.span("agent", AGENT | {"input.value": "two", "rubric_score": 0.1}, at=later, link=first)
    assert [(unit["input"], unit["rubric_score"]) for unit in units(tracing)] == [("one", 0.9), ("two", 0.1)]


@pytest.mark.parametrize(
    ("attributes", "paths", "tenant"),
    [
        ({"tenant.id": "acme"}, [], "acme"),
        ({"metadata": '{"tenant": "acme"}'}, [], "acme"),
        ({"customer": "acme", "tenant.id": "other"}, ["customer"], "acme"),
        ({"metadata": '{"org": {"name": "acme"}}'}, ["metadata.org.name"], "acme"),
        ({"tenant.id": "own"}, ["resource.deployment.customer"], "from the resource"),
        ({}, ["missing", "deployment.customer"], "from the resource"),
        ({}, [], None),
    ],
)
def test_a_tenant_is_found_along_an_ordered_list_of_paths(
    attributes: dict[str, str], paths: list[str], tenant: str | None
):
    tracing = Tracing(resource={"deployment.customer": "from the resource"})
    tracing.span("agent", AGENT | {"input.value": "q"} | attributes)
    assert [unit["tenant"] for unit in units(tracing, tenant=paths)] == [tenant]


def test_a_tenant_set_above_the_unit_is_the_units():
    tracing = Tracing()
    server = tracing.span("POST /chat", {"tenant.id": "acme"}, seconds=9)
    tracing.span("agent", AGENT | {"input.value": "q"}, parent=server)
    assert [unit["tenant"] for unit in units(tracing)] == ["acme"]


def test_a_tenant_set_beside_the_unit_is_not_the_units():
    tracing = Tracing()
    server = tracing.span("POST /batch", {}, seconds=9)
    tracing.span("agent", AGENT | {"input.value": "q"}, seconds=5, parent=server)
    tracing.span("other", {"tenant.id": "globex"}, parent=server)
    assert [unit["tenant"] for unit in units(tracing)] == [None]


def served_in_one_batch() -> Tracing:
    """Two agents for two tenants below one web server's span, each with documents and feedback of its own."""
    tracing = Tracing()
    server = tracing.span("POST /batch", {}, seconds=9)
    for tenant, feedback in (("acme", "thumbs_up"), ("globex", "thumbs_down")):
        asked = AGENT | {"input.value": f"{tenant} asks", "tenant.id": tenant, "user_feedback": feedback}
        agent = tracing.span("agent", asked, parent=server, seconds=3)
        found = {"retrieval.documents.0.document.content": f"secret of {tenant}"}
        tracing.span("search", {"openinference.span.kind": "RETRIEVER"} | found, parent=agent)
        tracing.span("llm", LLM | {"output.value": f"answer for {tenant}"}, parent=agent)
    return tracing


def test_tenants_served_in_one_trace_have_a_unit_each_and_nothing_of_each_other():
    columns = ("tenant", "input", "output", "contexts", "user_feedback")
    found = sorted(tuple(unit[name] for name in columns) for unit in units(served_in_one_batch()))
    assert found == [
        ("acme", "acme asks", "answer for acme", ["secret of acme"], "thumbs_up"),
        ("globex", "globex asks", "answer for globex", ["secret of globex"], "thumbs_down"),
    ]


@pytest.mark.parametrize("unit", ["turn", "node"])
def test_documents_of_another_tenant_beside_a_unit_are_not_its_own(unit: str):
    tracing = Tracing()
    server = tracing.span("POST /batch", {}, seconds=9)
    tracing.span("agent", AGENT | {"input.value": "q", "tenant.id": "acme", "node_class": "a"}, parent=server)
    for tenant in ("acme", "globex"):
        found = {"retrieval.documents.0.document.content": f"secret of {tenant}", "tenant.id": tenant}
        tracing.span("search", {"openinference.span.kind": "RETRIEVER"} | found, parent=server)
    assert [one["contexts"] for one in units(tracing, unit=unit)] == [["secret of acme"]]


@pytest.mark.parametrize("below", [True, False], ids=["below a server", "without a parent"])
def test_a_tenant_on_the_unit_counts_before_one_on_its_resource(below: bool):
    tracing = Tracing(resource={"tenant.id": "platform"})
    server = tracing.span("POST /chat", {}, seconds=9)
    told = AGENT | {"input.value": "q", "metadata": '{"tenant": "acme"}'}
    tracing.span("agent", told, parent=server if below else None)
    assert [unit["tenant"] for unit in units(tracing)] == ["acme"]


def scenes() -> Tracing:
    """A film of two scenes; each goes through two nodes, and the model calls inherit the class of their node."""
    tracing = Tracing()
    film = tracing.span("film", AGENT | {"input.value": "a film"}, seconds=60)
    for scene in range(2):
        at = START + timedelta(seconds=10 * scene)
        for node in ("shot-plan", "prompt-repair"):
            at += timedelta(seconds=2)
            told = {"openinference.span.kind": "CHAIN", "graph.node.id": node, "input.value": f"{node} {scene}"}
            score = {"rubric_score": 0.2} if (node, scene) == ("prompt-repair", 1) else {"rubric_score": 0.95}
            step = tracing.span(node, told | score, at=at, seconds=2, parent=film)
            document = {
                "openinference.span.kind": "RETRIEVER",
                "retrieval.documents.0.document.content": f"for {node} {scene}",
            }
            tracing.span("search", document, at=at, parent=step)
            call = LLM | {
                "graph.node.id": node,
                "llm.model_name": f"model of {node}",
                "output.value": f"{node} {scene} done",
            }
            tracing.span("llm", call, at=at, parent=step)
    return tracing


def test_each_span_of_a_node_class_is_a_unit_of_its_own():
    found = units(scenes(), unit="node")
    assert [(unit["node_class"], unit["input"], unit["output"]) for unit in found] == [
        ("shot-plan", "shot-plan 0", "shot-plan 0 done"),
        ("prompt-repair", "prompt-repair 0", "prompt-repair 0 done"),
        ("shot-plan", "shot-plan 1", "shot-plan 1 done"),
        ("prompt-repair", "prompt-repair 1", "prompt-repair 1 done"),
    ]


def test_a_node_has_the_documents_model_and_score_of_its_own_spans():
    found = units(scenes(), unit="node")
    assert [unit["contexts"] for unit in found][-1] == ["for prompt-repair 1"]
    assert {unit["model"] for unit in found} == {"model of shot-plan", "model of prompt-repair"}
    assert [unit["rubric_score"] for unit in found] == [0.95, 0.95, 0.95, 0.2]


def test_the_same_film_is_one_turn():
    assert [unit["input"] for unit in units(scenes())] == ["a film"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["regulatory", "safety"], ["regulatory", "safety"]),
        ("regulatory, safety", ["regulatory", "safety"]),
        ('["regulatory"]', ["regulatory"]),
        ("", None),
    ],
)
def test_labels_are_read_from_lists_and_from_text(written: Any, read: list[str] | None):
    tracing = Tracing()
    tracing.span("agent", AGENT | {"input.value": "q", "labels": written})
    assert [unit["labels"] for unit in units(tracing)] == [read]


def test_protobuf_and_json_give_the_same_frame():
    from tail_pipeline.adapters.otlp.protobuf_requests import ProtobufRequests

    rules = UnitRules("turn", {})
    tracing = _traced(planted_turns(12).turns)
    requests = requests_of(tracing.spans)
    binary = ProtobufRequests(wanted_keys({}), lambda bad: pytest.fail(str(bad)))
    from_protobuf, _, _ = assembled([span for one in requests for span in binary.spans(one, "a line")], rules)
    from_json, _, _ = assembled(spans_of(tracing, rules), rules)
    assert_frame_equal(pl.DataFrame(from_protobuf), pl.DataFrame(from_json))


@pytest.mark.parametrize("kind", ["llm", "LLM"])
def test_a_kind_may_be_written_small(kind: str):
    tracing = Tracing()
    tracing.span("call", {"openinference.span.kind": kind, "input.value": "q"})
    assert [unit["input"] for unit in units(tracing)] == ["q"]


def test_a_model_call_from_before_there_were_operation_names_is_one():
    tracing = Tracing()
    server = tracing.span("POST /chat", {"http.request.method": "POST"}, seconds=9)
    told = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-test",
        "gen_ai.prompt": "q",
        "gen_ai.completion": "a",
    }
    tracing.span("openai", told, parent=server)
    assert [(unit["input"], unit["output"], unit["model"]) for unit in units(tracing)] == [("q", "a", "gpt-test")]


def test_a_unit_keeps_a_hundred_documents():
    tracing = Tracing()
    root = tracing.span("agent", AGENT | {"input.value": "q"}, seconds=9)
    for number in range(3):
        found = {f"retrieval.documents.{n}.document.content": f"{number} {n}" for n in range(60)}
        tracing.span("search", {"openinference.span.kind": "RETRIEVER"} | found, parent=root)
    (unit,) = units(tracing)
    assert (len(unit["contexts"]), unit["truncated"]) == (100, True)


def test_attributes_of_no_dialect_can_be_named():
    tracing = Tracing()
    server = tracing.span("POST /chat", {"http.request.method": "POST"}, seconds=9)
    told = {"ai.prompt": '{"prompt": "a haiku"}', "ai.response.text": "old pond"}
    outer = tracing.span("ai.generateText", told, parent=server)
    tracing.span("ai.generateText.doGenerate", {"ai.prompt": "inner", "ai.response.text": "inner"}, parent=outer)
    found = units(tracing, input=["ai.prompt"], output=["ai.response.text"])
    assert [(unit["input"], unit["output"]) for unit in found] == [("a haiku", "old pond")]
