"""What may be said of spans nobody judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tail_pipeline.domain.audit import Audit, most_failing

counts = st.integers(1, 400).flatmap(lambda sampled: st.tuples(st.integers(0, sampled), st.just(sampled)))


@given(counts)
def test_the_bound_is_that_of_clopper_and_pearson(count: tuple[int, int]) -> None:
    failing, sampled = count
    reference = binomtest(failing, sampled, alternative="less").proportion_ci(confidence_level=0.95, method="exact")
    assert most_failing(failing, sampled) == pytest.approx(reference.high, abs=1e-9)


@pytest.mark.parametrize("failing", [0, 1, 8, 80, 400])
@pytest.mark.parametrize("sampled", [20, 150, 1_500])
@pytest.mark.parametrize("found", [10, 300])
def test_the_stated_share_holds_in_nineteen_of_twenty_weeks(failing: int, sampled: int, found: int) -> None:
    """``failing`` of 2,000 unjudged contents fail."""
    weeks = np.random.default_rng(0).hypergeometric(failing, 2_000 - failing, sampled, size=2_000)
    held = [
        Audit.of(population=2_000, sampled=sampled, failing=seen, found=found + seen).lower_bound
        <= (found + seen) / (found + failing)
        for seen in weeks.tolist()
    ]
    assert np.mean(held) >= 0.94


@st.composite
def audits(draw: st.DrawFn) -> Audit:
    population = draw(st.integers(0, 5_000))
    sampled = draw(st.integers(0, population))
    failing = draw(st.integers(0, sampled))
    return Audit.of(
        population=population, sampled=sampled, failing=failing, found=failing + draw(st.integers(0, 1_000))
    )


@given(audits())
def test_a_share_is_between_nothing_and_all(audit: Audit) -> None:
    assert 0 <= audit.lower_bound <= 1


@given(audits())
def test_the_stated_share_is_never_more_than_if_all_others_passed_nor_less_than_if_they_failed(audit: Audit) -> None:
    unseen = audit.population - audit.sampled
    assert audit.lower_bound >= (audit.found / (audit.found + unseen) if unseen else 1) - 1e-12


def test_everything_judged_is_everything_found() -> None:
    assert Audit.of(population=0, sampled=0, failing=0, found=7).lower_bound == 1


def test_everything_audited_is_everything_found() -> None:
    assert Audit.of(population=50, sampled=50, failing=50, found=50).lower_bound == 1


def test_without_an_audit_all_that_is_left_may_fail() -> None:
    assert Audit.of(population=30, sampled=0, failing=0, found=10).lower_bound == 0.25


def test_nothing_found_is_no_share_of_what_may_be_there() -> None:
    assert Audit.of(population=1_000, sampled=100, failing=0, found=0).lower_bound == 0


def test_a_larger_audit_without_failures_says_more() -> None:
    bounds = [Audit.of(population=1_000, sampled=size, failing=0, found=20).lower_bound for size in (10, 100, 900)]
    assert bounds == sorted(set(bounds))


@pytest.mark.parametrize(
    ("population", "sampled", "failing", "found"), [(10, 11, 0, 0), (10, 5, 6, 6), (10, 5, 3, 2), (10, 5, -1, 2)]
)
def test_counts_that_cannot_be_are_refused(population: int, sampled: int, failing: int, found: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Audit.of(population=population, sampled=sampled, failing=failing, found=found)


AUDITED = (
    "At least 51 % of the distinct contents that full scoring would flag were found (95 % confidence; 150 of 4,120 "
    "unjudged ones were audited, 3 failed)."
)
NOT_AUDITED = (
    "At least 25 % of the distinct contents that full scoring would flag were found, should all 300 unjudged ones fail; "
    "none of them was audited."
)
NOTHING_FOUND = (
    "Nothing that full scoring would flag was found; at most 29 distinct contents were missed (95 % confidence; 100 of "
    "1,000 unjudged ones were audited, 0 failed)."
)


@pytest.mark.parametrize(
    ("population", "sampled", "failing", "found", "sentence"),
    [
        (4_120, 150, 3, 220, AUDITED),
        (0, 0, 0, 12, "Every distinct content was judged."),
        (300, 0, 0, 100, NOT_AUDITED),
        (1_000, 100, 0, 0, NOTHING_FOUND),
    ],
)
def test_an_audit_in_a_sentence(population: int, sampled: int, failing: int, found: int, sentence: str) -> None:
    assert Audit.of(population=population, sampled=sampled, failing=failing, found=found).sentence == sentence
