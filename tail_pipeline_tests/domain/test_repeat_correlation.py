"""The noise of a judge: what repeats of one content say about it, and what their mean is worth."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.repeat_correlation import repeat_error

SHROUT_AND_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def simulated(shared_sd: float, own_sd: float, *, label_gap: float = 0.0) -> tuple[list[list[float]], list[bool]]:
    """2,000 contents scored three times: label, plus an error that repeats share, plus one of each repeat's own."""
    generator = random.Random(0)
    labels = [generator.random() < 0.4 for _ in range(2_000)]
    rows = []
    for label in labels:
        shared = 0.8 - label_gap * label + generator.gauss(0, shared_sd)
        rows.append([shared + generator.gauss(0, own_sd) for _ in range(3)])
    return rows, labels


def test_the_correlation_is_that_of_the_published_example():
    """Shrout and Fleiss (1979), table 4: ICC(1,1) = .17."""
    found = repeat_error(SHROUT_AND_FLEISS, [True] * 6)

    assert found is not None
    assert found.correlation == pytest.approx(0.17, abs=0.005)
    assert found.sd == pytest.approx(6.26**0.5, abs=0.005)


@pytest.mark.parametrize(
    ("shared_sd", "own_sd", "correlation"), [(0.0, 0.05, 0.0), (0.05, 0.05, 0.5), (0.1, 0.05, 0.8)]
)
def test_planted_errors_are_found_again(shared_sd: float, own_sd: float, correlation: float):
    found = repeat_error(*simulated(shared_sd, own_sd))

    assert found is not None
    assert (found.sd, found.correlation) == pytest.approx((own_sd, correlation), abs=0.03)


def test_what_the_label_explains_is_no_error():
    apart, together = (repeat_error(*simulated(0.05, 0.05, label_gap=gap)) for gap in (0.4, 0.0))

    assert apart is not None
    assert together is not None
    assert apart.correlation == pytest.approx(together.correlation)


@pytest.mark.parametrize(("shared_sd", "remaining"), [(0.0, 3**-0.5), (0.05, (2 / 3) ** 0.5)])
def test_the_mean_keeps_what_repeats_share(shared_sd: float, remaining: float):
    found = repeat_error(*simulated(shared_sd, 0.05))

    assert found is not None
    assert found.remaining == pytest.approx(remaining, abs=0.03)


@settings(max_examples=50, deadline=None)
@given(shift=st.floats(-1, 1), factor=st.floats(0.1, 10))
def test_the_correlation_does_not_depend_on_the_scale(shift: float, factor: float):
    moved = repeat_error([[shift + factor * score for score in row] for row in SHROUT_AND_FLEISS], [True] * 6)
    still = repeat_error(SHROUT_AND_FLEISS, [True] * 6)

    assert moved is not None
    assert still is not None
    assert moved.correlation == pytest.approx(still.correlation)


def test_scores_that_never_vary_have_no_correlation():
    found = repeat_error([[0.5, 0.5]] * 4, [True, True, False, False])

    assert found is not None
    assert (found.sd, found.correlation, found.remaining) == (0.0, None, None)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [([], []), ([[0.5], [0.7], [0.9]], [True, True, False]), ([[0.5, 0.6], [0.7, 0.9]], [True, False])],
    ids=["nothing", "one score each", "one content per label"],
)
def test_too_little_says_nothing(scores: list[list[float]], labels: list[bool]):
    assert repeat_error(scores, labels) is None
