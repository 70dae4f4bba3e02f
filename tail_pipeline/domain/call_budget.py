"""How many calls a run may make to its judge: a hard stop, with every retry counted."""

from __future__ import annotations

import threading

from tail_pipeline.domain.questions import BudgetSpentError


class CallBudget:
    """Counts calls over all threads of a run."""

    def __init__(self, max_calls: int) -> None:
        self.max_calls = max_calls
        self._spent = 0
        self._charged = 0
        self._lock = threading.Lock()

    @property
    def spent(self) -> int:
        return self._spent

    @property
    def made(self) -> int:
        """Calls really made, without those charged."""
        return self._spent - self._charged

    @property
    def left(self) -> int:
        return max(0, self.max_calls - self._spent)

    def require(self) -> None:
        """Raise BudgetSpentError when no call is left; takes none."""
        if self._spent >= self.max_calls:
            raise BudgetSpentError(f"all {self.max_calls} calls of this run are made")

    def take(self) -> None:
        """One call is about to be made; raises BudgetSpentError instead of allowing one too many."""
        with self._lock:
            self.require()
            self._spent += 1

    def charge(self, calls: int) -> None:
        """Book calls that an interrupted or earlier execution of this very run made."""
        with self._lock:
            self._spent += calls
            self._charged += calls
