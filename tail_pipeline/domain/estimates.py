"""Numbers with their 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} (95 % interval {self.low:.2f} to {self.high:.2f})"


def share(part: int, whole: int) -> Estimate | None:
    """``part`` of ``whole`` with Wilson's score interval (Wilson 1927); None of nothing."""
    from scipy.stats import binomtest

    if whole == 0:
        return None
    interval = binomtest(part, whole).proportion_ci(method="wilson")
    return Estimate(part / whole, float(interval.low), float(interval.high))
