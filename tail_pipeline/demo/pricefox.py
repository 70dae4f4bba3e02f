"""Simulated traffic of the fictional pricing assistant "PriceFox": two hundred shops, each a tenant, and nine days.

A shop asks between a few and some thirty things a day, and about none on the days it is shut. What fails is planted:
gaps of one shop, of exactly two, and of many. In each shop's texts stands a brand that no other shop has.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import product
from pathlib import Path

import polars as pl

from tail_pipeline.demo import pricefox_phrases as phrases
from tail_pipeline.demo.examples import Example
from tail_pipeline.demo.topics import Topic, as_typed
from tail_pipeline.domain.spans import SPAN_SCHEMA
from tail_pipeline.domain.weeks import MiningDay

AGENT = "pricefox"
FIRST_DAY = MiningDay.parse("2026-W16-1")
LAST_DAY = MiningDay.parse("2026-W17-2")
SHOPS_A_TRADE = 10
UNDECLARED = "quicksilver-kiosk"
"""A shop that signed its contract in the middle of the week, and that nobody has declared yet."""

UNDECLARED_BRAND, STRAY_BRAND = "Kioskarine", "Strayborne"
"""What stands in the texts of the undeclared shop, and in those of nobody's."""

NEW_SHOP_FROM = date(2026, 4, 15)
_SEED = 11
_SHARE_SHUT_ON_SUNDAYS = 0.6
_SUNDAY = 7


@dataclass(frozen=True)
class Shop:
    """A tenant: its segment name, how the traces spell it, its house brand, what it sells and how much it asks a day."""

    name: str
    spelling: str
    brand: str
    goods: tuple[str, ...]
    turns: int
    shut_on_sundays: bool


@cache
def shops() -> tuple[Shop, ...]:
    """The two hundred tenants that ``eval/examples/pricefox/agents.yaml`` declares, by name."""
    rng = random.Random(_SEED)
    names = sorted(
        f"{first}-{trade}" for trade in phrases.TRADES for first in rng.sample(phrases.FIRST_WORDS, SHOPS_A_TRADE)
    )
    brands = rng.sample(["".join(parts).title() for parts in product(*phrases.SYLLABLES)], len(names))
    return tuple(
        Shop(
            name,
            _spelling(name, number),
            brand,
            phrases.TRADES[name.partition("-")[2]],
            turns=min(30, 3 + int(rng.expovariate(0.18))),
            shut_on_sundays=rng.random() < _SHARE_SHUT_ON_SUNDAYS,
        )
        for number, (name, brand) in enumerate(zip(names, brands, strict=True))
    )


