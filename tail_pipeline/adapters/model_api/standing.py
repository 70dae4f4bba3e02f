"""Whether an endpoint is worth another request, as all threads together have found."""

from __future__ import annotations

import threading

from tail_pipeline.adapters.model_api.client import ServedModel
from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError

MAX_FAILURES_IN_A_ROW = 8
"""So many requests without an answer, each tried again, are an outage; so many refused ones a wrong configuration."""


class Standing:
    """Stops every thread once one has met what will not pass."""

    def __init__(self, served: ServedModel) -> None:
        self._served = served
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._error: TailPipelineError | None = None
        self._unanswered = 0
        self._refused = 0

    def check(self) -> None:
        """Raise what the endpoint was given up for."""
        if self._error is not None:
            raise type(self._error)(str(self._error))

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until the endpoint is given up."""
        self._stopped.wait(seconds)

    def answered(self) -> None:
        with self._lock:
            self._unanswered = self._refused = 0

    def unanswered(self, error: TransientError) -> None:
        """A request got no answer however often it was sent."""
        with self._lock:
            self._unanswered += 1
            if self._unanswered >= MAX_FAILURES_IN_A_ROW:
                self._give_up(TransientError(f"{error}; given up after {self._unanswered} requests in a row"))

    def refused(self, what: str) -> None:
        """A request was refused and nobody knows why; that may be its fault, but not every time."""
        with self._lock:
            self._unanswered = 0
            self._refused += 1
            if self._refused >= MAX_FAILURES_IN_A_ROW:
                self._give_up(
                    PermanentError(
                        f"{self._served}: {self._refused} requests in a row: {what}; "
                        "check the model's name, base_url and json_mode"
                    )
                )

    def give_up(self, error: PermanentError) -> None:
        with self._lock:
            self._give_up(error)

    def _give_up(self, error: TailPipelineError) -> None:
        self._error = self._error or error
        self._stopped.set()
