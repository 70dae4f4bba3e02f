"""How noisy one answer of a judge is, and how much of its error another answer repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RepeatError:
    """From ``contents`` that were each scored ``repeats`` times.

    ``sd`` is the standard deviation between scores of one content. ``correlation`` is that of two scores of one content
    beyond what people's label explains: 0 when repeats err independently, 1 when they err together. Real
    differences between contents with the same label raise it, so it is an upper bound; None where nothing varies.
    """

    contents: int
    repeats: int
    sd: float
    correlation: float | None

    @property
    def remaining(self) -> float | None:
        """The error's standard deviation in the mean of all repeats, as a share of that of one score.

        The root of c + (1 - c) / k, the variance of a mean of k values with correlation c; a negative one counts as 0.
        """
        if self.correlation is None:
            return None
        shared = max(self.correlation, 0.0)
        return float(np.sqrt(shared + (1 - shared) / self.repeats))


def repeat_error(scores: Sequence[Sequence[float]], groups: Sequence[bool]) -> RepeatError | None:
    """What repeats say about a judge; None with fewer than two repeats or too few contents.

    ``scores`` has one row per content, all of the same length; ``groups`` is people's label. The correlation is
    ICC(1,1) of Shrout and Fleiss (1979), (MSB - MSW) / (MSB + (k - 1) MSW), between contents of one label:
    MSB is taken around each label's mean, with one degree of freedom less for each label.
    """
    values: NDArray[np.float64] = np.asarray(scores, dtype=float)
    labels = np.asarray(groups, dtype=bool)
    distinct = np.unique(labels)
    if values.ndim != 2 or values.shape[1] < 2 or len(values) <= len(distinct):
        return None
    contents, repeats = values.shape
    means = values.mean(axis=1)
    within = float(((values - means[:, None]) ** 2).sum()) / (contents * (repeats - 1))
    centred = means.copy()
    for label in distinct:
        centred[labels == label] -= means[labels == label].mean()
    between = repeats * float((centred**2).sum()) / (contents - len(distinct))
    total = between + (repeats - 1) * within
    correlation = (between - within) / total if total > 0 else None
    return RepeatError(contents, repeats, float(np.sqrt(within)), correlation)
