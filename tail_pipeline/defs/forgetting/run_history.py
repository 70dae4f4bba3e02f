"""Dagster's history of a subject's partitions: runs with their events and captured output, and what shows the last of them.

``DagsterInstance.delete_run`` leaves three places: the results of asset checks, the copy of each asset's last
materialization with its previews, and, in SQLite, the pages that the rows were in. Those are reached through the
storage's own connection; the tables are the same in SQLite and PostgreSQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from tail_pipeline.defs.cells import UNFINISHED
from tail_pipeline.defs.deadline import DEADLINE_JOB
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.forgetting import Held, Subject

_SEGMENT_TAG = "dagster/partition/segment"
_TALKATIVE = [TickStatus.SKIPPED, TickStatus.FAILURE]
"""Ticks that say why: with an error, or a list of findings in files of tenants."""


@dataclass(frozen=True)
class RunHistory:
    """The history of one Dagster instance."""

    instance: dg.DagsterInstance

    def held(self, subject: Subject) -> list[Held]:
        runs = tuple(run.run_id for run in self._runs(subject))
        events = self._count(SqlEventLogStorageTable, subject) + self._count(AssetCheckExecutionsTable, subject)
        deadlines = [run.run_id for run in self._failed_deadlines()]
        ticks = [str(one.instigator_name) for one in self.instance.all_instigator_state() if self._has_said(one)]
        found = [
            Held("runs in Dagster's history", runs),
            Held("events of assets and checks", (f"{events} rows",) if events else ()),
            Held("failed deadline checks, which quote failures", tuple(deadlines), cache=True),
            Held("skipped and failed ticks, which quote findings", tuple(sorted(ticks)), cache=True),
        ]
        return [one for one in found if one.names]

    def forget(self, subject: Subject) -> None:
        """Raises PermanentError while a run of the subject is under way."""
        runs = list(self._runs(subject))
        if under_way := [run.run_id for run in runs if run.status in UNFINISHED]:
            raise PermanentError(
                f"runs of {subject} are under way: {', '.join(under_way)}; let them end, or terminate them in Dagster"
            )
        for run in (*runs, *self._failed_deadlines()):
            self._delete(run.run_id)
        self._delete_rows(subject, [run.run_id for run in runs])
        now = datetime.now(UTC).timestamp() + 1
        for state in self.instance.all_instigator_state():
            self.instance.purge_ticks(state.instigator_origin_id, state.selector_id, now, tick_statuses=_TALKATIVE)
        for path in self._sqlite_files():
            _rewrite(path)

    def remains(self, subject: Subject) -> list[str]:
        names = ["backfills and schedules keep the names of partitions, no text"]
        if not self._sqlite_files():
            names.append(
                "rows that were deleted stay in the database's files until it is vacuumed (VACUUM FULL event_logs, "
                "asset_keys, asset_check_executions), and in its backups and archived logs"
            )
        return names

    def _runs(self, subject: Subject) -> Iterator[dg.DagsterRun]:
        tags = {_SEGMENT_TAG: subject.segment} if subject.segment else None
        for run in self.instance.get_runs(dg.RunsFilter(tags=tags)):
            if self._is_of(run, subject.dagster_name):
                yield run

    def _is_of(self, run: dg.DagsterRun, agent: str) -> bool:
        """A job of the agent's, or assets of its that somebody launched without one."""
        if not run.job_name.startswith("__"):
            return run.job_name.partition("_")[2] == agent
        planned = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        keys = run.asset_selection or [one.dagster_event.asset_key for one in planned if one.dagster_event]
        return any(key is not None and key.path[0] == agent for key in keys)

    def _failed_deadlines(self) -> list[dg.DagsterRun]:
        failed = dg.RunsFilter(job_name=DEADLINE_JOB, statuses=[dg.DagsterRunStatus.FAILURE])
        return list(self.instance.get_runs(failed))

    def _has_said(self, state: Any) -> bool:
        return bool(
            self.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1, statuses=_TALKATIVE)
        )

    def _delete(self, run_id: str) -> None:
        """The row of the run goes last: by it whoever repeats this finds the rest."""
        self.instance.compute_log_manager.delete_logs(prefix=[run_id])
        storage = self.instance.event_log_storage
        storage.delete_events(run_id)
        if isinstance(storage, SqliteEventLogStorage):
            shard = storage.path_for_shard(run_id)
            for path in (shard, f"{shard}-wal", f"{shard}-shm"):
                Path(path).unlink(missing_ok=True)
        self.instance.run_storage.delete_run(run_id)

    def _delete_rows(self, subject: Subject, run_ids: list[str]) -> None:
        storage = self.instance.event_log_storage
        if not isinstance(storage, SqlEventLogStorage):
            return
        keys = AssetKeyTable.c
        own = _of_agent(keys.asset_key, subject)
        with storage.index_connection() as connection:
            for table in (SqlEventLogStorageTable, AssetCheckExecutionsTable):
                connection.execute(table.delete().where(_of_subject(table, subject)))
            if subject.segment is None:
                connection.execute(AssetKeyTable.delete().where(own))
                return
            # Without its copy Dagster looks for the last materialization among the events that are left.
            connection.execute(
                AssetKeyTable.update().where(own).values(last_materialization=None, cached_status_data=None)
            )
            for run_id in run_ids:
                connection.execute(
                    AssetKeyTable.update().where(own, keys.last_run_id == run_id).values(last_run_id=None)
                )

    def _count(self, table: db.Table, subject: Subject) -> int:
        storage = self.instance.event_log_storage
        if not isinstance(storage, SqlEventLogStorage):
            return 0
        query = db.select(db.func.count()).select_from(table).where(_of_subject(table, subject))
        with storage.index_connection() as connection:
            return int(connection.execute(query).scalar_one())

    def _sqlite_files(self) -> list[Path]:
        """The database files of an instance on SQLite, but for those of single runs."""
        found = set()
        storages: list[Any] = [
            getattr(self.instance.event_log_storage, "index_connection", None),
            getattr(self.instance.run_storage, "connect", None),
            getattr(self.instance.schedule_storage, "connect", None),
        ]
        for connect in storages:
            if connect is None:
                continue
            with connect() as connection:
                url = connection.engine.url
            if url.get_backend_name() == "sqlite" and url.database:
                found.add(Path(url.database))
        return sorted(path for path in found if path.is_file())


def _of_subject(table: db.Table, subject: Subject) -> Any:
    own = _of_agent(table.c.asset_key, subject)
    if subject.segment is None:
        return own
    return db.and_(own, table.c.partition.endswith(f"|{subject.segment}", autoescape=True))


def _of_agent(column: Any, subject: Subject) -> Any:
    """Asset keys as the tables spell them, ``["support", "spans"]``."""
    return column.startswith(f'["{subject.dagster_name}", ', autoescape=True)


def _rewrite(path: Path) -> None:
    """Without the free pages that deleted rows leave, and without a log that still holds them."""
    try:
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            connection.execute("VACUUM").close()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    except sqlite3.OperationalError as error:
        raise TransientError(
            f"{path} cannot be rewritten without what was deleted ({error}); stop the daemon and the webserver, run again"
        ) from error
