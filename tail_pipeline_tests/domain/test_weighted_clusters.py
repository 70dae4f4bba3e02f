from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.background import BackgroundSample
from tail_pipeline.domain.embedding import LexicalEncoder
from tail_pipeline.domain.novelty import EarlierCase, EarlierStatus, Novelty, Outcome
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.weighted_clusters import (
    CLUSTER_SCHEMA,
    Cluster,
    ClusterPolicy,
    WeekClusters,
    find_weighted_clusters,
    from_frame,
    to_frame,
)
from tail_pipeline_tests.domain.builders import (
    RUBRIC,
    background_of,
    cluster,
    failing_frame,
    ordinary_texts,
    span,
)
from tail_pipeline_tests.strategies import hostile_texts

ENCODER = LexicalEncoder()
FIRST_NAMES = (
    "anna ben carla dmitri elena farid grace hugo ivan jo kim lars mina noor otto petra quinn rosa sven tara "
    "uma vera wes xena yuri zoe abel bea cy dora egon fay gus hana ilse jens kaya leo mara nils"
).split()
TONE = [f"make the tone of this reply warmer for {name}" for name in FIRST_NAMES]
STATUTE = ["cite the out-of-state statute for this notice", "which out-of-state statute does this notice cite"]
TOPICS = (
    "translate bicycle poems,sharpen kitchen knives,water tropical orchids,tune violin strings,polish silver spoons,"
    "train beagle puppies,paint wooden fences,brew ginger beer,fold paper cranes,carve pumpkin lanterns"
).split(",")


def find(
    rows: Sequence[dict[str, Any]],
    *,
    background: BackgroundSample | None = None,
    history: Sequence[EarlierCase] = (),
    max_clusters: int = 20,
    min_cluster_size: int = 2,
    rubric: Rubric = RUBRIC,
) -> WeekClusters:
    return find_weighted_clusters(
        failing_frame(rows, rubric),
        background if background is not None else BackgroundSample(),
        history,
        encoder=ENCODER,
        rubric=rubric,
        policy=ClusterPolicy(max_clusters=max_clusters, min_cluster_size=min_cluster_size),
    )


def spans(texts: Sequence[str], *, start: int = 1, **changes: Any) -> list[dict[str, Any]]:
    return [span(number, text, **changes) for number, text in enumerate(texts, start)]


def span_ids(found: Cluster) -> list[str]:
    return [span_id for _, span_id in found.members]


def numbered(numbers: Sequence[int]) -> list[str]:
    return [f"span-{number:04d}" for number in numbers]


PASSING = background_of(ordinary_texts())


def test_two_regulatory_spans_outrank_forty_about_tone() -> None:
    rows = [*spans(TONE), *spans(STATUTE, start=101, labels=["regulatory"])]
    found = find(rows, background=PASSING).clusters
    assert [(one.rank, one.size, one.weight, one.cost_weight) for one in found] == [(1, 2, 20, 10), (2, 40, 40, 1)]


def test_no_span_makes_no_cluster() -> None:
    found = find([])
    assert (found.clusters, found.points) == ([], [])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_handful_of_spans_is_not_lost(count: int) -> None:
    rows = spans([*TONE[:2], *STATUTE, TOPICS[0]][:count])
    assert sorted(key for one in find(rows).clusters for key in span_ids(one)) == numbered(range(1, count + 1))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 30])
def test_identical_texts_are_one_cluster(count: int) -> None:
    found = find(spans(["where is my refund"] * count), min_cluster_size=1).clusters
    assert [one.size for one in found] == [count]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
@pytest.mark.parametrize("count", [2, 5, 30])
def test_empty_texts_are_one_cluster(text: str, count: int) -> None:
    assert [(one.size, one.outcome) for one in find(spans([text] * count)).clusters] == [(count, Outcome.PROPOSED)]


@pytest.mark.parametrize("background", [None, PASSING], ids=["no background", "background"])
def test_one_regulatory_span_beside_twenty_identical_ones_comes_first(background: BackgroundSample | None) -> None:
    rows = [*spans(["make it friendlier"] * 20), span(99, STATUTE[0], labels=["regulatory"])]
    found = find(rows, background=background).clusters
    assert [(one.size, one.cost_weight, one.outcome) for one in found] == [
        (1, 10, Outcome.PROPOSED),
        (20, 1, Outcome.PROPOSED),
    ]


def test_one_regulatory_span_among_twenty_of_the_same_text_represents_them() -> None:
    rows = [*spans(["cite the statute"] * 20), span(99, "cite the statute", labels=["regulatory"])]
    found = find(rows).clusters
    assert [(one.size, one.weight, one.representative[1]) for one in found] == [(21, 30, "span-0099")]


