"""Which texts of a window are nearly the same, and which are nearest to a given one.

Made for tens of thousands of texts: they are compared in the few dimensions that ``large_weeks`` reduces a week to, and
no matrix of all pairs is ever held.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tail_pipeline.domain.embedding import Encoder, Vectors, background_direction, canonical
from tail_pipeline.domain.large_weeks import directions, leaders

NEAREST = 30
"""How many neighbours of a text are known."""

NEAR_DUPLICATE = 0.60
"""Cosine, background taken out, from which a text belongs to a group; .5 to .9 found as many failing clusters."""

_MIN_FOR_DIRECTION = 100
"""Distinct texts below which their mean says more about them than about the product."""

_BLOCK_ROWS = 256
_DIGITS = 4


class Neighbourhood:
    """``texts`` are at least one and may repeat; all answers are positions among them.

    Of texts that are equally near the earlier comes first; nothing else depends on their order.
    """

    def __init__(self, texts: Sequence[str], encoder: Encoder) -> None:
        forms = [canonical(text) for text in texts]
        distinct = sorted(set(forms))
        place = {form: number for number, form in enumerate(distinct)}
        self._form_of = [place[form] for form in forms]
        self._said: list[list[int]] = [[] for _ in distinct]
        for position, form in enumerate(self._form_of):
            self._said[form].append(position)
        matrix = encoder.encode(distinct, reference=distinct)
        enough = len(distinct) >= _MIN_FOR_DIRECTION
        self._points = directions(Vectors.of(matrix, background_direction(matrix) if enough else None))

    def near_duplicates(self) -> list[list[int]]:
        """The groups of texts that are nearly the same, in no particular order; each in the order of the texts."""
        groups: dict[int, list[int]] = {}
        for form, leader in enumerate(leaders(self._points, NEAR_DUPLICATE).tolist()):
            groups.setdefault(leader, []).extend(self._said[form])
        return [sorted(group) for group in groups.values()]

    def nearest(self, positions: Sequence[int]) -> list[list[int]]:
        """For each of ``positions`` the ``NEAREST`` others at most, nearest first."""
        found: list[list[int]] = []
        for start in range(0, len(positions), _BLOCK_ROWS):
            block = positions[start : start + _BLOCK_ROWS]
            for position, forms in zip(block, self._nearest_forms([self._form_of[one] for one in block]), strict=True):
                others = [other for form in forms for other in self._said[form] if other != position]
                found.append(others[:NEAREST])
        return found

    def _nearest_forms(self, forms: Sequence[int]) -> list[list[int]]:
        """Each of ``forms`` itself, and those nearest to it."""
        similarity = self._points[forms] @ self._points.T
        similarity[np.arange(len(forms)), forms] = np.inf
        count = min(NEAREST + 1, similarity.shape[1])
        near = np.sort(np.argpartition(-similarity, count - 1, axis=1)[:, :count], axis=1)
        # Rounded, so that the last bits of a sum taken in another order decide nothing.
        values = np.round(np.take_along_axis(similarity, near, axis=1), _DIGITS)
        order = np.argsort(-values, axis=1, kind="stable")
        nearest: list[list[int]] = np.take_along_axis(near, order, axis=1).tolist()
        return nearest
