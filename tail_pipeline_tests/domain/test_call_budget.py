"""How many calls one run may make."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.questions import BudgetSpentError


def takes(budget: CallBudget, times: int) -> int:
    taken = 0
    for _ in range(times):
        try:
            budget.take()
        except BudgetSpentError:
            continue
        taken += 1
    return taken


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_calls_made_before_and_now_never_pass_the_limit(max_calls: int, before: int, wanted: int):
    budget = CallBudget(max_calls)
    budget.charge(before)
    taken = takes(budget, wanted)
    assert (taken, budget.spent) == (min(wanted, max(0, max_calls - before)), before + taken)


def test_threads_share_the_limit():
    budget = CallBudget(1_000)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _thread: takes(budget, 500), range(8))) == 1_000


def test_requiring_a_call_takes_none():
    budget = CallBudget(1)
    budget.require()
    assert budget.spent == 0


def test_a_spent_budget_says_how_large_it_was():
    with pytest.raises(BudgetSpentError, match="all 0 calls"):
        CallBudget(0).require()
