"""How a mining day's clusters become the cases of a week's tail file: stable ids, placeholders, the fold of days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from tail_pipeline.domain.audit import Audit
from tail_pipeline.domain.background import SpanKey
from tail_pipeline.domain.drafting import MAX_TEXT_CHARS, DraftedCase, cut
from tail_pipeline.domain.embedding import canonical
from tail_pipeline.domain.novelty import Novelty, Outcome
from tail_pipeline.domain.placeholders import numbering, renamed
from tail_pipeline.domain.ranking import RankedCluster
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring_summary import ScoringSummary
from tail_pipeline.domain.tail_file import (
    MAX_COMPLAINTS,
    MAX_LABELS,
    MAX_NAME_CHARS,
    MAX_PARAPHRASE_CHARS,
    MAX_SPAN_IDS,
    CaseAudit,
    CaseCluster,
    CaseRubric,
    CaseWindow,
    Complaint,
    Counts,
    NotProposed,
    Run,
    TailCase,
    TailFile,
)
from tail_pipeline.domain.weeks import IsoWeek, MiningDay, Window
from tail_pipeline.domain.weighted_clusters import Cluster

Why = Literal["over_cap", "known", "undecided", "rejected_before"]
WHY: dict[Outcome, Why] = {
    Outcome.OVER_CAP: "over_cap",
    Outcome.KNOWN: "known",
    Outcome.UNDECIDED: "undecided",
    Outcome.REJECTED_BEFORE: "rejected_before",
}
Row = TypeVar("Row", TailCase, NotProposed, Complaint)
Mined = TypeVar("Mined")
Distance = tuple[float, ...]


def build_tail_file(
    *,
    day: MiningDay,
    window: Window,
    agent: str,
    segment: str | None,
    rubric: Rubric,
    counts: Counts,
    audit: Audit | None,
    clusters: Sequence[Cluster],
    drafts: Mapping[SpanKey, DraftedCase],
    complaints: Sequence[Complaint],
    one_run_a_week: bool,
    earlier_versions: Sequence[TailFile],
) -> TailFile:
    """One mining day's tail, folded into what the week's file already holds.

    ``earlier_versions`` are the states this file ever had, oldest first: a cluster that was a case in any of
    them gets that case's id, and no number is given out twice. A daily agent's other days are kept as they are;
    ``drafts`` are keyed by the clusters' representatives.
    """
    run = None if one_run_a_week else day.key
    ids = CaseIds(day.iso_week, segment, earlier_versions, run)
    proposed = [cluster for cluster in clusters if cluster.outcome is Outcome.PROPOSED]
    cases = [
        with_numbered_placeholders(_case(case_id, cluster, drafts[cluster.representative], day.iso_week, run))
        for case_id, cluster in zip(ids.assign(proposed, _members_in_common), proposed, strict=True)
    ]
    not_proposed = [
        left_out(cluster, run) for cluster in clusters if cluster.outcome not in (Outcome.PROPOSED, Outcome.UNCLUSTERED)
    ]
    return fold_run(
        header_of(day, agent, segment, rubric),
        Run(
            day=day.key,
            window=CaseWindow(start=window.start, end=window.end),
            counts=counts,
            audit=CaseAudit.of(audit) if audit else None,
        ),
        cases,
        not_proposed,
        complaints,
        one_run_a_week=one_run_a_week,
        before=earlier_versions[-1] if earlier_versions else None,
    )


def header_of(day: MiningDay, agent: str, segment: str | None, rubric: Rubric) -> dict[str, Any]:
    """What a file says of itself, whatever was found."""
    return {
        "iso_week": str(day.iso_week),
        "agent": agent,
        "segment": segment,
        "rubric": CaseRubric(
            sha=rubric.sha,
            rubric_min_score=rubric.rubric_min_score,
            ragas_faithfulness=rubric.ragas_faithfulness,
            judge_model=rubric.judge_model,
        ),
    }


def fold_run(
    header: Mapping[str, Any],
    this: Run,
    cases: Sequence[TailCase],
    not_proposed: Sequence[NotProposed],
    complaints: Sequence[Complaint],
    *,
    one_run_a_week: bool,
    before: TailFile | None,
) -> TailFile:
    """The file of one run; where a week has several, beside what the runs of its other days left in the file ``before``."""
    if one_run_a_week:
        return TailFile(
            **header,
            tenants=this.tenants,
            window=this.window,
            counts=this.counts,
            audit=this.audit,
            cases=list(cases),
            not_proposed=list(not_proposed),
            complaints=list(complaints),
        )
    runs = sorted([*_other_days(before.runs or [] if before else [], this.day), this], key=lambda one: one.day)
    return TailFile(
        **header,
        tenants=runs[-1].tenants,
        window=CaseWindow(start=runs[0].window.start, end=runs[-1].window.end),
        counts=Counts.sum([one.counts for one in runs]),
        runs=runs,
        cases=_by_day([*_of_other_days(before.cases if before else [], this.day), *cases]),
        not_proposed=_by_day([*_of_other_days(before.not_proposed if before else [], this.day), *not_proposed]),
        complaints=_by_day([*_of_other_days(before.complaints if before else [], this.day), *complaints]),
    )


def count_week(summary: ScoringSummary, clusters: Sequence[Cluster], *, max_clusters: int) -> Counts:
    """The counts of one run, from what scoring came to and the clusters found in it."""
    outcomes = Counter(cluster.outcome for cluster in clusters)
    return Counts(
        spans=summary.spans,
        scored=summary.spans - summary.unscored,
        recorded=summary.recorded,
        judged=summary.judged,
        unscored=summary.unscored,
        over_budget=summary.over_budget,
        failing=summary.failing,
        clusters=len(clusters) - outcomes[Outcome.UNCLUSTERED],
        new_clusters=sum(cluster.novelty is Novelty.NEW for cluster in clusters),
        cases=outcomes[Outcome.PROPOSED],
        over_cap=outcomes[Outcome.OVER_CAP],
        unclustered=sum(cluster.size for cluster in clusters if cluster.outcome is Outcome.UNCLUSTERED),
        max_clusters=max_clusters,
    )


def complaints_of(unclustered: Iterable[Mapping[str, Any]], run: str | None) -> list[Complaint]:
    """The negative feedback among spans that joined no cluster, in order of time."""
    rows = sorted(unclustered, key=lambda row: (row["start_time"], row["trace_id"], row["span_id"]))
    return [
        Complaint(
            span_id=row["span_id"][:MAX_NAME_CHARS],
            input=_numbered(cut(row["input"], MAX_PARAPHRASE_CHARS)),
            feedback=row["user_feedback"] or "corrected",
            run=run,
        )
        for row in rows
        if "feedback" in row["triggers"]
    ][:MAX_COMPLAINTS]


def _numbered(text: str) -> str:
    return renamed(text, numbering([text]))


class CaseIds:
    """Gives every proposed cluster the id it had, or the next number of the week that was never used."""

    def __init__(self, week: IsoWeek, segment: str | None, versions: Sequence[TailFile], run: str | None) -> None:
        self._prefix = f"tail-{week.compact}-{f'{segment}-' if segment else ''}"
        earlier: dict[str, TailCase] = {case.id: case for version in versions for case in version.cases}
        numbers = [int(case_id.removeprefix(self._prefix)) for case_id in earlier if self._is_ours(case_id)]
        self._last = max(numbers, default=0)
        self._candidates = [case for case in earlier.values() if case.run == run]

    def _is_ours(self, case_id: str) -> bool:
        return case_id.startswith(self._prefix) and case_id.removeprefix(self._prefix).isdecimal()

    def assign(self, clusters: Sequence[Mined], distance: Callable[[Mined, TailCase], Distance | None]) -> list[str]:
        """The id of the nearest earlier case of the same run, for each cluster; None is the ``distance`` to a stranger.

        Each earlier id goes to one cluster at most.
        """
        near = [
            (apart, case.id, number)
            for number, cluster in enumerate(clusters)
            for case in self._candidates
            if (apart := distance(cluster, case)) is not None
        ]
        taken: dict[int, str] = {}
        for _, case_id, number in sorted(near):
            if number not in taken and case_id not in taken.values():
                taken[number] = case_id
        ids = []
        for number in range(len(clusters)):
            if number not in taken:
                self._last += 1
            ids.append(taken.get(number) or f"{self._prefix}{self._last:03d}")
        return ids


def _members_in_common(cluster: Cluster, case: TailCase) -> Distance | None:
    """One with the same text first, then the one with the most members in common; strangers have none."""
    shared = len({span_id for _, span_id in cluster.members} & set(case.cluster.span_ids))
    said = {canonical(text) for text in (cluster.text, *cluster.paraphrases)}
    known = {canonical(text) for text in (case.input or "", *case.cluster.paraphrases)}
    return (not said & known, -shared) if shared else None


def with_numbered_placeholders(case: TailCase) -> TailCase:
    """The case with ``<EMAIL_1>``, ``<EMAIL_2>`` for the values taken out of its texts, by order of appearance in the file.

    The same value has the same number in all texts of the case; a case that is numbered already stays as it is.
    """
    cluster = case.cluster
    reasons = [one.reason for one in cluster.judged]
    names = numbering(
        [case.input, *case.context, case.expected, cluster.observed_output, *reasons, *cluster.paraphrases]
    )
    if not names:
        return case

    def shown(text: str | None) -> str | None:
        return None if text is None else renamed(text, names)

    return case.model_copy(
        update={
            "input": shown(case.input),
            "context": [renamed(text, names) for text in case.context],
            "expected": shown(case.expected),
            "cluster": cluster.model_copy(
                update={
                    "observed_output": shown(cluster.observed_output),
                    "judged": [one.model_copy(update={"reason": renamed(one.reason, names)}) for one in cluster.judged],
                    "paraphrases": [renamed(text, names) for text in cluster.paraphrases],
                }
            ),
        }
    )


def proposed_case(
    case_id: str,
    cluster: RankedCluster,
    week: IsoWeek,
    run: str | None,
    *,
    texts: Mapping[str, Any],
    behind: Mapping[str, Any],
) -> TailCase:
    """A case that nobody has decided on, with its own ``texts`` and what there is ``behind`` its cluster."""
    return TailCase(
        id=case_id,
        title=cluster.title,
        status="proposed",
        rejection_reason=None,
        labels=[label[:MAX_NAME_CHARS] for label in cluster.labels[:MAX_LABELS]],
        source="tail_miner",
        cost_weight=cluster.cost_weight,
        run=run,
        cluster=CaseCluster(
            size=cluster.size,
            weight=cluster.weight,
            triggers=dict(cluster.triggers),
            novelty=cluster.novelty.value if cluster.novelty else "new",
            first_seen=cluster.first_seen or str(week),
            **behind,
        ),
        **texts,
    )


def left_out(cluster: RankedCluster, run: str | None) -> NotProposed:
    """What the file says of a cluster that is no case, and why; its outcome is one of ``WHY``."""
    return NotProposed(
        title=cluster.title,
        weight=cluster.weight,
        size=cluster.size,
        why=WHY[cluster.outcome],
        case=cluster.case_id,
        cost_weight=cluster.cost_weight,
        run=run,
    )


def _case(case_id: str, cluster: Cluster, drafted: DraftedCase, week: IsoWeek, run: str | None) -> TailCase:
    texts = {
        "input": cut(cluster.text, MAX_TEXT_CHARS),
        "context": drafted.context,
        "expected": drafted.expected,
        "expected_source": drafted.expected_source,
    }
    behind = {
        "lowest_score": None if cluster.lowest_score is None else round(cluster.lowest_score, 4),
        "observed_output": drafted.observed_output,
        "faithfulness": drafted.faithfulness,
        "judged": drafted.judged,
        "flags": drafted.flags,
        "span_ids": [span_id[:MAX_NAME_CHARS] for _, span_id in cluster.members[:MAX_SPAN_IDS]],
        "paraphrases": [cut(text, MAX_PARAPHRASE_CHARS) for text in cluster.paraphrases],
    }
    return proposed_case(case_id, cluster, week, run, texts=texts, behind=behind)


def _other_days(runs: Sequence[Run], day: str) -> list[Run]:
    return [run for run in runs if run.day != day]


def _of_other_days(rows: Sequence[Row], day: str) -> list[Row]:
    return [row for row in rows if row.run != day]


def _by_day(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.run or "")
