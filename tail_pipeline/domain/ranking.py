"""Ranks and the cap, the same for the clusters of one tail and for those that tenants share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, TypeVar

from tail_pipeline.domain.novelty import Outcome


class Ranked(Protocol):
    """A frozen dataclass with a ``rank`` and an ``outcome``."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def rank(self) -> int: ...

    @property
    def outcome(self) -> Outcome: ...


RankedCluster = TypeVar("RankedCluster", bound=Ranked)


def capped(ordered: Sequence[RankedCluster], max_clusters: int) -> list[RankedCluster]:
    """Number the ranks; of those to be proposed, the first ``max_clusters`` are."""
    proposed = 0
    ranked = []
    for rank, cluster in enumerate(ordered, start=1):
        outcome = cluster.outcome
        if outcome is Outcome.PROPOSED:
            proposed += 1
            outcome = Outcome.PROPOSED if proposed <= max_clusters else Outcome.OVER_CAP
        ranked.append(replace(cluster, rank=rank, outcome=outcome))
    return ranked
