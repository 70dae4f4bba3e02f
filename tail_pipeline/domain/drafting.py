"""The expected output a case starts from: the user's own correction, else a passing answer, else none.

Where it is none, ``model_drafts`` may offer a draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from tail_pipeline.domain.background import SpanKey
from tail_pipeline.domain.cases import Record
from tail_pipeline.domain.checks import Share
from tail_pipeline.domain.weighted_clusters import Cluster

MAX_TEXT_CHARS = 20_000
MAX_CONTEXTS = 20
MAX_CONTEXT_CHARS = 4_000
MAX_OUTPUT_CHARS = 4_000

ExpectedSource = Literal["user_correction", "passing_span", "model", "none"]


class Judged(Record):
    """What the judge said of one criterion; ``score`` is null where the criterion does not apply."""

    criterion: str
    score: float | None
    reason: str


class DraftedCase(Record):
    """What a case takes from the spans behind a cluster; scores and flags are those of the representative."""

    context: list[str]
    observed_output: str | None = None
    faithfulness: Share | None = None
    judged: list[Judged] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)
    expected: str | None
    expected_source: ExpectedSource


def draft(cluster: Cluster, spans: Mapping[SpanKey, Mapping[str, Any]]) -> DraftedCase:
    """What this week's traffic itself offers.

    ``spans`` holds at least the cluster's representative, corrected_by and answered_by rows.
    """
    representative = spans[cluster.representative]
    output = representative["output"]
    seen: dict[str, Any] = {
        "context": [cut(text, MAX_CONTEXT_CHARS) for text in (representative["contexts"] or [])[:MAX_CONTEXTS]],
        "observed_output": None if output is None else cut(output, MAX_OUTPUT_CHARS),
        "judged": [
            Judged(criterion=one["name"], score=one["score"] and round(one["score"], 4), reason=one["reason"])
            for one in representative["criteria"] or []
        ],
        "faithfulness": representative["faithfulness"] and round(representative["faithfulness"], 4),
        "flags": representative["flags"] or [],
    }
    if cluster.corrected_by:
        correction = spans[cluster.corrected_by]["correction"]
        return DraftedCase(**seen, expected=cut(correction, MAX_TEXT_CHARS), expected_source="user_correction")
    if cluster.answered_by and (answer := spans[cluster.answered_by]["output"]):
        return DraftedCase(**seen, expected=cut(answer, MAX_TEXT_CHARS), expected_source="passing_span")
    return DraftedCase(**seen, expected=None, expected_source="none")


def cut(text: str, limit: int) -> str:
    """Long text keeps its beginning and says what is missing."""
    return text if len(text) <= limit else f"{text[:limit]}\n[cut here: {len(text)} characters in the trace]"
