"""Texts as a recogniser reads them: without what hides a value, and with the way back to the characters as typed."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

_HIDDEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"

# Soft hyphens and zero-width characters, soft line ends of quoted-printable, entities, percent-coded punctuation, and
# characters that are another one in a compatible form.
_FOLDED = re.compile(
    rf"(?P<hidden>[{_HIDDEN}]+|=\r?\n)"
    r"|(?P<entity>&(?:\#[0-9]{1,5}|\#[xX][0-9a-fA-F]{1,4}|commat|period|plus|lowbar|hyphen|colon|sol|nbsp|lt|gt|amp|quot|apos);)"
    r"|(?P<percent>%(?:40|2[bB]))"
    r"|(?P<escape>\\u[0-9a-fA-F]{4})"
    r"|(?P<other>[^\x00-\x7f])"
)
MAY_HIDE = (
    rf"[{_HIDDEN}]|=\r?\n|&#|&(?:commat|period|plus);|[0-9]&nbsp;[0-9(]|%40|%2[bB]|\\u[0-9a-fA-F]{{4}}"
    r"|[\p{Nd}\p{No}&&[^0-9]]|[\uff01-\uff5e\ufe6b\U0001d400-\U0001d7ff\u24b6-\u24e9]"
    r"|[0-9)][\u00a0\u2000-\u2015\u202f\u2212\u3000][0-9(]"
)
"""Where a text needs folding before it is looked at; for Polars' regex engine."""

_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2212")


@dataclass(frozen=True)
class Folded:
    """A text to look at, and of each of its characters the place and the width in the text as typed."""

    text: str
    places: list[int]
    widths: list[int]

    def typed(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the text as typed, with what was hidden inside it."""
        return self.places[start], self.places[end - 1] + self.widths[end - 1]


def folded(text: str) -> Folded:
    """The text without what ``MAY_HIDE`` finds, and with plain blanks and dashes."""
    parts: list[str] = []
    places: list[int] = []
    widths: list[int] = []
    end = 0
    for match in _FOLDED.finditer(text):
        plain = text[end : match.start()]
        parts.append(plain)
        places.extend(range(end, match.start()))
        widths.extend([1] * len(plain))
        shown = _shown(match)
        parts.append(shown)
        places.extend([match.start()] * len(shown))
        widths.extend([match.end() - match.start()] * len(shown))
        end = match.end()
    parts.append(text[end:])
    places.extend(range(end, len(text)))
    widths.extend([1] * (len(text) - end))
    return Folded("".join(parts), places, widths)


def _shown(match: re.Match[str]) -> str:
    """What a person or a program reads there; one character for each that becomes several."""
    typed = match[0]
    match match.lastgroup:
        case "hidden":
            return ""
        case "entity":
            plain = html.unescape(typed)
        case "percent":
            plain = chr(int(typed[1:], 16))
        case "escape":
            plain = chr(int(typed.removeprefix("\\u"), 16))
        case _:
            plain = unicodedata.normalize("NFKC", typed)
            if (digit := unicodedata.digit(typed, None)) is not None and typed.isdecimal():
                plain = str(digit)
    if plain in _DASHES or typed in _DASHES:
        return "-"
    if len(plain) != 1:
        return typed
    return " " if plain.isspace() and plain not in "\r\n" else plain
