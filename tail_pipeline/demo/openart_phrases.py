"""What the nodes of the fictional film assistant "OpenArt" are given, scene by scene, and what they make of it.

All of it is invented: films, characters, props and places. A scene's brief goes through three nodes: one repairs the
prompt, one plans the shots, one checks the continuity with the scene before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FILMS = (
    "The Salt Road", "Nine Lanterns", "A Clock for Winter", "Harbour Lights", "The Paper Astronaut",
    "Under the Viaduct", "Marzipan", "The Last Ferry",
)  # fmt: skip
CHARACTERS = ("Ilse", "Tomas", "the lighthouse keeper", "Noor", "old Beck", "the courier", "Dr. Amari", "Juno")
PLACES = (
    "a night market in the rain", "an empty ferry deck", "a greenhouse at noon", "the top of a lighthouse",
    "a train compartment", "a kitchen with blue tiles", "a rooftop with water tanks", "a snowed-in petrol station",
)  # fmt: skip
PROPS = ("a red umbrella", "a brass compass", "a cracked thermos", "a folded letter", "a green suitcase", "a torch")
MOODS = ("quiet and tense", "warm, almost playful", "melancholic", "hurried", "dreamlike", "sober, documentary")
LIGHTS = ("sodium street light", "low winter sun", "a single torch", "overcast daylight", "neon from across the street")
ACTIONS = (
    "waits for somebody who does not come", "hides {prop} behind a crate", "reads a message and laughs",
    "hands {prop} to a stranger", "looks back once and leaves", "finds the door unlocked", "counts the money twice",
)  # fmt: skip


@dataclass(frozen=True)
class Work:
    """One node at work on a scene: what it is given, what it answers when it does well, and what else it looks at."""

    given: tuple[str, ...]
    answers: tuple[str, ...]
    passages: tuple[str, ...] = ()


ORDINARY: Mapping[str, Work] = {
    "prompt-repair": Work(
        (
            "Repair the prompt: {who} {action}, {place}, {mood}",
            "Prompt of scene {scene}, please repair: {place}; {who} {action}; {light}",
            "Make this prompt work for the image model: {who} in {place}, {mood}, {light}",
        ),
        (
            "{who} in {place}, {mood}, lit by {light}, medium shot, 35 mm, natural skin. Negative: extra limbs, text.",
            "Medium shot of {who} in {place}; {light}; {mood}; 35 mm film grain. Negative: watermark, extra fingers.",
        ),
    ),
    "shot-plan": Work(
        (
            "Plan the shots of scene {scene}: {who} {action}. Place: {place}. Mood: {mood}.",
            "Scene {scene} of {film}, {length} seconds: {who} {action}, {place}. Which shots?",
            "Break down into shots: {who} {action} in {place}, {length} seconds, {mood}",
        ),
        (
            "1. Wide, {place}, 4 s. 2. Medium, {who} {action}, 6 s. 3. Close on the face, 3 s. Axis kept left to right.",
            "1. Slow push in on {who}, 5 s. 2. Insert: {prop}, 2 s. 3. Over the shoulder, {place}, 5 s.",
        ),
        ("Style sheet of {film}: {mood}, {light}, no handheld camera.",),
    ),
    "continuity-check": Work(
        (
            "Check scene {scene} against the scene before: {who} still carries {prop}, {light}.",
            "Continuity of scene {scene}: {who}, {prop}, {place}. Anything that does not match?",
            "Does scene {scene} follow from scene {before}? {who} has {prop}, light: {light}",
        ),
        (
            "Matches: {who} has {prop} in both scenes, and the light is {light}.",
            "One remark: scene {before} ends in {light}; otherwise {who} and {prop} match.",
        ),
        ("Scene {before} of {film}: {who} leaves with {prop}; {light}.",),
    ),
}


@dataclass(frozen=True)
class Gap:
    """A gap of one node that is known to be in the traffic; other nodes do well on the very same scenes."""

    name: str
    node: str
    scenes: Mapping[str, int]
    """Mining week → in how many scenes."""
    given: tuple[str, ...]
    poor: tuple[str, ...]
    score: tuple[float, float]
    correction: str | None = None
    labels: tuple[str, ...] = ()


GAPS: tuple[Gap, ...] = (
    Gap(
        "mirror_text",
        "prompt-repair",
        {"2026-W15": 1},
        ("Repair the prompt: the shop sign is read in a mirror, so its lettering has to be reversed, {place}",),
        ("{place} with a shop sign, crisp readable lettering. Negative: reversed text, mirror, blurry.",),
        (0.41, 0.41),
        correction="A shop sign seen in a mirror, its lettering reversed, {place}, 35 mm. Negative: extra limbs.",
    ),
    Gap(
        "negations",
        "prompt-repair",
        {"2026-W16": 3, "2026-W17": 2},
        (
            "Repair the prompt: a birthday table with no candles and no people, {light}",
            "a birthday table, without any candles and without people, {light}: please repair the prompt",
            "Prompt to repair: no candles, no people, only the birthday table, {light}",
        ),
        ("A birthday table with candles, people gathered around it, {light}, 35 mm.",),
        (0.3, 0.6),
    ),
    Gap(
        "crossing_the_line",
        "shot-plan",
        {"2026-W15": 3, "2026-W17": 3},
        (
            "Plan a dialogue of {who} and a stranger across a table, shot and reverse shot, {length} seconds",
            "Dialogue across a table, {who} and a stranger: shot, reverse shot, {length} seconds, please plan",
            "shot and reverse shot for a dialogue across a table between {who} and a stranger",
        ),
        ("1. {who} from the left, 4 s. 2. Stranger, also from the left, 4 s. 3. {who} from behind the stranger, 4 s.",),
        (0.5, 0.7),
    ),
    Gap(
        "single_take",
        "shot-plan",
        {"2026-W16": 1},
        ("Plan scene {scene} as one unbroken take of {length} seconds: {who} walks from the street into {place}",),
        ("1. Street, 4 s. 2. Cut to the door, 2 s. 3. Cut to {place}, 5 s.",),
        (0.38, 0.38),
    ),
    Gap(
        "flashing_light",
        "shot-plan",
        {"2026-W17": 1},
        ("Plan scene {scene}: a club, strobe light flashing through the whole scene, {length} seconds",),
        ("1. Strobe at 12 flashes a second over everything, {length} s.",),
        (0.6, 0.6),
        labels=("safety",),
    ),
    Gap(
        "left_and_right_hand",
        "continuity-check",
        {"2026-W14": 1, "2026-W16": 2},
        (
            "Check scene {scene}: the bandage was on the left hand before, now {who} wears it on the right hand",
            "Continuity of scene {scene}: bandage on the right hand of {who}, before it was the left hand",
        ),
        ("Matches: {who} wears a bandage in both scenes.",),
        (0.2, 0.5),
    ),
    Gap(
        "time_of_day",
        "continuity-check",
        {"2026-W17": 1},
        (
            "Check scene {scene}: it is cut directly to scene {before}, where the clock said ten to three; now it says noon",
        ),
        ("Matches: there is a clock in both scenes.",),
        (0.45, 0.45),
    ),
)
