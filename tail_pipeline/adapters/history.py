"""What the repository remembers: earlier cases, the counts of earlier weeks, what reviewers decided."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from tail_pipeline.adapters.eval_files import cases_paths, parse_cases, parse_tail, parse_tail_of, place
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.cases import CasesFile
from tail_pipeline.domain.errors import Finding, InvalidFile, PermanentError
from tail_pipeline.domain.novelty import EarlierCase, EarlierStatus
from tail_pipeline.domain.paging import JudgedWeek, StoredTail
from tail_pipeline.domain.ports import Repository, StoredFile, TailBranch
from tail_pipeline.domain.tail_file import TailCase, TailFile
from tail_pipeline.domain.trend import Trend, WeekNumbers, judge_trend
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay


@dataclass(frozen=True)
class History:
    """What the repository remembers of one segment before a mining day; ``merged`` are the tail files reviewers are done with."""

    cases: list[EarlierCase]
    weeks: dict[IsoWeek, WeekNumbers]
    merged: list[TailFile]


def load_history(repository: Repository, agent: Agent, segment: str | None, before: MiningDay) -> History:
    """Earlier cases and weekly counts, from ``cases.yaml`` and from tail files of earlier weeks.

    Tail files count wherever they are, on the base branch or on an unmerged branch; cases that this very mining day
    or a later one brought in do not. Raises InvalidFile when anything cannot be read: a run that forgot its
    history would file everything again.
    """
    tails, versions, findings = _stored_tails(repository, agent, segment)
    cases: dict[str, EarlierCase] = {}
    for one in versions:
        cases |= {case.id: case for case in _earlier_cases(one.tail, before, abandoned=one.stored.abandoned)}
    for path in cases_paths(agent, segment):
        text = repository.read(path)
        if text is None:
            continue
        try:
            for case in _known_cases(parse_cases(text, path), before):
                # A promoted case keeps the members its tail file knows.
                mined = cases.get(case.id)
                cases[case.id] = replace(mined, status=EarlierStatus.KNOWN) if mined else case
        except InvalidFile as error:
            findings.extend(error.findings)
    if findings:
        raise InvalidFile(findings)
    weeks = {week: numbers_of(found.tail) for week, found in tails.items() if week < before.iso_week}
    merged = [one.tail for one in versions if one.stored.branch is None and one.tail.week < before.iso_week]
    return History(list(cases.values()), weeks, merged)


def parse_versions(branch: TailBranch, path: str) -> list[TailFile]:
    """The states a tail file had, oldest first; raises InvalidFile when the newest cannot be read.

    States in between that a reviewer left broken for a while are passed over.
    """
    if branch.versions and not branch.versions[-1].text:
        raise PermanentError(
            f"{path} was deleted on {branch.name}; restore it there, or delete the branch to close the week unmerged"
        )
    files = []
    for version in branch.versions[:-1]:
        try:
            files.append(parse_tail(version.text, path))
        except InvalidFile:
            continue
    files.extend(parse_tail(version.text, f"{branch.name}:{path}") for version in branch.versions[-1:])
    return files


def trend_of(file: TailFile, history: History, cadence: Cadence) -> Trend:
    """The trend that ends with this file."""
    return judge_trend(file.week, history.weeks | {file.week: numbers_of(file)}, cadence)


def load_week(repository: Repository, agent: Agent, segment: str | None, week: IsoWeek) -> JudgedWeek:
    """The tail file of a week, wherever it is, and the trend that ends with it."""
    return load_weeks(repository, agent, segment, [week])[week]


def load_weeks(
    repository: Repository, agent: Agent, segment: str | None, weeks: Sequence[IsoWeek]
) -> dict[IsoWeek, JudgedWeek]:
    """What ``load_week`` returns, for several weeks of one segment and at one reading of the repository.

    Raises InvalidFile when any tail file of the segment cannot be read.
    """
    tails, _, findings = _stored_tails(repository, agent, segment)
    if findings:
        raise InvalidFile(findings)
    numbers = {week: numbers_of(found.tail) for week, found in tails.items()}
    return {week: JudgedWeek(tails.get(week), judge_trend(week, numbers, agent.cadence)) for week in weeks}


def published_days(
    repository: Repository, agent: Agent, segment: str | None, days: Collection[MiningDay]
) -> set[MiningDay]:
    """Those of the days whose tail has a pull request, whatever became of it; no matter where they were mined.

    A daily agent's file lists its days; raises InvalidFile when it cannot be read.
    """
    paths = {agent.tail_path(segment, day.iso_week) for day in days}
    files = [
        file
        for file in repository.tail_files(agent.tail_dir_of(segment))
        if file.path in paths and _was_proposed(repository, file)
    ]
    if agent.cadence is Cadence.DAILY:
        found = {run.day for file in files for run in parse_tail(file.text, place(file)).runs or []}
        return {day for day in days if day.key in found}
    return {day for day in days if any(file.path == agent.tail_path(segment, day.iso_week) for file in files)}


def load_merged_tails(repository: Repository, agent: Agent, segment: str | None) -> list[TailFile]:
    """The segment's tail files on the base branch, oldest first: the only place where reviewers' decisions count.

    Raises InvalidFile when any tail file of the segment cannot be read.
    """
    _, versions, findings = _stored_tails(repository, agent, segment)
    if findings:
        raise InvalidFile(findings)
    return [one.tail for one in versions if one.stored.branch is None]


def _was_proposed(repository: Repository, file: StoredFile) -> bool:
    """A run that died after it had pushed the branch leaves it without a pull request."""
    return file.branch is None or file.abandoned or repository.links(file).pull_request is not None


def _stored_tails(
    repository: Repository, agent: Agent, segment: str | None
) -> tuple[dict[IsoWeek, StoredTail], list[StoredTail], list[Finding]]:
    """The file of each week, every version there is, and what cannot be read."""
    findings: list[Finding] = []
    tails: dict[IsoWeek, StoredTail] = {}
    versions: list[StoredTail] = []
    stored = repository.tail_files(agent.tail_dir_of(segment))
    for file in sorted(stored, key=lambda one: (one.path, one.branch is None, not one.abandoned)):
        try:
            found = StoredTail(parse_tail_of(segment, file.text, place(file)), file)
        except InvalidFile as error:
            findings.extend(error.findings)
            continue
        # The base branch comes last and decides; a daily agent's follow-up branch may know more days of the week.
        known = tails.get(found.tail.week)
        if file.abandoned and known is not None:
            continue
        if known is None or len(found.tail.runs or []) >= len(known.tail.runs or []):
            tails[found.tail.week] = found
        versions.append(found)
    return tails, versions, findings


def numbers_of(tail: TailFile) -> WeekNumbers:
    counts = tail.counts
    return WeekNumbers(
        week=tail.week,
        spans=counts.spans,
        failing=counts.failing,
        clusters=counts.clusters,
        new_clusters=counts.new_clusters,
        max_clusters=counts.max_clusters,
    )


def _earlier_cases(tail: TailFile, before: MiningDay, *, abandoned: bool) -> Iterator[EarlierCase]:
    status = {"promoted": EarlierStatus.KNOWN, "rejected": EarlierStatus.REJECTED, "proposed": EarlierStatus.UNDECIDED}
    for case in tail.cases:
        mined = MiningDay.parse(case.run) if case.run else MiningDay(tail.week.monday)
        if not (tail.week < before.iso_week or (case.run and mined < before)):
            continue
        yield EarlierCase(
            id=case.id,
            status=EarlierStatus.ABANDONED if abandoned else status[case.status],
            texts=_texts_of(case),
            words_only=case.cluster.tenants is not None,
            span_ids=frozenset(case.cluster.span_ids),
            weight=case.cluster.weight,
            cost_weight=case.cost_weight,
            rubric_sha=tail.rubric.sha,
            mined=mined,
            first_seen=case.cluster.first_seen,
        )


def _texts_of(case: TailCase) -> tuple[str, ...]:
    """What was asked; of a shared case the words that were common to it, of which an input shows a part at most."""
    if case.cluster.words or case.input is None:
        return (" ".join(case.cluster.words) or case.title,)
    return (case.input, *case.cluster.paraphrases)


def _known_cases(file: CasesFile, before: MiningDay) -> Iterator[EarlierCase]:
    for case in file.cases:
        week = IsoWeek.parse(case.provenance.week[:8]) if case.provenance else None
        if week is None or week < before.iso_week:
            yield EarlierCase(id=case.id, status=EarlierStatus.KNOWN, texts=(case.input,))
