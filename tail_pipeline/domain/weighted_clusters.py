"""From failing spans to the ranked clusters a reviewer may see.

Clusters are ranked by the highest cost weight of any member first: a plain sum would put forty spans about tone
above two about statute citations (40 against 20). So no volume of ordinary spans can crowd out one costly span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tail_pipeline.domain.background import BackgroundSample, SpanKey
from tail_pipeline.domain.clustering import Clustering, group_by_intent
from tail_pipeline.domain.embedding import Encoder, Vectors, canonical
from tail_pipeline.domain.novelty import EarlierCase, HistoryIndex, Novelty, Outcome, judge_novelty
from tail_pipeline.domain.ranking import capped
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.selection import TRIGGERS
from tail_pipeline.domain.titles import TitleWords

MAX_PARAPHRASES = 3
_BLOCK_ROWS = 1_024
MAX_MAP_TEXTS = 1_000
"""Texts drawn on the picture of the week; more would only be a blot."""


@dataclass(frozen=True)
class ClusterPolicy:
    """What an agent decides about its clusters."""

    max_clusters: int
    min_cluster_size: int
    clustering: Clustering = Clustering.AUTO


@dataclass(frozen=True)
class Cluster:
    """Failing spans with one intent, and what becomes of them this week.

    ``members`` are sorted keys; ``answered_by`` is the nearest passing span, ``corrected_by`` the member
    whose user wrote the correction to offer. ``rank`` counts from 1 over all but unclustered spans.
    """

    rank: int
    title: str
    text: str
    paraphrases: tuple[str, ...]
    representative: SpanKey
    members: tuple[SpanKey, ...]
    weight: int
    cost_weight: int
    labels: tuple[str, ...]
    triggers: dict[str, int]
    lowest_score: float | None
    outcome: Outcome
    novelty: Novelty | None = None
    case_id: str | None = None
    first_seen: str | None = None
    corrected_by: SpanKey | None = None
    answered_by: SpanKey | None = None

    @property
    def size(self) -> int:
        return len(self.members)


@dataclass(frozen=True)
class MapPoint:
    """One distinct text on the picture of the week."""

    x: float
    y: float
    rank: int


@dataclass(frozen=True)
class WeekClusters:
    """All clusters, best rank first, unclustered singles last; ``cut`` is the similarity that joined them."""

    clusters: list[Cluster]
    cut: float
    points: list[MapPoint]

    def count(self, *outcomes: Outcome) -> int:
        return sum(cluster.outcome in outcomes for cluster in self.clusters)


def find_weighted_clusters(
    failing: pl.DataFrame,
    background: BackgroundSample,
    history: Sequence[EarlierCase],
    *,
    encoder: Encoder,
    rubric: Rubric,
    policy: ClusterPolicy,
    progress: Callable[[str], None] = lambda _message: None,
) -> WeekClusters:
    """Cluster, weigh, compare with history, rank and cap the failing spans (``SPAN_COLUMNS``) of one window."""
    if failing.is_empty():
        return WeekClusters([], 1.0, [])
    spans = _Spans(failing, rubric)
    passing = background.texts()
    progress(
        f"grouping {len(spans.texts)} distinct of {failing.height} failing inputs against {len(passing)} passing ones"
    )
    costly = [max(spans.cost[row] for row in rows) > 1 for rows in spans.rows_of]
    grouping = group_by_intent(
        spans.texts,
        costly,
        passing,
        HistoryIndex.texts_of(history),
        encoder,
        clustering=policy.clustering,
        progress=progress,
    )
    index = HistoryIndex(history, grouping.earlier, encoder.match_similarity)
    answers = _Answers(background, passing, grouping.passing, encoder.answer_similarity)
    words = TitleWords([*spans.texts, *passing])
    progress(f"comparing {len(grouping.groups)} groups with {len(history)} earlier cases")
    by_centrality = [_by_centrality(spans, grouping.failing, group, costly) for group in grouping.groups]
    answered_by = answers.nearest(grouping.failing.rows([texts[0] for texts in by_centrality]))
    clusters = [
        _cluster(spans, grouping.failing, texts, answer, words, index, rubric, policy)
        for texts, answer in zip(by_centrality, answered_by, strict=True)
    ]
    order = sorted(range(len(clusters)), key=lambda number: _rank_key(clusters[number]))
    ranked = capped([clusters[number] for number in order], policy.max_clusters)
    rank_of_text = np.zeros(len(spans.texts), dtype=np.int64)
    for cluster, number in zip(ranked, order, strict=True):
        rank_of_text[grouping.groups[number]] = cluster.rank
    return WeekClusters(ranked, grouping.cut, _map(grouping.failing, rank_of_text))


SPAN_COLUMNS = ("trace_id", "span_id", "start_time", "input", "labels", "correction", "score", "triggers")
"""What is read of a scored span here; contexts and outputs of a large week would not fit in memory."""


class _Spans:
    """The failing rows in canonical order, grouped by distinct text."""

    def __init__(self, failing: pl.DataFrame, rubric: Rubric) -> None:
        frame = (
            failing.select(SPAN_COLUMNS)
            .with_columns(pl.col("input").map_elements(canonical, return_dtype=pl.String).alias("_text"))
            .sort("_text", "start_time", "trace_id", "span_id")
        )
        starts = (
            frame.select(pl.col("_text").rle_id().alias("text"))
            .with_row_index("row")
            .group_by("text", maintain_order=True)
        )
        first_rows = starts.agg(pl.col("row").first())["row"].to_list()
        self.texts: list[str] = frame["_text"].gather(first_rows).to_list()
        self.rows_of = [range(*ends) for ends in pairwise([*first_rows, frame.height])]
        self.inputs = frame["input"]
        self.keys: list[SpanKey] = list(zip(frame["trace_id"].to_list(), frame["span_id"].to_list(), strict=True))
        self.labels: list[list[str]] = frame["labels"].fill_null([]).to_list()
        self.scores: list[float | None] = frame["score"].to_list()
        self.corrected: list[bool] = (frame["correction"].fill_null("") != "").to_list()
        self.triggered = {name: frame["triggers"].list.contains(name).to_list() for name in TRIGGERS}
        self.cost = [rubric.cost_weight(labels) for labels in self.labels]

    def first_row(self, text: int) -> int:
        """The costliest span that said it, of those one that was corrected, the earliest."""
        return max(self.rows_of[text], key=lambda row: (self.cost[row], self.corrected[row]))


class _Answers:
    """Finds the window's passing span of the same intent, whose answer can serve as a draft."""

    def __init__(self, background: BackgroundSample, texts: Sequence[str], vectors: Vectors, threshold: float) -> None:
        keys = [background.key_of(text) for text in texts]
        self._keys = [key for key in keys if key]
        self._vectors = vectors.rows([row for row, key in enumerate(keys) if key])
        self._threshold = threshold

    def nearest(self, representatives: Vectors) -> list[SpanKey | None]:
        """One for each representative, or None where no passing span is near enough."""
        if not self._keys:
            return [None] * len(representatives)
        found: list[SpanKey | None] = []
        for start in range(0, len(representatives), _BLOCK_ROWS):
            similarity = np.round(representatives.rows(slice(start, start + _BLOCK_ROWS)).cosines(self._vectors), 4)
            for row, best in zip(similarity, similarity.argmax(axis=1), strict=True):
                near = row[best] >= self._threshold
                found.append(self._keys[int(best)] if near else None)
        return found


