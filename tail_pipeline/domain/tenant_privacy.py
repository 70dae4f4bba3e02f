"""What a file that several tenants' reviewers read may say of their texts: nothing that would tell one of them from the others.

The rule asks how many tenants used a word or a run of words on the day. It knows texts only, and no model: whoever writes
a text, it is held to the same.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from tail_pipeline.domain.hostile_text import visible
from tail_pipeline.domain.titles import CLOSED_CLASS, MAX_WORD_CHARS, TELLING_SHARE, words_of

MAX_RUN_WORDS = 5
"""Words in a row that may be one tenant's; a longer run is a quotation."""

MAX_COMMON_WORDS = 20
_MIN_NAME_CHARS = 4
_MIN_STEM_CHARS = 5

_EVERYWHERE = CLOSED_CLASS | frozenset(
    "about above after again against ain all also although always am among aren because before being below between both "
    "couldn d didn doesn don down during each either else even ever every few further hadn hasn haven here hers herself "
    "himself into isn itself let ll m many may maybe might more most much must myself neither never no nor nothing now off "
    "often once one only onto other others ought ourselves out over own per perhaps rather re s same several shall shouldn "
    "since something still such t themselves though through till too toward towards under until up upon ve very via wasn "
    "weren whatever whether while whom whose within without wouldn yes yet yours yourself".split()
)
"""The closed class with the halves of its contractions: English words that say nothing, whoever used them."""

_PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z0-9_]*>")
"""What stands for a private value, ``<EMAIL_4821307>``; also as it is spelt in a canonical text."""

_LETTERS = re.compile(r"[^\W\d_]+")
# Scripts without blanks between words: Thai, Lao, Burmese, Khmer, and those of Chinese and Japanese.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_STRETCH = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_UNSPACED_STRETCH = re.compile(f"[{_UNSPACED}]+")


HIDDEN, DIGIT, NAME = "holds a placeholder, a tag or a hidden character", "holds a digit", "names a tenant"
RARE_WORD = "uses a word that too few tenants used"
QUOTATION = f"quotes more than {MAX_RUN_WORDS} words in a row that too few tenants used"
PROBLEMS = (HIDDEN, DIGIT, NAME, RARE_WORD, QUOTATION)
"""Why a text may not be read by all tenants; none of the reasons quotes it."""


def title_words(common: Mapping[str, float]) -> tuple[str, ...]:
    """Those of ``TenantPrivacy.common_words`` that say what the clusters are about.

    So few that they can be no quotation, whatever their order.
    """
    words = list(common)[:MAX_RUN_WORDS]
    return tuple(word for word in words if common[word] >= TELLING_SHARE * common[words[0]])


