from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.kept_answers import KeptAnswers
from tail_pipeline.domain.questions import Question
from tail_pipeline_tests.scripted_judge import MemoryAnswers, ScriptedModel


class Word(BaseModel):
    word: str


class Other(BaseModel):
    word: str
    more: int = 0


def question(text: str = "a", **changes: Any) -> Question[Any]:
    return Question(**{"name": "word", "instructions": "Say it.", "text": text, "shape": Word} | changes)


def echo(_system: str, text: str) -> dict[str, str]:
    return {"word": text.upper()}


def kept(model: ScriptedModel, store: MemoryAnswers) -> KeptAnswers:
    return KeptAnswers(model, store, paid_by="run 1")


def test_every_question_gets_its_own_answer_in_order() -> None:
    answers = kept(ScriptedModel(echo), MemoryAnswers()).ask([question("b"), question("a"), question("b")])
    assert [answer.value.word for answer in answers if answer.value] == ["B", "A", "B"]


def test_the_same_question_is_paid_for_once() -> None:
    model, store = ScriptedModel(echo), MemoryAnswers()
    first = kept(model, store).ask([question(), question()])
    second = kept(model, store).ask([question()])
    assert (len(model.asked), [one.value for one in first + second]) == (1, [Word(word="A")] * 3)


@pytest.mark.parametrize(
    "changes",
    [{"text": "b"}, {"instructions": "Say it twice."}, {"shape": Other}, {"name": "other"}],
    ids=["text", "instructions", "shape", "kind"],
)
def test_another_question_is_asked(changes: dict[str, Any]) -> None:
    model, store = ScriptedModel(echo), MemoryAnswers()
    kept(model, store).ask([question()])
    kept(model, store).ask([question(**changes)])
    assert len(model.asked) == 2


def test_another_model_is_asked() -> None:
    store, other = MemoryAnswers(), ScriptedModel(echo, name="vendor/other")
    kept(ScriptedModel(echo), store).ask([question()])
    kept(other, store).ask([question()])
    assert len(other.asked) == 1


def test_the_calls_that_were_made_are_counted() -> None:
    model, store = ScriptedModel(echo), MemoryAnswers()
    answers = kept(model, store)
    answers.ask([question("a"), question("b")])
    answers.ask([question("a"), question("c")])
    assert answers.calls == 3


def test_the_store_says_which_run_paid() -> None:
    store = MemoryAnswers()
    kept(ScriptedModel(echo), store).ask([question()])
    assert [(one.calls, one.paid_by) for one in store.answers.values()] == [(1, "run 1")]


def test_an_answer_that_cannot_be_used_is_not_paid_for_again() -> None:
    model, store = ScriptedModel(lambda _system, _user: "no JSON in the answer"), MemoryAnswers()
    kept(model, store).ask([question()])
    again = kept(model, store).ask([question()])
    assert (len(model.asked), again[0].value, again[0].reason) == (1, None, "no JSON in the answer")


@pytest.mark.parametrize("error", [TransientError("no answer"), PermanentError("wrong key")])
def test_an_endpoint_that_fails_is_a_reason_and_asked_again_by_the_next_run(error: Exception) -> None:
    store = MemoryAnswers()
    down = kept(ScriptedModel(lambda _system, _user: error), store).ask([question()])
    up = kept(ScriptedModel(echo), store).ask([question()])
    assert (down[0].value, down[0].reason, up[0].value) == (None, str(error), Word(word="A"))


def test_one_lost_call_costs_one_answer() -> None:
    model = ScriptedModel(lambda system, text: TransientError("timed out") if text == "b" else echo(system, text))
    answers = kept(model, MemoryAnswers()).ask([question(text) for text in "abc"])
    assert [answer.value is not None for answer in answers] == [True, False, True]


def test_what_is_known_is_told_while_the_endpoint_is_down() -> None:
    store = MemoryAnswers()
    kept(ScriptedModel(echo), store).ask([question("a")])
    down = kept(ScriptedModel(lambda _system, _user: PermanentError("wrong key")), store)
    assert [answer.value for answer in down.ask([question("b"), question("a")])] == [None, Word(word="A")]


def test_an_answer_that_would_be_refused_today_is_asked_for_again() -> None:
    model, store = ScriptedModel(echo), MemoryAnswers()
    kept(model, store).ask([question()])
    kept(model, store).ask([question(problem=lambda _word: "too short")])
    assert len(model.asked) == 2
