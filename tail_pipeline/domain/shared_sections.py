"""What the pull request of a shared file says otherwise: whose cases these are, and what is left to write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tail_pipeline.domain.markdown import inline
from tail_pipeline.domain.scorecard import named_ids
from tail_pipeline.domain.tail_file import SharedBy, TailCase, TailFile

ACROSS_TENANTS = "across tenants"


def shared_summary(file: TailFile, shared: SharedBy) -> str:
    """Whose tails these cases are from, and how much stands behind them."""
    counts = file.counts
    window = f"{file.window.start:%Y-%m-%d} to {file.window.end - timedelta(days=1):%Y-%m-%d}"
    days = f" on the last of {len(file.runs)} days" if file.runs and len(file.runs) > 1 else ""
    missing = shared.declared - shared.mined
    absent = f" **{missing} {'was' if missing == 1 else 'were'} not mined{days}.**" if missing else ""
    return (
        f"**These are cross-tenant cases:** each stands for the same request in the tails of at least {shared.min_tenants} of "
        f"{shared.declared} tenants.{absent} No tenant is named here, and nothing is quoted that fewer than "
        f"{shared.min_tenants} of them said. Each tenant's own cases are in its own pull request; growth escalates there.\n\n"
        "| days (UTC) | tenants | failing spans | cross-tenant clusters | new | over the cap | spans in none |\n"
        "|---|---|---|---|---|---|---|\n"
        f"| {window} | {shared.mined} of {shared.declared} | {counts.failing} | {counts.clusters} | {counts.new_clusters} "
        f"| {counts.over_cap} | {counts.unclustered} |"
    )


def shared_how_to_review(cases: Sequence[TailCase], link: str) -> str:
    """What is left to the reviewer, and why."""
    if not cases:
        return "## How to review\n\nNothing to decide."
    reasons: dict[str, list[TailCase]] = {}
    for case in cases:
        if case.input is None:
            reasons.setdefault(case.cluster.no_input or "nobody wrote one", []).append(case)
    left = [
        f"- **{len(own)} {'case has' if len(own) == 1 else 'cases have'} no input** ({inline(reason)}): {named_ids(own)}"
        for reason, own in reasons.items()
    ]
    steps = (
        "## How to review\n\nA case here has no trace behind it that you could read, so a few minutes each:\n\n"
        f"1. Open {link} on this branch. The title and `words` are what the tenants' users have in common.\n"
        "2. Write an `input` that asks this in words of your own, or check the one a model wrote; copy none from a tenant's "
        "traces, and name nobody. All tenants' reviewers read this file.\n"
        "3. Make `expected` what the agent should answer and set `status: promoted`; or set `status: rejected` and say why in "
        "`rejection_reason`. What you commit here is never overwritten.\n"
        "4. Merge once `tail-pipeline validate --review` passes; it names every undecided case with its line."
    )
    return f"{steps}\n\nInputs are left to you:\n\n" + "\n".join(left) if left else steps
