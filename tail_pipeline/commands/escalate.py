"""``tail-pipeline escalate``: the verdict on a week, and the page to the engagement owner where it needs one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tail_pipeline.commands.options import chosen_segments, named, print_json, print_table, repo_and_json

if TYPE_CHECKING:
    from tail_pipeline.domain.agents import Agent
    from tail_pipeline.domain.ports import Repository
    from tail_pipeline.domain.weeks import IsoWeek


@click.command()
@repo_and_json
@click.option("--week", required=True, help="ISO week, like 2026-W17.")
@click.option("--agent", help="One agent; default: all of them.")
@click.option("--segment", help="One segment; default: all of the agent's.")
def escalate(repo: Path, as_json: bool, week: str, agent: str | None, segment: str | None) -> None:
    """Print the week's verdict (capped, growing, closing, steady, unknown); raise the escalation if there is a reason to.

    Reasons are the first two verdicts, and a proposed case with a label that the agent's escalate_on names.
    """
    from tail_pipeline.adapters.eval_files import load_agents
    from tail_pipeline.adapters.repositories import open_repository
    from tail_pipeline.domain.weeks import IsoWeek

    repository = open_repository(load_agents(repo).repository, repo)
    chosen = chosen_segments(repo, agent, segment)
    rows = [_escalated(repository, one, name, IsoWeek.parse(week)) for one, segments in chosen for name in segments]
    if as_json:
        print_json(rows)
        return
    print_table(rows, ["agent", "segment", "week", "verdict", "clusters"])
    for row in rows:
        click.echo(f"\n{named(row)}: {row['reason']}. {row['remark']}")
        if row["escalation"]:
            click.echo(f"escalation ({', '.join(row['escalates_for'])}): {row['escalation']}")
        for note in row["notes"]:
            click.echo(f"note: {note}")


def _escalated(repository: Repository, agent: Agent, segment: str | None, week: IsoWeek) -> dict[str, Any]:
    """What the week came to; its escalation is raised when this returns."""
    from tail_pipeline.adapters.history import load_week
    from tail_pipeline.domain.paging import page_owner

    judged = load_week(repository, agent, segment, week)
    raised = page_owner(repository, agent, segment, judged)
    return {
        "agent": agent.name,
        "segment": segment,
        "week": str(week),
        "verdict": judged.trend.verdict.value,
        "clusters": " ".join(str(number.clusters) for number in judged.trend.weeks),
        "reason": judged.trend.reason,
        "remark": judged.trend.remark,
        "escalates_for": [reason.short for reason in judged.reasons(agent)],
        "escalation": raised.url if raised else None,
        "notes": list(raised.notes) if raised else [],
    }
