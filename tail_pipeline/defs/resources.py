"""The doors to the outside that assets share; each is opened when it is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.adapters.model_api.embeddings import EndpointEncoder
from tail_pipeline.adapters.state_dir import state_dir
from tail_pipeline.adapters.trace_stores import open_trace_store
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.collection import AsRecorded
from tail_pipeline.domain.embedding import Encoder, LexicalEncoder
from tail_pipeline.domain.ports import Redactor, Repository, Scorer, TraceStore
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import RecordedScores


class Checkout(dg.ConfigurableResource[Any]):
    """The repository in ``repo_dir`` and what its configuration names; ``retry_wait_s`` passes before a retry."""

    repo_dir: str
    retry_wait_s: float

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Make the state directory, ignored by git, before anything is written into it."""
        state_dir(Path(self.repo_dir))

    def trace_store(self, agent: Agent, progress: Callable[[str], None]) -> TraceStore:
        return open_trace_store(agent.traces, Path(self.repo_dir), agent.unit, progress)

    def repository(self) -> Repository:
        config = load_agents(Path(self.repo_dir))
        return LocalGitRepository(Path(self.repo_dir), config.repository.base_branch)

    def redactor(self) -> Redactor:
        return AsRecorded()

    def scorer(self, rubric: Rubric, rubric_path: str) -> Scorer:
        return RecordedScores(rubric, rubric_path=rubric_path)

    def encoder(self, agent: Agent) -> Encoder:
        if agent.embedding is None:
            return LexicalEncoder()
        endpoint = load_agents(Path(self.repo_dir)).endpoint(agent.embedding.model)
        return EndpointEncoder(agent.embedding.model, endpoint, state_dir(Path(self.repo_dir)) / "embeddings.sqlite")
