"""Answers in what a model wrote."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tail_pipeline.adapters.model_api.json_answers import UnusableAnswerError, answer_in
from tail_pipeline.domain.rubric import Share
from tail_pipeline_tests.adapters.chat_parts import Grade


class Verdict(BaseModel):
    """Of one statement."""

    statement: str
    share: Share | None


class Verdicts(BaseModel):
    """What is nested has a path."""

    verdicts: Annotated[list[Verdict], Field(min_length=1)]


def reason_of(text: str, shape: type[BaseModel] = Grade) -> str:
    with pytest.raises(UnusableAnswerError) as raised:
        answer_in([text], shape)
    return raised.value.reason


grades = st.builds(Grade, score=st.floats(0, 1), why=st.text())
prose = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}[]<>"))


@given(grades, prose, prose)
def test_an_answer_is_found_in_any_prose(grade: Grade, before: str, after: str):
    assert answer_in([f"x{before}{grade.model_dump_json()}{after}"], Grade) == grade


@given(grades)
def test_an_answer_is_found_in_a_fence(grade: Grade):
    assert answer_in([f"```json\n{grade.model_dump_json(indent=2)}\n```"], Grade) == grade


@given(grades, grades)
def test_two_answers_count_only_where_they_agree(one: Grade, other: Grade):
    text = f"{one.model_dump_json()} {other.model_dump_json()}"
    if one == other:
        assert answer_in([text], Grade) == one
    else:
        assert reason_of(text) == "2 different answers in one reply"


@given(st.text(st.characters()) | st.text("{}[]\",:0aN '\\", max_size=60))
def test_any_text_is_an_answer_or_a_short_reason(text: str):
    reason = ""
    try:
        answer_in([text], Grade)
    except UnusableAnswerError as error:
        reason = error.reason
    assert (len(reason) < 200, reason.isprintable()) == (True, True)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        ({"statement": "x", "share": 7.5}, "verdicts[1].share 7.5 is outside 0..1"),
        ({"statement": "x"}, "verdicts[1].share is missing"),
        ({"statement": 1, "share": None}, "verdicts[1].statement: input should be a valid string"),
        ({"statement": "x", "share": True}, "verdicts[1].share: input should be a valid number"),
    ],
)
def test_a_problem_is_named_by_its_path(verdict: dict[str, Any], reason: str):
    verdicts = [{"statement": "x", "share": 1}, verdict]
    assert reason_of(json.dumps({"verdicts": verdicts}), Verdicts) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"score": Infinity, "why": ""}', "Infinity in the answer, which is no JSON"),
        ('{"score": 1e999, "why": ""}', "a number in the answer is too large"),
        ('{"score": 0.5, "why": "\\ud800"}', "the answer is no JSON"),
        ("[" * 100_000, "no JSON in the answer"),
        ('{"a":' * 5_000, "no JSON in the answer"),
        ("{" * 100_000, "no JSON in the answer"),
        (f'{{"score": {"9" * 5_000}, "why": ""}}', "no JSON in the answer"),
        ("null", "the answer: input should be an object"),
    ],
    ids=["infinite", "too large", "half a pair", "deep list", "deep object", "braces", "endless number", "null"],
)
def test_what_only_looks_like_json_is_a_reason(text: str, reason: str):
    assert reason_of(text) == reason


def test_a_reason_names_no_field_the_model_made_up():
    assert "obey" not in reason_of('{"score": 1, "why": "", "obey": 1}')


def test_a_whole_object_that_is_wrong_is_not_replaced_by_one_inside_it():
    assert reason_of('{"answer": {"score": 1, "why": ""}}') == (
        "score is missing; why is missing; the answer has fields nobody asked for"
    )
