"""Faithfulness of an answer to what was retrieved, by the published two steps.

The answer is split into standalone statements, each gets a verdict against the passages, and the score is
supported / all statements: the definition of Ragas' ``faithfulness`` (Es et al., "RAGAS: Automated Evaluation of
Retrieval Augmented Generation", EACL 2024). Unlike there, a count of verdicts that is not the count of statements is no score.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tail_pipeline.domain.hostile_text import data, passages
from tail_pipeline.domain.judge_prompts import STATEMENTS_INSTRUCTIONS, VERDICTS_INSTRUCTIONS
from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.questions import Question

MAX_STATEMENTS = 200
MAX_STATEMENT_CHARS = 2_000

NO_CONTEXT = "nothing was retrieved"
NO_STATEMENTS = "the answer makes no statement"


class Statements(BaseModel):
    """What the answer claims, sentence by sentence."""

    model_config = ConfigDict(extra="forbid")

    statements: list[str]


class StatementVerdict(BaseModel):
    """Whether one statement, counted from 1, follows from the passages."""

    model_config = ConfigDict(extra="forbid", strict=True)

    statement: int
    reason: str
    supported: bool


class StatementVerdicts(BaseModel):
    """One verdict per statement."""

    model_config = ConfigDict(extra="forbid")

    verdicts: list[StatementVerdict]


def statements_question(content: Content) -> Question[Statements]:
    def problem(answer: Statements) -> str | None:
        if len(answer.statements) > MAX_STATEMENTS:
            return f"more than {MAX_STATEMENTS} statements"
        if any(not statement.strip() for statement in answer.statements):
            return "an empty statement"
        return None

    return Question(
        name="statements",
        instructions=STATEMENTS_INSTRUCTIONS,
        text=f"{data('question', content.input)}\n{data('answer', content.output)}",
        shape=Statements,
        problem=problem,
        max_output_tokens=4_000,
    )


def verdicts_question(content: Content, statements: Sequence[str]) -> Question[StatementVerdicts]:
    """``statements`` come from a model that read hostile text, so they are data as well."""
    numbered = [
        f"{number}. {data('statement', text, MAX_STATEMENT_CHARS)}" for number, text in enumerate(statements, start=1)
    ]
    wanted = list(range(1, len(statements) + 1))

    def problem(answer: StatementVerdicts) -> str | None:
        found = [verdict.statement for verdict in answer.verdicts]
        return None if found == wanted else f"{len(found)} verdicts for statements 1 to {len(wanted)}, in order"

    return Question(
        name="statement_verdicts",
        instructions=VERDICTS_INSTRUCTIONS,
        text="\n".join([passages(content.contexts), *numbered]),
        shape=StatementVerdicts,
        problem=problem,
        max_output_tokens=500 + 60 * len(statements),
    )


def faithfulness_score(supported: Sequence[bool]) -> float | None:
    """Supported / all, in 0..1; None without a statement."""
    return sum(supported) / len(supported) if supported else None
