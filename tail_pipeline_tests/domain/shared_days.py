"""Days of several tenants' tails, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tail_pipeline.domain.cross_tenant_clusters import CrossTenantCluster, CrossTenantDay, find_cross_tenant_clusters
from tail_pipeline.domain.embedding import LexicalEncoder
from tail_pipeline.domain.novelty import EarlierCase, Outcome
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.shared_tail_file import build_shared_tail_file
from tail_pipeline.domain.tail_file import SharedBy, TailFile
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline.domain.weighted_clusters import Cluster
from tail_pipeline_tests.domain.builders import DAY, RUBRIC, WINDOW, cluster

TENANTS = ("acme", "globex", "initech", "umbrella", "stark")
EXPORT = (
    "invoice export to a spreadsheet fails",
    "export of an invoice to the spreadsheet fails",
    "spreadsheet invoice export fails",
)
PARKING = ("where may visitors park their bicycle", "park a bicycle as visitor", "visitors want to park the bicycle")

Tails = dict[str, list[Cluster]]


def said(tenant: str, number: int, text: str, size: int = 1, **changes: Any) -> Cluster:
    """A cluster in a tenant's tail, of so many spans."""
    members = tuple((f"trace-{tenant}-{number}", f"span-{tenant}-{number}-{n}") for n in range(size))
    return cluster(
        number,
        **{
            "text": text,
            "paraphrases": (),
            "members": members,
            "representative": members[0],
            "weight": size,
            "triggers": {"rubric": size, "ragas": 0, "feedback": 0},
            **changes,
        },
    )


def singles(texts: Sequence[str] = EXPORT, tenants: Sequence[str] = TENANTS, **changes: Any) -> Tails:
    """Each tenant with one failing span, the texts in turn."""
    return {
        tenant: [said(tenant, 1, texts[n % len(texts)], outcome=Outcome.UNCLUSTERED, novelty=None, **changes)]
        for n, tenant in enumerate(tenants)
    }


def together(*tails: Mapping[str, Sequence[Cluster]]) -> Tails:
    """Several tails of each tenant as one."""
    return {
        tenant: [one for own in tails for one in own.get(tenant, ())]
        for tenant in dict.fromkeys(t for own in tails for t in own)
    }


def shared_day(
    tails: Mapping[str, Sequence[Cluster]],
    history: Sequence[EarlierCase] = (),
    *,
    min_tenants: int = 3,
    max_clusters: int = 20,
    rubric: Rubric = RUBRIC,
    names: Mapping[str, Sequence[str]] | None = None,
) -> CrossTenantDay:
    return find_cross_tenant_clusters(
        tails,
        names or {tenant: (tenant,) for tenant in tails},
        history,
        encoder=LexicalEncoder(),
        rubric=rubric,
        min_tenants=min_tenants,
        max_clusters=max_clusters,
    )


def shared_file(
    clusters: Sequence[CrossTenantCluster],
    versions: Sequence[TailFile] = (),
    *,
    day: MiningDay = DAY,
    one_run_a_week: bool = True,
    spans: int = 20,
) -> TailFile:
    return build_shared_tail_file(
        day=day,
        window=WINDOW,
        agent="support",
        rubric=RUBRIC,
        shared_by=SharedBy(min_tenants=3, declared=5, mined=5),
        clusters=clusters,
        spans=spans,
        alone=0,
        max_clusters=20,
        one_run_a_week=one_run_a_week,
        earlier_versions=versions,
    )
