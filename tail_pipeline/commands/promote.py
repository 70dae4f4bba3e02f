"""``tail-pipeline promote``: what reviewers promoted goes into the set of cases, as the sensor does it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tail_pipeline.commands.options import SHARED, chosen_segments, print_json, print_table, repo_and_json
from tail_pipeline.domain.errors import TailPipelineError, TransientError

if TYPE_CHECKING:
    from tail_pipeline.adapters.promoting import PromotedWeek

_ATTEMPTS = 5
_COLUMNS = ["agent", "segment", "week", "outcome", "promoted", "cases_file", "cases", "undecided", "url"]


@click.command()
@repo_and_json
@click.option("--week", help="ISO week, like 2026-W17; default: every week whose tail file is on the base branch.")
@click.option("--agent", help="One agent; default: all of them.")
@click.option("--segment", help="One segment; default: all of the agent's.")
def promote(repo: Path, as_json: bool, week: str | None, agent: str | None, segment: str | None) -> None:
    """Append promoted cases of merged tail files to the set of cases; what is there already is left alone."""
    from tail_pipeline.adapters.eval_files import load_agents
    from tail_pipeline.adapters.repositories import open_repository
    from tail_pipeline.domain.weeks import IsoWeek

    weeks = [IsoWeek.parse(week)] if week else None
    chosen = chosen_segments(repo, agent, segment)
    repository = open_repository(load_agents(repo).repository, repo)
    rows, errors = [], []
    for one, names in chosen:
        for name in names if segment else one.tails:
            try:
                shown = SHARED if name is None and one.segments else name
                rows += [_row(one.name, shown, done) for done in _promoted(repository, one, name, weeks)]
            except TailPipelineError as error:
                # Of one segment all or nothing is read; the others do not wait for it.
                errors.append(f"{' '.join(part for part in (one.name, name) if part)}: {error}")
    if as_json:
        print_json(rows)
    elif rows or not errors:
        _print(rows)
    for message in errors:
        click.echo(f"error: {message}", err=True)
    if errors:
        sys.exit(1)


def _promoted(repository: Any, agent: Any, segment: str | None, weeks: list[Any] | None) -> list[PromotedWeek]:
    """What was promoted; begins anew where somebody else, the sensor for one, was faster."""
    from tail_pipeline.adapters.promoting import promote as promote_weeks

    for _ in range(_ATTEMPTS - 1):
        try:
            return promote_weeks(repository, agent, segment, weeks)
        except TransientError:
            continue
    return promote_weeks(repository, agent, segment, weeks)


def _row(agent: str, segment: str | None, week: PromotedWeek) -> dict[str, Any]:
    return {
        "agent": agent,
        "segment": segment,
        "week": str(week.week),
        "tail_file": week.tail_path,
        "cases_file": week.path,
        "outcome": week.published.outcome.value if week.published else None,
        "promoted": list(week.ids),
        "undecided": list(week.undecided),
        "cases": week.cases_after,
        "url": week.published.url if week.published else None,
        "notes": list(week.published.notes) if week.published else [],
    }


def _print(rows: list[dict[str, Any]]) -> None:
    """The weeks in which anything was promoted or is undecided."""
    shown = [row for row in rows if row["promoted"] or row["undecided"]]
    table = [row | {"promoted": len(row["promoted"]), "undecided": len(row["undecided"])} for row in shown]
    if table:
        print_table(table, _COLUMNS)
    if not any(row["promoted"] for row in rows):
        merged = "1 merged tail file" if len(rows) == 1 else f"{len(rows)} merged tail files"
        click.echo(f"nothing to promote in {merged}")
    for row in shown:
        for note in row["notes"]:
            named = " ".join(row[key] for key in ("agent", "segment", "week") if row[key])
            click.echo(f"{named}: {note}", err=True)
