"""Which cells (mining day x segment) have no pull request, and what their runs said.

The Dagster instance knows its own runs; the repository also knows what was mined elsewhere, by a CI runner, say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import dagster as dg

from tail_pipeline.adapters.history import published_days
from tail_pipeline.defs.failures import failure_message
from tail_pipeline.defs.partitions import asset_prefix, parse_partition_key, partition_key
from tail_pipeline.defs.run_order import MINED_ASSETS
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.alarm import MissingCell
from tail_pipeline.domain.errors import InvalidFile, PermanentError
from tail_pipeline.domain.ports import Repository
from tail_pipeline.domain.weeks import MiningDay, last_mining_days

MAX_LANDED_PER_TICK = 10
"""Materializations one tick of a sensor looks at, so that it ends well within Dagster's time limit of 60 s.

Each may be of another segment, which is seven requests to GitHub or so.
"""

MAX_FAILURES_READ = 20
"""Failed cells whose runs are asked what they said; an alarm explains fewer."""

Landed = tuple[int, MiningDay, str | None]
PARTITION_TAG = "dagster/partition"
_FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in _FINISHED]


def mining_job_name(agent: Agent) -> str:
    return f"mine_{asset_prefix(agent)}"


def escalation_job_name(agent: Agent) -> str:
    return f"escalate_{asset_prefix(agent)}"


def escalation_key(agent: Agent) -> dg.AssetKey:
    return dg.AssetKey([asset_prefix(agent), "escalation"])


def mined_asset_keys(agent: Agent) -> list[dg.AssetKey]:
    return [dg.AssetKey([asset_prefix(agent), name]) for name in MINED_ASSETS]


def tail_pr_key(agent: Agent) -> dg.AssetKey:
    """The asset whose materialization says that a cell has been mined."""
    return mined_asset_keys(agent)[-1]


def shared_job_name(agent: Agent) -> str:
    return f"share_{asset_prefix(agent)}"


def shared_pr_key(agent: Agent) -> dg.AssetKey:
    """The asset whose materialization says that the tenants' shared file of a day is made."""
    return dg.AssetKey([asset_prefix(agent), "shared_tail_pr"])


def recent_mining_days(agent: Agent, until: datetime, count: int) -> list[MiningDay]:
    """The agent's newest mining days that have begun, oldest first; fewer where its first one is among them."""
    return [day for day in last_mining_days(until, agent.cadence, count) if day >= agent.first_mining_day]


def cell_of_key(agent: Agent, key: str | None) -> tuple[MiningDay, str | None] | None:
    """Mining day and segment of a partition of the agent; None for one it has not, or has no longer."""
    try:
        day, segment = parse_partition_key(key or "")
    except PermanentError:
        return None
    return (day, segment) if segment in agent.segment_names else None


def mined_cells(instance: dg.DagsterInstance, agent: Agent) -> set[tuple[MiningDay, str | None]]:
    keys = instance.get_materialized_partitions(tail_pr_key(agent))
    return {cell for key in keys if (cell := cell_of_key(agent, key))}


def missing_cells(instance: dg.DagsterInstance, agent: Agent, days: Iterable[MiningDay]) -> list[MissingCell]:
    """The cells of these days without a ``tail_pr``, day by day, segments as declared."""
    mined = mined_cells(instance, agent)
    missing = [(day, segment) for day in days for segment in agent.segment_names if (day, segment) not in mined]
    if not missing:
        return []
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    under_way = {run.tags.get(PARTITION_TAG) for run in unfinished if _touches(run, agent, [tail_pr_key(agent)])}
    return [MissingCell(day, segment, partition_key(day, segment) in under_way) for day, segment in missing]


def not_in_repository(repository: Repository, agent: Agent, cells: Sequence[MissingCell]) -> list[MissingCell]:
    """Those of the cells that the repository has no pull request of either; it is read once per segment.

    A segment whose files cannot be read is missing still, and says why.
    """
    left: set[MissingCell] = set()
    unreadable: dict[str | None, str] = {}
    for segment in dict.fromkeys(cell.segment for cell in cells):
        own = {cell.day: cell for cell in cells if cell.segment == segment}
        try:
            published = published_days(repository, agent, segment, own)
        except InvalidFile as error:
            published, unreadable[segment] = set(), str(error)
        left |= {cell for day, cell in own.items() if day not in published}
    return [replace(cell, failure=unreadable.get(cell.segment)) for cell in cells if cell in left]


def with_failures(instance: dg.DagsterInstance, agent: Agent, cells: Sequence[MissingCell]) -> list[MissingCell]:
    """The cells, each with what the last failed run of it said; of many, only the first are asked."""
    failed = _last_failures(instance, agent, cells)
    asked = dict(list(failed.items())[:MAX_FAILURES_READ])
    said = {cell: failure_of(instance, run) for cell, run in asked.items()}
    return [
        replace(cell, failure=said.get(cell, "see its run in Dagster") or cell.failure) if cell in failed else cell
        for cell in cells
    ]


def landed_cells(context: dg.SensorEvaluationContext, agent: Agent) -> tuple[list[Landed], int]:
    """Cells mined since the cursor, as (event-log storage id, day, segment) in the order they landed, and the next cursor."""
    after = int(context.cursor or 0)
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=tail_pr_key(agent), after_storage_id=after),
        limit=MAX_LANDED_PER_TICK,
        ascending=True,
    ).records
    cells = ((record.storage_id, cell_of_key(agent, record.partition_key)) for record in records)
    return [(number, *cell) for number, cell in cells if cell], records[-1].storage_id if records else after


def mined_by(run: dg.DagsterRun, agent: Agent) -> tuple[MiningDay, str | None] | None:
    """The cell of the agent this run was mining, whoever started it; None for any other run."""
    return cell_of_key(agent, run.tags.get(PARTITION_TAG)) if _touches(run, agent, mined_asset_keys(agent)) else None


def escalated_by(run: dg.DagsterRun, agent: Agent) -> tuple[MiningDay, str | None] | None:
    """The cell whose week this run was to escalate; None for any other run."""
    return cell_of_key(agent, run.tags.get(PARTITION_TAG)) if _touches(run, agent, [escalation_key(agent)]) else None


def failure_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """What a failed run said."""
    failures = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    entries = instance.all_logs(run.run_id, of_type=failures)
    return failure_message(entry.dagster_event for entry in entries if entry.dagster_event)


def _last_failures(
    instance: dg.DagsterInstance, agent: Agent, cells: Sequence[MissingCell]
) -> dict[MissingCell, dg.DagsterRun]:
    """The newest failed run of each of the cells that has one, found by one query."""
    if not cells:
        return {}
    keys = {cell: partition_key(cell.day, cell.segment) for cell in cells}
    runs: dict[str, dg.DagsterRun] = {}
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={PARTITION_TAG: list(keys.values())})
    for run in instance.get_runs(filters):
        if _touches(run, agent, mined_asset_keys(agent)):
            runs.setdefault(run.tags[PARTITION_TAG], run)
    return {cell: runs[key] for cell, key in keys.items() if key in runs}


def _touches(run: dg.DagsterRun, agent: Agent, keys: Collection[dg.AssetKey]) -> bool:
    """Whether a run was to materialize any of these assets; a run of the whole job names none."""
    if run.asset_selection:
        return not run.asset_selection.isdisjoint(keys)
    job = escalation_job_name(agent) if escalation_key(agent) in keys else mining_job_name(agent)
    return run.job_name == job
