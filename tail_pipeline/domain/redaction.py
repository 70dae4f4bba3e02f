"""Private values leave a text before anything is written: what an agent may configure, and how spans are redacted.

What is private in a text, a ``Recogniser`` says; here is what becomes of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from hashlib import blake2b
from typing import Annotated, Any, Protocol

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.placeholders import PLACEHOLDER, PrivateKind, placeholder

MAX_PASSES = 6
_MAX_KEPT = 4_096
_MAX_KEPT_CHARS = 8_000
_MAX_JSON_DEPTH = 64

TEXT_COLUMNS = ("input", "output", "correction", "session_id", "model", "agent", "node_class", "tenant")
LIST_COLUMNS = ("contexts", "labels")
JSON_COLUMNS = ("metadata",)
ID_COLUMNS = ("trace_id", "span_id")

Hook = Callable[[str], Any]
"""Returns the further private values in a text, as they stand in it."""


class RedactConfig(BaseModel):
    """What leaves texts before they are written, beside what is recognised, and what stays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enabled: bool = Field(default=True, description="false: texts are written as they were recorded.")
    allow: list[Annotated[str, Field(pattern=r"\S")]] = Field(
        default_factory=list,
        description="Values that stay, such as the public support address; in any case, * for any characters.",
    )
    python: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = Field(
        default=None,
        description="package.module:function, called with a text; returns the further private values in it.",
    )


@dataclass(frozen=True)
class Found:
    """A private value in a text: ``text[start:end]``; ``value`` is its normalised form, equal for every spelling."""

    start: int
    end: int
    kind: PrivateKind
    value: str


EVERYTHING = 65_535


class Recogniser(Protocol):
    """Finds private values; works offline and in time linear in the text."""

    def may_hold(self, texts: pl.Series) -> pl.Series:
        """What each text of a String series may hold, in bits of the recogniser's own: 0 is nothing for sure. UInt16, no nulls."""
        ...

    def find(self, text: str, may_hold: int = EVERYTHING) -> list[Found]:
        """What is private in a text, in order, without overlaps; ``may_hold`` may name more than there is, and never less."""
        ...


Redacted = tuple[str, Counter[str]]
"""A text with placeholders, and how many values of each kind they stand for."""

Redact = Callable[[str, int], Redacted]
"""Redacts a text that may hold so much."""


@dataclass(frozen=True)
class _Leaves:
    """What the texts of one document may hold, and what was found in them."""

    may_hold: int
    found: Counter[str]


