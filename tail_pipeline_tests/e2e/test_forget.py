"""A tenant that leaves: everything that was written of it goes, and not a byte of anybody else's."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml

from tail_pipeline.defs.runs import dagster_instance
from tail_pipeline_tests.conftest import commit_all, git, make_checkout
from tail_pipeline_tests.defs.pipeline import FAILING, REFUNDS, STATUTES, configure, span, write_spans
from tail_pipeline_tests.e2e.command import run

AGENT = "simulated-support"
SEGMENTS = "    segments: {by: tenant, values: [acme, globex]}\n"
FORGET = ("forget", "--agent", AGENT, "--segment", "acme")


def canary(tenant: str) -> str:
    return f"canary{tenant}"


def spans_of(tenant: str, first: int, *, weeks_later: int = 0) -> list[dict[str, Any]]:
    """Failing spans whose every text carries the tenant's canary."""
    rows = []
    for number, text in enumerate([*REFUNDS, *STATUTES], start=first):
        row = span(number, f"{text} {canary(tenant)}", FAILING, tenant=tenant, output=f"no, {canary(tenant)}")
        rows.append(row | {"start_time": row["start_time"] + timedelta(weeks=weeks_later)})
    return rows


@pytest.fixture
def left(history: Path, tmp_path: Path) -> Path:
    """A checkout of the test's own that acme has left."""
    return shutil.copytree(history, tmp_path / "checkout", symlinks=True)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tenants with a week under review each; of acme a week was merged and promoted too. Acme is declared no more."""
    checkout = make_checkout(tmp_path_factory.mktemp("history"))
    configure(checkout, SEGMENTS)
    rows = [*spans_of("acme", 0), *spans_of("acme", 100, weeks_later=1), *spans_of("globex", 200, weeks_later=1)]
    write_spans(checkout, rows)
    run("mine", "--repo", checkout, "--segment", "acme", "--week", "2026-W17")
    git(checkout, "switch", "--quiet", "tail-miner/acme/2026-W17")
    tail = checkout / "eval/tail/acme/2026-W17.yaml"
    decided = tail.read_text(encoding="utf-8").replace("status: proposed", "status: promoted")
    tail.write_text(
        re.sub(r"^    expected: null$", "    expected: An answer.", decided, flags=re.MULTILINE), encoding="utf-8"
    )
    commit_all(checkout, "Decide")
    git(checkout, "switch", "--quiet", "main")
    git(checkout, "merge", "--quiet", "tail-miner/acme/2026-W17")
    run("promote", "--repo", checkout, "--segment", "acme")
    # The tenant that leaves is mined last, so that what Dagster shows of the newest run is its.
    run("mine", "--repo", checkout, "--segment", "globex", "--week", "2026-W18")
    run("mine", "--repo", checkout, "--segment", "acme", "--week", "2026-W18")
    run("escalate", "--repo", checkout, "--segment", "globex", "--week", "2026-W18")
    configuration = checkout / "eval/agents.yaml"
    configuration.write_text(configuration.read_text(encoding="utf-8").replace("[acme, globex]", "[globex]"), "utf-8")
    commit_all(checkout, "Acme leaves")
    return checkout


def files_with(text: str, checkout: Path) -> list[str]:
    """Every file that holds the text, but for the trace store and git's compressed objects."""
    found = []
    for path in sorted(checkout.rglob("*")):
        name = path.relative_to(checkout).as_posix()
        if path.is_file() and not name.startswith(("traces/", ".git/")) and text.encode() in _content(path):
            found.append(name)
    return found


def _content(path: Path) -> bytes:
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path)
        return repr(frame.to_dicts()).encode()
    return path.read_bytes()


def objects_with(text: str, checkout: Path, *revisions: str) -> list[str]:
    """The git objects that these revisions lead to and that hold the text."""
    listed = git(checkout, "rev-list", "--objects", *revisions).splitlines()
    names = [line.split(" ")[0] for line in listed]
    return [one for one in names if text in git(checkout, "cat-file", "-p", one)]


