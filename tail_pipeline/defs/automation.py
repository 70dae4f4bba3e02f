"""What runs together: one job per agent, from the trace store to the pull request."""

from __future__ import annotations

import dagster as dg

from tail_pipeline.defs.partitions import asset_prefix
from tail_pipeline.domain.agents import Agent

MINED_ASSETS = ("spans", "scored_spans", "weighted_clusters", "tail_yaml", "tail_pr")


def mining_job_name(agent: Agent) -> str:
    return f"mine_{asset_prefix(agent)}"


def mining_job(agent: Agent) -> dg.UnresolvedAssetJobDefinition:
    """Mines one partition; an escalation is requested on its own."""
    keys = [dg.AssetKey([asset_prefix(agent), name]) for name in MINED_ASSETS]
    return dg.define_asset_job(
        mining_job_name(agent),
        selection=dg.AssetSelection.assets(*keys),
        description=f"Trace store to pull request for one {agent.cadence} partition of {agent.name}.",
        executor_def=dg.in_process_executor,
    )
