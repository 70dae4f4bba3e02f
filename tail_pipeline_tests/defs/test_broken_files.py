"""A tail file that somebody broke stops whatever reads it, with its line and case, and nothing anywhere is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tail_pipeline.cli import main
from tail_pipeline_tests.adapters.breakages import BREAKAGES, PATH
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import BRANCH, TAIL_PATH, Pipeline, failure_of, week, write_spans

BROKEN = [
    "layout: a merge conflict",
    "status: yes",
    "key: an id that stands twice",
    "expected: another encoding",
    "expected: 100,000 open brackets",
]


def put_broken(checkout: Path, name: str, branch: str) -> None:
    """Commit the broken file to a branch, made from main where it is a new one."""
    if branch != "main":
        git(checkout, "switch", "--quiet", "--create", branch)
    (checkout / PATH).parent.mkdir(parents=True, exist_ok=True)
    (checkout / PATH).write_bytes(BREAKAGES[name].broken)
    commit_all(checkout, "Review")
    git(checkout, "switch", "--quiet", "main")


def everything(checkout: Path) -> tuple[str, str, dict[Path, bytes]]:
    """References, work tree, and what stands for pull requests and issues."""
    written = [
        path
        for name in ("pull_requests", "escalations", "alarms")
        for path in (checkout / ".tail" / name).rglob("*")
        if path.is_file()
    ]
    return (
        git(checkout, "for-each-ref"),
        git(checkout, "status", "--porcelain", "--untracked-files=all"),
        {path: path.read_bytes() for path in written},
    )


@pytest.mark.parametrize("name", BROKEN)
def test_a_run_that_meets_a_broken_file_on_its_branch_changes_nothing(mining: Pipeline, name: str) -> None:
    write_spans(mining.checkout, week())
    put_broken(mining.checkout, name, BRANCH)
    before = everything(mining.checkout)

    result = mining.mine()

    assert BREAKAGES[name].shown(f"{BRANCH}:{TAIL_PATH}") in failure_of(result)
    assert everything(mining.checkout) == before


@pytest.mark.parametrize("name", BROKEN)
def test_a_run_that_meets_a_broken_file_on_main_changes_nothing(mining: Pipeline, name: str) -> None:
    later = [{**row, "start_time": row["start_time"].replace(day=20)} for row in week()]
    write_spans(mining.checkout, later)
    put_broken(mining.checkout, name, "main")
    before = everything(mining.checkout)

    result = mining.mine("2026-W18-1")

    assert BREAKAGES[name].shown() in failure_of(result)
    assert everything(mining.checkout) == before


@pytest.mark.parametrize("name", BROKEN[:2])
@pytest.mark.parametrize("branch", ["main", BRANCH])
def test_no_escalation_is_raised_over_a_broken_file(checkout: Path, name: str, branch: str) -> None:
    put_broken(checkout, name, branch)
    before = everything(checkout)

    done = CliRunner().invoke(main, ["escalate", "--week", "2026-W17", "--repo", str(checkout)])

    shown = BREAKAGES[name].shown(PATH if branch == "main" else f"{branch}:{PATH}")
    assert (done.exit_code, done.stderr) == (2, f"error: 1 error:\n  {shown}\n")
    assert everything(checkout) == before