def written_of(tenant: str, checkout: Path) -> dict[str, Any]:
    """Everything of a tenant, byte by byte, and what Dagster knows of it."""
    state = checkout / ".tail"
    paths = [*state.glob(f"frames/*/*/*/{tenant}.*"), *state.glob(f"state/*/{tenant}/*")]
    paths += [*state.glob(f"pull_requests/{tenant}/*"), *state.glob(f"escalations/*.{tenant}.*")]
    refs = [line for line in git(checkout, "for-each-ref").splitlines() if f"/{tenant}/" in line]
    with dagster_instance(checkout) as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/partition/segment": tenant}))
        events = {one.run_id: [str(event) for event in instance.all_logs(one.run_id)] for one in runs}
        metadata = {name: _materialized(instance, name, tenant) for name in ("spans", "tail_yaml", "tail_pr")}
    return {
        "files": {str(one): one.read_bytes() for one in paths},
        "refs": refs,
        "events": events,
        "metadata": metadata,
    }


def _materialized(instance: dg.DagsterInstance, name: str, tenant: str) -> list[str]:
    key = dg.AssetKey([AGENT.replace("-", "_"), name])
    records = instance.fetch_materializations(key, limit=100).records
    return [str(one.event_log_entry) for one in records if str(one.partition_key).endswith(f"|{tenant}")]


def test_everything_of_a_tenant_that_left_goes_and_nothing_of_another(left: Path) -> None:
    assert files_with(canary("acme"), left), "there is something to delete"
    others = written_of("globex", left)
    main = git(left, "rev-parse", "main")

    done = run(*FORGET, "--repo", left, "--yes")

    assert files_with(canary("acme"), left) == []
    assert objects_with(canary("acme"), left, "--all", "--not", "main") == []
    assert "/acme/" not in git(left, "for-each-ref")
    assert written_of("globex", left) == others
    assert git(left, "rev-parse", "main") == main
    assert "git history" in done.stdout, "what is merged stays in the history of main, and the command says so"


def test_what_dagster_shows_last_is_another_tenants(left: Path) -> None:
    run(*FORGET, "--repo", left, "--yes")

    with dagster_instance(left) as instance:
        keys = [dg.AssetKey([AGENT.replace("-", "_"), name]) for name in ("spans", "tail_pr")]
        records = {one.asset_entry.asset_key: one.asset_entry for one in instance.get_asset_records(keys)}
        partitions = {key: instance.get_materialized_partitions(key) for key in keys}

    newest = {key: entry.last_materialization_record.partition_key for key, entry in records.items()}
    assert newest == dict.fromkeys(keys, "2026-W18-1|globex")
    assert partitions == {key: {"2026-W18-1|globex"} for key in keys}


def test_without_yes_it_lists_and_deletes_nothing_and_repeating_it_is_harmless(left: Path) -> None:
    before = files_with(canary("acme"), left)

    listed = json.loads(run(*FORGET, "--repo", left, "--json", expect=1).stdout)
    assert files_with(canary("acme"), left) == before
    assert listed["left"] == listed["held"]
    names = {name for one in listed["held"] for name in one["names"]}
    assert {
        "eval/cases/acme.yaml",
        "refs/heads/tail-miner/acme/2026-W18",
        ".tail/state/simulated-support/acme",
    } <= names

    assert json.loads(run(*FORGET, "--repo", left, "--yes", "--json").stdout)["left"] == []
    again = run(*FORGET, "--repo", left, "--yes").stdout
    assert "nothing is left to delete" in again


def test_the_record_keeps_ids_only_and_validate_accepts_it(left: Path) -> None:
    cases = yaml.safe_load((left / "eval/cases/acme.yaml").read_text(encoding="utf-8"))["cases"]
    run(*FORGET, "--repo", left, "--yes", "--who", "dpo")

    removed = yaml.safe_load((left / "eval/cases_removed.yaml").read_text(encoding="utf-8"))["removed"]
    assert {row["id"] for row in removed} >= {row["id"] for row in cases}
    assert {(row["who"], row["reason"]) for row in removed} == {("dpo", "private_data")}
    run("validate", "--repo", left)
    git(left, "switch", "--quiet", "--create", "acme-leaves")
    commit_all(left, "Forget acme")
    run("validate", "--review", "--repo", left)


def test_a_tenant_that_is_declared_is_not_forgotten(left: Path) -> None:
    refused = run("forget", "--agent", AGENT, "--segment", "globex", "--repo", left, "--yes", expect=2)

    assert "segment 'globex' of agent 'simulated-support' is declared in eval/agents.yaml" in refused.stderr
    assert files_with(canary("globex"), left)


@pytest.mark.parametrize("names", [("--agent", "nobody"), ("--agent", AGENT)], ids=["unknown", "declared"])
def test_an_agent_that_nobody_declared_or_that_still_is_one_is_refused(checkout: Path, names: Iterator[str]) -> None:
    run("forget", *names, "--repo", checkout, "--yes", expect=2)
