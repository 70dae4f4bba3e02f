"""The page to the engagement owner: why a week escalates, and what the issue says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.issues import MAX_TITLE_CHARS, Issue, named, opened_from
from tail_pipeline.domain.markdown import inline, title_text
from tail_pipeline.domain.pull_request import trend_chart
from tail_pipeline.domain.tail_file import NotProposed, TailCase, TailFile
from tail_pipeline.domain.trend import Trend, Verdict
from tail_pipeline.domain.weeks import MiningDay

LABELS = ("tail-escalation",)
_TOP = 5
_TO_DECIDE = {
    Verdict.CAPPED: "More gaps turn up than one review holds. Decide which of them come first, and whether the agent's "
    "scope is to be narrowed or split.",
    Verdict.GROWING: "People ask for more than the agent handles. Decide which of these topics belong to its scope, and "
    "which it should decline.",
}
_AT_ONCE = "Decide today whether the agent may go on answering what the labelled cases ask."


@dataclass(frozen=True)
class Reason:
    """One reason to escalate: in a title, and as a Markdown sentence about the week's tail."""

    short: str
    sentence: str


@dataclass(frozen=True)
class TailLinks:
    """Where people look at a week's tail: its pull request and its file; None for what has no address."""

    pull_request: str | None = None
    file: str | None = None


class Escalation(Issue):
    """One issue per (agent, segment, week)."""


def why_escalate(file: TailFile, trend: Trend, labels: Collection[str]) -> tuple[Reason, ...]:
    """Why this week escalates: a growing or capped tail, a proposed case with one of the labels; empty when it does not.

    A case that a reviewer rejected is no reason.
    """
    reasons = []
    if trend.verdict.escalates:
        reasons.append(Reason(str(trend.verdict), f"is **{trend.verdict}** in {trend.week}: {trend.reason}"))
    for label in sorted(labels):
        found = [f"`{case.id}`" for case in file.cases if label in case.labels and case.status != "rejected"]
        if found:
            shown = ", ".join(found[:_TOP]) + (f" and {len(found) - _TOP} more" if len(found) > _TOP else "")
            cases = "case" if len(found) == 1 else "cases"
            sentence = f"has {len(found)} {cases} labelled **{inline(label)}** in {trend.week}: {shown}"
            reasons.append(Reason(f"with {label} cases", sentence))
    return tuple(reasons)


def compose_escalation(
    agent: Agent, segment: str | None, file: TailFile, trend: Trend, reasons: Sequence[Reason], links: TailLinks
) -> Escalation:
    """The issue for a week that escalates: what happened, how sure that is, what is asked of the owner, and the evidence.

    Names come from the configuration, not from the file, which reviewers edit: they make the key.
    """
    who, week = named(agent.name, segment), trend.week
    about = f"in {week}: {who}"
    short = title_text(", ".join(reason.short for reason in reasons), MAX_TITLE_CHARS - len(about) - 20)
    parts = [
        *(f"The regression tail of **{who}** {reason.sentence}." for reason in reasons),
        "" if trend.verdict.escalates else f"Trend: {trend.verdict}, {trend.reason}.",
        trend.remark,
        _asked(agent, trend, reasons),
        _where(agent.tail_path(segment, week), links),
        _numbers(trend),
        trend_chart(trend),
        _heaviest(file.cases),
        _over_cap(file.not_proposed),
    ]
    return Escalation(
        key=".".join(part for part in (agent.name, segment, str(week)) if part),
        about=about,
        title=f"Regression tail {short} {about}",
        body="\n\n".join(part for part in parts if part) + "\n",
        labels=LABELS,
        assignee=agent.owner,
        not_before=opened_from(MiningDay(week.monday)),
    )


def _asked(agent: Agent, trend: Trend, reasons: Sequence[Reason]) -> str:
    """What the owner is to do, in order."""
    link = f"[Book the 30-minute scoping call](<{agent.scoping_call_url}>)" if agent.scoping_call_url else None
    lead = f" with {', '.join(inline(name) for name in agent.reviewers)}" if agent.reviewers else ""
    decide = [_TO_DECIDE[trend.verdict]] if trend.verdict in _TO_DECIDE else []
    if len(reasons) > len(decide):
        decide.append(_AT_ONCE)
    steps = [
        f"{link or 'Book a 30-minute scoping call'}{lead}.",
        *decide,
        "Write down here what was decided and close this issue: it stays closed, and a later week that escalates gets its own.",
    ]
    return "## What is asked of you\n\n" + "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _where(path: str, links: TailLinks) -> str:
    file = f"[`{path}`](<{links.file}>)" if links.file else f"`{path}`"
    under_review = f" in [the pull request of the week](<{links.pull_request}>)" if links.pull_request else ""
    return f"All cases, with what users asked and what the agent answered: {file}{under_review}."


def _numbers(trend: Trend) -> str:
    rows = [
        f"| {one.week} | {one.spans} | {one.failing} | {one.clusters} | {one.new_clusters} | {one.max_clusters} |"
        for one in trend.weeks
    ]
    missing = f"\n\nNo tail file for {', '.join(map(str, trend.missing))}: unknown, not zero." if trend.missing else ""
    head = "| week | spans | failing | clusters | new | cap |\n|---|---|---|---|---|---|"
    return "\n".join(["## Numbers\n", head, *rows]) + missing


def _heaviest(cases: Sequence[TailCase]) -> str:
    """The first in rank among those that nobody rejected; a daily agent's file lists them by day."""
    ranked = sorted(
        (case for case in cases if case.status != "rejected"),
        key=lambda case: (-case.cost_weight, -case.cluster.weight, -case.cluster.size, case.id),
    )
    rows = [
        f"- `{case.id}` {inline(case.title, 120)} ({_measure(case.cluster.weight, case.cluster.size)}{_labels(case)})"
        for case in ranked[:_TOP]
    ]
    return "\n".join(["## Heaviest clusters\n", *rows]) if rows else ""


def _labels(case: TailCase) -> str:
    return f"; {inline(', '.join(case.labels), 60)}" if case.labels else ""


def _over_cap(not_proposed: Sequence[NotProposed]) -> str:
    """What the cap kept out of the review, and how much that weighs."""
    cut = sorted(
        (row for row in not_proposed if row.why == "over_cap"),
        key=lambda row: (-row.cost_weight, -row.weight, -row.size, row.title),
    )
    if not cut:
        return ""
    clusters = f"{len(cut)} {'cluster' if len(cut) == 1 else 'clusters'}"
    head = f"{clusters} over the cap, {_measure(sum(row.weight for row in cut), sum(row.size for row in cut))} in all:"
    rows = [f"- {inline(row.title, 120)} ({_measure(row.weight, row.size)})" for row in cut[:_TOP]]
    more = [f"- {len(cut) - _TOP} more are in the file"] if len(cut) > _TOP else []
    return "\n".join(["## Not up for review\n", f"{head}\n", *rows, *more])


def _measure(weight: int, spans: int) -> str:
    return f"weight {weight}, {spans} {'span' if spans == 1 else 'spans'}"
