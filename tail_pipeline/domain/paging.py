"""Whether a week of the repository pages somebody, and the page; for the scheduled run and for the command alike."""

from __future__ import annotations

from dataclasses import dataclass

from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.alarm import compose_escalation_alarm
from tail_pipeline.domain.escalation import Reason, compose_escalation, why_escalate
from tail_pipeline.domain.ports import PublishedEscalation, Repository, StoredFile
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.trend import Trend


@dataclass(frozen=True)
class StoredTail:
    """A tail file that was read, and where it was found."""

    tail: TailFile
    stored: StoredFile


@dataclass(frozen=True)
class JudgedWeek:
    """A week of one segment as the repository has it, and the trend that ends with it; ``found`` is None without a file."""

    found: StoredTail | None
    trend: Trend

    def reasons(self, agent: Agent) -> tuple[Reason, ...]:
        """Why the week escalates; empty when it does not."""
        return why_escalate(self.found.tail, self.trend, agent.escalating_labels) if self.found else ()


def page_owner(
    repository: Repository, agent: Agent, segment: str | None, week: JudgedWeek
) -> PublishedEscalation | None:
    """The week's escalation, raised once, where it has a reason; an alarm about an attempt that failed is over then."""
    reasons = week.reasons(agent)
    raised = None
    if week.found and reasons:
        links = repository.links(week.found.stored)
        raised = repository.escalate(compose_escalation(agent, segment, week.found.tail, week.trend, reasons, links))
    repository.update_alarm(compose_escalation_alarm(agent.name, segment, week.trend.week, None, owner=agent.owner))
    return raised
