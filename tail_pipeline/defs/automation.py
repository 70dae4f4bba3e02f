"""What happens by itself, per agent: the mining schedule, and the sensor that requests escalations."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from tail_pipeline.adapters.history import load_weeks
from tail_pipeline.defs.cells import (
    escalation_job_name,
    escalation_key,
    landed_cells,
    mined_asset_keys,
    mined_cells,
    mining_job_name,
    missing_cells,
    recent_mining_days,
)
from tail_pipeline.defs.escalation_asset import EscalationConfig
from tail_pipeline.defs.partitions import asset_prefix, partition_key
from tail_pipeline.defs.promotion_automation import promotion_jobs, promotion_sensor
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.defs.run_order import AGENT_TAG
from tail_pipeline.defs.shared_tail_automation import shared_tail_automation
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import Repository
from tail_pipeline.domain.trend import affected_weeks
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay

CATCH_UP_DAYS = 4
"""Mining days a tick looks back on: Dagster evaluates only the newest of the ticks that were missed."""

PAGING_DAYS = 2
"""Newest mining days whose weeks may page somebody; older ones, from a backfill, only record."""

_CRON = {Cadence.WEEKLY: "0 9 * * 1", Cadence.DAILY: "0 9 * * *", Cadence.MONTHLY: "0 9 1 * *"}

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def agent_automation(agent: Agent) -> dg.Definitions:
    """The agent's jobs, and what starts them."""
    mine, escalate, promote = mining_job(agent), escalation_job(agent), promotion_jobs(agent)
    own = dg.Definitions(
        jobs=[mine, escalate, *promote],
        schedules=[mining_schedule(agent, mine)],
        sensors=[escalation_sensor(agent, escalate), promotion_sensor(agent, promote)],
    )
    return dg.Definitions.merge(own, shared_tail_automation(agent, now=utc_now)) if agent.has_shared_tail else own


def mining_job(agent: Agent) -> "dg.UnresolvedAssetJobDefinition":
    """Mines one partition; an escalation is requested on its own."""
    return dg.define_asset_job(
        mining_job_name(agent),
        selection=dg.AssetSelection.assets(*mined_asset_keys(agent)),
        description=f"Trace store to pull request for one {agent.cadence} partition of {agent.name}.",
        executor_def=dg.in_process_executor,
        tags={AGENT_TAG: asset_prefix(agent)},
    )


def escalation_job(agent: Agent) -> "dg.UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        escalation_job_name(agent),
        selection=dg.AssetSelection.assets(escalation_key(agent)),
        description=f"Escalates one week of {agent.name}, if it has a reason to.",
        executor_def=dg.in_process_executor,
    )


def mining_schedule(agent: Agent, job: "dg.UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Requests what the last mining days lack, oldest first; a cell that failed is requested again by the next tick."""

    @dg.schedule(
        name=f"{mining_job_name(agent)}_schedule",
        job=job,
        cron_schedule=_CRON[agent.cadence],
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Mines {agent.name}: what of the last {CATCH_UP_DAYS} mining days has no pull request yet.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Any:
        days = recent_mining_days(agent, context.scheduled_execution_time, CATCH_UP_DAYS)
        missing = missing_cells(context.instance, agent, days)
        due = [cell for cell in missing if not cell.under_way]
        if due:
            keys = [partition_key(cell.day, cell.segment) for cell in due]
            return [dg.RunRequest(run_key=key, partition_key=key) for key in keys]
        if not days:
            return dg.SkipReason(f"the first mining day of {agent.name} is {agent.first_mining_day.key}")
        under_way = ", or is under way" if missing else ""
        return dg.SkipReason(f"{days[0].key} to {days[-1].key}: every cell has its pull request{under_way}")

    return schedule


def escalation_sensor(
    agent: Agent, job: "dg.UnresolvedAssetJobDefinition", *, now: Clock = utc_now
) -> dg.SensorDefinition:
    """Requests the escalation of every week that has a reason to, once, in whatever order its cells are mined.

    A tail file that landed changes the verdict of its week and of the two periods after it, so all three are looked
    at. ``now`` decides which weeks may page.
    """

    @dg.sensor(
        name=f"{escalation_job_name(agent)}_sensor",
        job=job,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Escalates the weeks of {agent.name} that grow, hit the cap twice or propose a case that must not wait.",
    )
    def sensor(context: dg.SensorEvaluationContext, checkout: Checkout) -> dg.SensorResult:
        landed, cursor = landed_cells(context, agent)
        repository = checkout.repository()
        paging = {day.iso_week for day in recent_mining_days(agent, now(), PAGING_DAYS)}
        mined = mined_cells(context.instance, agent)
        requests: list[dg.RunRequest] = []
        unreadable: list[str] = []
        for segment in dict.fromkeys(segment for _, _, segment in landed):
            own = [(number, day) for number, day, name in landed if name == segment]
            try:
                weeks = _escalating(repository, agent, segment, [day for _, day in own])
            except PermanentError as error:
                # Looked at again by the next tick, until somebody has repaired the file; the others go on.
                unreadable.append(f"{segment or agent.name}: {error}")
                cursor = min(cursor, own[0][0] - 1)
                continue
            for week in weeks:
                days = [day for day, name in mined if name == segment and day.iso_week == week]
                if days:
                    requests.append(_request(agent, max(days), segment, page=week in paging))
        if unreadable and not requests:
            raise PermanentError("; ".join(unreadable))
        for message in unreadable:
            context.log.error(message)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else f"{len(landed)} cells were mined; none of their weeks escalates",
            cursor=str(cursor),
        )

    return sensor


def _escalating(
    repository: Repository, agent: Agent, segment: str | None, changed: Sequence[MiningDay]
) -> list[IsoWeek]:
    """The weeks that have a reason to escalate, among those whose verdict these days may have changed."""
    weeks = sorted({week for day in changed for week in affected_weeks(day.iso_week, agent.cadence)})
    judged = load_weeks(repository, agent, segment, weeks)
    return [week for week, found in judged.items() if found.reasons(agent)]


def _request(agent: Agent, day: MiningDay, segment: str | None, *, page: bool) -> dg.RunRequest:
    config = dg.RunConfig(ops={f"{'__'.join(escalation_key(agent).path)}": EscalationConfig(page=page)})
    return dg.RunRequest(
        run_key=f"{agent.name}|{segment or ''}|{day.iso_week}",
        partition_key=partition_key(day, segment),
        run_config=config,
    )
