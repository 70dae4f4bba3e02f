"""What several commands share: their options, the agents they are about, and how they print."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from tail_pipeline.domain.errors import PermanentError

SHARED = "(shared)"
"""In the place of a segment: the file that tenants share. No segment can be called so."""


def repo_and_json(command: Callable[..., Any]) -> Callable[..., Any]:
    @click.option(
        "--repo",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=Path(),
        help="Checkout that holds eval/agents.yaml; default: the current folder.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")
    @wraps(command)
    def wrapped(repo: Path, **options: Any) -> Any:
        return command(repo=repo.resolve(), **options)

    return wrapped


def chosen_segments(repo: Path, agent: str | None, segment: str | None) -> list[tuple[Any, list[str | None]]]:
    """The agents and segments a command is about; raises PermanentError for a name that is not declared."""
    agents = chosen_agents(repo, agent)
    if segment and not any(segment in one.segment_names for one in agents):
        declared = sorted({name for one in agents for name in one.segment_names if name})
        raise PermanentError(f"no segment '{segment}' in eval/agents.yaml; there are: {', '.join(declared) or 'none'}")
    chosen = [(one, [name for name in one.segment_names if segment in (None, name)]) for one in agents]
    return [(one, segments) for one, segments in chosen if segments]


def chosen_agents(repo: Path, agent: str | None) -> list[Any]:
    from tail_pipeline.adapters.eval_files import load_configuration

    config = load_configuration(repo)
    if agent and config.agent(agent) is None:
        raise PermanentError(
            f"no agent '{agent}' in eval/agents.yaml; there are: {', '.join(a.name for a in config.agents)}"
        )
    return [one for one in config.agents if agent in (None, one.name)]


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Columns that hold anything, aligned."""
    shown = [name for name in columns if any(row.get(name) is not None for row in rows)]
    lines = [shown, *([("" if row.get(name) is None else str(row[name])) for name in shown] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(shown))]
    for line in lines:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def named(row: dict[str, Any]) -> str:
    """Which cell or week a row is about."""
    return " ".join(str(row[key]) for key in ("agent", "segment", "day", "week") if row.get(key))
