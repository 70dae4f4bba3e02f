"""Asset checks: what a person should look at after a run that went through, where they would look for it.

Most are judged while their asset is made and have a status per partition. ``file_matches_rubric`` is about
what is published now, so it can be run again at any time, without mining anything.
"""

import warnings
from collections.abc import Mapping, Sequence

import dagster as dg

from tail_pipeline.adapters.eval_files import check_published_tails
from tail_pipeline.defs.cells import PARTITION_TAG, cell_of_key
from tail_pipeline.defs.failures import as_dagster_failures
from tail_pipeline.defs.partitions import asset_prefix, partitions_of
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.collection import Collected
from tail_pipeline.domain.novelty import Outcome
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.run_checks import (
    CheckOutcome,
    check_bad_spans,
    check_cap,
    check_dry_run,
    check_judge_budget,
    check_segment_seen,
    check_segments,
    check_tail_files,
    check_unclustered,
    check_undecided,
    check_unscored,
)
from tail_pipeline.domain.scorecard import Scorecard
from tail_pipeline.domain.scoring_summary import ScoringSummary
from tail_pipeline.domain.segments import Segments
from tail_pipeline.domain.weighted_clusters import WeekClusters

BAD_SPANS = "bad_spans"
UNDECLARED_SEGMENTS = "undeclared_segments"
SEGMENT_SEEN = "segment_seen"
UNSCORED_SHARE = "unscored_share"
JUDGE_BUDGET = "judge_budget"
UNCLUSTERED_SHARE = "unclustered_share"
CAP_HIT = "cap_hit"
DRY_RUN = "dry_run"
UNDECIDED_CASES = "undecided_cases"
FILE_MATCHES_RUBRIC = "file_matches_rubric"

_CHECKED_WITH = {
    "spans": {
        BAD_SPANS: "Every row of the trace store could be used.",
        UNDECLARED_SEGMENTS: "Every segment seen in the traces is declared in agents.yaml.",
        SEGMENT_SEEN: "The segment has spans, or has not disappeared while others are there.",
    },
    "scored_spans": {
        UNSCORED_SHARE: "Enough spans have a score, or at least something by which they could fail.",
        JUDGE_BUDGET: "max_judge_calls was enough to judge every distinct answer.",
    },
    "weighted_clusters": {
        UNCLUSTERED_SHARE: "Most failing spans belong to a cluster.",
        CAP_HIT: "No cluster was cut off by max_clusters.",
    },
    "tail_yaml": {DRY_RUN: "Every mined case was tried on the agent as it is now."},
    "cases": {UNDECIDED_CASES: "Every case of the merged week was promoted or rejected."},
    "shared_tail": {DRY_RUN: "Every cross-tenant case that has an input was tried on the agent as it is now."},
    "shared_cases": {UNDECIDED_CASES: "Every case of the merged shared file was promoted or rejected."},
}


def made_with(
    asset: str, agent: Agent, partitions_def: dg.PartitionsDefinition | None = None
) -> list[dg.AssetCheckSpec]:
    """The checks that are judged while ``asset`` is materialized; its partitions are the agent's unless given."""
    names = _CHECKED_WITH[asset]
    absent = {*(() if agent.segments else (UNDECLARED_SEGMENTS, SEGMENT_SEEN)), *(() if agent.target else (DRY_RUN,))}
    with warnings.catch_warnings():
        # A preview in this Dagster. Without it the last partition mined would hide what failed in all others.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                name,
                asset=dg.AssetKey([asset_prefix(agent), asset]),
                description=description,
                partitions_def=partitions_def or partitions_of(agent),
            )
            for name, description in names.items()
            if name not in absent
        ]


def bad_spans(agent: Agent, collected: Collected) -> dg.AssetCheckResult:
    return _result(BAD_SPANS, check_bad_spans(collected, agent.max_bad_span_share))


def undeclared_segments(segments: Segments, seen: Mapping[str | None, int]) -> dg.AssetCheckResult:
    return _result(UNDECLARED_SEGMENTS, check_segments(segments.by, segments.spellings, seen))


def segment_seen(segments: Segments, name: str, seen: Mapping[str | None, int]) -> dg.AssetCheckResult:
    outcome = check_segment_seen(segments.by, name, segments.spellings_of(name), segments.spellings, seen)
    return _result(SEGMENT_SEEN, outcome)


def unscored_share(agent: Agent, rubric: Rubric, summary: ScoringSummary) -> dg.AssetCheckResult:
    outcome = check_unscored(
        spans=summary.spans,
        unscored=summary.unscored - summary.over_budget,
        signalled=summary.signalled,
        judge_model=rubric.judge_model,
        max_share=agent.max_unscored_share,
    )
    return _result(UNSCORED_SHARE, outcome)


def judge_budget(agent: Agent, summary: ScoringSummary) -> dg.AssetCheckResult:
    outcome = check_judge_budget(
        spans=summary.spans, over_budget=summary.over_budget, max_calls=agent.max_judge_calls, audit=summary.audit
    )
    return _result(JUDGE_BUDGET, outcome)


def unclustered_share(failing: int, unclustered: int) -> dg.AssetCheckResult:
    return _result(UNCLUSTERED_SHARE, check_unclustered(failing=failing, unclustered=unclustered))


def cap_hit(agent: Agent, week: WeekClusters) -> dg.AssetCheckResult:
    outcome = check_cap(
        proposed=week.count(Outcome.PROPOSED),
        over_cap=week.count(Outcome.OVER_CAP),
        max_clusters=agent.max_clusters,
    )
    return _result(CAP_HIT, outcome)


def dry_run(target: str, card: Scorecard) -> dg.AssetCheckResult:
    reasons = {reason: len(cases) for reason, cases in card.reasons.items()}
    return _result(DRY_RUN, check_dry_run(target=target, cases=len(card.cases), not_run=reasons))


def undecided_cases(ids: Sequence[str]) -> dg.AssetCheckResult:
    return _result(UNDECIDED_CASES, check_undecided(ids))


def published_file_check(agent: Agent) -> dg.AssetChecksDefinition:
    """Reads tail files and the rubrics on the base branch: a segment's after its pull request, alone all of the agent's.

    It has no partition: the UI runs a check on its own only then. A run of one segment says nothing of another's files:
    their text is not its business, and with many segments reading all of them each time would take most of the run.
    """
    prefix = asset_prefix(agent)

    @dg.asset_check(
        asset=dg.AssetKey([prefix, "tail_yaml"]),
        name=FILE_MATCHES_RUBRIC,
        additional_deps=[dg.AssetKey([prefix, "tail_pr"])],
        description="Every published tail file can be read, and those under review were mined under the rubric on main.",
    )
    def file_matches_rubric(context: dg.AssetCheckExecutionContext, checkout: Checkout) -> dg.AssetCheckResult:
        cell = cell_of_key(agent, context.run.tags.get(PARTITION_TAG))
        with as_dagster_failures(retry_wait_s=checkout.retry_wait_s):
            segments = [cell[1]] if cell else agent.tails
            found = check_published_tails(checkout.repository(), agent, segments)
        return _result(
            FILE_MATCHES_RUBRIC, check_tail_files(read=found.read, errors=found.errors, outdated=found.outdated)
        )

    return file_matches_rubric


def _result(name: str, outcome: CheckOutcome) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=outcome.passed,
        severity=dg.AssetCheckSeverity.ERROR if outcome.loses_data else dg.AssetCheckSeverity.WARN,
        description=outcome.message,
        metadata=dict(outcome.counts),
    )
