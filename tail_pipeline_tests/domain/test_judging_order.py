"""What is judged when the calls do not cover the window, in which order, and what is said of the rest."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from tail_pipeline.domain.audit import Audit
from tail_pipeline.domain.embedding import LexicalEncoder
from tail_pipeline.domain.judging_order import AUDIT_SHARE, MAX_COMPARED, RECORDED_SHARE, JudgingOrder
from tail_pipeline_tests.domain.builders import ordinary_texts

LINE = 0.82


@dataclass(frozen=True, order=True)
class Candidate:
    """``fails`` is what the judge would say."""

    text: str
    fails: bool | None = False
    cost: int = 1
    costly: bool = False
    complained: bool = False
    recorded: float = 1.0


def order_of(week: Sequence[Candidate], budget: int, seed: str = "2026-W17") -> JudgingOrder:
    """A recorded score of 1 is none."""
    return JudgingOrder(
        [one.text for one in week],
        costs=[one.cost for one in week],
        costly=[one.costly for one in week],
        complained=[one.complained for one in week],
        recorded=[None if one.recorded == 1 else one.recorded for one in week],
        min_score=LINE,
        budget=budget,
        seed=seed,
        encoder=LexicalEncoder(),
    )


def judge(order: JudgingOrder, week: Sequence[Candidate]) -> list[list[Candidate]]:
    """The rounds, each reported as the candidates say."""
    rounds = []
    while asked := order.next_round():
        order.report({one: week[one].fails for one in asked})
        rounds.append([week[one] for one in asked])
    return rounds


def judged(week: Sequence[Candidate], budget: int, seed: str = "2026-W17") -> list[Candidate]:
    return [one for asked in judge(order_of(week, budget, seed), week) for one in asked]


def cost(candidates: Sequence[Candidate]) -> int:
    return sum(one.cost for one in candidates)


WORDS = "refund parcel invoice address cancel login voucher statute late broken".split()


@st.composite
def weeks(draw: st.DrawFn) -> list[Candidate]:
    """Some candidates, few enough of whose texts differ that some are said twice; the same content fails the same way."""
    said = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
    kinds = st.tuples(
        said, st.integers(1, 3), st.booleans(), st.booleans(), st.sampled_from([0.1, 0.5, 0.5, 0.81, 0.82, 0.9, 1.0])
    )
    drawn = draw(st.lists(kinds, max_size=40))
    return [
        Candidate(text, {0: True, 1: None}.get(len(text) % 5, False), cost, costly, complained, recorded)
        for text, cost, costly, complained, recorded in drawn
    ]


budgets = st.integers(0, 60)


@given(weeks(), budgets)
@settings(deadline=None, max_examples=40)
def test_the_budget_is_never_exceeded(week: list[Candidate], budget: int) -> None:
    assert cost(judged(week, budget)) <= budget


@given(weeks(), budgets)
@settings(deadline=None, max_examples=40)
def test_no_candidate_is_judged_twice(week: list[Candidate], budget: int) -> None:
    order = order_of(week, budget)
    asked = []
    while now := order.next_round():
        asked += now
        order.report({one: week[one].fails for one in now})
    assert len(set(asked)) == len(asked)


@given(weeks(), budgets)
@settings(deadline=None, max_examples=40)
def test_an_ordinary_candidate_waits_until_no_costly_one_fits(week: list[Candidate], budget: int) -> None:
    rounds = judge(order_of(week, budget), week)
    costly_paid = cost([one for asked in rounds for one in asked if one.costly])
    unjudged = Counter(one for one in week if one.costly) - Counter(one for asked in rounds for one in asked)
    assert all(one.cost > budget - costly_paid for one in unjudged)


@given(weeks(), budgets, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_same_candidates_in_another_order_are_judged_alike(
    week: list[Candidate], budget: int, shuffle: random.Random
) -> None:
    other = shuffle.sample(week, len(week))
    here, there = order_of(week, budget), order_of(other, budget)
    assert judge(here, week) == judge(there, other)
    assert here.conclusion() == there.conclusion()


@given(weeks(), budgets)
@settings(deadline=None, max_examples=40)
def test_the_audit_is_the_last_round_and_of_nothing_judged_before(week: list[Candidate], budget: int) -> None:
    order = order_of(week, budget)
    rounds: list[list[int]] = []
    while now := order.next_round():
        rounds.append(now)
        order.report({one: week[one].fails for one in now})
    before = rounds[:-1] if order.audit and order.audit.sampled else rounds
    asked = {one for now in before for one in now}
    left = [one for one in range(len(week)) if not week[one].complained and one not in asked]
    assert (order.audit.population if order.audit else 0) == len(left)
    assert order.audit is None or set(order.audit.sampled) <= set(left)


@given(weeks(), st.integers(0, 5))
@settings(deadline=None, max_examples=40)
def test_where_the_calls_suffice_everything_is_judged_at_once_and_nothing_audited(
    week: list[Candidate], more: int
) -> None:
    order = order_of(week, cost(week) + more)
    rounds = judge(order, week)
    assert [sorted(asked) for asked in rounds] == [sorted(week)] * bool(week)
    assert order.audit is None
    assert order.conclusion().lower_bound == 1


def test_complaints_come_last_where_the_calls_suffice_for_all_others() -> None:
    week = [Candidate("a", complained=True), Candidate("b"), Candidate("c")]
    assert judged(week, 2) in ([week[1], week[2]], [week[2], week[1]])


def test_nothing_comes_of_nothing() -> None:
    order = order_of([], 10)
    assert (order.next_round(), order.audit, order.conclusion()) == (
        [],
        None,
        Audit.of(population=0, sampled=0, failing=0, found=0),
    )


def test_without_a_call_nothing_is_judged_and_all_that_is_left_is_named() -> None:
    order = order_of([Candidate("a"), Candidate("b"), Candidate("c", complained=True)], 0)
    assert order.next_round() == []
    assert order.conclusion() == Audit.of(population=2, sampled=0, failing=0, found=1)


# --- the order ---

ORDINARY = [Candidate(text) for text in ordinary_texts()]
KETTLES = [f"refund my broken kettle {word}" for word in WORDS]


def test_neighbours_of_a_complaint_are_judged_until_three_in_a_row_pass() -> None:
    """The complaint itself is selected anyway."""
    kettles = [Candidate(text, fails=number < 4) for number, text in enumerate(KETTLES)]
    week = [*ORDINARY, *kettles, Candidate("refund my broken kettle", complained=True)]
    first = judge(order_of(week, 40), week)[0]
    assert len(first) == 3
    assert set(first) <= set(kettles)


def test_a_complaint_is_not_judged_while_others_are_not() -> None:
    week = [*ORDINARY, Candidate(KETTLES[0], complained=True)]
    assert week[-1] not in judged(week, len(week) - 2)


def test_recorded_scores_below_the_line_come_lowest_first_up_to_their_share() -> None:
    week = [replace(one, recorded=number / len(ORDINARY)) for number, one in enumerate(ORDINARY)]
    budget = 40
    assert judge(order_of(week, budget), week)[0] == week[: int(RECORDED_SHARE * budget)]


def test_a_recorded_score_on_the_line_gives_no_precedence() -> None:
    week = [*ORDINARY, *(Candidate(text, recorded=LINE) for text in KETTLES)]
    unknown = [replace(one, recorded=1.0) for one in week]
    assert [one.text for one in judged(week, 30)] == [one.text for one in judged(unknown, 30)]


def test_of_texts_nearly_the_same_one_is_judged_before_a_second() -> None:
    strangers = [Candidate(f"{letter * 3} {other * 4}") for letter, other in combinations("bcdfghjkmn", 2)]
    week = [*strangers, *(Candidate(f"refund my broken kettle, order {number}") for number in range(100))]
    assert sum("kettle" in one.text for one in judge(order_of(week, 20), week)[0]) <= 1


def test_a_failure_has_its_neighbour_judged_next() -> None:
    kettles = [Candidate(text, fails=True) for text in KETTLES]
    week = [*ORDINARY, *kettles]
    rounds = judge(order_of(week, 60), week)
    number = next(number for number, asked in enumerate(rounds) if set(asked) & set(kettles))
    assert rounds[number + 1][0] in kettles


def test_a_share_of_the_calls_is_kept_for_the_audit() -> None:
    order = order_of(ORDINARY, 40)
    judge(order, ORDINARY)
    assert order.audit is not None
    assert len(order.audit.sampled) == AUDIT_SHARE * 40


def test_costly_ones_may_take_what_is_kept_for_the_audit() -> None:
    week = [*ORDINARY, *(Candidate(text, costly=True) for text in KETTLES)]
    assert judged(week, len(KETTLES)) != []
    assert set(judged(week, len(KETTLES))) == set(week[-len(KETTLES) :])


# --- the audit ---


def audited(week: Sequence[Candidate], seeds: int) -> Counter[int]:
    """How often each candidate is audited; costly ones take all calls but two, so that nothing but the audit is random."""
    seen: Counter[int] = Counter()
    costly = [Candidate(f"costly {number}", costly=True) for number in range(18)]
    for seed in range(seeds):
        order = order_of([*week, *costly], 20, str(seed))
        judge(order, [*week, *costly])
        assert order.audit is not None
        seen.update(order.audit.sampled)
    return seen


@pytest.mark.parametrize("texts", [[f"text {number}" for number in range(20)], ["the same text"] * 20])
def test_every_unjudged_candidate_is_as_likely_to_be_audited(texts: list[str]) -> None:
    seen = audited([Candidate(text) for text in texts], 1_500)
    assert chisquare([seen[one] for one in range(20)]).pvalue > 0.01


def test_audits_pick_texts_apart_from_what_said_them() -> None:
    """One text said by half of all has half of the audit, not all or nothing."""
    week = [Candidate("the same text")] * 10 + [Candidate(f"text {number}") for number in range(10)]
    seen = audited(week, 1_500)
    assert chisquare([seen[one] for one in range(20)]).pvalue > 0.01


def test_what_the_order_left_is_audited_uniformly() -> None:
    """Also after neighbours and groups were followed: no text that was left is audited more often than others."""
    week = [Candidate(f"{text} {word}", fails=word == "late") for text in ("pay", "send", "lose") for word in WORDS]
    chance, hit = Counter[int](), Counter[int]()
    for seed in range(150):
        order = order_of(week, 16, str(seed))
        asked: set[int] = set()
        while now := order.next_round():
            if order.audit is None:
                asked.update(now)
            order.report({one: week[one].fails for one in now})
        assert order.audit is not None
        hit.update(order.audit.sampled)
        share = len(order.audit.sampled) / order.audit.population
        for one in set(range(len(week))) - asked:
            chance[one] += share
    expected = np.array([chance[one] for one in range(len(week))])
    assert chisquare([hit[one] for one in range(len(week))], expected).pvalue > 0.01


def test_the_conclusion_counts_what_failed_where() -> None:
    week = [*(replace(one, fails=True) for one in ORDINARY[:30]), *ORDINARY[30:], Candidate("bad", complained=True)]
    order = order_of(week, 60)
    rounds = judge(order, week)
    found = sum(bool(one.fails) for asked in rounds for one in asked)
    assert order.audit is not None
    assert order.conclusion() == Audit.of(
        population=len(week) - 1 - sum(map(len, rounds[:-1])),
        sampled=len(rounds[-1]),
        failing=sum(bool(one.fails) for one in rounds[-1]),
        found=found + 1,
    )


def test_an_audited_candidate_without_a_score_is_no_evidence() -> None:
    week = [replace(one, fails=None) for one in ORDINARY]
    order = order_of(week, 40)
    judge(order, week)
    assert order.conclusion().sampled == 0


def unreported(order: JudgingOrder, verdict: Mapping[int, bool | None]) -> list[int]:
    asked = []
    while now := order.next_round():
        asked += now
        order.report(verdict)
    return asked


def test_what_was_not_judged_after_all_counts_among_the_rest() -> None:
    order = order_of(ORDINARY, len(ORDINARY))
    unreported(order, {})
    assert order.conclusion() == Audit.of(population=len(ORDINARY), sampled=0, failing=0, found=0)


def test_a_judge_that_answers_nothing_still_ends() -> None:
    order = order_of(ORDINARY, 40)
    assert len(unreported(order, {})) <= 40


@pytest.mark.parametrize("length", [1, 3])
def test_sequences_of_different_length_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="2 texts need as many"):
        JudgingOrder(
            ["a", "b"],
            costs=[1] * length,
            costly=[False] * 2,
            complained=[False] * 2,
            recorded=[None] * 2,
            min_score=LINE,
            budget=1,
            seed="",
            encoder=LexicalEncoder(),
        )


class LengthEncoder(LexicalEncoder):
    """Places a text by its length alone: enough to compare tens of thousands in a moment."""

    def encode(self, texts: Sequence[str], *, reference: Sequence[str]) -> np.ndarray:
        return np.array([[1, len(text) % 7, len(text) % 3] for text in texts], dtype=np.float32)


def test_of_more_candidates_than_can_be_compared_the_others_come_after_them() -> None:
    texts = [
        f"{'x' * (number % 20)} {chr(97 + number % 26)}{chr(97 + number // 26 % 26)}"
        for number in range(MAX_COMPARED + 500)
    ]
    count = len(texts)
    order = JudgingOrder(
        texts,
        costs=[1] * count,
        costly=[False] * count,
        complained=[False] * count,
        recorded=[None] * count,
        min_score=LINE,
        budget=count - 1,
        seed="",
        encoder=LengthEncoder(),
    )
    asked = []
    while now := order.next_round():
        asked += now
        order.report(dict.fromkeys(now, False))
    assert len(set(asked)) == count - 1
