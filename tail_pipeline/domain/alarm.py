"""What went missing is loud: one alarm per agent and mining day, until every cell is mined; one per escalation that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tail_pipeline.domain.issues import Issue, named, opened_from
from tail_pipeline.domain.markdown import fenced
from tail_pipeline.domain.weeks import IsoWeek, MiningDay

LABELS = ("tail-missing",)
MAX_FAILURE_CHARS = 2_000
_MAX_LISTED = 50
_MAX_EXPLAINED = 10
_OVER = "Over: "
_MISSING = "Missing: "


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
    """One issue per (agent, mining day) and per escalation that failed; ``over`` when nothing is missing any more."""

    over: bool


def says_over(title: str) -> bool:
    """Whether this is the title of an alarm that was over when it was last written."""
    return title.startswith(_OVER)


def compose_alarm(agent: str, day: MiningDay, missing: Sequence[MissingCell], *, owner: str | None) -> Alarm:
    """Which cells of the day are missing, and what the last failed run of each said; without any, that it is over."""
    about = f"regression tail {day.key} of {agent}"
    return Alarm(
        key=f"{agent}.{day.key}",
        about=about,
        title=f"{_MISSING if missing else _OVER}{about}",
        body=f"{_body(agent, day, missing)}\n",
        labels=LABELS,
        assignee=owner,
        not_before=opened_from(day),
        over=not missing,
    )


def compose_escalation_alarm(
    agent: str, segment: str | None, week: IsoWeek, failure: str | None, *, owner: str | None
) -> Alarm:
    """Nobody was paged for a week that escalates: ``failure`` is what the run said; without one, that it is over."""
    about = f"escalation of {week}: {named(agent, segment)}"
    return Alarm(
        key=".".join(part for part in (agent, segment, str(week), "escalation") if part),
        about=about,
        title=f"{_OVER if failure is None else _MISSING}{about}",
        body=f"{_escalation_body(agent, segment, week, failure)}\n",
        labels=LABELS,
        assignee=owner,
        not_before=opened_from(MiningDay(week.monday)),
        over=failure is None,
    )


def _body(agent: str, day: MiningDay, missing: Sequence[MissingCell]) -> str:
    if not missing:
        return f"**Over.** Every cell of {day.key} of **{agent}** has been mined; nothing is left to do."
    failed = [cell for cell in missing if cell.failure is not None]
    # The one tenant that failed must not drown among those whose turn has not come.
    urgent = [*failed, *(cell for cell in missing if cell.failure is None)]
    listed = [f"- {f'`{cell.segment}`: ' if cell.segment else ''}{cell.state}" for cell in urgent[:_MAX_LISTED]]
    if len(missing) > _MAX_LISTED:
        listed.append(f"- {len(missing) - _MAX_LISTED} more")
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


def _escalation_body(agent: str, segment: str | None, week: IsoWeek, failure: str | None) -> str:
    who = named(agent, segment)
    if failure is None:
        return f"**Over.** {week} of **{who}** has been judged again, and its escalation raised if it still needs one."
    only = f" --segment {segment}" if segment else ""
    return (
        f"{week} of **{who}** has a reason to escalate, and the run that was to raise the escalation failed: "
        f"nobody was paged.\n\n{fenced(_cut(failure))}\n\n"
        f"`tail-pipeline escalate --agent {agent}{only} --week {week}` raises it, as does the run when it is executed again. "
        "This text says so when one of them did."
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FAILURE_CHARS else f"{text[:MAX_FAILURE_CHARS]}\n[the rest is in the run]"
