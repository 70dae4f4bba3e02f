"""Our errors in Dagster's terms: a transient one is tried again, a permanent one fails at once and stays failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tail_pipeline.domain.errors import PermanentError, TransientError

MAX_RETRIES = 2


@contextmanager
def as_dagster_failures(*, retry_wait_s: float) -> Iterator[None]:
    """Retries are requested here and nowhere else, so that no other mechanism repeats what cannot succeed."""
    try:
        yield
    except TransientError as error:
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=retry_wait_s) from error
    except PermanentError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
