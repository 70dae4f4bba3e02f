"""How far neighbours are followed, and that calls are counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.judge_calls import CallLedger, NeighbourWalk


def ledger(count: int, *, calls: int = 1_000, complained: Sequence[int] = ()) -> CallLedger:
    return CallLedger([1] * count, [one in complained for one in range(count)], calls)


def judged(ledger: CallLedger, verdicts: Sequence[bool | None], walk: NeighbourWalk) -> list[list[int]]:
    """The rounds a walk asks for when the judge says ``verdicts``."""
    rounds = []
    while due := walk.due(ledger):
        rounds.append(ledger.take(due))
        ledger.record({one: verdicts[one] for one in rounds[-1]})
        ledger.close_round()
    return rounds


def beside_complaint(verdicts: Sequence[bool | None]) -> list[list[int]]:
    return judged(ledger(len(verdicts)), verdicts, NeighbourWalk(range(len(verdicts)), ends_with_failure=False))


def after_failure(verdicts: Sequence[bool | None]) -> list[list[int]]:
    return judged(ledger(len(verdicts)), verdicts, NeighbourWalk(range(len(verdicts)), ends_with_failure=True))


@pytest.mark.parametrize(
    ("verdicts", "rounds"),
    [
        ([False] * 9, [[0, 1, 2]]),
        ([True] * 4, [[0, 1, 2], [3]]),
        ([False, False, True, False, False, False, False], [[0, 1, 2], [3, 4, 5]]),
        ([True, False, False, False, True, True], [[0, 1, 2], [3]]),
        ([None, None, None, True], [[0, 1, 2]]),
        ([False], [[0]]),
        ([], []),
    ],
)
def test_neighbours_of_a_complaint_are_judged_until_three_in_a_row_pass(
    verdicts: list[bool | None], rounds: list[list[int]]
) -> None:
    assert beside_complaint(verdicts) == rounds


@pytest.mark.parametrize(
    ("verdicts", "rounds"),
    [
        ([True, True], [[0]]),
        ([False, True, True], [[0], [1]]),
        ([False] * 9, [[0], [1], [2]]),
        ([None] * 9, [[0], [1], [2]]),
        ([], []),
    ],
)
def test_neighbours_of_a_failure_are_judged_until_a_second_fails_or_three_pass(
    verdicts: list[bool | None], rounds: list[list[int]]
) -> None:
    assert after_failure(verdicts) == rounds


@given(st.lists(st.booleans(), max_size=20))
def test_asking_several_at_once_asks_no_more_than_one_by_one(verdicts: list[bool]) -> None:
    one_by_one, passed = 0, 0
    while one_by_one < len(verdicts) and passed < 3:
        passed = 0 if verdicts[one_by_one] else passed + 1
        one_by_one += 1
    assert sum(map(len, beside_complaint(verdicts))) == one_by_one


def test_a_known_failure_ends_a_walk_without_a_call() -> None:
    calls = ledger(3, complained=[0])
    assert NeighbourWalk([0, 1, 2], ends_with_failure=True).due(calls) == []


def test_known_passes_count_as_misses_without_a_call() -> None:
    calls = ledger(4)
    calls.record(dict.fromkeys(calls.take([0, 1]), False))
    calls.close_round()
    assert judged(calls, [False] * 4, NeighbourWalk(range(4), ends_with_failure=True)) == [[2]]


def test_a_neighbour_that_costs_too_much_is_passed_over() -> None:
    calls = CallLedger([3, 1], [False, False], 2)
    assert NeighbourWalk([0, 1], ends_with_failure=True).due(calls) == [1]


def test_a_walk_waits_for_a_neighbour_another_walk_has_asked_for() -> None:
    calls = ledger(3)
    calls.take([0])
    assert NeighbourWalk([0, 1, 2], ends_with_failure=True).due(calls) == [0]


def test_a_neighbour_that_was_not_judged_after_all_is_a_miss() -> None:
    calls = ledger(4)
    calls.take([0, 1])
    calls.close_round()
    assert judged(calls, [False] * 4, NeighbourWalk(range(4), ends_with_failure=True)) == [[2]]


@given(st.lists(st.integers(1, 3), max_size=20), st.integers(0, 40), st.integers(0, 40), st.integers(1, 20))
def test_no_more_is_taken_than_fits(costs: list[int], calls: int, limit: int, most: int) -> None:
    book = CallLedger(costs, [False] * len(costs), calls)
    taken = book.take(range(len(costs)), limit=limit, most=most)
    assert calls - book.left == sum(costs[one] for one in taken) <= min(calls, limit)
    assert len(taken) <= most


def test_taking_a_few_leaves_the_rest_in_the_queue() -> None:
    queue = iter(range(5))
    ledger(5).take(queue, most=2)
    assert list(queue) == [2, 3, 4]


def test_nothing_is_asked_for_twice() -> None:
    calls = ledger(3)
    calls.take([0, 1])
    assert calls.take([0, 1, 2]) == [2]


@pytest.mark.parametrize("stranger", [2, 7])
def test_a_verdict_nobody_asked_for_is_refused(stranger: int) -> None:
    calls = ledger(3)
    calls.take([0, 1])
    with pytest.raises(ValueError, match=rf"\[{stranger}\] are not in the round"):
        calls.record({0: True, stranger: False})
