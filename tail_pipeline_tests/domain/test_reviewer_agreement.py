"""What reviewers did with mined cases, and their decisions as labels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.labels import Labelled, reviewed_answers
from tail_pipeline.domain.reviewer_agreement import Decisions, reviewer_agreement
from tail_pipeline.domain.tail_file import TailCase, TailFile
from tail_pipeline_tests.adapters.eval_texts import case, tail_file

STATUSES = ("proposed", "promoted", "rejected")


def decided(number: int, status: str, *, output: str | None = "an answer", **triggers: int) -> TailCase:
    one = case(
        f"tail-2026W17-{number:03d}",
        status=status,
        rejection_reason="dull" if status == "rejected" else None,
        context=["a passage"],
    )
    seen = {"rubric": 0, "ragas": 0, "feedback": 0} | triggers
    return one.model_copy(
        update={"cluster": one.cluster.model_copy(update={"observed_output": output, "triggers": seen})}
    )


def week(*cases: TailCase) -> TailFile:
    return tail_file("2026-W17", cases)


def test_the_sentence_counts_decisions_of_all_weeks():
    """The interval is Wilson's: 31 of 48."""
    promoted, rejected = [decided(n, "promoted") for n in range(31)], [decided(n, "rejected") for n in range(17)]
    found = reviewer_agreement([week(*promoted), week(*rejected, decided(99, "proposed"))])

    assert found.sentence == "Reviewers promoted 31 of 48 decided cases so far (65 %, 95 % interval 50–77 %)."


@pytest.mark.parametrize("tails", [[], [week()], [week(decided(1, "proposed"))]])
def test_before_the_first_decision_the_sentence_says_so(tails: list[TailFile]):
    assert reviewer_agreement(tails).sentence == "Reviewers have decided no case so far."


def test_a_case_counts_under_each_of_its_triggers():
    found = reviewer_agreement(
        [
            week(
                decided(1, "promoted", rubric=2, feedback=1),
                decided(2, "rejected", rubric=1),
                decided(3, "proposed", ragas=1),
            )
        ]
    )

    assert found.by_trigger == {"feedback": Decisions(1, 1), "rubric": Decisions(2, 1)}


@settings(max_examples=50, deadline=None)
@given(statuses=st.lists(st.sampled_from(STATUSES), max_size=20))
def test_the_share_lies_in_its_interval(statuses: list[str]):
    found = reviewer_agreement([week(*(decided(number, status) for number, status in enumerate(statuses)))])

    assert found.all == Decisions(len(statuses) - statuses.count("proposed"), statuses.count("promoted"))
    assert found.all.share is None or 0 <= found.all.share.low <= found.all.share.value <= found.all.share.high <= 1


def test_decisions_are_labels_of_what_the_agent_answered():
    found = reviewed_answers([week(decided(1, "promoted", output="wrong"), decided(2, "rejected", output="fine"))])

    assert found == [
        Labelled(Content("the question of tail-2026W17-001", "wrong", ("a passage",)), fails=True),
        Labelled(Content("the question of tail-2026W17-002", "fine", ("a passage",)), fails=False),
    ]


def test_undecided_cases_and_those_without_an_answer_are_no_labels():
    assert reviewed_answers([week(decided(1, "proposed"), decided(2, "promoted", output=None))]) == []
