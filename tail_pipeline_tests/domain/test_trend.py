from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.trend import (
    Trend,
    Verdict,
    WeekNumbers,
    affected_weeks,
    earlier_weeks,
    growth_test,
    judge_trend,
)
from tail_pipeline.domain.weeks import Cadence, IsoWeek, mining_days
from tail_pipeline_tests.domain.builders import WEEK, week_numbers


def weeks_back(clusters: Mapping[int, int | dict[str, Any]]) -> dict[IsoWeek, WeekNumbers]:
    """Numbers by how many weeks before the judged one they are; a plain number is the clusters."""
    found = {}
    for back, given_numbers in clusters.items():
        changes = given_numbers if isinstance(given_numbers, dict) else {"clusters": given_numbers}
        week = WEEK.shifted(-back)
        found[week] = week_numbers(week, **({"clusters": 5} | changes))
    return found


def judged(clusters: Mapping[int, int | dict[str, Any]]) -> Trend:
    return judge_trend(WEEK, weeks_back(clusters), Cadence.WEEKLY)


CAPPED = {"clusters": 20}
FEW_NEW = {"new_clusters": 2}


@pytest.mark.parametrize(
    ("clusters", "verdict"),
    [
        ({2: 3, 1: 4, 0: 5}, Verdict.GROWING),
        ({2: 3, 1: 4, 0: 4}, Verdict.STEADY),
        ({2: 4, 1: 4, 0: 5}, Verdict.STEADY),
        ({2: 5, 1: 4, 0: 5}, Verdict.STEADY),
        ({2: 9, 1: 7, 0: 5}, Verdict.STEADY),
        ({1: CAPPED, 0: CAPPED}, Verdict.CAPPED),
        ({1: {"clusters": 31}, 0: {"clusters": 25}}, Verdict.CAPPED),
        ({2: CAPPED, 1: CAPPED, 0: {"clusters": 19}}, Verdict.STEADY),
        ({2: CAPPED, 1: {"clusters": 19}, 0: CAPPED}, Verdict.STEADY),
        ({1: FEW_NEW, 0: FEW_NEW}, Verdict.CLOSING),
        ({1: {"new_clusters": 3}, 0: FEW_NEW}, Verdict.STEADY),
        ({1: FEW_NEW, 0: {"new_clusters": 3}}, Verdict.STEADY),
        ({1: {"new_clusters": 0}, 0: {"new_clusters": 0}}, Verdict.CLOSING),
    ],
)
def test_the_verdict_follows_the_rules(clusters: dict[int, int | dict[str, Any]], verdict: Verdict) -> None:
    assert judged(clusters).verdict is verdict


@pytest.mark.parametrize(
    ("clusters", "verdict"),
    [
        ({2: 18, 1: {"clusters": 20, **FEW_NEW}, 0: {"clusters": 21, **FEW_NEW}}, Verdict.CAPPED),
        ({2: 18, 1: 20, 0: 21}, Verdict.CAPPED),
        ({2: 3, 1: {"clusters": 4, **FEW_NEW}, 0: {"clusters": 5, **FEW_NEW}}, Verdict.GROWING),
        ({2: 5, 1: {"clusters": 4, **FEW_NEW}, 0: {"clusters": 5, **FEW_NEW}}, Verdict.CLOSING),
    ],
    ids=["capped, growing and closing", "capped and growing", "growing and closing", "closing"],
)
def test_capped_goes_before_growing_before_closing(clusters: dict[int, int | dict[str, Any]], verdict: Verdict) -> None:
    assert judged(clusters).verdict is verdict


@pytest.mark.parametrize(
    ("clusters", "reason"),
    [
        ({}, "2026-W17 has no tail file"),
        ({2: 3, 1: 4}, "2026-W17 has no tail file"),
        ({0: 5}, "2026-W16 has no tail file, so nothing can be compared"),
        ({2: 3, 0: 5}, "2026-W16 has no tail file, so nothing can be compared"),
        ({3: 2, 1: 4, 0: 5}, "up from 4 to 5 clusters, but 2026-W15 has no tail file"),
        ({1: {"clusters": 4, **FEW_NEW}, 0: FEW_NEW}, "up from 4 to 5 clusters, but 2026-W15 has no tail file"),
    ],
)
def test_a_missing_week_is_unknown_and_never_zero(clusters: dict[int, int | dict[str, Any]], reason: str) -> None:
    found = judged(clusters)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, reason)


def test_a_missing_week_that_cannot_change_the_verdict_does_not_hide_it() -> None:
    assert judged({1: 6, 0: 5}).verdict is Verdict.STEADY


def test_the_missing_weeks_are_named_from_the_first_file_on() -> None:
    found = judged({4: 3, 2: 4, 0: 5})
    assert [str(week) for week in found.missing] == ["2026-W14", "2026-W16"]


