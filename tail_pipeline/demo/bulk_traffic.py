"""Simulated traffic of systems with thousands of turns a day, made by columns and not row by row.

A week is planned as a frame of small numbers (which topic, which phrasing, when), and each day of it is then put into
words. The same numbers come of the same seed, whatever else is made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tail_pipeline.demo.topics import Topic
from tail_pipeline.domain.spans import SPAN_SCHEMA
from tail_pipeline.domain.weeks import Window

_HOUR_SHARES = (1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 12, 9, 8, 10, 11, 10, 8, 6, 4, 3, 2, 2, 1, 1)
_PASSAGE_END = "\x1f"
_SHORTEST_ANSWER_US, _LONGEST_ANSWER_US = 900_000, 9_000_000
_LONGEST_FEEDBACK_DELAY_US = 20 * 3_600_000_000
_MADE = frozenset(SPAN_SCHEMA) - {"node_class", "tenant", "rubric_sha"}
"""The columns that are filled."""


@dataclass(frozen=True)
class Turns:
    """How many turns of one topic a week has, and what became of them.

    ``rubric`` and ``faithfulness`` bound the recorded scores; None: as good answers score. ``feedback`` is dealt out to
    the turns in order. ``poor`` picks the answers of turns that fail.
    """

    topic: Topic
    count: int
    poor: bool = False
    rubric: tuple[float, float] | None = None
    faithfulness: tuple[float, float] | None = None
    feedback: tuple[str | None, ...] = ()


def failing(
    topic: Topic,
    count: int,
    rubric: tuple[float, float] = (0.4, 0.8),
    *,
    faithfulness: tuple[float, float] | None = None,
    feedback: tuple[str | None, ...] = (),
) -> Turns:
    """A gap of the agent: turns that are answered badly."""
    return Turns(topic, count, poor=True, rubric=rubric, faithfulness=faithfulness, feedback=feedback)


def ordinary(topics: Sequence[Topic], count: int, *, slips: int) -> list[Turns]:
    """``count`` turns divided by the topics' shares, of which ``slips``, strewn evenly, are poor for no reason of their own."""
    total = sum(topic.share for topic in topics)
    ends = np.cumsum([topic.share / total for topic in topics])
    counts = np.diff(np.rint(ends * (count - slips)).astype(int), prepend=0).tolist()
    slipped = np.diff(np.rint(np.linspace(0, slips, len(topics) + 1)).astype(int)).tolist()
    return [
        *(Turns(topic, number) for topic, number in zip(topics, counts, strict=True)),
        *(failing(topic, number, (0.7, 0.815)) for topic, number in zip(topics, slipped, strict=True) if number),
    ]


