"""All recognisers as one: each looks only at texts that can hold what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import polars as pl

from tail_pipeline.adapters.recognisers.addresses import MAY_HOLD_EMAIL, MAY_HOLD_IP, emails, ips
from tail_pipeline.adapters.recognisers.folding import folded
from tail_pipeline.adapters.recognisers.keys import MAY_HOLD_KEY, keys, passwords
from tail_pipeline.adapters.recognisers.numbers import MAY_HOLD_CODE, MAY_HOLD_NUMBER, codes, numbers
from tail_pipeline.domain.redaction import Found, joined

# For Polars' regex engine, which is linear in the text and reads it several times faster than Python's.
_MAY_HOLD = "|".join(
    f"(?:{one})" for one in (MAY_HOLD_EMAIL, MAY_HOLD_IP, MAY_HOLD_NUMBER, MAY_HOLD_CODE, MAY_HOLD_KEY)
)
_MAY_HIDE = (
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\uff10-\uff19\uff20\uff0b]|=\r?\n"
    r"|&#|&(?:commat|period|plus);|%40|%2[bB]|\\u[0-9a-fA-F]{4}|[\p{Nd}&&[^0-9]]"
)
_FAMILIES: tuple[tuple[re.Pattern[str], Callable[[str], Iterator[Found]]], ...] = tuple(
    (re.compile(pattern), find)
    for pattern, find in (
        (MAY_HOLD_EMAIL, emails),
        (MAY_HOLD_KEY, keys),
        (MAY_HOLD_KEY, passwords),
        (MAY_HOLD_CODE, codes),
        (MAY_HOLD_NUMBER, numbers),
        (MAY_HOLD_IP, ips),
    )
)


class PatternRecogniser:
    """``Recogniser`` by form alone: names of people and places have none, and stay."""

    def candidates(self, texts: pl.Series) -> pl.Series:
        return texts.str.contains(_MAY_HOLD) | texts.str.contains(_MAY_HIDE)

    def find(self, text: str) -> list[Found]:
        view = folded(text)
        found = []
        for may_hold, find in _FAMILIES:
            if may_hold.search(view.text):
                for one in find(view.text):
                    start, end = view.typed(one.start, one.end)
                    found.append(Found(start, end, one.kind, one.value))
        return joined(found, text)
