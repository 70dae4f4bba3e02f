"""Units of work out of traces: the dialects, the shapes of traces, contexts, tenants, nodes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import NonRecordingSpan
from polars.testing import assert_frame_equal

from tail_pipeline.adapters.otlp.dialects import wanted_keys
from tail_pipeline.adapters.otlp.units import TraceAssembler, UnitRules
from tail_pipeline_tests.adapters.otlp_assembly import AGENT, LLM, assembled, scenes, spans_of, units
from tail_pipeline_tests.adapters.otlp_traffic import (
    DIALECTS,
    START,
    Tracing,
    Turn,
    planted_turns,
    requests_of,
    traced,
)
from tail_pipeline_tests.adapters.trace_writers import frame_of

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


def test_documents_that_name_no_tenant_beside_units_of_several_are_nobodys():
    tracing = served_in_one_batch()
    batch = next(span for span in tracing.spans if span.name == "POST /batch")
    parent = NonRecordingSpan(batch.context)
    found = {"retrieval.documents.0.document.content": "for one of them"}
    tracing.span("search", {"openinference.span.kind": "RETRIEVER"} | found, parent=parent)
    assert sorted(one["contexts"] for one in units(tracing)) == [["secret of acme"], ["secret of globex"]]


@pytest.mark.parametrize("below", [True, False], ids=["below a server", "without a parent"])
def test_a_tenant_on_the_unit_counts_before_one_on_its_resource(below: bool):
    tracing = Tracing(resource={"tenant.id": "platform"})
    server = tracing.span("POST /chat", {}, seconds=9)
    told = AGENT | {"input.value": "q", "metadata": '{"tenant": "acme"}'}
    tracing.span("agent", told, parent=server if below else None)
    assert [unit["tenant"] for unit in units(tracing)] == ["acme"]


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


@pytest.mark.parametrize("classes", [["shot-plan"], ["shot-plan", "prompt-repair"]])
def test_what_an_agent_without_a_class_found_is_of_no_node_beside_it(classes: list[str]):
    tracing = Tracing()
    graph = tracing.span("graph", {}, seconds=9)
    for name in classes:
        tracing.span("node", AGENT | {"input.value": name, "node_class": name}, parent=graph)
    other = tracing.span("agent", AGENT | {"input.value": "of no class"}, parent=graph)
    for parent, found in ((other, "for the agent"), (graph, "for all nodes")):
        documents = {"retrieval.documents.0.document.content": found}
        tracing.span("search", {"openinference.span.kind": "RETRIEVER"} | documents, parent=parent)

    assert [unit["contexts"] for unit in units(tracing, unit="node")] == [["for all nodes"]] * len(classes)


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