def test_texts_of_nothing_but_signs_do_not_break_the_week() -> None:
    rows = spans(["! ? #", "# ! ?", "? # !", "! # ?", "? ! #"])
    assert sum(one.size for one in find(rows).clusters) == 5


def test_a_costly_span_alone_is_a_cluster() -> None:
    found = find([*spans(TONE[:3]), span(99, STATUTE[0], labels=["safety"])], background=PASSING).clusters[0]
    assert (found.size, found.outcome) == (1, Outcome.PROPOSED)


def test_a_correction_alone_is_a_cluster() -> None:
    found = find([*spans(TONE[:3]), span(99, TOPICS[0], correction="Like this.")], background=PASSING).clusters
    assert [(one.size, one.outcome, one.corrected_by) for one in found[1:]] == [
        (1, Outcome.PROPOSED, ("trace-0099", "span-0099"))
    ]


@pytest.mark.parametrize("feedback", [None, "thumbs_down", "regenerated"])
def test_an_ordinary_span_alone_is_unclustered(feedback: str | None) -> None:
    found = find([*spans(TONE[:3]), span(99, TOPICS[0], user_feedback=feedback)], background=PASSING).clusters
    assert (found[-1].outcome, span_ids(found[-1])) == (Outcome.UNCLUSTERED, ["span-0099"])


@pytest.mark.parametrize(
    ("size", "minimum", "outcome"), [(2, 3, "unclustered"), (3, 3, "proposed"), (1, 1, "proposed")]
)
def test_a_cluster_needs_the_size_its_agent_asks_for(size: int, minimum: int, outcome: str) -> None:
    found = find(spans(TONE[:size]), min_cluster_size=minimum, background=PASSING).clusters
    assert [one.outcome.value for one in found] == [outcome]


def test_copies_of_one_text_count_towards_the_size() -> None:
    assert find(spans(["where is it"] * 3), min_cluster_size=3).clusters[0].outcome is Outcome.PROPOSED


def topic_spans(sizes: Sequence[int], **changes: Any) -> list[dict[str, Any]]:
    texts = [topic for topic, size in zip(TOPICS, sizes, strict=False) for _ in range(size)]
    return spans(texts, **changes)


def test_beyond_the_cap_clusters_are_kept_as_over_cap() -> None:
    found = find(topic_spans([5, 4, 3, 2]), max_clusters=2).clusters
    assert [(one.size, one.outcome.value) for one in found] == [
        (5, "proposed"),
        (4, "proposed"),
        (3, "over_cap"),
        (2, "over_cap"),
    ]


def test_costly_clusters_have_first_claim_on_places() -> None:
    rows = [
        *topic_spans([9, 8, 7]),
        span(901, STATUTE[0], labels=["regulatory"]),
        span(902, "insulin dose", labels=["safety"]),
    ]
    found = find(rows, max_clusters=2).clusters
    assert [one.labels for one in found if one.outcome is Outcome.PROPOSED] == [("regulatory",), ("safety",)]


def test_known_clusters_take_no_place_from_new_ones() -> None:
    known = EarlierCase("poc-031", EarlierStatus.KNOWN, (TOPICS[0],))
    found = find(topic_spans([5, 4, 3]), max_clusters=2, history=[known]).clusters
    assert [(one.outcome.value, one.case_id) for one in found] == [
        ("known", "poc-031"),
        ("proposed", None),
        ("proposed", None),
    ]


def test_unclustered_spans_take_no_place() -> None:
    found = find(topic_spans([1, 1, 2, 2]), max_clusters=2).clusters
    assert [one.outcome.value for one in found] == ["proposed", "proposed", "unclustered", "unclustered"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"labels": ["regulatory"]}, {}),
        ({"rubric_score": 0.1}, {"rubric_score": 0.2}),
        ({"labels": ["vip"]}, {"rubric_score": 0.0}),
    ],
    ids=["costlier", "lower score", "costlier before lower score"],
)
def test_clusters_of_one_size_are_ranked_by_cost_then_score(one: dict[str, Any], other: dict[str, Any]) -> None:
    rubric = RUBRIC.model_copy(update={"cost_weights": {"regulatory": 10, "vip": 2}})
    rows = [*spans([TOPICS[0]] * 2, **other), *spans([TOPICS[1]] * 2, start=11, **one)]
    assert [found.text for found in find(rows, rubric=rubric).clusters] == [TOPICS[1], TOPICS[0]]


