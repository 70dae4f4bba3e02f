"""Which of Dagster's runs are a tenant's, however they were launched, and that none is deleted while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.forgetting.run_history import RunHistory
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.forgetting import Subject
from tail_pipeline_tests.conftest import commit_all
from tail_pipeline_tests.defs.pipeline import Pipeline, configure, persistent_pipeline, span, write_spans

ACME = "2026-W17-1|acme"
AGENTS = ("simulated_support", "other")


@pytest.fixture
def mining(checkout: Path) -> Iterator[Pipeline]:
    """Two agents that share a trace store and have a tenant of the same name."""
    segments = "segments: {by: tenant, values: [acme, globex]}"
    configure(checkout, f"    {segments}\n")
    (checkout / "eval/other").mkdir()
    for name in ("rubric.yaml", "cases.yaml"):
        (checkout / "eval/other" / name).write_bytes((checkout / "eval" / name).read_bytes())
    other = f'  - {{name: other, eval_dir: eval/other, traces: {{store: files, path: "traces/*.jsonl"}}, {segments}}}\n'
    with (checkout / "eval/agents.yaml").open("a", encoding="utf-8") as file:
        file.write(other)
    commit_all(checkout, "Two agents")
    write_spans(checkout, [span(1, "hello", tenant="acme"), span(2, "bye", tenant="globex")])
    with persistent_pipeline(checkout) as running:
        yield running


def launch(mining: Pipeline, agent: str, partition: str) -> str:
    """One asset of a partition, as somebody materializes it in the UI."""
    definitions = build_definitions(mining.checkout, retry_wait_s=0)
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    done = dg.materialize(
        [definitions.get_assets_def(one) for one in keys],
        selection=[dg.AssetKey([agent, "spans"])],
        partition_key=partition,
        instance=mining.instance,
        resources=definitions.resources,
    )
    return done.run_id


def runs(mining: Pipeline) -> set[str]:
    return {run.run_id for run in mining.instance.get_runs()}


def test_a_partition_that_was_materialized_in_the_ui_is_its_tenants_and_its_agents(mining: Pipeline) -> None:
    own = launch(mining, "simulated_support", ACME)
    others = {launch(mining, "other", ACME), launch(mining, "simulated_support", "2026-W17-1|globex")}
    history = RunHistory(mining.instance)
    subject = Subject("simulated-support", "acme", ())

    assert [one.names for one in history.held(subject) if one.what.startswith("runs")] == [(own,)]
    history.forget(subject)

    assert runs(mining) == others
    assert history.held(subject) == []
    partitions = {agent: mining.instance.get_materialized_partitions(dg.AssetKey([agent, "spans"])) for agent in AGENTS}
    assert partitions == {"simulated_support": {"2026-W17-1|globex"}, "other": {ACME}}


def test_all_of_an_agent_goes_and_nothing_of_another(mining: Pipeline) -> None:
    for partition in (ACME, "2026-W17-1|globex"):
        launch(mining, "simulated_support", partition)
    other = launch(mining, "other", ACME)

    RunHistory(mining.instance).forget(Subject("simulated-support", None, ()))

    assert runs(mining) == {other}
    left = {key for key in mining.instance.all_asset_keys() if key.path[0] == "simulated_support"}
    assert left == set()


def test_nothing_is_deleted_while_a_run_of_the_tenant_is_under_way(mining: Pipeline) -> None:
    done = launch(mining, "simulated_support", ACME)
    run = mining.start(ACME)
    mining.instance.add_run_tags(run.run_id, {"dagster/partition/segment": "acme"})

    with pytest.raises(PermanentError, match=f"are under way: {run.run_id}; let them end"):
        RunHistory(mining.instance).forget(Subject("simulated-support", "acme", ()))

    assert runs(mining) == {done, run.run_id}
