from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tail_pipeline.domain.embedding import Vectors
from tail_pipeline.domain.novelty import (
    EarlierCase,
    EarlierStatus,
    HistoryIndex,
    Novelty,
    Outcome,
    Verdict,
    judge_novelty,
)
from tail_pipeline.domain.weeks import MiningDay

SHA = "3f1c00000000"
PLACES = {"east": (1, 0), "east too": (1, 0), "north": (0, 1), "north-east": (1, 1), "nearly east": (10, 1)}
W10, W15 = MiningDay.parse("2026-W10-1"), MiningDay.parse("2026-W15-1")


def earlier(case_id: str = "case", status: EarlierStatus = EarlierStatus.UNDECIDED, **changes: Any) -> EarlierCase:
    return EarlierCase(**{"id": case_id, "status": status, "texts": ("east",), "rubric_sha": SHA} | changes)


def vectors(texts: list[str]) -> Vectors:
    return Vectors.of(np.array([PLACES[text] for text in texts], dtype=np.float32).reshape(-1, 2), None)


def match(*cases: EarlierCase, texts: tuple[str, ...] = ("nearly east",), spans: tuple[str, ...] = ()) -> str | None:
    """Id of the earlier case that a cluster of ``texts`` repeats."""
    index = HistoryIndex(cases, vectors(HistoryIndex.texts_of(cases)), threshold=0.9)
    found = index.match(vectors(list(texts)), texts, spans)
    return found.id if found else None


def test_without_history_nothing_matches() -> None:
    assert match() is None


def test_a_case_of_the_same_direction_matches() -> None:
    assert match(earlier("east")) == "east"


def test_a_case_of_another_direction_does_not_match() -> None:
    assert match(earlier("north", texts=("north",))) is None


def test_the_centroid_is_compared_and_not_one_member() -> None:
    """One text of the case is close; the case as a whole means something else."""
    assert match(earlier("wide", texts=("east", "north"))) is None


def test_centroids_of_wide_clusters_can_be_the_same() -> None:
    assert match(earlier("wide", texts=("east", "north")), texts=("north", "east too")) == "wide"


def test_a_case_that_shares_a_text_matches_whatever_its_centroid() -> None:
    assert match(earlier("shares", texts=("North", "east")), texts=("north",)) == "shares"


def test_a_case_that_shares_a_span_matches_at_half_the_similarity() -> None:
    assert (
        match(earlier("shares", texts=("north-east",), span_ids=frozenset({"span-7"})), spans=("span-7",)) == "shares"
    )


def test_a_stranger_with_the_same_span_id_does_not_match() -> None:
    """Span ids are unique inside one trace only."""
    assert match(earlier("stranger", texts=("north",), span_ids=frozenset({"span-7"})), spans=("span-7",)) is None


def test_what_was_rejected_comes_back_when_it_costs_more() -> None:
    case = earlier("case-1", EarlierStatus.REJECTED, weight=40)
    verdict = judge_novelty(case, weight=20, cost_weight=10, rubric_sha=SHA)
    assert (verdict.outcome, verdict.novelty) == (Outcome.PROPOSED, Novelty.REVIVED)


def test_a_case_that_shares_members_goes_before_one_that_is_only_similar() -> None:
    cases = [
        earlier("a-shares", texts=("north-east",), span_ids=frozenset({"span-7"}), mined=W10),
        earlier("z-similar", mined=W10),
    ]
    assert match(*cases, spans=("span-7",)) == "a-shares"


@pytest.mark.parametrize("reverse", [False, True])
def test_of_similar_cases_a_known_one_decides(reverse: bool) -> None:
    cases = [
        earlier("known", EarlierStatus.KNOWN, texts=("north-east", "east", "east")),
        earlier("recent", texts=("east",), mined=W15),
    ]
    assert match(*(cases[::-1] if reverse else cases)) == "known"


@pytest.mark.parametrize("reverse", [False, True])
def test_of_similar_cases_the_most_recent_decides(reverse: bool) -> None:
    cases = [earlier("old", EarlierStatus.REJECTED, mined=W10), earlier("recent", EarlierStatus.UNDECIDED, mined=W15)]
    assert match(*(cases[::-1] if reverse else cases)) == "recent"


@pytest.mark.parametrize("reverse", [False, True])
def test_of_cases_of_one_day_the_most_similar_decides(reverse: bool) -> None:
    cases = [earlier("near", texts=("nearly east", "east"), mined=W10), earlier("z-far", texts=("east",), mined=W10)]
    assert match(*(cases[::-1] if reverse else cases), texts=("nearly east", "east too")) == "near"


def test_the_texts_to_place_come_in_canonical_form_case_after_case() -> None:
    cases = [earlier("a", texts=("One 1", "two")), earlier("b", texts=("THREE",))]
    assert HistoryIndex.texts_of(cases) == ["one 0", "two", "three"]


def test_an_earlier_case_without_a_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="earlier case x has no text to compare with"):
        earlier("x", texts=())


def test_what_was_never_seen_is_new() -> None:
    assert judge_novelty(None, weight=1, cost_weight=1, rubric_sha=SHA) == Verdict(Outcome.PROPOSED, Novelty.NEW)


@pytest.mark.parametrize(
    ("status", "outcome", "novelty"),
    [
        (EarlierStatus.KNOWN, Outcome.KNOWN, None),
        (EarlierStatus.UNDECIDED, Outcome.UNDECIDED, None),
        (EarlierStatus.ABANDONED, Outcome.PROPOSED, Novelty.RETURNING),
        (EarlierStatus.REJECTED, Outcome.REJECTED_BEFORE, None),
    ],
)
def test_what_was_seen_is_judged_by_how_it_stands(
    status: EarlierStatus, outcome: Outcome, novelty: Novelty | None
) -> None:
    case = earlier("case-1", status, weight=10, first_seen="2026-W10")
    assert judge_novelty(case, weight=10, cost_weight=1, rubric_sha=SHA) == Verdict(
        outcome, novelty, "case-1", "2026-W10"
    )


@pytest.mark.parametrize(
    ("before", "now", "sha", "outcome"),
    [
        (10, 19, SHA, Outcome.REJECTED_BEFORE),
        (10, 20, SHA, Outcome.PROPOSED),
        (10, 1, "another", Outcome.PROPOSED),
        (10, 1, SHA, Outcome.REJECTED_BEFORE),
        (0, 1, SHA, Outcome.REJECTED_BEFORE),
        (0, 2, SHA, Outcome.PROPOSED),
    ],
    ids=["nearly twice", "twice", "another rubric", "smaller", "no weight then", "no weight then, two now"],
)
def test_a_rejected_case_is_revived_at_twice_its_weight_or_under_another_rubric(
    before: int, now: int, sha: str, outcome: Outcome
) -> None:
    case = earlier("case-1", EarlierStatus.REJECTED, weight=before)
    assert judge_novelty(case, weight=now, cost_weight=1, rubric_sha=sha).outcome is outcome


def test_a_revived_case_says_so() -> None:
    case = earlier("case-1", EarlierStatus.REJECTED, weight=1)
    assert judge_novelty(case, weight=2, cost_weight=1, rubric_sha=SHA).novelty is Novelty.REVIVED


@pytest.mark.parametrize("status", [EarlierStatus.KNOWN, EarlierStatus.UNDECIDED])
def test_growth_does_not_bring_back_what_is_known_or_under_review(status: EarlierStatus) -> None:
    assert (
        judge_novelty(earlier("case-1", status, weight=1), weight=1_000, cost_weight=1, rubric_sha="another").novelty
        is None
    )
