"""The page to the engagement owner: why a week escalates, and what the issue says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tail_pipeline.domain.issues import Issue
from tail_pipeline.domain.markdown import inline
from tail_pipeline.domain.pull_request import trend_chart
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.trend import Trend

LABELS = ("tail-escalation",)
_TOP = 5


@dataclass(frozen=True)
class Reason:
    """One reason to escalate: in a title, and as a Markdown sentence about the week's tail."""

    short: str
    sentence: str


class Escalation(Issue):
    """One issue per (agent, segment, week)."""


def why_escalate(file: TailFile, trend: Trend, labels: Collection[str]) -> tuple[Reason, ...]:
    """Why this week escalates: a growing or capped tail, a proposed case with one of the labels; empty when it does not.

    A case that a reviewer rejected is no reason.
    """
    reasons = []
    if trend.verdict.escalates:
        reasons.append(Reason(str(trend.verdict), f"is **{trend.verdict}** in {file.iso_week}: {trend.reason}"))
    for label in sorted(labels):
        found = [f"`{case.id}`" for case in file.cases if label in case.labels and case.status != "rejected"]
        if found:
            named = ", ".join(found[:_TOP]) + (f" and {len(found) - _TOP} more" if len(found) > _TOP else "")
            cases = "case" if len(found) == 1 else "cases"
            sentence = f"has {len(found)} {cases} labelled **{inline(label)}** in {file.iso_week}: {named}"
            reasons.append(Reason(f"with {label} cases", sentence))
    return tuple(reasons)


def compose_escalation(
    file: TailFile, trend: Trend, reasons: Sequence[Reason], *, owner: str | None, scoping_call_url: str | None
) -> Escalation:
    """The issue for a week that escalates: what happened, how sure that is, and the call to book."""
    who = f"{file.agent}{f' / {file.segment}' if file.segment else ''}"
    call = (
        f"[Book the 30-minute scoping call]({scoping_call_url})."
        if scoping_call_url
        else "Book a 30-minute scoping call."
    )
    top = "\n".join(
        f"- `{case.id}` {inline(case.title, 120)} (weight {case.cluster.weight}, {case.cluster.size} spans)"
        for case in file.cases[:_TOP]
    )
    parts = [
        *(f"The regression tail of **{who}** {reason.sentence}." for reason in reasons),
        "" if trend.verdict.escalates else f"Trend: {trend.verdict}, {trend.reason}.",
        trend.remark,
        call,
        trend_chart(trend),
        f"Heaviest cases:\n\n{top}" if top else "",
    ]
    return Escalation(
        key=".".join(part for part in (file.agent, file.segment, file.iso_week) if part),
        title=f"Regression tail {', '.join(reason.short for reason in reasons)} in {file.iso_week}: {who}",
        body="\n\n".join(part for part in parts if part) + "\n",
        labels=LABELS,
        assignee=owner,
    )
