"""Random worlds: agents and tenants, their traffic, what they share, and what happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal

from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.isolation.canaries import Owner

Store = Literal["jsonl", "parquet", "postgres", "otel"]
Split = Literal["tenant", "node_class"]
Shared = Literal["trace", "span", "session", "text"]
Oddity = Literal[
    "no_tenant",
    "undeclared",
    "malformed",
    "mostly_malformed",
    "hostile",
    "late_feedback",
    "judgement_no_number",
    "uncastable",
]
SHARED: tuple[Shared, ...] = ("trace", "span", "session", "text")
ODD: tuple[Oddity, ...] = (
    *("no_tenant", "undeclared", "malformed", "mostly_malformed", "hostile", "late_feedback", "judgement_no_number"),
    "uncastable",
)
Action = Literal[
    "mine",
    "mine_by_command",
    "mine_fresh",
    "mine_all",
    "share",
    "review",
    "review_shared",
    "promote",
    "promote_by_command",
    "escalate",
    "deadline",
    "sensors",
    "validate",
    "break_cases",
    "break_tail",
    "outage",
]
Outage = Literal["store", "judge", "target", "endpoint", "repository"]
OUTAGES: tuple[Outage, ...] = ("store", "judge", "target", "endpoint", "repository")

WEEKLY_DAYS = ("2026-W16-1", "2026-W17-1", "2026-W18-1")
DAILY_DAYS = ("2026-W16-5", "2026-W17-2", "2026-W17-3")

_NAMES = ("acme", "acme-2", "ac", "globex", "a", "acme_2")
"""Names that begin one another, so that a prefix mistaken for a name shows."""


@dataclass(frozen=True)
class AgentPlan:
    """One agent: its segments (none: it has no tenants) and where its files are."""

    name: str
    eval_dir: str
    segments: tuple[str, ...] = ()
    split: Split = "tenant"
    own_dirs: bool = False
    spelled_otherwise: bool = False

    @property
    def owners(self) -> tuple[Owner, ...]:
        return tuple(Owner(self.name, segment) for segment in self.segments or (None,))


@dataclass(frozen=True)
class Step:
    """Something somebody or something does; ``owner`` and ``day`` are taken modulo what there is."""

    action: Action
    owner: int = 0
    day: int = 0
    choice: int = 0


@dataclass(frozen=True)
class World:
    """All that a case consists of."""

    agents: tuple[AgentPlan, ...]
    steps: tuple[Step, ...]
    cadence: Literal["weekly", "daily"] = "weekly"
    store: Store = "jsonl"
    github: bool = False
    judge: bool = False
    target: Literal["none", "python", "http", "model"] = "none"
    embeddings: bool = False
    agent_column: bool = True
    history_in_files: bool = False
    max_clusters: int = 20
    shared: frozenset[Shared] = frozenset()
    odd: frozenset[Oddity] = frozenset()

    @cached_property
    def owners(self) -> tuple[Owner, ...]:
        return tuple(owner for agent in self.agents for owner in agent.owners)

    @cached_property
    def days(self) -> tuple[MiningDay, ...]:
        names = WEEKLY_DAYS if self.cadence == "weekly" else DAILY_DAYS
        return tuple(MiningDay.parse(name) for name in names)

    @property
    def cadence_of_days(self) -> Cadence:
        return Cadence(self.cadence)

    def agent(self, name: str) -> AgentPlan:
        return next(one for one in self.agents if one.name == name)


def random_world(chance: Random, stores: Sequence[Store] = ("jsonl", "jsonl", "parquet", "otel")) -> World:
    """A world by chance; ``stores`` are as likely as they are named."""
    return World(
        agents=_agents(chance),
        steps=_steps(chance),
        cadence=chance.choice(("weekly", "weekly", "daily")),
        store=chance.choice(stores),
        github=chance.random() < 0.12,
        judge=chance.random() < 0.15,
        target=chance.choice(("none", "python", "python", "http", "model")),
        embeddings=chance.random() < 0.2,
        agent_column=chance.random() < 0.7,
        history_in_files=chance.random() < 0.15,
        max_clusters=chance.choice((1, 20, 20)),
        shared=frozenset(one for one in SHARED if chance.random() < 0.5),
        odd=frozenset(one for one in ODD if chance.random() < _OFTEN.get(one, 0.1)),
    )


def _agents(chance: Random) -> tuple[AgentPlan, ...]:
    """One agent with tenants or nodes, or two that share a store, with eval directories of their own."""
    names = tuple(chance.sample(_NAMES, chance.randint(1, len(_NAMES))))
    own_dirs, spelled = chance.random() < 0.3, chance.random() < 0.5
    match chance.choice(("tenants", "tenants", "tenants", "nodes", "two agents", "two agents with tenants")):
        case "tenants":
            return (AgentPlan("support", "eval", names, own_dirs=own_dirs, spelled_otherwise=spelled),)
        case "nodes":
            return (AgentPlan("studio", "eval", names, split="node_class", own_dirs=True),)
        case "two agents":
            return (AgentPlan("drafter", "eval/drafter"), AgentPlan("verifier", "eval/verifier"))
    return (
        AgentPlan("drafter", "eval/drafter", names[:3], spelled_otherwise=spelled),
        AgentPlan("verifier", "eval/verifier", names[:3]),
    )


def _steps(chance: Random) -> tuple[Step, ...]:
    """Some cell is mined; then one to three things happen, half of them to whom or what was mined before."""
    first = Step("mine", chance.randint(0, 5), chance.randint(0, 1), chance.randint(0, 5))
    later = []
    for _ in range(chance.randint(1, 3)):
        action = chance.choice(_MINING if chance.random() < 0.3 else _REST)
        same = chance.random() < 0.5
        owner, day = (first.owner, first.day) if same else (chance.randint(0, 5), chance.randint(0, 2))
        later.append(Step(action, owner, day, chance.randint(0, 5)))
    return (first, *later)


_MINING: tuple[Action, ...] = ("mine", "mine", "mine", "mine_by_command", "mine_fresh", "mine_all")
_REST: tuple[Action, ...] = (
    *("share", "review_shared", "review", "review", "promote", "promote_by_command", "escalate"),
    *("deadline", "sensors", "validate", "break_cases", "break_tail", "outage", "outage"),
)
_OFTEN: dict[Oddity, float] = {
    "no_tenant": 0.5,
    "undeclared": 0.5,
    "late_feedback": 0.5,
    "hostile": 0.3,
    "malformed": 0.3,
}
