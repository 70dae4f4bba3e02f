"""How far a score and people agree on which answers fail.

Lower scores are worse, and an answer fails below a threshold. Everything is computed from the ROC curve of "people say
it fails"; intervals are percentiles of a bootstrap over contents (Efron 1979) with a fixed seed, for shares Wilson's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.estimates import Estimate, share
from tail_pipeline.domain.judgement import Judgement
from tail_pipeline.domain.repeat_correlation import RepeatError, repeat_error

RESAMPLES = 1000
SEED = 0

Metric = Literal["rubric", "faithfulness"]
Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Rating:
    """One content: what people say, and its score in 0..1 per repeat; None with a reason where it was not scored."""

    fails: bool
    scores: tuple[float | None, ...]
    unscored_reason: str | None = None


@dataclass(frozen=True)
class Agreement:
    """At one threshold. ``precision``: of what scores below it, the share people fail; ``recall``: the converse.

    ``kappa`` is Cohen's (1960): agreement beyond what two coins with these shares would reach.
    """

    threshold: float
    below: int
    kappa: Estimate | None
    precision: Estimate | None
    recall: Estimate | None


@dataclass(frozen=True)
class Suggestion:
    """The threshold with the largest kappa on these contents, and the agreement it gives on them.

    ``unseen_kappa`` is the mean over resamples of choosing on the resample and deciding the contents left out of it: what
    to expect on other contents, without the optimism of choosing and judging on the same ones.
    """

    threshold: Estimate
    agreement: Agreement
    unseen_kappa: float | None


@dataclass(frozen=True)
class Calibration:
    """``failing`` are the contents people fail; ``auc`` is the chance that one of them scores below one that passes."""

    contents: int
    failing: int
    unscored: Mapping[str, int]
    auc: Estimate | None
    at_threshold: Agreement
    suggestion: Suggestion | None
    repeats: RepeatError | None
    mean_auc: Estimate | None
    notes: tuple[str, ...]


def rate(fails: bool, judgements: Sequence[Judgement], metric: Metric) -> Rating:
    """One content with what each of at least one judging said; a broken floor counts as 0, as no mean makes up for it."""
    first = judgements[0]
    if metric == "faithfulness":
        return Rating(fails, tuple(one.faithfulness for one in judgements), first.faithfulness_reason)
    return Rating(fails, tuple(0.0 if one.broken_floors else one.score for one in judgements), first.unscored_reason)


def calibrate(ratings: Sequence[Rating], threshold: float, *, resamples: int = RESAMPLES) -> Calibration:
    """How the first score of each content agrees with people, and what further repeats add.

    ``resamples`` are drawn for each interval. What cannot be said (only one of the two labels, nothing scored) is None,
    with a note. Raises PermanentError without any content.
    """
    if not ratings:
        raise PermanentError("nothing to calibrate on: no labelled answer was found")
    scored = [rating for rating in ratings if rating.scores[0] is not None]
    fails = np.array([rating.fails for rating in scored], dtype=bool)
    scores = np.array([rating.scores[0] for rating in scored], dtype=float)
    sample = _Sample(fails, scores, resamples)
    repeated = [rating for rating in scored if len(rating.scores) > 1 and None not in rating.scores]
    means = _Sample(
        np.array([rating.fails for rating in repeated], dtype=bool),
        np.array(
            [np.mean([score for score in rating.scores if score is not None]) for rating in repeated], dtype=float
        ),
        resamples,
    )
    suggestion = sample.suggestion()
    return Calibration(
        contents=len(ratings),
        failing=sum(rating.fails for rating in ratings),
        unscored=dict(
            Counter(
                rating.unscored_reason or "no reason" for rating in ratings if rating.scores[0] is None
            ).most_common()
        ),
        auc=sample.auc(),
        at_threshold=sample.agreement(threshold),
        suggestion=suggestion,
        repeats=repeat_error([[float(s) for s in r.scores if s is not None] for r in repeated], list(means.fails)),
        mean_auc=means.auc(),
        notes=_notes(sample, suggestion),
    )


def _notes(sample: _Sample, suggestion: Suggestion | None) -> tuple[str, ...]:
    if len(sample.fails) == 0:
        return ("no answer was scored, so nothing can be said about agreement",)
    if not sample.has_both:
        all_of_them = "fails" if sample.fails[0] else "passes"
        return (f"every scored answer {all_of_them} for people; AUC, kappa and a threshold need both kinds",)
    if len(np.unique(sample.scores)) == 1:
        return ("every answer has the same score, so no threshold can tell them apart",)
    if suggestion is None:
        return ("no threshold agrees with people better than chance",)
    return ()


class _Sample:
    """Scored contents in the order of their scores; a resample of them is how often each was drawn."""

    def __init__(self, fails: Booleans, scores: Floats, resamples: int) -> None:
        order = np.argsort(scores, kind="stable")
        self.fails = fails[order]
        self.scores = scores[order]
        self._values, self._starts = np.unique(self.scores, return_index=True)
        self._once = np.ones(len(scores))
        self._resamples = resamples

    @property
    def has_both(self) -> bool:
        return bool(self.fails.any() and not self.fails.all())

    def auc(self) -> Estimate | None:
        """Area under the ROC curve, ties counted half; None unless people use both labels."""
        if not self.has_both:
            return None
        return _estimate(self._auc(self._once), [self._auc(weights) for weights in self._drawn()])

    def agreement(self, threshold: float) -> Agreement:
        below = self.scores < threshold
        hits = int((below & self.fails).sum())
        kappa = None
        if self.has_both:
            kappa = _estimate(
                self._kappa(threshold, self._once), [self._kappa(threshold, weights) for weights in self._drawn()]
            )
        return Agreement(
            threshold=threshold,
            below=int(below.sum()),
            kappa=kappa,
            precision=share(hits, int(below.sum())),
            recall=share(hits, int(self.fails.sum())),
        )

    def suggestion(self) -> Suggestion | None:
        """None unless people use both labels and some threshold agrees with them better than chance."""
        chosen = self._best_threshold(self._once) if self.has_both else None
        if chosen is None:
            return None
        drawn, unseen = [], []
        for weights in self._drawn():
            threshold = self._best_threshold(weights)
            if threshold is not None:
                drawn.append(threshold)
                unseen.append(self._kappa(threshold, (weights == 0).astype(float)))
        known = [kappa for kappa in unseen if np.isfinite(kappa)]
        return Suggestion(
            threshold=_estimate(chosen, drawn),
            agreement=self.agreement(chosen),
            unseen_kappa=float(np.mean(known)) if known else None,
        )

    def _drawn(self) -> Iterator[Floats]:
        """Resamples that hold both labels, the same ones each time."""
        generator = np.random.default_rng(SEED)
        size = len(self.fails)
        for _ in range(self._resamples):
            weights = np.bincount(generator.integers(0, size, size), minlength=size).astype(float)
            if 0 < weights[self.fails].sum() < size:
                yield weights

    def _curve(self, weights: Floats) -> tuple[Floats, Floats]:
        """False alarms and hits when everything up to each distinct score is called failing, lowest score first."""
        hits = np.add.reduceat(weights * self.fails, self._starts)
        false_alarms = np.add.reduceat(weights * ~self.fails, self._starts)
        return np.cumsum(false_alarms), np.cumsum(hits)

    def _auc(self, weights: Floats) -> float:
        false_alarms, hits = (np.concatenate([[0.0], counts]) for counts in self._curve(weights))
        return float(np.trapezoid(hits, false_alarms) / (hits[-1] * false_alarms[-1]))

    def _best_threshold(self, weights: Floats) -> float | None:
        """Half way between two neighbouring scores, where kappa is largest and above 0; the lowest of several."""
        false_alarms, hits = self._curve(weights)
        kappas = _kappas(hits[:-1], false_alarms[:-1], hits[-1], false_alarms[-1])
        place = int(np.argmax(kappas)) if len(kappas) else 0
        if not len(kappas) or kappas[place] <= 0:
            return None
        return float((self._values[place] + self._values[place + 1]) / 2)

    def _kappa(self, threshold: float, weights: Floats) -> float:
        below = weights * (self.scores < threshold)
        failing = weights[self.fails].sum()
        hits = below[self.fails].sum()
        return float(_kappas(hits, below.sum() - hits, failing, weights.sum() - failing))


def _estimate(value: float, drawn: Sequence[float]) -> Estimate:
    known = [one for one in drawn if np.isfinite(one)]
    low, high = np.percentile(known or [value], [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))


def _kappas(hits: Any, false_alarms: Any, failing: float, passing: float) -> Any:
    """(observed - expected) / (1 - expected) agreement, Cohen (1960); NaN where people and score are one constant."""
    total = failing + passing
    below = hits + false_alarms
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (hits + passing - false_alarms) / total
        expected = (below * failing + (total - below) * passing) / total**2
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
