"""Traffic of several tenants whose users ask the same in vain, each with words that nobody else used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.adapters.repositories import open_repository
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.ports import Repository
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import BRANCH, FAILING, ORDINARY, configure, span, write_spans

TENANTS = ("acme", "globex", "initech", "umbrella")
SHARED_PATH = "eval/tail/2026-W17.yaml"
CANARIES = dict(zip(TENANTS, ("vrombulate", "quixnard", "jelpho", "sztagwy"), strict=True))
"""A word of each tenant's own."""

_EXPORTS = (
    "the export of my invoice to a spreadsheet fails at {}",
    "invoice export to spreadsheet of {} fails again",
    "why does my {} invoice export to a spreadsheet fail",
)
_OWN = dict(
    zip(
        TENANTS,
        (
            "{} conveyor belts stand still on floor",
            "{} pollen count missing in greenhouse",
            "{} violin strings tuned too low by",
            "{} ferry timetable shows yesterday for pier",
        ),
        strict=True,
    )
)


def traffic(tenant: str, *, day: int = 0, exports: int = 3) -> list[dict[str, Any]]:
    """Passing spans, failing exports that every tenant knows, and two of the tenant's own; ``day`` counts from the 13th."""
    canary, number = CANARIES[tenant], 1_000 * TENANTS.index(tenant)
    rows = [span(number + n, text, tenant=tenant) for n, text in enumerate(ORDINARY)]
    rows += [
        span(number + 100 + n, text.format(canary), FAILING, tenant=tenant) for n, text in enumerate(_EXPORTS[:exports])
    ]
    rows += [
        span(number + 200 + n, f"{_OWN[tenant].format(canary)} {'ab'[n]}", FAILING, tenant=tenant) for n in range(2)
    ]
    return [
        row | {"start_time": row["start_time"] + timedelta(days=day), "span_id": f"{row['span_id']}-{day}"}
        for row in rows
    ]


def tenants_of(checkout: Path, tenants: Sequence[str] = TENANTS, *more: str) -> None:
    """Configure an agent of these tenants, and further lines of it, and write their traffic."""
    lines = [f"segments: {{by: tenant, values: [{', '.join(tenants)}]}}", *more]
    configure(checkout, "".join(f"    {line}\n" for line in lines))
    write_spans(checkout, [row for tenant in tenants for row in traffic(tenant)])


def make_daily(checkout: Path) -> None:
    agents = checkout / "eval" / "agents.yaml"
    agents.write_text(agents.read_text("utf-8").replace("cadence: weekly", "cadence: daily"), "utf-8")
    commit_all(checkout, "Daily")


def artefacts(checkout: Path, branch: str) -> str:
    """All that a shared file's pull request consists of: branch, commits and file, and the body beside it."""
    body = checkout / ".tail" / "pull_requests" / f"{branch.removeprefix('tail-miner/')}.md"
    return "\n".join([branch, git(checkout, "log", "--patch", f"main..{branch}"), body.read_text("utf-8")])


def opened(checkout: Path) -> tuple[Repository, Agent]:
    config = load_agents(checkout)
    return open_repository(config.repository, checkout), config.agents[0]


def review(checkout: Path, **edits: str) -> None:
    """Edit the shared file on its branch and commit."""
    git(checkout, "checkout", "--quiet", BRANCH)
    file = checkout / "eval" / "tail" / "2026-W17.yaml"
    text = file.read_text("utf-8")
    for key, value in edits.items():
        before = {"input": "input: null", "expected": "expected: null", "status": "status: proposed"}.get(
            key, f"{key}: null"
        )
        text = text.replace(before, f"{key}: {value}", 1)
    file.write_text(text, "utf-8")
    commit_all(checkout, "Review")
    git(checkout, "checkout", "--quiet", "main")
