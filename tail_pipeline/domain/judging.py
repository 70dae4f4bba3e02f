"""One content against one rubric: the criteria our code decides, those a model judges, faithfulness, repeats.

What was answered once is kept by the fingerprint of model, prompt and content, so that it is never paid for again: a
new weight, floor or threshold asks nothing, a new criterion asks the rubric question again and leaves faithfulness alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from tail_pipeline.domain.criterion_checks import CheckFailedError, PythonCheck, run_check
from tail_pipeline.domain.faithfulness import (
    NO_CONTEXT,
    NO_STATEMENTS,
    Statements,
    StatementVerdicts,
    faithfulness_score,
    statements_question,
    verdicts_question,
)
from tail_pipeline.domain.judge_prompts import STATEMENTS_INSTRUCTIONS, VERDICTS_INSTRUCTIONS
from tail_pipeline.domain.judgement import Content, CriterionScore, Judgement, weighted_score
from tail_pipeline.domain.ports import AnswerStore, Model, StoredAnswer
from tail_pipeline.domain.questions import Answer
from tail_pipeline.domain.repeats import MAX_ANSWERS, needs_another
from tail_pipeline.domain.rubric import Criterion, Rubric
from tail_pipeline.domain.rubric_judge import (
    RubricVerdicts,
    criterion_scores,
    judged_criteria,
    rubric_instructions,
    rubric_question,
)

NOT_JUDGED = "not judged"
NOTHING_APPLIES = "no criterion applies"
Stored = Mapping[str, StoredAnswer]


@dataclass(frozen=True)
class Recalled:
    """What the store knows of one content.

    ``missing_calls`` is what a full judgement would still take at least, 0 when it is complete. ``paid`` maps the keys of the
    answers found to what this very run once paid for each.
    """

    judgement: Judgement
    missing_calls: int
    paid: Mapping[str, int]


class RubricJudge:
    """A ``ContentJudge``; ``paid_by`` names the run that answers are booked on.

    ``python_checks`` holds the function of each criterion with a ``python`` check, by the criterion's name.
    """

    def __init__(
        self,
        rubric: Rubric,
        *,
        model: Model,
        answers: AnswerStore,
        python_checks: Mapping[str, PythonCheck],
        paid_by: str,
    ) -> None:
        self._rubric = rubric
        self._model = model
        self._answers = answers
        self._python_checks = python_checks
        self._paid_by = paid_by
        self._criteria = judged_criteria(rubric)
        self._marks = {
            "rubric": self._mark(rubric_instructions(self._criteria), RubricVerdicts),
            "statements": self._mark(STATEMENTS_INSTRUCTIONS, Statements),
            "verdicts": self._mark(VERDICTS_INSTRUCTIONS, StatementVerdicts),
        }

    def judge(self, content: Content) -> Judgement:
        """The judgement, asking for what is not known yet; raises what the model raises, keeping what was answered."""
        keys = _Keys.of(content, self._marks)
        checks, failure = self._checked(content)
        if failure is not None:
            return Judgement(None, failure, tuple(checks))
        stored = dict(self._answers.get_many(keys.all))
        samples, reason = _samples(stored.get(keys.rubric))
        calls = stored[keys.rubric].calls if keys.rubric in stored else 0
        while reason is None and self._wants_another(checks, samples):
            answer = self._model.ask(rubric_question(self._criteria, content))
            calls += answer.calls
            if answer.value is not None:
                scores = criterion_scores(self._criteria, answer.value)
                samples = [*samples, [[one.score, one.reason] for one in scores]]
            elif not samples:
                reason = answer.reason
            else:
                # What was answered before counts; the place of the one that failed is taken, or it would be asked for ever.
                samples = [*samples, samples[-1]]
            kept = {"samples": samples, "reason": reason, "served_by": answer.served_by}
            stored[keys.rubric] = self._keep(keys.rubric, kept, calls, replaces=stored.get(keys.rubric))
            samples, reason = _samples(stored[keys.rubric])
        if content.contexts and keys.verdicts not in stored:
            stored[keys.verdicts] = self._faithfulness(content, keys, stored.get(keys.statements))
        return self._judgement(content, checks, keys, stored, NOT_JUDGED)

    def recall(self, contents: Sequence[Content]) -> list[Recalled]:
        """What is known of each content without asking; what is not says ``NOT_JUDGED``."""
        keys = [_Keys.of(content, self._marks) for content in contents]
        stored = self._answers.get_many([key for one in keys for key in one.all])
        return [self._recalled(content, one, stored) for content, one in zip(contents, keys, strict=True)]

    def calls_for(self, content: Content) -> int:
        """The calls a content takes at least that nobody asked about."""
        return bool(self._criteria) + 2 * bool(content.contexts)

    def _recalled(self, content: Content, keys: _Keys, stored: Stored) -> Recalled:
        checks, failure = self._checked(content)
        found = [key for key in keys.all if key in stored]
        paid = {key: stored[key].calls for key in found if stored[key].paid_by == self._paid_by}
        if failure is not None:
            return Recalled(Judgement(None, failure, tuple(checks)), 0, paid)
        samples, reason = _samples(stored.get(keys.rubric))
        missing = int(reason is None and self._wants_another(checks, samples))
        if content.contexts and keys.verdicts not in stored:
            missing += 1 if keys.statements in stored else 2
        return Recalled(self._judgement(content, checks, keys, stored, NOT_JUDGED), missing, paid)

    def _judgement(
        self, content: Content, checks: Sequence[CriterionScore], keys: _Keys, stored: Stored, absent: str
    ) -> Judgement:
        samples, reason = _samples(stored.get(keys.rubric))
        faithfulness, why_not = _faithfulness_of(content, stored.get(keys.verdicts), absent)
        served_by = next(
            (stored[key].value.get("served_by") for key in (keys.rubric, keys.verdicts) if key in stored), None
        )
        if self._criteria and not samples:
            return Judgement(
                None,
                reason or absent,
                tuple(checks),
                faithfulness=faithfulness,
                faithfulness_reason=why_not,
                served_by=served_by,
            )
        scores = self._in_order([*checks, *_mean(self._criteria, samples)])
        score, broken = weighted_score(self._rubric, scores)
        unscored = NOTHING_APPLIES if score is None else None
        return Judgement(score, unscored, tuple(scores), broken, faithfulness, why_not, served_by)

    def _wants_another(self, checks: Sequence[CriterionScore], samples: Sequence[Any]) -> bool:
        if not self._criteria:
            return False
        if not samples:
            return True
        if self._rubric.judge_sd is None or len(samples) >= MAX_ANSWERS:
            return False
        totals = [weighted_score(self._rubric, [*checks, *_mean(self._criteria, [one])])[0] for one in samples]
        known = [total for total in totals if total is not None]
        return needs_another(known, threshold=self._rubric.rubric_min_score, sd=self._rubric.judge_sd)

    def _faithfulness(self, content: Content, keys: _Keys, statements: StoredAnswer | None) -> StoredAnswer:
        if statements is None:
            split = self._model.ask(statements_question(content))
            value = {"statements": split.value.statements if split.value else None, "reason": split.reason}
            statements = self._keep(keys.statements, value, split.calls)
        found = statements.value["statements"]
        if not found:
            return self._keep(keys.verdicts, {"supported": None, "reason": statements.value["reason"]}, 0)
        answer: Answer[StatementVerdicts] = self._model.ask(verdicts_question(content, found))
        supported = [verdict.supported for verdict in answer.value.verdicts] if answer.value else None
        kept = {"supported": supported, "reason": answer.reason, "served_by": answer.served_by}
        return self._keep(keys.verdicts, kept, answer.calls)

    def _checked(self, content: Content) -> tuple[list[CriterionScore], str | None]:
        """The criteria that cost no call, and why the content cannot be scored if one of them fails."""
        scores = []
        for criterion in self._rubric.criteria:
            if criterion.judge is None:
                try:
                    scores.append(run_check(criterion, content, self._python_checks.get(criterion.name)))
                except CheckFailedError as error:
                    return scores, str(error)
        return scores, None

    def _in_order(self, scores: Sequence[CriterionScore]) -> list[CriterionScore]:
        by_name = {one.name: one for one in scores}
        return [by_name[criterion.name] for criterion in self._rubric.criteria]

    def _keep(self, key: str, value: Any, calls: int, *, replaces: StoredAnswer | None = None) -> StoredAnswer:
        return self._answers.put(key, StoredAnswer(value, calls, self._paid_by), replaces=replaces)

    def _mark(self, instructions: str, shape: type[BaseModel]) -> str:
        """What a question consists of beside the content: other words, another shape or model is another question."""
        asked = [self._model.name, instructions, shape.model_json_schema()]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Keys:
    """Fingerprints of the three questions about one content; the reference is part of the first one only."""

    rubric: str
    statements: str
    verdicts: str

    @classmethod
    def of(cls, content: Content, marks: Mapping[str, str]) -> _Keys:
        bare = content.digest if content.expected is None else replace(content, expected=None).digest
        digests = {"rubric": content.digest, "statements": bare, "verdicts": bare}
        return cls(**{name: _fingerprint(mark, digests[name]) for name, mark in marks.items()})

    @property
    def all(self) -> list[str]:
        return [self.rubric, self.statements, self.verdicts]


def _fingerprint(mark: str, digest: str) -> str:
    return hashlib.sha256(f"{mark}{digest}".encode()).hexdigest()


def _samples(stored: StoredAnswer | None) -> tuple[list[Any], str | None]:
    return (stored.value["samples"], stored.value["reason"]) if stored else ([], None)


def _mean(criteria: Sequence[Criterion], samples: Sequence[Any]) -> list[CriterionScore]:
    """Per criterion the mean over the answers, with the reason of the first."""
    return [
        CriterionScore(criterion.name, sum(sample[place][0] for sample in samples) / len(samples), samples[0][place][1])
        for place, criterion in enumerate(criteria)
        if samples
    ]


def _faithfulness_of(content: Content, stored: StoredAnswer | None, absent: str) -> tuple[float | None, str | None]:
    if not content.contexts:
        return None, NO_CONTEXT
    if stored is None:
        return None, absent
    score = faithfulness_score(stored.value["supported"] or [])
    return score, None if score is not None else stored.value["reason"] or NO_STATEMENTS
