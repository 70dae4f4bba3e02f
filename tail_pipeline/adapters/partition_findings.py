"""What ``validate`` says about partitions: the configuration of the work tree against the base branch's and the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tail_pipeline.adapters.agents_history import configuration_at
from tail_pipeline.adapters.eval_files import AGENTS_PATH, load_agents, parse_cases, read_text
from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.adapters.yaml_reader import Document, parse
from tail_pipeline.domain.agents import Agent, AgentsConfig
from tail_pipeline.domain.errors import InvalidFile, PermanentError
from tail_pipeline.domain.partition_changes import PartitionChange, partition_changes


@dataclass(frozen=True)
class PartitionFinding:
    """``kind`` is ``appears``, ``orphaned`` or ``rekeyed``; ``segments`` are those it is about, if not the whole agent."""

    kind: str
    agent: str
    segments: tuple[str, ...]
    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


def partition_findings(repo_dir: Path) -> list[PartitionFinding]:
    """Nothing where ``agents.yaml`` cannot be read; without a base, the files that belong to nobody alone."""
    try:
        config = load_agents(repo_dir)
    except InvalidFile:
        return []
    document = parse(read_text(repo_dir / AGENTS_PATH, AGENTS_PATH), AGENTS_PATH)
    checkout = GitCheckout(repo_dir, config.repository.base_branch)
    try:
        before = configuration_at(checkout, checkout.comparison_base().commit)
    except PermanentError:
        before = None
    changes = partition_changes(before, config) if before else []
    found = [_finding(repo_dir, config, before, document, change) for change in changes]
    told = {(one.agent, name) for one in changes if one.kind == "orphaned" for name in one.segments}
    return [*found, *_strays(repo_dir, config, told)]


def _finding(
    repo_dir: Path, config: AgentsConfig, before: AgentsConfig | None, document: Document, change: PartitionChange
) -> PartitionFinding:
    message = change.message
    if change.kind == "orphaned" and before and (agent := before.agent(change.agent)):
        segments = change.segments or tuple(name or "" for name in agent.segment_names)
        files = [part for name in segments for part in _files_of(repo_dir, agent, name or None)]
        message += f" (in the work tree: {', '.join(files)})" if files else ""
    return PartitionFinding(
        change.kind, change.agent, change.segments, AGENTS_PATH, _line(config, document, change), message
    )


def _line(config: AgentsConfig, document: Document, change: PartitionChange) -> int:
    """The line of the first segment it is about, else of the agent; 0 for an agent that is gone."""
    for index, agent in enumerate(config.agents):
        if agent.name == change.agent:
            values = ("agents", index, "segments", "values")
            if agent.segments and change.segments and change.segments[0] in agent.segments.values:
                name = change.segments[0]
                place = list(agent.segments.values).index(name)
                return max(document.line_of((*values, name)), document.line_of((*values, place)))
            return document.line_of(("agents", index))
    return 0


def _files_of(repo_dir: Path, agent: Agent, segment: str | None) -> Iterator[str]:
    """What lies under ``eval/`` of a segment, counted."""
    tails = list((repo_dir / agent.tail_dir_of(segment)).glob("*.yaml"))
    if tails:
        yield f"{len(tails)} tail files in {agent.tail_dir_of(segment)}"
    path = agent.own_cases_path(segment)
    if (repo_dir / path).is_file():
        yield f"{path}{_counted(repo_dir, path)}"


def _counted(repo_dir: Path, path: str) -> str:
    try:
        return f" with {len(parse_cases(read_text(repo_dir / path, path), path).cases)} cases"
    except InvalidFile:
        return ""


def _strays(repo_dir: Path, config: AgentsConfig, told: set[tuple[str, str]]) -> Iterator[PartitionFinding]:
    """Folders and sets of cases that belong to no segment that is declared; ``told`` are named already."""
    claimed = {one.tail_dir_of(name) for one in config.agents for name in one.segment_names}
    looked_at: set[str] = set()
    for agent in config.agents:
        if agent.eval_dir in looked_at or (agent.segments and agent.segments.eval_dir):
            continue
        looked_at.add(agent.eval_dir)
        tails = {path.parent.name for path in (repo_dir / agent.eval_dir / "tail").glob("*/*.yaml")}
        # Without segments a team may keep further sets of its own there.
        sets = {path.stem for path in (repo_dir / agent.eval_dir / "cases").glob("*.yaml")} if agent.segments else set()
        for name in sorted(tails | sets):
            place = f"{agent.eval_dir}/tail/{name}"
            if place in claimed or (agent.name, name) in told:
                continue
            files = [
                *([place] if name in tails else []),
                *([f"{agent.eval_dir}/cases/{name}.yaml"] if name in sets else []),
            ]
            command = f"tail-pipeline forget --agent {agent.name} --segment {name}"
            message = (
                f"of no declared segment; declare {name} under segments of {agent.name}, or delete its data: {command}"
            )
            for file in files:
                yield PartitionFinding("orphaned", agent.name, (name,), file, 0, message)
