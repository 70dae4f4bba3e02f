"""What simulated people say about one thing, and how they type it: the parts of which all simulated traffic is made."""

from __future__ import annotations

import inspect
import random
from dataclasses import dataclass

OPENINGS = ("hi, ", "Hi! ", "hello - ", "hey, ", "Quick one: ", "Quick question, ", "ok so ", "sorry, one more: ")
CLOSINGS = (" thanks", " Thanks!", " pls", " Cheers", " please?", " - thank you", " ta", " (it's urgent)", " asap")


def lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


def pastes(text: str) -> tuple[str, ...]:
    """Texts of several lines, parted by a line of dashes."""
    return tuple(inspect.cleandoc(text).split("\n-----\n"))


@dataclass(frozen=True)
class Topic:
    """One intent: how people put it, the clause passages retrieved for it, and answers good and bad.

    Without passages the turn is small talk or product help. ``poor`` answers are those of turns that fail.
    """

    name: str
    phrasings: tuple[str, ...]
    passages: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    poor: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    share: float = 1.0
    pasted: bool = False
    """Copied in as it is: no greeting, no typo."""


def as_typed(rng: random.Random, text: str) -> str:
    """The text as somebody in a hurry types it: greetings, lower case, a missing full stop, two letters swapped."""
    if rng.random() < 0.25:
        text = text.lower()
    if rng.random() < 0.3:
        text = text.rstrip(".?!")
    if rng.random() < 0.08:
        swap = rng.randrange(1, len(text))
        text = text[: swap - 1] + text[swap] + text[swap - 1] + text[swap + 1 :]
    if rng.random() < 0.12 and len(text) > 12:
        text = rng.choice(OPENINGS) + text
    if rng.random() < 0.12 and len(text) > 12:
        text += rng.choice(CLOSINGS)
    return text
