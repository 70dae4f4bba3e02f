"""Random worlds: agents and tenants, their traffic, what they share, and what happens to them, as Hypothesis draws it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hypothesis import strategies as st

from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.isolation.canaries import Owner

Store = Literal["jsonl", "parquet", "postgres", "otel"]
Split = Literal["tenant", "node_class"]
SplitTraffic = Literal["trace", "span", "session", "text"]
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
Action = Literal[
    "mine",
    "mine_by_command",
    "mine_fresh",
    "mine_all",
    "review",
    "promote",
    "promote_by_command",
    "escalate",
    "deadline",
    "sensors",
    "validate",
    "break_cases",
    "break_tail",
    "outage",
    "check_files",
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
    shared: frozenset[SplitTraffic] = frozenset()
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


@st.composite
def agents(draw: st.DrawFn) -> tuple[AgentPlan, ...]:
    """One agent with tenants or nodes, or two that share a store, with eval directories of their own."""
    shape = draw(st.sampled_from(["tenants", "tenants", "tenants", "nodes", "two agents", "two agents with tenants"]))
    names = draw(st.permutations(_NAMES))[: draw(st.integers(1, 6))]
    match shape:
        case "tenants":
            return (
                AgentPlan(
                    "support",
                    "eval",
                    tuple(names),
                    own_dirs=draw(st.booleans()),
                    spelled_otherwise=draw(st.booleans()),
                ),
            )
        case "nodes":
            return (AgentPlan("studio", "eval", tuple(names), split="node_class", own_dirs=True),)
        case "two agents":
            return (AgentPlan("drafter", "eval/drafter"), AgentPlan("verifier", "eval/verifier"))
        case _:
            half = tuple(names[:3])
            return (
                AgentPlan("drafter", "eval/drafter", half, spelled_otherwise=draw(st.booleans())),
                AgentPlan("verifier", "eval/verifier", half),
            )


_MINING: tuple[Action, ...] = ("mine", "mine", "mine", "mine", "mine_by_command", "mine_fresh", "mine_all")
_REST: tuple[Action, ...] = (
    "review",
    "review",
    "promote",
    "promote_by_command",
    "escalate",
    "deadline",
    "sensors",
    "validate",
    "break_cases",
    "break_tail",
    "outage",
    "outage",
    "check_files",
)


def steps() -> st.SearchStrategy[tuple[Step, ...]]:
    """A first week of somebody is mined; then a few things happen, most of them to cells that were mined before."""
    numbers = st.integers(0, 5)
    first = st.builds(Step, st.just("mine"), numbers, st.integers(0, 1), numbers)
    mining = st.builds(Step, st.sampled_from(_MINING), numbers, st.integers(0, 2), numbers)
    other = st.builds(Step, st.sampled_from(_REST), numbers, st.integers(0, 2), numbers)
    later = st.lists(st.one_of(mining, other, other), min_size=1, max_size=3)
    return st.builds(lambda one, more: (one, *more), first, later)


def worlds(stores: tuple[Store, ...] = ("jsonl", "jsonl", "parquet", "otel")) -> st.SearchStrategy[World]:
    rarely = st.sampled_from([False, False, False, False, True])
    return st.builds(
        World,
        agents=agents(),
        steps=steps(),
        cadence=st.sampled_from(["weekly", "weekly", "daily"]),
        store=st.sampled_from(stores),
        github=st.sampled_from([False] * 7 + [True]),
        judge=rarely,
        target=st.sampled_from(["none", "python", "python", "http", "model"]),
        embeddings=rarely,
        agent_column=st.booleans(),
        history_in_files=rarely,
        max_clusters=st.sampled_from([1, 20, 20]),
        shared=st.frozensets(st.sampled_from(["trace", "span", "session", "text"])),
        odd=st.frozensets(
            st.sampled_from(
                [
                    "no_tenant",
                    "undeclared",
                    "malformed",
                    "mostly_malformed",
                    "hostile",
                    "late_feedback",
                    "judgement_no_number",
                    "uncastable",
                ]
            ),
            max_size=5,
        ),
    )
