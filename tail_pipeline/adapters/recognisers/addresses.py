"""E-mail and network addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from tail_pipeline.domain.placeholders import PrivateKind
from tail_pipeline.domain.redaction import Found

MAY_HOLD_EMAIL = r"@|[\[({]\s?(?i:at)\s?[\])}]"
MAY_HOLD_IP = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]"

_AT = re.compile(r"\s{0,2}@\s{0,2}|\s?[\[({]\s?at\s?[\])}]\s?", re.IGNORECASE)
_MAX_LOCAL = 64
_LOCAL = re.compile(r"[\w.+%'&=/~!#$*?^-]+\Z")
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOT = r"(?:\.|\s?[\[({]\s?(?:dot|\.)\s?[\])}]\s?)"
_DOMAIN = re.compile(rf"{_LABEL}(?:{_DOT}{_LABEL}){{1,8}}+", re.IGNORECASE)
_SPELT_DOT = re.compile(_DOT, re.IGNORECASE)
_TOP_LEVEL = re.compile(r"[^\W\d_]{2,24}|xn--[a-z0-9-]{2,59}", re.IGNORECASE)
_BEFORE_LOCAL = ".'%&=/~!#$*?^-+"


def emails(text: str) -> Iterator[Found]:
    """Addresses as they are typed, also with ``[at]`` and ``[dot]``, and with a line end beside the @."""
    for at in _AT.finditer(text):
        plain = at[0].strip() == "@"
        if plain and at[0] != "@" and "\n" not in at[0]:
            continue
        local = _LOCAL.search(text, max(0, at.start() - _MAX_LOCAL), at.start())
        domain = _DOMAIN.match(text, at.end())
        if local is None or domain is None:
            continue
        name = local[0].lstrip(_BEFORE_LOCAL)
        host = _cut_at_sentence(domain[0])
        labels = _SPELT_DOT.split(host)
        if not name or len(labels) < 2 or not _TOP_LEVEL.fullmatch(labels[-1]):
            continue
        value = f"{name}@{'.'.join(labels)}".casefold()
        yield Found(at.start() - len(name), at.end() + len(host), PrivateKind.EMAIL, value)


def _cut_at_sentence(host: str) -> str:
    """``example.com.Please`` is an address and the next sentence."""
    before, dot, last = host.rpartition(".")
    return before if dot and "." in before and last[:1].isupper() and before.islower() else host


_IPV4 = re.compile(r"(?<![\w.])(?<!\w-)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w-]|\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}+(?:[0-9A-Fa-f]{1,4})?+(?![\w:])", re.ASCII)
_NO_ADDRESS = re.compile(
    r"(?:\bv|\bver\.?|\bversions?|\breleases?|\bsections?|\bsec\.?|§+|\bclauses?|\bart\.?|\barticles?|\bchapters?|\bno\.?|\bnr\.?|\boid)"
    r"[\s:=]{0,3}\Z",
    re.IGNORECASE,
)
_CONTEXT_CHARS = 12


def ips(text: str) -> Iterator[Found]:
    """Addresses of hosts; not of the own machine, and neither masks nor versions of four parts."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if (
                address.is_loopback
                or address.is_unspecified
                or address.is_multicast
                or match[0].startswith(("255.", "0."))
            ):
                continue
            if isinstance(address, ipaddress.IPv6Address) and not _is_plausible(match[0]):
                continue
            if _NO_ADDRESS.search(text, max(0, match.start() - _CONTEXT_CHARS), match.start()):
                continue
            yield Found(match.start(), match.end(), PrivateKind.IP, address.compressed)


def _is_plausible(address: str) -> bool:
    """``Face::Add`` is C++."""
    groups = [group for group in address.split(":") if group]
    return len(groups) >= 3 and any(character.isdigit() for character in address)
