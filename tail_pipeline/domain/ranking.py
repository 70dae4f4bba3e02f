"""What the clusters of one tail and those that tenants share have in common, and the rank and the cap of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, TypeVar

from tail_pipeline.domain.novelty import Novelty, Outcome


class RankedCluster(Protocol):
    """A frozen dataclass; ``rank`` counts from 1, ``weight`` is the sum and ``cost_weight`` the largest of its spans'."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def rank(self) -> int: ...

    @property
    def title(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def weight(self) -> int: ...

    @property
    def cost_weight(self) -> int: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def triggers(self) -> Mapping[str, int]: ...

    @property
    def outcome(self) -> Outcome: ...

    @property
    def novelty(self) -> Novelty | None: ...

    @property
    def case_id(self) -> str | None: ...

    @property
    def first_seen(self) -> str | None: ...


AnyCluster = TypeVar("AnyCluster", bound=RankedCluster)


def capped(ordered: Sequence[AnyCluster], max_clusters: int) -> list[AnyCluster]:
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
