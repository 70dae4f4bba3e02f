from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.weeks import (
    PARTITION_FORMAT,
    Cadence,
    IsoWeek,
    MiningDay,
    last_mining_days,
    mining_days,
    mining_days_before,
    weeks_between,
)
from tail_pipeline_tests.domain.builders import at

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
cadences = st.sampled_from(Cadence)


@given(days)
def test_a_week_reads_back_what_it_prints(day: date) -> None:
    week = IsoWeek.of(day)
    assert IsoWeek.parse(str(week)) == week


@given(days)
def test_a_mining_day_reads_back_its_partition_key(day: date) -> None:
    mining_day = MiningDay(day)
    assert MiningDay.parse(mining_day.key) == mining_day


@given(days)
def test_strptime_reads_a_partition_key_as_dagster_does(day: date) -> None:
    assert datetime.strptime(MiningDay(day).key, PARTITION_FORMAT).replace(tzinfo=UTC).date() == day


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-17", "2026-W7", "2026-W00", "2026-W54", "2025-W53", "2026-W17-1", " 2026-W17"]
)
def test_what_is_not_an_iso_week_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="is not an ISO week"):
        IsoWeek.parse(text)


@pytest.mark.parametrize(
    "text", ["", "2026-W17", "2026-W17-0", "2026-W17-8", "2025-W53-1", "2026-04-20", "2026-W17-1\n"]
)
def test_what_is_not_a_mining_day_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="is not a mining day"):
        MiningDay.parse(text)


@pytest.mark.parametrize(
    ("week", "following"),
    [("2020-W53", "2021-W01"), ("2026-W53", "2027-W01"), ("2025-W52", "2026-W01"), ("2026-W17", "2026-W18")],
)
def test_a_year_has_the_weeks_it_has(week: str, following: str) -> None:
    assert str(IsoWeek.parse(week).shifted(1)) == following


@given(days, st.integers(-200, 200))
def test_shifting_a_week_there_and_back_ends_where_it_began(day: date, weeks: int) -> None:
    week = IsoWeek.of(day)
    assert week.shifted(weeks).shifted(-weeks) == week


@given(days, days)
def test_weeks_are_ordered_as_their_mondays_are(one: date, other: date) -> None:
    first, second = IsoWeek.of(one), IsoWeek.of(other)
    assert (first < second) == (first.monday < second.monday)


def test_the_compact_form_is_what_case_ids_carry() -> None:
    assert IsoWeek(2026, 7).compact == "2026W07"


@pytest.mark.parametrize(
    ("key", "cadence", "start", "end"),
    [
        ("2026-W17-1", Cadence.WEEKLY, "2026-04-13T00:00", "2026-04-20T00:00"),
        ("2026-W17-3", Cadence.DAILY, "2026-04-21T00:00", "2026-04-22T00:00"),
        ("2026-W18-5", Cadence.MONTHLY, "2026-04-01T00:00", "2026-05-01T00:00"),
        ("2026-W01-4", Cadence.MONTHLY, "2025-12-01T00:00", "2026-01-01T00:00"),
        ("2024-W09-5", Cadence.MONTHLY, "2024-02-01T00:00", "2024-03-01T00:00"),
    ],
)
def test_a_mining_day_reads_the_period_before_it(key: str, cadence: Cadence, start: str, end: str) -> None:
    window = MiningDay.parse(key).window(cadence)
    assert (window.start, window.end) == (at(start), at(end))


@given(days, cadences)
def test_windows_of_consecutive_mining_days_touch_without_overlap(day: date, cadence: Cadence) -> None:
    mining_day = next(one for back in range(40) for one in mining_days(IsoWeek.of(day).shifted(back), cadence))
    assert mining_day.previous(cadence).window(cadence).end == mining_day.window(cadence).start


@given(days, cadences)
def test_the_period_before_a_mining_day_begins_on_a_mining_day(day: date, cadence: Cadence) -> None:
    mining_day = next(one for back in range(40) for one in mining_days(IsoWeek.of(day).shifted(back), cadence))
    previous = mining_day.previous(cadence)
    assert previous in mining_days(previous.iso_week, cadence)


@given(days)
def test_a_daily_agent_is_mined_on_all_seven_days_of_a_week(day: date) -> None:
    week = IsoWeek.of(day)
    assert [one.day for one in mining_days(week, Cadence.DAILY)] == [week.monday + timedelta(days=n) for n in range(7)]


