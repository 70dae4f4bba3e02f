"""Everything a world left behind, each piece with who may read it; what nobody has classified is an error."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg
import polars as pl
import sqlalchemy

from tail_pipeline.adapters.eval_files import cases_paths
from tail_pipeline.adapters.state_dir import STATE_DIR, WHOLE_AGENT
from tail_pipeline.defs.partitions import asset_prefix
from tail_pipeline.domain.promotion import promotion_branch
from tail_pipeline.domain.pull_request import BRANCH_PREFIX, branch_of
from tail_pipeline_tests.isolation.canaries import Owner
from tail_pipeline_tests.isolation.deployment import Deployment
from tail_pipeline_tests.isolation.git_objects import Tip, read_objects
from tail_pipeline_tests.isolation.running import Played

NOBODY: frozenset[Owner] = frozenset()
_RUN_COLUMNS = ("run_id", "last_run_id", "materialization_run_id")
_ISSUE_KEY = re.compile(r"<!-- tail-pipeline: (\S+) -->")


@dataclass(frozen=True)
class Artefact:
    """One piece of what is left.

    ``readers`` may see it, None means one of them, whoever: its texts must have one owner in common. ``operational``:
    for people who run the pipeline, so that it may name tenants nobody declared and how the traces spell the others.
    """

    where: str
    content: str | bytes
    readers: frozenset[Owner] | None
    operational: bool = False


class UnknownArtefact(Exception):
    """Something new is written that nobody has said who may read."""


@dataclass
class Ownership:
    """Who owns a path, a branch, an issue or a run of one deployment."""

    deployment: Deployment

    @cached_property
    def everybody(self) -> frozenset[Owner]:
        return frozenset(Owner(agent.name, name) for agent in self.deployment.config.agents for name in agent.tails)

    def of_branch(self, branch: str) -> frozenset[Owner]:
        """Of a branch under review, a follow-up of one, or the branch of a promotion; ``main`` is nobody's."""
        if branch == "main":
            return NOBODY
        if branch in self._branches:
            return self._branches[branch]
        raise UnknownArtefact(f"branch {branch}")

    def of_path(self, path: str) -> tuple[frozenset[Owner], bool]:
        """Readers of a file of the repository, and whether it is configuration, which spells tenants."""
        if path == "eval/agents.yaml":
            return NOBODY, True
        if path in self._files:
            return self._files[path], False
        raise UnknownArtefact(f"file {path} of the repository")

    def of_issue(self, key: str) -> frozenset[Owner]:
        """An escalation is its segment's; alarms speak of all segments of a day, or of a run that failed."""
        return self._escalations.get(key, NOBODY)

    def of_run(self, job: str, partition: str | None) -> frozenset[Owner]:
        if partition is None:
            return NOBODY
        segment = partition.partition("|")[2] or None
        return frozenset(
            Owner(agent.name, segment)
            for agent in self.deployment.config.agents
            if segment in agent.tails and job.endswith(f"_{asset_prefix(agent)}")
        )

    def asked_for(self, reader: Owner | None) -> frozenset[Owner] | None:
        """Whose texts a run may send to a model: what tenants share is found and worded by comparing all of theirs."""
        if reader is None or reader in self.deployment.world.owners:
            return frozenset({reader}) if reader else None
        return frozenset(one for one in self.everybody if one.agent == reader.agent)

    def runs_in(self, instance: dg.DagsterInstance) -> dict[str, frozenset[Owner]]:
        """Whose each run of a history is."""
        tag = "dagster/partition"
        return {run.run_id: self.of_run(run.job_name, run.tags.get(tag)) for run in instance.get_runs()}

    @cached_property
    def _weeks(self) -> list[tuple[Owner, str]]:
        """Every tail file there can be, with its owner."""
        first, last = self.deployment.world.days[0].iso_week, self.deployment.world.days[-1].iso_week
        weeks = [first.shifted(-1), *(first.shifted(n) for n in range(4))]
        assert last in weeks
        return [
            (Owner(agent.name, segment), agent.tail_path(segment, week))
            for agent in self.deployment.config.agents
            for segment in agent.tails
            for week in weeks
        ]

    @cached_property
    def _branches(self) -> dict[str, frozenset[Owner]]:
        found = {}
        for owner, path in self._weeks:
            readers = frozenset({owner})
            found |= {branch_of(path, number): readers for number in (1, 2, 3)} | {promotion_branch(path): readers}
        return found

    @cached_property
    def _files(self) -> dict[str, frozenset[Owner]]:
        found = {path: frozenset({owner}) for owner, path in self._weeks}
        found[".gitignore"] = NOBODY
        for agent in self.deployment.config.agents:
            for segment in agent.segment_names:
                found[agent.rubric_path(segment)] = NOBODY
                # What people wrote for all tenants before there was a tail, unless what tenants share goes there.
                found[cases_paths(agent, segment)[0]] = NOBODY
            found |= {cases_paths(agent, name)[-1]: frozenset({Owner(agent.name, name)}) for name in agent.tails}
        return found

    @cached_property
    def _escalations(self) -> dict[str, frozenset[Owner]]:
        found = {}
        for owner, path in self._weeks:
            parts = (owner.agent, owner.segment, Path(path).stem)
            found[".".join(part for part in parts if part)] = frozenset({owner})
        return found


