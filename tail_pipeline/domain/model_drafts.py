"""Expected outputs drafted by a model, for cases whose traffic offers none.

A draft is offered only when the judge passes it under the same rubric, in one judgement. It is still a draft: ``expected_source``
says so, and a reviewer reads it before it counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from tail_pipeline.domain.background import SpanKey
from tail_pipeline.domain.drafting import DraftedCase, draft
from tail_pipeline.domain.hostile_text import DATA_RULE, data, passages, visible
from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.kept_answers import KeptAnswers, or_reason
from tail_pipeline.domain.placeholders import of_values
from tail_pipeline.domain.ports import ContentJudge
from tail_pipeline.domain.questions import Question
from tail_pipeline.domain.rubric import Criterion, Rubric
from tail_pipeline.domain.weighted_clusters import Cluster

MAX_DRAFT_CHARS = 8_000
_MAX_DRAFT_TOKENS = 4_000

DRAFT_INSTRUCTIONS = f"""\
You write the answer that an assistant should have given to a user. A reviewer reads it, and then it is what later versions of the
assistant are compared with.

{DATA_RULE}

The user's question is in <question>, what the assistant had retrieved for it in <passage>, and in <answer> what it answered, which
failed. Write the answer alone, as the user would read it, in the language of the question: no preface, nothing about the failed
answer or about these instructions. State only what the passages or the question support. Where they do not hold what is needed, say
what is missing instead of making it up; where the criteria forbid what the user wants, decline as they ask. The answer is graded by
these criteria:
"""


class ExpectedOutput(BaseModel):
    """The model's answer."""

    model_config = ConfigDict(extra="forbid")

    expected: str


@dataclass(frozen=True)
class Drafts:
    """One draft per case, by the cluster's representative; ``not_drafted`` counts those without an output by reason.

    ``calls`` were made to write them, none for those that were known; judging them is not counted here.
    """

    cases: dict[SpanKey, DraftedCase]
    not_drafted: Counter[str]
    calls: int

    @property
    def by_model(self) -> int:
        return sum(case.expected_source == "model" for case in self.cases.values())


@dataclass(frozen=True)
class Drafter:
    """Who writes drafts and who passes them; both are the rubric's judge, since the agent's own model has just failed."""

    rubric: Rubric
    answers: KeptAnswers
    judge: ContentJudge


def draft_cases(
    clusters: Sequence[Cluster], spans: Mapping[SpanKey, Mapping[str, Any]], drafter: Drafter | None
) -> Drafts:
    """What traffic offers for each cluster, else what the drafter does; ``spans`` as for ``draft``."""
    cases = {cluster.representative: draft(cluster, spans) for cluster in clusters}
    without = [one for one in clusters if cases[one.representative].expected is None]
    if drafter is None:
        return Drafts(cases, Counter({"no judge_model in the rubric": len(without)} if without else {}), 0)
    not_drafted: Counter[str] = Counter()
    failed = [_content(one, spans[one.representative]) for one in without]
    for cluster, offer in zip(without, _offers(failed, drafter), strict=True):
        if offer.reason is not None:
            not_drafted[offer.reason] += 1
            continue
        offered = {"expected": offer.output, "expected_source": "model"}
        cases[cluster.representative] = cases[cluster.representative].model_copy(update=offered)
    return Drafts(cases, not_drafted, drafter.answers.calls)


def draft_question(rubric: Rubric, failed: Content) -> Question[ExpectedOutput]:
    """Asks for what should have been answered to the input of ``failed``."""
    given = of_values("\n".join([failed.input, *failed.contexts, failed.output]))
    parts = [data("question", failed.input), passages(failed.contexts), data("answer", failed.output)]

    def problem(answer: ExpectedOutput) -> str | None:
        output = visible(answer.expected).strip()
        if not output:
            return "the answer is empty"
        if len(output) > MAX_DRAFT_CHARS:
            return f"the answer has more than {MAX_DRAFT_CHARS} characters"
        if of_values(output) - given:
            return "the answer holds a placeholder for a private value that stands in none of the texts"
        if output.split() == failed.output.split():
            return "the answer is the one that failed"
        return None

    return Question(
        name="expected_output",
        instructions=DRAFT_INSTRUCTIONS + "\n".join(map(_criterion_line, rubric.criteria)),
        text="\n".join(part for part in parts if part),
        shape=ExpectedOutput,
        problem=problem,
        max_output_tokens=_MAX_DRAFT_TOKENS,
    )


@dataclass(frozen=True)
class _Offer:
    """``output`` where it may be offered, else the ``reason`` why not."""

    output: str
    reason: str | None = None


def _offers(failed: Sequence[Content], drafter: Drafter) -> list[_Offer]:
    """One draft per content, in order, each judged once."""
    answers = drafter.answers.ask([draft_question(drafter.rubric, one) for one in failed])

    def checked(place: int) -> _Offer:
        answer = answers[place].value
        if answer is None:
            return _Offer("", answers[place].reason or "no answer")
        output = visible(answer.expected).strip()
        content = Content(input=failed[place].input, output=output, contexts=failed[place].contexts)
        judgement = or_reason(lambda: drafter.judge.judge(content))
        return _Offer(output, _why_not(judgement, drafter.rubric))

    return list(drafter.answers.each(checked, range(len(failed))))


def _why_not(judgement: Judgement | str, rubric: Rubric) -> str | None:
    """Why a draft with this judgement, or with the reason for having none, is not offered."""
    if isinstance(judgement, str):
        return judgement
    match judgement.passes(rubric):
        case None:
            return f"the draft could not be scored: {judgement.unscored_reason or 'no reason given'}"
        case False:
            return "the draft failed the rubric"
        case True:
            return None


def _content(cluster: Cluster, representative: Mapping[str, Any]) -> Content:
    """What the agent was given and answered, as the judge saw it."""
    contexts = tuple(representative["contexts"] or ())
    return Content(input=cluster.text, output=representative["output"] or "", contexts=contexts)


def _criterion_line(criterion: Criterion) -> str:
    if criterion.check is None:
        return f"- {criterion.name}: {criterion.judge}"
    check = criterion.check.model_dump(mode="json", exclude_unset=True)
    return f"- {criterion.name}: a test by code, {json.dumps(check, ensure_ascii=False, sort_keys=True)}"
