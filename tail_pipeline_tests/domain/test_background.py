from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.background import BackgroundSample
from tail_pipeline_tests.domain.builders import span, span_frame

texts = st.lists(
    st.sampled_from([f"{word} {end}" for word in "abcdefghij" for end in ("one", "ONE", "2", "31")]), max_size=40
)


def sampled(rows: list[dict[str, object]], size: int, *, batch: int = 1_000) -> dict[str, tuple[str, str]]:
    sample = BackgroundSample(size)
    for start in range(0, len(rows), batch):
        sample.add(span_frame(rows[start : start + batch]))
    return {text: sample.key_of(text) for text in sample.texts()}


@given(texts, st.randoms(use_true_random=False), st.integers(1, 12))
def test_the_order_of_the_rows_does_not_matter(said: list[str], shuffler: random.Random, size: int) -> None:
    rows = [span(number, text) for number, text in enumerate(said)]
    shuffled = shuffler.sample(rows, len(rows))
    assert sampled(shuffled, size) == sampled(rows, size)


@given(texts, st.integers(1, 12), st.integers(1, 7))
def test_how_the_rows_are_batched_does_not_matter(said: list[str], size: int, batch: int) -> None:
    rows = [span(number, text) for number, text in enumerate(said)]
    assert sampled(rows, size, batch=batch) == sampled(rows, size)


@given(texts, st.integers(1, 12))
def test_the_sample_holds_as_many_distinct_texts_as_fit(said: list[str], size: int) -> None:
    distinct = {text.casefold().replace("2", "0").replace("31", "0") for text in said}
    found = sampled([span(number, text) for number, text in enumerate(said)], size)
    assert len(found) == min(size, len(distinct))


def test_texts_that_differ_in_case_numbers_and_white_space_count_once() -> None:
    rows = [span(1, "Order 12 is late"), span(2, "order  7 is LATE"), span(3, "order 12345 is late ")]
    assert list(sampled(rows, 10)) == ["order 0 is late"]


def test_texts_come_sorted() -> None:
    assert list(sampled([span(1, "b"), span(2, "c"), span(3, "a")], 10)) == ["a", "b", "c"]


def test_of_several_spans_that_said_it_the_smallest_key_answers() -> None:
    assert sampled([span(3, "a"), span(1, "A"), span(2, "a")], 10) == {"a": ("trace-0001", "span-0001")}


def test_the_choice_does_not_follow_the_alphabet() -> None:
    """A sample of the first texts would know only what one kind of user says."""
    rows = [
        span(number, f"{first}{second}")
        for number, (first, second) in enumerate((a, b) for a in "abcdefgh" for b in "xyz")
    ]
    assert len({text[0] for text in sampled(rows, 12)}) > 4


def test_an_empty_sample_has_no_texts() -> None:
    assert BackgroundSample().texts() == []


def test_a_text_outside_the_sample_has_no_key() -> None:
    with pytest.raises(KeyError):
        BackgroundSample().key_of("never said")
