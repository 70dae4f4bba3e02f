"""What is to be forgotten of a tenant, a node class or an agent, and where it was ever written.

A name that is gone from ``agents.yaml`` is known from its history: wherever any version of the file put the data.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tail_pipeline.domain.agents import Agent, AgentsConfig
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.pull_request import branch_of


@dataclass(frozen=True)
class EvalPlace:
    """Where files of one segment lie under an eval directory; ``removed_path`` records the ids of cases that left."""

    tail_dir: str
    cases_path: str
    removed_path: str


@dataclass(frozen=True)
class Subject:
    """Whose data is to go: all of an agent's where ``segment`` is None.

    ``taken`` are directories of its past in which somebody else's files lie now: what is in them is left alone.
    """

    agent: str
    segment: str | None
    places: tuple[EvalPlace, ...]
    taken: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.agent} / {self.segment}" if self.segment else self.agent

    @property
    def dagster_name(self) -> str:
        """The agent as Dagster knows it, in asset keys, paths and jobs."""
        return dagster_name(self.agent)

    @property
    def tail_dirs(self) -> list[str]:
        return sorted({place.tail_dir for place in self.places})

    def is_told_of(self, key: str, text: str) -> bool:
        """Whether an issue with this key, such as ``support.acme.2026-W17``, is about the subject.

        The alarm of a day, ``support.2026-W17-1``, is about all segments; it quotes the failures of those it names.
        """
        agent, *rest = key.split(".")
        if agent != self.agent or self.segment is None or rest[:1] == [self.segment]:
            return agent == self.agent
        return len(rest) == 1 and re.search(rf"(?<![\w-]){re.escape(self.segment)}(?![\w-])", text) is not None


@dataclass(frozen=True)
class Held:
    """Things of one kind that are still there; ``cache`` is what segments share and what fills again by itself."""

    what: str
    names: tuple[str, ...]
    cache: bool = False


class Holder(Protocol):
    """One place in which data of a subject lies."""

    def held(self, subject: Subject) -> list[Held]:
        """What would be deleted; nothing where nothing is left."""
        ...

    def forget(self, subject: Subject) -> None:
        """Delete it. May be repeated, also after it was killed."""
        ...

    def remains(self, subject: Subject) -> list[str]:
        """What is left for people to delete, a sentence each."""
        ...


def dagster_name(agent: str) -> str:
    return agent.replace("-", "_")


def subject_of(agent: str, segment: str | None, now: AgentsConfig, earlier: Sequence[AgentsConfig]) -> Subject:
    """The subject of these names, as any configuration ever had it.

    Raises PermanentError while it is declared, and for names that nobody ever declared.
    """
    what = f"segment '{segment}' of agent '{agent}'" if segment else f"agent '{agent}'"
    if _declares(now, agent, segment):
        raise PermanentError(
            f"{what} is declared in eval/agents.yaml, so it would be mined again; take it out there, commit, reload the "
            "code location, then forget it"
        )
    known = [one for config in earlier for one in config.agents if _is(one, agent, segment)]
    if not known and segment and (owner := now.agent(agent)) is not None:
        # Declared once, in a version nobody has any more: where an agent puts its segments is known all the same.
        known = [owner]
    if not known:
        names = sorted({one.name for config in (now, *earlier) for one in config.agents})
        raise PermanentError(
            f"no {what} in eval/agents.yaml or in any version of it that git has; agents were: {', '.join(names)}"
        )
    places = {place for one in known for place in _places(one, segment)}
    declared = {_branch(_place(one, name)) for one in now.agents for name in (*one.segment_names, None)}
    ordered = sorted(places, key=lambda place: place.tail_dir)
    own = tuple(place for place in ordered if _branch(place) not in declared)
    taken = tuple(place.tail_dir for place in ordered if _branch(place) in declared)
    return Subject(agent, segment, own, taken)


def _declares(config: AgentsConfig, agent: str, segment: str | None) -> bool:
    same = [one for one in config.agents if dagster_name(one.name) == dagster_name(agent)]
    return any(segment is None or segment in one.segment_names for one in same)


def _is(agent: Agent, name: str, segment: str | None) -> bool:
    return agent.name == name and (segment is None or segment in agent.segment_names)


def _places(agent: Agent, segment: str | None) -> Iterator[EvalPlace]:
    """Of an agent also what is nobody's segment: the tail all of them share, and the set of cases."""
    yield _place(agent, segment)
    if segment is None:
        yield from (_place(agent, name) for name in agent.segment_names if name)


def _branch(place: EvalPlace) -> str:
    """What the branches of its weeks begin with; two places may differ and still share these."""
    return posixpath.dirname(branch_of(f"{place.tail_dir}/week.yaml"))


def _place(agent: Agent, segment: str | None) -> EvalPlace:
    return EvalPlace(agent.tail_dir_of(segment), agent.own_cases_path(segment), agent.removed_cases_path(segment))
