"""Answers of one model, each paid for once: what was asked in the same words before comes from the store.

For what a week can do without, such as a title or a draft. An endpoint that fails therefore fails nothing here, it is a
reason beside the answers that are missing: the judge is the same model behind the same key, and a week whose judge cannot
be reached has failed before anything here is asked. The next run asks again. An answer that came and could not be used, even after
its repair, is kept like any other, or an identical run would pay for it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from pydantic import ValidationError

from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.ports import AnswerStore, Model, StoredAnswer
from tail_pipeline.domain.questions import Answer, Question, Shape

Item = TypeVar("Item")
Result = TypeVar("Result")


class Each(Protocol):
    """``map``, or one that works on several items at once; results come in the order of the items."""

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item], /) -> Iterable[Result]: ...


def one_by_one(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """An ``Each`` without threads."""
    return [function(item) for item in items]


def or_reason(call: Callable[[], Result]) -> Result | str:
    """What the call returns, or why the endpoint behind it gave nothing."""
    try:
        return call()
    except (PermanentError, TransientError) as error:
        return str(error)


class KeptAnswers:
    """Asks a model what the store does not know yet; ``paid_by`` names the run in the store.

    ``calls`` counts those made so far. ``each`` asks about several questions at once, where it can.
    """

    def __init__(self, model: Model, store: AnswerStore, *, paid_by: str, each: Each = one_by_one) -> None:
        self.model_name = model.name
        self.each = each
        self.calls = 0
        self._model = model
        self._store = store
        self._paid_by = paid_by

    def ask(self, questions: Sequence[Question[Shape]]) -> list[Answer[Shape]]:
        """One answer per question, in order; questions in the same words share theirs."""
        keys = [self._fingerprint(question) for question in questions]
        by_key = dict(zip(keys, questions, strict=True))
        stored = self._store.get_many(list(by_key))
        known = {key: answer for key in stored if (answer := _still_good(by_key[key], stored[key]))}

        def asked(key: str) -> Answer[Shape]:
            answer = or_reason(lambda: self._model.ask(by_key[key]))
            if isinstance(answer, str):
                return Answer(None, answer, calls=0)
            value = None if answer.value is None else answer.value.model_dump(mode="json")
            mine = StoredAnswer({"value": value, "reason": answer.reason}, answer.calls, self._paid_by)
            kept = self._store.put(key, mine, replaces=stored.get(key))
            return replace(_still_good(by_key[key], kept) or answer, calls=answer.calls)

        missing = [key for key in by_key if key not in known]
        fresh = list(self.each(asked, missing))
        self.calls += sum(answer.calls for answer in fresh)
        known |= dict(zip(missing, fresh, strict=True))
        return [known[key] for key in keys]

    def _fingerprint(self, question: Question[Shape]) -> str:
        schema = question.shape.model_json_schema()
        asked = [question.name, self.model_name, question.instructions, schema, question.text]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _still_good(question: Question[Shape], kept: StoredAnswer) -> Answer[Shape] | None:
    """What is stored, unless this version would refuse it from the model."""
    if kept.value["value"] is None:
        return Answer(None, kept.value["reason"], calls=0)
    try:
        value = question.shape.model_validate(kept.value["value"])
    except ValidationError:
        return None
    return Answer(value, None, calls=0) if question.problem(value) is None else None
