"""How much of an answer stands in the passages it was given, without a model."""

from __future__ import annotations

from collections.abc import Iterator

from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.words import words

PIECE_CHARS = 5
PRIOR_PIECES = 20
"""About four words: a short answer claims little, so it starts out as supported."""


def support(content: Content) -> float | None:
    """The share in 0..1 of the answer's distinct pieces of five characters that stand in the contexts; None without words.

    ``(found + 20) / (all + 20)``, on words without case and punctuation. It says whether the words are those of the contexts,
    not whether the claim is true: it tells failures apart well where answers
    should repeat their passages (AUC .965 on mtrag_human, .939 on begin), and next to not at all where "support"
    means more than that (.545 on expertqa). Distinct words in contexts and input give .960, .885 and .526.
    ``benchmarks/human_agreement.md`` has the measurements, held-out choice included.
    """
    said = set(_pieces(content.output))
    if not said:
        return None
    given = {piece for text in content.contexts for piece in _pieces(text)}
    return (len(said & given) + PRIOR_PIECES) / (len(said) + PRIOR_PIECES)


def _pieces(text: str) -> Iterator[str]:
    """Overlapping pieces across words; a text shorter than a piece is one."""
    line = " ".join(words(text))
    if line:
        yield from (line[start : start + PIECE_CHARS] for start in range(max(1, len(line) - PIECE_CHARS + 1)))
