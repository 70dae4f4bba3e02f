"""Groups in a week of more texts than can be compared with one another.

near-duplicates together → UMAP → HDBSCAN → join what the week's cut calls relatives. HDBSCAN finds far more groups than
there are intents, so it only says what belongs together most closely; which of its groups are one intent is decided by
average linkage at the same cut as in any other week. What HDBSCAN calls noise takes part in that as a group of
one. No matrix is larger than ``MAX_COMPARED`` squared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tail_pipeline.domain.embedding import Vectors
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.linkage import average_linkage, groups_of

MAX_COMPARED = 10_000
"""Texts, or groups of near-duplicates, that are compared each with each (0.4 GB, and as much while they are linked)."""

MIN_TEXTS = 100
"""Texts below which neighbourhoods say nothing; UMAP's own solver fails below seven."""

_DIMENSIONS = 128
_FIT_ROWS = 10_000
_POWER_ITERATIONS = 4
_OVERSAMPLED = 10
_NEAR_DUPLICATE = 0.90
_LEAST_DUPLICATE = 0.45
_DUPLICATE_STEP = 0.05
_NEIGHBOURS = 15
_LAYOUT_DIMENSIONS = 5
_BLOCK_ROWS = 512
_SEED = 0

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]


def group_many(vectors: Vectors, cut: float, progress: Callable[[str], None]) -> list[list[int]]:
    """Groups, as positions, of texts in canonical order, down to the mean similarity ``cut``.

    Raises PermanentError where more than ``MAX_COMPARED`` texts have nothing in common with one another.
    """
    progress(f"reducing {len(vectors)} texts to {_DIMENSIONS} dimensions")
    point_of, points = _near_duplicates(directions(vectors))
    core_of_point = np.arange(len(points))
    if len(points) >= MIN_TEXTS:
        progress(f"laying out {len(points)} groups of near-duplicates with UMAP")
        core_of_point = _cores(_layout(points))
    cores = _held_together(vectors, core_of_point, point_of, cut)
    progress(f"joining {len(cores)} groups where they are {cut:.2f} similar")
    similarity = vectors.centroids(cores).mean_similarities()
    joined = groups_of(average_linkage(similarity, [len(core) for core in cores], cut))
    return [[row for number in numbers for row in cores[number]] for numbers in joined]


def _held_together(vectors: Vectors, core_of_point: Numbers, point_of: Numbers, cut: float) -> list[list[int]]:
    """The texts of each of HDBSCAN's groups, or of its points one by one where they are less alike than the ``cut``.

    HDBSCAN knows only who is nearer to whom, and pairs strangers in a week of strangers.
    """
    cores = groups_of(core_of_point[point_of])
    sizes = np.array([len(core) for core in cores])
    pairs = np.maximum(sizes - 1, 1)
    alike = (sizes * vectors.centroids(cores).norm ** 2 - 1) / pairs
    loose = (alike < cut)[core_of_point]
    core_of_point = np.where(loose, len(cores) + np.arange(len(loose)), core_of_point)
    return groups_of(core_of_point[point_of])


