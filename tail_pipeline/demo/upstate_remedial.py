"""Example ``upstate-remedial``: 420,000 compliance mails in one week, where two about a statute stand above forty about tone."""

from __future__ import annotations

from pathlib import Path

from tail_pipeline.demo import upstate_phrases as phrases
from tail_pipeline.demo.bulk_traffic import BulkSystem, Turns, failing, ordinary
from tail_pipeline.demo.examples import Example
from tail_pipeline.demo.simulated_agent import SimulatedAgent
from tail_pipeline.demo.topics import Topic
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay

WEEK = IsoWeek(2026, 3)
MAILS = 420_000
STATUTE_MAILS, TONE_MAILS = 2, 40
_SLIPS = 12

UPSTATE = BulkSystem(
    agent="compliance-mail",
    model="simulated/compliance-2",
    slots=phrases.SLOTS,
    openings=phrases.OPENINGS,
    closings=phrases.CLOSINGS,
    asides=phrases.ASIDES,
    aside_share=0.3,
    at_a_loss=phrases.AT_A_LOSS,
    day_shares=(21, 20, 19, 18, 16, 4, 2),
)

GAPS: dict[Topic, int] = {
    phrases.INSTALMENT_DATE: 74,
    phrases.RECEIPT: 66,
    phrases.PORTAL: 58,
    phrases.DUPLICATE: 52,
    phrases.SPANISH: 47,
    phrases.SCAN: 38,
    phrases.AUTOPAY: 35,
    phrases.EXPIRED_OFFER: 33,
    phrases.SPLIT_PAYMENT: 31,
    phrases.INTEREST: 29,
    phrases.CALLBACK: 27,
    phrases.JOINT: 25,
    phrases.RETURNED_CHECK: 24,
    phrases.PAYOFF: 22,
    phrases.MOVED: 20,
    phrases.PAID_ELSEWHERE: 19,
    phrases.INSURANCE: 18,
    phrases.DEFERMENT: 17,
    phrases.EMPLOYER: 16,
    phrases.COSIGNER: 14,
    phrases.DEPLOYED: 13,
    phrases.LARGE_PRINT: 12,
    phrases.ATTORNEY: 11,
    phrases.TAX_FORM: 10,
}
"""The other gaps of W03, and how many mails fail for each: all of them more than the two about a statute."""


def turns_of_week(mails: int = MAILS, *, crowd: int = 0) -> list[Turns]:
    """The week's turns; each of the ``GAPS`` has ``crowd`` more failing mails than it has in the example."""
    planted = [
        failing(phrases.OUT_OF_STATE, STATUTE_MAILS, (0.45, 0.6), faithfulness=(0.1, 0.4)),
        failing(phrases.SHELTERED, 1, (0.1, 0.2), feedback=("thumbs_down",)),
        failing(phrases.TONE, TONE_MAILS, (0.68, 0.815), feedback=(None, None, "thumbs_down")),
        *(failing(topic, count + crowd, (0.4, 0.78)) for topic, count in GAPS.items()),
        *(Turns(topic, 3) for topic in (phrases.PAYOFF, phrases.MOVED, phrases.INTEREST)),
    ]
    return [*planted, *ordinary(phrases.ORDINARY, mails - sum(turns.count for turns in planted), slips=_SLIPS)]


def write_traffic(folder: Path, mails: int = MAILS, *, crowd: int = 0) -> None:
    """One Parquet file a day; ``turns_of_week`` says what the arguments are."""
    window = MiningDay(WEEK.monday).window(Cadence.WEEKLY)
    UPSTATE.write_week(folder, window, turns_of_week(mails, crowd=crowd), seed=3)


_LEARNT = (phrases.SPANISH, phrases.RECEIPT)

answer = SimulatedAgent(
    good_at=(*_LEARNT, *phrases.ORDINARY),
    still_failing=(phrases.OUT_OF_STATE, phrases.SHELTERED, *(topic for topic in GAPS if topic not in _LEARNT)),
    unsure=(phrases.TONE,),
    slots=phrases.SLOTS,
    at_a_loss=phrases.AT_A_LOSS[0],
)

EXAMPLE = Example(
    eval_dir="eval/examples/upstate-remedial",
    write_traffic=write_traffic,
    first_day=MiningDay(WEEK.monday),
    last_day=MiningDay(WEEK.monday),
)
