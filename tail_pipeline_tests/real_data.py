"""The shared real traces in the span schema.

``mtrag_human`` has human and judge labels but no response times, so its conversations are dealt to eight weeks by a
hash of their id, and a response gets a time inside its week by a hash of its own: the same rows in the same weeks
on every machine, and no week chosen by hand. ``mtrag_un`` keeps its own times.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from tail_pipeline.domain.spans import SPAN_SCHEMA
from tail_pipeline.domain.weeks import IsoWeek

REPLAY_FIRST_WEEK = IsoWeek(2026, 10)
REPLAY_WEEKS = [REPLAY_FIRST_WEEK.shifted(number) for number in range(8)]
COLLECTIONS = ("clapnq", "govt", "ibmcloud")

MTRAG_HUMAN = "traces/mtrag_human/responses.parquet"
MTRAG_UN = "traces/mtrag_un/turns.parquet"


def mtrag_human(path: Path) -> pl.DataFrame:
    """363 responses with recorded judge scores over eight weeks; the collection is the tenant."""
    source = pl.read_parquet(path)
    times = [_replay_time(*row) for row in source.select("conversation_id", "span_id").iter_rows()]
    return _spans(
        source.select(
            "trace_id",
            "span_id",
            "input",
            "output",
            "model",
            pl.col("conversation_id").alias("session_id"),
            pl.col("collection").alias("tenant"),
            pl.col("context").alias("contexts"),
            pl.col("publisher_rb_llm").alias("rubric_score"),
            pl.col("publisher_rl_f").alias("ragas_faithfulness"),
        ).with_columns(pl.Series("start_time", times, dtype=pl.Datetime("us", "UTC")))
    )


def mtrag_un(path: Path) -> pl.DataFrame:
    """1,842 turns at their own times; a turn the user had to clarify counts as answered badly, the rest as well answered."""
    source = pl.read_parquet(path)
    return _spans(
        source.select(
            "trace_id",
            "span_id",
            "input",
            "output",
            "model",
            "start_time",
            pl.col("conversation_id").alias("session_id"),
            pl.col("collection").alias("tenant"),
            pl.col("context").alias("contexts"),
            pl.when(pl.col("next_user_is_clarification")).then(0.4).otherwise(0.9).alias("rubric_score"),
        )
    )


def _spans(frame: pl.DataFrame) -> pl.DataFrame:
    missing = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in SPAN_SCHEMA.items() if name not in frame.columns
    ]
    return frame.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in SPAN_SCHEMA.items())


def _replay_time(conversation_id: str, span_id: str) -> datetime:
    week = REPLAY_WEEKS[_hash(conversation_id) % len(REPLAY_WEEKS)]
    monday = datetime.combine(week.monday, datetime.min.time(), UTC)
    return monday - timedelta(days=7) + timedelta(seconds=_hash(span_id) % (7 * 24 * 3600))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
