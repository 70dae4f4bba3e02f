"""The file that tenants share, on a real instance: what it is made of, whom it names, and what re-runs and reviewers do to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import dagster as dg
import pytest

from tail_pipeline.adapters.eval_files import parse_cases
from tail_pipeline.adapters.history import load_history
from tail_pipeline.adapters.promoting import promote
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.adapters.eval_texts import case, put, run_of, tail_text
from tail_pipeline_tests.conftest import commit_all, git, make_checkout
from tail_pipeline_tests.defs.pipeline import AGENT, BRANCH, Pipeline, failure_of, pipeline, tail_of, write_spans
from tail_pipeline_tests.defs.shared_traffic import (
    CANARIES,
    TENANTS,
    artefacts,
    make_daily,
    opened,
    review,
    tenants_of,
    traffic,
)

pytestmark = pytest.mark.long

MONDAY, TUESDAY, WEDNESDAY = (f"2026-W17-{day}" for day in (1, 2, 3))
NEXT_MONDAY = "2026-W18-1"


@pytest.fixture(scope="module")
def mined_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which each tenant was mined on two Mondays."""
    checkout = make_checkout(tmp_path_factory.mktemp("weeks"))
    tenants_of(checkout)
    write_spans(checkout, [row for day in (0, 7) for tenant in TENANTS for row in traffic(tenant, day=day)])
    with pipeline(checkout) as mining:
        for day in (MONDAY, NEXT_MONDAY):
            mine_all(mining, day=day)
    return checkout


