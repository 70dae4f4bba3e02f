"""The page to the engagement owner when the tail grows or stays at its cap."""

from __future__ import annotations

from dataclasses import dataclass

from tail_pipeline.domain.markdown import inline
from tail_pipeline.domain.pull_request import trend_chart
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.trend import Trend

LABELS = ("tail-escalation",)
_TOP = 5


@dataclass(frozen=True)
class Escalation:
    """One issue per (agent, segment, week); ``key`` is what makes a second one the same."""

    key: str
    title: str
    body: str
    labels: tuple[str, ...]
    assignee: str | None


def compose_escalation(file: TailFile, trend: Trend, *, owner: str | None, scoping_call_url: str | None) -> Escalation:
    """The issue for a week whose verdict escalates: what happened, how sure that is, and the call to book."""
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
        f"The regression tail of **{who}** is **{trend.verdict}** in {file.iso_week}: {trend.reason}.",
        trend.remark,
        call,
        trend_chart(trend),
        f"Heaviest cases:\n\n{top}" if top else "",
    ]
    return Escalation(
        key=".".join(part for part in (file.agent, file.segment, file.iso_week) if part),
        title=f"Regression tail {trend.verdict} in {file.iso_week}: {who}",
        body="\n\n".join(part for part in parts if part) + "\n",
        labels=LABELS,
        assignee=owner,
    )