def artefacts_of(deployment: Deployment, played: Played) -> Iterator[Artefact]:
    """All that is left of a world; raises UnknownArtefact for what is of no known kind."""
    owners = Ownership(deployment)
    for said in played.said:
        yield Artefact(said.where, said.text, said.readers, operational=True)
    for reader, asked in deployment.told.asked:
        yield Artefact("request to a stand-in", asked, owners.asked_for(reader))
    yield from _files(deployment, owners)
    if not deployment.world.history_in_files:
        yield from _history_in_memory(deployment, owners)
    git_dir = deployment.github.repository.git.path if deployment.github else deployment.checkout / ".git"
    yield from _git(git_dir, owners)
    if deployment.github:
        yield from _github(deployment, played, owners)


def _files(deployment: Deployment, owners: Ownership) -> Iterator[Artefact]:
    """The work tree and everything under ``.tail``; the traces are what was put in."""
    for path in sorted(deployment.checkout.rglob("*")):
        own = path.relative_to(deployment.checkout)
        if not path.is_file() or own.parts[0] in (".git", "traces"):
            continue
        if own.parts[0] != STATE_DIR:
            readers, spells = owners.of_path(own.as_posix())
            yield Artefact(own.as_posix(), path.read_bytes(), readers, operational=spells)
        elif own.parts[1] == "dagster":
            yield from _history(path, own.as_posix(), own.parts[2:], deployment, owners)
        else:
            yield from _state(path, own.as_posix(), own.parts[1:], owners)


def _state(path: Path, shown: str, parts: tuple[str, ...], owners: Ownership) -> Iterator[Artefact]:
    """A file under ``.tail``, decoded and as it is."""
    readers = _of_state(path, shown, parts, owners)
    yield Artefact(shown, path.read_bytes(), readers, operational=parts[0] == "alarms")
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path).to_dict(as_series=False)
        yield Artefact(f"{shown} decoded", json.dumps(rows, default=str), readers)
    elif path.suffix == ".sqlite":
        for table, row in _rows(path):
            yield Artefact(f"{shown} table {table}", " ".join(map(str, row.values())), readers)


def _of_state(path: Path, shown: str, parts: tuple[str, ...], owners: Ownership) -> frozenset[Owner] | None:
    if path.suffix == ".lock" or parts in ((".gitignore",), ("otel_files.sqlite",), ("otel_files.sqlite-wal",)):
        return NOBODY
    if parts[:2] == ("pull_requests", "numbers"):
        return NOBODY
    match parts[0]:
        case "frames":
            return _of_frame(parts, owners)
        case "state":
            _, agent, segment, _ = parts
            return frozenset({Owner(agent, None if segment == WHOLE_AGENT else segment)})
        case "pull_requests":
            return owners.of_branch(BRANCH_PREFIX + "/".join(parts[1:]).removesuffix(".md"))
        case "escalations":
            return owners.of_issue(parts[1].removesuffix(".md"))
        case "alarms":
            return NOBODY
        case "github":
            # Kept by the hash of a blob or a commit: whoever knows the hash has the content already.
            return None
    raise UnknownArtefact(f"file {shown}")


def _of_frame(parts: tuple[str, ...], owners: Ownership) -> frozenset[Owner]:
    """``frames/<agent>/<asset>/<day>[/<segment>].<ending>``."""
    _, prefix, _asset, *cell = parts
    cell[-1] = cell[-1].rpartition(".")[0]
    segment = cell[1] if len(cell) > 1 else None
    agents = owners.deployment.config.agents
    found = frozenset(
        Owner(one.name, segment) for one in agents if asset_prefix(one) == prefix and segment in one.tails
    )
    if len(found) != 1:
        raise UnknownArtefact(f"frame {'/'.join(parts)}")
    return found


