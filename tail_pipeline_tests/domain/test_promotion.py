"""Which cases are promoted, what a row of the set says of its case, and what a promotion is called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from tail_pipeline.domain.promotion import MergedTail, Promotion, compose_promotion, promoted_row, promotion_branch
from tail_pipeline.domain.pull_request import BRANCH_PREFIX
from tail_pipeline.domain.tail_file import CaseWindow, Run, TailCase
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline_tests.domain.builders import WINDOW, counts, tail_case, tail_file
from tail_pipeline_tests.strategies import hostile_texts

PATH = "eval/tail/2026-W17.yaml"


def merged(*cases: TailCase, **changes: object) -> MergedTail:
    return MergedTail(PATH, tail_file(cases=list(cases), **changes))


def run(day: str) -> Run:
    return Run(day=day, window=CaseWindow(start=WINDOW.start, end=WINDOW.end), counts=counts())


def promotion_of(tail: MergedTail) -> Promotion:
    return compose_promotion(
        tail, tail.pending(()), path="eval/cases.yaml", before="cases: []\n", text="cases:\n", reviewers=["eng-lead"]
    )


PROMOTED = tail_case(1, status="promoted")


def test_promoted_cases_that_are_not_settled_are_pending() -> None:
    cases = [
        PROMOTED,
        tail_case(2, status="rejected", rejection_reason="no"),
        tail_case(3),
        tail_case(4, status="promoted"),
    ]
    tail = merged(*cases)

    assert [case.id for case in tail.pending({"tail-2026W17-004"})] == ["tail-2026W17-001"]
    assert tail.undecided == ("tail-2026W17-003",)


def test_a_row_keeps_what_the_case_asks_and_says_where_it_came_from() -> None:
    case = tail_case(1, status="promoted", labels=["regulatory"], cost_weight=10, context=["a"], expected="b")

    row = promoted_row(case, merged(case), "#12")

    assert row.model_dump() == {
        "id": "tail-2026W17-001",
        "input": case.input,
        "context": ["a"],
        "expected": "b",
        "labels": ["regulatory"],
        "source": "tail_miner",
        "cost_weight": 10,
        "provenance": {"week": "2026-W17", "tail_file": PATH, "pull_request": "#12"},
    }


def test_a_row_of_a_daily_agent_names_the_day_it_was_mined() -> None:
    row = promoted_row(tail_case(1, run="2026-W17-3"), merged(PROMOTED), None)

    assert row.provenance is not None
    assert row.provenance.week == "2026-W17-3"


@pytest.mark.parametrize(
    ("cadence", "runs", "day"),
    [
        (Cadence.WEEKLY, None, "2026-W17-1"),
        (Cadence.DAILY, ["2026-W17-2", "2026-W17-5", "2026-W17-4"], "2026-W17-5"),
        (Cadence.DAILY, None, "2026-W17-1"),
        (Cadence.WEEKLY, ["2026-W17-5"], "2026-W17-1"),
        (Cadence.DAILY, ["2026-W18-5", "nonsense"], "2026-W17-1"),
        (Cadence.MONTHLY, None, None),
    ],
    ids=["weekly", "daily", "daily, mined weekly before", "weekly, mined daily before", "other weeks", "no first"],
)
def test_a_week_belongs_to_the_partition_of_its_last_mining_day(
    cadence: Cadence, runs: list[str] | None, day: str | None
) -> None:
    found = merged(PROMOTED, runs=None if runs is None else [run(one) for one in runs]).promotion_day(cadence)

    assert (found.key if found else None) == day


def test_a_monthly_agents_week_belongs_to_the_first_of_the_month() -> None:
    found = merged(PROMOTED, iso_week="2026-W18").promotion_day(Cadence.MONTHLY)

    assert found is not None
    assert found.day.isoformat() == "2026-05-01"


@pytest.mark.parametrize(
    ("path", "branch"),
    [
        (PATH, "tail-promote/2026-W17"),
        ("eval/tail/acme/2026-W17.yaml", "tail-promote/acme/2026-W17"),
        ("eval/verifier/tail/2026-W17.yaml", "tail-promote/verifier/2026-W17"),
    ],
)
def test_a_promotion_has_a_branch_that_is_no_tail_branch(path: str, branch: str) -> None:
    assert promotion_branch(path) == branch
    assert not branch.startswith(BRANCH_PREFIX)


@given(title=hostile_texts())
def test_no_trace_text_enters_the_title_and_none_does_anything_in_the_body(title: str) -> None:
    quiet = promotion_of(merged(PROMOTED.model_copy(update={"title": "x"})))
    found = promotion_of(merged(PROMOTED.model_copy(update={"title": title, "input": title})))

    assert (found.title, found.branch) == ("Promote 1 case of 2026-W17: support", quiet.branch)
    assert len(found.body.splitlines()) == len(quiet.body.splitlines())
    assert not re.search(r"@\w|<[a-z]|://", found.body)


def test_a_promotion_of_a_segment_says_whose_it_is() -> None:
    case = tail_case(2, status="promoted")

    assert promotion_of(merged(PROMOTED, case, segment="acme")).title == "Promote 2 cases of 2026-W17: support / acme"


def test_the_body_of_a_large_week_counts_what_it_does_not_list() -> None:
    tail = merged(*(tail_case(number, status="promoted", title="x" * 500) for number in range(1, 251)))
    body = promotion_of(tail).body

    assert "`eval/cases.yaml` gets 250 cases that were promoted in `eval/tail/2026-W17.yaml`" in body
    assert (body.count("| `tail-"), "50 more are in the file" in body, len(body) < 60_000) == (200, True, True)


def test_a_promotion_asks_the_agents_reviewers() -> None:
    assert promotion_of(merged(PROMOTED)).reviewers == ("eng-lead",)
