"""``tail-pipeline check-deadline``: the deadline for an outside cron, and for teams without a Dagster deployment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tail_pipeline.commands.mining_days import existing, mining_day_of, newest_closed_day
from tail_pipeline.commands.options import chosen_agents, print_json, print_table, repo_and_json
from tail_pipeline.domain.errors import PermanentError, TailPipelineError

if TYPE_CHECKING:
    from tail_pipeline.defs.deadline import DeadlineCheck
    from tail_pipeline.domain.agents import Agent
    from tail_pipeline.domain.ports import Repository
    from tail_pipeline.domain.weeks import MiningDay


@click.command("check-deadline")
@repo_and_json
@click.option("--agent", help="One agent; default: all of them.")
@click.option("--day", help="One mining day, like 2026-W17-1; default: the newest of each agent.")
def check_deadline(repo: Path, as_json: bool, agent: str | None, day: str | None) -> None:
    """List the cells without a pull request after the deadline, 12:00 UTC on the mining day, and raise the alarm.

    A cell has its pull request when the Dagster instance or the repository says so. When nothing is missing any more,
    an alarm that was raised is over; without --day, this is also seen to for the mining days before the newest.
    """
    from tail_pipeline.adapters.eval_files import load_agents
    from tail_pipeline.adapters.repositories import open_repository
    from tail_pipeline.defs.automation import CATCH_UP_DAYS
    from tail_pipeline.defs.cells import recent_mining_days
    from tail_pipeline.defs.deadline import check_deadline as check
    from tail_pipeline.defs.runs import dagster_instance

    now = datetime.now(UTC)
    agents = chosen_agents(repo, agent)
    repository = open_repository(load_agents(repo).repository, repo)
    checked: list[DeadlineCheck] = []
    before: list[DeadlineCheck] = []
    with dagster_instance(repo) as instance:
        for one in agents:
            due = _days_with_deadline(one, day, named=agent is not None)
            # Where no Dagster deployment follows them, this ends the alarms of days that were mined late.
            earlier = [] if day else recent_mining_days(one, now, CATCH_UP_DAYS)[:-1]
            found = check(instance, repository, one, [*due, *earlier], now)
            checked += found[: len(due)]
            before += found[len(due) :]
    if day and not checked:
        raise PermanentError(f"{day} is not a mining day of any agent")
    alarms, problem = _settled(repository, checked, before)
    _print(checked, alarms, as_json=as_json)
    if problem:
        raise problem
    if any(one.late for one in checked):
        sys.exit(1)


def _days_with_deadline(agent: Agent, day: str | None, *, named: bool) -> list[MiningDay]:
    """The day as a mining day of the agent, else its newest; empty before its first, and where it has not that day.

    Raises PermanentError when an agent that was ``named`` has not that day.
    """
    from tail_pipeline.domain.weeks import MiningDay, is_mining_day

    if day is None:
        newest = newest_closed_day(agent)
        return [newest] if newest >= agent.first_mining_day else []
    chosen = MiningDay.parse(day)
    if not named and (chosen < agent.first_mining_day or not is_mining_day(chosen.day, agent.cadence)):
        return []
    return existing(agent, [mining_day_of(agent, day)])


def _settled(
    repository: Repository, checked: Sequence[DeadlineCheck], before: Sequence[DeadlineCheck]
) -> tuple[list[str | None], TailPipelineError | None]:
    """The alarms of the days that were checked, and why there are no more of them: what is missing is told all the same."""
    from tail_pipeline.defs.deadline import settle_alarm

    alarms: list[str | None] = [None] * len(checked)
    try:
        for number, one in enumerate(checked):
            alarms[number] = settle_alarm(repository, one)
        for one in before:
            repository.update_alarm(one.alarm)
    except TailPipelineError as error:
        return alarms, error
    return alarms, None


def _print(checked: Sequence[DeadlineCheck], alarms: Sequence[str | None], *, as_json: bool) -> None:
    from tail_pipeline.defs.deadline import missing_line

    rows: list[dict[str, Any]] = [
        {
            "agent": one.agent.name,
            "day": one.day.key,
            "deadline": f"{one.day.deadline:%Y-%m-%d %H:%M} UTC",
            "deadline_passed": one.passed,
            "cells": len(one.agent.segment_names),
            "missing": [
                {"segment": cell.segment, "state": cell.state, "last_failure": cell.failure} for cell in one.late
            ],
            "alarm": alarm,
        }
        for one, alarm in zip(checked, alarms, strict=True)
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no mining day of these agents has come yet")
        return
    shown = [row | {"missing": len(row["missing"]) if row["deadline_passed"] else "not due yet"} for row in rows]
    print_table(shown, ["agent", "day", "deadline", "cells", "missing", "alarm"])
    for one in checked:
        for cell in one.late:
            click.echo(f"missing: {missing_line(one.agent, cell)}", err=True)