class PrivateValueRedactor:
    """Puts placeholders where private values are, the same for the same value in all texts of one agent and segment.

    ``segment_column`` holds one value, which configuration names: it stays. ``taken`` counts what was taken out of
    frames, by kind. What was redacted once is not changed by redacting it again.
    """

    def __init__(
        self,
        config: RedactConfig,
        recogniser: Recogniser,
        *,
        salt: str,
        segment_column: str | None = None,
        hook: Hook | None = None,
    ) -> None:
        self._recogniser = recogniser
        self._salt = salt
        self._segment_column = segment_column
        self._hook = hook
        self._hook_name = config.python
        self._allowed = _Allowed(config.allow)
        self._kept: OrderedDict[str, Redacted] = OrderedDict()
        self.taken: Counter[str] = Counter()

    def redact(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The span frame with placeholders; metadata that was JSON is JSON, and equal ids stay equal."""
        texts = [name for name in TEXT_COLUMNS if name != self._segment_column]
        redacted = [self._in_column(frame[name], self._kept_or_redacted) for name in texts]
        redacted += [self._in_lists(frame[name]) for name in LIST_COLUMNS]
        redacted += [self._in_column(frame[name], self._redacted_json) for name in JSON_COLUMNS]
        redacted += [self._in_column(frame[name], self._redacted_id) for name in ID_COLUMNS]
        return frame.with_columns(redacted)

    def text(self, text: str) -> str:
        """One text that is in no frame, such as a message or an answer; may be called from several threads."""
        return self._redacted(text, self._recogniser.may_hold(pl.Series([text], dtype=pl.String))[0])[0]

    def counts(self, seen: Mapping[str | None, int], declared: Collection[str]) -> dict[str | None, int]:
        """Counts by value of a segment column; names that nobody declared are redacted, and added up where that makes them one."""
        counts: Counter[str | None] = Counter()
        for value, count in seen.items():
            counts[value if value is None or value in declared else self.text(value)] += count
        return dict(counts)

    def _in_column(self, texts: pl.Series, redact: Redact) -> pl.Series:
        changed = self._changed(texts, redact)
        if not changed:
            return texts
        return texts.replace(
            pl.Series(list(changed), dtype=pl.String), pl.Series(list(changed.values()), dtype=pl.String)
        )

    def _in_lists(self, lists: pl.Series) -> pl.Series:
        changed = self._changed(lists.explode(), self._kept_or_redacted)
        if not changed:
            return lists
        old, new = pl.Series(list(changed), dtype=pl.String), pl.Series(list(changed.values()), dtype=pl.String)
        return lists.list.eval(pl.element().replace(old, new))

    def _changed(self, texts: pl.Series, redact: Redact) -> dict[str, str]:
        """Each distinct text that redaction changes, and what becomes of it."""
        distinct = texts.alias("text").drop_nulls().value_counts(name="count")
        distinct = distinct.with_columns(self._recogniser.may_hold(distinct["text"]).alias("may_hold"))
        if self._hook is None:
            distinct = distinct.filter(pl.col("may_hold") > 0)
        changed: dict[str, str] = {}
        for text, count, may_hold in distinct.iter_rows():
            redacted, found = redact(text, may_hold)
            if redacted != text:
                changed[text] = redacted
                for kind, times in found.items():
                    self.taken[kind] += times * count
        return changed

    def _kept_or_redacted(self, text: str, may_hold: int) -> Redacted:
        """As redacted before, for what comes again in frame after frame, such as a passage that is retrieved all week."""
        if len(text) > _MAX_KEPT_CHARS:
            return self._redacted(text, may_hold)
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        redacted = self._kept[text] = self._redacted(text, may_hold)
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return redacted

    def _redacted(self, text: str, may_hold: int) -> Redacted:
        found = self._replaced(text, may_hold)
        if found[0] != text and text.lstrip()[:1] in ("{", "["):
            return self._still_json(text, may_hold, found)
        return found

    def _still_json(self, text: str, may_hold: int, found: Redacted) -> Redacted:
        """As found, unless that takes the quotes that a number did not need and a placeholder does."""
        if _parsed(text) is None or _parsed(found[0]) is not None:
            return found
        return self._redacted_json(text, may_hold)

    def _redacted_json(self, text: str, may_hold: int) -> Redacted:
        """JSON stays JSON, and as it was where nothing is private in it; anything else is a text."""
        document = _parsed(text)
        if document is None:
            return self._replaced(text, may_hold)
        found: Counter[str] = Counter()
        leaves = _Leaves(EVERYTHING if "\\" in text else may_hold, found)
        try:
            redacted = self._value(document[0], "", leaves, 0)
        except RecursionError:
            return self._replaced(text, may_hold)
        if not found:
            return text, found
        return json.dumps(redacted, ensure_ascii=False), found

    def _value(self, value: Any, key: str, leaves: _Leaves, depth: int) -> Any:
        if depth > _MAX_JSON_DEPTH:
            raise RecursionError
        if isinstance(value, dict):
            return {
                self._leaf(name, "", leaves): self._value(one, name, leaves, depth + 1) for name, one in value.items()
            }
        if isinstance(value, list):
            return [self._value(one, key, leaves, depth + 1) for one in value]
        if isinstance(value, str):
            return self._leaf(value, key, leaves)
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = json.dumps(value)
            redacted = self._leaf(shown, key, leaves)
            return value if redacted == shown else redacted
        return value

    def _leaf(self, text: str, key: str, leaves: _Leaves) -> str:
        """A text of a document; the key it stands under counts as what stands before it."""
        prefix = f"{key}="
        if text.lstrip()[:1] in ("{", "["):
            redacted, counted = self._redacted_json(text, leaves.may_hold)
        elif key and (after_key := self._replaced(prefix + text, leaves.may_hold))[0].startswith(prefix):
            redacted, counted = after_key[0].removeprefix(prefix), after_key[1]
        else:
            redacted, counted = self._replaced(text, leaves.may_hold)
        leaves.found.update(counted)
        return redacted

    def _redacted_id(self, text: str, may_hold: int) -> Redacted:
        """A key stays a key: one that holds a value is replaced as a whole, by as many digits as keep keys apart.

        Only what is private by its shape counts: in a row of digits anything might be read.
        """
        if _HEX_ID.fullmatch(text) or not any(one.kind in _PRIVATE_IN_IDS for one in self._recognised(text, may_hold)):
            return text, Counter()
        digest = blake2b(text.encode(), key=blake2b(self._salt.encode()).digest(), digest_size=16).hexdigest()
        return f"redacted-{digest}", Counter({"ID": 1})

    def _replaced(self, text: str, may_hold: int) -> Redacted:
        counted: Counter[str] = Counter()
        for number in range(MAX_PASSES):
            found = self._recognised(text, may_hold)
            if number == 0 and self._hook is not None:
                found = joined([*self._hooked(text, self._hook), *found], text)
            if not found:
                break
            text = self._with_placeholders(text, found)
            counted.update(one.kind.value for one in found)
        return text, counted

    def _recognised(self, text: str, may_hold: int) -> list[Found]:
        return [
            one
            for one in self._recogniser.find(text, may_hold)
            if not self._allowed.allows(text[one.start : one.end], one.value)
        ]

    def _hooked(self, text: str, hook: Hook) -> Iterator[Found]:
        try:
            values = hook(text)
            named = None if isinstance(values, str) else list(values)
        except Exception as error:  # noqa: BLE001 whatever it raises may quote the text
            raise PermanentError(
                f"redact: python: {self._hook_name} raised {type(error).__name__} on a text; nothing was written"
            ) from None
        if named is None or not all(isinstance(value, str) for value in named):
            raise PermanentError(
                f"redact: python: {self._hook_name} must return the private values of a text as a list of texts"
            )
        for value in sorted({value for value in named if value.strip()}, key=len, reverse=True):
            if self._allowed.allows(value, value):
                continue
            for match in re.finditer(re.escape(value), text):
                yield Found(match.start(), match.end(), PrivateKind.PRIVATE, value)

    def _with_placeholders(self, text: str, found: Sequence[Found]) -> str:
        parts, end = [], 0
        for one in found:
            parts += [text[end : one.start], placeholder(one.kind, one.value, self._salt)]
            end = one.end
        return "".join([*parts, text[end:]])


_PRIVATE_IN_IDS = frozenset({PrivateKind.EMAIL, PrivateKind.KEY, PrivateKind.PASSWORD})
_HEX_ID = re.compile(r"[0-9a-fA-F-]*")
"""What ids of traces mostly are; none of these kinds is spelt with such letters alone, and a large week has many."""


class _Allowed:
    """The values that stay; a number may be spelt in any way."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [re.compile(translate(pattern.strip().casefold())) for pattern in patterns]
        self._digits = {digits for pattern in patterns if "*" not in pattern and len(digits := _digits(pattern)) >= 6}

    def allows(self, typed: str, value: str) -> bool:
        if not self._patterns:
            return False
        spellings = {typed.casefold(), value.casefold()}
        if any(pattern.match(spelling) for pattern in self._patterns for spelling in spellings):
            return True
        return bool(self._digits & {_digits(typed), _digits(value)})


def _digits(text: str) -> str:
    """The digits of what is a number; empty where letters are part of it."""
    return "" if any(character.isalpha() for character in text) else "".join(filter(str.isdecimal, text))


def joined(found: Iterable[Found], text: str) -> list[Found]:
    """The findings in order, overlapping ones as one, without those that reach into a placeholder."""
    placeholders = [match.span() for match in PLACEHOLDER.finditer(text)] if "<" in text else []
    place = 0
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        while place < len(placeholders) and placeholders[place][1] <= one.start:
            place += 1
        if place < len(placeholders) and placeholders[place][0] < one.end:
            continue
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif one.end > kept[-1].end:
            kept[-1] = Found(kept[-1].start, one.end, kept[-1].kind, text[kept[-1].start : one.end])
    return kept


def _parsed(text: str) -> tuple[Any] | None:
    """The JSON value, in a tuple because it may be null; None where the text is no JSON or too deep to be walked."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None
