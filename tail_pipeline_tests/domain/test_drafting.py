from __future__ import annotations

from typing import Any

import pytest

from tail_pipeline.domain.drafting import MAX_CONTEXTS, Judged, draft
from tail_pipeline_tests.domain.builders import cluster

KEYS = {name: (f"trace-{name}", f"span-{name}") for name in ("asked", "corrected", "passing")}
UNJUDGED: dict[str, Any] = {"faithfulness": None, "criteria": [], "flags": []}
SPANS = {
    KEYS["asked"]: {"contexts": ["source"], "correction": None, "output": "wrong", **UNJUDGED},
    KEYS["corrected"]: {"contexts": None, "correction": "The user's own.", "output": "wrong"},
    KEYS["passing"]: {"contexts": None, "correction": None, "output": "A good answer."},
}


@pytest.mark.parametrize(
    ("changes", "expected", "source"),
    [
        ({"corrected_by": KEYS["corrected"], "answered_by": KEYS["passing"]}, "The user's own.", "user_correction"),
        ({"answered_by": KEYS["passing"]}, "A good answer.", "passing_span"),
        ({}, None, "none"),
    ],
    ids=["correction first", "then a passing answer", "else nothing"],
)
def test_a_draft_comes_from_the_best_source_there_is(
    changes: dict[str, Any], expected: str | None, source: str
) -> None:
    found = draft(cluster(1, representative=KEYS["asked"], **changes), SPANS)
    assert (found.expected, found.expected_source, found.context) == (expected, source, ["source"])


@pytest.mark.parametrize("output", [None, ""])
def test_a_passing_span_without_an_answer_is_no_draft(output: str | None) -> None:
    spans = SPANS | {KEYS["passing"]: SPANS[KEYS["passing"]] | {"output": output}}
    found = draft(cluster(1, representative=KEYS["asked"], answered_by=KEYS["passing"]), spans)
    assert (found.expected, found.expected_source) == (None, "none")


def test_a_draft_keeps_a_bounded_context() -> None:
    spans = {KEYS["asked"]: {"contexts": ["c" * 10_000] * 50, "correction": None, "output": None, **UNJUDGED}}
    found = draft(cluster(1, representative=KEYS["asked"]), spans)
    assert (len(found.context), max(map(len, found.context)) < 8_100) == (MAX_CONTEXTS, True)


def test_a_case_keeps_what_the_judge_said_of_its_representative() -> None:
    criteria = [
        {"name": "policy", "score": 0.23456, "reason": "hides a clause"},
        {"name": "fit", "score": None, "reason": ""},
    ]
    spans = {KEYS["asked"]: SPANS[KEYS["asked"]] | {"faithfulness": 0.0, "criteria": criteria, "flags": ["steering"]}}
    found = draft(cluster(1, representative=KEYS["asked"]), spans)
    assert (found.faithfulness, found.judged, found.flags) == (
        0.0,
        [
            Judged(criterion="policy", score=0.2346, reason="hides a clause"),
            Judged(criterion="fit", score=None, reason=""),
        ],
        ["steering"],
    )