def test_a_cluster_without_a_score_is_ranked_behind_one_with() -> None:
    rows = [
        *spans([TOPICS[0]] * 2, rubric_score=None, user_feedback="thumbs_down"),
        *spans([TOPICS[1]] * 2, start=11, rubric_score=0.81),
    ]
    assert [found.lowest_score for found in find(rows).clusters] == [0.81, None]


def test_ranks_count_from_one_without_gaps() -> None:
    assert [one.rank for one in find(topic_spans([4, 1, 3, 1, 2]), max_clusters=1).clusters] == [1, 2, 3, 4, 5]


def test_a_cluster_counts_the_triggers_of_its_spans() -> None:
    rows = [
        span(1, TOPICS[0]),
        span(2, TOPICS[0], rubric_score=0.9, user_feedback="thumbs_down"),
        span(3, TOPICS[0], contexts=["source"], ragas_faithfulness=0.2),
    ]
    assert find(rows).clusters[0].triggers == {"rubric": 2, "ragas": 1, "feedback": 1}


def test_a_cluster_carries_the_labels_of_all_its_spans() -> None:
    rows = [
        span(1, TOPICS[0], labels=["tone", "b"]),
        span(2, TOPICS[0], labels=["a", "b"]),
        span(3, TOPICS[0], labels=None),
    ]
    assert find(rows).clusters[0].labels == ("a", "b", "tone")


def test_the_representative_of_a_cluster_with_a_costly_span_is_costly() -> None:
    rows = [*spans(TONE[:8]), span(99, TONE[8], labels=["regulatory"])]
    found = find(rows, background=PASSING).clusters
    assert [(one.size, one.representative[1], one.text) for one in found] == [(9, "span-0099", TONE[8])]


def test_paraphrases_are_other_texts_and_at_most_three() -> None:
    found = find(spans([*TONE[:5], *TONE[:5]]), background=PASSING).clusters[0]
    assert (len(found.paraphrases), len({found.text, *found.paraphrases})) == (3, 4)


def test_the_nearest_passing_span_answers_a_cluster_of_its_intent() -> None:
    passing = background_of([*ordinary_texts(), "make the tone of this reply warmer for someone"])
    found = find(spans(TONE[:3]), background=passing).clusters[0]
    assert found.answered_by == ("passing-0144", "span-0144")


def test_no_passing_span_answers_a_cluster_of_another_intent() -> None:
    assert find(spans([TOPICS[0]] * 2), background=PASSING).clusters[0].answered_by is None


def test_a_text_that_passed_on_an_earlier_day_alone_offers_no_answer() -> None:
    passing = background_of(["make the tone of this reply warmer for someone"])
    passing.add_earlier([*ordinary_texts(), "make the tone of this reply warmer for anna"])
    found = find(spans(["make the tone of this reply warmer for anna"] * 2), background=passing)
    assert found.clusters[0].answered_by == passing.key_of("make the tone of this reply warmer for someone")


def test_the_number_of_spans_drawn_follows_the_distinct_texts() -> None:
    found = find([*spans(TONE[:6]), *spans(TONE[:6], start=50)], background=PASSING)
    assert [point.rank for point in found.points] == [1] * 6


texts = st.sampled_from([*TONE[:5], *STATUTE, *TOPICS[:5], "", "! ? #", "# ! ?"])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "text": texts,
            "labels": st.sampled_from([[], [], ["regulatory"], ["tone"], None]),
            "rubric_score": st.sampled_from([0.1, 0.5, 0.9, None]),
            "user_feedback": st.sampled_from([None, "thumbs_down"]),
            "correction": st.sampled_from([None, None, "Like this."]),
        }
    ),
    max_size=24,
).map(lambda changes: [span(number, **change) for number, change in enumerate(changes)])


@given(rows, st.integers(1, 4), st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=40)
def test_every_failing_span_is_in_exactly_one_cluster(
    spoken: list[dict[str, Any]], cap: int, minimum: int, with_background: bool
) -> None:
    found = find(spoken, max_clusters=cap, min_cluster_size=minimum, background=PASSING if with_background else None)
    assert sorted(key for one in found.clusters for key in span_ids(one)) == sorted(failing_frame(spoken)["span_id"])


