"""A mining day without its pull requests is loud: the deadline job, the alarms, and the command behind an outside cron.

An alarm is opened by a failed run and by the deadline, kept up to date while cells are mined, and says at the end that
it is over. The deadline also asks the repository, once a day; the sensors, at work all day, go by Dagster's own runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from tail_pipeline.defs.automation import CATCH_UP_DAYS, PAGING_DAYS, Clock, utc_now
from tail_pipeline.defs.cells import (
    escalated_by,
    failure_of,
    landed_cells,
    mined_by,
    missing_cells,
    not_in_repository,
    recent_mining_days,
    with_failures,
)
from tail_pipeline.defs.failures import as_dagster_failures
from tail_pipeline.defs.partitions import asset_prefix
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.alarm import Alarm, MissingCell, compose_alarm, compose_escalation_alarm
from tail_pipeline.domain.ports import Repository
from tail_pipeline.domain.weeks import MiningDay

DEADLINE_JOB = "check_deadline"
_OP = "find_missing_cells"
_MAX_LISTED = 50
_MAX_FAILURE_CHARS = 300


class DeadlineConfig(dg.Config):
    """The day that is checked, as ``2026-04-20``."""

    day: str


@dataclass(frozen=True)
class DeadlineCheck:
    """How one mining day of an agent stands: ``missing`` counts as late once the deadline has ``passed``."""

    agent: Agent
    day: MiningDay
    passed: bool
    missing: tuple[MissingCell, ...]

    @property
    def late(self) -> tuple[MissingCell, ...]:
        return self.missing if self.passed else ()

    @property
    def alarm(self) -> Alarm:
        return _alarm(self.agent, self.day, self.missing)


def check_deadline(
    instance: dg.DagsterInstance, repository: Repository, agent: Agent, days: Sequence[MiningDay], now: datetime
) -> list[DeadlineCheck]:
    """Which cells of each day are missing at this moment, by Dagster's runs and by the repository, and what failed."""
    unknown = missing_cells(instance, agent, days)
    missing = with_failures(instance, agent, not_in_repository(repository, agent, unknown))
    return [
        DeadlineCheck(agent, day, now >= day.deadline, tuple(cell for cell in missing if cell.day == day))
        for day in days
    ]


def settle_alarm(repository: Repository, checked: DeadlineCheck) -> str | None:
    """The alarm of a day that is late, opened or brought up to date; where nothing is missing, one that was raised is over.

    Returns its URL; None where there is no alarm, or where it is not time for one.
    """
    if checked.late:
        return repository.raise_alarm(checked.alarm)
    return None if checked.missing else repository.update_alarm(checked.alarm)


def deadline_automation(agents: Sequence[Agent], *, now: Clock = utc_now) -> dg.Definitions:
    """The deadline job and its schedule, and the sensors that open and close alarms; ``now`` says which days are recent."""
    job = deadline_job(agents)
    return dg.Definitions(
        jobs=[job],
        schedules=[deadline_schedule(job)],
        sensors=[failure_sensor(agents, now=now), *(alarm_sensor(agent) for agent in agents)],
    )


