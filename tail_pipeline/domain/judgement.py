"""What is judged, what came of each criterion, and the score our own code makes of it."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tail_pipeline.domain.rubric import Rubric


@dataclass(frozen=True)
class Content:
    """One answer of an agent with what it was given; ``expected`` is known for cases only."""

    input: str
    output: str
    contexts: tuple[str, ...] = ()
    expected: str | None = None

    @cached_property
    def digest(self) -> str:
        """Fingerprint that is the same for texts that differ in white space or Unicode composition alone."""
        expected = None if self.expected is None else _normalised(self.expected)
        fields = [_normalised(self.input), _normalised(self.output), [*map(_normalised, self.contexts)], expected]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


@dataclass(frozen=True)
class CriterionScore:
    """``score`` in 0..1, or None where the criterion does not apply to this content; ``reason`` in a sentence."""

    name: str
    score: float | None
    reason: str = ""


@dataclass(frozen=True)
class Judgement:
    """``score`` and ``faithfulness`` in 0..1; where one is None, its reason says why.

    ``served_by`` is the very model that judged, where a model did and its endpoint says.
    """

    score: float | None
    unscored_reason: str | None
    criteria: tuple[CriterionScore, ...] = ()
    broken_floors: tuple[str, ...] = ()
    faithfulness: float | None = None
    faithfulness_reason: str | None = None
    served_by: str | None = None

    def passes(self, rubric: Rubric) -> bool | None:
        """Whether the content would pass the rubric; None when it could not be scored."""
        if self.score is None:
            return None
        unfaithful = self.faithfulness is not None and self.faithfulness < rubric.ragas_faithfulness
        return self.score >= rubric.rubric_min_score and not self.broken_floors and not unfaithful


def weighted_score(rubric: Rubric, scores: Sequence[CriterionScore]) -> tuple[float | None, tuple[str, ...]]:
    """The weighted mean over the criteria that apply, and the names of those below their floor.

    The mean is None when no criterion with a weight applies.
    """
    found: Mapping[str, float] = {one.name: one.score for one in scores if one.score is not None}
    applying = [criterion for criterion in rubric.criteria if criterion.name in found]
    weight = sum(criterion.weight for criterion in applying)
    broken = tuple(one.name for one in applying if one.floor is not None and found[one.name] < one.floor)
    if weight <= 0:
        return None, broken
    return sum(criterion.weight * found[criterion.name] for criterion in applying) / weight, broken


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
