"""Average linkage, beside SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from tail_pipeline.domain.embedding import Vectors
from tail_pipeline.domain.linkage import average_linkage, groups_of


@given(
    arrays(np.float32, st.tuples(st.integers(2, 14), st.just(6)), elements=st.floats(-1, 1, width=16)),
    st.floats(-0.5, 0.9),
)
@settings(deadline=None, max_examples=100)
def test_joining_groups_of_one_is_average_linkage(rows: np.ndarray[Any, Any], cut: float) -> None:
    # Distinct random offsets keep ties away, which both may settle as they like.
    rows = rows + np.random.default_rng(0).standard_normal(rows.shape).astype(np.float32)
    cosines = Vectors.of(rows, None).cosines(Vectors.of(rows, None))
    found = average_linkage(cosines.copy(), [1] * len(rows), cut)
    distances = squareform(1 - cosines.astype(np.float64), checks=False)
    expected = fcluster(linkage(distances, method="average"), t=1 - cut, criterion="distance")
    assert np.array_equal(found[:, None] == found, expected[:, None] == expected)


def test_joining_counts_every_member_of_a_group() -> None:
    """Four texts at .2 of a stranger and one at .9 are .34 like it together, not .55."""
    similarity = np.array([[1, 0.95, 0.2], [0.95, 1, 0.9], [0.2, 0.9, 1]], dtype=np.float32)
    assert average_linkage(similarity.copy(), [4, 1, 1], 0.4).tolist() == [0, 0, 2]
    assert average_linkage(similarity.copy(), [1, 1, 1], 0.4).tolist() == [0, 0, 0]


@given(st.lists(st.integers(0, 8), max_size=40))
def test_groups_hold_every_position_once(group_of: list[int]) -> None:
    groups = groups_of(np.array(group_of, dtype=np.intp))
    assert sorted(place for group in groups for place in group) == list(range(len(group_of)))
    assert all(len({group_of[place] for place in group}) == 1 for group in groups)
