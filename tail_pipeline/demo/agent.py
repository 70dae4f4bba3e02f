"""A simulated agent to try the example's cases on: what the fictional assistant Clausewise answers today.

No model is behind it. Since its traffic was recorded it has learnt some intents, still fails others, and is unsure of a
few: those it answers now well, now badly, by random numbers that are seeded anew for each question in each process.
"""

from __future__ import annotations

import random
import re
from collections import Counter

from tail_pipeline.demo import phrases
from tail_pipeline.demo.phrases import Topic

LEARNT = (
    phrases.NARROW_TLDR,
    phrases.NDA_SHARING,
    phrases.RENEWAL_REMINDER,
    phrases.TRANSLATION,
)
STILL_FAILING = (
    phrases.INJECTION,
    phrases.LONG_TABLE,
    phrases.NDA_BREACH,
    phrases.NDA_RESIDUALS,
    phrases.NDA_RETURN,
    phrases.NDA_TERM,
    phrases.OUT_OF_STATE,
    phrases.WORKING_DAYS,
)
UNSURE = (phrases.COMPARE_AND_EXPORT, phrases.TONE)

_WORD = re.compile(r"[a-z]+|§")
_CLAUSE = re.compile(r"\b\d{1,2}\.\d\b")
_dice: dict[str, random.Random] = {}


def answer(asked: str, contexts: list[str]) -> str:
    """The simulated answer to what was asked, with clause numbers and amounts as the passages have them."""
    topic = _closest_topic(asked)
    if topic is None:
        return phrases.VAGUE_ANSWERS[0].format_map(_slots(asked, contexts))
    good = topic not in STILL_FAILING
    if topic in UNSURE:
        good = _dice.setdefault(asked, random.Random(asked)).random() < 0.5
    chosen = (topic.corrections or topic.answers) if good else topic.poor
    return chosen[0].format_map(_slots(asked, contexts))


def _closest_topic(asked: str) -> Topic | None:
    """The topic one of whose phrasings shares most words with the question; None when hardly any does."""
    words = _words(asked)
    scores = [
        (max(_overlap(words, _words(phrasing)) for phrasing in topic.phrasings), topic)
        for topic in (*LEARNT, *STILL_FAILING, *UNSURE, *phrases.ORDINARY)
    ]
    score, topic = max(scores, key=lambda one: one[0])
    return topic if score >= 0.4 else None


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _slots(asked: str, contexts: list[str]) -> dict[str, str]:
    """A value for each slot of an answer: as the passages have it, else as the question does, else the first there is."""
    text = "\n".join([*contexts, asked])
    found = {
        name: next((value for value in values if _stands_in(value, text)), values[0])
        for name, values in phrases.SLOTS.items()
    }
    clauses = [match[0] for passage in contexts for match in _CLAUSE.finditer(passage)]
    return found | dict(zip(("n", "m"), clauses, strict=False))


def _stands_in(value: str, text: str) -> bool:
    """As a whole: 14 does not stand in 14.2."""
    return re.search(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)", text, re.IGNORECASE) is not None