@given(rows, st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_no_costly_and_no_corrected_span_is_unclustered(spoken: list[dict[str, Any]], minimum: int) -> None:
    lost = {
        key
        for one in find(spoken, min_cluster_size=minimum).clusters
        if one.outcome is Outcome.UNCLUSTERED
        for key in span_ids(one)
    }
    kept = {row["span_id"] for row in spoken if row["labels"] == ["regulatory"] or row["correction"]}
    assert lost & kept == set()


@given(rows)
@settings(deadline=None, max_examples=40)
def test_a_correction_stands_beside_the_question_it_answers(spoken: list[dict[str, Any]]) -> None:
    cost = {row["span_id"]: 10 if row["labels"] == ["regulatory"] else 1 for row in spoken}
    corrected = {row["span_id"] for row in spoken if row["correction"]}
    for one in find(spoken).clusters:
        _, representative = one.representative
        # A regulatory span stays the representative, also where only an ordinary one was corrected.
        costliest = {span_id for span_id in span_ids(one) if cost[span_id] == one.cost_weight}
        assert representative in ((costliest & corrected) or costliest)
        assert (one.corrected_by is None) == corrected.isdisjoint(span_ids(one))
        assert one.corrected_by in (None, one.representative) or representative not in corrected


@given(rows, st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_no_ordinary_cluster_is_ranked_before_a_costly_one(spoken: list[dict[str, Any]], cap: int) -> None:
    costs = [
        one.cost_weight for one in find(spoken, max_clusters=cap).clusters if one.outcome is not Outcome.UNCLUSTERED
    ]
    assert costs == sorted(costs, reverse=True)


@given(rows, st.randoms(use_true_random=False), st.booleans())
@settings(deadline=None, max_examples=40)
def test_the_order_of_the_rows_changes_nothing(
    spoken: list[dict[str, Any]], shuffler: random.Random, with_background: bool
) -> None:
    background = PASSING if with_background else None
    shuffled = shuffler.sample(spoken, len(spoken))
    assert find(shuffled, background=background) == find(spoken, background=background)


@given(st.lists(hostile_texts(), max_size=8))
@settings(deadline=None, max_examples=40)
def test_no_text_is_lost_however_strange(said: list[str]) -> None:
    assert sum(one.size for one in find(spans(said)).clusters) == len(said)


def test_history_decides_what_becomes_of_a_cluster() -> None:
    history = [
        EarlierCase("tail-2026W15-001", EarlierStatus.ABANDONED, (TOPICS[0],), first_seen="2026-W15"),
        EarlierCase("tail-2026W15-002", EarlierStatus.UNDECIDED, (TOPICS[1],), first_seen="2026-W15"),
    ]
    found = find(topic_spans([4, 3, 2]), history=history).clusters
    assert [(one.outcome.value, one.novelty, one.first_seen) for one in found] == [
        ("proposed", Novelty.RETURNING, "2026-W15"),
        ("undecided", None, "2026-W15"),
        ("proposed", Novelty.NEW, None),
    ]


def test_progress_is_told() -> None:
    told: list[str] = []
    find_weighted_clusters(
        failing_frame(spans([TOPICS[0]] * 3)),
        BackgroundSample(),
        [],
        encoder=ENCODER,
        rubric=RUBRIC,
        policy=ClusterPolicy(max_clusters=20, min_cluster_size=2),
        progress=told.append,
    )
    assert told[0] == "grouping 1 distinct of 3 failing inputs against 0 passing ones"


def test_a_week_counts_its_outcomes() -> None:
    found = find(topic_spans([3, 2, 1]), max_clusters=1)
    assert found.count(Outcome.OVER_CAP, Outcome.UNCLUSTERED) == 2


ROUND_TRIPS = [
    cluster(1),
    cluster(2, labels=("regulatory", "tone"), corrected_by=("t", "s"), answered_by=("u", "v"), lowest_score=None),
    cluster(3, outcome=Outcome.KNOWN, novelty=None, case_id="poc-031", first_seen="2026-W10", paraphrases=()),
    cluster(4, outcome=Outcome.UNCLUSTERED, novelty=None),
    cluster(5, novelty=Novelty.REVIVED, text="", title="(no words)"),
]


def test_clusters_come_back_from_their_frame_as_they_were() -> None:
    assert from_frame(to_frame(ROUND_TRIPS)) == ROUND_TRIPS


@pytest.mark.parametrize("clusters", [[], ROUND_TRIPS], ids=["none", "some"])
def test_a_cluster_frame_has_the_cluster_schema(clusters: list[Cluster]) -> None:
    assert dict(to_frame(clusters).schema) == CLUSTER_SCHEMA


def test_clusters_survive_parquet(tmp_path: Any) -> None:
    to_frame(ROUND_TRIPS).write_parquet(tmp_path / "clusters.parquet")
    assert from_frame(pl.read_parquet(tmp_path / "clusters.parquet")) == ROUND_TRIPS


@given(rows)
@settings(deadline=None, max_examples=30)
def test_found_clusters_come_back_from_their_frame_as_they_were(spoken: list[dict[str, Any]]) -> None:
    found = find(spoken).clusters
    assert from_frame(to_frame(found)) == found
