"""A few words for a cluster, without a model: those that set it apart from the rest of the week."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from tail_pipeline.domain.embedding import canonical
from tail_pipeline.domain.placeholders import PLACEHOLDER

MAX_TITLE_WORDS = 6
MAX_WORD_CHARS = 30
TELLING_SHARE = 0.25
"""Of the weight of the most telling word: what weighs less fills a title and says little, such as the greetings of some.

In 455 clusters of public intents with a greeting in every fifth text, titles held 2.5 times fewer of these than without the
rule, and 99 in 100 of those that shared a word with their intent's name still did; see benchmarks/title_words.py.
"""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
CLOSED_CLASS = frozenset(
    "a an and any are as at be been but by can could did do does for from had has have he her hers him his how i i'd i'll "
    "i'm i've if in is it it's its just like me my no not of on or our please she should so some than that the their them "
    "then there these they this those to us was we were what what's when where which who why will with would you your".split()
)
"""Words that say nothing of what a text is about."""


def words_of(text: str) -> list[str]:
    """Words of a canonical text."""
    return _WORD.findall(text)


class TitleWords:
    """Knows how common each word is in the week's canonical texts, so that a title can name what is not."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = max(len(texts), 1)
        self._frequency = Counter(word for text in texts for word in set(words_of(text)))

    def title(self, representative: str, members: Sequence[str]) -> str:
        """Up to six words of the representative as it was typed, in its order, starting with a capital letter.

        A word counts for the share of the ``members`` (distinct canonical texts) that use it times how rare it is in the rest
        of the week. Only letters and digits get in, so a title can neither break Markdown nor mention anybody.
        """
        inside = Counter(word for text in members for word in set(words_of(text)))
        typed: dict[str, str] = {}
        for word in _WORD.findall(unicodedata.normalize("NFKC", PLACEHOLDER.sub(" ", representative[:2_000]))):
            # Scripts without blanks come as one long word; its beginning still says what it is about.
            typed.setdefault(canonical(word), word if len(word) <= MAX_WORD_CHARS else f"{word[:MAX_WORD_CHARS]}…")
        telling = [word for word in typed if word not in CLOSED_CLASS] or list(typed)

        def weight(word: str) -> float:
            others, using = max(self._texts - len(members), 0), max(self._frequency[word] - inside[word], 0)
            rarity = math.log((1 + others) / (1 + using)) + 0.1
            return inside[word] / max(len(members), 1) * rarity

        best = sorted(telling, key=lambda word: -weight(word))[:MAX_TITLE_WORDS]
        chosen = {word for word in best if weight(word) >= TELLING_SHARE * weight(best[0])}
        title = " ".join(shown for word, shown in typed.items() if word in chosen)
        return title[:1].upper() + title[1:] if title else "(no words)"
