"""The schema of an answer, as strict modes take it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from tail_pipeline.adapters.model_api.answer_schema import answer_schema
from tail_pipeline.domain.rubric import Share
from tail_pipeline_tests.adapters.chat_parts import Grade
from tail_pipeline_tests.model_requests import strict_schema_problems


class Verdict(StrEnum):
    """Of one statement."""

    YES = "yes"
    NO = "no"


class Statement(BaseModel):
    """With a bit of everything."""

    text: Annotated[str, Field(min_length=1, max_length=300, description="The statement.")]
    verdict: Verdict = Verdict.NO
    kind: Literal["claim"]
    share: Share | None = None
    number: Annotated[int, Field(gt=0, lt=9)]


class Statements(BaseModel):
    """Nested, with a list of bounded length."""

    statements: Annotated[list[Statement], Field(min_length=1, max_length=20)]
    first: Annotated[Statement, Field(description="Beside a reference.")]
    done: bool


class Thread(BaseModel):
    """Refers to itself."""

    text: str
    replies: list[Thread]


@pytest.mark.parametrize("shape", [Grade, Statement, Statements])
def test_strict_modes_take_the_schema(shape: type[BaseModel]):
    assert list(strict_schema_problems(answer_schema(shape))) == []


def test_every_field_is_required_in_its_order():
    assert answer_schema(Statement)["required"] == ["text", "verdict", "kind", "share", "number"]


def test_limits_are_told_in_words():
    assert answer_schema(Grade)["properties"]["score"]["description"] == "(at least 0, at most 1)"


class Open(BaseModel):
    """Any names."""

    scores: dict[str, float]


class Pair(BaseModel):
    """A tuple."""

    pair: tuple[int, str]


class Anything(BaseModel):
    """A list of what you like."""

    things: list[Any]


@pytest.mark.parametrize("shape", [Open, Pair, Anything])
def test_a_shape_strict_modes_cannot_express_is_an_error_of_ours(shape: type[BaseModel]):
    with pytest.raises(TypeError, match="strict schema"):
        answer_schema(shape)
