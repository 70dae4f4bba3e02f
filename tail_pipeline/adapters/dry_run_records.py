"""What dry runs were answered and judged, in one SQLite file that all runs of a segment share."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from tail_pipeline.adapters.state_dir import shown
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.judgement import Judgement
from tail_pipeline.domain.ports import Attempt

_TABLES = (
    """CREATE TABLE IF NOT EXISTS output (
        scope TEXT, target TEXT, question TEXT, run INTEGER, output TEXT NOT NULL,
        PRIMARY KEY (scope, target, question, run)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS judgement (
        scope TEXT, target TEXT, question TEXT, run INTEGER, rubric TEXT, expected TEXT, judgement TEXT NOT NULL,
        PRIMARY KEY (scope, target, question, run, rubric, expected)) WITHOUT ROWID""",
)
_JUDGEMENT = TypeAdapter(Judgement)


class SqliteDryRunRecords:
    """``DryRunRecords`` of one ``scope``: nothing is seen of another agent's, segment's or week's.

    One connection under a lock: writes are short, and runs in other processes wait for them.
    """

    def __init__(self, path: Path, scope: str) -> None:
        self._name = shown(path)
        self._scope = scope
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # SQLite waits for locks, but not while the file becomes one that readers and writers share.
            with FileLock(f"{path}.lock"):
                self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
                self._connection.execute("PRAGMA journal_mode = WAL")
                for table in _TABLES:
                    self._connection.execute(table)
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._connection.close()

    def output(self, attempt: Attempt) -> str | None:
        return self._value(
            "SELECT output FROM output WHERE scope = ? AND target = ? AND question = ? AND run = ?", attempt
        )

    def keep_output(self, attempt: Attempt, output: str) -> str:
        """The first of several runs at once wins, so that all of them go on with the same output."""
        self._execute("INSERT OR IGNORE INTO output VALUES (?, ?, ?, ?, ?)", attempt, output)
        kept = self.output(attempt)
        return output if kept is None else kept

    def judgement(self, attempt: Attempt, rubric_sha: str, expected: str) -> Judgement | None:
        query = (
            "SELECT judgement FROM judgement "
            "WHERE scope = ? AND target = ? AND question = ? AND run = ? AND rubric = ? AND expected = ?"
        )
        text = self._value(query, attempt, rubric_sha, expected)
        try:
            return None if text is None else _JUDGEMENT.validate_json(text)
        except ValidationError:
            # Kept by another version: judged again.
            return None

    def keep_judgement(self, attempt: Attempt, rubric_sha: str, expected: str, judgement: Judgement) -> None:
        text = _JUDGEMENT.dump_json(judgement).decode()
        self._execute(
            "INSERT OR REPLACE INTO judgement VALUES (?, ?, ?, ?, ?, ?, ?)", attempt, rubric_sha, expected, text
        )

    def forget(self, target: str, questions: Sequence[str]) -> None:
        keys = [(self._scope, target, question) for question in questions]
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                for table in ("output", "judgement"):
                    self._connection.executemany(
                        f"DELETE FROM {table} WHERE scope = ? AND target = ? AND question = ?", keys
                    )
                self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _value(self, query: str, attempt: Attempt, *more: str) -> str | None:
        row = self._execute(query, attempt, *more)
        return None if row is None else str(row[0])

    def _execute(self, statement: str, attempt: Attempt, *more: str) -> Any:
        key = (self._scope, attempt.target, attempt.question, attempt.run)
        try:
            with self._lock:
                return self._connection.execute(statement, (*key, *more)).fetchone()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: sqlite3.DatabaseError) -> PermanentError:
        return PermanentError(
            f"the records of dry runs in {self._name} cannot be used ({error}); make room if the disk is full, else "
            "delete the file: every case is then run again"
        )
