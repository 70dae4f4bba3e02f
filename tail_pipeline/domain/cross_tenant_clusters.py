"""What several tenants' users asked in vain on one day: the clusters of their own tails, linked where they say the same.

Every cluster takes part, whatever became of it: three tenants with one failing span each are a cross-tenant case although
each of them alone calls it unclustered, and a case that one tenant knows or rejected may be new to the others. What comes
out holds counts and common words and not a text of anybody; the texts go beside it to whoever may rewrite them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tail_pipeline.domain.clustering import link_clusters
from tail_pipeline.domain.embedding import Encoder, Vectors, canonical
from tail_pipeline.domain.novelty import EarlierCase, HistoryIndex, Novelty, Outcome, Verdict, judge_novelty
from tail_pipeline.domain.ranking import capped
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.selection import TRIGGERS
from tail_pipeline.domain.tenant_privacy import TenantPrivacy, title_words
from tail_pipeline.domain.weighted_clusters import Cluster

NO_WORDS = "No words in common"

TextsByTenant = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class CrossTenantCluster:
    """Failing spans with one intent in the tails of several tenants; ``words`` are those that enough of them used.

    ``rank`` counts from 1. ``input`` is None unless a model wrote one that the rule lets pass, and ``no_input`` says why.
    """

    rank: int
    title: str
    words: tuple[str, ...]
    tenants: int
    size: int
    weight: int
    cost_weight: int
    labels: tuple[str, ...]
    triggers: dict[str, int]
    outcome: Outcome
    novelty: Novelty | None
    case_id: str | None
    first_seen: str | None
    input: str | None = None
    no_input: str | None = None


@dataclass(frozen=True)
class CrossTenantDay:
    """The clusters of one day, best rank first, beside the ``texts`` of each, which no file may hold, and the rule for them.

    ``spans`` failed that day, ``alone`` of them in no cluster of enough tenants.
    """

    clusters: list[CrossTenantCluster]
    texts: list[TextsByTenant]
    privacy: TenantPrivacy
    cut: float
    spans: int
    alone: int

    def count(self, outcome: Outcome) -> int:
        return sum(cluster.outcome is outcome for cluster in self.clusters)


def find_cross_tenant_clusters(
    tails: Mapping[str, Sequence[Cluster]],
    names: Mapping[str, Sequence[str]],
    history: Sequence[EarlierCase],
    *,
    encoder: Encoder,
    rubric: Rubric,
    min_tenants: int,
    max_clusters: int,
    progress: Callable[[str], None] = lambda _message: None,
) -> CrossTenantDay:
    """Link, weigh, compare with the shared ``history``, rank and cap the clusters of one day's ``tails``, by tenant.

    ``names`` holds what each tenant is called and spelt; costly clusters go first and at most ``max_clusters`` are proposed.
    """
    own_texts = {tenant: [text for one in clusters for text in _texts(one)] for tenant, clusters in tails.items()}
    privacy = TenantPrivacy(own_texts, names, min_tenants)
    members = sorted(
        ((tenant, one) for tenant, clusters in tails.items() for one in clusters),
        key=lambda member: (canonical(member[1].text), member[0], member[1].representative),
    )
    spans = sum(one.size for _, one in members)
    if not members:
        return CrossTenantDay([], [], privacy, 1.0, 0, 0)
    texts = sorted({canonical(text) for own in own_texts.values() for text in own})
    place = {text: row for row, text in enumerate(texts)}
    rows = [sorted({place[canonical(text)] for text in _texts(one)}) for _, one in members]
    progress(f"linking {len(members)} clusters of {len(tails)} tenants, {len(texts)} distinct texts")
    owners = [tenant for tenant, _ in members]
    linked = link_clusters(texts, rows, owners, HistoryIndex.texts_of(history), encoder, progress=progress)
    index = HistoryIndex(history, linked.earlier, encoder.match_similarity)
    found = []
    for group in linked.groups:
        own = [members[number] for number in group]
        if len({tenant for tenant, _ in own}) < min_tenants:
            continue
        said = sorted({row for number in group for row in rows[number]})
        verdict = _verdict(own, index, linked.texts.rows(said), [texts[row] for row in said], history, rubric)
        found.append((_cluster(own, privacy, rubric, verdict), _by_tenant(own)))
    ranked = sorted(found, key=lambda pair: _rank_key(*pair))
    return CrossTenantDay(
        capped([cluster for cluster, _ in ranked], max_clusters),
        [said for _, said in ranked],
        privacy,
        linked.cut,
        spans,
        spans - sum(cluster.size for cluster, _ in ranked),
    )


def _verdict(
    own: Sequence[tuple[str, Cluster]],
    index: HistoryIndex,
    vectors: Vectors,
    texts: Sequence[str],
    history: Sequence[EarlierCase],
    rubric: Rubric,
) -> Verdict:
    """What the shared history says; where it is silent, what the tenants found: a shared case, or one of their own each."""
    tenants = {tenant for tenant, _ in own}
    earlier = index.match(vectors, texts, ())
    if earlier is None:
        by_id = {case.id: case for case in history}
        named = Counter(case_id for case_id, _ in {(one.case_id, tenant) for tenant, one in own} if case_id in by_id)
        case_id, count = max(named.items(), key=lambda item: (item[1], item[0]), default=(None, 0))
        earlier = by_id[case_id] if case_id and 2 * count >= len(tenants) else None
    if earlier is None and all(one.outcome is Outcome.KNOWN for _, one in own):
        return Verdict(Outcome.KNOWN)
    weight, cost_weight = sum(one.weight for _, one in own), max(one.cost_weight for _, one in own)
    return judge_novelty(earlier, weight=weight, cost_weight=cost_weight, rubric_sha=rubric.sha)


def _cluster(
    own: Sequence[tuple[str, Cluster]], privacy: TenantPrivacy, rubric: Rubric, verdict: Verdict
) -> CrossTenantCluster:
    texts = {tenant: [canonical(text) for text in said] for tenant, said in _by_tenant(own).items()}
    words = privacy.common_words(texts)
    title = " ".join(title_words(words))
    case_id = verdict.case_id
    return CrossTenantCluster(
        rank=0,
        title=title[:1].upper() + title[1:] or NO_WORDS,
        words=tuple(sorted(words)),
        tenants=len({tenant for tenant, _ in own}),
        size=sum(one.size for _, one in own),
        weight=sum(one.weight for _, one in own),
        cost_weight=max(one.cost_weight for _, one in own),
        labels=_labels(own, privacy, rubric),
        triggers={name: sum(one.triggers[name] for _, one in own) for name in TRIGGERS},
        outcome=verdict.outcome,
        novelty=verdict.novelty,
        case_id=None if case_id and privacy.names_tenant(case_id) else case_id,
        first_seen=verdict.first_seen,
    )


def _labels(own: Sequence[tuple[str, Cluster]], privacy: TenantPrivacy, rubric: Rubric) -> tuple[str, ...]:
    """Those the rubric weighs, which are its own words, and those that enough tenants have; none that names a tenant."""
    tenants = Counter(label for label, _ in {(label, tenant) for tenant, one in own for label in one.labels})
    return tuple(
        sorted(
            label
            for label, count in tenants.items()
            if (label in rubric.cost_weights or count >= privacy.min_tenants) and not privacy.names_tenant(label)
        )
    )


def _texts(cluster: Cluster) -> tuple[str, ...]:
    return (cluster.text, *cluster.paraphrases)


def _by_tenant(own: Sequence[tuple[str, Cluster]]) -> TextsByTenant:
    found: dict[str, tuple[str, ...]] = {}
    for tenant, one in sorted(own, key=lambda member: (member[0], -member[1].size, member[1].representative)):
        found[tenant] = (*found.get(tenant, ()), *_texts(one))
    return found


def _rank_key(cluster: CrossTenantCluster, texts: TextsByTenant) -> tuple[object, ...]:
    """Cost weight, weight, size, tenants, words; what is still level is told apart by its texts, in no order of tenants."""
    said = sorted(canonical(text) for own in texts.values() for text in own)
    return (-cluster.cost_weight, -cluster.weight, -cluster.size, -cluster.tenants, cluster.words, said)
