"""Commands for people and CI.

Exit codes: 0 done, 1 a finding (a broken file, a failed run), 2 wrong usage or configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from tail_pipeline.commands.calibrate import calibrate
from tail_pipeline.commands.deadline import check_deadline
from tail_pipeline.commands.escalate import escalate
from tail_pipeline.commands.forget import forget
from tail_pipeline.commands.mining_days import closed_days, existing, mining_day_of, newest_closed_day, today
from tail_pipeline.commands.options import SHARED, chosen_segments, named, print_json, print_table, repo_and_json
from tail_pipeline.commands.promote import promote
from tail_pipeline.commands.validate import validate
from tail_pipeline.demo.examples import EXAMPLE_NAMES
from tail_pipeline.domain.errors import PermanentError, TailPipelineError

Cell = tuple[Any, Any, str | None]

_MINED_COLUMNS = "agent segment day reads spans failing clusters new cases handled verdict pull_request number".split()


class _Group(click.Group):
    """Turns our errors into one message and an exit code; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TailPipelineError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Mine the regression tail of an LLM agent's production traces into reviewed evaluation cases."""


@main.command()
@repo_and_json
@click.option("--agent", help="One agent; default: all of them.")
@click.option("--segment", help="One segment; default: all of the agent's.")
@click.option("--week", help="ISO week in which to mine, like 2026-W17: reads the seven days before its Monday.")
@click.option("--day", help="One mining day, like 2026-W17-3: reads the period before it.")
@click.option("--fresh", is_flag=True, help="Repeat the dry run of every case, and replace what is recorded of it.")
def mine(
    repo: Path, as_json: bool, agent: str | None, segment: str | None, week: str | None, day: str | None, fresh: bool
) -> None:
    """Mine one week through Dagster; without --week or --day, the newest closed mining day."""
    if week and day:
        raise click.UsageError("give --week or --day, not both")
    from tail_pipeline.domain.weeks import IsoWeek

    cells: list[Cell] = []
    for one, segments in chosen_segments(repo, agent, segment):
        if day:
            days = [mining_day_of(one, day)]
        elif week:
            days = closed_days(one, IsoWeek.parse(week))
        else:
            days = [newest_closed_day(one)]
        cells += [(one, chosen, name) for chosen in existing(one, days) for name in segments]
    _mine(repo, cells, as_json, fresh=fresh)


@main.command()
@repo_and_json
@click.option("--from", "first", required=True, help="First ISO week, like 2026-W14.")
@click.option("--to", "last", required=True, help="Last ISO week, included.")
@click.option("--agent", help="One agent; default: all of them.")
@click.option("--segment", help="One segment; default: all of the agent's.")
def backfill(repo: Path, as_json: bool, first: str, last: str, agent: str | None, segment: str | None) -> None:
    """Mine a range of weeks through Dagster, oldest first, because each week is compared with those before it."""
    from tail_pipeline.domain.weeks import IsoWeek, weeks_between

    start, end = IsoWeek.parse(first), IsoWeek.parse(last)
    if end < start:
        raise click.UsageError(f"--from {first} is after --to {last}")
    _mine(repo, _cells_of_weeks(chosen_segments(repo, agent, segment), weeks_between(start, end)), as_json)


main.add_command(escalate)
main.add_command(check_deadline)
main.add_command(calibrate)
main.add_command(forget)
main.add_command(promote)
main.add_command(validate)


@main.command()
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Checkout to write into.",
)
def schemas(repo: Path) -> None:
    """Write the JSON schemas that let editors check the files under eval/ while people type."""
    from tail_pipeline.adapters.eval_files import load_agents, write_schemas

    for eval_dir in sorted({"eval", *(agent.eval_dir for agent in load_agents(repo).agents)}):
        for path in write_schemas(repo / eval_dir):
            click.echo(str(path.relative_to(repo)))


