"""What a person should look at after a run that went through: each rule with its numbers and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tail_pipeline.domain.audit import Audit
from tail_pipeline.domain.collection import Collected
from tail_pipeline.domain.errors import Finding
from tail_pipeline.domain.markdown import inline
from tail_pipeline.domain.segments import SegmentBy

MAX_UNCLUSTERED_SHARE = 0.5
MIN_FAILING = 20
"""Below this many failing spans their unclustered share says nothing: a quiet week is mostly single spans."""

_MAX_NAMED = 20
_MAX_REASONS = 3


@dataclass(frozen=True)
class CheckOutcome:
    """One check of one run; ``loses_data`` when what failed is missing from the tail, not only worth a look.

    ``message`` is Markdown: trace text in it is inert.
    """

    passed: bool
    message: str
    loses_data: bool = False
    counts: Mapping[str, int | float] = field(default_factory=dict)


def check_bad_spans(found: Collected, max_share: float) -> CheckOutcome:
    """Fails on the first row that could not be used; a share above ``max_share`` fails the run before this is asked."""
    counts = {"bad_spans": found.bad, "rows": found.read, "share": round(found.bad_share, 4)}
    if not found.bad:
        return CheckOutcome(
            passed=True, message=f"all {found.read} rows of the trace store could be used", counts=counts
        )
    reasons = [f"{inline(reason)} ({count})" for reason, count in found.reasons.most_common(_MAX_REASONS)]
    if len(found.reasons) > _MAX_REASONS:
        reasons.append(f"{len(found.reasons) - _MAX_REASONS} more reasons")
    return CheckOutcome(
        passed=False,
        message=f"{found.bad} of {found.read} rows of the trace store ({found.bad_share:.2%}) could not be used and are "
        f"missing: {', '.join(reasons)}; fix the export, the metadata of spans names the rows. "
        f"Above {max_share:.0%} the run fails",
        counts=counts,
    )


def check_undecided(ids: Sequence[str]) -> CheckOutcome:
    """Fails when a tail file was merged with cases that nobody decided on."""
    counts = {"undecided": len(ids)}
    if not ids:
        return CheckOutcome(passed=True, message="every case of the merged tail file was decided on", counts=counts)
    named = ", ".join(f"`{one}`" for one in ids[:_MAX_NAMED])
    more = f" and {len(ids) - _MAX_NAMED} more" if len(ids) > _MAX_NAMED else ""
    return CheckOutcome(
        passed=False,
        message=f"merged without a decision: {named}{more}; promote or reject them in the tail file on the base branch",
        counts=counts,
    )


def check_segments(by: SegmentBy, declared: Collection[str], seen: Mapping[str | None, int]) -> CheckOutcome:
    """Fails when spans carry a segment that is not ``declared``, or none: nobody mines them."""
    unknown = undeclared(declared, seen)
    without = seen.get(None, 0)
    counts = {"undeclared_spans": sum(unknown.values()), "spans_without_segment": without}
    if not unknown and not without:
        return CheckOutcome(passed=True, message="every span belongs to a declared segment", counts=counts)
    shown = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:_MAX_NAMED]
    parts = [f"{count} spans of '{inline(value, 60)}'" for value, count in shown]
    if len(unknown) > len(shown):
        parts.append(f"{len(unknown) - len(shown)} more")
    if without:
        parts.append(f"{without} spans without one")
    return CheckOutcome(
        passed=False,
        message=f"not mined, because {by} is not declared in eval/agents.yaml: {', '.join(parts)}; "
        "declare it under segments, or have the traces carry it",
        loses_data=True,
        counts=counts,
    )


def check_segment_seen(
    by: SegmentBy,
    segment: str,
    spellings: Collection[str],
    declared: Collection[str],
    seen: Mapping[str | None, int],
) -> CheckOutcome:
    """Fails when a node class has no span in a window in which others have, or a tenant while an unknown one appears.

    A tenant alone may be on holiday; ``spellings`` are the segment's own, ``declared`` those of all.
    """
    own = sum(seen.get(spelling, 0) for spelling in spellings)
    others = undeclared(declared if by is SegmentBy.TENANT else spellings, seen)
    counts = {"segment_spans": own}
    if own or not others:
        return CheckOutcome(passed=True, message=f"{own} spans of {segment} started in the window", counts=counts)
    shown = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:_MAX_NAMED]
    named = ", ".join(f"'{inline(value, 60)}' ({count} spans)" for value, count in shown)
    more = f" and {len(others) - len(shown)} more" if len(others) > len(shown) else ""
    found = "there are undeclared ones" if by is SegmentBy.TENANT else "the store has"
    return CheckOutcome(
        passed=False,
        message=f"no span of {by} {segment} started in the window; {found}: {named}{more}; if it is called otherwise now, "
        f"add the spelling: {segment}: [old, new] under segments.values; if it is gone for good, take it out there",
        counts=counts,
    )


def undeclared(declared: Collection[str], seen: Mapping[str | None, int]) -> dict[str, int]:
    """Spans by segment value that is not ``declared``, without those that carry no value."""
    return {value: count for value, count in seen.items() if value and value not in declared}


def check_unscored(
    *, spans: int, unscored: int, signalled: int, judge_model: str | None, max_share: float
) -> CheckOutcome:
    """With a judge, fails above ``max_share``; without one, only when no span could have failed by anything.

    ``signalled`` counts spans with a score, a faithfulness or feedback.
    """
    share = unscored / spans if spans else 0.0
    counts = {"spans": spans, "unscored": unscored, "share": round(share, 4), "signalled": signalled}
    found = f"{unscored} of {spans} spans ({share:.1%}) have no score"
    if judge_model is not None:
        if share <= max_share:
            return CheckOutcome(passed=True, message=f"{found}; allowed {max_share:.0%}", counts=counts)
        message = f"{found}, allowed {max_share:.0%}: they are not in the tail; see the reasons in the metadata of scored_spans"
        return CheckOutcome(passed=False, message=message, loses_data=True, counts=counts)
    if spans and not signalled:
        message = (
            f"none of {spans} spans has a score, a faithfulness or feedback, so none of them can fail; "
            "record scores or feedback in the trace store, or map its columns under traces.columns"
        )
        return CheckOutcome(passed=False, message=message, loses_data=True, counts=counts)
    return CheckOutcome(passed=True, message=f"{found}, which is normal without a judge", counts=counts)


def check_judge_budget(*, spans: int, over_budget: int, max_calls: int, audit: Audit | None) -> CheckOutcome:
    """Fails when spans were left unjudged for want of calls, and says what may have been missed."""
    counts = {"spans": spans, "over_budget": over_budget, "max_judge_calls": max_calls}
    if not over_budget:
        return CheckOutcome(
            passed=True, message=f"no span was left out for want of calls; {max_calls} are allowed", counts=counts
        )
    bound = f" {audit.sentence}" if audit else ""
    return CheckOutcome(
        passed=False,
        message=f"{over_budget} of {spans} spans were not judged: max_judge_calls ({max_calls}) is spent.{bound} Costly "
        "spans, complaints and what failed before went first; raise max_judge_calls to judge them all",
        loses_data=True,
        counts=counts,
    )


def check_unclustered(*, failing: int, unclustered: int) -> CheckOutcome:
    """Fails when most failing spans stand alone: the tail then shows little of what went wrong."""
    share = unclustered / failing if failing else 0.0
    counts = {"failing": failing, "unclustered": unclustered, "share": round(share, 4)}
    found = f"{unclustered} of {failing} failing spans ({share:.0%}) belong to no cluster"
    if failing < MIN_FAILING or share <= MAX_UNCLUSTERED_SHARE:
        return CheckOutcome(passed=True, message=found, counts=counts)
    return CheckOutcome(
        passed=False,
        message=f"{found}, more than {MAX_UNCLUSTERED_SHARE:.0%}: they are not proposed; read a few of them in "
        "scored_spans, then set an embedding model (the built-in encoder joins only what shares words) or lower "
        "min_cluster_size",
        counts=counts,
    )


def check_cap(*, proposed: int, over_cap: int, max_clusters: int) -> CheckOutcome:
    """Fails when the cap cut clusters off: they are listed in the file, and nobody is asked about them."""
    counts = {"proposed": proposed, "over_cap": over_cap, "max_clusters": max_clusters}
    if not over_cap:
        return CheckOutcome(
            passed=True, message=f"{proposed} of at most {max_clusters} clusters proposed", counts=counts
        )
    return CheckOutcome(
        passed=False,
        message=f"{over_cap} clusters beyond the cap of {max_clusters} are listed under not_proposed only; review this "
        "week first, what still fails is proposed again next week. Twice in a row escalates; max_clusters moves the cap",
        counts=counts,
    )


def check_dry_run(*, target: str, cases: int, not_run: Mapping[str, int]) -> CheckOutcome:
    """Fails on the first case without a verdict; ``not_run`` counts them by reason."""
    missing = sum(not_run.values())
    counts = {"cases": cases, "not_run": missing}
    if not missing:
        return CheckOutcome(passed=True, message=f"all {cases} cases were tried on {inline(target)}", counts=counts)
    reasons = [f"{inline(reason, 300)} ({count})" for reason, count in list(not_run.items())[:_MAX_REASONS]]
    if len(not_run) > _MAX_REASONS:
        reasons.append(f"{len(not_run) - _MAX_REASONS} more reasons")
    return CheckOutcome(
        passed=False,
        message=f"{missing} of {cases} cases were not tried on {inline(target)}: {'; '.join(reasons)}. Mine the week again when "
        "that is mended: what was answered is not asked again",
        counts=counts,
    )


def check_tail_files(*, read: int, errors: Collection[Finding], outdated: Collection[Finding]) -> CheckOutcome:
    """Fails when a published tail file cannot be read, or one under review was mined under another rubric."""
    counts = {"tail_files": read, "errors": len(errors), "outdated": len(outdated)}
    if not errors and not outdated:
        message = f"all {read} tail files can be read; those under review were mined under the rubric on main"
        return CheckOutcome(passed=True, message=message, counts=counts)
    named = [inline(str(finding), 400) for finding in [*errors, *outdated][:_MAX_NAMED]]
    if (more := len(errors) + len(outdated) - len(named)) > 0:
        named.append(f"{more} more")
    return CheckOutcome(passed=False, message="; ".join(named), loses_data=bool(errors), counts=counts)
