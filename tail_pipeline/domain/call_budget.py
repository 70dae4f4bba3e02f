"""How many calls to a model one run may make."""

from __future__ import annotations

import threading

from tail_pipeline.domain.questions import BudgetSpentError


class CallBudget:
    """A hard stop that many threads share: no call begins after ``max_calls``, retries counted."""

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self._spent = 0
        self._lock = threading.Lock()

    @property
    def spent(self) -> int:
        return self._spent

    def charge(self, calls: int) -> None:
        """Count calls that were made before, by an earlier attempt at the same run."""
        with self._lock:
            self._spent += calls

    def require(self) -> None:
        """Raise BudgetSpentError when no call is left; takes none."""
        if self._spent >= self._max_calls:
            raise BudgetSpentError(f"all {self._max_calls} calls of this run are made")

    def take(self) -> None:
        """Count one call that is about to be made; raises BudgetSpentError instead of one too many."""
        with self._lock:
            self.require()
            self._spent += 1
