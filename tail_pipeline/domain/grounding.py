"""How much of an answer stands in what it was given, without a model."""

from __future__ import annotations

from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.words import words


def support(content: Content) -> float | None:
    """The share in 0..1 of the answer's distinct words that stand in the contexts or the input; None without words."""
    said = set(words(content.output))
    given = {word for text in (*content.contexts, content.input) for word in words(text)}
    return len(said & given) / len(said) if said else None
