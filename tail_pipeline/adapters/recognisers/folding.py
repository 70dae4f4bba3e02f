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
    r"|(?P<percent>%(?:40|2[bBeEdDfF]|3[aA]|20|5[fF]))"
    r"|(?P<escape>\\u[0-9a-fA-F]{4})"
    r"|(?P<other>[^\x00-\x7f])"
)
NEEDS_FOLDING = rf"[{_HIDDEN}]|=\r?\n|&(?:#|[a-z]{{2,6}};)|%[2-5][0-9a-fA-F]|\\u[0-9a-fA-F]{{4}}|[^\x00-\x7f]"
_NEEDS_FOLDING = re.compile(NEEDS_FOLDING)
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2212")


@dataclass(frozen=True)
class Folded:
    """A text to look at; ``places`` has the place of each of its characters in the text as typed, and its end."""

    text: str
    places: list[int] | None

    def typed(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the text as typed, with what was hidden inside it."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + self._width(end - 1)

    def _width(self, place: int) -> int:
        """How many typed characters one folded character takes; hidden ones behind it are nobody's."""
        assert self.places is not None
        return self.places[len(self.text) + 1 + place]


def folded(text: str) -> Folded:
    """The text itself where nothing in it could hide a value."""
    if not _NEEDS_FOLDING.search(text):
        return Folded(text, None)
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
    places.extend(range(end, len(text) + 1))
    widths.extend([1] * (len(text) - end))
    return Folded("".join(parts), places + widths)


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
            plain = "-" if typed in _DASHES else unicodedata.normalize("NFKC", typed)
            if (digit := unicodedata.digit(typed, None)) is not None and typed.isdecimal():
                plain = str(digit)
    return plain if len(plain) == 1 else typed