@dataclass(frozen=True)
class BulkSystem:
    """An agent with many turns: the values of its slots, what people add to a request, and how busy the days are.

    ``openings`` and ``closings`` are said by one in eight, ``asides`` follow a request in ``aside_share`` of the turns; topics
    copied in as they are get none. ``at_a_loss`` is answered where a topic has no poor answer of its own; ``day_shares``
    begin with the window's first day. Good answers score at least ``line``.
    """

    agent: str
    model: str
    slots: Mapping[str, Sequence[str]]
    openings: Sequence[str]
    closings: Sequence[str]
    asides: Sequence[str]
    aside_share: float
    at_a_loss: Sequence[str]
    day_shares: tuple[int, ...]
    line: float = 0.82

    def write_week(self, folder: Path, window: Window, turns: Sequence[Turns], *, seed: int) -> None:
        """One Parquet file a day, ``YYYY-MM-DD.parquet``, in the span schema."""
        for frame in self.days(window, turns, seed=seed):
            frame.write_parquet(folder / f"{frame['start_time'][0]:%Y-%m-%d}.parquet", compression="zstd")

    def days(self, window: Window, turns: Sequence[Turns], *, seed: int) -> Iterator[pl.DataFrame]:
        """The frame of each day that has turns, in the span schema, by start time."""
        rng = self._random(window.start.date().isoformat(), seed)
        plan = _plan(rng, window, turns, self.day_shares)
        for _, day in plan.group_by(pl.col("start_time").dt.date(), maintain_order=True):
            yield self._worded(rng, day, turns, window)

    def _random(self, purpose: str, seed: int) -> np.random.Generator:
        digest = hashlib.sha256(f"{seed}/{self.agent}/{purpose}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:16]))

    def _worded(
        self, rng: np.random.Generator, plan: pl.DataFrame, turns: Sequence[Turns], window: Window
    ) -> pl.DataFrame:
        """The rows of ``plan`` with their texts, scores and feedback."""
        count = plan.height
        number = plan["turns"].to_numpy()
        slots = pl.DataFrame({f"slot {name}": _drawn(rng, values, count) for name, values in self.slots.items()})
        spoken = pl.Series([not one.topic.pasted for one in turns]).gather(number)
        asked = _picked([one.topic.phrasings for one in turns], number, plan["phrasing"].to_numpy())
        aside = _added(rng, self.asides, spoken, self.aside_share)
        poor = [one.topic.poor or tuple(self.at_a_loss) if one.poor else one.topic.answers for one in turns]
        corrections = [one.topic.corrections or ("",) for one in turns]
        templates = slots.with_columns(
            input=pl.select(_with_aside(asked, aside)).to_series(),
            output=_picked(poor, number, rng.integers(0, 1 << 30, count)),
            correction=_picked(corrections, number, plan["phrasing"].to_numpy()),
            contexts=_picked([(_PASSAGE_END.join(one.topic.passages),) for one in turns], number, 0 * number),
        )
        worded = templates.select(_filled(name, self.slots) for name in ("input", "output", "correction", "contexts"))
        worded = worded.with_columns(self._as_typed(rng, worded["input"], spoken))
        no_passage = pl.lit([], dtype=pl.List(pl.String()))
        described = worded.with_columns(
            plan["start_time"],
            contexts=pl.when(pl.col("contexts") == "")
            .then(no_passage)
            .otherwise(pl.col("contexts").str.split(_PASSAGE_END)),
            agent=pl.lit(self.agent),
            model=pl.lit(self.model),
            trace_id=_identifiers(rng, count, 16),
            span_id=_identifiers(rng, count, 8),
            session_id=_sessions(rng, count),
            labels=pl.Series([list(one.topic.labels) for one in turns], dtype=pl.List(pl.String())).gather(number),
            metadata=pl.Series([_metadata(one) for one in turns]).gather(number),
            rubric_score=_scores(rng, [one.rubric for one in turns], number, self.line),
            ragas_faithfulness=_faithfulness(rng, turns, number),
            truncated=pl.lit(value=False),
            orphan=pl.lit(value=False),
        )
        return _with_feedback(rng, described, plan, turns, window)

    def _as_typed(self, rng: np.random.Generator, texts: pl.Series, spoken: pl.Series) -> pl.Expr:
        """As ``topics.as_typed`` does to one text: lower case, no full stop, two letters swapped, greeting and thanks."""
        count = len(texts)
        lower, open_end, typo = (spoken & pl.Series(rng.random(count) < share) for share in (0.25, 0.3, 0.08))
        text = pl.when(lower).then(pl.col("input").str.to_lowercase()).otherwise(pl.col("input"))
        text = pl.when(open_end).then(text.str.strip_chars_end(".?!")).otherwise(text)
        swap = pl.Series((rng.random(count) * (texts.str.len_chars().to_numpy() - 3)).astype(np.int64).clip(0))
        swapped = pl.concat_str(
            text.str.slice(0, swap), text.str.slice(swap + 1, 1), text.str.slice(swap, 1), text.str.slice(swap + 2)
        )
        text = pl.when(typo).then(swapped).otherwise(text)
        opening, closing = (_added(rng, values, spoken, 0.12) for values in (self.openings, self.closings))
        return pl.concat_str(opening, text, closing).alias("input")


def _plan(rng: np.random.Generator, window: Window, turns: Sequence[Turns], day_shares: Sequence[int]) -> pl.DataFrame:
    """Per row the turns it belongs to, which phrasing and which place among them it has, and its start, in order.

    Phrasings are dealt out like cards, so that each is used before one comes again.
    """
    counts = [one.count for one in turns]
    total = sum(counts)
    dealt = [np.resize(rng.permutation(len(one.topic.phrasings)), one.count) for one in turns]
    hours = _shuffled_shares(rng, _HOUR_SHARES, total)
    days = _shuffled_shares(rng, day_shares, total)
    microseconds = (days * 24 + hours) * 3_600_000_000 + rng.integers(0, 3_600_000_000, total)
    return (
        pl.DataFrame(
            {
                "turns": np.repeat(np.arange(len(turns)), counts),
                "phrasing": np.concatenate(dealt),
                "place": np.concatenate([np.arange(count) for count in counts]),
                "start_time": microseconds,
            }
        )
        .with_columns(start_time=window.start + pl.duration(microseconds="start_time"))
        .sort("start_time", "turns", "place")
    )


def _shuffled_shares(rng: np.random.Generator, shares: Sequence[int], count: int) -> np.ndarray:
    weights = np.asarray(shares, dtype=float)
    return rng.choice(len(weights), size=count, p=weights / weights.sum())


def _drawn(rng: np.random.Generator, values: Sequence[str], count: int) -> pl.Series:
    return pl.Series(list(values)).gather(rng.integers(0, len(values), count))


def _added(rng: np.random.Generator, values: Sequence[str], where: pl.Series, share: float) -> pl.Series:
    """One of the values in that share of the rows ``where`` it may stand, else nothing."""
    chosen = where & pl.Series(rng.random(len(where)) < share)
    return pl.select(pl.when(chosen).then(_drawn(rng, values, len(where))).otherwise(pl.lit(""))).to_series()


def _picked(choices: Sequence[Sequence[str]], owner: np.ndarray, pick: np.ndarray) -> pl.Series:
    """Row for row one of the ``choices`` of its owner, ``pick`` modulo their number."""
    lengths = np.array([len(one) for one in choices])
    first = np.cumsum(lengths) - lengths
    return pl.Series([text for one in choices for text in one]).gather(first[owner] + pick % lengths[owner])


def _with_aside(asked: pl.Series, aside: pl.Series) -> pl.Expr:
    """The request and the aside as two sentences."""
    ended = asked.str.contains(r"[.?!:]$")
    joint = pl.when(ended).then(pl.lit(" ")).otherwise(pl.lit(". "))
    return pl.when(aside == "").then(asked).otherwise(pl.concat_str(asked, joint, aside))


def _filled(column: str, slots: Mapping[str, Sequence[str]]) -> pl.Expr:
    filled = pl.col(column)
    for name in slots:
        filled = filled.str.replace_all(f"{{{name}}}", pl.col(f"slot {name}"), literal=True)
    return filled


def _identifiers(rng: np.random.Generator, count: int, size: int) -> pl.Series:
    digits = rng.bytes(count * size).hex()
    return pl.Series([digits[start : start + 2 * size] for start in range(0, len(digits), 2 * size)])


def _sessions(rng: np.random.Generator, count: int) -> pl.Series:
    """Now and then several turns are of one session."""
    return pl.select(pl.format("s-{}", pl.Series(rng.integers(0, max(count, 1), count)))).to_series()


def _metadata(turns: Turns) -> str:
    return json.dumps({"simulated": True, "topic": turns.topic.name, "poor": turns.poor})


def _scores(
    rng: np.random.Generator, bounds: Sequence[tuple[float, float] | None], owner: NDArray[np.int64], line: float
) -> pl.Series:
    """Within its bounds; without any, good answers lie between ``line`` and 0.99, and some only just above the former."""
    count = len(owner)
    low, high = (np.array([one[side] if one else np.nan for one in bounds])[owner] for side in (0, 1))
    bad = low + (high - low) * rng.random(count)
    just = rng.triangular(line, line + 0.01, line + 0.08, count)
    good = np.where(rng.random(count) < 0.06, just, line + 0.01 + (0.98 - line) * rng.beta(5, 2.2, count))
    return pl.Series(np.where(np.isnan(low), good, bad)).round(3)


def _faithfulness(rng: np.random.Generator, turns: Sequence[Turns], owner: np.ndarray) -> pl.Series:
    """The share of five to nine statements that the passages support; null where there are none."""
    count = len(owner)
    statements = rng.integers(5, 10, count)
    retrieved = np.array([bool(one.topic.passages) for one in turns])[owner]
    low, high = (
        np.array([one.faithfulness[side] if one.faithfulness else np.nan for one in turns])[owner] for side in (0, 1)
    )
    unsupported = np.where(
        np.isnan(low),
        rng.random(count) < 0.2,
        statements - np.rint((low + (high - low) * rng.random(count)) * statements),
    )
    share = pl.Series((statements - unsupported) / statements).round(3)
    return pl.select(pl.when(pl.Series(retrieved)).then(share)).to_series()


def _with_feedback(
    rng: np.random.Generator, described: pl.DataFrame, plan: pl.DataFrame, turns: Sequence[Turns], window: Window
) -> pl.DataFrame:
    """Feedback as it is dealt out, or a thumbs up here and there, within the day and the window; in ``SPAN_SCHEMA``."""
    count = plan.height
    dealt = pl.Series(
        [
            turns[number].feedback[place % len(turns[number].feedback)] if turns[number].feedback else None
            for number, place in plan.select("turns", "place").iter_rows()
        ],
        dtype=pl.String(),
    )
    poor = pl.Series([one.poor for one in turns]).gather(plan["turns"])
    pleased = pl.Series(~poor.to_numpy() & (rng.random(count) < 0.05))
    delay = pl.Series((_LONGEST_FEEDBACK_DELAY_US * rng.random(count) ** 3).astype(np.int64))
    took = pl.Series(rng.integers(_SHORTEST_ANSWER_US, _LONGEST_ANSWER_US, count))
    ended = pl.col("start_time") + pl.duration(microseconds=pl.lit(took))
    last_moment = pl.lit(window.end - timedelta(seconds=1))
    return (
        described.with_columns(
            end_time=ended,
            user_feedback=pl.when(pleased).then(pl.lit("thumbs_up")).otherwise(dealt),
        )
        .with_columns(
            feedback_time=pl.when(pl.col("user_feedback").is_not_null()).then(
                pl.min_horizontal(pl.col("end_time") + pl.duration(microseconds=pl.lit(delay)), last_moment)
            ),
            correction=pl.when((pl.col("user_feedback") == "corrected") & (pl.col("correction") != "")).then(
                pl.col("correction")
            ),
        )
        .select(
            pl.col(name).cast(dtype) if name in _MADE else pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in SPAN_SCHEMA.items()
        )
    )
