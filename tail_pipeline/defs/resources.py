"""The doors to the outside that assets share; each is opened when it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from tail_pipeline.adapters.answer_store import ANSWERS, SqliteAnswerStore
from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.adapters.judged_scores import JudgedScores
from tail_pipeline.adapters.model_api.chat import ChatModel
from tail_pipeline.adapters.model_api.embeddings import EMBEDDINGS, EndpointEncoder
from tail_pipeline.adapters.python_callable import load_python_checks
from tail_pipeline.adapters.redactors import open_redactor
from tail_pipeline.adapters.repositories import open_repository
from tail_pipeline.adapters.state_dir import segment_state_dir, state_dir
from tail_pipeline.adapters.targets import open_target
from tail_pipeline.adapters.trace_stores import open_trace_store
from tail_pipeline.defs.partitions import Cell, partition_key
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.criterion_checks import ChecksJudge
from tail_pipeline.domain.embedding import Encoder, LexicalEncoder
from tail_pipeline.domain.judging import RubricJudge
from tail_pipeline.domain.kept_answers import KeptAnswers
from tail_pipeline.domain.model_drafts import Drafter
from tail_pipeline.domain.ports import (
    AnswerStore,
    ContentJudge,
    Model,
    Redactor,
    Repository,
    Scorer,
    Target,
    TraceStore,
)
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import RecordedScores
from tail_pipeline.domain.targets import TargetConfig


class Checkout(dg.ConfigurableResource[Any]):
    """The repository in ``repo_dir`` and what its configuration names; ``retry_wait_s`` passes before a retry."""

    repo_dir: str
    retry_wait_s: float
    _repository: Repository | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Make the state directory, ignored by git, before anything is written into it."""
        state_dir(Path(self.repo_dir))
        self._repository = None

    def trace_store(self, agent: Agent, progress: Callable[[str], None]) -> TraceStore:
        return open_trace_store(agent.traces, Path(self.repo_dir), agent.unit, progress)

    def repository(self) -> Repository:
        """What is on the base branch and under review; opened once a run, whose steps share what it has just read."""
        if self._repository is None:
            self._repository = open_repository(load_agents(Path(self.repo_dir)).repository, Path(self.repo_dir))
        return self._repository

    def redactor(self, agent: Agent, segment: str | None) -> Redactor:
        """What keeps private data of this segment out of everything that is written."""
        return open_redactor(agent, segment, Path(self.repo_dir))

    @contextmanager
    def model(self, name: str, budget: CallBudget | None = None) -> Iterator[Model]:
        """The model behind ``endpoint/model``; every call to it takes one from the budget."""
        endpoint = load_agents(Path(self.repo_dir)).endpoint(name)
        with ChatModel(name, endpoint, budget=budget) as model:
            yield model

    def state_of(self, agent: Agent, segment: str | None) -> Path:
        """The directory of what is kept of one segment's texts; runs of other segments never open it."""
        return segment_state_dir(Path(self.repo_dir), agent.name, segment)

    @contextmanager
    def answers(self, agent: Agent, cell: Cell) -> Iterator[AnswerStore]:
        """What models answered before, shared by all runs of the segment."""
        with SqliteAnswerStore(self.state_of(agent, cell.segment) / ANSWERS) as answers:
            yield answers

    @contextmanager
    def rubric_judge(
        self, agent: Agent, cell: Cell, rubric: Rubric, *, paid_by: str, budget: CallBudget | None = None
    ) -> Iterator[RubricJudge]:
        """The judge of a rubric that names one; ``paid_by`` is the run its answers are booked on."""
        assert rubric.judge_model is not None, "asked of rubrics with a judge only"
        with self.model(rubric.judge_model, budget) as model, self.answers(agent, cell) as answers:
            checks = load_python_checks(rubric, Path(self.repo_dir))
            yield RubricJudge(rubric, model=model, answers=answers, python_checks=checks, paid_by=paid_by)

    @contextmanager
    def kept_answers(self, agent: Agent, cell: Cell, rubric: Rubric) -> Iterator[KeptAnswers | None]:
        """Answers of the rubric's judge for titles and drafts, beside ``max_judge_calls``; None where it names no judge.

        Not of ``model_primary``: the agent's own model has just failed at these very inputs.
        """
        if rubric.judge_model is None:
            yield None
            return
        endpoint = load_agents(Path(self.repo_dir)).endpoint(rubric.judge_model)
        with (
            self.model(rubric.judge_model) as model,
            self.answers(agent, cell) as store,
            ThreadPoolExecutor(endpoint.concurrency, thread_name_prefix="answers") as pool,
        ):
            yield KeptAnswers(model, store, paid_by=_payer(agent, cell), each=pool.map)

    @contextmanager
    def drafter(self, agent: Agent, cell: Cell, rubric: Rubric) -> Iterator[Drafter | None]:
        """Who writes expected outputs that traffic does not offer; None where the rubric names no judge."""
        with self.kept_answers(agent, cell, rubric) as answers:
            if answers is None:
                yield None
                return
            with self.rubric_judge(agent, cell, rubric, paid_by=_payer(agent, cell)) as judge:
                yield Drafter(rubric, answers, judge)

    @contextmanager
    def scorer(
        self, agent: Agent, cell: Cell, rubric: Rubric, budget: CallBudget, progress: Callable[[str], None]
    ) -> Iterator[Scorer]:
        """Scores spans by the judge, or takes the recorded scores where the rubric names none."""
        if rubric.judge_model is None:
            yield RecordedScores()
            return
        endpoint = load_agents(Path(self.repo_dir)).endpoint(rubric.judge_model)
        paid_by = _payer(agent, cell)
        with self.rubric_judge(agent, cell, rubric, paid_by=paid_by, budget=budget) as judge:
            yield JudgedScores(
                rubric,
                judge,
                budget=budget,
                concurrency=endpoint.concurrency,
                max_unscored_share=agent.max_unscored_share,
                seed=paid_by,
                encoder=LexicalEncoder(),
                progress=progress,
            )

    @contextmanager
    def content_judge(self, agent: Agent, cell: Cell, rubric: Rubric, *, budget: CallBudget) -> Iterator[ContentJudge]:
        """Scores the contents of a dry run, by the checks alone where the rubric names no judge.

        Raises PermanentError where it then has a criterion only a model can decide, or none at all.
        """
        if rubric.judge_model is None:
            rubric_path = agent.rubric_path(cell.segment)
            yield ChecksJudge(rubric, load_python_checks(rubric, Path(self.repo_dir)), rubric_path=rubric_path)
            return
        paid_by = f"{_payer(agent, cell)} dry run"
        with self.rubric_judge(agent, cell, rubric, paid_by=paid_by, budget=budget) as judge:
            yield judge

    def target(self, target: TargetConfig, rubric: Rubric) -> AbstractContextManager[Target]:
        """The agent as it is now; raises PermanentError where its configuration leads nowhere."""
        return open_target(
            target, rubric, repo_dir=Path(self.repo_dir), model=self.model, retry_wait_s=self.retry_wait_s
        )

    def encoder(self, agent: Agent, cell: Cell) -> Encoder:
        if agent.embedding is None:
            return LexicalEncoder()
        endpoint = load_agents(Path(self.repo_dir)).endpoint(agent.embedding.model)
        return EndpointEncoder(agent.embedding.model, endpoint, self.state_of(agent, cell.segment) / EMBEDDINGS)


def _payer(agent: Agent, cell: Cell) -> str:
    """The cell that answers of models are booked on, the same for all its runs."""
    return f"{agent.name} {partition_key(cell.day, cell.segment)}"
