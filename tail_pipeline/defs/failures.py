"""Our errors in Dagster's terms: a transient one is tried again, a permanent one fails at once and stays failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from tail_pipeline.domain.errors import PermanentError, TransientError


@dataclass(frozen=True)
class Retries:
    """How often a transient error is tried again; each wait is ``growth`` times the one before."""

    times: int
    growth: float = 1


STEP_RETRIES = Retries(2)
"""For what a later run repeats anyway: the schedule requests a cell again until it is mined."""

ESCALATION_RETRIES = Retries(6, growth=2)
"""For what is requested once and never again: half an hour of waiting, from 30 seconds on."""

PROMOTION_RETRIES = ESCALATION_RETRIES
"""Likewise: what failed is requested again only after the base branch has moved."""


@contextmanager
def as_dagster_failures(
    *, retry_wait_s: float, retries: Retries = STEP_RETRIES, retry_number: int = 0
) -> Iterator[None]:
    """Retries are requested here and nowhere else, so that no other mechanism repeats what cannot succeed.

    ``retry_number`` is how often the step was tried again already, ``retry_wait_s`` the first wait in seconds.
    """
    try:
        yield
    except TransientError as error:
        wait = retry_wait_s * retries.growth**retry_number
        raise dg.RetryRequested(max_retries=retries.times, seconds_to_wait=wait) from error
    except PermanentError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def failure_message(events: Iterable[dg.DagsterEvent]) -> str | None:
    """What the first failed step said, else what ended the run; None when nothing failed."""
    ended = None
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description
            cause = failure.error.cause or failure.error if failure.error else None
            return without_class(cause.message) if cause else "the step failed without a message"
        if event.event_type is dg.DagsterEventType.RUN_FAILURE:
            ended = event.message or "the run failed before its first step"
    return ended


def without_class(message: str) -> str:
    """Our own errors say everything themselves."""
    ours = message.strip().startswith("tail_pipeline.domain.errors.")
    return message.strip().partition(": ")[2] if ours else message.strip()