def reduced(vectors: Vectors) -> Floats:
    """The rows on their first principal directions, background taken out, without a dense copy of the matrix.

    A randomised SVD of evenly spaced rows: ten thousand of them know the directions as well as all do.
    """
    from scipy.linalg import qr, svd

    step = -(-len(vectors) // _FIT_ROWS)
    sample = vectors.matrix[::step]
    width = min(_DIMENSIONS + _OVERSAMPLED, *sample.shape)
    basis = np.random.default_rng(_SEED).standard_normal((sample.shape[1], width)).astype(np.float32)
    for _ in range(_POWER_ITERATIONS):
        along, _r = qr(np.asarray(sample @ basis), mode="economic", check_finite=False)
        basis, _r = qr(np.asarray(sample.T @ along), mode="economic", check_finite=False)
    seen = np.asarray(sample @ basis)
    _u, _s, rotation = svd(seen.T @ seen, check_finite=False)
    basis = (basis @ rotation[:_DIMENSIONS].T).astype(np.float32)
    return np.asarray(vectors.onto(basis), dtype=np.float32)


def directions(vectors: Vectors) -> Floats:
    """``reduced`` rows of length one, or zero where there is nothing but background."""
    return _unit_rows(reduced(vectors))


def _near_duplicates(points: Floats) -> tuple[Numbers, Floats]:
    """The group of each row, and the direction of each group; at most ``MAX_COMPARED`` groups.

    Only what is nearly the same is merged, unless the week is so large that it takes more.
    """
    member_of = np.arange(len(points))
    sums = points
    for threshold in np.arange(_NEAR_DUPLICATE, _LEAST_DUPLICATE, -_DUPLICATE_STEP):
        leader_of = leaders(_unit_rows(sums), float(threshold))
        member_of, sums = leader_of[member_of], _sums(sums, leader_of)
        if len(sums) <= MAX_COMPARED:
            return member_of, _unit_rows(sums)
    raise PermanentError(
        f"more than {MAX_COMPARED} of the distinct failing inputs in one window have nothing in common with any other; "
        "look at what the store gives as the input, split the agent by segment, or mine it daily"
    )


def leaders(points: Floats, threshold: float) -> Numbers:
    """Each row in order joins the nearest earlier leader it is as similar to as ``threshold``, or leads a group itself."""
    leader_of = np.empty(len(points), dtype=np.intp)
    found = np.empty_like(points)
    count = 0
    for start in range(0, len(points), _BLOCK_ROWS):
        block = points[start : start + _BLOCK_ROWS]
        nearest, similarity = np.zeros(len(block), dtype=np.intp), np.full(len(block), -1, dtype=np.float32)
        if count:
            with_leaders = block @ found[:count].T
            nearest = with_leaders.argmax(axis=1)
            similarity = with_leaders[np.arange(len(block)), nearest]
        inside = block @ block.T
        for row in range(len(block)):
            if similarity[row] < threshold:
                found[count] = block[row]
                closer = inside[row] > similarity
                # Only rows still to come can follow; this one leads.
                closer[: row + 1] = False
                similarity[closer], nearest[closer] = inside[row][closer], count
                nearest[row] = count
                count += 1
        leader_of[start : start + len(block)] = nearest
    return leader_of


def _layout(points: Floats) -> Floats:
    """UMAP coordinates from exact neighbours and a fixed seed, so that the same rows are always laid out the same."""
    neighbours, distances = _nearest(points)
    with _quiet():
        from umap import UMAP

        umap = UMAP(
            n_neighbors=_NEIGHBOURS,
            n_components=_LAYOUT_DIMENSIONS,
            min_dist=0.0,
            metric="euclidean",
            # Spectral starts fail on small or disconnected weeks; a start from the principal directions does not.
            init="pca",
            random_state=_SEED,
            n_jobs=1,
            precomputed_knn=(neighbours, distances, None),
            force_approximation_algorithm=True,
        )
        return np.asarray(umap.fit_transform(points), dtype=np.float32)


def _nearest(points: Floats) -> tuple[NDArray[np.int32], Floats]:
    """Each row's nearest rows, itself first, and how far they are."""
    neighbours = np.empty((len(points), _NEIGHBOURS), dtype=np.int32)
    distances = np.empty((len(points), _NEIGHBOURS), dtype=np.float32)
    for start in range(0, len(points), _BLOCK_ROWS):
        similarity = points[start : start + _BLOCK_ROWS] @ points.T
        rows = np.arange(len(similarity))
        similarity[rows, start + rows] = 2
        near = np.sort(np.argpartition(-similarity, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS], axis=1)
        order = np.argsort(-np.take_along_axis(similarity, near, axis=1), axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)
        block = slice(start, start + len(rows))
        neighbours[block] = near
        distances[block] = np.sqrt(2 - 2 * np.clip(np.take_along_axis(similarity, near, axis=1), -1, 1))
    return neighbours, distances


def _cores(layout: Floats) -> Numbers:
    """HDBSCAN's groups, from pairs up; each row of its noise is a group of its own."""
    with _quiet():
        from hdbscan import HDBSCAN

        # The smallest and purest groups: the cut joins them again, and nothing takes an impure one apart.
        finder = HDBSCAN(min_cluster_size=2, min_samples=1, cluster_selection_method="leaf", core_dist_n_jobs=1)
        core_of = np.asarray(finder.fit_predict(layout), dtype=np.intp)
    noise = core_of < 0
    core_of[noise] = core_of.max(initial=-1) + 1 + np.arange(noise.sum())
    return core_of


def _sums(rows: Floats, group_of: Numbers) -> Floats:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(rows), dtype=np.float32)
    groups: Any = csr_matrix((ones, (group_of, np.arange(len(rows)))))
    return np.asarray(groups @ rows, dtype=np.float32)


def _unit_rows(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-6)
    return unit


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what UMAP says about choices made on purpose here; all other warnings stay."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        warnings.filterwarnings("ignore", r"precomputed_knn\[2\]", UserWarning)
        yield
