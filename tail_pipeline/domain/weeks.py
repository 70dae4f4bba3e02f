"""ISO weeks, mining days and the windows they read.

A *mining day* is the day the pipeline runs. It names the partition (``2026-W17-1``), its ISO week names the
tail file (``2026-W17``), and its cadence says which spans it reads: those whose unit started in the period before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from tail_pipeline.domain.errors import PermanentError

PARTITION_FORMAT = "%G-W%V-%u"
"""ISO week date. Dagster parses keys with ``strptime``, which refuses ``%G-W%V`` without a weekday."""

_ISO_WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
_MINING_DAY = re.compile(r"(\d{4})-W(\d{2})-([1-7])", re.ASCII)


class Cadence(StrEnum):
    """How often an agent's tail is mined."""

    WEEKLY = "weekly"
    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True)
class Window:
    """Half-open span of time ``[start, end)``, both UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, order=True)
class IsoWeek:
    """An ISO 8601 week, ordered in time."""

    year: int
    week: int

    @classmethod
    def parse(cls, text: str) -> IsoWeek:
        """Read ``2026-W17``; raises PermanentError for anything else, including a week 53 the year does not have."""
        match = _ISO_WEEK.fullmatch(text)
        if match:
            try:
                return cls.of(date.fromisocalendar(int(match[1]), int(match[2]), 1))
            except ValueError:
                pass
        raise PermanentError(f"'{text}' is not an ISO week; write it like 2026-W17")

    @classmethod
    def of(cls, day: date) -> IsoWeek:
        year, week, _ = day.isocalendar()
        return cls(year, week)

    @property
    def monday(self) -> date:
        return date.fromisocalendar(self.year, self.week, 1)

    def shifted(self, weeks: int) -> IsoWeek:
        """The week that many weeks later (earlier when negative)."""
        return IsoWeek.of(self.monday + timedelta(weeks=weeks))

    @property
    def compact(self) -> str:
        """``2026W17``, the form case ids carry."""
        return f"{self.year:04d}W{self.week:02d}"

    def __str__(self) -> str:
        return f"{self.year:04d}-W{self.week:02d}"


@dataclass(frozen=True, order=True)
class MiningDay:
    """The day on which a tail is mined."""

    day: date

    @classmethod
    def parse(cls, key: str) -> MiningDay:
        """Read the partition key ``2026-W17-1``; raises PermanentError for anything else."""
        match = _MINING_DAY.fullmatch(key)
        if match:
            try:
                return cls(date.fromisocalendar(int(match[1]), int(match[2]), int(match[3])))
            except ValueError:
                pass
        raise PermanentError(f"'{key}' is not a mining day; write it like 2026-W17-1 (Monday of week 17)")

    @property
    def key(self) -> str:
        return self.day.strftime(PARTITION_FORMAT)

    @property
    def iso_week(self) -> IsoWeek:
        return IsoWeek.of(self.day)

    @property
    def begins(self) -> datetime:
        return _midnight(self.day)

    @property
    def deadline(self) -> datetime:
        """When the day's cells have to be mined: noon UTC, three hours after the schedule."""
        return self.begins + timedelta(hours=12)

    def window(self, cadence: Cadence) -> Window:
        """The spans this day reads: seven days, one day, or the calendar month before it."""
        match cadence:
            case Cadence.WEEKLY:
                start = self.day - timedelta(days=7)
            case Cadence.DAILY:
                start = self.day - timedelta(days=1)
            case Cadence.MONTHLY:
                start = (self.day - timedelta(days=1)).replace(day=1)
        return Window(_midnight(start), _midnight(self.day))

    def previous(self, cadence: Cadence) -> MiningDay:
        """The mining day one period earlier."""
        return MiningDay(self.window(cadence).start.date())


def is_mining_day(day: date, cadence: Cadence) -> bool:
    """Whether the pipeline mines on this day: Mondays, every day, or the first of a month."""
    match cadence:
        case Cadence.WEEKLY:
            return day.isoweekday() == 1
        case Cadence.DAILY:
            return True
        case Cadence.MONTHLY:
            return day.day == 1


def last_mining_days(until: datetime, cadence: Cadence, count: int) -> list[MiningDay]:
    """The newest ``count`` mining days that have begun at this moment, oldest first; raises ValueError for a naive one."""
    if until.tzinfo is None:
        raise ValueError(f"{until} has no time zone")
    today = until.astimezone(UTC).date()
    day = next(MiningDay(one) for back in range(31) if is_mining_day(one := today - timedelta(days=back), cadence))
    days = [day]
    while len(days) < count:
        days.insert(0, days[0].previous(cadence))
    return days


def mining_days_before(day: MiningDay, cadence: Cadence, reach: timedelta) -> Iterator[MiningDay]:
    """The mining days up to ``reach`` before this one, newest first."""
    earlier = day.previous(cadence)
    while day.day - earlier.day <= reach:
        yield earlier
        earlier = earlier.previous(cadence)


def mining_days(week: IsoWeek, cadence: Cadence) -> list[MiningDay]:
    """The mining days inside one ISO week, oldest first; empty for most weeks of a monthly agent."""
    days = (week.monday + timedelta(days=offset) for offset in range(7))
    return [MiningDay(day) for day in days if is_mining_day(day, cadence)]


def weeks_between(first: IsoWeek, last: IsoWeek) -> Iterator[IsoWeek]:
    """Both ends included, oldest first."""
    week = first
    while week <= last:
        yield week
        week = week.shifted(1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
