"""How often reviewers take what was mined: the tail files' own track record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tail_pipeline.domain.estimates import Estimate, share
from tail_pipeline.domain.tail_file import TailCase, TailFile


@dataclass(frozen=True)
class Decisions:
    """Decided cases and how many of them were promoted; ``share`` is None before the first decision."""

    decided: int
    promoted: int

    @property
    def share(self) -> Estimate | None:
        return share(self.promoted, self.decided)


@dataclass(frozen=True)
class ReviewerAgreement:
    """All decisions, and those on cases with at least one span that hit each trigger; a case may count under several."""

    all: Decisions
    by_trigger: dict[str, Decisions]

    @property
    def sentence(self) -> str:
        """For the body of a pull request."""
        found = self.all.share
        if found is None:
            return "Reviewers have decided no case so far."
        return (
            f"Reviewers promoted {self.all.promoted} of {self.all.decided} decided cases so far "
            f"({100 * found.value:.0f} %, 95 % interval {100 * found.low:.0f}–{100 * found.high:.0f} %)."
        )


def reviewer_agreement(merged: Iterable[TailFile]) -> ReviewerAgreement:
    """From tail files on the base branch: what is decided on an open branch may still change."""
    cases = [case for tail in merged for case in tail.cases if case.status != "proposed"]
    triggers = sorted({name for case in cases for name, spans in case.cluster.triggers.items() if spans})
    return ReviewerAgreement(
        _decisions(cases),
        {name: _decisions([case for case in cases if case.cluster.triggers.get(name)]) for name in triggers},
    )


def _decisions(cases: list[TailCase]) -> Decisions:
    return Decisions(len(cases), sum(case.status == "promoted" for case in cases))
