"""What stands in a text where a private value was: ``<EMAIL_4821307>``, the same for the same value.

In frames the number is short and made from the value, so that a value keeps its placeholder in every span of a segment
and in every run. In a case it is counted from 1 in order of appearance, which says nothing of the value at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b


class PrivateKind(StrEnum):
    """What a private value is; ``PRIVATE`` is what an agent's own hook named."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CARD = "CARD"
    IBAN = "IBAN"
    ACCOUNT = "ACCOUNT"
    PERSONAL_ID = "PERSONAL_ID"
    IP = "IP"
    WALLET = "WALLET"
    KEY = "KEY"
    PASSWORD = "PASSWORD"  # noqa: S105
    PRIVATE = "PRIVATE"


_KINDS = "|".join(PrivateKind)
PLACEHOLDER = re.compile(rf"<({_KINDS})_([0-9]{{1,7}})>")
"""Also matches what somebody typed; ``is_ours`` tells them apart."""

_VALUES = 100_000
_CHECKS = 100


def placeholder(kind: PrivateKind, value: str, salt: str) -> str:
    """The placeholder of a normalised value: five digits of its salted digest, and two by which it is known as ours.

    With another salt the number is another one. Five digits tell the values of a case apart and hold 17 bits, too few to
    find a value by, and enough to confirm one that somebody guesses: the file a case goes to does without.
    """
    digest = blake2b(f"{kind}\0{value}".encode(), key=blake2b(salt.encode()).digest(), digest_size=8).digest()
    number = int.from_bytes(digest) % _VALUES
    return f"<{kind}_{number:05d}{_check(kind, number):02d}>"


def is_ours(kind: str, number: str) -> bool:
    """Whether the parts of a placeholder are those of one that stands for a value, and not of one somebody typed."""
    return len(number) == 7 and _check(kind, int(number[:5])) == int(number[5:])


def numbering(texts: Iterable[str | None]) -> dict[str, str]:
    """What each placeholder in the texts of one case is called there: ``<EMAIL_1>``, ``<EMAIL_2>`` by order of appearance.

    A number that somebody typed in one of the texts is passed over. Texts that are numbered already give nothing to rename.
    """
    found = [match for text in texts if text and "<" in text for match in PLACEHOLDER.finditer(text)]
    typed = {match[0] for match in found if not is_ours(match[1], match[2])}
    names: dict[str, str] = {}
    last: dict[str, int] = {}
    for match in found:
        if match[0] in typed or match[0] in names:
            continue
        number = last.get(match[1], 0) + 1
        while f"<{match[1]}_{number}>" in typed:
            number += 1
        last[match[1]] = number
        names[match[0]] = f"<{match[1]}_{number}>"
    return names


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with its placeholders called as ``numbering`` found; all else is as it was."""
    return PLACEHOLDER.sub(lambda match: names.get(match[0], match[0]), text) if names else text


def without_numbers(text: str) -> str:
    """The text with ``<EMAIL>`` for each placeholder of ours, for a reader to whom it does not matter which it was."""
    return PLACEHOLDER.sub(lambda match: f"<{match[1]}>" if is_ours(match[1], match[2]) else match[0], text)


def of_values(text: str) -> frozenset[str]:
    """The placeholders in a text that stand for values."""
    return frozenset(match[0] for match in PLACEHOLDER.finditer(text) if is_ours(match[1], match[2]))


def _check(kind: str, number: int) -> int:
    return int.from_bytes(blake2b(f"{kind}{number}".encode(), digest_size=2).digest()) % _CHECKS