@given(days)
def test_a_weekly_agent_is_mined_on_the_monday_of_a_week(day: date) -> None:
    week = IsoWeek.of(day)
    assert [one.day for one in mining_days(week, Cadence.WEEKLY)] == [week.monday]


def test_a_monthly_agent_is_mined_twelve_times_a_year() -> None:
    weeks = weeks_between(IsoWeek(2026, 1), IsoWeek(2026, 52))
    found = [one.day for week in weeks for one in mining_days(week, Cadence.MONTHLY)]
    assert found == [date(2026, month, 1) for month in range(1, 13)]


def test_a_monthly_agent_is_not_mined_in_a_week_without_a_first() -> None:
    assert mining_days(IsoWeek(2026, 17), Cadence.MONTHLY) == []


def test_weeks_between_holds_both_ends_oldest_first() -> None:
    found = [str(week) for week in weeks_between(IsoWeek(2026, 52), IsoWeek(2027, 1))]
    assert found == ["2026-W52", "2026-W53", "2027-W01"]


def test_weeks_between_is_empty_when_the_last_is_before_the_first() -> None:
    assert list(weeks_between(IsoWeek(2026, 18), IsoWeek(2026, 17))) == []


@pytest.mark.parametrize(
    ("until", "cadence", "keys"),
    [
        ("2026-04-20T09:00", Cadence.WEEKLY, ["2026-W14-1", "2026-W15-1", "2026-W16-1", "2026-W17-1"]),
        ("2026-04-19T23:59", Cadence.WEEKLY, ["2026-W13-1", "2026-W14-1", "2026-W15-1", "2026-W16-1"]),
        ("2027-01-04T09:00", Cadence.WEEKLY, ["2026-W51-1", "2026-W52-1", "2026-W53-1", "2027-W01-1"]),
        ("2027-01-01T09:00", Cadence.DAILY, ["2026-W53-2", "2026-W53-3", "2026-W53-4", "2026-W53-5"]),
        ("2026-02-01T09:00", Cadence.MONTHLY, ["2025-W44-6", "2025-W49-1", "2026-W01-4", "2026-W05-7"]),
        ("2026-03-31T09:00", Cadence.MONTHLY, ["2025-W49-1", "2026-W01-4", "2026-W05-7", "2026-W09-7"]),
    ],
    ids=[
        "on a Monday",
        "before midnight",
        "over a week 53",
        "days over a year",
        "months over a year",
        "end of a month",
    ],
)
def test_the_last_mining_days_are_those_that_have_begun(until: str, cadence: Cadence, keys: list[str]) -> None:
    assert [day.key for day in last_mining_days(at(until), cadence, 4)] == keys


@given(days, cadences, st.integers(1, 6))
def test_the_last_mining_days_follow_one_another(day: date, cadence: Cadence, count: int) -> None:
    found = last_mining_days(datetime(day.year, day.month, day.day, 9, tzinfo=UTC), cadence, count)
    assert len(found) == count
    assert [one.previous(cadence) for one in found[1:]] == found[:-1]
    assert found[-1].day <= day < found[-1].day + timedelta(days=31)


def test_a_moment_elsewhere_counts_as_it_does_in_utc() -> None:
    early_on_tuesday = datetime(2026, 4, 21, 1, tzinfo=timezone(timedelta(hours=9)))
    assert last_mining_days(early_on_tuesday, Cadence.DAILY, 1)[0].key == "2026-W17-1"


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        last_mining_days(datetime(2026, 4, 20, 9), Cadence.WEEKLY, 4)  # noqa: DTZ001


def test_the_deadline_is_noon_of_the_mining_day() -> None:
    assert MiningDay.parse("2026-W17-1").deadline == at("2026-04-20T12:00")


@pytest.mark.parametrize(
    ("cadence", "count", "newest"),
    [(Cadence.DAILY, 31, "2026-W18-4"), (Cadence.WEEKLY, 4, "2026-W17-5"), (Cadence.MONTHLY, 1, "2026-W14-3")],
)
def test_the_mining_days_of_a_month_before_a_day_come_newest_first(cadence: Cadence, count: int, newest: str) -> None:
    found = list(mining_days_before(MiningDay.parse("2026-W18-5"), cadence, timedelta(days=31)))
    assert (len(found), found[0].key) == (count, newest)
    assert found == sorted(found, reverse=True)
