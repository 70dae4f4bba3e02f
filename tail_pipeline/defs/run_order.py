"""Which runs wait for one another: those that mine the same segment of the same agent, and no others.

Each week is compared with the weeks before it, so the days of one segment are mined in the order in which they were
requested. What is mined of different segments has nothing to do with one another and may go in parallel. A pool of
Dagster's belongs to an asset, whatever its partition, so it cannot say that; a tag of the run can, and the instance
limits its values (``tag_concurrency_limits``). It is set where every run passes on its way into the queue, because
runs of a backfill from the UI belong to a job of Dagster's own that carries no tags of ours.
"""

from __future__ import annotations

from dagster import DagsterRun
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

AGENT_TAG = "tail_pipeline/agent"
"""On every run of a job that mines: the prefix of the agent's assets."""

ORDER_TAG = "tail_pipeline/in_order"
"""On every queued run that mines: its agent and, where it has one, its segment; of all tenants' shared file the agent.

One run of each value goes at a time.
"""

MINED_ASSETS = ("spans", "scored_spans", "weighted_clusters", "tail_yaml", "tail_pr")
SHARED_ASSETS = ("shared_tail", "shared_tail_pr")
_PARTITION_TAG = "dagster/partition"


class OrderedRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue; it tags what it is given with what has to be kept in order."""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        order = order_of(context.dagster_run)
        if order is not None:
            self._instance.add_run_tags(context.dagster_run.run_id, {ORDER_TAG: order})
        return super().submit_run(context)


def order_of(run: DagsterRun) -> str | None:
    """What the run has to wait its turn for, such as ``support|acme``; None for a run that mines nothing.

    A run of several agents, which the UI makes of a backfill of both, is in the order of such runs only.
    """
    keys = [key.path for key in run.asset_selection or ()]
    agents = {path[0] for path in keys if path[-1] in (*MINED_ASSETS, *SHARED_ASSETS)}
    if not keys and AGENT_TAG in run.tags:
        agents = {run.tags[AGENT_TAG]}
    if not agents:
        return None
    _, _, segment = run.tags.get(_PARTITION_TAG, "").partition("|")
    return "|".join(["+".join(sorted(agents)), *([segment] if segment else [])])
