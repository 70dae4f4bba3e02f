"""A model that answers by rule: the same rules for the domain's tests and behind the model server.

The answer under judgement says what it is worth: ``policy=0.4`` in it is its score for that criterion, 1 where it says
nothing, and each of its sentences is a statement, supported where it stands in a passage. It calls every cluster
``SCRIPTED_TITLE``, writes ``SCRIPTED_INPUT`` for what several tenants ask, and no draft that could be used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tail_pipeline.domain.model_drafts import DRAFT_INSTRUCTIONS
from tail_pipeline.domain.ports import StoredAnswer
from tail_pipeline.domain.questions import Answer, Question, Shape
from tail_pipeline.domain.shared_rewriting import REWRITING_INSTRUCTIONS
from tail_pipeline.domain.titling import TITLE_INSTRUCTIONS

SCRIPTED_TITLE = "Scripted title"
SCRIPTED_INPUT = "Scripted words that nobody wrote."

_TAGGED = re.compile(r"<(question|answer|passage|reference|statement)>\n(.*?)\n</\1>", re.DOTALL)
_CRITERION = re.compile(r"^- ([a-z][a-z0-9_]*): ", re.MULTILINE)


def tagged(text: str, tag: str) -> list[str]:
    """What a prompt holds between the tags of one name, in order."""
    return [found for name, found in _TAGGED.findall(text) if name == tag]


def sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=\.)\s+", text) if part.strip()]


def written(system: str) -> dict[str, Any] | None:
    """The reply to what is not asked of a judge: a title, or no draft; None to a judge's question."""
    if system.startswith(TITLE_INSTRUCTIONS):
        return {"title": SCRIPTED_TITLE}
    if system.startswith(REWRITING_INSTRUCTIONS):
        return {"title": SCRIPTED_TITLE, "input": SCRIPTED_INPUT}
    return {"expected": ""} if system.startswith(DRAFT_INSTRUCTIONS) else None


def grade(system: str, user: str) -> dict[str, Any]:
    """The reply to any of the judge's three questions, and to those that are not a judge's."""
    if (text := written(system)) is not None:
        return text
    if tagged(user, "statement"):
        known = " ".join(tagged(user, "passage"))
        verdicts = [
            {"statement": number, "reason": "looked up", "supported": statement in known}
            for number, statement in enumerate(tagged(user, "statement"), start=1)
        ]
        return {"verdicts": verdicts}
    (answer,) = tagged(user, "answer")
    criteria = _CRITERION.findall(system)
    if not criteria:
        return {"statements": sentences(answer)}
    return {
        "verdicts": [{"criterion": name, "reason": f"{name} read", "score": _score(answer, name)} for name in criteria]
    }


def _score(answer: str, criterion: str) -> float:
    found = re.search(rf"\b{criterion}=([0-9.]+[0-9])", answer)
    return float(found[1]) if found else 1.0


@dataclass
class ScriptedModel:
    """A ``Model`` that answers by ``script``: a value of the shape, the reason for having none, or an error to raise."""

    script: Callable[[str, str], Any] = grade
    name: str = "vendor/judge"
    asked: list[Question[Any]] = field(default_factory=list)

    def ask(self, question: Question[Shape]) -> Answer[Shape]:
        self.asked.append(question)
        found = self.script(question.instructions, question.text)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, str):
            return Answer(None, found, 2)
        value = question.shape.model_validate_json(json.dumps(found))
        problem = question.problem(value)
        return Answer(None, problem, 2) if problem else Answer(value, None, 1)

    def reply(self, prompt: str, *, system_prompt: str | None = None) -> str:
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        return [question.name for question in self.asked]


@dataclass
class MemoryAnswers:
    """An ``AnswerStore`` of one test."""

    answers: dict[str, StoredAnswer] = field(default_factory=dict)

    def get_many(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        return {key: self.answers[key] for key in keys if key in self.answers}

    def put(self, key: str, answer: StoredAnswer, *, replaces: StoredAnswer | None = None) -> StoredAnswer:
        # As a file would hold it: what is not JSON shows here.
        if self.answers.get(key) == replaces:
            self.answers[key] = StoredAnswer(json.loads(json.dumps(answer.value)), answer.calls, answer.paid_by)
        return self.answers[key]
