"""Untrusted text in Markdown: it is shown, and it does nothing.

GitHub looks for mentions, issue references and bare links after rendering, so a backslash does not help against
them: a zero-width space behind the character that starts one does. Everything else is escaped.
"""

from __future__ import annotations

import html
import re

_ZERO_WIDTH = "\u200b"

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNSEEN = re.compile(
    "[\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$=^:/])")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~$=^:/])")
_STARTS_REFERENCE = re.compile(r"(@|#|\bGH-|\bwww\.|://|\bmailto:|\bxmpp:)", re.IGNORECASE)

# GitHub draws emoji and formulas after rendering as well, though not in code; numbers between colons are times.
_STARTS_EMOJI = re.compile(r":(?!\d+:)(?=[\w+-]{1,40}:)|:(?=100:|1234:)")
_DELIMITS_FORMULA = "$"


def inline(text: str, limit: int = 200) -> str:
    """One line that renders as the text and nothing else, also inside a table cell; cut to ``limit`` characters."""
    return _PUNCTUATION.sub(r"\\\1", _defused_text(html.escape(_cut(_one_line(text), limit), quote=False)))


def title_text(text: str, limit: int = 200) -> str:
    """One line for a title, which is no Markdown: it reads as the text, mentions nobody and refers to nothing."""
    return _cut(_defused(_one_line(text)), limit)


def plain(markdown: str) -> str:
    """What ``inline`` made safe for a page, as a terminal shows it; control characters stay out."""
    text = _ESCAPED.sub(r"\1", markdown.replace(_ZERO_WIDTH, ""))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def in_html(text: str, limit: int = 200) -> str:
    """As ``inline``, between the tags of an HTML element, where Markdown's escapes would be shown."""
    escaped = _defused_text(html.escape(_cut(_one_line(text), limit), quote=False))
    return _PUNCTUATION.sub(lambda match: f"&#x{ord(match[1]):x};", escaped)


def fenced(text: str) -> str:
    """A code block that the text cannot close, with mentions and references defused inside it as well."""
    body = _defused(_visible(text))
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def _one_line(text: str) -> str:
    return " ".join(_visible(text).split())


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _visible(text: str) -> str:
    """Without control characters and without those that hide or reorder what surrounds them."""
    plain = _CONTROL.sub(" ", text.replace("\r\n", "\n"))
    return _SURROGATE.sub("\ufffd", _UNSEEN.sub("", plain))


def _defused(text: str) -> str:
    return _STARTS_REFERENCE.sub(lambda match: _broken(match[1]), text)


def _defused_text(text: str) -> str:
    """As ``_defused``, and without what GitHub would draw where the text stands in no code."""
    without_emoji = _STARTS_EMOJI.sub(f":{_ZERO_WIDTH}", _defused(text))
    return without_emoji.replace(_DELIMITS_FORMULA, f"{_ZERO_WIDTH}{_DELIMITS_FORMULA}")


def _broken(start: str) -> str:
    """A zero-width space inside the character sequence that would start a mention, a reference or a link."""
    return f"{start[:-1]}{_ZERO_WIDTH}{start[-1]}" if len(start) > 1 else f"{start}{_ZERO_WIDTH}"
