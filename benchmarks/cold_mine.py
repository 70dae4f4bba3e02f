"""Where the time of a cold ``tail-pipeline mine`` goes: a week of 5,000 simulated spans, about 200 of them failing.

    python benchmarks/cold_mine.py

Runs the command in a fresh process on a scratch repository and prints the seconds of each step from Dagster's own
event log, beside the start of the process and Dagster's share (everything that is neither).
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg

from tail_pipeline.demo.scratch import create_scratch_repository
from tail_pipeline.demo.traffic import EXAMPLE, simulated_spans
from tail_pipeline.domain.weeks import IsoWeek

SPANS = 5_000
WEEK = IsoWeek(2026, 16)
COMMAND = Path(sys.executable).parent / "tail-pipeline"


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        repo = Path(directory) / "repo"
        create_scratch_repository(Path(__file__).parents[1], EXAMPLE, repo)
        for path in (repo / "traces").iterdir():
            path.unlink()
        spans = simulated_spans(first_mining_week=WEEK, weeks=1, turns_per_week=SPANS)
        with gzip.open(repo / "traces" / "week.jsonl.gz", "wb") as file:
            file.write(spans.write_ndjson().encode())
        start = time.perf_counter()
        arguments = [COMMAND, "mine", "--repo", repo, "--week", str(WEEK), "--json"]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        total = time.perf_counter() - start
        row = json.loads(done.stdout)[0]
        print(f"{row['spans']} spans, {row['failing']} failing, {row['clusters']} clusters")
        _print_steps(repo, total)


def _print_steps(repo: Path, total: float) -> None:
    with dg.DagsterInstance.from_config(str(repo / ".tail" / "dagster")) as instance:
        run = instance.get_run_records(limit=1)[0]
        steps = instance.get_run_step_stats(run.dagster_run.run_id)
    ours = 0.0
    for step in sorted(steps, key=lambda one: one.start_time or 0):
        seconds = (step.end_time or 0) - (step.start_time or 0)
        ours += seconds
        print(f"  {step.step_key.partition('__')[2]:<20} {seconds:6.2f} s")
    print(f"  {'steps together':<20} {ours:6.2f} s")
    print(f"  {'start and Dagster':<20} {total - ours:6.2f} s")
    print(f"  {'whole command':<20} {total:6.2f} s")


if __name__ == "__main__":
    main()