class TenantPrivacy:
    """The texts of one day by tenant, the names nobody may read, and how many tenants make a thing common."""

    def __init__(
        self, texts: Mapping[str, Iterable[str]], names: Mapping[str, Iterable[str]], min_tenants: int
    ) -> None:
        """``names`` holds what each tenant is called and spelt, by tenant; also of those without texts."""
        self.min_tenants = min_tenants
        self._names = _name_words(names, min_tenants)
        self._whole_names = [name for name in self._names if len(name) >= _MIN_NAME_CHARS]
        tokens = {tenant: [_tokens(text) for text in own] for tenant, own in texts.items()}
        self._runs = {tenant: "\n".join(f" {' '.join(one)} " for one in own) for tenant, own in tokens.items()}
        self._tenants_of: dict[str, int] = Counter(
            token for own in tokens.values() for token in {token for one in own for token in one}
        )
        self._texts = sum(map(len, tokens.values()))
        self._frequency = Counter(token for own in tokens.values() for one in own for token in set(one))
        self._rare = [word for word, count in self._tenants_of.items() if count < min_tenants]

    def common_words(self, texts: Mapping[str, Sequence[str]]) -> dict[str, float]:
        """The words of canonical ``texts`` (of some clusters, by tenant) that enough of these tenants used, most telling first.

        With how telling each is. Letters alone, none of the closed class, none that names a tenant, at most ``MAX_COMMON_WORDS``.
        """
        weights = self._weights(texts)
        words = sorted(weights, key=lambda word: (-weights[word], word))[:MAX_COMMON_WORDS]
        while self._quotes(_tokens(" ".join(sorted(words)))):
            words.pop()
        return {word: weights[word] for word in words}

    def _weights(self, texts: Mapping[str, Sequence[str]]) -> dict[str, float]:
        """Of each word that may be said: the share of the tenants that used it here times how rare it is elsewhere."""
        used = Counter(
            word
            for own in texts.values()
            for word in {word for text in own for word in words_of(_PLACEHOLDER.sub(" ", visible(text)))}
        )
        said = [set(_tokens(text)) for own in texts.values() for text in own]
        here = Counter(token for one in said for token in one)
        return {
            word: count / len(texts) * self._rarity_elsewhere(word, here, len(said))
            for word, count in used.items()
            if count >= self.min_tenants and self._is_plain(word)
        }

    def problem(self, text: str) -> str | None:
        """Which of ``PROBLEMS`` a text has that somebody made of the day's texts; None where all tenants may read it."""
        if text != visible(text) or "<" in text or ">" in text:
            return HIDDEN
        if any(unicodedata.category(character).startswith("N") for character in text):
            return DIGIT
        if self.names_tenant(text):
            return NAME
        tokens = _tokens(text)
        if any(self._is_rare(token) for token in tokens):
            return RARE_WORD
        if self._quotes(tokens):
            return QUOTATION
        return None

    def names_tenant(self, text: str) -> bool:
        """Whether a word is a tenant's name or a part of its spelling, or holds one of four letters or more."""
        words = _letters(text)
        return any(word in self._names or any(name in word for name in self._whole_names) for word in words)

    def _is_plain(self, word: str) -> bool:
        letters = word.replace("'", "").replace("’", "").replace("-", "")
        return (
            letters.isalpha()
            and 1 < len(word) <= MAX_WORD_CHARS
            and word not in _EVERYWHERE
            and not self.names_tenant(word)
        )

    def _rarity_elsewhere(self, word: str, here: Counter[str], texts_here: int) -> float:
        """Among the day's other texts: a word that stands in most texts of a large cluster is common for that alone."""
        token = _folded(word)
        others, using = self._texts - texts_here, self._frequency[token] - here[token]
        return math.log((1 + max(others, 0)) / (1 + max(using, 0))) + 0.1

    def _is_rare(self, token: str) -> bool:
        """Used by some tenant and by too few; also a form of such a word, longer or shorter, that nobody used."""
        if token in _EVERYWHERE:
            return False
        count = self._tenants_of.get(token, 0)
        if count or len(token) < _MIN_STEM_CHARS:
            return 0 < count < self.min_tenants
        return any(len(word) >= _MIN_STEM_CHARS and (word in token or token in word) for word in self._rare)

    def _quotes(self, tokens: Sequence[str]) -> bool:
        """Whether a run of more than ``MAX_RUN_WORDS`` stands in the texts of some tenants and of too few."""
        for start in range(len(tokens) - MAX_RUN_WORDS):
            holders: Collection[str] = self._runs
            for end in range(start + MAX_RUN_WORDS + 1, len(tokens) + 1):
                run = f" {' '.join(tokens[start:end])} "
                holders = [tenant for tenant in holders if run in self._runs[tenant]]
                if not holders:
                    break
                if len(holders) < self.min_tenants:
                    return True
        return False


def _name_words(names: Mapping[str, Iterable[str]], min_tenants: int) -> frozenset[str]:
    """Each name written as one word, and its words; not those that stand in the names of enough tenants to name none."""
    spelt = {tenant: [_letters(name) for name in own] for tenant, own in names.items()}
    shared = Counter(word for own in spelt.values() for word in {word for words in own for word in words})
    whole = {"".join(words) for own in spelt.values() for words in own if words}
    return frozenset(whole | {word for word, count in shared.items() if count < min_tenants} - _EVERYWHERE)


def _tokens(text: str) -> list[str]:
    """The words of a text in one spelling, without marks and apostrophes; overlapping pairs where a script has no blanks."""
    found: list[str] = []
    for word in _letters(text):
        for stretch in _STRETCH.findall(word):
            pairs = [stretch[place : place + 2] for place in range(len(stretch) - 1)]
            found += pairs if pairs and _UNSPACED_STRETCH.match(stretch) else [stretch]
    return found


def _letters(text: str) -> list[str]:
    return _LETTERS.findall(_folded(visible(text)))


def _folded(text: str) -> str:
    """Lower case, compatibility forms and accents taken off: what a writer may vary without saying anything else."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.category(character).startswith("M"))