def test_the_weeks_of_a_trend_come_oldest_first() -> None:
    assert [one.clusters for one in judged({0: 5, 4: 1, 2: 3}).weeks] == [1, 3, 5]


def test_later_weeks_do_not_count() -> None:
    assert [one.clusters for one in judged({-1: 9, 0: 5, 1: 4}).weeks] == [4, 5]


def test_weeks_that_are_long_ago_do_not_count() -> None:
    assert [one.clusters for one in judged({11: 1, 12: 2, 0: 5}).weeks] == [1, 5]


@pytest.mark.parametrize(
    ("verdict", "escalates"),
    [("capped", True), ("growing", True), ("closing", False), ("steady", False), ("unknown", False)],
)
def test_only_capped_and_growing_escalate(verdict: str, escalates: bool) -> None:
    assert Verdict(verdict).escalates is escalates


MAY, APRIL, MARCH = IsoWeek(2026, 18), IsoWeek(2026, 14), IsoWeek(2026, 9)
"""The weeks that hold the first of the month."""


def test_a_monthly_agent_compares_months() -> None:
    numbers = {week: week_numbers(week, count) for week, count in ((MARCH, 3), (APRIL, 4), (MAY, 5))}
    assert judge_trend(MAY, numbers, Cadence.MONTHLY).verdict is Verdict.GROWING


def test_the_periods_before_a_month_are_the_weeks_of_earlier_firsts() -> None:
    assert earlier_weeks(MAY, Cadence.MONTHLY, 2) == [APRIL, MARCH]


def test_a_monthly_agent_is_not_judged_in_a_week_without_a_first() -> None:
    found = judge_trend(WEEK, {WEEK: week_numbers(WEEK, 5)}, Cadence.MONTHLY)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "2026-W17 is not a week in which this agent is mined")


@pytest.mark.parametrize("cadence", [Cadence.WEEKLY, Cadence.DAILY])
def test_a_weekly_and_a_daily_agent_compare_weeks(cadence: Cadence) -> None:
    assert [str(week) for week in earlier_weeks(IsoWeek(2026, 2), cadence, 3)] == ["2026-W01", "2025-W52", "2025-W51"]


@pytest.mark.parametrize(
    ("week", "cadence", "affected"),
    [
        (IsoWeek(2026, 52), Cadence.WEEKLY, ["2026-W52", "2026-W53", "2027-W01"]),
        (IsoWeek(2026, 17), Cadence.DAILY, ["2026-W17", "2026-W18", "2026-W19"]),
        (MARCH, Cadence.MONTHLY, ["2026-W09", "2026-W14", "2026-W18"]),
        (IsoWeek(2026, 49), Cadence.MONTHLY, ["2026-W49", "2026-W53", "2027-W05"]),
        (WEEK, Cadence.MONTHLY, ["2026-W17"]),
    ],
)
def test_a_week_affects_its_own_verdict_and_those_of_two_periods(
    week: IsoWeek, cadence: Cadence, affected: list[str]
) -> None:
    assert [str(one) for one in affected_weeks(week, cadence)] == affected


@given(st.integers(-400, 400), st.sampled_from(Cadence))
def test_the_weeks_affected_are_those_that_look_back_on_it(shift: int, cadence: Cadence) -> None:
    week = WEEK.shifted(shift)
    looking_back = [
        later for later in (week.shifted(n) for n in range(1, 12)) if week in earlier_weeks(later, cadence, 2)
    ]
    mined = bool(mining_days(week, cadence))
    assert affected_weeks(week, cadence) == [week, *(looking_back if mined else [])]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([3, 20])), min_size=2, max_size=6),
    st.sampled_from(Cadence),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_in_whatever_order_weeks_land_the_same_ones_escalate(
    counts: list[tuple[int, int]], cadence: Cadence, order: random.Random
) -> None:
    """Judging what each landing affects finds every escalating week, and none that the whole history would not."""
    weeks = [MAY, *earlier_weeks(MAY, cadence, len(counts) - 1)]
    whole = {
        week: week_numbers(week, clusters, max_clusters=cap)
        for week, (clusters, cap) in zip(weeks, counts, strict=True)
    }
    landed: dict[IsoWeek, WeekNumbers] = {}
    escalated: set[IsoWeek] = set()
    for week in order.sample(weeks, len(weeks)):
        landed[week] = whole[week]
        escalated |= {
            one
            for one in affected_weeks(week, cadence)
            if one in landed and judge_trend(one, landed, cadence).verdict.escalates
        }
    assert escalated == {week for week in weeks if judge_trend(week, whole, cadence).verdict.escalates}


@pytest.mark.parametrize("count", [1, 3])
def test_with_a_short_history_the_remark_says_so(count: int) -> None:
    remark = judged(dict.fromkeys(range(count), 5)).remark
    assert remark == f"Too little history for a test: {count} contiguous weeks with traffic, 4 are needed."


