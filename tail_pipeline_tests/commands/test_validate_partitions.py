"""What ``validate`` says when tenants, node classes and agents come and go, and of files that belong to nobody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tail_pipeline_tests.adapters.eval_texts import RUBRIC, agents_text, case, put, tail_text
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.e2e.command import run

WEEK = "2026-W17"
ACME = f"tail-{WEEK.replace('-', '')}-acme-001"


def agent(values: str = "[acme, globex]") -> str:
    return (
        "- {name: support, traces: {store: files, path: x}, start_week: 2026-W01, "
        f"segments: {{by: tenant, values: {values}}}}}"
    )


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    """Acme and globex are declared on main, and acme has a merged week with a promoted case."""
    repo = tmp_path / "checkout"
    repo.mkdir()
    git(repo, "init", "--quiet", "--initial-branch=main")
    put(repo, "eval/agents.yaml", agents_text(agent()))
    put(repo, "eval/rubric.yaml", RUBRIC)
    put(repo, "eval/cases.yaml", "cases: []\n")
    promoted = tail_text(WEEK, [case(ACME, status="promoted")], segment="acme")
    put(repo, f"eval/tail/acme/{WEEK}.yaml", promoted)
    put(repo, "eval/cases/acme.yaml", row(ACME))
    commit_all(repo, "Begin")
    git(repo, "switch", "--quiet", "--create", "edit")
    return repo


def row(case_id: str) -> str:
    return f"cases:\n  - {{id: {case_id}, input: how, source: tail_miner}}\n"


def configure(repo: Path, *agents: str) -> None:
    put(repo, "eval/agents.yaml", agents_text(*agents))


def partitions(repo: Path) -> list[dict[str, Any]]:
    return json.loads(run("validate", "--repo", repo, "--json").stdout)["partitions"]


def test_a_repository_in_which_nobody_comes_or_goes_is_told_nothing(tenants: Path) -> None:
    assert partitions(tenants) == []
    assert "warning" not in run("validate", "--repo", tenants).stdout


def test_a_tenant_that_is_declared_appears_with_its_line(tenants: Path) -> None:
    configure(tenants, agent("[acme, globex, initech]"))

    assert (
        "note: eval/agents.yaml:3: support: tenant initech appears, mined weekly from 2026-W01 on"
        in run("validate", "--repo", tenants).stdout
    )


def test_a_tenant_that_is_taken_out_leaves_files_that_are_counted(tenants: Path) -> None:
    configure(tenants, agent("[globex]"))

    (found,) = partitions(tenants)

    assert (found["kind"], found["segments"]) == ("orphaned", ["acme"])
    assert "1 tail files in eval/tail/acme, eval/cases/acme.yaml with 1 cases" in found["message"]


def test_what_lies_there_of_nobody_is_said_after_the_edit_was_committed_too(tenants: Path) -> None:
    configure(tenants, agent("[globex]"))
    commit_all(tenants, "Acme leaves")
    git(tenants, "branch", "--quiet", "--force", "main", "edit")

    assert [(one["kind"], one["file"]) for one in partitions(tenants)] == [
        ("orphaned", "eval/tail/acme"),
        ("orphaned", "eval/cases/acme.yaml"),
    ]


def test_a_tail_file_that_was_copied_to_another_tenant_is_refused(tenants: Path) -> None:
    copied = (tenants / f"eval/tail/acme/{WEEK}.yaml").read_text(encoding="utf-8")
    put(tenants, f"eval/tail/globex/{WEEK}.yaml", copied)

    refused = run("validate", "--repo", tenants, expect=1).stdout

    line = copied.splitlines().index("segment: acme") + 1
    assert f"error: eval/tail/globex/{WEEK}.yaml:{line}: segment: is acme's, but this is a file of globex" in refused


@pytest.mark.parametrize("path", ["eval/cases/globex.yaml", "eval/cases.yaml"])
def test_a_case_that_was_moved_out_of_its_tenants_file_is_refused(tenants: Path, path: str) -> None:
    put(tenants, "eval/cases/acme.yaml", "cases: []\n")
    put(tenants, path, row(ACME))

    refused = run("validate", "--repo", tenants, expect=1).stdout

    assert f"error: {path}:2: {ACME}: id: is acme's, but this is a file of" in refused


def test_promotion_takes_no_case_from_a_file_that_was_copied_to_another_tenant(tenants: Path) -> None:
    copied = (tenants / f"eval/tail/acme/{WEEK}.yaml").read_text(encoding="utf-8")
    put(tenants, f"eval/tail/globex/{WEEK}.yaml", copied)
    git(tenants, "switch", "--quiet", "main")
    commit_all(tenants, "Copy")

    refused = run("promote", "--repo", tenants, expect=1)

    assert "segment: is acme's, but this is a file of globex" in refused.stderr
    assert not (tenants / "eval/cases/globex.yaml").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("[acme, globex, acme]", "declared twice: acme"),
        ("{acme: A, globex: G, acme: B}", "duplicate key 'acme', first in line 3"),
        ("{acme: [A, B], globex: B}", "two segments claim the same value in the traces: B"),
        ("{acme: [A, A]}", "acme has a spelling twice: A"),
        ("[acme/eu]", "'acme/eu' must match"),
        ("[..]", "'..' must match"),
        ("[Acme]", "'Acme' must match"),
        ("['']", "'' must match"),
    ],
)
def test_segments_that_cannot_be_are_refused_with_their_line(tenants: Path, values: str, message: str) -> None:
    configure(tenants, agent(values))

    refused = run("validate", "--repo", tenants, expect=1).stdout

    assert re.search(rf"error: eval/agents\.yaml:3: .*{re.escape(message)}", refused), refused


def test_two_agents_in_one_directory_are_refused_before_one_writes_into_the_others_files(tenants: Path) -> None:
    configure(tenants, agent(), "- {name: other, traces: {store: files, path: x}}")

    refused = run("validate", "--repo", tenants, expect=1).stdout

    assert "error: eval/agents.yaml:4: agents.1.eval_dir: 'other' and 'support' would both write eval/tail/" in refused
