"""Weeks grouped by UMAP → HDBSCAN, on a few hundred texts by asking for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.clustering import MAX_LINKED, Clustering, Grouping, group_by_intent
from tail_pipeline.domain.embedding import LexicalEncoder, Vectors, canonical
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.large_weeks import MAX_COMPARED, MIN_TEXTS, group_many, reduced
from tail_pipeline.domain.novelty import Outcome
from tail_pipeline.domain.weighted_clusters import ClusterPolicy, WeekClusters, find_weighted_clusters, to_frame
from tail_pipeline_tests.domain.builders import RUBRIC, background_of, failing_frame, ordinary_texts, span

pytestmark = pytest.mark.long

ENCODER = LexicalEncoder()
INTENTS = "intents/intents.parquet"
TOPICS = (
    "translate bicycle poems,sharpen kitchen knives,water tropical orchids,tune violin strings,polish silver spoons,"
    "train beagle puppies,paint wooden fences,brew ginger beer,fold paper cranes,carve pumpkin lanterns"
).split(",")
NAMES = (
    "anna ben carla dmitri elena farid grace hugo ivan jo kim lars mina noor otto petra quinn rosa sven tara".split()
)
PLACES = (
    "kitchen garden cellar attic barn garage porch studio office library harbour market station airport museum theatre "
    "bakery chapel castle tower"
).split()
CROWD = [
    f"{topic} with {name} in the {PLACES[(7 * number + row) % len(PLACES)]}"
    for row, topic in enumerate(TOPICS)
    for number, name in enumerate(NAMES)
]
PASSING = [
    f"{text} with {NAMES[number % len(NAMES)]} in the {PLACES[number // 7 % len(PLACES)]}"
    for number, text in enumerate(ordinary_texts())
]
STATUTE = ["cite the out-of-state statute for this notice", "which out-of-state statute does this notice cite"]


def grouping(texts: Sequence[str], costly: Sequence[str] = (), background: Sequence[str] = ()) -> Grouping:
    ordered = sorted(set(texts))
    marks = [text in costly for text in ordered]
    return group_by_intent(ordered, marks, sorted(background), [], ENCODER, clustering=Clustering.UMAP_HDBSCAN)


def groups(texts: Sequence[str], costly: Sequence[str] = ()) -> set[frozenset[str]]:
    ordered = sorted(set(texts))
    found = grouping(texts, costly, PASSING)
    return {frozenset(ordered[place] for place in places) for places in found.groups}


def find(rows: Sequence[dict[str, Any]], said: list[str] | None = None) -> WeekClusters:
    return find_weighted_clusters(
        failing_frame(rows),
        background_of(PASSING),
        [],
        encoder=ENCODER,
        rubric=RUBRIC,
        policy=ClusterPolicy(max_clusters=20, min_cluster_size=2, clustering=Clustering.UMAP_HDBSCAN),
        progress=(said if said is not None else []).append,
    )


def test_paraphrases_are_together_and_other_intents_apart() -> None:
    assert groups(CROWD) == {frozenset(one for one in CROWD if one.startswith(topic)) for topic in TOPICS}


def test_costly_texts_are_a_group_of_their_own_beside_a_crowd() -> None:
    assert frozenset(STATUTE) in groups([*CROWD, *STATUTE], costly=STATUTE)


def test_a_crowd_of_the_same_intent_joins_its_costly_text() -> None:
    assert frozenset(CROWD[: len(NAMES)]) in groups(CROWD, costly=CROWD[:1])


def test_what_hdbscan_calls_noise_is_still_a_cluster_and_never_lost() -> None:
    rows = [span(number, text) for number, text in enumerate([*CROWD, "zyx wvu tsr"])]
    found = find(rows).clusters
    assert [(one.text, one.outcome) for one in found if one.size == 1] == [("zyx wvu tsr", Outcome.UNCLUSTERED)]
    assert sum(one.size for one in found) == len(rows)


@pytest.mark.parametrize("label", ["regulatory", "safety"])
def test_one_costly_span_in_a_large_week_comes_first(label: str) -> None:
    rows = [span(number, text) for number, text in enumerate(CROWD)]
    found = find([*rows, span(999, STATUTE[0], labels=[label])]).clusters[0]
    assert (found.rank, found.size, found.representative[1]) == (1, 1, "span-0999")


def test_the_same_spans_in_another_order_give_the_same_bytes() -> None:
    rows = [span(number, text) for number, text in enumerate(CROWD + PASSING)]
    rows[7]["labels"] = ["regulatory"]
    shuffled = random.Random(1).sample(rows, len(rows))
    here, there = find(rows), find(shuffled)
    assert (to_frame(here.clusters).write_json(), here.points) == (to_frame(there.clusters).write_json(), there.points)


def test_a_long_step_says_what_it_is_doing() -> None:
    said: list[str] = []
    find([span(number, text) for number, text in enumerate(CROWD)], said)
    assert [line.split()[0] for line in said] == ["grouping", "reducing", "laying", "joining", "comparing"]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 15, 16, 50, MIN_TEXTS - 1, MIN_TEXTS, MIN_TEXTS + 1])
@pytest.mark.parametrize("with_background", [False, True])
def test_a_small_week_is_grouped_without_losing_a_text(count: int, *, with_background: bool) -> None:
    texts = (STATUTE + CROWD)[:count]
    found = grouping(texts, background=PASSING if with_background else [])
    assert sorted(place for places in found.groups for place in places) == list(range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("text", ["", "where is my refund"])
def test_identical_texts_are_one_cluster(count: int, text: str) -> None:
    found = find([span(number, text) for number in range(count)]).clusters
    assert [one.size for one in found] == [count] * (count > 0)


def test_one_regulatory_span_beside_twenty_identical_ones_comes_first() -> None:
    rows = [span(number, "make it friendlier") for number in range(20)]
    found = find([*rows, span(99, STATUTE[0], labels=["regulatory"])]).clusters
    assert [(one.size, one.cost_weight) for one in found] == [(1, 10), (20, 1)]


def test_texts_that_are_all_nearly_the_same_are_one_group() -> None:
    long = "the invoice of last month is wrong in every line and nobody answers my letters about it "
    assert len(groups([long + name for name in NAMES] + [f"{long}{a} {b}" for a in NAMES for b in NAMES])) == 1


def test_texts_with_nothing_in_common_stay_alone() -> None:
    strangers = csr_matrix(np.eye(MIN_TEXTS + 50, dtype=np.float32))
    assert group_many(Vectors.of(strangers, None), 0.06, lambda _line: None) == [[row] for row in range(MIN_TEXTS + 50)]


def test_a_week_of_more_strangers_than_can_be_compared_says_what_to_do() -> None:
    strangers = np.random.default_rng(0).standard_normal((MAX_COMPARED + 1, 128)).astype(np.float32)
    with pytest.raises(PermanentError, match="nothing in common with any other; look at what the store gives"):
        group_many(Vectors.of(strangers, None), 0.06, lambda _line: None)


def test_linkage_by_name_refuses_what_does_not_fit_in_memory() -> None:
    texts = [f"{number:05d}" for number in range(MAX_LINKED + 1)]
    with pytest.raises(PermanentError, match=r"15001 distinct failing inputs .* use 'clustering: auto'"):
        group_by_intent(texts, [False] * len(texts), [], [], ENCODER, clustering=Clustering.LINKAGE)


def test_auto_links_a_week_that_fits() -> None:
    ordered = sorted(CROWD)
    marks = [False] * len(ordered)
    auto, named = (
        group_by_intent(ordered, marks, [], [], ENCODER, clustering=way)
        for way in (Clustering.AUTO, Clustering.LINKAGE)
    )
    assert auto.groups == named.groups


def test_reducing_keeps_a_sparse_week_sparse_and_its_similarities() -> None:
    matrix = ENCODER.encode(CROWD, reference=CROWD)
    direction = np.asarray(matrix.mean(axis=0), dtype=np.float32).ravel()
    vectors = Vectors.of(matrix, direction / np.linalg.norm(direction))
    rows = reduced(vectors)
    found = Vectors.of(rows, None)
    assert rows.shape == (len(CROWD), 128)
    assert np.corrcoef(found.cosines(found).ravel(), vectors.cosines(vectors).ravel())[0, 1] > 0.95


def test_real_intents_are_found_as_well_as_by_linkage(shared_data: Callable[[str], Path]) -> None:
    from sklearn.metrics import adjusted_rand_score

    told = (
        pl.scan_parquet(shared_data(INTENTS))
        .filter(pl.col("dataset") == "banking77")
        .with_columns(pl.col("text").map_elements(canonical, return_dtype=pl.String))
        .unique("text")
        .sort("intent", "text")
        .collect()
    )
    passing = sorted(told.gather_every(10)["text"])
    names = told["intent"].unique().sort()[:20]
    week = (
        told.filter(pl.col("intent").is_in(names.implode()), ~pl.col("text").is_in(passing))
        .gather_every(5)
        .sort("text")
    )
    texts, costly = week["text"].to_list(), [False] * week.height
    scores = []
    for way in (Clustering.UMAP_HDBSCAN, Clustering.LINKAGE):
        found = group_by_intent(texts, costly, passing, [], ENCODER, clustering=way)
        label = np.empty(len(texts), dtype=int)
        for number, group in enumerate(found.groups):
            label[group] = number
        scores.append(adjusted_rand_score(week["intent"].to_list(), label))
    assert min(scores) > 0.25
    assert scores[0] > scores[1] - 0.15


@pytest.mark.parametrize("name", ["auto", "linkage", "umap_hdbscan"])
def test_an_agent_says_how_its_weeks_are_grouped(name: str) -> None:
    found = Agent.model_validate({"name": "a", "traces": {"store": "files", "path": "x.jsonl"}, "clustering": name})
    assert found.clustering is Clustering(name)


def test_an_agent_cannot_ask_for_an_unknown_way_of_grouping() -> None:
    with pytest.raises(ValidationError, match="clustering"):
        Agent.model_validate({"name": "a", "traces": {"store": "files", "path": "x.jsonl"}, "clustering": "kmeans"})
