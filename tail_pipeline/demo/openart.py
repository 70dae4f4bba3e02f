"""Simulated traffic of the fictional film assistant "OpenArt": a graph of nodes for each scene, as OTLP traces.

A trace is one scene: a chain at its root, and below it a span for each node, with the model call and the style sheet
that was looked up. Each node is scored by itself; a scene that one node spoils is well served by the others.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tail_pipeline.demo import openart_phrases as phrases
from tail_pipeline.demo.examples import Example
from tail_pipeline.demo.openart_phrases import Gap
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay, weeks_between

FIRST_WEEK = IsoWeek(2026, 14)
LAST_WEEK = IsoWeek(2026, 17)
SCENES_A_WEEK = 60
NODES = {"prompt-repair": "PromptRepair", "shot-plan": "ShotPlan", "continuity-check": "ContinuityCheck"}
"""Segment → how the graph names its node."""

UNDECLARED = "LipSync"
"""A node that joins the graph in ``UNDECLARED_FROM``, and that nobody has declared yet."""

UNDECLARED_FROM = IsoWeek(2026, 17)
_SEED = 23
_RESOURCE = {"service.name": "openart-director", "deployment.environment.name": "simulated"}


def write_traffic(folder: Path) -> None:
    """One file of OTLP JSON lines a day, a request for each scene, as the Collector's file exporter leaves them."""
    for week in weeks_between(FIRST_WEEK, LAST_WEEK):
        files: dict[str, list[str]] = {}
        for scene in scenes_of(week):
            started = datetime.fromtimestamp(int(scene[0]["startTimeUnixNano"]) / 1e9, UTC)
            files.setdefault(f"{started:%Y-%m-%d}", []).append(_request(scene))
        for day, lines in sorted(files.items()):
            path = folder / f"{day}.jsonl"
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            # The file was last written when its day was over.
            closed = datetime.fromisoformat(f"{day}T23:59:59+00:00").timestamp()
            os.utime(path, (closed, closed))


def scenes_of(week: IsoWeek) -> Iterator[list[dict[str, Any]]]:
    """The scenes of the week's window in the order in which they began; each is the spans of one trace, root first."""
    rng = random.Random(f"{_SEED}/{week}")
    window = MiningDay(week.monday).window(Cadence.WEEKLY)
    starts = sorted(window.start + timedelta(seconds=rng.uniform(0, 7 * 86_400 - 600)) for _ in range(SCENES_A_WEEK))
    # Scenes with a gap lie anywhere in the week, and no scene has two.
    places = iter(rng.sample(range(SCENES_A_WEEK), SCENES_A_WEEK))
    gaps = {next(places): (gap, number) for gap in phrases.GAPS for number in range(gap.scenes.get(str(week), 0))}
    for number, start in enumerate(starts):
        yield _Scene(week, number, start, gaps.get(number)).spans()


