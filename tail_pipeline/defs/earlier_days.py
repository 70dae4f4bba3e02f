"""What passed on earlier mining days of the same agent and segment, where a window alone has too little to tell clusters from.

It is read from the frames that their runs left in the storage, without a dependency: where none are left, as on a CI
runner without kept state, the window stands alone.
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from tail_pipeline.adapters.frame_spool import batches_of
from tail_pipeline.defs.partitions import Cell, asset_prefix
from tail_pipeline.defs.storage import FrameIOManager
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.background import EARLIER_REACH, BackgroundSample
from tail_pipeline.domain.selection import is_passing
from tail_pipeline.domain.weeks import MiningDay, mining_days_before


def add_earlier_passing(
    background: BackgroundSample, frames: FrameIOManager, agent: Agent, cell: Cell, redact: Callable[[str], str]
) -> list[MiningDay]:
    """Add whole mining days, newest first, until the background is enough or ``EARLIER_REACH`` ends; returns those there were."""
    scored_spans = dg.AssetKey([asset_prefix(agent), "scored_spans"])
    segment = () if cell.segment is None else (cell.segment,)
    read = []
    for day in mining_days_before(cell.day, agent.cadence, EARLIER_REACH):
        if background.is_enough:
            break
        frame = frames.stored(scored_spans, day.key, *segment)
        if frame is None:
            continue
        for batch in batches_of(frame.filter(is_passing()).select("input")):
            background.add_earlier(map(redact, batch["input"]))
        read.append(day)
    return read
