from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.background import BackgroundSample
from tail_pipeline.domain.clustering import ENOUGH_BACKGROUND
from tail_pipeline_tests.domain.builders import span, span_frame

texts = st.lists(
    st.sampled_from([f"{word} {end}" for word in "abcdefghij" for end in ("one", "ONE", "2", "31")]), max_size=40
)


def sampled(rows: list[dict[str, object]], size: int, *, batch: int = 1_000) -> dict[str, tuple[str, str] | None]:
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


@given(texts, texts, st.randoms(use_true_random=False), st.integers(1, 30))
def test_the_order_of_the_earlier_days_does_not_matter(
    said: list[str], earlier: list[str], shuffler: random.Random, size: int
) -> None:
    found = []
    for order in (earlier, shuffler.sample(earlier, len(earlier))):
        sample = BackgroundSample(size)
        sample.add(span_frame([span(number, text) for number, text in enumerate(said)]))
        sample.add_earlier(order)
        found.append({text: sample.key_of(text) for text in sample.texts()})
    assert found[0] == found[1]


@given(texts, texts)
def test_earlier_days_add_texts_and_answer_nothing(said: list[str], earlier: list[str]) -> None:
    rows = [span(number, text) for number, text in enumerate(said)]
    own = sampled(rows, 100)
    sample = BackgroundSample(100)
    sample.add(span_frame(rows))
    sample.add_earlier(earlier)
    answers = {text: sample.key_of(text) for text in sample.texts()}
    assert {text: key for text, key in answers.items() if key} == own
    assert sample.from_earlier_days == len(answers) - len(own)


def test_it_is_enough_when_the_distinct_texts_of_all_days_are() -> None:
    sample = BackgroundSample()
    sample.add(span_frame([span(number, f"question {chr(number)}") for number in range(0x4E00, 0x4E00 + 40)]))
    sample.add_earlier([f"question {chr(0x4E00 + number)}" for number in range(ENOUGH_BACKGROUND - 1)] * 2)
    assert not sample.is_enough
    sample.add_earlier(["one more"])
    assert sample.is_enough
