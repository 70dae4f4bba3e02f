"""Keys, tokens and passwords: by the forms their issuers publish, and by the name they are assigned to."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tail_pipeline.domain.placeholders import PLACEHOLDER, PrivateKind
from tail_pipeline.domain.redaction import Found

_ISSUED = "|".join(  # noqa: FLY002 - one issuer a line
    (
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}",  # AWS
        r"gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{22,255}",  # GitHub
        r"gl(?:pat|dt|rt|ptt|soat|ft|agent)-[\w-]{20,255}",  # GitLab
        r"xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-[0-9]-[A-Za-z0-9-]{10,255}",  # Slack
        r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,255}",
        r"sk-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,255}",  # OpenAI, Anthropic and others
        r"AIza[\w-]{35}|ya29\.[\w-]{20,255}|GOCSPX-[\w-]{28}",  # Google
        r"[srp]k_(?:live|test)_[A-Za-z0-9]{16,255}|whsec_[A-Za-z0-9+/=]{24,255}",  # Stripe
        r"(?:AC|SK)[0-9a-f]{32}",  # Twilio
        r"SG\.[\w-]{16,64}\.[\w-]{16,64}",  # SendGrid
        r"npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,255}|hf_[A-Za-z0-9]{30,64}",
        r"do[opr]_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
        r"eyJ[\w-]{8,512}+\.eyJ[\w-]{8,8192}+\.[\w-]{0,1024}",  # JSON Web Token
    )
)
_KEY = re.compile(rf"(?:{_ISSUED})(?![A-Za-z0-9])", re.ASCII)
_BEGINNINGS = (
    *(
        "AKIA",
        "ASIA",
        "ABIA",
        "ACCA",
        "A3T",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "gldt-",
        "glrt-",
    ),
    *(
        "glptt-",
        "glsoat-",
        "glft-",
        "glagent-",
        "xox",
        "xapp-",
        "hooks.slack.com/",
        "sk-",
        "AIza",
        "ya29.",
        "GOCSPX-",
        "sk_",
        "rk_",
    ),
    *(
        "pk_",
        "whsec_",
        "AC",
        "SK",
        "SG.",
        "npm_",
        "pypi-",
        "hf_",
        "dop_v1_",
        "doo_v1_",
        "dor_v1_",
        "shpat_",
        "shpca_",
        "shppa_",
    ),
    *("shpss_", "eyJ"),
)
_TELEGRAM = ":AA"
_TELEGRAM_TOKEN = re.compile(r"(?<![A-Za-z0-9])[0-9]{8,10}:AA[\w-]{33}(?![\w-])", re.ASCII)
_PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----", re.ASCII)
_PEM_BREAK = r"(?:\s|\\n|\\r)*+"
_PEM_HEADER = r"(?:Proc-Type|DEK-Info|Version|Comment|Hash):[^\n]{0,100}"
_PEM_BODY = re.compile(
    rf"(?:{_PEM_BREAK}(?:[A-Za-z0-9+/=]{{20,}}+|{_PEM_HEADER}))*+(?:{_PEM_BREAK}[A-Za-z0-9+/=]{{1,19}}+(?=\s*(?:\Z|\\n|-----END)))?"
    rf"(?:{_PEM_BREAK}-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----)?"
)
"""To the END line, or to the last line of the key where it was cut off."""

_BEARER = re.compile(r"(?:bearer|basic|token)[ \t\n]{1,3}([A-Za-z0-9._~+/-]{16,4096}={0,2})", re.IGNORECASE)
_URL_LOGIN = re.compile(r"[^\s/@:<>\"'?#]{0,128}:[^\s/@<>\"']{1,256}(?=@)")

_PASSWORD_NAME = r"passwor[dt]|passwd|passphrase|passcode|pwd|passwort|kennwort|contraseña|mot de passe"  # noqa: S105
_OF_RANDOM_LETTERS = (
    r"(?:api|access|auth|secret|private|account|shared[_-]?access|encryption|signing)[\s_-]?(?:key|token|secret)"
    r"|client[\s_-]?secret|secret|token|sig|signature"
)
_NAMED = re.compile(rf"(?P<password>{_PASSWORD_NAME})|(?P<token>{_OF_RANDOM_LETTERS})", re.IGNORECASE)
_NAMES = ("passw", "passp", "passc", "pwd", "kennwort", "contraseña", "mot de passe", "secret", "token", "sig")
_KEY_NAMES = ("api", "access", "auth", "private", "account", "shared", "encryption", "signing")
_ASSIGNED = re.compile(
    r"(?:[\w.-]{0,20})?+[\"'\])]{0,2}\s{0,3}(?P<how>:=|=>|={1,3}|:|\bis\b|\bwas\b)\s{0,3}(?P<quote>\\?[\"'`]|)",
    re.IGNORECASE,
)
_QUOTED = {"'": re.compile(r"[^'\n]{4,512}"), '"': re.compile(r"[^\"\n]{4,512}"), "`": re.compile(r"[^`\n]{4,512}")}
_BARE = re.compile(r"[^\s\"'`,;&<>(){}\[\]|]{4,512}")
_NO_VALUE = re.compile(
    r"(?:none|null|nil|true|false|undefined|string|required|optional|example|changeme|redacted|hidden|x+|\*+|\.+|-+|_+"
    r"|\$\{?\w+\}?|%\w+%?|\{+[^}]*\}+|<[^>]*>|your[\w-]*|my[_-][\w-]*|os\.\w[\w.]*|process\.env[\w.]*|self\.\w+|env\.\w+)",
    re.IGNORECASE,
)
_NO_LOGIN = re.compile(r"[$%{<].*:[$%{<].*|user(?:name)?:pass(?:word)?|[^:]*:(?:\*+|x+|\.+|$)", re.IGNORECASE)
_MIN_ENTROPY = 3.0

MAY_HOLD_KEY = (
    r"AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9]|gh[pousr]_|github_pat_|gl(?:pat|dt|rt|ptt|soat|ft|agent)-|xox[abeoprs]-|xapp-|hooks\.slack"
    r"|sk-[A-Za-z0-9_-]{4}|AIza|ya29\.|GOCSPX-|k_(?:live|test)_|whsec_|(?:AC|SK)[0-9a-f]{8}|SG\.[A-Za-z0-9_-]{8}|npm_|pypi-"
    r"|hf_[A-Za-z0-9]{8}|_v1_|shp(?:at|ca|pa|ss)_|:AA[A-Za-z0-9_-]{8}|eyJ|PRIVATE KEY"
    r"|(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Tt]oken|TOKEN)[ \t\n][A-Za-z0-9._~+/-]{8}"
)
MAY_HOLD_PASSWORD = rf"://[^\s/@]{{0,128}}:[^\s/@]{{1,256}}@|(?i:{_PASSWORD_NAME}|{_OF_RANDOM_LETTERS})"


def keys(text: str) -> Iterator[Found]:
    """Keys by the forms their issuers gave them, private keys, and what follows ``Bearer``."""
    for place in _places(text, _BEGINNINGS):
        if place and text[place - 1].isalnum():
            continue
        if match := _KEY.match(text, place):
            yield Found(place, match.end(), PrivateKind.KEY, match[0])
    for place in _places(text, (_TELEGRAM,)):
        if match := _TELEGRAM_TOKEN.search(text, max(0, place - 11), place + 37):
            yield Found(match.start(), match.end(), PrivateKind.KEY, match[0])
    end = 0
    for place in _places(text, ("-----BEGIN ",)):
        if place >= end and (begin := _PEM.match(text, place)):
            body = _PEM_BODY.match(text, begin.end())
            end = body.end() if body else begin.end()
            yield Found(place, end, PrivateKind.KEY, text[place:end])
    for place in _places(_lower(text), ("bearer", "basic", "token")):
        match = _BEARER.match(text, place)
        if match and _is_random(match[1]):
            yield Found(match.start(1), match.end(1), PrivateKind.KEY, match[1])


def passwords(text: str) -> Iterator[Found]:
    """What a URL has before its host, and what is assigned to a name that says it is secret."""
    for place in _places(text, ("://",)):
        login = _URL_LOGIN.match(text, place + 3)
        if login and not _NO_LOGIN.fullmatch(login[0]):
            yield Found(login.start(), login.end(), PrivateKind.PASSWORD, login[0])
    for place in _places(_lower(text), (*_NAMES, *_KEY_NAMES)):
        name = _NAMED.match(text, place)
        if name is None:
            continue
        assigned = _ASSIGNED.match(text, name.end())
        if assigned is None:
            continue
        quote = assigned["quote"][-1:]
        value = (_QUOTED[quote] if quote else _BARE).match(text, assigned.end())
        if value is None:
            continue
        shown = value[0] if quote else value[0].rstrip(".,!?:")
        if PLACEHOLDER.search(shown) or text[value.end() : value.end() + 1] in ("(", "[") or _NO_VALUE.fullmatch(shown):
            continue
        if name["token"]:
            kind, is_secret = PrivateKind.KEY, assigned["how"].casefold() not in ("is", "was") and _is_random(shown)
        else:
            kind, is_secret = PrivateKind.PASSWORD, _is_password(shown, assigned["how"], quote=bool(quote))
        if is_secret:
            yield Found(value.start(), value.start() + len(shown), kind, shown)


def _places(text: str, literals: Sequence[str]) -> Iterator[int]:
    """Where one of the literals begins; a dozen searches for literals are faster than one for their alternation."""
    for literal in literals:
        place = text.find(literal)
        while place >= 0:
            yield place
            place = text.find(literal, place + len(literal))


def _lower(text: str) -> str:
    """The text in lower case with every character in its place: a few become two, and stay as they are."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in text)


def _is_random(value: str) -> bool:
    """Letters and digits without a word in them, as far as their number and variety can say."""
    if len(value) < 16 or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    counts = Counter(value).values()
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return entropy >= _MIN_ENTROPY


def _is_password(value: str, how: str, *, quote: bool) -> bool:
    """After an equals sign nearly anything; in prose only what no word is."""
    if len(value) < 4:
        return False
    no_word = any(map(str.isdigit, value)) or any(not (c.isalnum() or c in "'-/") for c in value.rstrip(".,!?"))
    if quote:
        return " " not in value or no_word
    return no_word if how in (":", "=>") or how.isalpha() else not value.isdigit() or len(value) >= 4
