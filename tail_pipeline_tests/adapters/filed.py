"""Escalations and alarms as the domain composes them, and how they look where they are filed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.alarm import Alarm, MissingCell, compose_alarm
from tail_pipeline.domain.escalation import Escalation, TailLinks, compose_escalation, why_escalate
from tail_pipeline.domain.trend import judge_trend
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay
from tail_pipeline_tests.domain.builders import DAY, WEEK, tail_file, week_numbers
from tail_pipeline_tests.github_server import GitHubServer
from tail_pipeline_tests.github_server.records import Issue

OWNER = "owner"
"""Who can be assigned in the stand-in's repository."""


def escalation(
    agent: str = "support", segment: str | None = None, week: IsoWeek = WEEK, *, owner: str = OWNER, clusters: int = 9
) -> Escalation:
    """A week that grew to so many clusters."""
    settings = {"name": agent, "traces": {"store": "files", "path": "x"}, "owner": owner}
    counts = {week.shifted(-2): 3, week.shifted(-1): 4, week: clusters}
    numbers = {one: week_numbers(one, count) for one, count in counts.items()}
    trend, file = judge_trend(week, numbers, Cadence.WEEKLY), tail_file()
    reasons = why_escalate(file, trend, frozenset())
    return compose_escalation(Agent.model_validate(settings), segment, file, trend, reasons, TailLinks())


def alarm(*missing: str, agent: str = "support", day: MiningDay = DAY, owner: str | None = OWNER) -> Alarm:
    """The alarm for these missing segments; without any, that it is over."""
    return compose_alarm(agent, day, [MissingCell(day, name, under_way=False) for name in missing], owner=owner)


def text_of(file_url: str) -> str:
    """What the local provider wrote."""
    return path_of(file_url).read_text(encoding="utf-8")


def path_of(file_url: str) -> Path:
    return Path(unquote(urlparse(file_url).path))


def issue_at(server: GitHubServer, url: str) -> Issue:
    return server.person().issue(int(url.rpartition("/")[2]))


def as_filed(server: GitHubServer) -> list[tuple[object, ...]]:
    """Every issue as far as a run can write it."""
    return [
        (
            *(one.number, one.title, one.body, one.state, one.state_reason),
            sorted(label.name for label in one.labels),
            [user.login for user in one.assignees],
        )
        for one in server.repository.issues
    ]
