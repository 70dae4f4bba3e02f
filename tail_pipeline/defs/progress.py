"""What a run says on a terminal: our own lines of progress, without Dagster's events around them."""

from __future__ import annotations

import logging

import dagster as dg

PROGRESS_LOGGER = "progress"


def _terminal(_context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("tail-pipeline", logging.INFO)  # noqa: LOG001 a run's own, gone with it
    handler = logging.StreamHandler()
    handler.addFilter(_only_own_messages)
    handler.setFormatter(logging.Formatter("%(asctime)s %(own)s", "%H:%M:%S"))
    logger.addHandler(handler)
    return logger


progress_logger = dg.LoggerDefinition(_terminal, description="One line per message, for people at a terminal.")


def _only_own_messages(record: logging.LogRecord) -> bool:
    meta = getattr(record, "dagster_meta", {})
    record.own = f"{meta.get('step_key')}: {meta.get('orig_message')}"
    is_ours = meta.get("step_key") is not None and meta.get("dagster_event") is None
    return is_ours and record.levelno == logging.INFO
