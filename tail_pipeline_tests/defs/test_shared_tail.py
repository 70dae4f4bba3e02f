"""The file that tenants share, on a real instance: what it is made of, whom it names, and what re-runs and reviewers do to it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from tail_pipeline.adapters.eval_files import load_agents, parse_cases
from tail_pipeline.adapters.history import load_history
from tail_pipeline.adapters.promoting import promote
from tail_pipeline.adapters.repositories import open_repository
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.cases import Case
from tail_pipeline.domain.ports import Repository
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import AGENT, BRANCH, Pipeline, failure_of, pipeline, tail_of, write_spans
from tail_pipeline_tests.defs.shared_traffic import CANARIES, TENANTS, artefacts, make_daily, tenants_of, traffic

MONDAY, TUESDAY, WEDNESDAY = (f"2026-W17-{day}" for day in (1, 2, 3))


def mine_all(mining: Pipeline, *tenants: str, day: str = MONDAY) -> None:
    for tenant in tenants or TENANTS:
        assert mining.mine(f"{day}|{tenant}").success


def opened(checkout: Path) -> tuple[Repository, Agent]:
    config = load_agents(checkout)
    return open_repository(config.repository, checkout), config.agents[0]


def assets_of(checkout: Path) -> set[str]:
    graph = build_definitions(checkout).resolve_asset_graph()
    return {key.path[-1] for key in graph.get_all_asset_keys()}


def test_what_all_tenants_ask_becomes_one_case_that_holds_nothing_of_any_of_them(checkout: Path) -> None:
    tenants_of(checkout)
    with pipeline(checkout) as mining:
        mine_all(mining)
        assert mining.share().success
        metadata = mining.metadata("shared_tail")

    (case,) = tail_of(checkout).cases
    assert (case.id, case.input, case.cluster.tenants) == ("tail-2026W17-001", None, len(TENANTS))
    assert "export" in case.cluster.words
    written = artefacts(checkout, BRANCH).lower()
    assert not [word for word in (*TENANTS, *CANARIES.values(), "span-", "trace-") if word in written]
    assert (metadata["tenants_mined"], metadata["tenants_not_mined"]) == (4, [])
    shown = str(metadata["preview"]).lower()
    assert not [word for word in CANARIES.values() if word in shown]


def test_identical_reruns_write_nothing(checkout: Path) -> None:
    tenants_of(checkout)
    with pipeline(checkout) as mining:
        mine_all(mining)
        mining.share()
        before = git(checkout, "for-each-ref")
        mine_all(mining, "acme")
        assert mining.share().success
        outcome = mining.metadata("shared_tail_pr")["outcome"]

    assert (git(checkout, "for-each-ref"), outcome) == (before, "unchanged")


def test_a_tenant_that_was_not_mined_is_named_and_taken_in_later(checkout: Path) -> None:
    tenants_of(checkout)
    with pipeline(checkout) as mining:
        mine_all(mining, *TENANTS[:3])
        assert mining.share().success
        (early,) = tail_of(checkout).cases
        assert mining.metadata("shared_tail")["tenants_not_mined"] == ["umbrella"]
        assert tail_of(checkout).tenants.mined == 3
        mine_all(mining, "umbrella")
        assert mining.share().success

    (late,) = tail_of(checkout).cases
    assert (late.id, early.cluster.tenants, late.cluster.tenants) == (early.id, 3, 4)


def test_too_few_tenants_open_no_pull_request(checkout: Path) -> None:
    tenants_of(checkout)
    with pipeline(checkout) as mining:
        mine_all(mining, *TENANTS[:2])
        assert mining.share().success
        assert mining.metadata("shared_tail_pr")["outcome"] == "no new cross-tenant case"
        assert mining.share("2026-W18-1").success

    assert git(checkout, "branch", "--list", BRANCH) == ""


def test_single_spans_that_each_tenant_calls_unclustered_are_a_case(checkout: Path) -> None:
    tenants_of(checkout)
    write_spans(
        checkout, [row for tenant in TENANTS for row in traffic(tenant, exports=1) if "-02" not in row["trace_id"]]
    )
    with pipeline(checkout) as mining:
        mine_all(mining)
        assert mining.share().success

    assert tail_of(checkout, "tail-miner/acme/2026-W17", "eval/tail/acme/2026-W17.yaml").counts.clusters <= 1
    assert [case.cluster.tenants for case in tail_of(checkout).cases] == [4]


def test_a_daily_agent_extends_the_shared_file_by_days_and_proposes_nothing_twice(checkout: Path) -> None:
    tenants_of(checkout)
    make_daily(checkout)
    days = {MONDAY: 6, TUESDAY: 7, WEDNESDAY: 8}
    write_spans(checkout, [row for day in days.values() for tenant in TENANTS for row in traffic(tenant, day=day)])
    with pipeline(checkout) as mining:
        for day in days:
            mine_all(mining, day=day)
            assert mining.share(day).success
        once = git(checkout, "rev-parse", BRANCH)
        assert mining.share(MONDAY).success
        assert mining.share(WEDNESDAY).success

    file = tail_of(checkout)
    assert [(run.day, run.tenants.mined, run.counts.cases) for run in file.runs] == [
        (MONDAY, 4, 1),
        (TUESDAY, 4, 0),
        (WEDNESDAY, 4, 0),
    ]
    assert [case.run for case in file.cases] == [MONDAY]
    assert {(row.run, row.why, row.case) for row in file.not_proposed} >= {
        (TUESDAY, "undecided", "tail-2026W17-001"),
        (WEDNESDAY, "undecided", "tail-2026W17-001"),
    }
    assert git(checkout, "rev-parse", BRANCH) == once


def test_a_quiet_day_after_a_merge_opens_no_follow_up(checkout: Path) -> None:
    tenants_of(checkout)
    make_daily(checkout)
    write_spans(checkout, [row for day in (6, 7) for tenant in TENANTS for row in traffic(tenant, day=day)])
    with pipeline(checkout) as mining:
        mine_all(mining)
        mining.share()
        git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
        mine_all(mining, day=TUESDAY)
        assert mining.share(TUESDAY).success

    assert git(checkout, "branch", "--list", f"{BRANCH}.*") == ""


def review(checkout: Path, **edits: str) -> None:
    """Edit the shared file on its branch and commit."""
    git(checkout, "checkout", "--quiet", BRANCH)
    file = checkout / "eval" / "tail" / "2026-W17.yaml"
    text = file.read_text("utf-8")
    for key, value in edits.items():
        before = {"input": "input: null", "expected": "expected: null", "status": "status: proposed"}[key]
        text = text.replace(before, f"{key}: {value}", 1)
    file.write_text(text, "utf-8")
    commit_all(checkout, "Review")
    git(checkout, "checkout", "--quiet", "main")


def test_what_a_reviewer_wrote_survives_a_late_tenant(checkout: Path) -> None:
    tenants_of(checkout)
    with pipeline(checkout) as mining:
        mine_all(mining, *TENANTS[:3])
        mining.share()
        review(checkout, input="How do I get my bill as a table?")
        mine_all(mining, "umbrella")
        for _ in range(2):
            assert mining.share().success

    (case,) = tail_of(checkout).cases
    assert (case.input, case.cluster.tenants) == ("How do I get my bill as a table?", 3)


def test_a_promoted_shared_case_goes_to_the_set_of_all_tenants_and_is_known_from_then_on(checkout: Path) -> None:
    tenants_of(checkout)
    late = [row for tenant in TENANTS for row in traffic(tenant, day=7)]
    write_spans(checkout, [*(row for tenant in TENANTS for row in traffic(tenant)), *late])
    with pipeline(checkout) as mining:
        mine_all(mining)
        mining.share()
        review(checkout, input="Why does the invoice export fail?", expected="Ask billing.", status="promoted")
        git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
        job = build_definitions(checkout, retry_wait_s=0).resolve_job_def(f"promote_shared_{AGENT}")
        assert job.execute_in_process(partition_key=MONDAY, instance=mining.instance).success
        mine_all(mining, day="2026-W18-1")
        assert mining.share("2026-W18-1").success

        (row,) = [case for case in cases_of(checkout) if case.source == "tail_miner"]
        assert (row.id, row.provenance.tail_file) == ("tail-2026W17-001", "eval/tail/2026-W17.yaml")
        assert mining.metadata("shared_tail", "2026-W18-1")["known"] >= 1
        assert mining.metadata("shared_tail_pr", "2026-W18-1")["outcome"] == "no new cross-tenant case"


def cases_of(checkout: Path) -> list[Case]:
    return parse_cases(git(checkout, "show", "main:eval/cases.yaml"), "eval/cases.yaml").cases


def test_a_rejected_shared_case_is_not_proposed_the_week_after(checkout: Path) -> None:
    tenants_of(checkout)
    write_spans(checkout, [row for day in (0, 7) for tenant in TENANTS for row in traffic(tenant, day=day)])
    with pipeline(checkout) as mining:
        mine_all(mining)
        mining.share()
        git(checkout, "checkout", "--quiet", BRANCH)
        file = checkout / "eval" / "tail" / "2026-W17.yaml"
        text = file.read_text("utf-8").replace("status: proposed", "status: rejected", 1)
        file.write_text(text.replace("rejection_reason: null", "rejection_reason: Out of scope", 1), "utf-8")
        commit_all(checkout, "Reject")
        git(checkout, "checkout", "--quiet", "main")
        git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
        mine_all(mining, day="2026-W18-1")
        assert mining.share("2026-W18-1").success

        assert mining.metadata("shared_tail", "2026-W18-1")["rejected_before"] >= 1


def test_the_tenants_know_nothing_of_the_shared_file(checkout: Path) -> None:
    """Also where a reviewer left it broken."""
    tenants_of(checkout)
    with pipeline(checkout) as mining:
        mine_all(mining)
        mining.share()
        review(checkout, status="promoted")
        git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
        repository, agent = opened(checkout)
        history = load_history(repository, agent, "acme", MiningDay.parse("2026-W18-1"))
        mine_all(mining, "acme", day="2026-W18-1")
        failed = mining.share("2026-W18-1")

    assert all("acme" in case.id for case in history.cases if case.id.startswith("tail-"))
    assert "eval/tail/2026-W17.yaml" in failure_of(failed)
    assert "promoted without an input" in failure_of(failed)


def test_nothing_of_a_shared_file_is_promoted_into_a_tenants_set(checkout: Path) -> None:
    tenants_of(checkout)
    with pipeline(checkout) as mining:
        mine_all(mining)
        mining.share()
    review(checkout, input="Why does the export fail?", expected="Ask.", status="promoted")
    git(checkout, "merge", "--quiet", "--ff-only", BRANCH)
    repository, agent = opened(checkout)

    assert [week.ids for tenant in TENANTS for week in promote(repository, agent, tenant)] == []
    assert [week.ids for week in promote(repository, agent, None)] == [("tail-2026W17-001",)]


def test_agents_without_enough_tenants_of_one_eval_dir_have_no_shared_tail(checkout: Path) -> None:
    tenants_of(checkout, TENANTS[:2])
    assert "shared_tail" not in assets_of(checkout)


def test_min_tenants_is_a_key_of_the_agent(checkout: Path) -> None:
    tenants_of(checkout, TENANTS[:2], "min_tenants: 2")
    with pipeline(checkout) as mining:
        mine_all(mining, *TENANTS[:2])
        assert mining.share().success

    assert {case.cluster.tenants for case in tail_of(checkout).cases} == {2}


def test_a_run_of_the_shared_file_waits_for_no_tenant_and_no_tenant_for_it(checkout: Path) -> None:
    tenants_of(checkout)
    definitions = build_definitions(checkout)
    pools = {
        key.path[-1]: definitions.get_assets_def(key).op.pool
        for key in definitions.resolve_asset_graph().get_all_asset_keys()
    }

    assert pools["shared_tail"] == pools["shared_tail_pr"]
    assert pools["shared_tail"] not in {pools[name] for name in ("spans", "tail_pr", "cases", "escalation")}


def test_the_assets_of_a_shared_file_are_partitioned_by_day_alone(checkout: Path) -> None:
    tenants_of(checkout)
    graph = build_definitions(checkout).resolve_asset_graph()

    for name in ("shared_tail", "shared_tail_pr", "shared_cases"):
        days = graph.get(dg.AssetKey([AGENT, name])).partitions_def
        assert isinstance(days, dg.TimeWindowPartitionsDefinition)
