from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.clustering import Grouping, group_by_intent
from tail_pipeline.domain.embedding import LexicalEncoder, canonical
from tail_pipeline_tests.domain.builders import ordinary_texts
from tail_pipeline_tests.strategies import hostile_texts, plain_sentences

ENCODER = LexicalEncoder()
TONE = [
    f"make the tone of this reply warmer for {name}" for name in "anna ben carla dmitri elena farid grace hugo".split()
]
FIRST_LETTERS = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec".split()
)
STATUTE = ["cite the out-of-state statute for this notice", "which out-of-state statute does this notice cite"]


def group(texts: list[str], costly: set[str] = frozenset(), background: list[str] | None = None) -> set[frozenset[str]]:  # type: ignore[assignment]
    found = grouping(texts, costly, background)
    ordered = sorted(set(texts))
    return {frozenset(ordered[place] for place in places) for places in found.groups}


def grouping(texts: list[str], costly: set[str] = frozenset(), background: list[str] | None = None) -> Grouping:  # type: ignore[assignment]
    ordered = sorted(set(texts))
    return group_by_intent(ordered, [text in costly for text in ordered], sorted(background or []), [], ENCODER)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 15, 20, 21])
@pytest.mark.parametrize("with_background", [False, True])
def test_few_texts_are_grouped_without_losing_one(count: int, *, with_background: bool) -> None:
    texts = (TONE + STATUTE + ordinary_texts()[:20])[:count]
    found = group(texts, background=ordinary_texts() if with_background else None)
    assert sorted(text for one in found for text in one) == sorted(texts)


def test_one_empty_text_is_a_group() -> None:
    assert group([""]) == {frozenset({""})}


def test_an_empty_text_among_others_stands_alone() -> None:
    assert frozenset({""}) in group(["", *TONE])


@pytest.mark.parametrize("background", [None, ordinary_texts()], ids=["no background", "background"])
def test_paraphrases_are_together_and_other_intents_apart(background: list[str] | None) -> None:
    assert group(TONE + STATUTE, background=background) == {frozenset(TONE), frozenset(STATUTE)}


def test_words_that_everybody_uses_do_not_bring_texts_together() -> None:
    frame = "how can i {} the {} from last week"
    everyday = [
        frame.format(verb, noun) for verb in "track cancel return change ship find".split() for noun in FIRST_LETTERS
    ]
    texts = [frame.format("see", "moon"), frame.format("bake", "bread")]
    assert group(texts, background=everyday) == {frozenset({texts[0]}), frozenset({texts[1]})}


def test_a_costly_text_is_not_lost_in_a_crowd() -> None:
    """Its group holds it, whatever the crowd around it is about."""
    found = group(TONE + STATUTE, costly={STATUTE[0]}, background=ordinary_texts())
    assert [one for one in found if STATUTE[0] in one] == [frozenset(STATUTE)]


def test_costly_texts_of_one_intent_stay_together_in_a_crowd_of_the_same_words() -> None:
    crowd = [f"{STATUTE[0]} for {name}" for name in "anna ben carla dmitri elena farid grace hugo ivan jo".split()]
    found = group(crowd + STATUTE, costly=set(STATUTE), background=ordinary_texts())
    assert any(set(STATUTE) <= one for one in found)


def test_ordinary_texts_join_the_costly_group_of_their_intent() -> None:
    assert group(TONE, costly={TONE[3]}, background=ordinary_texts()) == {frozenset(TONE)}


def test_two_costly_intents_are_not_joined_by_an_ordinary_text() -> None:
    other = "remove the medical advice about insulin doses"
    found = group([*STATUTE, other], costly={*STATUTE, other}, background=ordinary_texts())
    assert found == {frozenset(STATUTE), frozenset({other})}


pool = st.lists(st.sampled_from([*TONE, *STATUTE, *ordinary_texts()[:30], ""]), min_size=1, max_size=25, unique=True)


@given(pool, st.sets(st.sampled_from([*TONE, *STATUTE])), st.booleans())
@settings(deadline=None, max_examples=60)
def test_every_text_is_in_exactly_one_group(texts: list[str], costly: set[str], with_background: bool) -> None:
    found = grouping(texts, costly, ordinary_texts() if with_background else None)
    assert sorted(place for places in found.groups for place in places) == list(range(len(texts)))


@given(st.lists(hostile_texts(), min_size=1, max_size=25))
@settings(deadline=None, max_examples=60)
def test_no_text_breaks_the_grouping(texts: list[str]) -> None:
    distinct = sorted({canonical(text) for text in texts})
    found = group_by_intent(distinct, [False] * len(distinct), [], [], ENCODER)
    assert sorted(place for places in found.groups for place in places) == list(range(len(distinct)))


@given(pool, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_order_in_which_texts_arrive_does_not_matter(texts: list[str], shuffler: random.Random) -> None:
    assert group(shuffler.sample(texts, len(texts))) == group(texts)


@given(st.lists(plain_sentences(), min_size=22, max_size=40, unique=True))
@settings(deadline=None, max_examples=30)
def test_the_cut_is_never_below_what_the_encoder_allows(texts: list[str]) -> None:
    assert grouping(texts).cut >= ENCODER.min_similarity


@given(st.lists(st.sampled_from([*TONE, *STATUTE, *ordinary_texts()]), min_size=1, max_size=30, unique=True))
@settings(deadline=None, max_examples=30)
def test_without_a_background_the_cut_stays_near_the_prior(texts: list[str]) -> None:
    assert grouping(texts).cut == pytest.approx(ENCODER.prior_similarity, rel=0.2001)


def test_one_text_is_cut_at_the_prior() -> None:
    assert grouping(TONE[:1]).cut == ENCODER.prior_similarity


def test_history_is_placed_in_the_same_space() -> None:
    found = group_by_intent(sorted(TONE), [False] * len(TONE), [], [TONE[0], STATUTE[0]], ENCODER)
    cosines = found.failing.rows([sorted(TONE).index(TONE[0])]).cosines(found.earlier)[0]
    assert (round(float(cosines[0]), 4), bool(cosines[1] < 0.3)) == (1.0, True)
