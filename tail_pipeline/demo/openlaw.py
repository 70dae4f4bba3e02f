"""Example ``openlaw``: a drafter and a verifier in one trace store, each with a rubric, cases and a tail of its own."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tail_pipeline.demo import openlaw_phrases as phrases
from tail_pipeline.demo.bulk_traffic import BulkSystem, Turns, failing, ordinary
from tail_pipeline.demo.examples import Example
from tail_pipeline.demo.simulated_agent import SimulatedAgent
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay

FIRST_WEEK, SECOND_WEEK = IsoWeek(2026, 8), IsoWeek(2026, 9)
TURNS_PER_WEEK = 600
_WORKING_DAYS = (21, 22, 21, 20, 16, 0, 0)

DRAFTER = BulkSystem(
    agent="drafter",
    model="simulated/drafter-4",
    slots=phrases.SLOTS,
    openings=phrases.OPENINGS,
    closings=phrases.CLOSINGS,
    asides=phrases.DRAFTER_ASIDES,
    aside_share=0.2,
    at_a_loss=phrases.DRAFTER_AT_A_LOSS,
    day_shares=_WORKING_DAYS,
)
VERIFIER = BulkSystem(
    agent="verifier",
    model="simulated/verifier-1",
    slots=phrases.SLOTS,
    openings=phrases.OPENINGS,
    closings=phrases.CLOSINGS,
    asides=phrases.VERIFIER_ASIDES,
    aside_share=0.2,
    at_a_loss=phrases.VERIFIER_AT_A_LOSS,
    day_shares=_WORKING_DAYS,
    line=0.9,
)

PLANTED: dict[IsoWeek, dict[str, list[Turns]]] = {
    FIRST_WEEK: {
        "drafter": [
            failing(phrases.UNDEFINED_TERM, 12, (0.4, 0.75), feedback=(None, None, "regenerated")),
            failing(phrases.PLAIN_WORDS, 10, (0.6, 0.81)),
            failing(phrases.GOVERNING_LAW, 8, (0.3, 0.6), faithfulness=(0.2, 0.6)),
        ],
        "verifier": [
            failing(phrases.VERIFIER_CARVE_OUT, 11, (0.3, 0.7), feedback=(None, "corrected", None)),
            failing(phrases.FALSE_ALARM, 7, (0.83, 0.89)),
            failing(phrases.INVENTED_AUTHORITY, 3, (0.1, 0.4), faithfulness=(0.0, 0.3)),
        ],
    },
    SECOND_WEEK: {
        "drafter": [
            failing(phrases.DRAFTER_CARVE_OUT, 9, (0.4, 0.7)),
            failing(phrases.PLAIN_WORDS, 6, (0.6, 0.81)),
        ],
        "verifier": [
            failing(phrases.VERIFIER_CARVE_OUT, 8, (0.3, 0.7)),
            failing(phrases.SILENT_DELETION, 6, (0.4, 0.7)),
        ],
    },
}
"""The gaps of each mining week and agent. In the second week both fail at the same requests about a liability cap."""


def write_traffic(folder: Path) -> None:
    """One Parquet file a day, with the turns of both agents."""
    for week, planted in PLANTED.items():
        window = MiningDay(week.monday).window(Cadence.WEEKLY)
        days: dict[str, list[pl.DataFrame]] = {}
        for system, topics in ((DRAFTER, phrases.DRAFTED), (VERIFIER, phrases.VERIFIED)):
            gaps = planted[system.agent]
            everyday = ordinary(topics, TURNS_PER_WEEK - sum(turns.count for turns in gaps), slips=2)
            for frame in system.days(window, [*gaps, *everyday], seed=8):
                days.setdefault(f"{frame['start_time'][0]:%Y-%m-%d}", []).append(frame)
        for day, frames in days.items():
            pl.concat(frames).sort("start_time", "span_id").write_parquet(folder / f"{day}.parquet", compression="zstd")


draft = SimulatedAgent(
    good_at=(phrases.GOVERNING_LAW, *phrases.DRAFTED),
    still_failing=(phrases.UNDEFINED_TERM, phrases.DRAFTER_CARVE_OUT),
    unsure=(phrases.PLAIN_WORDS,),
    slots=phrases.SLOTS,
    at_a_loss=phrases.DRAFTER_AT_A_LOSS[0],
)
verify = SimulatedAgent(
    good_at=(phrases.FALSE_ALARM, *phrases.VERIFIED),
    still_failing=(phrases.VERIFIER_CARVE_OUT, phrases.INVENTED_AUTHORITY, phrases.SILENT_DELETION),
    unsure=(),
    slots=phrases.SLOTS,
    at_a_loss=phrases.VERIFIER_AT_A_LOSS[0],
)

EXAMPLE = Example(
    eval_dir="eval/examples/openlaw",
    write_traffic=write_traffic,
    first_day=MiningDay(FIRST_WEEK.monday),
    last_day=MiningDay(FIRST_WEEK.monday),
)
