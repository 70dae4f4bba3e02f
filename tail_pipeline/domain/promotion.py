"""Promoted cases on their way from merged tail files into the set every new model has to pass."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tail_pipeline.domain.cases import Case, Provenance
from tail_pipeline.domain.markdown import inline
from tail_pipeline.domain.pull_request import BRANCH_PREFIX, LABELS, branch_of
from tail_pipeline.domain.shared_sections import ACROSS_TENANTS
from tail_pipeline.domain.tail_file import TailCase, TailFile
from tail_pipeline.domain.undecided import undecided_cases
from tail_pipeline.domain.weeks import Cadence, MiningDay, mining_days

PROMOTION_PREFIX = "tail-promote/"
"""Apart from the branches of tail files, so that no promotion is taken for a week under review."""

_MAX_LISTED = 200


@dataclass(frozen=True)
class Promotion:
    """What is asked of the repository: one cases file with rows appended.

    ``before`` is the text on the base branch that the rows were appended to, None where there is no file yet.
    ``branch`` is where they are proposed when the base branch takes no commits; ``title`` is the subject of the
    commit as well.
    """

    branch: str
    path: str
    before: str | None
    text: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]


@dataclass(frozen=True)
class MergedTail:
    """A tail file on the base branch."""

    path: str
    file: TailFile

    def pending(self, settled: Collection[str]) -> list[TailCase]:
        """The promoted cases that still have to go into the set: their ids are not ``settled``, in it or taken out of it."""
        return [case for case in self.file.cases if case.status == "promoted" and case.id not in settled]

    @property
    def undecided(self) -> tuple[str, ...]:
        """The ids of the cases that were merged before anybody decided on them."""
        return tuple(case.id for case in undecided_cases([self.file]))

    def promotion_day(self, cadence: Cadence) -> MiningDay | None:
        """The mining day whose partition a promotion belongs to: the last that is in the file.

        None when an agent of this cadence is not mined in that week.
        """
        days = mining_days(self.file.week, cadence)
        runs = {run.day for run in self.file.runs or []}
        mined = [day for day in days if day.key in runs]
        return mined[-1] if mined else next(iter(days), None)


def promoted_row(case: TailCase, tail: MergedTail, pull_request: str | None) -> Case:
    """The case as a row of the set, with the week (a daily agent's day), the file and the pull request it came from."""
    assert case.input is not None, "a file with a promoted case without an input is not read"
    return Case(
        id=case.id,
        input=case.input,
        context=case.context,
        expected=case.expected,
        labels=case.labels,
        source=case.source,
        cost_weight=case.cost_weight,
        provenance=Provenance(week=case.run or tail.file.iso_week, tail_file=tail.path, pull_request=pull_request),
    )


def compose_promotion(
    tail: MergedTail,
    cases: Sequence[TailCase],
    *,
    path: str,
    before: str | None,
    text: str,
    reviewers: Sequence[str],
) -> Promotion:
    """What is asked of the repository for the pending ``cases`` of one tail file; ``text`` is ``path`` with their rows."""
    file = tail.file
    part = ACROSS_TENANTS if file.tenants else file.segment
    who = f"{file.agent}{f' / {part}' if part else ''}"
    return Promotion(
        branch=promotion_branch(tail.path),
        path=path,
        before=before,
        text=text,
        title=f"Promote {_counted(cases)} of {file.iso_week}: {who}",
        body=_body(tail, cases, path),
        labels=LABELS,
        reviewers=tuple(reviewers),
    )


def promotion_branch(tail_path: str) -> str:
    """``eval/tail/acme/2026-W17.yaml`` → ``tail-promote/acme/2026-W17``."""
    return f"{PROMOTION_PREFIX}{branch_of(tail_path).removeprefix(BRANCH_PREFIX)}"


def _body(tail: MergedTail, cases: Sequence[TailCase], path: str) -> str:
    rows = [f"| `{case.id}` | {inline(case.title, 120)} | {case.cost_weight} |" for case in cases[:_MAX_LISTED]]
    more = f"\n\n{len(cases) - _MAX_LISTED} more are in the file." if len(cases) > _MAX_LISTED else ""
    table = "\n".join(["| id | title | cost weight |", "|---|---|---|", *rows])
    return (
        f"`{path}` gets {_counted(cases)} that {'was' if len(cases) == 1 else 'were'} promoted in `{tail.path}`. "
        f"From now on every new model has to pass {'it' if len(cases) == 1 else 'them'}.\n\n{table}{more}\n"
    )


def _counted(cases: Sequence[TailCase]) -> str:
    return f"{len(cases)} {'case' if len(cases) == 1 else 'cases'}"