def deadline_job(agents: Sequence[Agent]) -> dg.JobDefinition:
    """Fails with the list of what is missing, so that whoever watches failed runs sees a Monday without a pull request."""

    @dg.op(name=_OP)
    def check(context: dg.OpExecutionContext, config: DeadlineConfig, checkout: Checkout) -> None:
        late: list[str] = []
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s):
            repository = checkout.repository()
            for agent in agents:
                day = MiningDay(date.fromisoformat(config.day))
                if day not in recent_mining_days(agent, day.deadline, 1):
                    continue
                (checked,) = check_deadline(context.instance, repository, agent, [day], day.deadline)
                lines = [missing_line(agent, cell) for cell in checked.late]
                for line in lines:
                    context.log.error(line)
                url = settle_alarm(repository, checked)
                if lines:
                    context.log.error(f"alarm: {url}")
                else:
                    context.log.info(f"{agent.name} {day.key}: every cell has its pull request")
                late += lines
        if late:
            more = [f"{len(late) - _MAX_LISTED} more"] if len(late) > _MAX_LISTED else []
            description = "\n".join(["without a pull request:", *late[:_MAX_LISTED], *more])
            raise dg.Failure(description=description, allow_retries=False)

    @dg.job(
        name=DEADLINE_JOB,
        description="Fails when a mining day of an agent is without its pull requests at noon.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        check()

    return job


def deadline_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{DEADLINE_JOB}_schedule",
        job=job,
        cron_schedule="0 12 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Checks every agent whose mining day it is, three hours after its schedule.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=day, run_config=dg.RunConfig(ops={_OP: DeadlineConfig(day=day)}))

    return schedule


def failure_sensor(agents: Sequence[Agent], *, now: Clock = utc_now) -> dg.SensorDefinition:
    """Raises the alarm of a recent mining day as soon as a run of it has failed, and one for an escalation that failed.

    It watches all runs: those of a backfill from the UI belong to a job of Dagster's own, which no list of jobs
    would name. Runs that mine nothing, the deadline job's among them, are passed over.
    """

    @dg.run_failure_sensor(
        name="mining_failure_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Raises the alarm for a failed run of the last {CATCH_UP_DAYS} mining days.",
    )
    def sensor(context: dg.RunFailureSensorContext, checkout: Checkout) -> None:
        for agent in agents:
            for alarm in _alarms_of(context.dagster_run, context.instance, agent, now()):
                checkout.repository().raise_alarm(alarm)

    return sensor


def _alarms_of(run: dg.DagsterRun, instance: dg.DagsterInstance, agent: Agent, now: datetime) -> Iterator[Alarm]:
    """What a failed run is a reason to alarm about."""
    mined, escalated = mined_by(run, agent), escalated_by(run, agent)
    if mined and mined[0] in recent_mining_days(agent, now, CATCH_UP_DAYS):
        missing = with_failures(instance, agent, missing_cells(instance, agent, [mined[0]]))
        if missing:
            yield _alarm(agent, mined[0], missing)
    paging = {day.iso_week for day in recent_mining_days(agent, now, PAGING_DAYS)}
    if escalated and escalated[0].iso_week in paging:
        day, segment = escalated
        failure = failure_of(instance, run) or "the run said nothing"
        yield compose_escalation_alarm(agent.name, segment, day.iso_week, failure, owner=agent.owner)


def alarm_sensor(agent: Agent) -> dg.SensorDefinition:
    """Keeps alarms that were raised up to date while cells are mined, by whatever run; raises none."""

    @dg.sensor(
        name=f"alarm_{asset_prefix(agent)}_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Says in the alarms of {agent.name} what has been mined since, and when nothing is missing any more.",
    )
    def sensor(context: dg.SensorEvaluationContext, checkout: Checkout) -> dg.SensorResult:
        landed, cursor = landed_cells(context, agent)
        repository = checkout.repository()
        updated = []
        for day in sorted({day for _, day, _ in landed}):
            missing = with_failures(context.instance, agent, missing_cells(context.instance, agent, [day]))
            updated += [day.key] if repository.update_alarm(_alarm(agent, day, missing)) else []
        reason = f"{len(landed)} cells were mined; alarms brought up to date: {', '.join(updated) or 'none'}"
        return dg.SensorResult(skip_reason=reason, cursor=str(cursor))

    return sensor


def _alarm(agent: Agent, day: MiningDay, missing: Sequence[MissingCell]) -> Alarm:
    return compose_alarm(agent.name, day, missing, owner=agent.owner)


def missing_line(agent: Agent, cell: MissingCell) -> str:
    """One missing cell for a log or a terminal."""
    where = " ".join(part for part in (agent.name, cell.segment, cell.day.key) if part)
    said = " ".join((cell.failure or "").split())
    return f"{where}: {cell.state}{f': {said[:_MAX_FAILURE_CHARS]}' if said else ''}"
