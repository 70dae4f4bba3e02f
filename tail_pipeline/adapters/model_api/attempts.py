"""Sends requests of many threads to one endpoint: paced, counted, tried again, and stopped for all where nothing helps."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tail_pipeline.adapters.model_api.client import ServedModel, failure_of, retry_after_s
from tail_pipeline.adapters.model_api.completions import Completion, read_completion
from tail_pipeline.adapters.model_api.pace import Pace
from tail_pipeline.adapters.model_api.refusals import refusal_of
from tail_pipeline.adapters.model_api.standing import Standing
from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from openai import OpenAIError

MAX_ATTEMPTS = 4
MAX_RETRY_AFTER_S = 120.0
_FIRST_WAIT_S = 1.0
_FIRST_WAIT_WHEN_LIMITED_S = 4.0
_TOO_MANY = (429, 503)

_chance = random.SystemRandom()


@dataclass(frozen=True)
class _Lost:
    """An attempt without an answer, and how long to wait before the next."""

    failure: TransientError
    wait_s: float


@dataclass
class Tally:
    """HTTP requests made for one question, and the model that answered the last of them."""

    calls: int = 0
    served_by: str | None = None


class Attempts:
    """``sleep`` waits so many seconds; it is called with what the endpoint or the rate limits ask for."""

    def __init__(
        self,
        served: ServedModel,
        *,
        budget: CallBudget | None,
        now: Callable[[], float],
        sleep: Callable[[float], None] | None,
    ) -> None:
        self._served = served
        self._budget = budget
        self._pace = Pace(served.endpoint.requests_per_minute, served.endpoint.tokens_per_minute, now)
        self.standing = Standing(served)
        self._sleep = sleep or self.standing.sleep

    def send(self, request: Callable[[], bytes], tally: Tally, *, tokens: int) -> Completion:
        """The completion that ``request`` fetches, in at most four attempts; ``tokens`` is what it may use.

        Raises RefusedRequestError where only this request is refused, TransientError, PermanentError, BudgetSpentError.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._wait_for_turn(tokens)
            tally.calls += 1
            found = self._attempt(request, attempt)
            if isinstance(found, Completion):
                self.standing.answered()
                tally.served_by = found.model
                if found.tokens is not None:
                    self._pace.correct(tokens, found.tokens)
                return found
            failure = found.failure
            if attempt < MAX_ATTEMPTS and found.wait_s:
                self._sleep(found.wait_s)
        lost = TransientError(f"{failure} ({MAX_ATTEMPTS} attempts)")
        self.standing.unanswered(lost)
        raise lost

    def _wait_for_turn(self, tokens: int) -> None:
        self.standing.check()
        if self._budget:
            self._budget.require()
        if (wait_s := self._pace.book(tokens)) > 0:
            self._sleep(wait_s)
            self.standing.check()
        if self._budget:
            self._budget.take()

    def _attempt(self, request: Callable[[], bytes], attempt: int) -> Completion | _Lost:
        import openai

        try:
            return self._read(request(), attempt)
        except openai.OpenAIError as caught:
            error = caught
        # Raised out here, the error carries no other one with it: those quote what the endpoint wrote.
        if (refusal := refusal_of(error)) is not None:
            raise refusal
        failure = failure_of(error, self._served)
        if isinstance(failure, PermanentError):
            self.standing.give_up(failure)
            raise failure
        return _Lost(failure, self._wait_s(error, attempt))

    def _read(self, body: bytes, attempt: int) -> Completion | _Lost:
        found = read_completion(body)
        if found is not None:
            return found
        failure = TransientError(f"{self._served} answers something that is no chat completion; check base_url")
        return _Lost(failure, _backoff_s(_FIRST_WAIT_S, attempt))

    def _wait_s(self, error: OpenAIError, attempt: int) -> float:
        """Seconds this thread waits; where the endpoint has too much to do, all wait for their turn instead."""
        limited = getattr(error, "status_code", None) in _TOO_MANY
        asked_s = retry_after_s(error)
        if asked_s is None:
            wait_s = _backoff_s(_FIRST_WAIT_WHEN_LIMITED_S if limited else _FIRST_WAIT_S, attempt)
        else:
            wait_s = min(asked_s, MAX_RETRY_AFTER_S)
        if not limited:
            return wait_s
        self._pace.pause(wait_s)
        return 0.0


def _backoff_s(first_s: float, attempt: int) -> float:
    """Twice as long each time, give or take a half, so that the threads do not all come back at once."""
    return first_s * 2.0 ** (attempt - 1) * _chance.uniform(0.5, 1.5)
