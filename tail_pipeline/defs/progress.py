"""What a run says on a terminal: our own lines of progress, without Dagster's events around them."""

from __future__ import annotations

import logging

import dagster as dg
from dagster._core.execution.plan.objects import StepRetryData

from tail_pipeline.defs.failures import without_class

PROGRESS_LOGGER = "progress"


def _terminal(_context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("tail-pipeline", logging.DEBUG)  # noqa: LOG001 a run's own, gone with it
    handler = logging.StreamHandler()
    handler.addFilter(_only_own_messages)
    handler.setFormatter(logging.Formatter("%(asctime)s %(own)s", "%H:%M:%S"))
    logger.addHandler(handler)
    return logger


progress_logger = dg.LoggerDefinition(_terminal, description="One line per message, for people at a terminal.")


def _only_own_messages(record: logging.LogRecord) -> bool:
    meta = getattr(record, "dagster_meta", {})
    step, event = meta.get("step_key"), meta.get("dagster_event")
    if event is not None and event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY:
        record.own = f"{step}: {_why_again(event.step_retry_data)}"
        return True
    record.own = f"{step}: {meta.get('orig_message')}"
    return step is not None and event is None and record.levelno == logging.INFO


def _why_again(retry: StepRetryData) -> str:
    """What was in the way of a step, and when it is tried again."""
    cause = retry.error.cause if retry.error else None
    reason = without_class(cause.message) if cause else "did not succeed"
    return f"{reason}; trying again in {retry.seconds_to_wait or 0:g} s"
