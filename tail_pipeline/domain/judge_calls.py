"""Judge calls as they are planned: who was asked for, what is left, and how far neighbours are followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PASSES_IN_A_ROW = 3
"""Neighbours of a complaint that pass in a row before no further one is asked for."""

MISSES = 3
"""Neighbours of a failure that pass before no further one is asked for."""


class CallLedger:
    """Spends ``left`` calls on candidates, each once, and keeps the ``verdict`` of those that were judged.

    Candidates are positions in ``costs`` and ``complained``; who complained fails, whatever the judge says.
    """

    def __init__(self, costs: Sequence[int], complained: Sequence[bool], calls: int) -> None:
        self.costs = costs
        self.complained = frozenset(one for one, complains in enumerate(complained) if complains)
        self.left = calls
        self.verdict: dict[int, bool | None] = {}
        self._asked: set[int] = set()
        self._open: set[int] = set()

    def cost_of(self, candidates: Iterable[int]) -> int:
        return sum(self.costs[one] for one in candidates)

    def take(self, candidates: Iterable[int], *, limit: int | None = None, most: int | None = None) -> list[int]:
        """Ask for those not asked for before that fit into what is left, or into ``limit`` calls; ``most`` at most."""
        left = self.left if limit is None else min(self.left, limit)
        taken: list[int] = []
        for one in candidates:
            if one not in self._asked and self.costs[one] <= left:
                left -= self.costs[one]
                taken.append(one)
                if len(taken) == most:
                    break
        return self.ask(taken)

    def ask(self, candidates: list[int]) -> list[int]:
        """The same candidates, paid for."""
        self.left -= self.cost_of(candidates)
        self._asked.update(candidates)
        self._open.update(candidates)
        return candidates

    def record(self, failing: Mapping[int, bool | None]) -> None:
        """Keep the verdicts on candidates that are asked for now; raises ValueError for any other."""
        if strangers := sorted(set(failing) - self._open):
            raise ValueError(f"candidates {strangers[:5]} are not in the round under way, or were reported before")
        self.verdict.update(failing)
        self._open.difference_update(failing)

    def close_round(self) -> None:
        """Expect no further verdict on what was asked for."""
        self._open.clear()

    def is_settled(self, one: int) -> bool:
        """Whether there is no more need to ask for it."""
        return one in self._asked or one in self.complained

    def fails(self, one: int) -> bool | None:
        """None while it is not known; what could not be judged does not count as a failure."""
        if one in self.complained:
            return True
        if one in self._open or one not in self._asked:
            return None
        return bool(self.verdict.get(one))

    def can_become_known(self, one: int) -> bool:
        return one in self._open or self.costs[one] <= self.left


@dataclass(frozen=True)
class NeighbourWalk:
    """The neighbours of a candidate that are asked for one after another, nearest first, until a rule ends it.

    Beside a complaint: until three in a row pass. Beside a failure (``ends_with_failure``): until one more fails, or three
    pass. What is known of a neighbour already counts and costs nothing.
    """

    neighbours: Sequence[int]
    ends_with_failure: bool

    def due(self, ledger: CallLedger) -> list[int]:
        """The unknown neighbours the rule is sure to come to, whatever the verdicts on them; empty when it has ended."""
        passes, due = 0, []
        for one in self.neighbours:
            fails = ledger.fails(one)
            if fails is None:
                if not ledger.can_become_known(one):
                    continue
                due.append(one)
                if self.ends_with_failure:
                    return due
            if fails and self.ends_with_failure:
                return []
            # Unknown ones may all pass; if one does not, there is only more to come.
            passes = 0 if fails else passes + 1
            if passes == (MISSES if self.ends_with_failure else PASSES_IN_A_ROW):
                break
        return due
