"""The part of a pull request's body that is ours: between two markers, the first with a fingerprint of what we wrote.

What stands around the section is a person's and is kept; a section that somebody edited is theirs from then on.
"""

from __future__ import annotations

import hashlib
import re

from tail_pipeline.domain.errors import PermanentError

MAX_CHARS = 65_536
"""GitHub's limit for the body of a pull request."""

_BEGIN = re.compile(r"<!-- tail-miner: begin ([0-9a-f]{16}) -->\n?")
_END = "<!-- tail-miner: end -->"


def section(body: str) -> str:
    """A body that is ours alone; raises PermanentError when GitHub would not take it."""
    text = f"<!-- tail-miner: begin {_fingerprint(body)} -->\n{body.strip()}\n{_END}\n"
    if len(text) > MAX_CHARS:
        raise PermanentError(f"the body of the pull request has {len(text)} characters; GitHub takes {MAX_CHARS}")
    return text


def updated(current: str | None, body: str) -> tuple[str | None, str | None]:
    """The body to write in place of the current one (None: leave it), and a note on why our part could not be renewed."""
    # An edit in the browser leaves Windows line ends in the whole body.
    text = (current or "").replace("\r\n", "\n")
    begin, end = _BEGIN.search(text), text.rfind(_END)
    if begin is None or end < begin.end():
        return None, "the markers of its body were removed, so the body is left alone"
    if _fingerprint(text[begin.end() : end]) != begin[1]:
        return None, "somebody edited our part of its body, so the body is left alone"
    if begin[1] == _fingerprint(body):
        return None, None
    new = text[: begin.start()] + section(body).removesuffix("\n") + text[end + len(_END) :]
    if len(new) > MAX_CHARS:
        return None, f"its body would exceed {MAX_CHARS} characters with what was added to it, so it is left alone"
    return new, None


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.replace("\r\n", "\n").strip().encode()).hexdigest()[:16]
