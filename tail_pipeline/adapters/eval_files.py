"""The files under ``eval/``: configuration, cases and tails, read whole and checked whole."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from tail_pipeline.adapters.yaml_reader import Document, parse, validated
from tail_pipeline.adapters.yaml_syntax import Source
from tail_pipeline.domain.agents import Agent, AgentsConfig, cross_check, cross_check_rubrics
from tail_pipeline.domain.cases import CasesFile, RemovedCasesFile
from tail_pipeline.domain.errors import Finding, InvalidFile, PermanentError
from tail_pipeline.domain.ports import Repository, StoredFile
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.tail_file import CASE_ID, OF_ONE_TENANT, SharedBy, TailCase, TailFile
from tail_pipeline.domain.targets import ModelTarget
from tail_pipeline.domain.weeks import IsoWeek, MiningDay

AGENTS_PATH = "eval/agents.yaml"
DEFAULT_RUBRIC_PATH = "eval/rubric.yaml"
SCHEMAS: dict[str, type[BaseModel]] = {
    "agents.schema.json": AgentsConfig,
    "rubric.schema.json": Rubric,
    "cases.schema.json": CasesFile,
    "cases_removed.schema.json": RemovedCasesFile,
    "tail.schema.json": TailFile,
}
"""Written beside the files, so that editors check them while people type."""

Record = TypeVar("Record", bound=BaseModel)


@dataclass(frozen=True)
class EvalFindings:
    """What is wrong, what nobody decided on yet, and what was mined under another rubric than the one there is now.

    ``rubric_shas`` holds the fingerprint of each rubric by its path, ``notes`` what somebody chose and everybody should know.
    """

    errors: list[Finding]
    undecided: list[Finding]
    outdated: list[Finding]
    rubric_shas: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PublishedFindings:
    """What is wrong in the repository's tail files, and which of those under review were mined under another rubric."""

    read: int
    errors: list[Finding]
    outdated: list[Finding]


def load_agents(repo_dir: Path) -> AgentsConfig:
    """``eval/agents.yaml`` of the checkout; raises InvalidFile with all findings at once."""
    return _agents(read_text(repo_dir / AGENTS_PATH, AGENTS_PATH))


@lru_cache(maxsize=4)
def _agents(text: str) -> AgentsConfig:
    """Kept by content: every step of a run asks for it, and with hundreds of segments it takes a while to check."""
    document = parse(text, AGENTS_PATH)
    config = validated(document, AgentsConfig)
    findings = [document.finding(path, message) for path, message in cross_check(config)]
    if findings:
        raise InvalidFile(findings)
    return config


def load_configuration(repo_dir: Path) -> AgentsConfig:
    """``agents.yaml`` and every rubric it leads to; raises InvalidFile with the findings of all of them at once.

    Runs take the rubric from the base branch; the one in the work tree is checked here so that a mistake shows while it is made.
    Where agents or segments have rubrics of their own, a broken one is their runs' to fail by, as long as another is sound.
    """
    findings: list[Finding] = []
    of_rubrics: list[Finding] = []
    config = None
    try:
        config = load_agents(repo_dir)
    except InvalidFile as error:
        findings.extend(error.findings)
    agents = config.agents if config else []
    paths = {agent.rubric_path(segment) for agent in agents for segment in agent.segment_names}
    rubrics: dict[str, Rubric] = {}
    sound = False
    for path in sorted(paths or {DEFAULT_RUBRIC_PATH}):
        try:
            text = read_text(repo_dir / path, path)
            rubrics[path] = parse_rubric(text, path)
        except InvalidFile as error:
            of_rubrics.extend(error.findings)
            continue
        unknown = [*_unknown_endpoints(text, path, rubrics[path], config)] if config else []
        of_rubrics.extend(unknown)
        sound = sound or not unknown
    if config:
        findings.extend(_target_findings(repo_dir, config, rubrics))
    if config is None or findings or not sound:
        raise InvalidFile([*findings, *of_rubrics])
    return config


def load_rubric(repository: Repository, path: str) -> Rubric:
    """The rubric on the base branch: what is not there does not count."""
    return parse_rubric(_on_base(repository, path), path)


def parse_rubric(text: str, path: str) -> Rubric:
    return validated(parse(text, path), Rubric)


def parse_cases(text: str, path: str) -> CasesFile:
    """Rows of ``cases.yaml``; also refuses an id that stands twice."""
    return _with_unique_ids(parse(text, path), CasesFile, _cases_findings)


