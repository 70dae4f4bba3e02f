"""A world made real: a checkout or a repository on the GitHub stand-in, its files, its traffic, and the servers it talks to."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from tail_pipeline.adapters.eval_files import cases_paths, load_agents
from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.adapters.state_dir import STATE_DIR
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.runs import dagster_instance
from tail_pipeline.domain.agents import Agent, AgentsConfig
from tail_pipeline_tests.adapters.trace_writers import DSN_ENV
from tail_pipeline_tests.agent_server import AgentServer
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.github_server import TOKEN, GitHubServer
from tail_pipeline_tests.isolation.canaries import Aviary, Owner
from tail_pipeline_tests.isolation.stand_ins import CURRENT, Told
from tail_pipeline_tests.isolation.trace_files import write_traffic
from tail_pipeline_tests.isolation.traffic import Traffic
from tail_pipeline_tests.isolation.worlds import AgentPlan, World
from tail_pipeline_tests.model_server import KEY, KEY_ENV, ModelServer

POC = "cases:\n  - {id: poc-001, input: How do I cancel?, expected: Under Settings., source: poc}\n"
_HERE = "tail_pipeline_tests.isolation.stand_ins"


@dataclass
class Deployment:
    """One running world; ``github`` is None where the checkout itself is the repository."""

    world: World
    checkout: Path
    aviary: Aviary
    told: Told
    traffic: Traffic
    instance: dg.DagsterInstance
    github: GitHubServer | None
    github_requests_seen: int = 0
    _texts: dict[str, str] = field(default_factory=dict)

    @cached_property
    def config(self) -> AgentsConfig:
        return load_agents(self.checkout)

    def agent(self, owner: Owner) -> Agent:
        found = self.config.agent(owner.agent)
        assert found is not None, owner
        return found

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.checkout, retry_wait_s=0)

    @cached_property
    def repository_definition(self) -> dg.RepositoryDefinition:
        return self.definitions.get_repository_def()

    @cached_property
    def history_in_files(self) -> dg.DagsterInstance:
        """The run history of the checkout, which commands write to whatever the others use."""
        return self.instance if self.world.history_in_files else dagster_instance(self.checkout)

    # What people do in the repository

    def read(self, branch: str, path: str) -> str | None:
        if self.github:
            return self.github.person("lead").read(branch, path) if self.has_branch(branch) else None
        if not self.has_branch(branch):
            return None
        done = subprocess.run(
            ["git", "-C", str(self.checkout), "show", f"{branch}:{path}"], capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else None

    def has_branch(self, branch: str) -> bool:
        if self.github:
            return self.github.repository.git.ref(f"refs/heads/{branch}") is not None
        return branch in self._git.heads(branch)

    def push(self, branch: str, path: str, text: str) -> None:
        """A commit of a person on a branch; the base branch is checked out in the local checkout."""
        if self.github:
            self.github.person("lead").push(branch, {path: text})
        elif branch == "main":
            target = self.checkout / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            commit_all(self.checkout, "By hand")
        else:
            head = self._git.heads(branch)[branch]
            commit = self._git.commit_file(path, text, "Review", parent=head)
            git(self.checkout, "update-ref", f"refs/heads/{branch}", commit, head)

    def remove(self, path: str) -> None:
        """Take a file off the base branch."""
        if self.github:
            self.github.person("lead").push("main", {path: None})
        else:
            (self.checkout / path).unlink()
            commit_all(self.checkout, "By hand")

    def merge(self, branch: str, *, squash: bool, delete: bool) -> None:
        """Merge a branch under review as its reviewer does."""
        if self.github:
            numbers = [one.number for one in self.github.repository.pulls() if one.pull and one.pull.head == branch]
            if numbers and self.github.person("lead").issue(numbers[0]).state == "open":
                self.github.person("lead").merge(numbers[0], "squash" if squash else "merge", delete_branch=delete)
            return
        identity = ("-c", "user.name=Reviewer", "-c", "user.email=reviewer@localhost")
        git(
            self.checkout,
            *identity,
            "merge",
            "--quiet",
            *(["--squash"] if squash else ["--no-ff", "--no-edit"]),
            branch,
        )
        if squash:
            git(self.checkout, *identity, "commit", "--quiet", "--allow-empty", "-m", "Squashed")
        if delete:
            git(self.checkout, "branch", "--quiet", "-D", branch)

    @cached_property
    def _git(self) -> GitCheckout:
        return GitCheckout(self.checkout, "main")


@contextmanager
def deployed(world: World, directory: Path, dsn: str | None = None) -> Iterator[Deployment]:
    """The world in a directory of its own; ``dsn`` is the server its table is made on."""
    aviary = Aviary()
    told = Told(aviary)
    traffic = Traffic(world, aviary)
    checkout = directory / "checkout"
    (checkout / "eval").mkdir(parents=True)
    with ExitStack() as stack:
        github = None
        config: dict[str, Any] = {"repository": {"provider": "local"}}
        files = dict(_eval_files(world))
        if world.github:
            github = stack.enter_context(GitHubServer(directory, files))
            config["repository"] = {
                "provider": "github",
                "name": github.full_name,
                "base_url": github.base_url,
                "seconds_between_writes": 0,
            }
        if world.judge or world.embeddings or world.target == "model":
            server = stack.enter_context(ModelServer(told.serve))
            config["models"] = {"vendor": server.endpoint(concurrency=4).model_dump()}
        url = stack.enter_context(AgentServer(told.serve_http)).url if world.target == "http" else None
        traces = write_traffic(traffic, checkout, dsn)
        config["agents"] = [_agent(world, plan, traffic, traces, url) for plan in world.agents]
        files["eval/agents.yaml"] = json.dumps(config, indent=1)
        files[".gitignore"] = "traces/\n"
        for path, text in files.items():
            (checkout / path).parent.mkdir(parents=True, exist_ok=True)
            (checkout / path).write_text(text, encoding="utf-8")
        git(checkout, "init", "--quiet", "--initial-branch=main")
        commit_all(checkout, "Configure")
        environment = {KEY_ENV: KEY, "GITHUB_TOKEN": TOKEN} | ({DSN_ENV: dsn} if dsn else {})
        stack.enter_context(_environment(environment))
        # Commands open the history in files whatever the others use.
        for path, content in _empty_history().items():
            (checkout / STATE_DIR / "dagster" / path).parent.mkdir(parents=True, exist_ok=True)
            (checkout / STATE_DIR / "dagster" / path).write_bytes(content)
        instance = stack.enter_context(
            dagster_instance(checkout) if world.history_in_files else dg.DagsterInstance.ephemeral()
        )
        CURRENT.told = told.answer
        yield Deployment(world, checkout, aviary, told, traffic, instance, github)
        CURRENT.told = None


def _agent(world: World, plan: AgentPlan, traffic: Traffic, traces: dict[str, Any], url: str | None) -> dict[str, Any]:
    targets = {
        "none": None,
        "python": {"python": f"{_HERE}:answer"},
        "http": {"http": url},
        "model": {"model": "vendor/agent-model"},
    }
    agent: dict[str, Any] = {
        "name": plan.name,
        "eval_dir": plan.eval_dir,
        "traces": traces,
        "cadence": world.cadence,
        "start_week": "2026-W14",
        "max_clusters": world.max_clusters,
        "max_bad_span_share": 0.4,
        "max_unscored_share": 0.9,
        "reviewers": ["lead"],
        "owner": "owner",
        "escalate_on": {"labels": ["regulatory"]},
    }
    if target := targets[world.target]:
        agent["target"] = target
    if world.embeddings:
        agent["embedding"] = {"model": "vendor/embedder"}
    if world.store == "otel" and plan.split == "node_class":
        agent["unit"] = "node"
    if plan.segments:
        values = {owner.segment: traffic.spellings[owner] for owner in plan.owners}
        agent["segments"] = {"by": plan.split, "values": values}
        if plan.own_dirs:
            agent["segments"]["eval_dir"] = "eval/{segment}"
    return agent


def _eval_files(world: World) -> Iterator[tuple[str, str]]:
    rubric: dict[str, Any] = {"rubric_min_score": 0.82, "ragas_faithfulness": 0.1, "cost_weights": {"regulatory": 10}}
    if world.judge:
        rubric |= {
            "judge_model": "vendor/judge",
            "criteria": [{"name": "policy", "weight": 1.0, "judge": "Follows the policy."}],
        }
    else:
        rubric["criteria"] = [{"name": "cites", "weight": 1.0, "check": {"regex": "§"}}]
    for plan in world.agents:
        directories = {plan.eval_dir}
        if plan.own_dirs:
            directories = {f"eval/{owner.segment}" for owner in plan.owners}
        for directory in directories:
            yield f"{directory}/rubric.yaml", json.dumps(rubric)
            yield f"{directory}/cases.yaml", POC


@cache
def _empty_history() -> dict[str, bytes]:
    """The files of a run history without runs: its tables take a second to make, and a moment to copy."""
    with tempfile.TemporaryDirectory() as directory:
        with dagster_instance(Path(directory)) as instance:
            instance.get_runs_count()
        home = Path(directory) / STATE_DIR / "dagster"
        return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*values, "DAGSTER_HOME", "TAIL_PIPELINE_STORAGE")}
    os.environ.update(values)
    os.environ.pop("DAGSTER_HOME", None)
    os.environ.pop("TAIL_PIPELINE_STORAGE", None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def owner_of_cases(deployment: Deployment, path: str) -> Owner | None:
    """Whose set of cases a path is; None for one that people share."""
    for owner in deployment.world.owners:
        agent = deployment.agent(owner)
        own = cases_paths(agent, owner.segment)
        shared = len(own) == 1 and owner.segment is not None and agent.eval_dir_of(owner.segment) == agent.eval_dir
        if own[-1] == path and not shared:
            return owner
    return None
