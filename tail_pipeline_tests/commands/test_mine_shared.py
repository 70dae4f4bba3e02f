"""``tail-pipeline mine`` for an agent of several tenants: after the last of a day it makes the file they share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tail_pipeline.adapters.history import load_week
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import BRANCH, WEEK, tail_of
from tail_pipeline_tests.defs.shared_traffic import TENANTS, opened, review, tenants_of
from tail_pipeline_tests.e2e.command import run


@pytest.fixture(autouse=True)
def _home_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def test_the_shared_file_is_made_last_also_when_a_tenant_fails_and_escalates_nothing(checkout: Path) -> None:
    tenants_of(checkout)
    broken = checkout / "eval" / "tail" / "globex" / "2026-W16.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("iso_week: what\n", "utf-8")
    commit_all(checkout, "Break a tenant's file")

    rows = json.loads(run("mine", "--repo", checkout, "--week", "2026-W17", "--json", expect=1).stdout)

    assert [row["segment"] for row in rows] == [*TENANTS, "(shared)"]
    assert [row["segment"] for row in rows if row["error"]] == ["globex"]
    assert (rows[-1]["cases"], rows[-1]["pull_request"], rows[-1]["verdict"]) == (1, "created", None)
    assert tail_of(checkout).tenants.mined == 3
    repository, agent = opened(checkout)
    assert load_week(repository, agent, "acme", WEEK).found is not None


def test_a_promoted_shared_case_is_promoted_by_the_command(checkout: Path) -> None:
    tenants_of(checkout)
    printed = run("mine", "--repo", checkout, "--week", "2026-W17").stdout
    assert "(shared)" in printed
    review(checkout, status="promoted")
    git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
    found = run("validate", "--repo", checkout, "--review", expect=1).stdout
    assert "eval/tail/2026-W17.yaml" in found
    assert "tail-2026W17-001" in found
    assert "promoted without an input" in found

    file = checkout / "eval" / "tail" / "2026-W17.yaml"
    text = file.read_text("utf-8").replace("input: null", "input: Why does it fail?", 1)
    file.write_text(text.replace("expected: null", "expected: Ask billing.", 1), "utf-8")
    commit_all(checkout, "Complete")
    run("validate", "--repo", checkout, "--review")
    (row,) = json.loads(run("promote", "--repo", checkout, "--json").stdout)

    assert (row["segment"], row["promoted"], row["cases_file"]) == ("(shared)", ["tail-2026W17-001"], "eval/cases.yaml")