def parse_removed_cases(text: str, path: str) -> RemovedCasesFile:
    """Rows of ``cases_removed.yaml``; also refuses an id that stands twice."""
    return _with_unique_ids(parse(text, path), RemovedCasesFile, lambda *_: [], rows_key="removed")


def parse_tail(text: str, path: str) -> TailFile:
    """A tail file; also checks its ids, its name, and that every rejection has a reason."""
    return _with_unique_ids(parse(text, path), TailFile, _tail_findings)


def parse_tail_of(segment: str | None, text: str, path: str) -> TailFile:
    """A tail file from the folder of this segment; also refuses one that says it is another's, as a copy does."""
    tail = parse_tail(text, path)
    if tail.segment != segment:
        raise InvalidFile([parse(text, path).finding(("segment",), _of_another(tail.segment, segment))])
    return tail


def parse_cases_of(segment: str | None, text: str, path: str) -> CasesFile:
    """A cases file of one segment, or the one that all of them share; also refuses rows that were mined for another.

    What was mined before there were segments, or for all of them, may stand anywhere.
    """
    file = parse_cases(text, path)
    strays = [
        (index, match[2])
        for index, case in enumerate(file.cases)
        if (match := CASE_ID.fullmatch(case.id)) and match[2] not in (None, segment)
    ]
    if strays:
        document = parse(text, path)
        raise InvalidFile(
            [document.finding(("cases", index, "id"), _of_another(other, segment)) for index, other in strays]
        )
    return file


def _of_another(other: str | None, segment: str | None) -> str:
    theirs = f"{other}'s" if other else "of no segment"
    ours = f"of {segment}" if segment else "of no segment"
    return f"is {theirs}, but this is a file {ours}; take it out here: no text of one segment belongs with another's"


def undecided(text: str, path: str) -> list[Finding]:
    """The cases of a tail file nobody decided on, and promoted ones without an expected output."""
    document = parse(text, path)
    findings = []
    for index, case in enumerate(validated(document, TailFile).cases):
        if case.status == "proposed":
            findings.append(document.finding(("cases", index, "status"), "undecided; promote or reject it"))
        elif case.status == "promoted" and not (case.expected or "").strip():
            findings.append(document.finding(("cases", index, "expected"), "promoted without an expected output"))
    return findings


def check_published_tails(repository: Repository, agent: Agent, segments: Iterable[str | None]) -> PublishedFindings:
    """The tail files of these segments, wherever they are; under review is one on a branch nobody merged or deleted."""
    found = PublishedFindings(0, [], [])
    for segment in segments:
        rubric_path = agent.rubric_path(segment)
        rubric = load_rubric(repository, rubric_path)
        for file in repository.tail_files(agent.tail_dir_of(segment)):
            found = replace(found, read=found.read + 1)
            try:
                tail = parse_tail_of(segment, file.text, place(file))
            except InvalidFile as error:
                found.errors.extend(error.findings)
                continue
            if file.branch and not file.abandoned:
                found.outdated.extend(_outdated(file.text, place(file), tail, rubric, rubric_path))
    return found


def check_eval_files(repo_dir: Path) -> EvalFindings:
    """Every file under the agents' eval directories of the work tree."""
    try:
        config = load_agents(repo_dir)
    except InvalidFile as error:
        return EvalFindings(error.findings, [], [])
    found = EvalFindings([], [], [], notes=_choices(config))
    rubrics: dict[str, Rubric] = {}
    for path, expected in _expected_files(repo_dir, config).items():
        if not (repo_dir / path).exists():
            if expected.required:
                found.errors.append(Finding(path, 0, "the file is missing"))
            continue
        try:
            text = read_text(repo_dir / path, path)
            record = expected.read(text, path)
        except InvalidFile as error:
            found.errors.extend(error.findings)
            continue
        if isinstance(record, Rubric):
            rubrics[path] = record
            found.rubric_shas[path] = record.sha
            found.errors.extend(_unknown_endpoints(text, path, record, config))
        elif isinstance(record, TailFile):
            found.undecided.extend(undecided(text, path))
            rubric_path = f"{path.partition('/tail/')[0]}/rubric.yaml"
            if rubric := rubrics.get(rubric_path):
                found.outdated.extend(_outdated(text, path, record, rubric, rubric_path))
    found.errors.extend(_target_findings(repo_dir, config, rubrics))
    found.errors.sort(key=lambda finding: (finding.file, finding.line))
    return found


def _choices(config: AgentsConfig) -> list[str]:
    return [
        f"{AGENTS_PATH}: redaction is off for {agent.name}: private data in its traces is written as it was recorded"
        for agent in config.agents
        if not agent.redact.enabled
    ]


