"""The mining days a command is about: of the calendar, over, and not before an agent's first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from tail_pipeline.domain.errors import PermanentError


def today() -> date:
    return datetime.now(UTC).date()


def mining_day_of(agent: Any, day: str) -> Any:
    """Raises PermanentError when the agent is not mined on that day."""
    from tail_pipeline.domain.weeks import MiningDay, is_mining_day

    mining_day = MiningDay.parse(day)
    if not is_mining_day(mining_day.day, agent.cadence):
        raise PermanentError(f"{day} is not a mining day of {agent.name}, which is mined {agent.cadence}")
    return mining_day


def closed_days(agent: Any, week: Any) -> list[Any]:
    """The week's mining days whose window is over."""
    from tail_pipeline.domain.weeks import mining_days

    return [day for day in mining_days(week, agent.cadence) if day.day <= today()]


def newest_closed_day(agent: Any) -> Any:
    from tail_pipeline.domain.weeks import last_mining_days

    return last_mining_days(datetime.now(UTC), agent.cadence, 1)[0]


def existing(agent: Any, days: Sequence[Any]) -> list[Any]:
    """The days that are partitions of the agent; raises PermanentError for one before its start or in the future."""
    for day in days:
        if day < agent.first_mining_day:
            raise PermanentError(f"{day.key} is before the start_week {agent.start_week} of {agent.name}")
        if day.day > today():
            raise PermanentError(f"{day.key} is not over: its mining day is in the future")
    return list(days)