def _cluster(
    spans: _Spans,
    failing: Vectors,
    by_centrality: list[int],
    answered_by: SpanKey | None,
    words: TitleWords,
    index: HistoryIndex,
    rubric: Rubric,
    policy: ClusterPolicy,
) -> Cluster:
    group = sorted(by_centrality)
    representative = spans.first_row(by_centrality[0])
    paraphrases = [spans.first_row(text) for text in by_centrality[1 : 1 + MAX_PARAPHRASES]]
    rows = [row for text in group for row in spans.rows_of[text]]
    members = sorted(spans.keys[row] for row in rows)
    scores = [score for row in rows if (score := spans.scores[row]) is not None]
    in_order = [representative, *(row for text in by_centrality for row in spans.rows_of[text])]
    corrected = next((row for row in in_order if spans.corrected[row]), None)
    weight, cost_weight = sum(spans.cost[row] for row in rows), max(spans.cost[row] for row in rows)
    cluster = Cluster(
        rank=0,
        title=words.title(spans.inputs[representative], [spans.texts[text] for text in group]),
        text=spans.inputs[representative],
        paraphrases=tuple(spans.inputs[row] for row in paraphrases),
        representative=spans.keys[representative],
        members=tuple(members),
        weight=weight,
        cost_weight=cost_weight,
        labels=tuple(sorted({label for row in rows for label in spans.labels[row]})),
        triggers={name: sum(hit[row] for row in rows) for name, hit in spans.triggered.items()},
        lowest_score=min(scores, default=None),
        outcome=Outcome.UNCLUSTERED,
        corrected_by=None if corrected is None else spans.keys[corrected],
        answered_by=answered_by,
    )
    if len(rows) < policy.min_cluster_size and cost_weight == 1 and corrected is None:
        return cluster
    earlier = index.match(
        failing.rows(group), [spans.texts[text] for text in group], [span_id for _, span_id in members]
    )
    verdict = judge_novelty(earlier, weight=weight, cost_weight=cost_weight, rubric_sha=rubric.sha)
    return replace(
        cluster,
        outcome=verdict.outcome,
        novelty=verdict.novelty,
        case_id=verdict.case_id,
        first_seen=verdict.first_seen,
    )