def write_schemas(eval_dir: Path) -> list[Path]:
    """Write the JSON schemas of every kind of file; returns what was written."""
    written = []
    for name, model in SCHEMAS.items():
        path = eval_dir / name
        path.write_text(f"{json.dumps(model.model_json_schema(), indent=2, sort_keys=True)}\n", encoding="utf-8")
        written.append(path)
    return written


def read_text(path: Path, shown: str) -> str:
    """A UTF-8 file of the work tree; raises InvalidFile when it is missing or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidFile([Finding(shown, 0, "the file is missing")]) from error
    except UnicodeDecodeError as error:
        source = Source(error.object.decode(errors="surrogateescape"), shown)
        raise InvalidFile([source.refused() or source.finding(0, str(error))]) from error
    except OSError as error:
        raise InvalidFile([Finding(shown, 0, f"cannot be read: {error.strerror}")]) from error


def _target_findings(repo_dir: Path, config: AgentsConfig, rubrics: Mapping[str, Rubric]) -> list[Finding]:
    """Targets that lead nowhere: to a model the rubric does not name, or to a prompt that is not there."""
    document = parse(read_text(repo_dir / AGENTS_PATH, AGENTS_PATH), AGENTS_PATH)
    findings = [document.finding(path, message) for path, message in cross_check_rubrics(config, rubrics)]
    for index, agent in enumerate(config.agents):
        if isinstance(agent.target, ModelTarget) and (prompt := agent.target.system_prompt):
            try:
                read_text(repo_dir / prompt, prompt)
            except InvalidFile as error:
                place = ("agents", index, "target", "system_prompt")
                findings.extend(document.finding(place, f"{prompt}: {one.message}") for one in error.findings)
    return findings


def _on_base(repository: Repository, path: str) -> str:
    text = repository.read(path)
    if text is None:
        raise PermanentError(f"{path} is not on the base branch of {repository.name}; commit it there first")
    return text


def eval_dirs(config: AgentsConfig) -> list[str]:
    """Every directory with cases and tails of some agent, sorted."""
    own = {agent.eval_dir_of(segment) for agent in config.agents for segment in agent.segment_names}
    return sorted(own | {agent.eval_dir for agent in config.agents})


def cases_paths(agent: Agent, segment: str | None) -> list[str]:
    """The set everybody shares, and the segment's own where segments share a directory."""
    return list(dict.fromkeys([agent.cases_path(segment), agent.own_cases_path(segment)]))


@dataclass(frozen=True)
class _Expected:
    """How a file is read and checked, and whether it must be there."""

    read: Callable[[str, str], object]
    required: bool = False


def _expected_files(repo_dir: Path, config: AgentsConfig) -> dict[str, _Expected]:
    """By path, rubrics first."""
    rubrics: dict[str, _Expected] = {}
    others: dict[str, _Expected] = {}
    owners: dict[str, str | None] = {}
    for agent in config.agents:
        owners[agent.tail_dir_of(None)] = None
        for segment in agent.segment_names:
            owners[agent.tail_dir_of(segment)] = segment
            rubrics[agent.rubric_path(segment)] = _Expected(parse_rubric, required=True)
            owner = segment if agent.cases_path(segment) == agent.own_cases_path(segment) else None
            others[agent.cases_path(segment)] = _Expected(partial(parse_cases_of, owner), required=True)
            others.setdefault(agent.own_cases_path(segment), _Expected(partial(parse_cases_of, segment)))
            others[agent.removed_cases_path(segment)] = _Expected(parse_removed_cases)
    for eval_dir in eval_dirs(config):
        for file in (repo_dir / eval_dir).glob("**/tail/**/*.yaml"):
            path = file.relative_to(repo_dir).as_posix()
            where = posixpath.dirname(path)
            others[path] = _Expected(partial(parse_tail_of, owners[where]) if where in owners else parse_tail)
    return rubrics | dict(sorted(others.items()))


def _unknown_endpoints(text: str, path: str, rubric: Rubric, config: AgentsConfig) -> Iterator[Finding]:
    """The judge is asked behind one of the endpoints of ``agents.yaml``."""
    if rubric.judge_model and rubric.judge_model.partition("/")[0] not in config.endpoint_names:
        yield parse(text, path).finding(("judge_model",), config.unknown_endpoint(rubric.judge_model))


