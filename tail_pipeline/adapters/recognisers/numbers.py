"""Numbers that belong to somebody: phones, cards, accounts, personal numbers, wallets.

What has the form of one is taken for one only when its library says that its check digits, its length or its prefix are right,
or when the words before it name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from tail_pipeline.domain.placeholders import PrivateKind
from tail_pipeline.domain.redaction import Found

MAY_HOLD_NUMBER = r"[0-9](?:[ \t\r\n.()/\-]{0,3}[0-9]){5}"
MAY_HOLD_CODE = (
    r"(?i)[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]|[0-9]{7}-?[A-Z]|[13][A-Z0-9]{25}|bc1|0x[0-9a-f]{40}|[A-Z]{6}[0-9]{2}"
)

PHONE_REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "NL", "CH", "AT", "BE", "AU", "IN", "BR", "JP")
"""Whose national spellings are known; with a country code any number is."""

_RUN = re.compile(r"(?<![0-9])(?<![\w][._])[+(]{0,2}[0-9](?:[ \t.()/\-]{0,3}+\r?\n?[0-9]|[0-9])*+")
_MAX_RUN = 400
_CONTEXT_CHARS = 40

_CARD = re.compile(
    r"(?<![0-9])(?<![0-9][.\-/])(?:[0-9]{4}[ \n-]?[0-9]{6}[ \n-]?[0-9]{4,5}|(?:[0-9]{4}[ \n-]?){3}[0-9]{1,7})(?![0-9]|[.\-/][0-9])"
)
_CARD_PREFIXES = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}"
    r"|35[2-8][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}|62[0-9]{14,17}|(?:50|5[6-8]|6[37])[0-9]{14}"
)
_SSN = re.compile(r"(?<![0-9])(?<![0-9][.\-/])[0-9]{3}([ -])[0-9]{2}\1[0-9]{4}(?![0-9]|[.\-/][0-9])")

_SPELT = tuple(
    re.compile(pattern)
    for pattern in (
        r"\(?[2-9][0-9]{2}\)?[ .\-/]{1,2}[2-9][0-9]{2}[ .\-][0-9]{4}",
        r"1[ .\-]\(?[2-9][0-9]{2}\)?[ .\-]{1,2}[2-9][0-9]{2}[ .\-][0-9]{4}",
        r"\(?0[1-9][0-9]{0,4}\)?(?:[ ./\-]{1,3}[0-9]{2,8}){1,5}",
        r"\(0?[1-9][0-9]\) ?[0-9]{4,5}[ -][0-9]{4}",
    )
)
_WORDS_PHONE = re.compile(
    r"(?:phone|mobile|\bcell|\btel\b|telephone|\bcall|\bfax|\bdial|whatsapp|\bsms\b|\btext me|telefon|\bhandy|\btél|\breach me"
    r"|\bmob\b|\bcontact)[^0-9\n<>]{0,24}\Z",
    re.IGNORECASE,
)
_WORDS_ACCOUNT = re.compile(
    r"(?:(?:\bacc(?:oun)?t|\ba/c|\bkonto|\bcuenta|\biban)[ -]{0,2}(?:number|num|no|nr|nummer|#|id)?[ .]{0,2}(?:is|was|:|=|#)?|"
    r"\b(?:routing|aba|transit|bsb|sort[ -]code|kontonummer|bankleitzahl)[ -]{0,2}(?:number|num|no|#)?[ .]{0,2}(?:is|was|:|=|#)?)"
    r"[ #:]{0,3}\Z",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"[0-9](?:[ -]?[0-9]){5,19}")
_DATE = re.compile(r"(?:19|20)[0-9]{2}[-./ ]?(?:0?[1-9]|1[0-2])[-./ ]?(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])")
_NO_PHONE = re.compile(
    r"(?:\bisbn|\bissn|\bdoi|\border|\binvoice|\bticket|\bcase|\bref|§|\bno\.|\bpp?\.|\busc|u\.s\.c\.)[^0-9\n]{0,12}\Z",
    re.IGNORECASE,
)

_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}", re.ASCII)
_WALLET = re.compile(
    r"(?<![A-Za-z0-9])(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc1|BC1)[0-9A-Za-z]{11,71}|0x[0-9a-fA-F]{40})(?![A-Za-z0-9])"
)
_PERSONAL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?<![A-Za-z0-9])(?<![0-9][.\-/])(?:{pattern})(?![A-Za-z0-9]|[.\-/][0-9])", re.IGNORECASE), module)
    for pattern, module in (
        (r"[A-Z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPR-T][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]", "it.codicefiscale"),
        (r"[0-9]{8}-?[A-Z]", "es.dni"),
        (r"[XYZ]-?[0-9]{7}-?[A-Z]", "es.nie"),
        (r"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", "fr.nir"),
        (r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", "br.cpf"),
        (r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", "ch.ssn"),
    )
)
_NAMED: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:{words})[^0-9\n<>]{{0,24}}\Z", re.IGNORECASE), re.compile(form), module)
    for words, form, module in (
        (r"\bssn\b|social security", r"[0-9]{9}", "us.ssn"),
        (r"\bitin\b|taxpayer", r"9[0-9]{2}-?[0-9]{2}-?[0-9]{4}", "us.itin"),
        (r"\bnhs\b", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", "gb.nhs"),
        (r"steuer-?id|\bidnr|identifikationsnummer|tax id", r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "de.idnr"),
        (r"\bsin\b|social insurance", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", "ca.sin"),
        (r"aadhaar|aadhar", r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", "in_.aadhaar"),
        (r"\btfn\b|tax file", r"[0-9]{3} ?[0-9]{3} ?[0-9]{2,3}", "au.tfn"),
        (r"\bbsn\b|burgerservice", r"[0-9]{8,9}", "nl.bsn"),
        (r"\bpesel\b", r"[0-9]{11}", "pl.pesel"),
        (r"\bcpf\b", r"[0-9]{11}", "br.cpf"),
    )
)


def numbers(text: str) -> Iterator[Found]:
    """Cards, phones, accounts and personal numbers among the runs of digits."""
    for run in _RUN.finditer(text):
        if sum(map(str.isdigit, run[0])) >= 6:
            yield from _in_run(text, run.start(), min(run.end(), run.start() + _MAX_RUN))


def codes(text: str) -> Iterator[Found]:
    """Values of letters and digits: IBAN, wallets, personal numbers of other countries."""
    for match in _CODE.finditer(text):
        if (iban := _iban(match[0])) is not None:
            yield Found(match.start(), match.start() + len(iban), PrivateKind.IBAN, _plain(iban).upper())
    for match in _WALLET.finditer(text):
        if match[0].startswith("0x") or _is_valid("bitcoin", match[0]):
            yield Found(match.start(), match.end(), PrivateKind.WALLET, match[0])
    for pattern, module in _PERSONAL:
        for match in pattern.finditer(text):
            if _is_valid(module, match[0]):
                yield Found(match.start(), match.end(), PrivateKind.PERSONAL_ID, _plain(match[0]).upper())


def _in_run(text: str, start: int, end: int) -> Iterator[Found]:
    before = text[max(0, start - _CONTEXT_CHARS) : start]
    for match in _CARD.finditer(text, start, end):
        digits = _plain(match[0])
        if _CARD_PREFIXES.fullmatch(digits) and _is_valid("luhn", digits):
            yield Found(match.start(), match.end(), PrivateKind.CARD, digits)
    for match in _SSN.finditer(text, start, end):
        if _is_valid("us.ssn", match[0]) or _is_valid("us.itin", match[0]):
            yield Found(match.start(), match.end(), PrivateKind.PERSONAL_ID, _plain(match[0]))
    for words, form, module in _NAMED:
        named = form.match(text, start, end) if words.search(before) else None
        if named and _is_valid(module, named[0]):
            yield Found(start, named.end(), PrivateKind.PERSONAL_ID, _plain(named[0]))
    account = _ACCOUNT.match(text, start, end)
    if account and _WORDS_ACCOUNT.search(before):
        yield Found(start, account.end(), PrivateKind.ACCOUNT, _plain(account[0]))
    yield from _phones(text, start, end, before)


def _phones(text: str, start: int, end: int, before: str) -> Iterator[Found]:
    """Numbers with a country code, numbers spelt as their country does, and any valid one behind a word like *phone*."""
    run = text[start:end]
    if _NO_PHONE.search(before) or _DATE.match(run.lstrip("(+")):
        return
    international = re.compile(r"(?:\+|\b00(?=[1-9])|\(\+)[0-9(](?:[ .()/\-]{0,3}[0-9]){6,16}")
    rest = 0
    for match in international.finditer(run):
        value = _international(match[0])
        if value:
            yield Found(start + match.start(), start + match.end(), PrivateKind.PHONE, value)
            rest = match.end()
    for pattern in _SPELT:
        for match in pattern.finditer(run, rest):
            around = run[max(0, match.start() - 2) : match.start()], run[match.end() : match.end() + 2]
            if around[0][-1:].isdigit() or around[1][:1].isdigit() or re.fullmatch(r"[.\-/][0-9]", around[1]):
                continue
            if value := _national(match[0]):
                yield Found(start + match.start(), start + match.end(), PrivateKind.PHONE, value)
    if not rest and _WORDS_PHONE.search(before) and (value := _national(run) or _possible(run)):
        yield Found(start, end, PrivateKind.PHONE, value)


@lru_cache(maxsize=10_000)
def _international(typed: str) -> str | None:
    """The number in E.164; numbers set aside for fiction count, they have the form."""
    import phonenumbers

    digits = f"+{re.sub(r'[^0-9]', '', typed).removeprefix('00')}"
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=10_000)
def _national(typed: str) -> str | None:
    """The number in E.164 under the first region it is valid in."""
    import phonenumbers

    for region in PHONE_REGIONS:
        try:
            number = phonenumbers.parse(typed, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(number, region):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def _possible(run: str) -> str | None:
    digits = _plain(run)
    return digits if 7 <= len(digits) <= 15 else None


def _iban(run: str) -> str | None:
    """The longest beginning of the run that is an IBAN: words in capitals may follow it."""
    ends = [
        place
        for place in range(len(run), 14, -1)
        if place == len(run) or not run[place].isalnum() or run[place - 1].isdigit()
    ]
    return next(
        (run[:end] for end in ends if 15 <= len(_plain(run[:end])) <= 34 and _is_valid("iban", run[:end])), None
    )


def _plain(typed: str) -> str:
    return "".join(filter(str.isalnum, typed))


def _is_valid(number: str, typed: str) -> bool:
    return _validators()[number](typed)


@cache
def _validators() -> dict[str, Callable[[str], bool]]:
    from stdnum import bitcoin, iban, luhn
    from stdnum.au import tfn
    from stdnum.br import cpf
    from stdnum.ca import sin
    from stdnum.ch import ssn as ahv
    from stdnum.de import idnr
    from stdnum.es import dni, nie
    from stdnum.fr import nir
    from stdnum.gb import nhs
    from stdnum.in_ import aadhaar
    from stdnum.it import codicefiscale
    from stdnum.nl import bsn
    from stdnum.pl import pesel
    from stdnum.us import itin, ssn

    modules = (
        bitcoin,
        iban,
        luhn,
        tfn,
        cpf,
        sin,
        ahv,
        idnr,
        dni,
        nie,
        nir,
        nhs,
        aadhaar,
        codicefiscale,
        bsn,
        pesel,
        itin,
        ssn,
    )
    return {module.__name__.removeprefix("stdnum."): module.is_valid for module in modules}
