"""Which failing spans say the same thing.

dedupe → sort → encode → take the background out → exact average linkage → cut where the background says that
two texts are related. A week too large for that is grouped by ``large_weeks`` first and linked from there, with the
same cut. Deterministic under any order of the rows, and no span is ever dropped as noise here: what is too small to
show a reviewer is decided later, in ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tail_pipeline.domain.embedding import Encoder, Vectors, background_direction
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.large_weeks import MAX_COMPARED, MIN_TEXTS, group_many
from tail_pipeline.domain.linkage import average_linkage, groups_of

MIN_BACKGROUND = 50
"""Distinct passing texts below which their mean says more about them than about the product; benchmarks/small_tenants.md."""

ENOUGH_BACKGROUND = 100
"""Distinct passing texts for which no others are looked for."""

MAX_BACKGROUND = 2_000
"""Distinct passing texts used; the cut has settled by 1,000 and quality does not rise beyond."""

MAX_SAMPLED = 5_000
"""Distinct failing texts of a large week that its cut is learnt from."""

MAX_LINKED = 15_000
"""Distinct failing texts up to which exact linkage may be asked for by name (3 GB and a minute)."""

_NULL_SPREADS = 3.0
_LOWER_SPREAD_PERCENTILE = 15.87
_RELATED_QUANTILE = 0.80
_PRIOR_SLACK = 0.2


class Clustering(StrEnum):
    """How failing texts are grouped; ``auto`` is linkage up to ``MAX_COMPARED`` distinct texts and UMAP → HDBSCAN above."""

    AUTO = "auto"
    LINKAGE = "linkage"
    UMAP_HDBSCAN = "umap_hdbscan"


@dataclass(frozen=True)
class Grouping:
    """Groups as lists of positions in the failing texts, and everything placed in the space they were found in.

    ``cut`` is the mean similarity down to which groups were joined, whichever way they were found.
    """

    groups: list[list[int]]
    cut: float
    failing: Vectors
    passing: Vectors
    earlier: Vectors


def group_by_intent(
    texts: Sequence[str],
    costly: Sequence[bool],
    background: Sequence[str],
    history: Sequence[str],
    encoder: Encoder,
    *,
    clustering: Clustering = Clustering.AUTO,
    progress: Callable[[str], None] = lambda _message: None,
) -> Grouping:
    """Group distinct canonical ``texts``; place the ``background`` and ``history`` texts in the same space.

    ``texts`` (at least one) and ``background`` are distinct and sorted. Texts marked ``costly`` (a regulatory or safety span) are
    grouped among themselves first, so that no crowd of ordinary texts can pull them apart; ordinary groups of
    the same intent then join them. Raises PermanentError above ``MAX_LINKED`` where linkage is asked for by name.
    """
    if clustering is Clustering.LINKAGE and len(texts) > MAX_LINKED:
        raise PermanentError(
            f"{len(texts)} distinct failing inputs in one window are more than the {MAX_LINKED} that 'clustering: linkage' "
            "can compare with one another; use 'clustering: auto'"
        )
    enough = len(background) >= MIN_BACKGROUND
    matrix = encoder.encode([*texts, *background, *history], reference=background if enough else texts)
    ordinary = slice(len(texts), len(texts) + len(background))
    vectors = Vectors.of(matrix, background_direction(matrix[ordinary]) if enough else None)
    failing, passing = vectors.rows(slice(0, len(texts))), vectors.rows(ordinary)
    earlier = vectors.rows(slice(ordinary.stop, None))
    known = passing if enough else None
    is_costly = np.asarray(costly, dtype=bool)
    if clustering is Clustering.LINKAGE or (clustering is Clustering.AUTO and len(texts) <= MAX_COMPARED):
        cosines = failing.cosines(failing)
        cut = _cut(failing, known, cosines, encoder)
        groups = _grouped(cosines, is_costly, cut, max(cut, encoder.match_similarity))
        return Grouping(groups, cut, failing, passing, earlier)
    # Every n-th row of a sorted week stands for all of it: the cut is made of quantiles.
    sample = failing.rows(slice(None, None, -(-len(texts) // MAX_SAMPLED)))
    cut = _cut(sample, known, sample.cosines(sample), encoder)
    join = max(cut, encoder.match_similarity)
    linked_up_to = MIN_TEXTS if clustering is Clustering.UMAP_HDBSCAN else MAX_COMPARED
    groups = _grouped_apart(failing, is_costly, cut, join, linked_up_to, progress)
    return Grouping(groups, cut, failing, passing, earlier)


@dataclass(frozen=True)
class LinkedClusters:
    """Groups as lists of positions in the clusters, and the texts of these and of the history in the same space."""

    groups: list[list[int]]
    cut: float
    texts: Vectors
    earlier: Vectors


def link_clusters(
    texts: Sequence[str],
    clusters: Sequence[Sequence[int]],
    owners: Sequence[str],
    history: Sequence[str],
    encoder: Encoder,
    *,
    progress: Callable[[str], None] = lambda _message: None,
) -> LinkedClusters:
    """Average linkage that goes on from ``clusters``, each given as positions in the distinct canonical ``texts``.

    One cluster counts as much as another, however many texts it has. Two of the same owner, who told them apart, bring
    nothing to each other: their similarity is the owner's own words. There is no background, and two intents taken
    for one make a case that nobody can read, so the cut is at the upper end of where it may be without one. On clusters of
    5 to 60 simulated tenants with a word of their own in most texts, of intents of four public sets, that gave
    .65-.72 ARI, and .48-.62 with the owners left out of it; see benchmarks/cross_tenant_cases.py.
    """
    matrix = encoder.encode([*texts, *history], reference=texts)
    vectors = Vectors.of(matrix, None)
    said, earlier = vectors.rows(slice(0, len(texts))), vectors.rows(slice(len(texts), None))
    cut = (1 + _PRIOR_SLACK) * encoder.prior_similarity
    centroids = said.centroids(clusters)
    if len(clusters) <= MAX_COMPARED:
        similarity = centroids.mean_similarities()
        own = np.unique(np.asarray(owners), return_inverse=True)[1]
        np.minimum(similarity, 0, out=similarity, where=own[:, None] == own)
        groups = groups_of(average_linkage(similarity, [1] * len(clusters), cut))
    else:
        groups = group_many(centroids, cut, progress)
    return LinkedClusters(groups, cut, said, earlier)


def _cut(failing: Vectors, passing: Vectors | None, cosines: NDArray[np.float32], encoder: Encoder) -> float:
    """The similarity above which two texts are relatives.

    Against the background, the left half of the cosines is what unrelated texts look like; three of its
    spreads above the median is beyond chance. Without a background the failing pairs have to do, held near a prior:
    in a week ruled by a few intents most pairs are relatives, and their quantile alone would split them.
    """
    if passing is not None:
        against = failing.cosines(passing)
        centre, lower = np.percentile(against, [50, _LOWER_SPREAD_PERCENTILE])
        return max(encoder.min_similarity, float(centre + _NULL_SPREADS * (centre - lower)))
    if len(failing) == 1:
        return encoder.prior_similarity
    pairs = cosines[np.triu(np.ones(cosines.shape, dtype=bool), k=1)]
    prior = encoder.prior_similarity
    return float(np.clip(np.quantile(pairs, _RELATED_QUANTILE), (1 - _PRIOR_SLACK) * prior, (1 + _PRIOR_SLACK) * prior))


def _grouped(cosines: NDArray[np.float32], costly: NDArray[np.bool_], cut: float, join: float) -> list[list[int]]:
    """Costly groups, ordinary groups, and the latter joined to the former where their centroids are as close as ``join``.

    Joining asks for more than the cut: two statute spans must not take in forty about tone for a shared sentence frame.
    """
    costly_groups = _linked(cosines, np.flatnonzero(costly), cut)
    ordinary_groups = _linked(cosines, np.flatnonzero(~costly), cut)
    return _joined(costly_groups, ordinary_groups, _centroid_cosines(cosines, ordinary_groups, costly_groups), join)


def _grouped_apart(
    failing: Vectors,
    costly: NDArray[np.bool_],
    cut: float,
    join: float,
    linked_up_to: int,
    progress: Callable[[str], None],
) -> list[list[int]]:
    """As ``_grouped``, without the similarities of all texts to one another.

    Costly texts are linked exactly while they are at most ``MAX_COMPARED``, ordinary ones while at most ``linked_up_to``.
    """
    found = []
    for index, limit in ((np.flatnonzero(costly), MAX_COMPARED), (np.flatnonzero(~costly), linked_up_to)):
        own = failing.rows(index)
        fits = len(index) <= limit
        groups = _linked(own.cosines(own), np.arange(len(own)), cut) if fits else group_many(own, cut, progress)
        found.append([[int(index[place]) for place in group] for group in groups])
    costly_groups, ordinary_groups = found
    similarity = failing.centroids(ordinary_groups).cosines(failing.centroids(costly_groups))
    return _joined(costly_groups, ordinary_groups, similarity, join)


def _joined(
    costly_groups: list[list[int]], ordinary_groups: list[list[int]], similarity: NDArray[np.floating], join: float
) -> list[list[int]]:
    alone = []
    joined: list[list[int]] = [list(group) for group in costly_groups]
    for number, group in enumerate(ordinary_groups):
        if costly_groups and similarity[number].max() >= join:
            joined[int(np.argmax(similarity[number]))].extend(group)
        else:
            alone.append(group)
    return sorted(sorted(group) for group in [*joined, *alone])


def _centroid_cosines(
    cosines: NDArray[np.float32], left: list[list[int]], right: list[list[int]]
) -> NDArray[np.float64]:
    """Row for row of ``left``; 0 where a group has nothing but background."""
    within_left = [float(cosines[np.ix_(one, one)].mean()) for one in left] if right else []
    within_right = [float(cosines[np.ix_(one, one)].mean()) for one in right]
    similarity = np.zeros((len(left), len(right)))
    for row, one in enumerate(left):
        for column, other in enumerate(right):
            inside = within_left[row] * within_right[column]
            if inside > 0:
                similarity[row, column] = float(cosines[np.ix_(one, other)].mean()) / float(np.sqrt(inside))
    return similarity


def _linked(cosines: NDArray[np.float32], index: NDArray[np.intp], cut: float) -> list[list[int]]:
    """Average linkage over the rows at ``index``, cut where the mean similarity between groups falls below ``cut``."""
    if len(index) == 0:
        return []
    group_of = average_linkage(cosines[np.ix_(index, index)], [1] * len(index), cut)
    return [[int(index[place]) for place in group] for group in groups_of(group_of)]
