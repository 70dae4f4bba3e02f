"""Mining days, and segments where an agent has them, as Dagster partitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

import dagster as dg

from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.weeks import PARTITION_FORMAT, Cadence, MiningDay, Window

WEEK_DIMENSION = "iso_week"
SEGMENT_DIMENSION = "segment"
_CRON = {Cadence.WEEKLY: "0 0 * * 1", Cadence.DAILY: "0 0 * * *", Cadence.MONTHLY: "0 0 1 * *"}


@dataclass(frozen=True)
class Cell:
    """One partition: what is mined, and the spans it reads."""

    day: MiningDay
    segment: str | None
    window: Window


def asset_prefix(agent: Agent) -> str:
    """The agent's name as Dagster allows it in keys, groups and jobs."""
    return agent.name.replace("-", "_")


def mining_days_of(agent: Agent) -> dg.TimeWindowPartitionsDefinition:
    """A partition exists from the midnight that begins its mining day; the hours to the run are grace for late spans."""
    return dg.TimeWindowPartitionsDefinition(
        start=datetime.combine(agent.first_mining_day.day, time(), UTC),
        fmt=PARTITION_FORMAT,
        cron_schedule=_CRON[agent.cadence],
        timezone="UTC",
        end_offset=1,
    )


def partitions_of(agent: Agent) -> dg.PartitionsDefinition:
    if agent.segments is None:
        return mining_days_of(agent)
    return dg.MultiPartitionsDefinition(
        {
            WEEK_DIMENSION: mining_days_of(agent),
            SEGMENT_DIMENSION: dg.StaticPartitionsDefinition(list(agent.segments.values)),
        }
    )


def partition_key(day: MiningDay, segment: str | None) -> str:
    """``2026-W17-1``, or ``2026-W17-1|acme``; dimensions stand in the order of their names."""
    if segment is None:
        return day.key
    return str(dg.MultiPartitionKey({WEEK_DIMENSION: day.key, SEGMENT_DIMENSION: segment}))


def parse_partition_key(key: str) -> tuple[MiningDay, str | None]:
    """Mining day and segment of a key; raises PermanentError for what is none."""
    day, _, segment = key.partition("|")
    return MiningDay.parse(day), segment or None


def cell_of(context: dg.AssetExecutionContext, agent: Agent) -> Cell:
    """The partition a run works on."""
    day, segment = parse_partition_key(context.partition_key)
    return Cell(day, segment, day.window(agent.cadence))
