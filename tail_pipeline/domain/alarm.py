"""A mining day without its pull requests is loud: one alarm per agent and mining day, until every cell is mined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tail_pipeline.domain.issues import Issue
from tail_pipeline.domain.markdown import fenced
from tail_pipeline.domain.weeks import MiningDay

LABELS = ("tail-missing",)
MAX_FAILURE_CHARS = 2_000
_MAX_LISTED = 50
_MAX_EXPLAINED = 10


@dataclass(frozen=True)
class MissingCell:
    """A cell without a pull request; ``failure`` is what its last failed run said, None when none has failed."""

    day: MiningDay
    segment: str | None
    under_way: bool
    failure: str | None = None

    @property
    def state(self) -> str:
        if self.under_way:
            return "under way" if self.failure is None else "failed, and under way again"
        return "never mined" if self.failure is None else "failed"


@dataclass(frozen=True)
class Alarm(Issue):
    """One issue per (agent, mining day); ``over`` when nothing is missing any more."""

    over: bool


def compose_alarm(agent: str, day: MiningDay, missing: Sequence[MissingCell], *, owner: str | None) -> Alarm:
    """Which cells of the day are missing, and what the last failed run of each said; without any, that it is over."""
    return Alarm(
        key=f"{agent}.{day.key}",
        title=f"{'Over' if not missing else 'Missing'}: regression tail {day.key} of {agent}",
        body=f"{_body(agent, day, missing)}\n",
        labels=LABELS,
        assignee=owner,
        over=not missing,
    )


def _body(agent: str, day: MiningDay, missing: Sequence[MissingCell]) -> str:
    if not missing:
        return f"**Over.** Every cell of {day.key} of **{agent}** has been mined; nothing is left to do."
    listed = [f"- {f'`{cell.segment}`: ' if cell.segment else ''}{cell.state}" for cell in missing[:_MAX_LISTED]]
    if len(missing) > _MAX_LISTED:
        listed.append(f"- {len(missing) - _MAX_LISTED} more")
    failed = [cell for cell in missing if cell.failure is not None]
    explained = [
        f"Last failure{f' of `{cell.segment}`' if cell.segment else ''}:\n\n{fenced(_cut(cell.failure or ''))}"
        for cell in failed[:_MAX_EXPLAINED]
    ]
    if len(failed) > _MAX_EXPLAINED:
        explained.append(f"The failures of {len(failed) - _MAX_EXPLAINED} more are in Dagster's runs.")
    count = f"{len(missing)} {'cell' if len(missing) == 1 else 'cells'}"
    head = f"**{agent}** has no pull request yet for {count} of mining day {day.key}."
    advice = (
        f"The next tick of the schedule requests them again; `tail-pipeline mine --agent {agent} --day {day.key}` "
        "does it now. This text says so when all are mined."
    )
    return "\n\n".join([head, "\n".join(listed), *explained, advice])


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FAILURE_CHARS else f"{text[:MAX_FAILURE_CHARS]}\n[the rest is in the run]"
