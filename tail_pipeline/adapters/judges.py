"""The judges of a rubric outside of a run: opened with what they need, and asked about many answers at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tail_pipeline.adapters.answer_store import ANSWERS, SqliteAnswerStore
from tail_pipeline.adapters.model_api.chat import ChatModel
from tail_pipeline.adapters.python_callable import load_python_checks
from tail_pipeline.domain.agents import Endpoint
from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.criterion_checks import ChecksJudge
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.judging import RubricJudge
from tail_pipeline.domain.ports import AnswerStore, ContentJudge, StoredAnswer
from tail_pipeline.domain.questions import BudgetSpentError
from tail_pipeline.domain.rubric import Rubric

_PAID_BY = "calibrate"
_UNANSWERED = "not answered: "


@dataclass(frozen=True)
class Judges:
    """One judge per repeat, none of which knows what another answered."""

    repeats: Sequence[ContentJudge]
    concurrency: int
    max_calls: int

    def judge(self, contents: Sequence[Content]) -> list[list[Judgement]]:
        """Per content what each judge says; one that got no answer is unscored, and what was answered is kept.

        Raises what the model raises for all contents, and TransientError where none of them got an answer.
        """
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="judge") as pool:
            try:
                columns = [list(pool.map(_or_unscored(judge), contents)) for judge in self.repeats]
            except BudgetSpentError as error:
                raise PermanentError(
                    f"{self.max_calls} calls (max_judge_calls) are spent; run again to go on from here, or score fewer with --limit"
                ) from error
        unanswered = [one.unscored_reason for one in columns[0] if (one.unscored_reason or "").startswith(_UNANSWERED)]
        if contents and len(unanswered) == len(contents):
            raise TransientError((unanswered[0] or "").removeprefix(_UNANSWERED))
        return [list(row) for row in zip(*columns, strict=True)]


def _or_unscored(judge: ContentJudge) -> Callable[[Content], Judgement]:
    def judged(content: Content) -> Judgement:
        try:
            return judge.judge(content)
        except TransientError as error:
            return Judgement(None, f"{_UNANSWERED}{error}")

    return judged


@contextmanager
def open_judges(
    rubric: Rubric,
    endpoint: Endpoint | None,
    *,
    rubric_path: str,
    repo_dir: Path,
    kept_in: Path,
    repeats: int,
    budget: CallBudget,
) -> Iterator[Judges]:
    """The rubric's model behind ``endpoint``, or its checks alone where it names none.

    A single judge is the one that runs use, answers of theirs in ``kept_in`` included. Repeats are asked anew, once each. Raises
    PermanentError for a rubric without a judge_model that has a criterion only a model can judge.
    """
    checks = load_python_checks(rubric, repo_dir)
    if rubric.judge_model is None or endpoint is None:
        yield Judges([ChecksJudge(rubric, checks, rubric_path=rubric_path)] * repeats, 1, budget.max_calls)
        return
    with (
        ChatModel(rubric.judge_model, endpoint, budget=budget) as model,
        SqliteAnswerStore(kept_in / ANSWERS) as answers,
    ):
        stores: list[AnswerStore] = [answers]
        if repeats > 1:
            rubric = rubric.model_copy(update={"judge_sd": None})
            stores = [_Repeat(answers, number) for number in range(repeats)]
        judges = [
            RubricJudge(rubric, model=model, answers=store, python_checks=checks, paid_by=_PAID_BY) for store in stores
        ]
        yield Judges(judges, endpoint.concurrency, budget.max_calls)


class _Repeat:
    """The part of an ``AnswerStore`` that belongs to one repeat."""

    def __init__(self, answers: AnswerStore, number: int) -> None:
        self._answers = answers
        self._number = number

    def get_many(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        found = self._answers.get_many([self._key(key) for key in keys])
        return {key: found[self._key(key)] for key in keys if self._key(key) in found}

    def put(self, key: str, answer: StoredAnswer, *, replaces: StoredAnswer | None = None) -> StoredAnswer:
        return self._answers.put(self._key(key), answer, replaces=replaces)

    def _key(self, key: str) -> str:
        return hashlib.sha256(f"{key} repeat {self._number}".encode()).hexdigest()
