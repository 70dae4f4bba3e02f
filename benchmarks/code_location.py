"""How long the code location takes to load, beside Dagster and Polars alone, in fresh processes of the same run.

    python benchmarks/code_location.py

Prints the median of several starts. The difference is ours; the floor is Dagster's.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

STARTS = 7
PROGRAMS = {
    "python": "pass",
    "import dagster, polars": "import dagster, polars",
    "code location": "import tail_pipeline.definitions",
    "with what a run imports": "import tail_pipeline.definitions, sklearn.feature_extraction.text, "
    "scipy.cluster.hierarchy, matplotlib.figure, openai",
}


def main() -> None:
    """Time each program in turn, round after round, so that a busy moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(STARTS):
        for name, program in PROGRAMS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[1])
            seconds[name].append(time.perf_counter() - start)
    for name, values in seconds.items():
        print(f"{name:<26} {statistics.median(values):6.2f} s   (min {min(values):.2f}, max {max(values):.2f})")


if __name__ == "__main__":
    main()