def _outdated(text: str, path: str, tail: TailFile, rubric: Rubric, rubric_path: str) -> list[Finding]:
    """A file with undecided cases whose thresholds or criteria are no longer those of its rubric."""
    if all(case.status != "proposed" for case in tail.cases):
        return []
    made_with = (tail.rubric.sha, tail.rubric.rubric_min_score, tail.rubric.ragas_faithfulness)
    now = (rubric.sha, rubric.rubric_min_score, rubric.ragas_faithfulness)
    if made_with == now:
        return []
    message = (
        f"mined under rubric {made_with[0]} (score < {made_with[1]}, faithfulness < {made_with[2]}), but {rubric_path} "
        f"is now {now[0]} (score < {now[1]}, faithfulness < {now[2]}); mine the week again"
    )
    return [parse(text, path).finding(("rubric",), message)]


def _with_unique_ids(
    document: Document,
    model: type[Record],
    more: Callable[[Document, Record], Sequence[Finding]],
    *,
    rows_key: str = "cases",
) -> Record:
    findings: list[Finding] = []
    seen: dict[str, int] = {}
    rows = document.data.get(rows_key) if isinstance(document.data, dict) else None
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        case_id = row.get("id") if isinstance(row, dict) else None
        if isinstance(case_id, str):
            first = seen.setdefault(case_id, index)
            if first != index:
                message = f"stands twice, first in line {document.line_of((rows_key, first))}"
                findings.append(document.finding((rows_key, index, "id"), message))
    try:
        record = validated(document, model)
    except InvalidFile as error:
        raise InvalidFile([*error.findings, *findings]) from error
    findings.extend(more(document, record))
    if findings:
        raise InvalidFile(findings)
    return record


def _week_problem(text: str) -> str | None:
    """Why this is neither an ISO week nor a mining day."""
    try:
        if text.count("-") == 2:
            MiningDay.parse(text)
        else:
            IsoWeek.parse(text)
    except PermanentError as error:
        return str(error)
    return None


def _cases_findings(document: Document, file: CasesFile) -> list[Finding]:
    return [
        document.finding(("cases", index, "provenance", "week"), problem)
        for index, case in enumerate(file.cases)
        if case.provenance and (problem := _week_problem(case.provenance.week))
    ]


def _tail_findings(document: Document, file: TailFile) -> list[Finding]:
    findings = []
    if problem := _week_problem(file.iso_week):
        findings.append(document.finding(("iso_week",), problem))
    elif Path(document.file.partition(":")[2] or document.file).stem != file.iso_week:
        findings.append(document.finding(("iso_week",), f"is {file.iso_week}, but the file is named otherwise"))
    for index, case in enumerate(file.cases):
        match = CASE_ID.fullmatch(case.id)
        if not match or match[1] != file.iso_week.replace("-", "") or match[2] != file.segment:
            expected = f"tail-{file.iso_week.replace('-', '')}-{f'{file.segment}-' if file.segment else ''}NNN"
            findings.append(document.finding(("cases", index, "id"), f"must read {expected}; ids are never changed"))
        if case.run and (problem := _week_problem(case.run)):
            findings.append(document.finding(("cases", index, "run"), problem))
        if case.status == "rejected" and not (case.rejection_reason or "").strip():
            findings.append(document.finding(("cases", index, "rejection_reason"), "a rejected case needs a reason"))
        if case.status != "rejected" and case.rejection_reason is not None:
            message = f"given, but the status is {case.status}; set status: rejected or remove the reason"
            findings.append(document.finding(("cases", index, "rejection_reason"), message))
        findings += [
            document.finding(("cases", index, *at), message) for at, message in _shared_findings(case, file.tenants)
        ]
    if file.tenants and file.segment:
        findings.append(document.finding(("segment",), "a file of several tenants has no segment"))
    return findings


def _shared_findings(case: TailCase, shared: SharedBy | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """What sets the cases of a shared file apart from those of one segment, as (where in the case, message)."""
    if shared is None:
        if case.input is None:
            yield ("input",), "a case needs an input; only one of several tenants may wait for it"
        if case.cluster.tenants is not None:
            yield ("cluster", "tenants"), "stands in a shared file only, which says under tenants: whose it is"
        return
    if case.status == "promoted" and not (case.input or "").strip():
        yield ("input",), "promoted without an input; write one in words of your own that no tenant's user wrote"
    if case.cluster.tenants is None:
        yield ("cluster",), "says not how many tenants stand behind it"
    for name in OF_ONE_TENANT:
        if getattr(case.cluster, name) not in (None, []):
            yield ("cluster", name), "is one tenant's and has no place in a file that all of them read"


def place(file: StoredFile) -> str:
    return f"{file.branch}:{file.path}" if file.branch else file.path
