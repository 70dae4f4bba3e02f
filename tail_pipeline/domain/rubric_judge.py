"""The rubric's ``judge:`` criteria as one question to a model, and its answer as one score per criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tail_pipeline.domain.hostile_text import data, passages
from tail_pipeline.domain.judge_prompts import RUBRIC_INSTRUCTIONS
from tail_pipeline.domain.judgement import Content, CriterionScore
from tail_pipeline.domain.questions import Question
from tail_pipeline.domain.rubric import Criterion, Rubric

MAX_REASON_CHARS = 400
_TOKENS_PER_CRITERION = 200


class CriterionVerdict(BaseModel):
    """The reason stands before the score, so that a model that writes in order thinks first."""

    model_config = ConfigDict(extra="forbid")

    criterion: str
    reason: str
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class RubricVerdicts(BaseModel):
    """One verdict per criterion."""

    model_config = ConfigDict(extra="forbid")

    verdicts: list[CriterionVerdict]


def judged_criteria(rubric: Rubric) -> list[Criterion]:
    """Those a model is asked about; the others cost no call."""
    return [criterion for criterion in rubric.criteria if criterion.judge is not None]


def rubric_instructions(criteria: Sequence[Criterion]) -> str:
    """The system message: the same for all contents of a rubric."""
    return RUBRIC_INSTRUCTIONS + "\n".join(f"- {criterion.name}: {criterion.judge}" for criterion in criteria)


def rubric_question(criteria: Sequence[Criterion], content: Content) -> Question[RubricVerdicts]:
    """Asks for all criteria at once: one call per content."""
    parts = [data("question", content.input), passages(content.contexts), data("answer", content.output)]
    if content.expected is not None:
        parts.append(data("reference", content.expected))
    names = [criterion.name for criterion in criteria]

    def problem(answer: RubricVerdicts) -> str | None:
        found = [verdict.criterion for verdict in answer.verdicts]
        return None if sorted(found) == sorted(names) else f"not exactly one verdict for each of {', '.join(names)}"

    return Question(
        name="rubric_verdicts",
        instructions=rubric_instructions(criteria),
        text="\n".join(part for part in parts if part),
        shape=RubricVerdicts,
        problem=problem,
        max_output_tokens=500 + _TOKENS_PER_CRITERION * len(names),
    )


def criterion_scores(criteria: Sequence[Criterion], answer: RubricVerdicts) -> list[CriterionScore]:
    """One score per criterion in the rubric's order; reasons are cut."""
    by_name = {verdict.criterion: verdict for verdict in answer.verdicts}
    return [CriterionScore(one.name, by_name[one.name].score, _cut(by_name[one.name].reason)) for one in criteria]


def _cut(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= MAX_REASON_CHARS else f"{line[: MAX_REASON_CHARS - 1]}…"
