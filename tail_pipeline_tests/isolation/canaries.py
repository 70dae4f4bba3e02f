"""Words that exist nowhere else, one for each text of each span: where one turns up says whose text got there."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "name", "private", "written"]
"""Most are ``text`` of a span. A ``name`` is that of a tenant nobody declared, or how the traces spell one; ``private`` is
what redaction takes out; ``written`` is what a person put where it cannot be read, in a file that all reviewers have.
"""

_ALPHABET = "bcdfghjklmnpqrstvwxyz"
_DIGITS = 6
_SPREAD = 48_271
_TOKEN = re.compile(rf"zq[{_ALPHABET}]{{{_DIGITS}}}qz", re.IGNORECASE)
_TOKEN_BYTES = re.compile(_TOKEN.pattern.encode(), re.IGNORECASE)


@dataclass(frozen=True)
class Owner:
    """Whose data it is: one segment of one agent.

    ``segment`` is None for an agent without any, and for what the tenants of an agent share.
    """

    agent: str
    segment: str | None

    def __lt__(self, other: Owner) -> bool:
        return (self.agent, self.segment or "") < (other.agent, other.segment or "")

    def __str__(self) -> str:
        return f"{self.agent}/{self.segment}" if self.segment else self.agent


@dataclass(frozen=True)
class Canary:
    """One word, who may see it, and where it was planted; nobody may see what belongs to nobody."""

    word: str
    owners: frozenset[Owner]
    where: str
    kind: Kind = "text"

    def may_be_read_by(self, reader: Owner, min_tenants: int) -> bool:
        """Its owners may, and what tenants share may hold what at least so many of them have."""
        tenants = [one for one in self.owners if one.agent == reader.agent and one.segment]
        return reader in self.owners or (reader.segment is None and self.kind == "text" and len(tenants) >= min_tenants)

    def __str__(self) -> str:
        whose = ", ".join(map(str, sorted(self.owners))) or "nobody"
        return f"{self.word} ({self.where}; of {whose})"


@dataclass
class Aviary:
    """All canaries of one world, by word. A word is of lower-case letters, so that tokenisers, titles and YAML keep it."""

    known: dict[str, Canary] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def word(self, owners: frozenset[Owner], where: str, kind: Kind = "text") -> str:
        """A new word of these owners."""
        with self._lock:
            number = (len(self.known) + 1) * _SPREAD % len(_ALPHABET) ** _DIGITS
            letters = ""
            for _ in range(_DIGITS):
                number, digit = divmod(number, len(_ALPHABET))
                letters += _ALPHABET[digit]
            word = f"zq{letters}qz"
            assert word not in self.known, "as many words as there are canaries"
            self.known[word] = Canary(word, owners, where, kind)
        return word

    def found_in(self, content: str | bytes) -> set[Canary]:
        """The canaries in a text or in bytes, in whatever case."""
        if isinstance(content, str):
            words = set(_TOKEN.findall(content))
        else:
            words = {word.decode() for word in _TOKEN_BYTES.findall(content)}
        return {canary for word in words if (canary := self.known.get(word.lower()))}