@main.command()
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Scratch repository to make; default: .demo, or .demo-EXAMPLE.",
)
@click.option("--example", "name", type=click.Choice(EXAMPLE_NAMES), default=EXAMPLE_NAMES[0], show_default=True)
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Clone of this project, with the examples; default: the current folder.",
)
def demo(target: Path | None, name: str, project: Path) -> None:
    """Make a scratch repository of an example with simulated traffic, and mine the days that show what it is about."""
    from tail_pipeline.demo.examples import load_example
    from tail_pipeline.demo.scratch import create_scratch_repository
    from tail_pipeline.domain.weeks import weeks_between

    example = load_example(name)
    target = (target or Path(".demo" if name == EXAMPLE_NAMES[0] else f".demo-{name}")).resolve()
    create_scratch_repository(project, example, target)
    first, last = example.first_day, example.last_day
    click.echo(f"Simulated traffic, mined on {first.key} to {last.key}, in {target}", err=True)
    chosen = chosen_segments(target, None, None)
    cells = _cells_of_weeks(chosen, weeks_between(first.iso_week, last.iso_week))
    _mine(target, [cell for cell in cells if first <= cell[1] <= last], as_json=False)
    click.echo(
        f"\nThe traffic is simulated. Where to look:\n"
        f"  pull requests  {target}/.tail/pull_requests/\n"
        f"  a tail file    git -C {target} show BRANCH:eval/tail/…, for a BRANCH of git -C {target} branch\n"
        f"  the verdict    {sys.argv[0]} escalate --repo {target} --week {last.iso_week}\n"
        f"  Dagster's UI   make dev TAIL_PIPELINE_REPO={target}"
    )


def _cells_of_weeks(chosen: Sequence[tuple[Any, list[str | None]]], weeks: Iterable[Any]) -> list[Cell]:
    """The closed mining days of the weeks, oldest first."""
    return [
        (agent, day, segment)
        for week in weeks
        for agent, segments in chosen
        for day in existing(agent, closed_days(agent, week))
        for segment in segments
    ]


def _mine(repo: Path, cells: Sequence[Cell], as_json: bool, *, fresh: bool = False) -> None:
    from tail_pipeline.defs.runs import mine_cells
    from tail_pipeline.domain.scorecard import Scorecard

    if not cells:
        raise PermanentError(
            f"nothing to mine: no mining day of these agents has come in that range (today is {today():%G-W%V-%u})"
        )
    rows, errors = [], []
    for mined in mine_cells(repo, cells, fresh=fresh):
        row: dict[str, Any] = {
            "agent": mined.agent.name,
            "segment": SHARED if mined.shared else mined.segment,
            "day": mined.day.key,
            "error": mined.error,
            "warnings": list(mined.warnings),
        }
        if mined.proposal and mined.pull_request:
            counts = mined.proposal.file.counts
            window = mined.day.window(mined.agent.cadence)
            row |= {
                "reads": f"{window.start:%m-%d} to {window.end - timedelta(days=1):%m-%d}",
                "spans": counts.spans,
                "failing": counts.failing,
                "clusters": counts.clusters,
                "new": counts.new_clusters,
                "cases": counts.cases,
                "handled": Scorecard(mined.proposal.file.cases).handled_of_judged,
                "verdict": mined.proposal.trend and mined.proposal.trend.verdict.value,
                "pull_request": mined.pull_request.outcome,
                "number": mined.pull_request.number,
                "url": mined.pull_request.url,
            }
        else:
            errors.append(f"{named(row)}: {mined.error}")
            row["pull_request"] = "FAILED"
        rows.append(row)
    if as_json:
        print_json(rows)
    else:
        _print_mined(rows)
    told: set[str] = set()
    for row in rows:
        for warning in row["warnings"]:
            # What is wrong with the whole repository is said by every run; once is enough to read.
            if warning not in told:
                click.echo(f"warning: {named(row)}: {warning}", err=True)
                told.add(warning)
    for error in errors:
        click.echo(f"error: {error}", err=True)
    if errors:
        sys.exit(1)


def _print_mined(rows: Sequence[dict[str, Any]]) -> None:
    """One line for each cell, and below them where their pull requests are."""
    print_table(rows, _MINED_COLUMNS)
    for row in rows:
        if row.get("url"):
            click.echo(f"{named(row)}: {row['url']}")
