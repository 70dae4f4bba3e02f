"""The dry run as a part of ``tail_yaml``: the week's cases with their verdicts, what to show of it, and its check.

Whatever keeps cases from being run is a reason in the file and a failed check; the pull request opens all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import Field

from tail_pipeline.adapters.dry_run_records import SqliteDryRunRecords
from tail_pipeline.defs import checks
from tail_pipeline.defs.partitions import Cell
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.dry_run import NO_INPUT, DryRun, not_run
from tail_pipeline.domain.dry_runner import DryRunner, Trial
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scorecard import Scorecard
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.targets import TargetConfig, name_of

RECORDS = "dry_run.sqlite"


class DryRunConfig(dg.Config):
    """What whoever launches a run may ask of its dry run."""

    fresh: bool = Field(
        default=False, description="Ask the agent again about every case, and replace what is recorded of this week."
    )


@dataclass(frozen=True)
class DryRunStep:
    """The file with its verdicts, and what the run says about them."""

    file: TailFile
    metadata: dict[str, Any]
    check_results: list[dg.AssetCheckResult]


def dry_run(
    checkout: Checkout,
    agent: Agent,
    cell: Cell,
    rubric: Rubric,
    file: TailFile,
    *,
    fresh: bool,
    progress: Callable[[str], None],
) -> DryRunStep:
    """The cases this run proposes, tried on the agent's target; other days' cases keep what they have."""
    if agent.target is None:
        return DryRunStep(file, {}, [])
    run = cell.day.key if file.runs is not None else None
    own = [case for case in file.cases if case.run == run]
    trials = [Trial(case.id, case.input, tuple(case.context), case.expected) for case in own if case.input is not None]
    name = name_of(agent.target, rubric)
    calls: Counter[str] = Counter()
    try:
        found = _run(checkout, agent, agent.target, cell, rubric, trials, calls, fresh=fresh, progress=progress)
    except (PermanentError, TransientError) as error:
        found = {trial.case_id: not_run(name, str(error)) for trial in trials}
    waiting = {case.id: not_run(name, NO_INPUT) for case in own if case.input is None}
    tried = found | waiting
    cases = [case.model_copy(update={"dry_run": tried.get(case.id, case.dry_run)}) for case in file.cases]
    card = Scorecard([case for case in cases if case.id in found])
    metadata = {
        "dry_run_target": name,
        "dry_run_stable_pass": len(card.handled),
        "dry_run_flaky": len(card.with_verdict("flaky")),
        "dry_run_stable_fail": len(card.with_verdict("stable_fail")),
        "dry_run_not_run": len(card.not_run) + len(waiting),
        "dry_run_answers_asked": calls["asked"],
        "dry_run_answers_recorded": calls["recorded"],
        "dry_run_judged": calls["judged"],
    }
    return DryRunStep(file.model_copy(update={"cases": cases}), metadata, [checks.dry_run(name, card)])


def _run(
    checkout: Checkout,
    agent: Agent,
    target_config: TargetConfig,
    cell: Cell,
    rubric: Rubric,
    trials: list[Trial],
    calls: Counter[str],
    *,
    fresh: bool,
    progress: Callable[[str], None],
) -> dict[str, DryRun]:
    if not trials:
        return {}
    scope = "/".join(part or "" for part in (agent.name, cell.segment, str(cell.day.iso_week)))
    path = checkout.state_of(agent, cell.segment) / RECORDS
    judge_of = checkout.content_judge(agent, cell, rubric, budget=CallBudget(agent.max_judge_calls))
    with (
        judge_of as judge,
        checkout.target(target_config, rubric) as target,
        SqliteDryRunRecords(path, scope) as records,
    ):
        runner = DryRunner(target, judge, rubric, records, checkout.redactor(agent, cell.segment))
        try:
            return runner.run(trials, fresh=fresh, progress=progress)
        finally:
            calls.update(runner.calls)
