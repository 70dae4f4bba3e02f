"""Which failing spans say the same thing.

dedupe → sort → encode → take the background out → exact average linkage → cut where the background says that
two texts are related. Deterministic under any order of the rows, and no span is ever dropped as noise here: what
is too small to show a reviewer is decided later, in ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tail_pipeline.domain.embedding import Encoder, Vectors, background_direction
from tail_pipeline.domain.errors import PermanentError

MIN_BACKGROUND = 100
"""Distinct passing texts below which their mean says more about them than about the product."""

MAX_BACKGROUND = 2_000
"""Distinct passing texts used; the cut has settled by 1,000 and quality does not rise beyond."""

MAX_TEXTS = 15_000
"""Distinct failing texts up to which their similarities fit in memory (1 GB here)."""

_NULL_SPREADS = 3.0
_LOWER_SPREAD_PERCENTILE = 15.87
_RELATED_QUANTILE = 0.80
_PRIOR_SLACK = 0.2


@dataclass(frozen=True)
class Grouping:
    """Groups as lists of positions in the failing texts, and everything placed in the space they were found in."""

    groups: list[list[int]]
    cut: float
    failing: Vectors
    passing: Vectors
    earlier: Vectors


def group_by_intent(
    texts: Sequence[str], costly: Sequence[bool], background: Sequence[str], history: Sequence[str], encoder: Encoder
) -> Grouping:
    """Group distinct canonical ``texts``; place the ``background`` and ``history`` texts in the same space.

    ``texts`` (at least one) and ``background`` are distinct and sorted. Texts marked ``costly`` (a regulatory or safety span) are
    grouped among themselves first, so that no crowd of ordinary texts can pull them apart; ordinary groups of
    the same intent then join them. Raises PermanentError above ``MAX_TEXTS``.
    """
    if len(texts) > MAX_TEXTS:
        raise PermanentError(
            f"{len(texts)} distinct failing inputs in one window are more than the {MAX_TEXTS} that can be compared with "
            "one another; split the agent by segment, or mine it daily"
        )
    enough = len(background) >= MIN_BACKGROUND
    matrix = encoder.encode([*texts, *background, *history], reference=background if enough else texts)
    ordinary = slice(len(texts), len(texts) + len(background))
    vectors = Vectors.of(matrix, background_direction(matrix[ordinary]) if enough else None)
    failing, passing = vectors.rows(slice(0, len(texts))), vectors.rows(ordinary)
    cosines = failing.cosines(failing)
    cut = _cut(failing, passing if enough else None, cosines, encoder)
    groups = _grouped(cosines, np.asarray(costly, dtype=bool), cut, max(cut, encoder.match_similarity))
    return Grouping(groups, cut, failing, passing, earlier=vectors.rows(slice(ordinary.stop, None)))


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
    pairs = cosines[np.triu_indices(len(failing), k=1)]
    prior = encoder.prior_similarity
    return float(np.clip(np.quantile(pairs, _RELATED_QUANTILE), (1 - _PRIOR_SLACK) * prior, (1 + _PRIOR_SLACK) * prior))


def _grouped(cosines: NDArray[np.float32], costly: NDArray[np.bool_], cut: float, join: float) -> list[list[int]]:
    """Costly groups, ordinary groups, and the latter joined to the former where their centroids are as close as ``join``.

    Joining asks for more than the cut: two statute spans must not take in forty about tone for a shared sentence frame.
    """
    costly_groups = _linked(cosines, np.flatnonzero(costly), cut)
    ordinary_groups = _linked(cosines, np.flatnonzero(~costly), cut)
    alone = []
    joined: list[list[int]] = [list(group) for group in costly_groups]
    for group in ordinary_groups:
        similarity = [_centroid_cosine(cosines, group, costly_group) for costly_group in costly_groups]
        if similarity and max(similarity) >= join:
            joined[int(np.argmax(similarity))].extend(group)
        else:
            alone.append(group)
    return sorted(sorted(group) for group in [*joined, *alone])


def _centroid_cosine(cosines: NDArray[np.float32], left: list[int], right: list[int]) -> float:
    inside = float(cosines[np.ix_(left, left)].mean()) * float(cosines[np.ix_(right, right)].mean())
    return float(cosines[np.ix_(left, right)].mean()) / float(np.sqrt(inside)) if inside > 0 else 0.0


def _linked(cosines: NDArray[np.float32], index: NDArray[np.intp], cut: float) -> list[list[int]]:
    """Average linkage over the rows at ``index``, cut where the mean similarity between groups falls below ``cut``."""
    if len(index) == 0:
        return []
    if len(index) == 1:
        return [[int(index[0])]]
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = 1 - cosines[np.ix_(index, index)]
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="average")
    label = fcluster(tree, t=1 - cut, criterion="distance")
    return [[int(row) for row in index[label == number]] for number in np.unique(label)]
