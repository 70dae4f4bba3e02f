"""What counts as a word where texts are compared word by word."""

from __future__ import annotations

import re
import unicodedata

# Scripts written without spaces count character by character: a whole sentence is no word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def words(text: str) -> list[str]:
    """The words of a text in order: runs of letters and digits, without case and compatibility forms."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
