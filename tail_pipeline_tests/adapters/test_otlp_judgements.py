"""Scores, feedback and corrections reach the unit they are about, however and whenever they were given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.adapters.otlp.units import UnitRules
from tail_pipeline_tests.adapters.otlp_assembly import AGENT, assembled, spans_of, units
from tail_pipeline_tests.adapters.otlp_traffic import (
    START,
    Tracing,
)


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
        "user_feedback is none of thumbs_up, thumbs_down, regenerated, corrected; the unit is kept without it"
    ]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"rubric_score": "high"}, "rubric_score is no number; the unit is kept without it"),
        ({"eval.rubric_score.label": "good"}, "rubric_score is no number; the unit is kept without it"),
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
