"""What another ``agents.yaml`` does to the partitions: which appear, which become orphaned, and which get other keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tail_pipeline.domain.agents import Agent, AgentsConfig
from tail_pipeline.domain.weeks import IsoWeek

Kind = Literal["appears", "orphaned", "rekeyed"]
_MAX_NAMED = 20


@dataclass(frozen=True)
class PartitionChange:
    """One change for a person to know of; ``segments`` are those it is about, none where it is about the whole agent."""

    kind: Kind
    agent: str
    segments: tuple[str, ...]
    message: str


def partition_changes(before: AgentsConfig, now: AgentsConfig) -> list[PartitionChange]:
    """In the order of the agents; of a name that is gone where it was before."""
    changes: list[PartitionChange] = []
    for agent in now.agents:
        earlier = before.agent(agent.name)
        if earlier is None:
            changes.append(_appears(agent, tuple(name for name in agent.segment_names if name)))
            continue
        changes += _rekeyed(earlier, agent)
        new = tuple(name for name in agent.segment_names if name and name not in earlier.segment_names)
        if new:
            changes.append(_appears(agent, new))
    for agent in before.agents:
        later = now.agent(agent.name)
        if later is None:
            changes.append(_orphaned(agent, None))
            continue
        gone = (name for name in agent.segment_names if name and name not in later.segment_names)
        changes += [_orphaned(agent, name) for name in gone]
    return changes


def _appears(agent: Agent, segments: tuple[str, ...]) -> PartitionChange:
    since = f"mined {agent.cadence} from {agent.start_week} on"
    if not agent.segments:
        return PartitionChange("appears", agent.name, (), f"agent {agent.name} appears, {since}")
    by = agent.segments.by.replace("_", " ")
    named = ", ".join(segments[:_MAX_NAMED])
    more = f" and {len(segments) - _MAX_NAMED} more" if len(segments) > _MAX_NAMED else ""
    what = f"{by} {named} appears" if len(segments) == 1 else f"{len(segments)} {by} values appear: {named}{more}"
    return PartitionChange("appears", agent.name, segments, f"{agent.name}: {what}, {since}")


def _orphaned(agent: Agent, segment: str | None) -> PartitionChange:
    if segment is None:
        what = f"agent {agent.name} is gone: its partitions"
    else:
        what = f"{agent.name}: segment {segment} is gone: its partitions"
    command = f"tail-pipeline forget --agent {agent.name}{f' --segment {segment}' if segment else ''}"
    message = (
        f"{what}, runs and frames stay in Dagster and nobody mines them; put it back, or delete its data: {command}"
    )
    return PartitionChange("orphaned", agent.name, (segment,) if segment else (), message)


def _rekeyed(before: Agent, now: Agent) -> Iterator[PartitionChange]:
    """Changes by which partitions that were mined are not those of the same name any more."""
    found = []
    if before.cadence != now.cadence:
        found.append(
            f"cadence goes from {before.cadence} to {now.cadence}: mining days of the old one are no partitions any more"
        )
    if (before.segments is None) != (now.segments is None):
        shape = (
            "2026-W17-1|segment instead of 2026-W17-1" if now.segments else "2026-W17-1 instead of 2026-W17-1|segment"
        )
        found.append(f"partition keys read {shape}: what was mined before keeps its files, and no partition")
    elif before.segments and now.segments and before.segments.by is not now.segments.by:
        found.append(
            f"segments are told by {now.segments.by} instead of {before.segments.by}: the same names are other spans"
        )
    first, last = IsoWeek.parse(before.start_week), IsoWeek.parse(now.start_week)
    if last > first:
        found.append(
            f"start_week goes from {first} to {last}: earlier partitions are gone from Dagster, tail files stay"
        )
    elif last < first:
        found.append(
            f"start_week goes from {first} to {last}: older partitions appear, which are mined by a backfill only"
        )
    if before.eval_dir != now.eval_dir:
        found.append(
            f"eval_dir goes from {before.eval_dir} to {now.eval_dir}: move the files too, or nothing is known of them"
        )
    for message in found:
        yield PartitionChange("rekeyed", now.name, (), f"{now.name}: {message}")
