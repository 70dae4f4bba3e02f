"""The expected output a case starts from: the user's own correction, else a passing answer, else a model's draft, else none.

A draft is offered only when the judge would pass it under the same rubric. It is still a draft: ``expected_source``
says so, and a reviewer reads it before it counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tail_pipeline.domain.background import SpanKey
from tail_pipeline.domain.cases import Record
from tail_pipeline.domain.hostile_text import DATA_RULE, data, passages, visible
from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.kept_answers import KeptAnswers
from tail_pipeline.domain.ports import ContentJudge
from tail_pipeline.domain.questions import Question
from tail_pipeline.domain.rubric import Criterion, Rubric
from tail_pipeline.domain.weighted_clusters import Cluster

MAX_TEXT_CHARS = 20_000
MAX_CONTEXTS = 20
MAX_CONTEXT_CHARS = 4_000
MAX_OUTPUT_CHARS = 4_000
MAX_DRAFT_CHARS = 8_000
_MAX_DRAFT_TOKENS = 4_000

ExpectedSource = Literal["user_correction", "passing_span", "model", "none"]

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


class DraftedCase(Record):
    """What a case takes from the spans behind a cluster."""

    context: list[str]
    observed_output: str | None = None
    expected: str | None
    expected_source: ExpectedSource


class ExpectedOutput(BaseModel):
    """The model's answer."""

    model_config = ConfigDict(extra="forbid")

    expected: str


@dataclass(frozen=True)
class Drafts:
    """One draft per case, by the cluster's representative; ``not_drafted`` counts those without an output by reason."""

    cases: dict[SpanKey, DraftedCase]
    not_drafted: Counter[str]


@dataclass(frozen=True)
class Drafter:
    """Who writes drafts and who passes them; both are the rubric's judge, since the agent's own model has just failed."""

    rubric: Rubric
    answers: KeptAnswers
    judge: ContentJudge


def draft_cases(
    clusters: Sequence[Cluster], spans: Mapping[SpanKey, Mapping[str, Any]], drafter: Drafter | None
) -> Drafts:
    """A draft for each cluster.

    ``spans`` holds at least the clusters' representative, corrected_by and answered_by rows.
    """
    cases = {cluster.representative: _from_traffic(cluster, spans) for cluster in clusters}
    open_clusters = [one for one in clusters if cases[one.representative].expected is None]
    if drafter is None:
        return Drafts(cases, Counter({"no judge_model in the rubric": len(open_clusters)} if open_clusters else {}))
    contents = {one.representative: _content(one, spans[one.representative]) for one in open_clusters}
    not_drafted: Counter[str] = Counter()
    for key, drafted in zip(contents, _by_model(list(contents.values()), drafter), strict=True):
        if drafted.reason is not None:
            not_drafted[drafted.reason] += 1
            continue
        offered = {"expected": drafted.output, "expected_source": "model"}
        cases[key] = cases[key].model_copy(update=offered)
    return Drafts(cases, not_drafted)


def draft_question(rubric: Rubric, failed: Content) -> Question[ExpectedOutput]:
    """Asks for what should have been answered to the input of ``failed``."""
    parts = [data("question", failed.input), passages(failed.contexts), data("answer", failed.output)]

    def problem(answer: ExpectedOutput) -> str | None:
        draft = visible(answer.expected).strip()
        if not draft:
            return "the answer is empty"
        if len(draft) > MAX_DRAFT_CHARS:
            return f"the answer has more than {MAX_DRAFT_CHARS} characters"
        if draft.split() == failed.output.split():
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


def cut(text: str, limit: int) -> str:
    """Long text keeps its beginning and says what is missing."""
    return text if len(text) <= limit else f"{text[:limit]}\n[cut here: {len(text)} characters in the trace]"


@dataclass(frozen=True)
class _ModelDraft:
    """``output`` where it may be offered, else the ``reason`` why not."""

    output: str
    reason: str | None = None


def _by_model(failed: Sequence[Content], drafter: Drafter) -> list[_ModelDraft]:
    """One draft per content, in order, each judged once."""
    answers = drafter.answers.ask([draft_question(drafter.rubric, one) for one in failed])

    def checked(place: int) -> _ModelDraft:
        answer = answers[place].value
        if answer is None:
            return _ModelDraft("", answers[place].reason or "no answer")
        output = visible(answer.expected).strip()
        content = Content(input=failed[place].input, output=output, contexts=failed[place].contexts)
        judgement = drafter.answers.patience.attempt(lambda: drafter.judge.judge(content))
        return _ModelDraft(output, _why_not(judgement, drafter.rubric))

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


def _from_traffic(cluster: Cluster, spans: Mapping[SpanKey, Mapping[str, Any]]) -> DraftedCase:
    representative = spans[cluster.representative]
    output = representative["output"]
    seen: dict[str, Any] = {
        "context": [cut(text, MAX_CONTEXT_CHARS) for text in (representative["contexts"] or [])[:MAX_CONTEXTS]],
        "observed_output": None if output is None else cut(output, MAX_OUTPUT_CHARS),
    }
    if cluster.corrected_by:
        correction = spans[cluster.corrected_by]["correction"]
        return DraftedCase(**seen, expected=cut(correction, MAX_TEXT_CHARS), expected_source="user_correction")
    if cluster.answered_by and (answer := spans[cluster.answered_by]["output"]):
        return DraftedCase(**seen, expected=cut(answer, MAX_TEXT_CHARS), expected_source="passing_span")
    return DraftedCase(**seen, expected=None, expected_source="none")


def _content(cluster: Cluster, representative: Mapping[str, Any]) -> Content:
    """What the agent was given and answered, as the judge saw it."""
    contexts = tuple(representative["contexts"] or ())
    return Content(input=cluster.text, output=representative["output"] or "", contexts=contexts)


def _criterion_line(criterion: Criterion) -> str:
    asked = criterion.judge or f"a test by code, {json.dumps(criterion.check, ensure_ascii=False, sort_keys=True)}"
    return f"- {criterion.name}: {asked}"
