from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.disappearance import FileState, LostCase, lost_cases, owed_cases

IDS = st.sampled_from("abcdef")
INPUTS = st.dictionaries(IDS, st.sampled_from(["", "one", "two"]))


def ours(*ids: str) -> FileState:
    return FileState(dict.fromkeys(ids), published=True, ours=True)


def amended(*ids: str) -> FileState:
    return FileState(dict.fromkeys(ids), published=True, ours=False)


def reviewers(*ids: str) -> FileState:
    return FileState(dict.fromkeys(ids), published=False, ours=False)


@given(INPUTS, INPUTS, st.frozensets(IDS))
def test_what_is_lost_was_there_and_is_not_and_nobody_excused_it(before: dict, now: dict, excused: frozenset):
    assert {one.id for one in lost_cases(before, now, excused)} == set(before) - set(now) - excused


@given(INPUTS, INPUTS)
def test_a_new_id_stands_for_one_lost_case_at_most_and_has_its_input(before: dict, now: dict):
    renamed = [(one.id, one.renamed) for one in lost_cases(before, now) if one.renamed]
    assert len({new for _, new in renamed}) == len(renamed)
    assert all(now[new] == before[old] and new not in before for old, new in renamed)


def test_a_case_with_another_id_and_the_same_input_was_renamed():
    assert lost_cases({"a": "one"}, {"b": "one"}) == [LostCase("a", "b")]


def test_nothing_is_known_of_a_case_whose_input_is_not():
    assert lost_cases({"a": None}, {"b": None}) == [LostCase("a", None)]


def test_what_a_reviewer_deleted_is_owed_through_any_number_of_reruns():
    assert set(owed_cases([ours("a", "b"), reviewers("a"), ours("a", "c"), ours("a", "c", "d")])) == set("abcd")


def test_what_a_rerun_replaced_before_anybody_edited_it_is_not_owed():
    assert set(owed_cases([ours("a", "b"), ours("a", "c")])) == {"a", "c"}


def test_what_a_reviewer_added_is_theirs_to_take_away():
    assert owed_cases([reviewers("a"), reviewers()]) == {}


def test_an_amended_commit_of_ours_counts_for_what_it_holds_and_takes_nothing_away():
    assert set(owed_cases([ours("a", "b"), amended("a", "c")])) == {"a", "b", "c"}