def _history(
    path: Path, shown: str, parts: tuple[str, ...], deployment: Deployment, owners: Ownership
) -> Iterator[Artefact]:
    """A file of Dagster's run history: rows and compute logs are their run's, a database as a whole is everybody's."""
    runs = owners.runs_in(deployment.history_in_files)
    if path.suffix == ".db":
        own = runs.get(path.stem)
        yield Artefact(shown, path.read_bytes(), owners.everybody if own is None else own, operational=True)
        for table, row in _rows(path):
            yield _row_of_history(shown, table, row, runs)
    elif parts[0] == "storage":
        yield Artefact(shown, path.read_bytes(), runs.get(parts[1], NOBODY), operational=True)
    elif path.suffix in (".db-wal", ".db-shm", ".db-journal"):
        yield Artefact(shown, path.read_bytes(), owners.everybody, operational=True)
    elif parts[-1] in ("dagster.yaml", ".lock") or parts[0] == ".telemetry":
        yield Artefact(shown, path.read_bytes(), NOBODY)
    else:
        raise UnknownArtefact(f"file {shown}")


def _history_in_memory(deployment: Deployment, owners: Ownership) -> Iterator[Artefact]:
    """The same tables where Dagster keeps them in memory."""
    runs = owners.runs_in(deployment.instance)
    instance = deployment.instance
    with instance.event_log_storage.index_connection() as events, instance.run_storage.connect() as others:
        for connection in (events, others):
            for table in sqlalchemy.inspect(connection).get_table_names():
                for row in connection.execute(sqlalchemy.text(f'SELECT * FROM "{table}"')).mappings():
                    yield _row_of_history("history", table, dict(row), runs)


def _row_of_history(where: str, table: str, row: dict[str, object], runs: dict[str, frozenset[Owner]]) -> Artefact:
    """A row is its run's; that of an asset holds what its newest materialization said, whichever cell that was of."""
    run = next((row[name] for name in _RUN_COLUMNS if row.get(name)), None)
    content = " ".join(str(value) for value in row.values() if isinstance(value, str | bytes))
    readers = None if table == "asset_keys" else runs.get(str(run), NOBODY)
    return Artefact(f"{where} table {table}", content, readers, operational=True)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Every row of every table of an SQLite file, by column."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda content: content.decode(errors="replace")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield table, dict(zip(names, row, strict=True))


def _git(git_dir: Path, owners: Ownership) -> Iterator[Artefact]:
    """Branches and other references, commit messages, and every blob under each path it ever had."""
    objects = read_objects(git_dir)
    for tip in objects.tips:
        yield Artefact(f"reference {tip.ref}", tip.ref, NOBODY)
        _of_ref(tip, owners)
    for sha, message in objects.messages.items():
        yield Artefact(f"message of commit {sha[:8]}", message, NOBODY)
    placed = set()
    for path, sha in objects.paths:
        readers, spells = owners.of_path(path)
        placed.add(sha)
        yield Artefact(f"{path} in git", objects.blobs[sha], readers, operational=spells)
    for sha in objects.blobs.keys() - placed:
        yield Artefact(f"unreachable blob {sha[:8]}", objects.blobs[sha], None)


def _of_ref(tip: Tip, owners: Ownership) -> None:
    """Raises UnknownArtefact for a reference of no known kind."""
    ref = tip.ref
    for prefix in ("refs/heads/", "refs/published/"):
        if ref.startswith(prefix):
            branch = ref.removeprefix(prefix)
            owners.of_branch(branch if prefix == "refs/heads/" else branch.rpartition("/")[0])
            return
    if not ref.startswith("refs/pull/"):
        raise UnknownArtefact(f"reference {ref}")


def _github(deployment: Deployment, played: Played, owners: Ownership) -> Iterator[Artefact]:
    """Pull requests and issues as GitHub shows them, and what the pipeline sent while each run was under way."""
    assert deployment.github is not None
    for issue in deployment.github.repository.issues:
        where = f"{'pull request' if issue.pull else 'issue'} {issue.number}"
        yield Artefact(f"title of {where}", issue.title, NOBODY)
        if issue.pull:
            readers = owners.of_branch(issue.pull.head)
        else:
            key = _ISSUE_KEY.search(issue.body or "")
            if key is None:
                raise UnknownArtefact(where)
            readers = owners.of_issue(key[1])
        texts = [issue.body or "", *(comment.body for comment in issue.comments)]
        labels = [f"{label.name} {label.description or ''}" for label in issue.labels]
        alarm = issue.pull is None and readers == NOBODY
        yield Artefact(f"body of {where}", "\n".join(texts), readers, operational=alarm)
        yield Artefact(f"labels of {where}", "\n".join(labels), NOBODY)
    for first, last, reader in played.exchanges:
        for exchange in deployment.github.exchanges[first:last]:
            sent = f"{exchange.path} {exchange.query} {json.dumps(exchange.body, default=str)}"
            readers = frozenset({reader}) if reader else None
            yield Artefact(f"request to GitHub: {exchange.method} {exchange.path}", sent, readers)
