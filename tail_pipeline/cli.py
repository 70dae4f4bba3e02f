"""Commands for people and CI.

Exit codes: 0 done, 1 a finding (a broken file, a failed run), 2 wrong usage or configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from tail_pipeline.commands.calibrate import calibrate
from tail_pipeline.commands.options import chosen_agents, chosen_segments, print_json, print_table, repo_and_json
from tail_pipeline.commands.validate import validate
from tail_pipeline.domain.errors import PermanentError, TailPipelineError

Cell = tuple[Any, Any, str | None]


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
            days = [_mining_day_of(one, day)]
        elif week:
            days = _closed_days(one, IsoWeek.parse(week))
        else:
            days = [_newest_closed_day(one)]
        cells += [(one, chosen, name) for chosen in _existing(one, days) for name in segments]
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


@main.command()
@repo_and_json
@click.option("--week", required=True, help="ISO week, like 2026-W17.")
@click.option("--agent", help="One agent; default: all of them.")
@click.option("--segment", help="One segment; default: all of the agent's.")
def escalate(repo: Path, as_json: bool, week: str, agent: str | None, segment: str | None) -> None:
    """Print the week's verdict (capped, growing, closing, steady, unknown); raise the escalation if there is a reason to.

    Reasons are the first two verdicts, and a proposed case with a label that the agent's escalate_on names.
    """
    from tail_pipeline.adapters.eval_files import load_agents
    from tail_pipeline.adapters.history import load_week
    from tail_pipeline.adapters.repositories import open_repository
    from tail_pipeline.domain.escalation import compose_escalation, why_escalate
    from tail_pipeline.domain.weeks import IsoWeek

    repository = open_repository(load_agents(repo).repository, repo)
    rows = []
    for one, segments in chosen_segments(repo, agent, segment):
        for name in segments:
            file, trend = load_week(repository, one, name, IsoWeek.parse(week))
            reasons = why_escalate(file, trend, one.escalating_labels) if file else ()
            raised = None
            if file and reasons:
                issue = compose_escalation(file, trend, reasons, owner=one.owner, scoping_call_url=one.scoping_call_url)
                raised = repository.escalate(issue)
            rows.append(
                {
                    "agent": one.name,
                    "segment": name,
                    "week": week,
                    "verdict": trend.verdict.value,
                    "clusters": " ".join(str(number.clusters) for number in trend.weeks),
                    "reason": trend.reason,
                    "remark": trend.remark,
                    "escalates_for": [reason.short for reason in reasons],
                    "escalation": raised.url if raised else None,
                }
            )
    if as_json:
        print_json(rows)
        return
    print_table(rows, ["agent", "segment", "week", "verdict", "clusters"])
    for row in rows:
        click.echo(f"\n{_named(row)}: {row['reason']}. {row['remark']}")
        if row["escalation"]:
            click.echo(f"escalation ({', '.join(row['escalates_for'])}): {row['escalation']}")


@main.command("check-deadline")
@repo_and_json
@click.option("--agent", help="One agent; default: all of them.")
@click.option("--day", help="One mining day, like 2026-W17-1; default: the newest of each agent.")
def check_deadline(repo: Path, as_json: bool, agent: str | None, day: str | None) -> None:
    """List the cells without a pull request after the deadline, 12:00 UTC on the mining day; for an outside cron."""
    from tail_pipeline.defs.deadline import check_deadline as check
    from tail_pipeline.defs.deadline import missing_line
    from tail_pipeline.defs.runs import dagster_instance

    now = datetime.now(UTC)
    with dagster_instance(repo) as instance:
        checked = [
            check(instance, one, mining_day, now)
            for one in chosen_agents(repo, agent)
            for mining_day in _days_with_deadline(one, day, named=agent is not None)
        ]
    if day and not checked:
        raise PermanentError(f"{day} is not a mining day of any agent")
    rows: list[dict[str, Any]] = [
        {
            "agent": one.agent.name,
            "day": one.day.key,
            "deadline": f"{one.day.deadline:%Y-%m-%d %H:%M} UTC",
            "deadline_passed": one.passed,
            "cells": len(one.agent.segment_names),
            "missing": [
                {"segment": cell.segment, "state": cell.state, "last_failure": cell.failure} for cell in one.late
            ],
        }
        for one in checked
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("no mining day of these agents has come yet")
    else:
        shown = [row | {"missing": len(row["missing"]) if row["deadline_passed"] else "not due yet"} for row in rows]
        print_table(shown, ["agent", "day", "deadline", "cells", "missing"])
        for one in checked:
            for cell in one.late:
                click.echo(f"missing: {missing_line(one.agent, cell)}", err=True)
    if any(one.late for one in checked):
        sys.exit(1)


main.add_command(calibrate)
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
    "--to", "target", type=click.Path(path_type=Path), default=Path(".demo"), help="Scratch repository to make."
)
@click.option(
    "--example",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("eval"),
    help="Eval directory to copy.",
)
def demo(target: Path, example: Path) -> None:
    """Make a scratch repository with simulated traffic and mine its weeks."""
    from tail_pipeline.demo.scratch import create_scratch_repository
    from tail_pipeline.demo.traffic import example_weeks

    target = target.resolve()
    create_scratch_repository(example, target)
    weeks = example_weeks()
    click.echo(f"Simulated traffic, mined in {weeks[0]} to {weeks[-1]}, in {target}", err=True)
    _mine(target, _cells_of_weeks(chosen_segments(target, None, None), weeks), as_json=False)
    click.echo(
        f"\nThe traffic is simulated. Where to look:\n"
        f"  pull requests  {target}/.tail/pull_requests/\n"
        f"  a tail file    git -C {target} show tail-miner/{weeks[-1]}:eval/tail/{weeks[-1]}.yaml\n"
        f"  the verdict    {sys.argv[0]} escalate --repo {target} --week {weeks[-1]}\n"
        f"  Dagster's UI   make dev"
    )


def _days_with_deadline(agent: Any, day: str | None, *, named: bool) -> list[Any]:
    """The day as a mining day of the agent, else its newest; empty before its first, and where it has not that day.

    Raises PermanentError when an agent that was ``named`` has not that day.
    """
    from tail_pipeline.domain.weeks import MiningDay, is_mining_day

    if day is None:
        newest = _newest_closed_day(agent)
        return [newest] if newest >= agent.first_mining_day else []
    chosen = MiningDay.parse(day)
    if not named and (chosen < agent.first_mining_day or not is_mining_day(chosen.day, agent.cadence)):
        return []
    return _existing(agent, [_mining_day_of(agent, day)])


def _mining_day_of(agent: Any, day: str) -> Any:
    """Raises PermanentError when the agent is not mined on that day."""
    from tail_pipeline.domain.weeks import MiningDay, is_mining_day

    mining_day = MiningDay.parse(day)
    if not is_mining_day(mining_day.day, agent.cadence):
        raise PermanentError(f"{day} is not a mining day of {agent.name}, which is mined {agent.cadence}")
    return mining_day


def _cells_of_weeks(chosen: Sequence[tuple[Any, list[str | None]]], weeks: Iterable[Any]) -> list[Cell]:
    """The closed mining days of the weeks, oldest first."""
    return [
        (agent, day, segment)
        for week in weeks
        for agent, segments in chosen
        for day in _existing(agent, _closed_days(agent, week))
        for segment in segments
    ]


def _today() -> date:
    return datetime.now(UTC).date()


def _closed_days(agent: Any, week: Any) -> list[Any]:
    """The week's mining days whose window is over."""
    from tail_pipeline.domain.weeks import mining_days

    return [day for day in mining_days(week, agent.cadence) if day.day <= _today()]