class _Scene:
    """One trace in the making."""

    def __init__(self, week: IsoWeek, number: int, start: datetime, gap: tuple[Gap, int] | None) -> None:
        self._week = week
        self._rng = random.Random(f"{_SEED}/{week}/{number}")
        self._name = f"{_SEED}/{week}/{number}"
        self._now = start
        self._gap = gap
        self._count = 0
        self._spans: list[dict[str, Any]] = []
        self._slots = self._drawn_slots(number)

    def spans(self) -> list[dict[str, Any]]:
        film, scene = self._slots["film"], self._slots["scene"]
        root = self._span(
            "scene",
            {
                "openinference.span.kind": "CHAIN",
                "session.id": f"{film}".lower().replace(" ", "-"),
                "input.value": f"{film}, scene {scene}",
            },
            parent=None,
        )
        for node in NODES:
            self._node(node, root)
        if self._week >= UNDECLARED_FROM:
            lips = {"openinference.span.kind": "CHAIN", "graph.node.id": UNDECLARED, "input.value": f"scene {scene}"}
            self._end(self._span("lip-sync", {**lips, "output.value": "in sync", "rubric_score": 0.95}, parent=root))
        self._end(root)
        return self._spans

    def _node(self, node: str, root: Mapping[str, Any]) -> None:
        work, rng = phrases.ORDINARY[node], self._rng
        gap, number = self._gap if self._gap and self._gap[0].node == node else (None, 0)
        given, answers = (gap.given, gap.poor) if gap else (work.given, work.answers)
        asked = (given[number % len(given)] if gap else rng.choice(given)).format_map(self._slots)
        answer = rng.choice(answers).format_map(self._slots)
        told: dict[str, Any] = {
            "openinference.span.kind": "CHAIN",
            "graph.node.id": NODES[node],
            "input.value": asked,
            "output.value": answer,
            "rubric_score": round(rng.uniform(*gap.score) if gap else 0.9 + 0.09 * rng.betavariate(4, 2), 3),
        }
        if gap and gap.labels:
            told["tag.tags"] = list(gap.labels)
        if gap and gap.correction:
            told |= {"user_feedback": "corrected", "correction": gap.correction.format_map(self._slots)}
        span = self._span(node, told, parent=root)
        if work.passages:
            found = {
                f"retrieval.documents.{place}.document.content": text.format_map(self._slots)
                for place, text in enumerate(work.passages)
            }
            self._end(self._span("style-sheet", {"openinference.span.kind": "RETRIEVER", **found}, parent=span))
        call = {"openinference.span.kind": "LLM", "llm.model_name": "simulated/director-1"}
        self._end(self._span("chat", call, parent=span))
        self._end(span)

    def _drawn_slots(self, number: int) -> dict[str, object]:
        rng = self._rng
        scene, prop = 2 + number, rng.choice(phrases.PROPS)
        return {
            "film": rng.choice(phrases.FILMS),
            "scene": scene,
            "before": scene - 1,
            "who": rng.choice(phrases.CHARACTERS),
            "place": rng.choice(phrases.PLACES),
            "prop": prop,
            "mood": rng.choice(phrases.MOODS),
            "light": rng.choice(phrases.LIGHTS),
            "action": rng.choice(phrases.ACTIONS).format(prop=prop),
            "length": rng.choice((12, 15, 20, 30)),
        }

    def _span(self, name: str, attributes: Mapping[str, Any], *, parent: Mapping[str, Any] | None) -> dict[str, Any]:
        """A span that begins now; every span takes a little time before the next one begins."""
        self._count += 1
        span = {
            "traceId": _digest(self._name, 32),
            "spanId": _digest(f"{self._name}/{self._count}", 16),
            **({"parentSpanId": parent["spanId"]} if parent else {}),
            "name": name,
            "kind": 1,
            "startTimeUnixNano": _nanos(self._now),
            "attributes": _attributes(attributes),
            "status": {},
        }
        self._now += timedelta(milliseconds=self._rng.randrange(20, 400))
        self._spans.append(span)
        return span

    def _end(self, span: dict[str, Any]) -> None:
        self._now += timedelta(milliseconds=self._rng.randrange(200, 4000))
        span["endTimeUnixNano"] = _nanos(self._now)


def _request(spans: Sequence[Mapping[str, Any]]) -> str:
    scope = {"scope": {"name": "openart.graph"}, "spans": spans}
    resource = {"resource": {"attributes": _attributes(_RESOURCE)}, "scopeSpans": [scope]}
    return json.dumps({"resourceSpans": [resource]}, ensure_ascii=False)


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OTLP/JSON: a list of keys, each with a value that says its type."""
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case _:
            return {"stringValue": str(value)}


def _nanos(moment: datetime) -> str:
    return str(int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000)


def _digest(name: str, length: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:length]


EXAMPLE = Example(
    eval_dir="eval/examples/openart",
    write_traffic=write_traffic,
    first_day=MiningDay(FIRST_WEEK.monday),
    last_day=MiningDay(LAST_WEEK.monday),
)
