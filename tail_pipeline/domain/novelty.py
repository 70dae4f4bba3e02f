"""Whether a cluster was seen before: in ``cases.yaml``, or in the tail file of an earlier week.

History is text in the repository. A week's vector space is not comparable with another week's, so the texts of
earlier cases are placed in this week's space and compared there, by shared members and by centroid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from tail_pipeline.domain.embedding import Vectors, canonical
from tail_pipeline.domain.weeks import MiningDay

REVIVAL_FACTOR = 2
"""A rejected case is proposed again when its cluster weighs this many times what it weighed."""

WORDS_FACTOR = 0.6
"""Share of the encoder's match similarity that counts where only words are kept of a case; see EarlierCase."""


class Outcome(StrEnum):
    """What becomes of a cluster this week."""

    PROPOSED = "proposed"
    OVER_CAP = "over_cap"
    KNOWN = "known"
    UNDECIDED = "undecided"
    REJECTED_BEFORE = "rejected_before"
    UNCLUSTERED = "unclustered"


class Novelty(StrEnum):
    """Why a proposed cluster is proposed."""

    NEW = "new"
    RETURNING = "returning"
    REVIVED = "revived"


class EarlierStatus(StrEnum):
    """How an earlier case stands now."""

    KNOWN = "known"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class EarlierCase:
    """A case the repository already holds.

    ``mined`` is None for a case nobody mined. ``abandoned`` means undecided in a pull request that was closed.
    ``words_only``: the text is not what anybody asked but the words that many had in common, in no order. On two simulated
    days of public intents such a case was found again with precision .87-.95 and recall .72-.83
    (benchmarks/cross_tenant_cases.py).
    """

    id: str
    status: EarlierStatus
    texts: tuple[str, ...]
    span_ids: frozenset[str] = frozenset()
    weight: int = 0
    cost_weight: int = 1
    rubric_sha: str | None = None
    mined: MiningDay | None = None
    first_seen: str | None = None
    words_only: bool = False

    def __post_init__(self) -> None:
        if not self.texts:
            raise ValueError(f"earlier case {self.id} has no text to compare with")


@dataclass(frozen=True)
class Verdict:
    """What history says about one cluster."""

    outcome: Outcome
    novelty: Novelty | None = None
    case_id: str | None = None
    first_seen: str | None = None


class HistoryIndex:
    """Finds the earlier case a cluster repeats, if any."""

    def __init__(self, cases: Sequence[EarlierCase], vectors: Vectors, threshold: float) -> None:
        """``vectors`` has one row per text of ``cases``, in ``texts_of`` order."""
        self._cases = cases
        ends = np.cumsum([0, *(len(case.texts) for case in cases)])
        self._centroids = vectors.centroids([range(*case) for case in pairwise(ends.tolist())])
        self._thresholds = [threshold * (WORDS_FACTOR if case.words_only else 1) for case in cases]
        self._forms = [frozenset(canonical(text) for text in case.texts) for case in cases]

    @staticmethod
    def texts_of(cases: Sequence[EarlierCase]) -> list[str]:
        """The canonical texts to embed, case after case."""
        return [canonical(text) for case in cases for text in case.texts]

    def match(self, cluster: Vectors, texts: Sequence[str], span_ids: Sequence[str]) -> EarlierCase | None:
        """The earlier case with the same intent, or None.

        Of several, one that is known or under review goes before one that was turned down, then one that shares members
        with the cluster (a text to the letter of the canonical form, or a span), then a known one, then the most recent.
        """
        if not self._cases:
            return None
        own_texts, own_spans = set(texts), set(span_ids)
        similarity = cluster.centroids([range(len(cluster))]).cosines(self._centroids)[0]
        candidates = []
        for number, case in enumerate(self._cases):
            # Span ids are unique inside a trace only, so a shared one counts when the texts are not strangers.
            same_span = bool(case.span_ids & own_spans) and similarity[number] >= self._thresholds[number] / 2
            shares_members = bool(self._forms[number] & own_texts) or same_span
            if shares_members or similarity[number] >= self._thresholds[number]:
                known = case.status is EarlierStatus.KNOWN
                day = case.mined.key if case.mined else ""
                settled = case.status in (EarlierStatus.KNOWN, EarlierStatus.UNDECIDED)
                candidates.append(
                    (settled, shares_members, known, day, round(float(similarity[number]), 4), case.id, case)
                )
        return max(candidates, key=lambda candidate: candidate[:-1])[-1] if candidates else None


def judge_novelty(earlier: EarlierCase | None, *, weight: int, cost_weight: int, rubric_sha: str) -> Verdict:
    """Propose what is new, what nobody got to decide, and what was rejected but grew, costs more or meets another rubric."""
    if earlier is None:
        return Verdict(Outcome.PROPOSED, Novelty.NEW)
    match earlier.status:
        case EarlierStatus.KNOWN:
            return Verdict(Outcome.KNOWN, None, earlier.id, earlier.first_seen)
        case EarlierStatus.UNDECIDED:
            return Verdict(Outcome.UNDECIDED, None, earlier.id, earlier.first_seen)
        case EarlierStatus.ABANDONED:
            return Verdict(Outcome.PROPOSED, Novelty.RETURNING, earlier.id, earlier.first_seen)
        case EarlierStatus.REJECTED:
            grown = weight >= REVIVAL_FACTOR * max(earlier.weight, 1)
            if grown or cost_weight > earlier.cost_weight or earlier.rubric_sha != rubric_sha:
                return Verdict(Outcome.PROPOSED, Novelty.REVIVED, earlier.id, earlier.first_seen)
            return Verdict(Outcome.REJECTED_BEFORE, None, earlier.id, earlier.first_seen)
