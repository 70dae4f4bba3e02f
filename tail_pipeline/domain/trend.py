"""Whether the tail grows, is capped, closes or holds steady, and how much of that could be chance.

The verdict follows fixed rules on the clusters found before the cap. Those rules are noisy: on a stationary tail
"up two weeks in a row" holds in 12-16 % of weeks. A statistical remark therefore stands beside the verdict and never replaces it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay, mining_days

FEW_NEW_CLUSTERS = 3
MIN_WEEKS_FOR_TEST = 4
MAX_WEEKS_FOR_TEST = 12
_EXTRA_VARIANCE = 0.1
_PRIOR_DEGREES = 4
_PRIOR_COUNT = 0.5


class Verdict(StrEnum):
    """What the last weeks say; the first two raise an escalation."""

    CAPPED = "capped"
    GROWING = "growing"
    CLOSING = "closing"
    STEADY = "steady"
    UNKNOWN = "unknown"

    @property
    def escalates(self) -> bool:
        return self in (Verdict.CAPPED, Verdict.GROWING)


@dataclass(frozen=True)
class WeekNumbers:
    """One week's counts, as its tail file states them."""

    week: IsoWeek
    spans: int
    failing: int
    clusters: int
    new_clusters: int
    max_clusters: int


@dataclass(frozen=True)
class Trend:
    """The verdict for ``week``, why, and the weeks it rests on, oldest first; ``missing`` weeks have no tail file."""

    week: IsoWeek
    verdict: Verdict
    reason: str
    remark: str
    weeks: tuple[WeekNumbers, ...]
    missing: tuple[IsoWeek, ...]


def earlier_weeks(week: IsoWeek, cadence: Cadence, count: int) -> list[IsoWeek]:
    """The weeks of the ``count`` periods before, nearest first; a monthly agent compares months."""
    if cadence is not Cadence.MONTHLY:
        return [week.shifted(-back) for back in range(1, count + 1)]
    days, weeks = mining_days(week, cadence), []
    if not days:
        return []
    day = days[0]
    for _ in range(count):
        day = day.previous(cadence)
        weeks.append(day.iso_week)
    return weeks


def affected_weeks(week: IsoWeek, cadence: Cadence) -> list[IsoWeek]:
    """The weeks whose verdict rests on this one: itself and those of the two periods after it, oldest first."""
    if cadence is not Cadence.MONTHLY:
        return [week.shifted(later) for later in range(3)]
    weeks = [week]
    for first in mining_days(week, cadence):
        day = first.day
        for _ in range(2):
            day = (day + timedelta(days=31)).replace(day=1)
            weeks.append(MiningDay(day).iso_week)
    return weeks


def judge_trend(week: IsoWeek, numbers: Mapping[IsoWeek, WeekNumbers], cadence: Cadence) -> Trend:
    """The verdict for one week; a week without a tail file or without any traffic is unknown, never zero."""
    before = earlier_weeks(week, cadence, MAX_WEEKS_FOR_TEST - 1)
    span = [week, *before]
    shown = [numbers[one] for one in reversed(span) if one in numbers]
    first = min((one.week for one in shown), default=week)
    missing = tuple(one for one in reversed(span) if one not in numbers and one > first)
    verdict, reason = _verdict(week, before, numbers)
    contiguous: list[WeekNumbers] = []
    for one in span:
        if one not in numbers:
            break
        contiguous.insert(0, numbers[one])
    return Trend(week, verdict, reason, _remark(contiguous), tuple(shown), missing)


def _verdict(week: IsoWeek, before: Sequence[IsoWeek], numbers: Mapping[IsoWeek, WeekNumbers]) -> tuple[Verdict, str]:
    """First of capped, growing, closing and steady that holds; unknown where a missing week could change that."""
    if not before:
        return Verdict.UNKNOWN, f"{week} is not a week in which this agent is mined"
    now, last, second_last = (_with_traffic(numbers.get(one)) for one in (week, *before[:2]))
    if now is None:
        return Verdict.UNKNOWN, f"{week} has {_what_is_missing(week, numbers)}"
    if last is None:
        return Verdict.UNKNOWN, f"{before[0]} has {_what_is_missing(before[0], numbers)}, so nothing can be compared"
    if now.clusters >= now.max_clusters and last.clusters >= last.max_clusters:
        return (
            Verdict.CAPPED,
            f"{last.clusters} and {now.clusters} clusters in {last.week} and {week}: the cap of {now.max_clusters} was hit twice",
        )
    if now.clusters > last.clusters:
        if second_last is None:
            return (
                Verdict.UNKNOWN,
                f"up from {last.clusters} to {now.clusters} clusters, but {before[1]} has {_what_is_missing(before[1], numbers)}",
            )
        if last.clusters > second_last.clusters:
            return (
                Verdict.GROWING,
                f"{second_last.clusters} → {last.clusters} → {now.clusters} clusters: up two weeks in a row",
            )
    if now.new_clusters < FEW_NEW_CLUSTERS and last.new_clusters < FEW_NEW_CLUSTERS:
        return (
            Verdict.CLOSING,
            f"{last.new_clusters} and {now.new_clusters} new clusters: under {FEW_NEW_CLUSTERS} two weeks in a row",
        )
    return Verdict.STEADY, f"{last.clusters} → {now.clusters} clusters, {now.new_clusters} of them new"


