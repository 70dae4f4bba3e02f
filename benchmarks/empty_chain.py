"""Dagster's own floor for benchmarks/breadth.py: five assets that do nothing, in the shape of an agent's chain.

The same partitions, IO managers, kinds of values and number of checks as one agent has; the bodies are empty. A code
location of its own, so that a daemon can run it: the agent is the first of ``$TAIL_PIPELINE_REPO``.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.defs.partitions import partitions_of
from tail_pipeline.defs.run_order import AGENT_TAG, MINED_ASSETS
from tail_pipeline.defs.storage import FrameIOManager, RecordIOManager
from tail_pipeline.domain.agents import Agent

AGENT = "empty"
JOB = "mine_empty"
_FRAMES = MINED_ASSETS[:3]
_CHECKS = {"spans": 2, "scored_spans": 2, "weighted_clusters": 2, "tail_yaml": 1, "tail_pr": 0}


def empty_definitions(repo_dir: Path) -> dg.Definitions:
    agent = load_agents(repo_dir).agents[0]
    storage = str(repo_dir / ".tail" / "empty")
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(*(dg.AssetKey([AGENT, name]) for name in MINED_ASSETS)),
        executor_def=dg.in_process_executor,
        tags={AGENT_TAG: AGENT},
    )
    return dg.Definitions(
        assets=[
            _asset(agent, name, before) for name, before in zip(MINED_ASSETS, (None, *MINED_ASSETS[:-1]), strict=True)
        ],
        jobs=[job],
        resources={"frames": FrameIOManager(storage), "records": RecordIOManager(storage)},
        executor=dg.in_process_executor,
    )


def _asset(agent: Agent, name: str, before: str | None) -> dg.AssetsDefinition:
    key = dg.AssetKey([AGENT, name])
    names = [f"check_{number}" for number in range(_CHECKS[name])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        specs = [dg.AssetCheckSpec(one, asset=key, partitions_def=partitions_of(agent)) for one in names]

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([AGENT, before])] if before else [],
        partitions_def=partitions_of(agent),
        io_manager_key="frames" if name in _FRAMES else "records",
        check_specs=specs,
    )
    def empty() -> Iterator[dg.MaterializeResult[Any]]:
        value = pl.DataFrame({"n": [1]}) if name in _FRAMES else {"n": 1}
        results = [dg.AssetCheckResult(check_name=one, passed=True) for one in names]
        yield dg.MaterializeResult(value=value, metadata={"n": 1}, check_results=results)

    return empty


defs = empty_definitions(Path(os.environ.get("TAIL_PIPELINE_REPO") or "."))
