"""The code location: which assets, jobs and partitions a configuration gives, and what keeps it from loading."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.partitions import mining_days_of, partition_key
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay, weeks_between

CHAIN = ["spans", "scored_spans", "weighted_clusters", "tail_yaml", "tail_pr", "cases", "escalation"]


def test_an_agent_has_one_chain_of_seven_assets_under_its_name(checkout: Path) -> None:
    graph = build_definitions(checkout).resolve_asset_graph()

    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert keys == {f"simulated_support/{name}" for name in CHAIN}


def test_the_code_location_loads_as_the_daemon_loads_it(checkout: Path) -> None:
    repository = build_definitions(checkout).get_repository_def()

    repository.load_all_definitions()

    assert {job.name for job in repository.get_all_jobs()} == {
        "__ASSET_JOB",
        "check_deadline",
        "escalate_simulated_support",
        "mine_simulated_support",
        "promote_simulated_support",
    }


def test_data_flows_one_way_through_the_chain(checkout: Path) -> None:
    graph = build_definitions(checkout).resolve_asset_graph()

    parents = {
        key.path[-1]: sorted(parent.path[-1] for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "spans": [],
        "scored_spans": ["spans"],
        "weighted_clusters": ["scored_spans"],
        "tail_yaml": ["scored_spans", "weighted_clusters"],
        "tail_pr": ["tail_yaml"],
        "cases": ["tail_pr"],
        "escalation": ["tail_pr"],
    }


def test_the_mining_job_ends_at_the_pull_request_and_pages_nobody(checkout: Path) -> None:
    job = build_definitions(checkout).resolve_job_def("mine_simulated_support")

    assert {key.path[-1] for key in job.asset_layer.executable_asset_keys} == set(CHAIN) - {"cases", "escalation"}


@pytest.mark.parametrize(("first", "last"), [("2020-W51", "2021-W02"), ("2026-W52", "2027-W02")])
def test_weekly_partitions_cross_a_year_with_53_weeks(first: str, last: str) -> None:
    agent = _agent(cadence="weekly", start_week=first)
    after = MiningDay.parse(f"{last}-1").window(Cadence.WEEKLY).end

    keys = mining_days_of(agent).get_partition_keys(current_time=after)

    assert keys == [f"{week}-1" for week in weeks_between(IsoWeek.parse(first), IsoWeek.parse(last))]


def test_a_partition_key_goes_through_dagster_and_back() -> None:
    partitions = mining_days_of(_agent(cadence="weekly", start_week="2020-W53"))

    window = partitions.time_window_for_partition_key("2020-W53-1")

    assert MiningDay(window.start.date()).key == "2020-W53-1"


def test_daily_partitions_are_every_day_and_monthly_ones_the_first() -> None:
    now = MiningDay.parse("2026-W19-1").window(Cadence.WEEKLY).end

    daily = mining_days_of(_agent(cadence="daily", start_week="2026-W18")).get_partition_keys(current_time=now)
    monthly = mining_days_of(_agent(cadence="monthly", start_week="2026-W10")).get_partition_keys(current_time=now)

    assert daily == [f"2026-W18-{day}" for day in range(1, 8)] + ["2026-W19-1"]
    assert [MiningDay.parse(key).day.isoformat() for key in monthly] == ["2026-04-01", "2026-05-01"]


def test_segments_make_week_times_segment_partitions(checkout: Path) -> None:
    _configure(checkout, "    segments: {by: tenant, values: [acme, globex]}\n")

    spans = build_definitions(checkout).resolve_asset_graph().get(dg.AssetKey(["simulated_support", "spans"]))

    assert isinstance(spans.partitions_def, dg.MultiPartitionsDefinition)
    assert partition_key(MiningDay.parse("2026-W17-1"), "acme") == "2026-W17-1|acme"
    assert "2026-W17-1|acme" in spans.partitions_def.get_partition_keys()


def test_every_mistake_in_the_configuration_is_named_at_once_and_nothing_loads(checkout: Path) -> None:
    _configure(checkout, "    segments: {by: tenant, values: [../x]}\n    max_clutsers: 3\n")
    rubric = checkout / "eval" / "rubric.yaml"
    rubric.write_text(
        "rubric_min_score: 2.0\nragas_faithfulness: '0,82'\nper_case_regression: .nan\n", encoding="utf-8"
    )

    with pytest.raises(InvalidFile) as caught:
        build_definitions(checkout)

    places = [(finding.file, finding.message.partition(":")[0]) for finding in caught.value.findings]
    assert places == [
        ("eval/agents.yaml", "agents.0.segments.values"),
        ("eval/agents.yaml", "agents.0.max_clutsers"),
        ("eval/rubric.yaml", "rubric_min_score"),
        ("eval/rubric.yaml", "ragas_faithfulness"),
        ("eval/rubric.yaml", "per_case_regression"),
    ]
    assert all(finding.line > 0 for finding in caught.value.findings)


def test_a_missing_rubric_is_named(checkout: Path) -> None:
    (checkout / "eval" / "rubric.yaml").unlink()

    with pytest.raises(InvalidFile, match=r"eval/rubric\.yaml: the file is missing"):
        build_definitions(checkout)


def test_loading_the_code_location_imports_nothing_heavy(checkout: Path) -> None:
    program = (
        "import sys, tail_pipeline.definitions;"
        "print(sorted(name for name in ('umap', 'hdbscan', 'sklearn', 'openai', 'matplotlib', 'scipy', 'numba')"
        " if name in sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=checkout, env={"PATH": ""}, capture_output=True, text=True, check=False
    )

    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def _agent(**fields: str) -> Agent:
    return Agent.model_validate({"name": "support", "traces": {"store": "files", "path": "x"}, **fields})


def _configure(checkout: Path, lines: str) -> None:
    agents = checkout / "eval" / "agents.yaml"
    agents.write_text(agents.read_text(encoding="utf-8").rstrip("\n") + "\n" + lines, encoding="utf-8")
