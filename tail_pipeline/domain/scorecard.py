"""How many of the mined cases the agent as it is now already handles, and what to make of that number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tail_pipeline.domain.dry_run import RUNS, Verdict
from tail_pipeline.domain.markdown import inline
from tail_pipeline.domain.tail_file import TailCase

HEALTHY_SHARE = (0.10, 0.20)
MIN_CASES = 10
"""Below this many cases one of them moves the share by more than the healthy range is wide."""

_MAX_IDS = 20
_MAX_REASONS = 5


@dataclass(frozen=True)
class Scorecard:
    """The cases of one file by what their dry run came to; ``untried`` ones were mined without a target."""

    cases: Sequence[TailCase]

    @cached_property
    def targets(self) -> list[str]:
        return sorted({case.dry_run.model for case in self.cases if case.dry_run})

    def with_verdict(self, *verdicts: Verdict) -> list[TailCase]:
        return [case for case in self.cases if case.dry_run and case.dry_run.verdict in verdicts]

    @cached_property
    def handled(self) -> list[TailCase]:
        return self.with_verdict("stable_pass")

    @cached_property
    def judged(self) -> list[TailCase]:
        return self.with_verdict("stable_pass", "flaky", "stable_fail")

    @cached_property
    def not_run(self) -> list[TailCase]:
        return [case for case in self.cases if case.dry_run and case.dry_run.verdict is None]

    @cached_property
    def untried(self) -> list[TailCase]:
        return [case for case in self.cases if case.dry_run is None]

    @property
    def share(self) -> float | None:
        """Handled / those with a verdict; None where none has one."""
        return len(self.handled) / len(self.judged) if self.judged else None

    @property
    def handled_of_judged(self) -> str | None:
        """``1/5``, for a table; None without a dry run."""
        return f"{len(self.handled)}/{len(self.judged)}" if self.targets else None

    @property
    def reasons(self) -> dict[str, list[TailCase]]:
        """The cases that were not run, by why."""
        found: dict[str, list[TailCase]] = {}
        for case in self.not_run:
            found.setdefault(case.dry_run.reason or "" if case.dry_run else "", []).append(case)
        return found


def render_scorecard(cases: Sequence[TailCase]) -> str:
    """Markdown that opens the pull request of a file with at least one case."""
    card = Scorecard(cases)
    if not card.targets:
        return (
            "## Scorecard\n\n"
            f"**{_count(len(cases))}. No dry run:** no target is configured, so how many "
            "of them the current `model_primary` already handles is not known."
        )
    parts = ["## Scorecard", _headline(card), _table(card) if card.judged else "", *_remarks(card)]
    return "\n\n".join(part for part in parts if part)


def verdict_cell(case: TailCase) -> str:
    """One cell of a table: the verdict with the median score and what else decided, or ``not run``."""
    found = case.dry_run
    if found is None or found.verdict is None or found.score is None:
        return "not run"
    decided = f", {inline(found.reason, 80)}" if found.reason else ""
    return f"{found.verdict.replace('_', ' ')} ({found.score:.2f}{decided})"


def _headline(card: Scorecard) -> str:
    target = " and ".join(f"`{name.replace('`', '')}`" for name in card.targets)
    if card.share is None:
        return f"**⚠ Not run: none of the {_count(len(card.cases))} could be tried on {target}.**"
    number = f"{len(card.handled)} of {_count(len(card.judged))} ({card.share:.0%})"
    return f"**{target} as it is now already handles {number}.** {_health(card.share)}"


def _health(share: float) -> str:
    low, high = HEALTHY_SHARE
    healthy = f"{low * 100:.0f}–{high:.0%} is healthy"
    if share == 0:
        return (
            f"⚠ {healthy}; 0% is suspicious. Check that the target is the agent in production (model, system prompt, "
            "address), that it is given what production retrieves, and that the rubric and the expected outputs can be met at all."
        )
    if share == 1:
        return (
            f"⚠ {healthy}; 100% is suspicious. Check that the target is not ahead of what answered in the traces, that the cases "
            "hold the context in which they failed, and that the rubric judges here what it judged there."
        )
    if low <= share <= high:
        return f"{healthy}."
    if share < low:
        return f"{healthy}; this is below."
    return f"{healthy}; this is above: part of this tail may have been fixed since, or failed by chance."


def _table(card: Scorecard) -> str:
    flaky, failing = card.with_verdict("flaky"), card.with_verdict("stable_fail")
    return (
        f"| handled: passes {RUNS} of {RUNS} runs | flaky | fails {RUNS} of {RUNS} | not run |\n|---|---|---|---|\n"
        f"| {len(card.handled)} | {len(flaky)} | {len(failing)} | {len(card.not_run) + len(card.untried)} |"
    )


def _remarks(card: Scorecard) -> Iterable[str]:
    if card.judged and len(card.judged) < MIN_CASES:
        yield f"With {_count(len(card.judged))}, one of them is {1 / len(card.judged):.0%}: read the share with that in mind."
    costly = [case for case in card.with_verdict("stable_fail", "flaky") if case.cost_weight > 1]
    if costly:
        heaviest = max(case.cost_weight for case in costly)
        not_handled = f"**{_count(len(costly), 'costly')} not handled** (weight up to {heaviest} a span)"
        yield f"⚠ {not_handled}: {named_ids(costly)}. Review first."
    if flaky := card.with_verdict("flaky"):
        yield f"Flaky, with some runs that pass, and not counted as handled: {named_ids(flaky)}."
    reasons = card.reasons
    for reason, cases in list(reasons.items())[:_MAX_REASONS]:
        yield f"⚠ **Not run: {_count(len(cases))}** ({named_ids(cases)}): {inline(reason, 300)}"
    if (more := len(reasons) - _MAX_REASONS) > 0:
        yield f"⚠ {more} more reasons why cases were not run are in the file."
    if card.untried:
        yield f"Mined without a target, and not run: {named_ids(card.untried)}."


def named_ids(cases: Sequence[TailCase]) -> str:
    """The first ids, and how many more there are."""
    shown = ", ".join(f"`{case.id}`" for case in cases[:_MAX_IDS])
    return f"{shown} and {len(cases) - _MAX_IDS} more" if len(cases) > _MAX_IDS else shown


def _count(number: int, kind: str = "mined") -> str:
    return f"{number} {kind} {'case' if number == 1 else 'cases'}"