def _newest_closed_day(agent: Any) -> Any:
    from tail_pipeline.domain.weeks import last_mining_days

    return last_mining_days(datetime.now(UTC), agent.cadence, 1)[0]


def _existing(agent: Any, days: Sequence[Any]) -> list[Any]:
    """The days that are partitions of the agent; raises PermanentError for one before its start or in the future."""
    for day in days:
        if day < agent.first_mining_day:
            raise PermanentError(f"{day.key} is before the start_week {agent.start_week} of {agent.name}")
        if day.day > _today():
            raise PermanentError(f"{day.key} is not over: its mining day is in the future")
    return list(days)


def _mine(repo: Path, cells: Sequence[Cell], as_json: bool, *, fresh: bool = False) -> None:
    from tail_pipeline.defs.runs import mine_cells
    from tail_pipeline.domain.scorecard import Scorecard

    if not cells:
        raise PermanentError(
            f"nothing to mine: no mining day of these agents has come in that range (today is {_today():%G-W%V-%u})"
        )
    rows, errors = [], []
    for mined in mine_cells(repo, cells, fresh=fresh):
        row: dict[str, Any] = {
            "agent": mined.agent.name,
            "segment": mined.segment,
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
                "verdict": mined.proposal.trend.verdict.value,
                "pull_request": mined.pull_request.outcome,
                "number": mined.pull_request.number,
                "url": mined.pull_request.url,
            }
        else:
            errors.append(f"{_named(row)}: {mined.error}")
            row["pull_request"] = "FAILED"
        rows.append(row)
    if as_json:
        print_json(rows)
    else:
        columns = [
            "agent",
            "segment",
            "day",
            "reads",
            "spans",
            "failing",
            "clusters",
            "new",
            "cases",
            "handled",
            "verdict",
            "pull_request",
            "number",
        ]
        print_table(rows, columns)
    told: set[str] = set()
    for row in rows:
        for warning in row["warnings"]:
            # What is wrong with the whole repository is said by every run; once is enough to read.
            if warning not in told:
                click.echo(f"warning: {_named(row)}: {warning}", err=True)
                told.add(warning)
    for error in errors:
        click.echo(f"error: {error}", err=True)
    if errors:
        sys.exit(1)


def _named(row: dict[str, Any]) -> str:
    return " ".join(str(row[key]) for key in ("agent", "segment", "day", "week") if row.get(key))