def test_a_gap_ends_the_history_of_the_remark() -> None:
    remark = judged({0: 5, 1: 5, 3: 5, 4: 5, 5: 5}).remark
    assert remark.startswith("Too little history for a test: 2 contiguous weeks")


def test_weeks_without_traffic_do_not_count_for_the_remark() -> None:
    remark = judged({0: 5, 1: 5, 2: 5, 3: {"spans": 0, "failing": 0, "clusters": 0}}).remark
    assert remark.startswith("Too little history for a test: 3 contiguous weeks")


def test_steep_growth_is_called_unlikely_to_be_chance() -> None:
    remark = judged({back: round(40 * 0.6**back) for back in range(8)}).remark
    assert remark.endswith("Unlikely to be chance.")


def test_a_flat_tail_is_called_chance() -> None:
    remark = judged(dict.fromkeys(range(8), 6)).remark
    assert remark == (
        "Growth beyond traffic over 8 weeks: clusters +0% a week (p = 0.50), failing spans +0% a week (p = 0.50). "
        "Chance alone could look like this."
    )


def test_a_sudden_first_failure_makes_a_readable_remark() -> None:
    """The fitted rate has no bound here; nobody wants to read it with forty digits."""
    remark = judged({0: 9, **dict.fromkeys(range(1, 8), 0)}).remark
    assert len(remark) < 250


def simulated(growth: float, *, weeks: int = 8, runs: int = 500, mean: float = 10.0, seed: int = 17) -> float:
    """Share of simulated tails with p < .05; over-dispersed counts, traffic that wanders, clusters like traffic^0.44."""
    generator = np.random.default_rng(seed)
    alarms = 0
    for _ in range(runs):
        traffic = 8_000 * np.exp(np.cumsum(generator.normal(0, 0.1, weeks)))
        expected = mean * (traffic / 8_000) ** 0.44 * growth ** np.arange(weeks)
        counts = generator.poisson(generator.gamma(10, expected / 10))
        alarms += growth_test(range(weeks), counts.tolist(), np.sqrt(traffic).tolist()).p_value < 0.05
    return alarms / runs


def test_a_stationary_tail_raises_few_false_alarms() -> None:
    assert simulated(1.0) < 0.06


def test_growth_of_thirty_percent_a_week_is_seen_in_eight_weeks() -> None:
    assert simulated(1.3, runs=100) > 0.6


def test_a_shrinking_tail_raises_no_alarm() -> None:
    assert simulated(0.7, runs=100) == 0


def test_growth_that_only_follows_the_traffic_is_no_growth() -> None:
    traffic = [1_000.0 * 1.3**week for week in range(8)]
    found = growth_test(range(8), [round(one / 50) for one in traffic], traffic)
    assert (abs(found.per_week) < 0.01, found.p_value > 0.2) == (True, True)


def test_the_growth_that_was_put_in_is_found() -> None:
    counts = [round(100 * 1.2**week) for week in range(10)]
    assert growth_test(range(10), counts, [1_000.0] * 10).per_week == pytest.approx(0.2, abs=0.005)


def test_growth_over_weeks_with_gaps_is_growth_per_week() -> None:
    weeks = [0, 1, 4, 5, 9]
    counts = [round(100 * 1.2**week) for week in weeks]
    assert growth_test(weeks, counts, [1_000.0] * 5).per_week == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize("before", [2, 0])
def test_a_jump_after_quiet_weeks_is_not_called_chance(before: int) -> None:
    """Fewer clusters before the jump make it no likelier to be chance."""
    counts = [0, 0, 0, 0, 0, 0, before, 40]
    assert growth_test(range(8), counts, [100.0] * 8).p_value < 0.05


def test_a_tail_of_nothing_does_not_grow() -> None:
    growth = growth_test(range(6), [0] * 6, [100.0] * 6)
    assert (growth.per_week, growth.p_value) == (pytest.approx(0), pytest.approx(0.5))


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 500_000)), min_size=4, max_size=12))
@settings(deadline=None)
def test_any_history_gives_a_probability(history: list[tuple[int, int]]) -> None:
    found = growth_test(range(len(history)), [count for count, _ in history], [float(spans) for _, spans in history])
    assert (math.isfinite(found.per_week), 0 <= found.p_value <= 1) == (True, True)


@given(st.lists(st.integers(0, 40), min_size=4, max_size=12), st.integers(-3_000, 3_000))
@settings(deadline=None)
def test_which_weeks_they_were_does_not_matter(counts: list[int], shift: int) -> None:
    exposure = [100.0] * len(counts)
    here = growth_test(range(len(counts)), counts, exposure)
    there = growth_test([week + shift for week in range(len(counts))], counts, exposure)
    assert there.p_value == pytest.approx(here.p_value, abs=1e-6)
