"""Requests and tokens per minute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.adapters.model_api.pace import Pace
from tail_pipeline_tests.adapters.chat_parts import ToldTime


def starts(pace: Pace, time: ToldTime, tokens: list[int]) -> list[float]:
    """When each of these requests goes, one after the other."""
    found = []
    for one in tokens:
        time.sleep(pace.book(one))
        found.append(time.now())
    return found


@given(st.integers(1, 500), st.lists(st.integers(0, 100), min_size=2, max_size=60))
def test_no_minute_holds_more_requests_than_allowed(per_minute: int, tokens: list[int]):
    time = ToldTime()
    found = starts(Pace(per_minute, None, time.now), time, tokens)
    assert max(sum(start <= other < start + 59.999 for other in found) for start in found) <= per_minute


@given(st.integers(10, 10_000), st.lists(st.integers(1, 3_000), min_size=1, max_size=60))
def test_tokens_are_spread_over_the_time_they_need(per_minute: int, tokens: list[int]):
    time = ToldTime()
    found = starts(Pace(None, per_minute, time.now), time, [*tokens, 0])
    assert abs(found[-1] - found[0] - sum(tokens) * 60 / per_minute) < 1e-3


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)), min_size=1, max_size=40))
def test_what_was_used_counts_in_the_end_and_not_what_was_estimated(requests: list[tuple[int, int]]):
    time = ToldTime()
    pace = Pace(None, 1_000, time.now)
    for estimated, used in requests:
        pace.book(estimated)
        pace.correct(estimated, used)
    assert abs(pace.book(0) - sum(used for _estimated, used in requests) * 60 / 1_000) < 1e-3


def test_nobody_waits_without_a_limit():
    assert [Pace(None, None, ToldTime().now).book(10**9) for _ in range(3)] == [0, 0, 0]


def test_an_idle_hour_is_not_saved_up():
    time = ToldTime()
    pace = Pace(60, None, time.now)
    pace.book(0)
    time.sleep(3_600)
    assert [pace.book(0), pace.book(0)] == [0, 1]


def test_the_longest_pause_counts():
    time = ToldTime()
    pace = Pace(None, None, time.now)
    pace.pause(20)
    pace.pause(5)
    assert pace.book(0) == 20
