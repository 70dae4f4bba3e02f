"""Which texts are nearly the same, and which are nearest."""

from __future__ import annotations

import random

import pytest

from tail_pipeline.domain.embedding import LexicalEncoder, canonical
from tail_pipeline.domain.neighbourhood import NEAREST, Neighbourhood
from tail_pipeline_tests.domain.builders import ordinary_texts

REFUNDS = ["refund my broken kettle", "refund the broken kettle", "Refund my BROKEN kettle"]
STATUTES = ["cite the out-of-state statute", "which out-of-state statute applies"]
WEEK = [*ordinary_texts(), *REFUNDS, *STATUTES]


def texts_near(text: str, texts: list[str]) -> list[str]:
    return [texts[position] for position in Neighbourhood(texts, LexicalEncoder()).nearest([texts.index(text)])[0]]


def test_the_same_text_written_otherwise_comes_first() -> None:
    assert texts_near(REFUNDS[0], WEEK)[:2] == [REFUNDS[2], REFUNDS[1]]


def test_a_text_of_the_same_intent_is_nearer_than_all_others() -> None:
    assert texts_near(STATUTES[0], WEEK)[0] == STATUTES[1]


def test_a_text_is_not_its_own_neighbour() -> None:
    assert REFUNDS[0] not in texts_near(REFUNDS[0], WEEK)


def test_as_many_neighbours_are_known_as_are_of_use() -> None:
    assert len(texts_near(REFUNDS[0], WEEK)) == NEAREST


def test_a_text_said_often_is_near_to_itself_said_again() -> None:
    week = [*ordinary_texts(), *["where is it"] * (NEAREST + 5)]
    assert set(texts_near("where is it", week)) == {"where is it"}


def test_nearly_the_same_texts_are_one_group() -> None:
    groups = [{WEEK[one] for one in group} for group in Neighbourhood(WEEK, LexicalEncoder()).near_duplicates()]
    assert set(REFUNDS) in groups


def test_every_text_is_in_one_group() -> None:
    groups = Neighbourhood(WEEK, LexicalEncoder()).near_duplicates()
    assert sorted(one for group in groups for one in group) == list(range(len(WEEK)))


def test_neighbours_and_groups_do_not_depend_on_the_order_of_the_rows() -> None:
    found = []
    for seed in range(2):
        week = random.Random(seed).sample(WEEK, len(WEEK))
        known = Neighbourhood(week, LexicalEncoder())
        groups = {frozenset(week[one] for one in group) for group in known.near_duplicates()}
        found.append((groups, [canonical(week[one]) for one in known.nearest([week.index(STATUTES[0])])[0]]))
    assert found[0] == found[1]


@pytest.mark.parametrize("texts", [[""], ["", ""], ["", "!"], ["a"], ["a", "A", "a"], ["日本語", "where is it"]])
def test_a_window_of_almost_nothing_has_its_neighbours(texts: list[str]) -> None:
    found = Neighbourhood(texts, LexicalEncoder()).nearest(range(len(texts)))
    assert [sorted(near) for near in found] == [
        [other for other in range(len(texts)) if other != one] for one in range(len(texts))
    ]
