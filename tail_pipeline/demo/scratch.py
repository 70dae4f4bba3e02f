"""Sets up a scratch git repository with the shipped example and simulated traffic, for trying the pipeline."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import polars as pl

from tail_pipeline.demo.traffic import simulated_spans
from tail_pipeline.domain.errors import PermanentError

README = """\
# Simulated

Every trace, case and answer in this repository is simulated: it belongs to no product and to no person.
"""
_IDENTITY = ("-c", "user.name=example", "-c", "user.email=example@localhost")


def create_scratch_repository(eval_dir: Path, target: Path) -> None:
    """Copy ``eval_dir`` to ``target/eval``, write the traffic beside it and commit the former.

    A repository that is already there is used as it is, so that a demo can be repeated.
    """
    if (target / ".git").exists():
        return
    if target.exists() and any(target.iterdir()):
        raise PermanentError(f"{target} is not empty and not a git repository; name another directory")
    (target / "traces").mkdir(parents=True, exist_ok=True)
    (target / "README.md").write_text(README, encoding="utf-8")
    (target / ".gitignore").write_text("traces/\n", encoding="utf-8")
    shutil.copytree(eval_dir, target / "eval", ignore=shutil.ignore_patterns("tail"))
    for (month,), frame in simulated_spans().group_by(pl.col("start_time").dt.strftime("%Y-%m"), maintain_order=True):
        with gzip.open(target / "traces" / f"{month}.jsonl.gz", "wb") as file:
            file.write(frame.write_ndjson().encode())
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        (*_IDENTITY, "commit", "--quiet", "-m", "Example"),
    ):
        subprocess.run(["git", "-C", str(target), *arguments], check=True, capture_output=True)
