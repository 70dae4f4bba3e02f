"""The job that makes the tenants' shared file of one mining day, and the sensor that requests it after the last tenant."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from tail_pipeline.defs.cells import (
    PARTITION_TAG,
    UNFINISHED,
    cell_of_key,
    mined_by,
    recent_mining_days,
    shared_job_name,
    shared_pr_key,
    tail_pr_key,
)
from tail_pipeline.defs.partitions import asset_prefix, partition_key
from tail_pipeline.defs.run_order import AGENT_TAG
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.weeks import MiningDay

SHARED_TAG = "tail_pipeline/shared"
"""On every requested run: the newest tenant's materialization it takes in, and the date of the request."""

MAX_DAYS_PER_TICK = 10
_RETRIED_DAYS = 4
_INTERVAL_S = 60
_ENDED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def shared_tail_automation(agent: Agent, *, now: Callable[[], datetime]) -> dg.Definitions:
    """The job and the sensor of an agent with a shared tail."""
    job = dg.define_asset_job(
        shared_job_name(agent),
        selection=dg.AssetSelection.assets(dg.AssetKey([asset_prefix(agent), "shared_tail"]), shared_pr_key(agent)),
        description=f"The cross-tenant cases of one mining day of {agent.name}, and their pull request.",
        executor_def=dg.in_process_executor,
        tags={AGENT_TAG: asset_prefix(agent)},
    )
    return dg.Definitions(jobs=[job], sensors=[shared_tail_sensor(agent, job, now=now)])


@dataclass(frozen=True)
class _Seen:
    """The cursor: up to which materialization tenants were seen, and the days whose shared file does not have them all yet."""

    after: int | None
    pending: tuple[str, ...] = ()

    @classmethod
    def parse(cls, cursor: str | None) -> "_Seen":
        if cursor is None:
            return cls(None)
        seen = json.loads(cursor)
        return cls(seen["after"], tuple(seen["pending"]))

    def __str__(self) -> str:
        return json.dumps({"after": self.after, "pending": self.pending})


def shared_tail_sensor(
    agent: Agent, job: "dg.UnresolvedAssetJobDefinition", *, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    """Requests a day's shared file when its last tenant is mined, and again whenever one is mined later.

    Nobody is waited for who failed and is not under way, and nobody after the deadline but those under way. One query a
    tick while nothing lands, and three more when something did, however many tenants there are. A run that failed is
    requested again once a day while its day is recent.
    """

    @dg.sensor(
        name=f"{job.name}_sensor",
        job=job,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_INTERVAL_S,
        description=f"Makes the shared file of {agent.name} after the last tenant of a mining day.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        seen = _Seen.parse(context.cursor)
        recent = [day.key for day in recent_mining_days(agent, now(), _RETRIED_DAYS)]
        landed = _latest(context.instance, tail_pr_key(agent), after=seen.after)
        days = {cell[0].key for key in landed if (cell := cell_of_key(agent, key))}
        # A deployment that starts with a history does not make the shared files of all of it.
        days = days if seen.after is not None else days.intersection(recent)
        pending = list(dict.fromkeys([*seen.pending, *sorted(days)]))
        standings = _standings(context.instance, agent, [MiningDay.parse(key) for key in pending[:MAX_DAYS_PER_TICK]])
        today = f"{now():%Y-%m-%d}"
        requests = []
        waiting = []
        for one in standings:
            if one.is_done or (one.failed_for and one.day.key not in recent):
                continue
            waiting.append(one.day.key)
            asked = f"{one.newest} {today}"
            if asked not in one.failed_for and one.is_due(now()):
                requests.append(
                    dg.RunRequest(
                        run_key=f"{agent.name}|{one.day.key}|{asked}",
                        partition_key=one.day.key,
                        tags={SHARED_TAG: asked},
                    )
                )
        cursor = _Seen(max([seen.after or 0, *landed.values()]), (*pending[MAX_DAYS_PER_TICK:], *waiting))
        waits = f"waits for {', '.join(waiting)}" if waiting else "no tenant was mined since"
        return dg.SensorResult(run_requests=requests, skip_reason=None if requests else waits, cursor=str(cursor))

    return sensor


@dataclass(frozen=True)
class _Standing:
    """How one day stands. ``newest`` is the last materialization of a tenant, ``shared`` that of the shared file (0: none).

    ``missing`` tenants have no pull request of the day, ``failed`` ones a run that did not get there; ``failed_for`` says
    of the shared runs that failed what they were requested for.
    """

    day: MiningDay
    newest: int
    shared: int
    missing: frozenset[str | None]
    failed: frozenset[str | None]
    under_way: bool
    failed_for: frozenset[str]

    @property
    def is_done(self) -> bool:
        return self.shared > self.newest

    def is_due(self, now: datetime) -> bool:
        return not self.under_way and (not self.missing - self.failed or now >= self.day.deadline)


def _standings(instance: dg.DagsterInstance, agent: Agent, days: Sequence[MiningDay]) -> list[_Standing]:
    """Of the days, in their order; asks the instance three times for all of them together."""
    if not days:
        return []
    cells = {partition_key(day, tenant): (day, tenant) for day in days for tenant in agent.segment_names}
    mined = _latest(instance, tail_pr_key(agent), partitions=set(cells))
    shared = _latest(instance, shared_pr_key(agent), partitions={day.key for day in days})
    runs = instance.get_runs(
        dg.RunsFilter(tags={PARTITION_TAG: [*cells, *(day.key for day in days)]}, statuses=[*UNFINISHED, *_ENDED_BADLY])
    )
    return [_standing(agent, day, cells, mined, shared, runs) for day in days]


def _standing(
    agent: Agent,
    day: MiningDay,
    cells: Mapping[str, tuple[MiningDay, str | None]],
    mined: Mapping[str, int],
    shared: Mapping[str, int],
    runs: Collection[dg.DagsterRun],
) -> _Standing:
    ids = {tenant: mined.get(key, 0) for key, (own, tenant) in cells.items() if own == day}
    of_tenants = [(run, cell[1]) for run in runs if (cell := mined_by(run, agent)) and cell[0] == day]
    of_shared = [run for run in runs if run.tags.get(PARTITION_TAG) == day.key and _makes_shared_file(run, agent)]
    return _Standing(
        day=day,
        newest=max(ids.values(), default=0),
        shared=shared.get(day.key, 0),
        missing=frozenset(tenant for tenant, number in ids.items() if not number),
        failed=frozenset(tenant for run, tenant in of_tenants if run.status in _ENDED_BADLY),
        under_way=any(run.status in UNFINISHED for run in [*of_shared, *(run for run, _ in of_tenants)]),
        failed_for=frozenset(run.tags.get(SHARED_TAG, "") for run in of_shared if run.status in _ENDED_BADLY),
    )


def _makes_shared_file(run: dg.DagsterRun, agent: Agent) -> bool:
    selected = run.asset_selection
    return shared_pr_key(agent) in selected if selected else run.job_name == shared_job_name(agent)


def _latest(
    instance: dg.DagsterInstance, key: dg.AssetKey, *, partitions: set[str] | None = None, after: int | None = None
) -> Mapping[str, int]:
    """Partition → storage id of its newest materialization, without reading a single event."""
    return instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, partitions=partitions, after_cursor=after
    )
