"""``tail-pipeline forget``: a tenant, node class or agent that is gone, deleted everywhere its data was written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tail_pipeline.commands.options import print_json, repo_and_json

if TYPE_CHECKING:
    from tail_pipeline.domain.forgetting import Held, Holder, Subject

_MAX_LISTED = 20


@click.command()
@repo_and_json
@click.option("--agent", required=True, help="The agent, also one that is no longer in eval/agents.yaml.")
@click.option("--segment", help="One tenant or node class of it; default: all that the agent ever wrote.")
@click.option("--who", help="Who removes it, for eval/cases_removed.yaml; default: git's user.name.")
@click.option("--yes", is_flag=True, help="Delete what is listed; without it nothing is deleted.")
def forget(repo: Path, as_json: bool, agent: str, segment: str | None, who: str | None, yes: bool) -> None:
    """List what there is of a tenant, node class or agent that is gone from eval/agents.yaml, and with --yes delete it.

    Exits with 1 while something is left. What no program can delete is listed as well, with what to do about it.
    """
    from tail_pipeline.adapters.agents_history import earlier_configurations
    from tail_pipeline.adapters.eval_files import load_agents
    from tail_pipeline.adapters.forgetting.kept_state import KeptState
    from tail_pipeline.adapters.forgetting.work_tree import WorkTreeFiles
    from tail_pipeline.adapters.git_checkout import GitCheckout
    from tail_pipeline.adapters.repositories import open_repository
    from tail_pipeline.defs.forgetting.frames import StoredFrames
    from tail_pipeline.defs.forgetting.run_history import RunHistory
    from tail_pipeline.defs.runs import dagster_instance
    from tail_pipeline.defs.storage import storage_base
    from tail_pipeline.domain.forgetting import subject_of

    config = load_agents(repo)
    checkout = GitCheckout(repo, config.repository.base_branch)
    subject = subject_of(agent, segment, config, earlier_configurations(checkout))
    with dagster_instance(repo) as instance:
        holders: list[Holder] = [
            RunHistory(instance),
            StoredFrames(storage_base(repo)),
            KeptState(repo),
            open_repository(config.repository, repo),
            WorkTreeFiles(repo, config.repository.base_branch, who or checkout.user_name(), datetime.now(UTC).date()),
        ]
        found = _held(holders, subject)
        if yes:
            for holder in holders:
                holder.forget(subject)
        left = _held(holders, subject) if yes else found
        remains = [one for holder in holders for one in holder.remains(subject)]
    is_left = any(not one.cache for one in left)
    if as_json:
        listed = {"held": found, "left": left}
        rows: dict[str, Any] = {kind: [vars(one) for one in ones] for kind, ones in listed.items()}
        print_json({"agent": agent, "segment": segment} | rows | {"remains": remains})
    else:
        _print(subject, found, left, remains, deleted=yes)
    sys.exit(1 if is_left else 0)


def _held(holders: Sequence[Holder], subject: Subject) -> list[Held]:
    return [one for holder in holders for one in holder.held(subject)]


def _print(
    subject: Subject, found: Sequence[Held], left: Sequence[Held], remains: Sequence[str], *, deleted: bool
) -> None:
    if not found:
        click.echo(f"{subject}: nothing is left to delete")
    for one in found:
        still = f", still there: {len(one.names)}" if deleted and one in left else ""
        done = "deleted" if deleted and not still else "would be deleted"
        click.echo(f"{done}: {one.what} ({len(one.names)}){still}")
        for name in one.names[:_MAX_LISTED]:
            click.echo(f"  {name}")
        if len(one.names) > _MAX_LISTED:
            click.echo(f"  and {len(one.names) - _MAX_LISTED} more")
    if not deleted and found:
        click.echo(f"\nnothing was deleted; --yes deletes this of {subject}")
    elif deleted and found:
        click.echo("\nreview what changed under eval/ and commit it: git status")
    click.echo("\nwhat this command cannot delete (docs/tenants.md says how):")
    for line in remains:
        click.echo(f"  - {line}")
