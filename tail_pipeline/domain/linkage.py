"""Exact average linkage of groups that may already have many members, in place on one matrix.

SciPy's takes no sizes, and keeps its distances in twice the precision and three times the memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]


def average_linkage(similarity: Floats, members: Sequence[int], cut: float) -> Numbers:
    """Average linkage of groups with so many ``members``, overwriting ``similarity``; the number of the group each ends in.

    Follows nearest neighbours until two are each other's, and merges those. A group whose nearest is below the cut
    is finished: what merges elsewhere is never nearer to it on average than its parts were.
    """
    sizes = np.array(members, dtype=np.float32)
    parent = np.arange(len(similarity))
    np.fill_diagonal(similarity, -np.inf)
    for row in range(len(similarity)):
        # Equal to the last bit both ways, or the chain of nearest neighbours might never end.
        similarity[row, row:] = similarity[row:, row]
    left = np.ones(len(similarity), dtype=bool)
    chain: list[int] = []
    for first in range(len(similarity)):
        while left[first]:
            chain = chain or [first]
            last = chain[-1]
            nearest = int(similarity[last].argmax())
            if len(chain) > 1 and similarity[last, chain[-2]] >= similarity[last, nearest]:
                nearest = chain[-2]
            if similarity[last, nearest] < cut:
                left[last] = False
                similarity[:, last] = -np.inf
                chain.pop()
            elif len(chain) > 1 and nearest == chain[-2]:
                kept, gone = sorted((last, nearest))
                merged = sizes[kept] * similarity[kept] + sizes[gone] * similarity[gone]
                merged /= sizes[kept] + sizes[gone]
                merged[[kept, gone]] = -np.inf
                similarity[kept], similarity[:, kept] = merged, merged
                similarity[:, gone] = -np.inf
                sizes[kept] += sizes[gone]
                parent[gone], left[gone] = kept, False
                del chain[-2:]
            else:
                chain.append(nearest)
    for row in range(len(parent)):
        # A group only ever goes into one with a smaller number, so its parent's own end is known by now.
        parent[row] = parent[parent[row]]
    return parent


def groups_of(group_of: Numbers) -> list[list[int]]:
    """The positions in each group, groups in the order of their numbers."""
    order = np.argsort(group_of, kind="stable")
    starts = np.flatnonzero(np.diff(group_of[order])) + 1
    return [part.tolist() for part in np.split(order, starts) if len(part)]
