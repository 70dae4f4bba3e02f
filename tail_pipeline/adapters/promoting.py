"""Promotes what reviewers promoted: from the tail files on the base branch into the segment's set of cases.

Sensor, asset and command all come through here. Everything is read and checked before the first write, and a case
whose id is in the set already, or was taken out of it, is passed over: so it does not matter who comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tail_pipeline.adapters.cases_text import new_set, with_rows
from tail_pipeline.adapters.eval_files import cases_paths, parse_cases, parse_removed_cases, parse_tail_of
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.cases import CasesFile
from tail_pipeline.domain.errors import Finding, InvalidFile
from tail_pipeline.domain.ports import Promoted, PublishedPromotion, Repository
from tail_pipeline.domain.promotion import MergedTail, Promotion, compose_promotion, promoted_row
from tail_pipeline.domain.tail_file import TailCase
from tail_pipeline.domain.weeks import IsoWeek


@dataclass(frozen=True)
class CaseSet:
    """A cases file as it is on the base branch; ``text`` is None where there is none yet."""

    path: str
    text: str | None
    file: CasesFile


@dataclass(frozen=True)
class Promotable:
    """The base branch as promotion sees it: tail files, oldest first, and the set their promoted cases go to.

    ``settled`` are the ids that are in the set already or were taken out of it.
    """

    tails: list[MergedTail]
    own: CaseSet
    settled: frozenset[str]

    def pending(self) -> list[tuple[MergedTail, list[TailCase]]]:
        """The tail files with cases that have to go into the set, and these."""
        found = ((tail, tail.pending(self.settled)) for tail in self.tails)
        return [(tail, cases) for tail, cases in found if cases]


@dataclass(frozen=True)
class PromotedWeek:
    """What became of one merged tail file; ``published`` is None where no case of it was pending.

    ``cases_before`` and ``cases_after`` count the rows of the set's file on the base branch.
    """

    week: IsoWeek
    tail_path: str
    path: str
    ids: tuple[str, ...]
    undecided: tuple[str, ...]
    cases_before: int
    cases_after: int
    published: PublishedPromotion | None


def promote(
    repository: Repository, agent: Agent, segment: str | None, weeks: Collection[IsoWeek] | None = None
) -> list[PromotedWeek]:
    """Promote the pending cases of every merged tail file, or of those of ``weeks``: what became of each, oldest first.

    Raises InvalidFile with all findings, before anything is written, when a file that is read for it is broken.
    """
    found = read_promotable(repository, agent, segment, weeks)
    own = found.own
    promoted = []
    for tail in found.tails:
        pending = tail.pending(found.settled)
        published, before = None, len(own.file.cases)
        if pending:
            promotion, grown = _promotion(repository, agent, tail, pending, own)
            published = repository.promote(promotion)
            own = grown if _is_on_base(repository, promotion, published) else own
        promoted.append(
            PromotedWeek(
                week=tail.file.week,
                tail_path=tail.path,
                path=own.path,
                ids=tuple(case.id for case in pending),
                undecided=tail.undecided,
                cases_before=before,
                cases_after=len(own.file.cases),
                published=published,
            )
        )
    return promoted


def read_promotable(
    repository: Repository, agent: Agent, segment: str | None, weeks: Collection[IsoWeek] | None = None
) -> Promotable:
    """What there is to promote from; ``weeks`` leaves the tail files of all others unread.

    Raises InvalidFile with the findings of all files at once.
    """
    findings: list[Finding] = []
    tails = []
    for path, text in _merged_files(repository, agent, segment, weeks):
        try:
            tails.append(MergedTail(path, parse_tail_of(segment, text, path)))
        except InvalidFile as error:
            findings.extend(error.findings)
    sets = [_read_set(repository, path, findings) for path in cases_paths(agent, segment)]
    settled = {case.id for one in sets for case in one.file.cases}
    settled |= _read_removed(repository, agent.removed_cases_path(segment), findings)
    if findings:
        raise InvalidFile(findings)
    tails.sort(key=lambda tail: tail.file.week)
    # The segment's own set comes last: what is promoted goes there, so that no tenant's text meets another's.
    return Promotable(tails, sets[-1], frozenset(settled))


def _read_set(repository: Repository, path: str, findings: list[Finding]) -> CaseSet:
    text = repository.read(path)
    try:
        return CaseSet(path, text, CasesFile(cases=[]) if text is None else _parsed(text, path))
    except InvalidFile as error:
        findings.extend(error.findings)
        return CaseSet(path, text, CasesFile(cases=[]))


@lru_cache(maxsize=8)
def _parsed(text: str, path: str) -> CasesFile:
    """Tenants share a set, and thousands of cases take a second to read."""
    return parse_cases(text, path)


def _read_removed(repository: Repository, path: str, findings: list[Finding]) -> set[str]:
    """The ids that were taken out of the set; none where there is no such file."""
    text = repository.read(path)
    try:
        return set() if text is None else {one.id for one in parse_removed_cases(text, path).removed}
    except InvalidFile as error:
        findings.extend(error.findings)
        return set()


def _merged_files(
    repository: Repository, agent: Agent, segment: str | None, weeks: Collection[IsoWeek] | None
) -> list[tuple[str, str]]:
    """(path, text) of the tail files on the base branch."""
    if weeks is None:
        stored = repository.tail_files(agent.tail_dir_of(segment))
        return [(file.path, file.text) for file in stored if file.branch is None]
    paths = sorted({agent.tail_path(segment, week) for week in weeks})
    return [(path, text) for path in paths if (text := repository.read(path)) is not None]


def _promotion(
    repository: Repository, agent: Agent, tail: MergedTail, pending: Sequence[TailCase], own: CaseSet
) -> tuple[Promotion, CaseSet]:
    """What is asked of the repository, and the set as it is then."""
    pull_request = repository.merged_by(tail.path)
    rows = [promoted_row(case, tail, pull_request) for case in pending]
    if own.text is None:
        text = new_set(rows, path=own.path, schema_path=agent.cases_schema_path(own.path))
    else:
        text = with_rows(own.text, own.file, rows, path=own.path)
    promotion = compose_promotion(tail, pending, path=own.path, before=own.text, text=text, reviewers=agent.reviewers)
    return promotion, CaseSet(own.path, text, CasesFile(cases=[*own.file.cases, *rows]))


def _is_on_base(repository: Repository, promotion: Promotion, published: PublishedPromotion) -> bool:
    """Whether the next rows go below these ones; nothing was written also where a proposal stands as it was."""
    if published.outcome is Promoted.UNCHANGED:
        return repository.read(promotion.path) == promotion.text
    return published.outcome is Promoted.COMMITTED
