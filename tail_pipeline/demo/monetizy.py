"""Example ``monetizy``: one agent that sends about 8,000 mails a day, and a gap that fails again after it became a case."""

from __future__ import annotations

from pathlib import Path

from tail_pipeline.demo import monetizy_phrases as phrases
from tail_pipeline.demo.bulk_traffic import BulkSystem, Turns, failing, ordinary
from tail_pipeline.demo.examples import Example
from tail_pipeline.demo.simulated_agent import SimulatedAgent
from tail_pipeline.demo.topics import CLOSINGS, OPENINGS
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay

FIRST_WEEK, SECOND_WEEK = IsoWeek(2026, 20), IsoWeek(2026, 21)
MAILS_PER_WEEK = 56_000
_SLIPS_PER_WEEK = 11

MONETIZY = BulkSystem(
    agent="monetizy-outreach",
    model="simulated/outreach-3",
    slots=phrases.SLOTS,
    openings=OPENINGS,
    closings=CLOSINGS,
    asides=phrases.ASIDES,
    at_a_loss=phrases.AT_A_LOSS,
    aside_share=0.3,
    day_shares=(17, 18, 18, 17, 16, 7, 7),
)

PLANTED: dict[IsoWeek, list[Turns]] = {
    FIRST_WEEK: [
        failing(
            phrases.DROPPED_SESSION, 31, (0.2, 0.6), feedback=("regenerated", None, "thumbs_down", None, "corrected")
        ),
        failing(phrases.PUSHY, 27, (0.66, 0.815), feedback=(None, None, "regenerated")),
        failing(phrases.CURRENCY, 22, (0.45, 0.75), faithfulness=(0.2, 0.6), feedback=(None, "corrected", None)),
        failing(phrases.LANGUAGE, 17, (0.4, 0.7), feedback=(None, None, None, "regenerated")),
        failing(phrases.OUT_OF_OFFICE, 14, (0.35, 0.65)),
        failing(phrases.TWO_RECIPIENTS, 9, (0.1, 0.4), feedback=("thumbs_down", None)),
        failing(phrases.ATTACHMENT, 7, (0.5, 0.75)),
        failing(phrases.OPTED_OUT, 3, (0.3, 0.6), faithfulness=(0.1, 0.5)),
        failing(phrases.MISTYPED, 4, (0.3, 0.7)),
        Turns(phrases.OUT_OF_OFFICE, 5),
        Turns(phrases.ATTACHMENT, 4),
    ],
    SECOND_WEEK: [
        failing(phrases.DROPPED_SESSION, 24, (0.2, 0.6), feedback=("regenerated", None, None)),
        failing(phrases.PUSHY, 19, (0.66, 0.815), feedback=(None, None, "regenerated")),
        failing(phrases.TIME_ZONE, 12, (0.4, 0.7), feedback=(None, "thumbs_down", None)),
        failing(phrases.SUBJECT_TEST, 8, (0.4, 0.7)),
        failing(phrases.BOUNCED, 6, (0.5, 0.8)),
        failing(phrases.MISTYPED, 3, (0.3, 0.7)),
    ],
}
"""The gaps of each mining week, and here and there the same request answered well; the dropped session is in both weeks."""


def write_traffic(folder: Path, mails_per_week: int = MAILS_PER_WEEK) -> None:
    """One Parquet file a day, two weeks."""
    for week, planted in PLANTED.items():
        everyday = mails_per_week - sum(turns.count for turns in planted)
        turns = [*planted, *ordinary(phrases.ORDINARY, everyday, slips=_SLIPS_PER_WEEK)]
        MONETIZY.write_week(folder, MiningDay(week.monday).window(Cadence.WEEKLY), turns, seed=20)


answer = SimulatedAgent(
    good_at=(phrases.LANGUAGE, phrases.ATTACHMENT, *phrases.ORDINARY),
    still_failing=(
        phrases.DROPPED_SESSION,
        phrases.OPTED_OUT,
        phrases.CURRENCY,
        phrases.OUT_OF_OFFICE,
        phrases.TWO_RECIPIENTS,
        phrases.TIME_ZONE,
        phrases.SUBJECT_TEST,
        phrases.BOUNCED,
    ),
    unsure=(phrases.PUSHY,),
    slots=phrases.SLOTS,
    at_a_loss=phrases.AT_A_LOSS[0],
)

EXAMPLE = Example(
    eval_dir="eval/examples/monetizy",
    write_traffic=write_traffic,
    first_day=MiningDay(FIRST_WEEK.monday),
    last_day=MiningDay(FIRST_WEEK.monday),
)
