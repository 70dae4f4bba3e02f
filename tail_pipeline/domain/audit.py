"""What may honestly be said of the spans that were not judged.

A part of the budget judges a uniform sample of what is left. From the failing ones in it follows, by the exact bound of
Clopper and Pearson (Biometrika 26, 1934), how many may fail in the rest at most, and from that which share of all that
full scoring would flag was found at least. The bound counts distinct contents, as the judge does: the sample is uniform
over them, and says nothing of how many spans stand behind each.
"""

from __future__ import annotations

from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class AuditSample:
    """``population`` contents would have been left unjudged; ``sampled`` of them, as positions, were drawn to be judged."""

    population: int
    sampled: tuple[int, ...]


@dataclass(frozen=True)
class Audit:
    """``found`` contents are flagged in all; of ``sampled`` out of a ``population`` left unjudged, ``failing`` were among them.

    ``found`` includes ``failing``. ``lower_bound`` is the least share, at 95 % confidence, of the contents full scoring
    would flag that were found: 1 where everything was judged.
    """

    population: int
    sampled: int
    failing: int
    found: int
    lower_bound: float

    @classmethod
    def of(cls, *, population: int, sampled: int, failing: int, found: int) -> Audit:
        """The audit with the bound that follows from its counts; ``sampled`` counts those that got a score."""
        if not 0 <= failing <= min(sampled, found) or sampled > population:
            raise ValueError(f"{failing} failing of {sampled} sampled of {population}, {found} found: cannot be")
        missed = _most_missed(population, sampled, failing)
        return cls(population, sampled, failing, found, found / (found + missed) if missed else 1.0)

    @property
    def sentence(self) -> str:
        """One line for people, plain text that is safe in Markdown; the bound is never rounded up."""
        if not self.population:
            return "Every distinct content was judged."
        flagged = "of the distinct contents that full scoring would flag were found"
        percent = int(self.lower_bound * 100)
        if not self.sampled:
            rest = f"should all {self.population:,} unjudged ones fail; none of them was audited"
            return f"At least {percent} % {flagged}, {rest}."
        ground = (
            f"{round(CONFIDENCE * 100)} % confidence; {self.sampled:,} of {self.population:,} unjudged ones were audited, "
            f"{self.failing:,} failed"
        )
        if not self.found:
            most = int(_most_missed(self.population, self.sampled, self.failing))
            missed = f"at most {most:,} distinct contents were missed"
            return f"Nothing that full scoring would flag was found; {missed} ({ground})."
        return f"At least {percent} % {flagged} ({ground})."


def most_failing(failing: int, sampled: int) -> float:
    """The one-sided upper Clopper-Pearson bound on the failing share of what ``sampled`` were drawn from.

    Exact for independent draws, and cautious for these, which are drawn without putting back.
    """
    from scipy.stats import beta

    return float(beta.ppf(CONFIDENCE, failing + 1, sampled - failing)) if failing < sampled else 1.0


def _most_missed(population: int, sampled: int, failing: int) -> float:
    """How many of the population that nobody judged may fail."""
    return min(population * most_failing(failing, sampled) - failing, population - sampled)
