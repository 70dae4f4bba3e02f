"""Sets up a scratch git repository with a shipped example and its simulated traffic, for trying the pipeline."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tail_pipeline.demo.examples import Example
from tail_pipeline.domain.errors import PermanentError

README = """\
# Simulated

Every trace, case and answer in this repository is simulated: it belongs to no product and to no person.
"""
_IDENTITY = ("-c", "user.name=example", "-c", "user.email=example@localhost")


def create_scratch_repository(project: Path, example: Example, target: Path) -> None:
    """Copy the example's directory of ``project`` and the schemas to ``target/eval``, and commit them beside its traffic.

    The traffic is in ``target/traces``, which git ignores. A repository that is already there is used as it is, so that a
    demo can be repeated.
    """
    if (target / ".git").exists():
        return
    if target.exists() and any(target.iterdir()):
        raise PermanentError(f"{target} is not empty and not a git repository; name another directory")
    source = project / example.eval_dir
    if not (source / "agents.yaml").exists():
        raise PermanentError(f"{source} has no agents.yaml; run this in a clone of the project")
    (target / "traces").mkdir(parents=True, exist_ok=True)
    (target / "README.md").write_text(README, encoding="utf-8")
    (target / ".gitignore").write_text("traces/\n", encoding="utf-8")
    shutil.copytree(source, target / "eval", ignore=shutil.ignore_patterns("tail", "examples"))
    for schema in (project / "eval").glob("*.schema.json"):
        shutil.copy(schema, target / "eval")
    example.write_traffic(target / "traces")
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        (*_IDENTITY, "commit", "--quiet", "-m", "Example"),
    ):
        subprocess.run(["git", "-C", str(target), *arguments], check=True, capture_output=True)