@pytest.fixture(scope="module")
def mined_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which three tenants of a daily agent were mined on three days."""
    checkout = make_checkout(tmp_path_factory.mktemp("days"))
    tenants_of(checkout, TENANTS[:3])
    make_daily(checkout)
    days = {MONDAY: 6, TUESDAY: 7, WEDNESDAY: 8}
    write_spans(checkout, [row for day in days.values() for tenant in TENANTS[:3] for row in traffic(tenant, day=day)])
    with pipeline(checkout) as mining:
        for day in days:
            mine_all(mining, *TENANTS[:3], day=day)
    return checkout


@pytest.fixture
def weekly(mined_weeks: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(Path(copytree(mined_weeks, tmp_path / "checkout", symlinks=True))) as running:
        yield running


@pytest.fixture
def daily(mined_days: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(Path(copytree(mined_days, tmp_path / "checkout", symlinks=True))) as running:
        yield running


@contextmanager
def not_mined(mining: Pipeline, *tenants: str) -> Iterator[None]:
    """As long as this lasts, these tenants were not mined on the first Monday; afterwards they were, late."""
    frames = mining.checkout / ".tail" / "frames" / AGENT / "weighted_clusters" / MONDAY
    for tenant in tenants:
        (frames / f"{tenant}.parquet").rename(frames / f"{tenant}.away")
    yield
    for tenant in tenants:
        (frames / f"{tenant}.away").rename(frames / f"{tenant}.parquet")


def mine_all(mining: Pipeline, *tenants: str, day: str = MONDAY) -> None:
    for tenant in tenants or TENANTS:
        assert mining.mine(f"{day}|{tenant}").success


def assets_of(checkout: Path) -> set[str]:
    graph = build_definitions(checkout).resolve_asset_graph()
    return {key.path[-1] for key in graph.get_all_asset_keys()}


def test_what_all_tenants_ask_becomes_one_case_that_holds_nothing_of_any_of_them(weekly: Pipeline) -> None:
    assert weekly.share().success

    (case,) = tail_of(weekly.checkout).cases
    assert (case.id, case.input, case.cluster.tenants) == ("tail-2026W17-001", None, len(TENANTS))
    assert "export" in case.cluster.words
    written = artefacts(weekly.checkout, BRANCH).lower()
    assert not [word for word in (*TENANTS, *CANARIES.values(), "span-", "trace-") if word in written]
    metadata = weekly.metadata("shared_tail")
    assert (metadata["tenants_mined"], metadata["tenants_not_mined"]) == (4, [])
    assert not [word for word in CANARIES.values() if word in str(metadata).lower()]


def test_identical_reruns_write_nothing(weekly: Pipeline) -> None:
    weekly.share()
    before = git(weekly.checkout, "for-each-ref")

    assert weekly.share().success

    assert git(weekly.checkout, "for-each-ref") == before
    assert weekly.metadata("shared_tail_pr")["outcome"] == "unchanged"


def test_what_is_logged_does_not_grow_with_the_tenants_that_were_not_mined(weekly: Pipeline) -> None:
    with not_mined(weekly, "umbrella"):
        run = weekly.share()

    logged = [entry.message for entry in weekly.instance.all_logs(run.run_id) if "partitions of" in entry.message]
    assert logged == [f"3 of {len(TENANTS)} partitions of {AGENT}/weighted_clusters are there"]
    assert not [entry for entry in weekly.instance.all_logs(run.run_id) if "umbrella" in entry.message]


def test_a_days_file_from_before_there_were_tenants_stops_the_shared_file_of_its_week(daily: Pipeline) -> None:
    of_all = case("tail-2026W17-001", run=MONDAY, expected=None, expected_source="none")
    before = tail_text("2026-W17", [of_all], agent=AGENT.replace("_", "-"), runs=[run_of(MONDAY)])
    put(daily.checkout, "eval/tail/2026-W17.yaml", before)
    commit_all(daily.checkout, "Mined without tenants")

    assert "is one tenant's and has no place in a file that all of them read" in failure_of(daily.share(TUESDAY))
    assert git(daily.checkout, "for-each-ref", f"refs/heads/{BRANCH}") == ""


def test_a_tenant_that_was_not_mined_is_named_and_taken_in_later(weekly: Pipeline) -> None:
    with not_mined(weekly, "umbrella"):
        assert weekly.share().success
        early = tail_of(weekly.checkout)
        assert weekly.metadata("shared_tail")["tenants_not_mined"] == ["umbrella"]

    assert weekly.share().success

    late = tail_of(weekly.checkout)
    assert [file.tenants and file.tenants.mined for file in (early, late)] == [3, 4]
    assert [(case.id, case.cluster.tenants) for case in early.cases] == [("tail-2026W17-001", 3)]
    assert [(case.id, case.cluster.tenants) for case in late.cases] == [("tail-2026W17-001", 4)]


def test_too_few_tenants_open_no_pull_request(weekly: Pipeline) -> None:
    with not_mined(weekly, *TENANTS[2:]):
        assert weekly.share().success
    assert weekly.metadata("shared_tail_pr")["outcome"] == "no new cross-tenant case"
    with not_mined(weekly, *TENANTS):
        assert weekly.share().success

    assert git(weekly.checkout, "branch", "--list", BRANCH) == ""


def test_what_a_reviewer_wrote_survives_a_late_tenant(weekly: Pipeline) -> None:
    with not_mined(weekly, "umbrella"):
        weekly.share()
    review(weekly.checkout, input="How do I get my bill as a table?")

    for _ in range(2):
        assert weekly.share().success

    (case,) = tail_of(weekly.checkout).cases
    assert (case.input, case.cluster.tenants) == ("How do I get my bill as a table?", 3)


def test_a_promoted_shared_case_goes_to_the_set_of_all_tenants_and_is_known_from_then_on(weekly: Pipeline) -> None:
    weekly.share()
    review(weekly.checkout, input="Why does the invoice export fail?", expected="Ask billing.", status="promoted")
    git(weekly.checkout, "merge", "--quiet", "--ff-only", BRANCH)
    job = build_definitions(weekly.checkout, retry_wait_s=0).resolve_job_def(f"promote_shared_{AGENT}")
    assert job.execute_in_process(partition_key=MONDAY, instance=weekly.instance).success

    assert weekly.share(NEXT_MONDAY).success

    text = git(weekly.checkout, "show", "main:eval/cases.yaml")
    (row,) = [case for case in parse_cases(text, "eval/cases.yaml").cases if case.source == "tail_miner"]
    assert (row.id, row.provenance and row.provenance.tail_file) == ("tail-2026W17-001", "eval/tail/2026-W17.yaml")
    assert weekly.metadata("shared_tail", NEXT_MONDAY)["known"] >= 1
    assert weekly.metadata("shared_tail_pr", NEXT_MONDAY)["outcome"] == "no new cross-tenant case"


def test_a_rejected_shared_case_is_not_proposed_the_week_after(weekly: Pipeline) -> None:
    weekly.share()
    review(weekly.checkout, status="rejected", rejection_reason="Out of scope")
    git(weekly.checkout, "merge", "--quiet", "--ff-only", BRANCH)

    assert weekly.share(NEXT_MONDAY).success

    assert weekly.metadata("shared_tail", NEXT_MONDAY)["rejected_before"] >= 1


def test_the_tenants_know_nothing_of_the_shared_file_also_where_it_is_broken(weekly: Pipeline) -> None:
    weekly.share()
    review(weekly.checkout, status="promoted")
    git(weekly.checkout, "merge", "--quiet", "--ff-only", BRANCH)

    mine_all(weekly, "acme", day=NEXT_MONDAY)
    failed = failure_of(weekly.share(NEXT_MONDAY))

    repository, agent = opened(weekly.checkout)
    history = load_history(repository, agent, "acme", MiningDay.parse(NEXT_MONDAY))
    assert all("acme" in case.id for case in history.cases if case.id.startswith("tail-"))
    assert "eval/tail/2026-W17.yaml" in failed
    assert "promoted without an input" in failed


def test_nothing_of_a_shared_file_is_promoted_into_a_tenants_set(weekly: Pipeline) -> None:
    weekly.share()
    review(weekly.checkout, input="Why does the export fail?", expected="Ask.", status="promoted")
    git(weekly.checkout, "merge", "--quiet", "--ff-only", BRANCH)
    repository, agent = opened(weekly.checkout)

    assert [week.ids for tenant in TENANTS for week in promote(repository, agent, tenant)] == []
    assert [week.ids for week in promote(repository, agent, None)] == [("tail-2026W17-001",)]


def test_a_daily_agent_extends_the_shared_file_by_days_and_proposes_nothing_twice(daily: Pipeline) -> None:
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        assert daily.share(day).success
    once = git(daily.checkout, "rev-parse", BRANCH)

    assert daily.share(MONDAY).success
    assert daily.share(WEDNESDAY).success

    file = tail_of(daily.checkout)
    assert [(run.day, run.tenants and run.tenants.mined, run.counts.cases) for run in file.runs or []] == [
        (MONDAY, 3, 1),
        (TUESDAY, 3, 0),
        (WEDNESDAY, 3, 0),
    ]
    assert [case.run for case in file.cases] == [MONDAY]
    assert {(row.run, row.why, row.case) for row in file.not_proposed} >= {
        (TUESDAY, "undecided", "tail-2026W17-001"),
        (WEDNESDAY, "undecided", "tail-2026W17-001"),
    }
    assert git(daily.checkout, "rev-parse", BRANCH) == once


def test_a_quiet_day_after_a_merge_opens_no_follow_up(daily: Pipeline) -> None:
    daily.share()
    git(daily.checkout, "merge", "--quiet", "--ff-only", BRANCH)

    assert daily.share(TUESDAY).success

    assert git(daily.checkout, "branch", "--list", f"{BRANCH}.*") == ""


def test_single_spans_that_each_tenant_calls_unclustered_are_a_case(checkout: Path) -> None:
    tenants = TENANTS[:3]
    tenants_of(checkout, tenants)
    rows = [row for tenant in tenants for row in traffic(tenant, exports=1)]
    write_spans(
        checkout, [row for row in rows if not any(own in row["input"] for own in ("belts", "pollen", "violin"))]
    )
    with pipeline(checkout) as mining:
        mine_all(mining, *tenants)
        assert mining.share().success

        assert [mining.metadata("weighted_clusters", f"{MONDAY}|{one}")["unclustered_spans"] for one in tenants] == [
            1,
            1,
            1,
        ]
    assert [case.cluster.tenants for case in tail_of(checkout).cases] == [3]


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
