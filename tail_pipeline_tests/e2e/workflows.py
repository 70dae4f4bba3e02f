"""The GitHub workflows as GitHub reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
NAMES = ["tail-mine", "tail-review", "tail-promote"]


def workflow(name: str) -> dict[Any, Any]:
    """One workflow; its triggers are under ``True``, which is what YAML 1.1 makes of ``on``."""
    document: dict[Any, Any] = yaml.safe_load((GITHUB / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))
    return document


def steps(name: str, job: str) -> dict[str, dict[str, Any]]:
    """The steps of a job by their names."""
    return {step["name"]: step for step in workflow(name)["jobs"][job]["steps"]}


def scripts() -> dict[str, str]:
    """Every shell script of the workflows and of their action, under ``workflow/job/step``."""
    found = {
        f"{name}/{job}/{step['name']}": step["run"]
        for name in NAMES
        for job, content in workflow(name)["jobs"].items()
        for step in content["steps"]
        if "run" in step
    }
    action = yaml.safe_load((GITHUB / "actions" / "install" / "action.yml").read_text(encoding="utf-8"))
    return found | {f"install/{step['name']}": step["run"] for step in action["runs"]["steps"] if "run" in step}
