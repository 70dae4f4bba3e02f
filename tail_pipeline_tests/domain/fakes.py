"""Hand-written stand-ins for the ports that models and stores stand behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.ports import StoredAnswer
from tail_pipeline.domain.questions import Answer, Question, Shape

Say = Callable[[Question[Any]], Any]


class FakeModel:
    """Answers ``say(question)``: a mapping in the question's shape, a reason as a text, or an error to raise."""

    name = "vendor/judge"

    def __init__(self, say: Say) -> None:
        self.asked: list[Question[Any]] = []
        self._say = say

    def ask(self, question: Question[Shape]) -> Answer[Shape]:
        self.asked.append(question)
        said = self._say(question)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, str):
            return Answer(None, said, calls=2)
        value = question.shape.model_validate(said)
        problem = question.problem(value)
        return Answer(None, problem, calls=2) if problem else Answer(value, None, calls=1)

    def reply(self, prompt: str, *, system_prompt: str | None = None) -> str:
        raise AssertionError("nothing here is a conversation")


class FakeStore:
    """Answers in a mapping."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredAnswer] = {}

    def get_many(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def put(self, key: str, answer: StoredAnswer) -> None:
        self.kept[key] = answer


class FakeJudge:
    """Judges a content as ``grade`` of its output says; an error is raised."""

    def __init__(self, grade: Callable[[str], Judgement | Exception]) -> None:
        self.judged: list[Content] = []
        self._grade = grade

    def judge(self, content: Content) -> Judgement:
        self.judged.append(content)
        found = self._grade(content.output)
        if isinstance(found, Exception):
            raise found
        return found