def _by_centrality(spans: _Spans, vectors: Vectors, group: list[int], costly: list[bool]) -> list[int]:
    """The representative first, then the other texts, most central first.

    The representative is the medoid of the costly texts where there are any; of these the medoid of those that a user
    corrected, since a correction answers what this user asked, with its amounts and names, and not what the others did.
    """
    copies = [len(spans.rows_of[text]) for text in group]
    own = vectors.rows(group)
    if len(group) <= _BLOCK_ROWS:
        similarity = own.cosines(own) @ np.asarray(copies, dtype=np.float32)
    else:
        # The same sums by way of the mean, where all pairs would not fit; only ties may come out otherwise.
        mean = own.centroids([[place for place, times in enumerate(copies) for _ in range(times)]])
        similarity = own.cosines(mean)[:, 0] * mean.norm[0] * sum(copies)
    centrality = np.round(similarity, 4)
    ordered = sorted(range(len(group)), key=lambda place: (-centrality[place], place))
    first = [place for place in ordered if costly[group[place]]] or ordered
    centre = next((place for place in first if spans.corrected[spans.first_row(group[place])]), first[0])
    return [group[centre], *(group[place] for place in ordered if place != centre)]


def _rank_key(cluster: Cluster) -> tuple[Any, ...]:
    """Unclustered last; cost weight, weight, size, lowest score, then a key that does not depend on the run."""
    lowest = cluster.lowest_score if cluster.lowest_score is not None else 2.0
    return (
        cluster.outcome is Outcome.UNCLUSTERED,
        -cluster.cost_weight,
        -cluster.weight,
        -cluster.size,
        lowest,
        canonical(cluster.text),
        cluster.members[0],
    )


def _map(vectors: Vectors, rank_of_text: NDArray[np.int64]) -> list[MapPoint]:
    """The texts on their two principal directions; a fixed start vector and sign keep the picture the same."""
    count = len(vectors)
    if count == 0:
        return []
    shown = np.unique(np.linspace(0, count - 1, min(count, MAX_MAP_TEXTS)).astype(np.intp))
    own = vectors.rows(shown)
    places = np.zeros((len(shown), 2))
    gram = own.cosines(own).astype(np.float64)
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1, keepdims=True) + gram.mean()
    # Texts without a letter share one point; there is no direction to draw them on.
    if len(shown) >= 4 and np.abs(centred).max() > 1e-6:
        from scipy.sparse.linalg import eigsh

        start = np.random.default_rng(0).standard_normal(len(shown))
        values, axes = eigsh(centred, k=2, which="LA", v0=start)
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
        places = axes[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0))
    return [MapPoint(float(x), float(y), int(rank)) for (x, y), rank in zip(places, rank_of_text[shown], strict=True)]


_KEY = pl.Struct({"trace_id": pl.String(), "span_id": pl.String()})

CLUSTER_SCHEMA: dict[str, pl.DataType] = {
    "rank": pl.Int64(),
    "title": pl.String(),
    "text": pl.String(),
    "paraphrases": pl.List(pl.String()),
    "representative": _KEY,
    "members": pl.List(_KEY),
    "weight": pl.Int64(),
    "cost_weight": pl.Int64(),
    "labels": pl.List(pl.String()),
    "triggers": pl.Struct(dict.fromkeys(TRIGGERS, pl.Int64())),
    "lowest_score": pl.Float64(),
    "outcome": pl.String(),
    "novelty": pl.String(),
    "case_id": pl.String(),
    "first_seen": pl.String(),
    "corrected_by": _KEY,
    "answered_by": _KEY,
}
"""Columns and dtypes of a cluster frame: one row per ``Cluster``."""

_KEY_FIELDS = ("representative", "corrected_by", "answered_by")


def to_frame(clusters: Sequence[Cluster]) -> pl.DataFrame:
    """One row per cluster, in ``CLUSTER_SCHEMA``."""
    rows = []
    for cluster in clusters:
        row = {field.name: getattr(cluster, field.name) for field in fields(Cluster)}
        row |= {name: _key_struct(row[name]) for name in _KEY_FIELDS}
        row["members"] = [_key_struct(key) for key in cluster.members]
        row["paraphrases"], row["labels"] = list(cluster.paraphrases), list(cluster.labels)
        rows.append(row)
    return pl.DataFrame(rows, schema=CLUSTER_SCHEMA, orient="row")


def from_frame(frame: pl.DataFrame) -> list[Cluster]:
    """The inverse of ``to_frame``."""
    clusters = []
    for row in frame.iter_rows(named=True):
        row |= {name: _key_tuple(row[name]) for name in _KEY_FIELDS}
        row["members"] = tuple(_key_tuple(key) for key in row["members"])
        row["paraphrases"], row["labels"] = tuple(row["paraphrases"]), tuple(row["labels"])
        row["outcome"] = Outcome(row["outcome"])
        row["novelty"] = Novelty(row["novelty"]) if row["novelty"] else None
        clusters.append(Cluster(**row))
    return clusters


def _key_struct(key: SpanKey | None) -> dict[str, str] | None:
    return {"trace_id": key[0], "span_id": key[1]} if key else None


def _key_tuple(key: dict[str, str] | None) -> SpanKey | None:
    return (key["trace_id"], key["span_id"]) if key else None
