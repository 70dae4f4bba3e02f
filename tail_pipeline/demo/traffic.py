"""Simulated traffic of the fictional agent ``support``, with known tails planted in it.

Nothing here was said by anybody. A week mined from real traces has no answer key; these weeks have one, so that a
reader can check what the pipeline finds against ``PLANTED`` and see every kind of tail without a trace store.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

import polars as pl

from tail_pipeline.demo import phrases
from tail_pipeline.demo.examples import Example
from tail_pipeline.demo.topics import Topic, as_typed
from tail_pipeline.domain.spans import SPAN_SCHEMA
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay, Window

AGENT = "simulated-support"
EXAMPLE_FIRST_WEEK = IsoWeek(2026, 10)
EXAMPLE_WEEKS = 8

QUIET_WEEK = IsoWeek(2026, 12)
"""Traffic as usual, and almost nothing fails."""

EMPTY_WEEK = IsoWeek(2026, 13)
"""No traffic at all: the company was shut for the week."""

GROWING_WEEKS = (IsoWeek(2026, 15), IsoWeek(2026, 16), IsoWeek(2026, 17))
"""Mining weeks in which the number of clusters rises from each to the next."""

_MODEL = "simulated/clausewise-1"
_TENANTS = ("harbour-bakery", "lumen-studio", "orchard-legal", "pine-and-co")
_WORKDAY_SHARES = (20, 22, 21, 20, 13, 2, 2)
_HOUR_SHARES = (3, 6, 9, 10, 8, 5, 8, 10, 9, 7, 4, 2, 2, 1)
_FIRST_HOUR = 7
_LONGEST_ANSWER = timedelta(seconds=9)
_LONGEST_FEEDBACK_DELAY = timedelta(hours=30)


@dataclass(frozen=True)
class PlantedTail:
    """A gap of the agent that is known to be in the traffic, and in which mining weeks its turns are asked.

    ``turns`` counts the failing turns by week. ``rubric`` and ``faithfulness`` bound their recorded scores, None for
    a faithfulness that passes. ``feedback`` is dealt out to them in turn; with ``late`` it is given in the window of
    the week after. ``passing`` turns ask the first, plainest phrasing in each of these weeks and are answered well.
    """

    name: str
    why: str
    topic: Topic
    turns: Mapping[IsoWeek, int]
    rubric: tuple[float, float] = (0.4, 0.78)
    faithfulness: tuple[float, float] | None = None
    feedback: tuple[str | None, ...] = ()
    late: bool = False
    passing: int = 0


def _in_weeks(**turns: int) -> Mapping[IsoWeek, int]:
    """``W11=9`` is nine turns in mining week 2026-W11."""
    return {IsoWeek(2026, int(week[1:])): count for week, count in turns.items()}


PLANTED: tuple[PlantedTail, ...] = (
    PlantedTail(
        name="narrow_tldr",
        why="unforeseen phrasing: a summary of one clause type only is answered with a summary of everything",
        topic=phrases.NARROW_TLDR,
        turns=_in_weeks(W11=9, W17=9),
        rubric=(0.31, 0.72),
        feedback=(None, "regenerated", None, None, "thumbs_down"),
        passing=1,
    ),
    PlantedTail(
        name="compare_and_export",
        why="two features in one turn: the comparison is made, the export is only explained",
        topic=phrases.COMPARE_AND_EXPORT,
        turns=_in_weeks(W10=5, W14=6),
        rubric=(0.52, 0.79),
        feedback=(None, None, "corrected"),
        passing=1,
    ),
    PlantedTail(
        name="injection",
        why="copied-in injection: the agent obeys a sentence that came with the pasted contract",
        topic=phrases.INJECTION,
        turns=_in_weeks(W14=5),
        rubric=(0.08, 0.4),
        faithfulness=(0.1, 0.5),
    ),
    PlantedTail(
        name="stale_nda_term",
        why="one document class gone wrong upstream: the mutual NDA is answered from its 2023 template",
        topic=phrases.NDA_TERM,
        turns=_in_weeks(W15=5, W16=4, W17=4),
        rubric=(0.85, 0.95),
        faithfulness=(0.2, 0.6),
    ),
    PlantedTail(
        name="stale_nda_return",
        why="the stale NDA template, a week later: return or destruction",
        topic=phrases.NDA_RETURN,
        turns=_in_weeks(W16=4, W17=4),
        rubric=(0.85, 0.95),
        faithfulness=(0.2, 0.6),
    ),
    PlantedTail(
        name="stale_nda_residuals",
        why="the stale NDA template, a week later: residuals",
        topic=phrases.NDA_RESIDUALS,
        turns=_in_weeks(W16=3, W17=4),
        rubric=(0.85, 0.95),
        faithfulness=(0.1, 0.5),
    ),
    PlantedTail(
        name="stale_nda_sharing",
        why="the stale NDA template, a week later: sharing with advisers and affiliates",
        topic=phrases.NDA_SHARING,
        turns=_in_weeks(W16=3, W17=4),
        rubric=(0.85, 0.95),
        faithfulness=(0.2, 0.6),
    ),
    PlantedTail(
        name="stale_nda_breach",
        why="the stale NDA template, two weeks later: penalties",
        topic=phrases.NDA_BREACH,
        turns=_in_weeks(W17=4),
        rubric=(0.85, 0.95),
        faithfulness=(0.1, 0.5),
    ),
    PlantedTail(
        name="out_of_state_statute",
        why="rare and regulatory: two turns that must outrank the forty about tone",
        topic=phrases.OUT_OF_STATE,
        turns=_in_weeks(W16=2),
        rubric=(0.45, 0.6),
        faithfulness=(0.1, 0.5),
    ),
    PlantedTail(
        name="tone",
        why="many and harmless: rewrites stay stiff",
        topic=phrases.TONE,
        turns=_in_weeks(W16=40),
        rubric=(0.68, 0.815),
        feedback=(None, None, None, "regenerated", None, None, "thumbs_down"),
        passing=1,
    ),
    PlantedTail(
        name="late_renewal_reminder",
        why="late feedback: the date looks right until it has passed, and the thumbs down comes a week later",
        topic=phrases.RENEWAL_REMINDER,
        turns=_in_weeks(W14=4, W16=4),
        rubric=(0.86, 0.95),
        feedback=("thumbs_down",) * 4,
        late=True,
    ),
    PlantedTail(
        name="working_days",
        why="corrections: users explain that working days are not calendar days",
        topic=phrases.WORKING_DAYS,
        turns=_in_weeks(W11=4),
        rubric=(0.62, 0.8),
        feedback=("corrected", None, "corrected", None),
    ),
    PlantedTail(
        name="net_end_of_month",
        why="a correction that stands alone: one turn, and the user wrote the better answer",
        topic=phrases.END_OF_MONTH,
        turns=_in_weeks(W17=1),
        rubric=(0.84, 0.84),
        feedback=("corrected",),
    ),
    PlantedTail(
        name="translation",
        why="regenerated turns: asked for a translation, the agent summarises in English",
        topic=phrases.TRANSLATION,
        turns=_in_weeks(W10=3, W15=5),
        rubric=(0.8, 0.9),
        feedback=("regenerated",) * 5,
    ),
    PlantedTail(
        name="long_table",
        why="truncated answers: the table of all duties stops in the middle",
        topic=phrases.LONG_TABLE,
        turns=_in_weeks(W10=4, W14=3),
        rubric=(0.55, 0.78),
        feedback=(None, "regenerated"),
        passing=1,
    ),
    PlantedTail(
        name="survival",
        why="known: a case about clauses that survive termination is already in cases.yaml, and fails again",
        topic=phrases.SURVIVAL,
        turns=_in_weeks(W10=4, W14=4, W17=5),
        rubric=(0.5, 0.78),
        faithfulness=(0.1, 0.5),
        passing=1,
    ),
    PlantedTail(
        name="cap_per_claim",
        why="known: a case about a cap per claim or in aggregate is already in cases.yaml",
        topic=phrases.CAP_PER_CLAIM,
        turns=_in_weeks(W11=3, W14=3),
        rubric=(0.6, 0.8),
        faithfulness=(0.3, 0.6),
    ),
    PlantedTail(
        name="typos",
        why="singletons that are no gap: mistyped or empty of meaning",
        topic=phrases.TYPOS,
        turns=_in_weeks(W10=2, W11=1, W12=1, W14=2, W15=1, W16=2, W17=1),
        rubric=(0.3, 0.7),
    ),
)
"""What the weeks contain, and in which of them."""


@dataclass
class _Weekly:
    """One mining week being made: its window, its own random numbers, and the rows so far."""

    week: IsoWeek
    window: Window
    rng: random.Random
    seed: int
    rows: list[dict[str, object]] = field(default_factory=list)

    def identifier(self, kind: str, number: int, length: int) -> str:
        return hashlib.sha256(f"{self.seed}/{self.week}/{kind}/{number}".encode()).hexdigest()[:length]

    def moment(self) -> datetime:
        """Some second of the window, mostly in office hours of a working day."""
        day = self.rng.choices(range(7), weights=_WORKDAY_SHARES)[0]
        hour = _FIRST_HOUR + self.rng.choices(range(len(_HOUR_SHARES)), weights=_HOUR_SHARES)[0]
        return self.window.start + timedelta(days=day, hours=hour, milliseconds=self.rng.randrange(3_600_000))


def write_traffic(folder: Path) -> None:
    """One file of JSON lines a month."""
    for (month,), frame in simulated_spans().group_by(pl.col("start_time").dt.strftime("%Y-%m"), maintain_order=True):
        (folder / f"{month}.jsonl.gz").write_bytes(gzip.compress(frame.write_ndjson().encode(), mtime=0))


def simulated_spans(
    *,
    first_mining_week: IsoWeek = EXAMPLE_FIRST_WEEK,
    weeks: int = EXAMPLE_WEEKS,
    turns_per_week: int = 400,
    seed: int = 7,
) -> pl.DataFrame:
    """Simulated turns in the windows of ``weeks`` mining weeks, in the span schema, by start time.

    Each week has its own random numbers: it does not change when other weeks are added. Planted turns come out of
    ``turns_per_week``, and stay whole when it is smaller than their number.
    """
    rows: list[dict[str, object]] = []
    for offset in range(weeks):
        week = first_mining_week.shifted(offset)
        if week != EMPTY_WEEK:
            rows.extend(_week_rows(week, turns_per_week, seed))
    return pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row").sort("start_time", "span_id")


def _week_rows(week: IsoWeek, turns: int, seed: int) -> list[dict[str, object]]:
    window = MiningDay(week.monday).window(Cadence.WEEKLY)
    weekly = _Weekly(week, window, random.Random(f"{seed}/{week}"), seed)
    for tail in PLANTED:
        _add_planted(weekly, tail)
    _add_ordinary(weekly, turns)
    return weekly.rows


def _add_planted(weekly: _Weekly, tail: PlantedTail) -> None:
    failing = tail.turns.get(weekly.week, 0)
    phrasings: list[str] = []
    while len(phrasings) < failing:
        phrasings.extend(weekly.rng.sample(tail.topic.phrasings, len(tail.topic.phrasings)))
    corrections = cycle(tail.topic.corrections)
    for number, phrasing in enumerate(phrasings[:failing]):
        moment, tenant = weekly.moment(), weekly.rng.choice(_TENANTS)
        feedback = tail.feedback[number % len(tail.feedback)] if tail.feedback else None
        correction = next(corrections, None) if feedback == "corrected" else None
        row = _turn(weekly, tail.topic, phrasing, moment, tenant, poor=True, correction=correction, tail=tail.name)
        row["rubric_score"] = round(weekly.rng.uniform(*tail.rubric), 3)
        if tail.faithfulness:
            row["ragas_faithfulness"] = _share_of_statements(weekly.rng, weekly.rng.uniform(*tail.faithfulness))
        row["truncated"] = tail.topic is phrases.LONG_TABLE
        if feedback:
            row |= _feedback(weekly, feedback, moment, late=tail.late)
        weekly.rows.append(row)
    for _ in range(tail.passing if failing else 0):
        moment, tenant = weekly.moment(), weekly.rng.choice(_TENANTS)
        weekly.rows.append(_turn(weekly, tail.topic, tail.topic.phrasings[0], moment, tenant, tail=tail.name))


def _add_ordinary(weekly: _Weekly, turns: int) -> None:
    """Fill the week up with sessions of everyday questions."""
    shares = [topic.share for topic in phrases.ORDINARY]
    while len(weekly.rows) < turns:
        moment, tenant = weekly.moment(), weekly.rng.choice(_TENANTS)
        session = weekly.identifier("session", len(weekly.rows), 12)
        length = weekly.rng.choices((1, 2, 3), weights=(6, 3, 1))[0]
        for _ in range(min(length, turns - len(weekly.rows))):
            topic = weekly.rng.choices(phrases.ORDINARY, weights=shares)[0]
            weekly.rows.append(_ordinary_turn(weekly, topic, moment, tenant, session))
            moment += timedelta(seconds=weekly.rng.randrange(40, 400))


def _ordinary_turn(weekly: _Weekly, topic: Topic, moment: datetime, tenant: str, session: str) -> dict[str, object]:
    """The everyday smear: few answers fall below the line, are cut short, draw a complaint or were never scored."""
    rng = weekly.rng
    phrasing = rng.choice(topic.phrasings)
    may_fail = weekly.week != QUIET_WEEK and "regulatory" not in topic.labels
    chance = rng.uniform(0.0 if may_fail else 0.02, 1)
    poor = chance < 0.013
    row = _turn(weekly, topic, phrasing, moment, tenant, session=session, poor=poor)
    if poor:
        row["rubric_score"] = round(rng.triangular(0.7, 0.819, 0.815), 3)
    elif chance < 0.016 and topic.passages:
        row["ragas_faithfulness"] = 0.75
    elif chance < 0.02:
        row |= _feedback(weekly, rng.choice(("thumbs_down", "regenerated")), moment)
    elif chance < 0.026:
        output = str(row["output"])
        row |= {"output": output[: len(output) * 2 // 3], "truncated": True}
    elif chance < 0.038:
        row |= {"rubric_score": None, "ragas_faithfulness": None}
    elif chance < 0.1:
        row |= _feedback(weekly, "thumbs_up", moment)
    return row


def _turn(
    weekly: _Weekly,
    topic: Topic,
    phrasing: str,
    moment: datetime,
    tenant: str,
    *,
    session: str | None = None,
    poor: bool = False,
    correction: str | None = None,
    tail: str | None = None,
) -> dict[str, object]:
    """One turn with its answer, scored as a good one; ``poor`` picks the answer of a turn that fails."""
    rng, number = weekly.rng, len(weekly.rows)
    slots = {name: rng.choice(values) for name, values in phrases.SLOTS.items()}
    asked = phrasing.format_map(slots)
    answer = rng.choice((topic.poor or phrases.VAGUE_ANSWERS) if poor else topic.answers).format_map(slots)
    return {
        "trace_id": weekly.identifier("trace", number, 32),
        "span_id": weekly.identifier("span", number, 16),
        "session_id": session or weekly.identifier("session", number, 12),
        "agent": AGENT,
        "node_class": "review" if topic.passages else "chat",
        "tenant": tenant,
        "model": _MODEL,
        "input": asked if topic.pasted else as_typed(rng, asked),
        "output": answer if poor or not topic.passages else answer + rng.choice(phrases.DISCLAIMERS),
        "contexts": [passage.format_map(slots) for passage in topic.passages],
        "labels": list(topic.labels),
        "start_time": moment,
        "end_time": moment + rng.uniform(0.1, 1) * _LONGEST_ANSWER,
        "rubric_score": _passing_score(rng),
        "ragas_faithfulness": _passing_faithfulness(rng) if topic.passages else None,
        "correction": correction.format_map(slots) if correction else None,
        "metadata": json.dumps({"simulated": True, "topic": topic.name, "planted": tail}),
        "truncated": False,
        "orphan": False,
    }


def _passing_score(rng: random.Random) -> float:
    """Most good answers score in the nineties; some only just pass, and 0.82 itself does."""
    if rng.random() < 0.06:
        return round(rng.triangular(0.82, 0.9, 0.83), 2)
    return round(0.83 + 0.16 * rng.betavariate(5, 2.2), 3)


def _passing_faithfulness(rng: random.Random) -> float:
    """At most one of five to nine statements is not supported."""
    statements = rng.randint(5, 9)
    return round((statements - (rng.random() < 0.25)) / statements, 3)


def _share_of_statements(rng: random.Random, share: float) -> float:
    """The fraction nearest to ``share`` that an answer of four to nine statements can have."""
    statements = rng.randint(4, 9)
    return round(round(share * statements) / statements, 3)


def _feedback(weekly: _Weekly, given: str, asked: datetime, *, late: bool = False) -> dict[str, object]:
    """Feedback within a day or so and the same week, or with ``late`` in the week after."""
    answered = min(asked + _LONGEST_ANSWER, weekly.window.end)
    if late:
        moment = weekly.moment() + timedelta(days=7)
    else:
        moment = answered + min(_LONGEST_FEEDBACK_DELAY, weekly.window.end - answered) * weekly.rng.random() ** 3
    return {"user_feedback": given, "feedback_time": moment}


EXAMPLE = Example(
    eval_dir="eval",
    write_traffic=write_traffic,
    first_day=MiningDay(EXAMPLE_FIRST_WEEK.monday),
    last_day=MiningDay(EXAMPLE_FIRST_WEEK.shifted(EXAMPLE_WEEKS - 1).monday),
)
