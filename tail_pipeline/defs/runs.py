"""Mines cells from the command line through Dagster, so that the runs show in the UI of the same DAGSTER_HOME."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from filelock import FileLock

from tail_pipeline.adapters.state_dir import state_dir, write_atomically
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.cells import mining_job_name, shared_job_name
from tail_pipeline.defs.failures import failure_message
from tail_pipeline.defs.partitions import asset_prefix, partition_key
from tail_pipeline.defs.progress import PROGRESS_LOGGER
from tail_pipeline.defs.records import PullRequestRecord, TailProposal
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.markdown import plain
from tail_pipeline.domain.weeks import MiningDay

_HOME_ENV = "DAGSTER_HOME"
_RETRY_WAIT_S = 2
_LOCAL_INSTANCE = Path(__file__).with_name("local_instance.yaml")


@dataclass(frozen=True)
class MinedCell:
    """What one run left behind; ``error`` is None when it succeeded. ``shared``: it made the tenants' shared file of the day."""

    agent: Agent
    day: MiningDay
    segment: str | None
    proposal: TailProposal | None
    pull_request: PullRequestRecord | None
    error: str | None
    warnings: tuple[str, ...] = ()
    shared: bool = False


def mine_cells(
    repo_dir: Path, cells: Sequence[tuple[Agent, MiningDay, str | None]], *, fresh: bool = False
) -> Iterator[MinedCell]:
    """Run the mining job of each cell in order, and after the last tenant of a day the job of the tenants' shared file.

    A failed cell does not stop the others. ``fresh`` repeats dry runs.
    """
    definitions = build_definitions(repo_dir, retry_wait_s=_RETRY_WAIT_S)
    last_of_day = {(agent.name, day): number for number, (agent, day, _) in enumerate(cells)}
    with dagster_instance(repo_dir) as instance:
        for number, (agent, day, segment) in enumerate(cells):
            yield _run(definitions, instance, agent, day, segment, shared=False, fresh=fresh)
            if agent.has_shared_tail and last_of_day[agent.name, day] == number:
                yield _run(definitions, instance, agent, day, None, shared=True, fresh=fresh)


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    agent: Agent,
    day: MiningDay,
    segment: str | None,
    *,
    shared: bool,
    fresh: bool,
) -> MinedCell:
    prefix = asset_prefix(agent)
    file, pull_request = ("shared_tail", "shared_tail_pr") if shared else ("tail_yaml", "tail_pr")
    job = shared_job_name(agent) if shared else mining_job_name(agent)
    result = definitions.resolve_job_def(job).execute_in_process(
        partition_key=partition_key(day, segment),
        instance=instance,
        run_config={
            "loggers": {PROGRESS_LOGGER: {}},
            "ops": {f"{prefix}__{file}": {"config": {"fresh": fresh}}},
        },
        raise_on_error=False,
    )
    if not result.success:
        error = failure_message(result.all_events) or "the run failed before its first step"
        return MinedCell(agent, day, segment, None, None, error, shared=shared)
    proposal = result.output_for_node(f"{prefix}__{file}")
    published: PullRequestRecord = result.output_for_node(f"{prefix}__{pull_request}")
    warnings = (*_warnings(result), *published.notes)
    return MinedCell(agent, day, segment, proposal, published, None, warnings, shared)


def dagster_instance(repo_dir: Path) -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME; without one, a local one inside the repository's ``.tail``."""
    if os.environ.get(_HOME_ENV):
        return dg.DagsterInstance.get()
    home = state_dir(repo_dir) / "dagster"
    home.mkdir(exist_ok=True)
    text = _LOCAL_INSTANCE.read_text(encoding="utf-8")
    if not (home / "dagster.yaml").exists() or (home / "dagster.yaml").read_text(encoding="utf-8") != text:
        write_atomically(home / "dagster.yaml", text)
    # Two first runs at once would both create the tables.
    with FileLock(home / ".lock"):
        return dg.DagsterInstance.from_config(str(home))


def _warnings(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """The checks that failed: what succeeded all the same and a person should know."""
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    return tuple(f"{check.check_name}: {plain(check.description or '')}" for check in failed)
