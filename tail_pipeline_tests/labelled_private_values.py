"""Texts with private values of which it is known where they are, and texts that only look as if they had any.

The values are made anew from public formats for each seed; numbers get the check digits that make them possible.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stdnum import iban, luhn
from stdnum.iso7064 import mod_97_10

LETTERS = string.ascii_letters
ALPHANUMERIC = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


@dataclass(frozen=True)
class Labelled:
    """A text, and the one private value in it as it is typed there."""

    text: str
    kind: str
    value: str


FRAMES = (
    "Hi team, {} is what I have on file, please check.",
    "{}",
    "Please update my record: {}. Thanks,\nMaria",
    "customer wrote ({}) twice this week",
    "1. see below\n2. {}\n3. done",
    "Use {}, or nothing works; the order is 4711.",
)


def labelled(seed: int, per_kind: int) -> Iterator[Labelled]:
    """``per_kind`` texts of each kind."""
    rng = random.Random(seed)
    for kind, makers in MAKERS.items():
        for number in range(per_kind):
            value, shown = makers[number % len(makers)](rng)
            yield Labelled(rng.choice(FRAMES).format(shown), kind, value)


def _some(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _digits(rng: random.Random, length: int) -> str:
    return _some(rng, string.digits, length)


def _plainly(make: Callable[[random.Random], str]) -> Callable[[random.Random], tuple[str, str]]:
    def made(rng: random.Random) -> tuple[str, str]:
        value = make(rng)
        return value, value

    return made


def _after(words: str, make: Callable[[random.Random], str]) -> Callable[[random.Random], tuple[str, str]]:
    def made(rng: random.Random) -> tuple[str, str]:
        value = make(rng)
        return value, words.format(value)

    return made


def _name(rng: random.Random) -> str:
    return rng.choice(("anna", "b.okafor", "li-wei", "j_doe", "maria.garcia", "x", "tom+news", "o'brien", "müller")) + (
        _digits(rng, 2) if rng.random() < 0.5 else ""
    )


def _email(rng: random.Random) -> str:
    return f"{_name(rng)}@{rng.choice(('example.com', 'mail.example.org', 'acme-corp.co.uk', 'uni-köln.de', 'xn--e1afmkfd.net'))}"


def _card(rng: random.Random) -> str:
    prefix, length = rng.choice(
        (("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("3528", 16), ("36", 14))
    )
    body = prefix + _digits(rng, length - len(prefix) - 1)
    return body + luhn.calc_check_digit(body)


def _in_fours(rng: random.Random) -> str:
    body = "4" + _digits(rng, 14)
    digits = body + luhn.calc_check_digit(body)
    return rng.choice((" ", "-")).join(digits[at : at + 4] for at in range(0, 16, 4))


def _iban(rng: random.Random) -> str:
    country, length = rng.choice((("DE", 18), ("AT", 16), ("CH", 17), ("ES", 20), ("BE", 12)))
    while True:
        account = _digits(rng, length)
        check = mod_97_10.calc_check_digits(account + country)
        whole = f"{country}{check}{account}"
        if iban.is_valid(whole, check_country=False):
            break
    return " ".join(whole[at : at + 4] for at in range(0, len(whole), 4)) if rng.random() < 0.5 else whole


def _ssn(rng: random.Random) -> str:
    return f"{rng.randint(100, 665):03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def _us(rng: random.Random) -> str:
    area, line = rng.choice(("212", "415", "312", "617")), f"{rng.choice(('345', '867', '234'))}-{_digits(rng, 4)}"
    return rng.choice((f"({area}) {line}", f"{area}-{line}", f"1-{area}-{line}", f"{area}.{line.replace('-', '.')}"))


def _abroad(rng: random.Random) -> str:
    forms = (
        "+44 20 7946 ####",
        "+49 30 1234 ####",
        "+33 6 12 34 ## ##",
        "+1 (415) 234-####",
        "0049 171 234 ####",
        "+91 98765 4####",
        "+55 11 91234-####",
    )
    return "".join(_digits(rng, 1) if one == "#" else one for one in rng.choice(forms))


def _national(rng: random.Random) -> str:
    forms = (
        "020 7946 ####",
        "030 1234####",
        "0171 234 ####",
        "06 12 34 ## ##",
        "06-1234####",
        "0412 345 ###",
        "079 123 4# ##",
        "07400 12####",
    )
    return "".join(_digits(rng, 1) if one == "#" else one for one in rng.choice(forms))


def _jwt(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': _digits(rng, 10), 'name': 'x'})}.{_some(rng, ALPHANUMERIC, 43)}"


def _pem(rng: random.Random) -> str:
    lines = "\n".join(_some(rng, ALPHANUMERIC, 64) for _ in range(4))
    kind = rng.choice(("RSA ", "EC ", "OPENSSH ", ""))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _key(*forms: tuple[str, str, int]) -> Callable[[random.Random], str]:
    def made(rng: random.Random) -> str:
        prefix, alphabet, length = rng.choice(forms)
        return prefix + _some(rng, alphabet, length - 1) + rng.choice("123456789")

    return made


def _ipv4(rng: random.Random) -> str:
    return f"{rng.randint(128, 220)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def _ipv6(rng: random.Random) -> str:
    return f"2001:db8:{_some(rng, HEX, 4)}::{_some(rng, HEX, 4)}:7334"


def _password(rng: random.Random) -> str:
    return _some(rng, LETTERS, 6) + _digits(rng, 2) + rng.choice("!#%")


MAKERS: dict[str, tuple[Callable[[random.Random], tuple[str, str]], ...]] = {
    "EMAIL": (_plainly(_email), _after("<{}>", _email), _after("mailto:{}", _email), _after("mail={}&x=1", _email)),
    "PHONE": (
        _plainly(_us),
        _plainly(_abroad),
        _plainly(_national),
        _after("phone: {}", lambda rng: "212" + "867" + _digits(rng, 4)),
    ),
    "CARD": (_plainly(_card), _plainly(_in_fours)),
    "IBAN": (_plainly(_iban), _after("IBAN: {} (BIC DEUTDEFF)", _iban)),
    "ACCOUNT": (
        _after("account number {}", lambda rng: "1" + _digits(rng, 9)),
        _after("my acct no. is {}", lambda rng: "2" + _digits(rng, 7)),
        _after("routing number: {}", lambda rng: "0" + _digits(rng, 8)),
    ),
    "PERSONAL_ID": (_plainly(_ssn), _after("SSN {}", lambda rng: _ssn(rng).replace("-", ""))),
    "IP": (_plainly(_ipv4), _plainly(_ipv6), _after("client_ip={}", _ipv4)),
    "WALLET": (
        _after("send it to {}", lambda _rng: "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        _plainly(lambda _rng: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        _plainly(lambda rng: "0x" + _some(rng, HEX, 40)),
    ),
    "KEY": (
        _plainly(
            _key(
                ("AKIA", string.ascii_uppercase + string.digits, 16),
                ("ASIA", string.ascii_uppercase + string.digits, 16),
            )
        ),
        _plainly(_key(("ghp_", ALPHANUMERIC, 36), ("github_pat_", ALPHANUMERIC, 82), ("glpat-", ALPHANUMERIC, 20))),
        _plainly(
            _key(
                ("xoxb-123456789012-", ALPHANUMERIC, 24),
                ("sk-proj-", ALPHANUMERIC, 48),
                ("sk-ant-api03-", ALPHANUMERIC, 80),
            )
        ),
        _plainly(
            _key(
                ("AIza", ALPHANUMERIC, 35),
                ("sk_live_", ALPHANUMERIC, 24),
                ("hf_", ALPHANUMERIC, 34),
                ("npm_", ALPHANUMERIC, 36),
            )
        ),
        _plainly(_jwt),
        _plainly(_pem),
        _after("Authorization: Bearer {}", _key(("", ALPHANUMERIC, 40))),
        _after('"api_key": "{}"', _key(("", HEX, 32))),
        _after("aws_secret_access_key = {}", _key(("", ALPHANUMERIC + "/+", 40))),
    ),
    "PASSWORD": (
        _after("password={}", _password),
        _after("my password is {}", _password),
        _after('{{"password": "{}"}}', _password),
        _after("postgres://{}@db.internal/app", lambda rng: f"app:{_password(rng)[:-1]}"),
        _after("Server=db;User Id=app;Pwd={};", _password),
    ),
}

HARD_NEGATIVES = (
    "Order 4711 was placed on 2026-04-13 at 10:20:30 and shipped on 14.04.2026.",
    "Order number 20260413-000815, invoice INV-2026-004711, ticket #1234567.",
    "See 12 U.S.C. § 1831, 42 U.S.C. 1983 and 29 C.F.R. § 1910.120(b)(4).",
    "Smith v. Jones, 410 U.S. 113, 152-53 (1973); 347 F.3d 1024, 1031 (9th Cir. 2003); No. 21-1234.",
    "Bluebook: 505 U.S. 833, 846-847 (1992), docket 1:21-cv-01234-ABC.",
    "§ 823 Abs. 1 BGB, Art. 6 Abs. 1 lit. f DSGVO, BGBl. I 2017 S. 2097.",
    "Upgrade from v1.2.3.4 to version 2.10.0.1; polars==1.30.0, numpy 2.4.6.",
    "Section 3.1.4.1 and clause 10.2.3.4 of the agreement apply.",
    "The trace is 4bf92f3577b34da6a3ce929d0e0e4736, the span 00f067aa0ba902b7.",
    "uuid 550e8400-e29b-41d4-a716-446655440000 and 123e4567-e89b-12d3-a456-426614174000",
    "commit 85d8075f1e6b0f3a6d1c4c7d5b7a0e9f8c6d5b4a fixes it, see 85d8075.",
    "ISBN 978-3-16-148410-0 and ISBN-10 0-306-40615-2, ISSN 2049-3630, DOI 10.1038/s41598-021-93361-y.",
    "It costs $1,299.00, or 1.299,00 €, 12 × 108.25 = 1299; 4 000 000 inhabitants.",
    "Revenue rose from 1 234 567 to 2 345 678 between 2019-2020 and 2024-2025.",
    "timestamps 1713571200 1713571200000 1713571200000000000 and 2026-04-13T10:20:30.123456Z",
    "x = 3.14159265358979; y = 2.718281828459045; z = 1e-9; mask 255.255.255.0; localhost 127.0.0.1",
    "for i in range(100000): total += values[i] * 0.5  # 123456 rows",
    "password = os.environ['DB_PASSWORD']; token = get_token(user); secret = None",
    "Where do I reset my password? The password is wrong. Password: required.",
    "The token limit is 128000 tokens, the secret of good coffee is the water.",
    "My key takeaway: access tokens expire after 3600 seconds.",
    "Follow @tail_pipeline, mention @maria or write to us @ the office at 10.",
    "git clone git@github.com:acme/app.git and pip install pkg@1.2.3",
    "std::vector<int> v; Face::Add(x); a::b::c; 12:34:56 and 1:2:3",
    "ZIP 94105-1234 and 10115 Berlin; room 301-286; flight LH 1234; IBAN is what I need",
    "MAC 00:1A:2B:3C:4D:5E, SKU 4006381333931, EAN 4006381333931, part 0815-4711.",
    "Call me Ishmael. Call 911. Dial 0 for the desk, extension 4711. Room 2001.",
    "Window 2026-04-13/2026-04-20, run 2026-W17-1, week 17 of 52, 24/7 support, 50/50.",
    "Score 0.82, 95% CI [0.78, 0.86], p = 0.06, n = 8123, F(1, 123456) = 3.2.",
    "https://example.com/a/b?page=2&id=123456789 and http://example.com:8080/x@2x.png",
    "Coordinates 52.520008, 13.404954; 40°42'46\"N 74°00'22\"W; scale 1:250000.",
    "Bearer of good news; Basic understanding; Authorization is required.",
    "Das Aktenzeichen lautet 12 O 345/21, die Rechnung 2026/04/000123.",
    "The case <EMAIL_1> and the tag <b>bold</b> and <PHONE_12>.",
    "RFC 5322, ISO 27001:2022, IEC 62304, HL7 v2.5.1, 802.11ac, 10.1.2.",
    "Blood pressure 120/80, 98.6 F, ICD-10 E11.9, NDC 0002-8215-01.",
)
"""Each of these stays as it is."""