def _with_traffic(numbers: WeekNumbers | None) -> WeekNumbers | None:
    """None for a week without a single span: an outage or a start is no quiet tail."""
    return numbers if numbers and numbers.spans else None


def _what_is_missing(week: IsoWeek, numbers: Mapping[IsoWeek, WeekNumbers]) -> str:
    return "no traffic" if week in numbers else "no tail file"


def _remark(weeks: Sequence[WeekNumbers]) -> str:
    """How likely chance alone would look like growth, with traffic taken into account."""
    with_traffic = [one for one in weeks if one.spans > 0]
    if len(with_traffic) < MIN_WEEKS_FOR_TEST:
        return f"Too little history for a test: {len(with_traffic)} contiguous weeks with traffic, {MIN_WEEKS_FOR_TEST} are needed."
    places = [one.week.monday.toordinal() / 7 for one in with_traffic]
    clusters = growth_test(
        places, [one.clusters for one in with_traffic], [math.sqrt(one.spans) for one in with_traffic]
    )
    failing = growth_test(places, [one.failing for one in with_traffic], [one.spans for one in with_traffic])
    return (
        f"Growth beyond traffic over {len(with_traffic)} weeks: clusters {_percent(clusters)}, failing spans {_percent(failing)}. "
        f"{'Unlikely to be chance.' if clusters.p_value < 0.05 else 'Chance alone could look like this.'}"
    )


@dataclass(frozen=True)
class Growth:
    """Fitted growth per week (0.1 = 10 %) and the one-sided p-value of 'it does not grow'."""

    per_week: float
    p_value: float


def growth_test(week: Sequence[float], count: Sequence[int], exposure: Sequence[float]) -> Growth:
    """Log-linear trend of over-dispersed counts, one-sided.

    Variance mu + 0.1 mu^2; the dispersion is shrunk towards it with 4 prior degrees of freedom, t with n - 2 + 4 of
    them. Exposure is the number of spans for failing spans and its square root for clusters, because clusters
    grow like traffic^0.44. Half a count a week, spread like the exposure, keeps the fit finite when quiet weeks come
    before a jump. On simulated weeks (4-12 of them, 3-20 clusters, wandering traffic) false alarms at p < .05 were
    .01-.05, and growth of 30 % a week was seen in .78 of six and 1.0 of eight weeks.
    """
    import numpy as np
    from scipy.stats import t as student

    exposed = np.asarray(exposure, dtype=float)
    y = np.asarray(count, dtype=float) + _PRIOR_COUNT * len(count) * exposed / exposed.sum()
    offset = np.log(exposed)
    x = np.column_stack([np.ones(len(y)), np.asarray(week, dtype=float) - np.mean(week)])
    beta = np.array([math.log(y.sum()) - math.log(np.exp(offset).sum()), 0.0])
    for _ in range(100):
        mu = np.exp(np.clip(x @ beta + offset, -30, 30))
        weight = mu / (1 + _EXTRA_VARIANCE * mu)
        information = x.T @ (x * weight[:, None])
        step = np.linalg.lstsq(information, x.T @ (weight * (y - mu) / mu), rcond=None)[0]
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    mu = np.exp(np.clip(x @ beta + offset, -30, 30))
    weight = mu / (1 + _EXTRA_VARIANCE * mu)
    covariance = np.linalg.pinv(x.T @ (x * weight[:, None]))
    pearson = float(((y - mu) ** 2 / (mu + _EXTRA_VARIANCE * mu**2)).sum())
    degrees = len(y) - 2 + _PRIOR_DEGREES
    dispersion = (pearson + _PRIOR_DEGREES) / degrees
    error = math.sqrt(covariance[1, 1] * dispersion)
    return Growth(math.expm1(float(beta[1])), float(student.sf(beta[1] / error, degrees)) if error > 0 else 1.0)


def _percent(growth: Growth) -> str:
    """A handful of counts can fit any slope, so it is not printed beyond tenfold."""
    percent = round(min(growth.per_week, 9.99) * 100) + 0  # no minus zero
    return f"{percent:+d}% a week (p = {growth.p_value:.2f})"
