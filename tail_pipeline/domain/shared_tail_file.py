"""How the cross-tenant clusters of a day become the cases of the shared tail file, with ids that stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tail_pipeline.domain.cross_tenant_clusters import CrossTenantCluster
from tail_pipeline.domain.novelty import Novelty, Outcome
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.tail_building import CaseIds, Distance, fold_run, header_of, left_out, proposed_case
from tail_pipeline.domain.tail_file import (
    CaseWindow,
    Counts,
    Run,
    SharedBy,
    TailCase,
    TailFile,
)
from tail_pipeline.domain.weeks import IsoWeek, MiningDay, Window

_SAME_WORDS = 0.3
"""Share of common words among all words of two clusters from which on they are one cluster, mined again on the same day."""


def build_shared_tail_file(
    *,
    day: MiningDay,
    window: Window,
    agent: str,
    rubric: Rubric,
    shared_by: SharedBy,
    clusters: Sequence[CrossTenantCluster],
    spans: int,
    alone: int,
    max_clusters: int,
    one_run_a_week: bool,
    earlier_versions: Sequence[TailFile],
) -> TailFile:
    """One day's cross-tenant cases, folded into what the week's shared file already holds, as ``build_tail_file`` does.

    ``spans`` failed in the tails of all tenants, ``alone`` of them in no cross-tenant cluster.
    """
    run = None if one_run_a_week else day.key
    outcomes = Counter(cluster.outcome for cluster in clusters)
    proposed = [cluster for cluster in clusters if cluster.outcome is Outcome.PROPOSED]
    ids = CaseIds(day.iso_week, None, earlier_versions, run).assign(proposed, _words_apart)
    counts = Counts(
        spans=spans,
        scored=spans,
        unscored=0,
        failing=spans,
        clusters=len(clusters),
        new_clusters=sum(cluster.novelty is Novelty.NEW for cluster in clusters),
        cases=len(proposed),
        over_cap=outcomes[Outcome.OVER_CAP],
        unclustered=alone,
        max_clusters=max_clusters,
    )
    return fold_run(
        header_of(day, agent, None, rubric),
        Run(day=day.key, window=CaseWindow(start=window.start, end=window.end), counts=counts, tenants=shared_by),
        [_case(case_id, cluster, day.iso_week, run) for case_id, cluster in zip(ids, proposed, strict=True)],
        [left_out(cluster, run) for cluster in clusters if cluster.outcome is not Outcome.PROPOSED],
        [],
        one_run_a_week=one_run_a_week,
        before=earlier_versions[-1] if earlier_versions else None,
    )


def _words_apart(cluster: CrossTenantCluster, case: TailCase) -> Distance | None:
    """How far the common words of a cluster are from those of an earlier case of the same day; strangers have no distance.

    The words only grow with the tenants. Where there are none, the same numbers make the same cluster.
    """
    own, known = set(cluster.words), set(case.cluster.words)
    numbers = (cluster.size, cluster.weight, cluster.tenants, cluster.triggers)
    same = numbers == (case.cluster.size, case.cluster.weight, case.cluster.tenants, case.cluster.triggers)
    share = len(own & known) / len(own | known) if own | known else float(same)
    return (1 - share, not same) if share >= _SAME_WORDS else None


def _case(case_id: str, cluster: CrossTenantCluster, week: IsoWeek, run: str | None) -> TailCase:
    texts: dict[str, Any] = {"input": cluster.input, "context": [], "expected": None, "expected_source": "none"}
    behind = {"tenants": cluster.tenants, "words": list(cluster.words), "no_input": cluster.no_input}
    return proposed_case(case_id, cluster, week, run, texts=texts, behind=behind)
