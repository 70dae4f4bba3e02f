"""How long the code location takes to load, beside Dagster and Polars alone, in fresh processes of the same run.

    python benchmarks/code_location.py

Prints the median of several starts. The difference is ours; the floor is Dagster's. The last one loads five agents, each
daily with 200 tenants, with all jobs and sensors, as the code server does.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STARTS = 7
PROGRAMS = {
    "python": "pass",
    "import dagster, polars": "import dagster, polars",
    "code location": "import tail_pipeline.definitions",
    "with what a run imports": "import tail_pipeline.definitions, sklearn.feature_extraction.text, "
    "scipy.cluster.hierarchy, matplotlib.figure, openai",
    "5 agents of 200 tenants": "from tail_pipeline.definitions import defs; "
    "defs.get_repository_def().load_all_definitions()",
}
ROOT = Path(__file__).parents[1]
TENANTS, AGENTS = 200, 5


def main() -> None:
    """Time each program in turn, round after round, so that a busy moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as directory:
        many = _many_tenants(Path(directory))
        for _ in range(STARTS):
            for name, program in PROGRAMS.items():
                repo = many if name.startswith("5 agents") else ROOT
                environment = {**os.environ, "TAIL_PIPELINE_REPO": str(repo), "PYTHONPATH": str(ROOT)}
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environment)
                seconds[name].append(time.perf_counter() - start)
    for name, values in seconds.items():
        print(f"{name:<26} {statistics.median(values):6.2f} s   (min {min(values):.2f}, max {max(values):.2f})")


def _many_tenants(repo: Path) -> Path:
    values = ", ".join(f"shop-{number:03d}" for number in range(TENANTS))
    agents = "repository: {provider: local}\nagents:\n"
    for number in range(AGENTS):
        place = repo / f"agent-{number}" if number else repo / "eval"
        place.mkdir()
        (place / "rubric.yaml").write_bytes((ROOT / "eval" / "rubric.yaml").read_bytes())
        agents += (
            f"  - {{name: agent-{number}, eval_dir: {place.name}, cadence: daily, start_week: 2024-W01,\n"
            f"     traces: {{store: files, path: 'traces/*.parquet'}}, segments: {{by: tenant, values: [{values}]}}}}\n"
        )
    (repo / "eval" / "agents.yaml").write_text(agents, encoding="utf-8")
    return repo


if __name__ == "__main__":
    main()
