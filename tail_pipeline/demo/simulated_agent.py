"""A simulated agent to try an example's cases on; no model is behind it.

Since its traffic was recorded it has learnt some intents, still fails others, and is unsure of a few: those it answers
now well, now badly, by random numbers that are seeded anew for each question in each process.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from tail_pipeline.demo.topics import Topic

_WORD = re.compile(r"[a-z]+|§")


class SimulatedAgent:
    """Called with what was asked and the passages; answers as the topic does that is put most like it."""

    def __init__(
        self,
        *,
        good_at: Sequence[Topic],
        still_failing: Sequence[Topic],
        unsure: Sequence[Topic],
        slots: Mapping[str, Sequence[str]],
        at_a_loss: str,
    ) -> None:
        """``at_a_loss`` is answered to what is like no topic; like all answers it may name slots."""
        self._topics = (*still_failing, *unsure, *good_at)
        self._still_failing = tuple(still_failing)
        self._unsure = tuple(unsure)
        self._slots = slots
        self._at_a_loss = at_a_loss
        self._dice: dict[str, random.Random] = {}

    def __call__(self, asked: str, contexts: list[str]) -> str:
        """The simulated answer, with names and amounts as the passages or else the question have them."""
        topic = self._closest_topic(asked)
        if topic is None:
            return self._at_a_loss.format_map(self.slots_of(asked, contexts))
        good = topic not in self._still_failing
        if topic in self._unsure:
            good = self._dice.setdefault(asked, random.Random(asked)).random() < 0.5
        chosen = (topic.corrections or topic.answers) if good else topic.poor
        return chosen[0].format_map(self.slots_of(asked, contexts))

    def _closest_topic(self, asked: str) -> Topic | None:
        """The topic one of whose phrasings shares most words with the question; None when hardly any does."""
        words = _words(asked)
        scores = [
            (max(_overlap(words, _words(phrasing)) for phrasing in topic.phrasings), topic) for topic in self._topics
        ]
        score, topic = max(scores, key=lambda one: one[0])
        return topic if score >= 0.4 else None

    def slots_of(self, asked: str, contexts: list[str]) -> dict[str, str]:
        """A value for each slot: as the passages have it, else as the question does, else the first there is."""
        text = "\n".join([*contexts, asked])
        return {
            name: next((value for value in values if _stands_in(value, text)), values[0])
            for name, values in self._slots.items()
        }


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _stands_in(value: str, text: str) -> bool:
    """As a whole: 14 does not stand in 14.2."""
    return re.search(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)", text, re.IGNORECASE) is not None
