"""E-mail and network addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from tail_pipeline.domain.placeholders import PrivateKind
from tail_pipeline.domain.redaction import Found

MAY_HOLD_EMAIL = r"@|[\[({]\s?(?i:at)\s?[\])}]"
MAY_HOLD_IP = (
    r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|(?:[0-9A-Fa-f]{1,4}:){3}|[0-9A-Fa-f]::[0-9A-Fa-f]"
    r"|::[0-9A-Fa-f]{1,4}:"
)

_SPELT_AT = re.compile(r"[\[({]\s?at\s?[\])}]\s?", re.IGNORECASE)
_MAX_LOCAL = 64
_LOCAL = re.compile(r"[\w.+%'~!#$*^-]+\Z")
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOT = r"(?:\.|\s?[\[({]\s?(?:dot|\.)\s?[\])}]\s?)"
_DOMAIN = re.compile(rf"{_LABEL}(?:{_DOT}{_LABEL}){{1,8}}+", re.IGNORECASE)
_SPELT_DOT = re.compile(_DOT, re.IGNORECASE)
_TOP_LEVEL = re.compile(r"[^\W\d_]{2,24}|xn--[a-z0-9-]{2,59}", re.IGNORECASE)
_GLUED_SENTENCE = re.compile(r"(?<=[a-z]{2})(?:[A-Z]|https?\Z)")
_NOBODY = frozenset({"git"})
"""``git@host`` is how repositories are reached, and nobody's mailbox."""

_LOGIN = re.compile(r"://[^\s/@:]{0,128}:[^\s/@]{1,256}\Z")
_MAX_LOGIN = 400
_IMAGE = re.compile(r"[1-4]x\.(?:png|jpe?g|gif|svg|webp|avif)", re.IGNORECASE)

_BEFORE_LOCAL = ".'%~!#$*^-+"
_LINE_ENDS = "\r\n"


def emails(text: str) -> Iterator[Found]:
    """Addresses as they are typed, also with ``[at]`` and ``[dot]``, and with a line end beside the @."""
    for start, end in _ats(text):
        local = _LOCAL.search(text, max(0, start - _MAX_LOCAL), start)
        domain = _DOMAIN.match(text, end)
        if local is None or domain is None:
            continue
        name = local[0].lstrip(_BEFORE_LOCAL)
        host = _cut_at_sentence(domain[0])
        if _IMAGE.fullmatch(host) or _LOGIN.search(text, max(0, start - _MAX_LOGIN), start):
            continue
        labels = _SPELT_DOT.split(host)
        if not name or name in _NOBODY or len(labels) < 2 or not _TOP_LEVEL.fullmatch(labels[-1]):
            continue
        value = f"{name}@{'.'.join(labels)}".casefold()
        yield Found(start - len(name), end + len(host), PrivateKind.EMAIL, value)


def _ats(text: str) -> Iterator[tuple[int, int]]:
    """Where what stands for the @ begins and ends."""
    place = text.find("@")
    while place >= 0:
        start, end = place, place + 1
        if text[start - 1 : start] in _LINE_ENDS or text[end : end + 1] in _LINE_ENDS:
            start -= len(text[max(0, start - 2) : start]) - len(text[max(0, start - 2) : start].rstrip(_LINE_ENDS))
            end += len(text[end : end + 2]) - len(text[end : end + 2].lstrip(_LINE_ENDS))
        yield start, end
        place = text.find("@", place + 1)
    for match in _SPELT_AT.finditer(text):
        start = match.start()
        yield start - text[max(0, start - 1) : start].isspace(), match.end()


def _cut_at_sentence(host: str) -> str:
    """``example.com.Please`` and ``example.comPlease`` are an address and the next sentence."""
    before, dot, last = host.rpartition(".")
    if dot and "." in before and last[:1].isupper() and before.islower():
        return before
    glued = _GLUED_SENTENCE.search(host, len(before))
    return host[: glued.start()] if glued else host


_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w-]|\.[0-9])")
_IPV6 = re.compile(r"[0-9A-Fa-f:](?:[0-9A-Fa-f]{0,4}:){2,7}+(?:[0-9A-Fa-f]{1,4})?+(?![\w:])", re.ASCII)
_GLUED = re.compile(r"[\w:.][-]?\Z")
_NO_ADDRESS = re.compile(
    r"(?:\bv|\bver\.?|\bversions?|\breleases?|\bsections?|\bsec\.?|§+|\bclauses?|\bart\.?|\barticles?|\bchapters?|\bno\.?|\bnr\.?"
    r"|\boid)[\s:=]{0,3}\Z|[=~<>]=\s?\Z",
    re.IGNORECASE,
)
_HEADING = re.compile(r"(?:\A|[\n|#])[ \t]{0,8}\Z")
_CONTEXT_CHARS = 24


def ips(text: str) -> Iterator[Found]:
    """Addresses of hosts; not of the own machine, and neither masks nor versions and headings of four parts."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            before = text[max(0, match.start() - _CONTEXT_CHARS) : match.start()]
            if _GLUED.search(before):
                continue
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
            if isinstance(address, ipaddress.IPv6Address):
                if not _is_plausible(match[0]):
                    continue
            elif _NO_ADDRESS.search(before) or (_HEADING.search(before) and max(address.packed) < _MAX_HEADING):
                continue
            elif before.endswith("  ") and text[match.end() : match.end() + 1] in ("", "\n"):
                # The last column of a list of packages.
                continue
            yield Found(match.start(), match.end(), PrivateKind.IP, address.compressed)


_MAX_HEADING = 32


def _is_plausible(address: str) -> bool:
    """``Face::Add`` is C++."""
    groups = [group for group in address.split(":") if group]
    return len(groups) >= 3 and any(character.isdigit() for character in address)