def _spelling(name: str, number: int) -> str:
    """Most systems write the name as we do; every eighth shop was onboarded by somebody who did not."""
    if number % 8 != 3:
        return name
    words = name.replace("-", " ")
    return (
        f"{words.title()} Ltd.",
        words.upper().replace(" ", "_"),
        f"{words.title()} & Töchter",
        f"t-{1000 + number}",
    )[number // 8 % 4]


@cache
def planted() -> Mapping[Topic, tuple[str, ...]]:
    """The gaps that are known to be in the traffic, and the shops that meet them in the course of the week."""
    names = [shop.name for shop in shops()]
    food = [name for name in names if name.endswith(("-cheese", "-coffee", "-soaps"))]
    return {
        phrases.STACKED: tuple(names[2::8]),
        phrases.UNIT_PRICE: tuple(food[::4]),
        phrases.LOWEST_PRICE: tuple(names[5::33]),
        phrases.GIFT_VOUCHER: (names[17], names[131]),
        phrases.BOTTLE_DEPOSIT: (next(name for name in names if name.endswith("-wines")),),
        phrases.DOZENS: (next(name for name in names if name.endswith("-crafts")),),
    }


def write_traffic(folder: Path) -> None:
    """One Parquet file a day, its rows by tenant, so that a reader of one tenant skips most of it."""
    for day in traffic_days():
        frame = pl.DataFrame(list(turns_of(day)), schema=SPAN_SCHEMA, orient="row")
        frame.sort("tenant", "start_time", "span_id", nulls_last=True).write_parquet(
            folder / f"{day}.parquet", row_group_size=256, statistics=True
        )


def traffic_days() -> list[date]:
    """The days before the mining days."""
    first = FIRST_DAY.day - timedelta(days=1)
    return [first + timedelta(days=number) for number in range((LAST_DAY.day - FIRST_DAY.day).days + 1)]


def turns_of(day: date) -> Iterator[dict[str, object]]:
    """Everything that was asked on that day, as rows in the span schema."""
    for number, shop in enumerate(shops()):
        if not (shop.shut_on_sundays and day.isoweekday() == _SUNDAY):
            yield from _ShopDay(shop, day, number).rows()
    if day >= NEW_SHOP_FROM:
        new = Shop(UNDECLARED, UNDECLARED, UNDECLARED_BRAND, phrases.TRADES["stationery"], 9, shut_on_sundays=False)
        yield from _ShopDay(new, day, len(shops())).rows()
    # The till of a fair stand was never told whose it is.
    stray = Shop("", "", STRAY_BRAND, phrases.TRADES["toys"], 7, shut_on_sundays=False)
    for row in _ShopDay(stray, day, len(shops()) + 1).rows():
        yield row | {"tenant": None}


class _ShopDay:
    """One day of one shop, with random numbers of its own: it does not change with the other shops' traffic."""

    def __init__(self, shop: Shop, day: date, number: int) -> None:
        self._shop = shop
        self._day = day
        self._number = number
        self._rng = random.Random(f"{_SEED}/{shop.name}/{day}")
        self._count = 0

    def rows(self) -> Iterator[dict[str, object]]:
        for topic in self._gaps():
            wanted = 1 if "regulatory" in topic.labels else self._rng.randint(2, min(4, len(topic.phrasings)))
            for place, phrasing in enumerate(self._rng.sample(topic.phrasings, wanted)):
                yield self._failing(topic, phrasing, place)
        shares = [topic.share for topic in phrases.ORDINARY]
        for _ in range(max(1, round(self._shop.turns * self._rng.uniform(0.6, 1.3)))):
            topic = self._rng.choices(phrases.ORDINARY, weights=shares)[0]
            yield self._ordinary(topic)

    def _gaps(self) -> list[Topic]:
        """Planted gaps come on two days of three; a local one, each time another, on every third or seventh day."""
        turn = self._number + self._day.toordinal()
        gaps = [topic for topic, names in planted().items() if self._shop.name in names and turn % 3 != 1]
        if turn % (7 if self._number % 2 else 3) == 0:
            gaps.append(phrases.LOCAL[turn // 3 % len(phrases.LOCAL)])
        return gaps

    def _ordinary(self, topic: Topic) -> dict[str, object]:
        rng = self._rng
        row = self._turn(topic, rng.choice(topic.phrasings))
        chance = rng.random()
        if chance < 0.008:
            row["rubric_score"] = round(rng.uniform(0.7, 0.819), 3)
        elif chance < 0.014:
            row |= self._feedback(row, rng.choice(("thumbs_down", "regenerated")))
        elif chance < 0.03:
            row |= {"rubric_score": None, "ragas_faithfulness": None}
        elif chance < 0.09:
            row |= self._feedback(row, "thumbs_up")
        return row

    def _failing(self, topic: Topic, phrasing: str, place: int) -> dict[str, object]:
        rng = self._rng
        row = self._turn(topic, phrasing, poor=True)
        row["rubric_score"] = round(rng.uniform(0.35, 0.78), 3)
        if rng.random() < 0.5:
            row["ragas_faithfulness"] = rng.choice((0.2, 0.25, 0.333, 0.5, 0.6, 0.667))
        if place == 1 and topic.corrections:
            row |= self._feedback(row, "corrected")
            row["correction"] = topic.corrections[0].format_map(self._slots)
        elif rng.random() < 0.25:
            row |= self._feedback(row, "thumbs_down")
        return row

    def _turn(self, topic: Topic, phrasing: str, *, poor: bool = False) -> dict[str, object]:
        rng, self._count = self._rng, self._count + 1
        self._slots = self._drawn_slots()
        opening = datetime.combine(self._day, time(8), UTC)
        moment = opening + timedelta(seconds=rng.triangular(0, 12 * 3600, 5 * 3600))
        asked = as_typed(rng, phrasing.format_map(self._slots))
        return {
            "trace_id": self._identifier("trace", 32),
            "span_id": self._identifier("span", 16),
            "session_id": self._identifier("session", 12),
            "agent": AGENT,
            "tenant": self._shop.spelling,
            "model": "simulated/pricefox-2",
            "input": asked,
            "output": rng.choice(topic.poor if poor else topic.answers).format_map(self._slots),
            "contexts": [passage.format_map(self._slots) for passage in topic.passages],
            "labels": list(topic.labels),
            "start_time": moment,
            "end_time": moment + timedelta(seconds=rng.uniform(0.6, 6)),
            "rubric_score": round(0.83 + 0.16 * rng.betavariate(5, 2.2), 3),
            "ragas_faithfulness": 1.0 if topic.passages else None,
            "metadata": json.dumps({"simulated": True, "topic": topic.name}),
            "truncated": False,
            "orphan": False,
        }

    def _drawn_slots(self) -> dict[str, object]:
        """Goods, and amounts that agree with one another."""
        rng = self._rng
        item, other = rng.sample(self._shop.goods, 2)
        margin, a, b = rng.choice((30, 35, 40, 45, 50)), rng.choice((15, 20, 25, 30)), rng.choice((5, 10))
        cost = rng.randrange(250, 6000, 25) / 100
        price = round(cost / (1 - margin / 100), 1)
        amounts = {
            "cost": cost,
            "price": price,
            "lower": price * 0.9,
            "stacked": price * (1 - a / 100) * (1 - b / 100),
            "added": price * (1 - (a + b) / 100),
            "unit": price / 7.5,
            "wrong_unit": price / 2.5,
        }
        return {
            **{name: f"£{amount:.2f}" for name, amount in amounts.items()},
            "item": item,
            "other": other,
            "brand": self._shop.brand,
            "rival": rng.choice(phrases.RIVALS),
            "season": rng.choice(phrases.SEASONS),
            "margin": margin,
            "a": a,
            "b": b,
            "sum": a + b,
        }

    def _feedback(self, row: Mapping[str, object], given: str) -> dict[str, object]:
        """Given within a quarter of an hour, and on the same day."""
        asked = row["end_time"]
        assert isinstance(asked, datetime)
        return {"user_feedback": given, "feedback_time": asked + timedelta(seconds=self._rng.uniform(5, 900))}

    def _identifier(self, kind: str, length: int) -> str:
        named = f"{_SEED}/{self._shop.name}/{self._day}/{kind}/{self._count}"
        return hashlib.sha256(named.encode()).hexdigest()[:length]


EXAMPLE = Example(
    eval_dir="eval/examples/pricefox",
    write_traffic=write_traffic,
    # All shops on one day take minutes; the traffic goes on for a week.
    first_day=MiningDay.parse("2026-W16-2"),
    last_day=MiningDay.parse("2026-W16-2"),
)
