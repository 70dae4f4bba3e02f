"""The judges of a rubric, with what they need from outside."""

from __future__ import annotations

from pathlib import Path

from tail_pipeline.adapters.python_callable import load_python_checks
from tail_pipeline.domain.criterion_checks import ChecksJudge
from tail_pipeline.domain.ports import ContentJudge
from tail_pipeline.domain.rubric import Rubric


def open_judges(rubric: Rubric, *, rubric_path: str, repo_dir: Path, repeats: int) -> list[ContentJudge]:
    """One judge per repeat, none of which knows what another has answered.

    Raises PermanentError for a rubric with a criterion that only a model can judge.
    """
    checks = load_python_checks(rubric, repo_dir)
    return [ChecksJudge(rubric, checks, rubric_path=rubric_path) for _ in range(repeats)]
