"""Peak memory and time of a whole ``tail-pipeline mine`` at 50,000, 100,000 and 420,000 spans of one window.

    python benchmarks/volume.py

The traffic is that of the example ``upstate-remedial``. Each row is the command in a process of its own on a scratch
repository; the peak is that process's, as the kernel counts it, and a process that only imports it is the floor. The
failing mails are the same in each row, so that what grows is the volume alone; benchmarks/large_weeks.py is about their number.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import dagster as dg

from tail_pipeline.demo.scratch import create_scratch_repository
from tail_pipeline.demo.upstate_remedial import EXAMPLE, WEEK, write_traffic

VOLUMES = (50_000, 100_000, 420_000)
COMMAND = Path(sys.executable).parent / "tail-pipeline"
STEPS = ("spans", "scored_spans", "weighted_clusters", "tail_yaml", "tail_pr")
_LOADED = "import tail_pipeline.defs.runs, tail_pipeline.defs.build, sklearn.feature_extraction.text, matplotlib.figure"


def main() -> None:
    _, peak, _ = _measured([sys.executable, "-c", _LOADED])
    print(f"imports alone: {peak} MiB")
    print("", "spans", "failing", "clusters", "peak MiB", "seconds", *STEPS, "", sep=" | ")
    for volume in VOLUMES:
        with tempfile.TemporaryDirectory() as directory:
            repo = Path(directory) / "repo"
            # Elsewhere, because the kernel counts a child's peak from that of its parent.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
                elsewhere.submit(_make, repo, volume).result()
            seconds, peak, printed = _measured(
                [str(COMMAND), "mine", "--repo", str(repo), "--week", str(WEEK), "--json"]
            )
            row = json.loads(printed)[0]
            print(f"| {row['spans']:,} | {row['failing']} | {row['clusters']} | {peak} | {seconds:.1f} |", end=" ")
            print(*(f"{taken:.1f}" for taken in _steps(repo)), "", sep=" | ", flush=True)


def _make(repo: Path, volume: int) -> None:
    example = replace(EXAMPLE, write_traffic=partial(write_traffic, mails=volume))
    create_scratch_repository(Path(__file__).parents[1], example, repo)


def _measured(arguments: list[str]) -> tuple[float, int, str]:
    """Seconds, peak MiB and output of a command; the peak is that of this one child."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = os.posix_spawn(
            arguments[0], arguments, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
        )
        _, status, usage = os.wait4(process, 0)
        seconds = time.perf_counter() - start
        output.seek(0)
        printed = output.read().decode()
    if status:
        raise SystemExit(f"{arguments} ended with {status}:\n{printed}")
    return seconds, usage.ru_maxrss // 1024, printed


def _steps(repo: Path) -> list[float]:
    with dg.DagsterInstance.from_config(str(repo / ".tail" / "dagster")) as instance:
        run = instance.get_run_records(limit=1)[0]
        stats = {step.step_key.partition("__")[2]: step for step in instance.get_run_step_stats(run.dagster_run.run_id)}
    return [(stats[name].end_time or 0) - (stats[name].start_time or 0) for name in STEPS]


if __name__ == "__main__":
    main()
