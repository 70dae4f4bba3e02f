"""Numbers that belong to somebody: phones, cards, accounts, personal numbers, wallets.

What has the form of one is taken for one only when its library says that its check digits, its length or its prefix are right,
or when the words before it name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial

from tail_pipeline.domain.placeholders import PrivateKind
from tail_pipeline.domain.redaction import Found

MAY_HOLD_NUMBER = r"[0-9](?:[ \t\r\n.()/\-]{0,3}[0-9]){5}"
MAY_HOLD_IBAN = r"(?i)[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11}"
MAY_HOLD_WALLET = r"[13][A-Za-z0-9]{25}|(?:bc1|BC1)[A-Za-z0-9]{11}|0x[0-9a-fA-F]{40}"
MAY_HOLD_PERSONAL_ID = (
    r"(?i)[0-9]{8}-?[A-Z]|[XYZ]-?[0-9]{7}-?[A-Z]|[A-Z]{6}[0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{2}[A-Z]"
    r"|[12] ?[0-9]{2} ?[01][0-9] ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-|756\.[0-9]{4}\."
)
"""None of these looks at what stands around a value: once another one beside it is taken out, that is something else."""

PHONE_REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "NL", "CH", "AT", "BE", "AU", "IN", "BR", "JP")
"""Whose national spellings are known; with a country code any number is."""

_RUN = re.compile(r"[0-9](?:[ \t.()/\-]{0,3}+\r?\n?[0-9]|[0-9])*+")
_BEFORE_RUN = "+("
_MIN_DIGITS = 6
_LONGEST_DATE = 10
_ACCOUNT_HINTS = ("acc", "a/c", "konto", "cuenta", "iban", "routing", "aba", "transit", "bsb", "sort", "bank", "policy")
_CARD_HINTS = ("card", "visa", "amex", "credit", "debit", "karte")
_PHONE_HINTS = tuple("phone mobile cell tel tél call fax whatsapp sms text handy reach mob contact".split())
_CONTEXT_CHARS = 40

_CARD = re.compile(
    r"(?<![0-9])(?<![0-9][.\-/])(?:[0-9]{4}[ \n-]?[0-9]{6}[ \n-]?[0-9]{4,5}|(?:[0-9]{4}[ \n-]?){3}[0-9]{1,7})(?![0-9]|[.\-/][0-9])"
)
_CARD_PREFIXES = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}"
    r"|35[2-8][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}|62[0-9]{14,17}|(?:50|5[6-8]|6[37])[0-9]{14}"
)
_SSN = re.compile(r"(?<![0-9])(?<![0-9][.\-/])[0-9]{3}([ -])[0-9]{2}\1[0-9]{4}(?![0-9]|[.\-/][0-9])")

_WITH_COUNTRY = re.compile(r"(?:\+|(?<![0-9])00(?=[1-9])|\(\+)[0-9(](?:[ .()/\-]{0,3}[0-9]){6,16}")
_MAX_PHONE_CHARS = 24
_MIN_NATIONAL_DIGITS = 9
_MAX_NATIONAL_DIGITS = 12
"""Of a number without a country code that no word like *phone* stands before; shorter ones are anything."""

_SPELT = tuple(
    re.compile(pattern)
    for pattern in (
        r"\(?[2-9][0-9]{2}\)?[ .\-/]{1,2}[2-9][0-9]{2}[ .\-][0-9]{4}",
        r"1[ .\-]\(?[2-9][0-9]{2}\)?[ .\-]{1,2}[2-9][0-9]{2}[ .\-][0-9]{4}",
        r"\(?0[1-9][0-9]{0,4}\)?(?:(?: ?[/\-] ?|[ .])[0-9]{2,8}){1,5}",
        r"\(0?[1-9][0-9]\) ?[0-9]{4,5}[ -][0-9]{4}",
    )
)
_WORDS_PHONE = re.compile(
    r"(?:\b(?:tele|smart)?phone\b|\bmobile\b|\bcell\b|\btel\b|\bcall(?: me)?\b|\bfax\b|\bwhatsapp|\bsms\b|\btext me"
    r"|\btelefon|\bhandy|\btél|\breach me|\bphone_?(?:number|no)|_phone\b|\bmob\b|\bcontact)[^0-9\n<>]{0,24}\Z",
    re.IGNORECASE,
)
_LINK = r"[\"'.]{0,2}(?:\s{0,2}(?:is|was|as|are|be|to|has|would|should|must|will|follows|:|=|#)){0,5}+[ #:\"']{0,3}\Z"
_NUMBER = r"[ _-]{0,2}(?:number|num|no|nr|nummer|#|id)?"
_WORDS_ACCOUNT = re.compile(
    rf"(?:\b(?:acc(?:oun)?t|a/c|konto|cuenta|iban|bank|policy|routing|aba|transit|bsb|sort[ _-]code){_NUMBER}"
    rf"|\b(?:kontonummer|bankleitzahl)){_LINK}",
    re.IGNORECASE,
)
_WORDS_CARD = re.compile(
    rf"\b(?:credit|debit|card|visa|mastercard|amex|karte)(?: card)?{_NUMBER}(?: i have here)?{_LINK}", re.IGNORECASE
)
_NAMED_CARD = re.compile(r"[0-9](?:[ -]?[0-9]){12,18}(?![0-9]|[ -][0-9])")
_ACCOUNT = re.compile(
    r"(?:\b(?:acc(?:oun)?t|a/c|konto|cuenta|iban)[ _-]{0,2}(?:number|num|no|nr|nummer|#|id)?"
    r"|\b(?:routing|aba|transit|bsb|sort[ _-]code|kontonummer|bankleitzahl)[ _-]{0,2}(?:number|num|no|#)?)"
    r"[\"'.]{0,2} {0,2}(?:is|was|:|=|#)?[ #:\"']{0,3}\Z",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"(?:(?:\bacc(?:oun)?t|\ba/c|\bkonto|\bcuenta|\biban)[ -]{0,2}(?:number|num|no|nr|nummer|#|id)?[ .]{0,2}(?:is|was|:|=|#)?|"
    r"\b(?:routing|aba|transit|bsb|sort[ -]code|kontonummer|bankleitzahl)[ -]{0,2}(?:number|num|no|#)?[ .]{0,2}(?:is|was|:|=|#)?)"
    r"[ #:]{0,3}\Z",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"[0-9](?:[ -]?[0-9]){5,19}")
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-./ ]?(?:0?[1-9]|1[0-2])[-./ ]?(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])"
    r"|[0-3]?[0-9]([-./])[0-3]?[0-9]\1(?:19|20)?[0-9]{2}(?![0-9]|\1[0-9])"
)
_ZIP = re.compile(r"[0-9]{5}-[0-9]{4}")
_AMOUNT = re.compile(r"[0-9 ]+\.[0-9]{2}")
_NO_PHONE = re.compile(
    r"(?:\bisbn|\bissn|\bdoi|\border|\binvoice|\bticket|\bcase|\bref|§|\bno\.|\bpp?\.|\busc|u\.s\.c\.)[^0-9\n]{0,12}\Z",
    re.IGNORECASE,
)

# Looked for by its digits: they are rarer than letters.
_IBAN = re.compile(r"[0-9](?<=(?<![A-Za-z0-9])[A-Za-z]{2}[0-9])[0-9](?:[ -]?[A-Za-z0-9]){11,30}", re.ASCII)
_WALLET = re.compile(
    r"[13b0B](?<![A-Za-z0-9].)(?:(?<=[13])[1-9A-HJ-NP-Za-km-z]{25,34}|(?<=[bB])(?:c1|C1)[0-9A-Za-z]{11,71}|(?<=0)x[0-9a-fA-F]{40})"
    r"(?![A-Za-z0-9])"
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
    (re.compile(rf"(?:{words})[^0-9\n<>]{{0,24}}\Z", re.IGNORECASE), re.compile(rf"(?:{form})(?![0-9])"), module)
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
        if run.end() - run.start() < _MIN_DIGITS:
            continue
        if run.end() - run.start() <= _LONGEST_DATE and _DATE.fullmatch(run[0]):
            continue
        start = run.start()
        # Part of a name, a version or a decimal.
        if start > 1 and text[start - 1] in "._" and text[start - 2].isalnum():
            continue
        while start and text[start - 1] in _BEFORE_RUN:
            start -= 1
        yield from _in_run(text, start, run.end())


def ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        start = match.start() - 2
        if (iban := _iban(text[start : match.end()])) is not None:
            yield Found(start, start + len(iban), PrivateKind.IBAN, _plain(iban).upper())


def wallets(text: str) -> Iterator[Found]:
    """Addresses of Bitcoin with their check digits, and those of Ethereum by their form alone."""
    for match in _WALLET.finditer(text):
        if match[0].startswith("0x") or _is_valid("bitcoin", match[0]):
            yield Found(match.start(), match.end(), PrivateKind.WALLET, match[0])


def personal_ids(text: str) -> Iterator[Found]:
    """Personal numbers with letters or points in them, which no other number has."""
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
    named = _NAMED_CARD.match(text, start, end)
    if named and _is_said(_CARD_HINTS, before) and _WORDS_CARD.search(before):
        # Typed wrongly, perhaps, and close enough to the right one.
        yield Found(start, named.end(), PrivateKind.CARD, _plain(named[0]))
    for match in _SSN.finditer(text, start, end):
        if _is_valid("us.ssn", match[0]) or _is_valid("us.itin", match[0]):
            yield Found(match.start(), match.end(), PrivateKind.PERSONAL_ID, _plain(match[0]))
    for words, form, module in _NAMED:
        named = form.match(text, start, end)
        if named and words.search(before) and _is_valid(module, named[0]):
            yield Found(start, named.end(), PrivateKind.PERSONAL_ID, _plain(named[0]))
    account = _ACCOUNT.match(text, start, end)
    if account and _is_said(_ACCOUNT_HINTS, before) and _WORDS_ACCOUNT.search(before):
        yield Found(start, account.end(), PrivateKind.ACCOUNT, _plain(account[0]))
    yield from _phones(text, start, end, before)


def _is_said(hints: tuple[str, ...], before: str) -> bool:
    """Whether one of the words may stand there; much faster than to look for all their forms at once."""
    lower = before.lower()
    return any(hint in lower for hint in hints)


def _phones(text: str, start: int, end: int, before: str) -> Iterator[Found]:
    """Numbers with a country code, numbers spelt as their country does, and any valid one behind a word like *phone*."""
    found = [*_with_country(text[start:end], start)]
    found += _spelt_as_at_home(text, max([start, *(one.end for one in found)]), end)
    if not found and _is_said(_PHONE_HINTS, before) and _WORDS_PHONE.search(before):
        found += _named_as_phone(text[start:end], start)
    if found and not _NO_PHONE.search(before):
        yield from found


def _with_country(run: str, start: int) -> Iterator[Found]:
    for match in _WITH_COUNTRY.finditer(run):
        if value := _international(match[0]):
            yield Found(start + match.start(), start + match.end(), PrivateKind.PHONE, value)


def _spelt_as_at_home(text: str, start: int, end: int) -> Iterator[Found]:
    for pattern in _SPELT:
        for match in pattern.finditer(text, start, end):
            if "." in match[0] and " " in match[0]:
                continue
            if (
                _MIN_NATIONAL_DIGITS <= len(_plain(match[0])) <= _MAX_NATIONAL_DIGITS
                and _stands_alone(text, match.start(), match.end())
                and (value := _national(match[0]))
            ):
                yield Found(match.start(), match.end(), PrivateKind.PHONE, value)


def _named_as_phone(run: str, start: int) -> Iterator[Found]:
    typed = run[:_MAX_PHONE_CHARS]
    if not _DATE.match(run) and not _AMOUNT.fullmatch(run) and (value := _national(typed) or _possible(typed)):
        yield Found(start, start + len(typed), PrivateKind.PHONE, value)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Not in the middle of a longer number, name, time or range, and neither a date nor a ZIP code of nine digits."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isdigit() or before[-1:] in ("+", "$", "€", "£") or after[:1].isalnum() or after[:1] == "_":
        return False
    if _DATE.match(text, start + (text[start] == "("), end) or _ZIP.fullmatch(text, start, end):
        return False
    return not (before[:1].isalnum() and before[1:] in ("-", ".", "/", ":")) and not (
        after[:1] in ("-", ".", "/") and after[1:].isdigit()
    )


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
    if run[:2].upper() not in _iban_countries():
        return None
    ends = [
        place
        for place in range(len(run), 14, -1)
        if place == len(run) or not run[place].isalnum() or run[place - 1].isdigit()
    ]
    return next(
        (run[:end] for end in ends if 15 <= len(_plain(run[:end])) <= 34 and _is_valid("iban", run[:end])), None
    )


@cache
def _iban_countries() -> frozenset[str]:
    from stdnum import numdb

    return frozenset(prefix for _, prefix, *_ in numdb.get("iban").prefixes)


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
    validators = {module.__name__.removeprefix("stdnum."): module.is_valid for module in modules}
    # One with a wrong check digit of its country inside is still somebody's, typed wrongly.
    return validators | {"iban": partial(iban.is_valid, check_country=False)}
