"""All recognisers as one: each looks only at texts that can hold what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl

from tail_pipeline.adapters.recognisers.addresses import MAY_HOLD_EMAIL, MAY_HOLD_IP, emails, ips
from tail_pipeline.adapters.recognisers.folding import MAY_HIDE, folded
from tail_pipeline.adapters.recognisers.keys import MAY_HOLD_KEY, MAY_HOLD_PASSWORD, keys, passwords
from tail_pipeline.adapters.recognisers.numbers import (
    MAY_HOLD_IBAN,
    MAY_HOLD_NUMBER,
    MAY_HOLD_PERSONAL_ID,
    MAY_HOLD_WALLET,
    ibans,
    numbers,
    personal_ids,
    wallets,
)
from tail_pipeline.domain.redaction import EVERYTHING, Found, joined

# The patterns are for Polars' regex engine, which is linear in the text and many times faster than Python's.
_FAMILIES: tuple[tuple[str, Callable[[str], Iterator[Found]]], ...] = (
    (MAY_HOLD_EMAIL, emails),
    (MAY_HOLD_KEY, keys),
    (MAY_HOLD_PASSWORD, passwords),
    (MAY_HOLD_IBAN, ibans),
    (MAY_HOLD_WALLET, wallets),
    (MAY_HOLD_PERSONAL_ID, personal_ids),
    (MAY_HOLD_NUMBER, numbers),
    (MAY_HOLD_IP, ips),
)
_HIDDEN_BIT = 1 << len(_FAMILIES)


class PatternRecogniser:
    """``Recogniser`` by form alone: names of people and places have none, and stay."""

    def may_hold(self, texts: pl.Series) -> pl.Series:
        patterns = [*(pattern for pattern, _ in _FAMILIES), MAY_HIDE]
        bits = pl.sum_horizontal(
            pl.col("text").str.contains(pattern).cast(pl.UInt16) * (1 << number)
            for number, pattern in enumerate(patterns)
        )
        return texts.alias("text").to_frame().select(bits.cast(pl.UInt16)).to_series()

    def find(self, text: str, may_hold: int = EVERYTHING) -> list[Found]:
        if may_hold & _HIDDEN_BIT:
            view = folded(text)
            found = [one for _, find in _FAMILIES for one in find(view.text)]
            typed = [(*view.typed(one.start, one.end), one) for one in found]
            return joined((Found(start, end, one.kind, one.value) for start, end, one in typed), text)
        return joined(
            (one for number, (_, find) in enumerate(_FAMILIES) if may_hold & (1 << number) for one in find(text)), text
        )
