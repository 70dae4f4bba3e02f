"""What models were asked and answered, by fingerprint, in one SQLite file that all runs of a segment share."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

from tail_pipeline.adapters.state_dir import shown
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import StoredAnswer

ANSWERS = "answers.sqlite"
"""Its name in the state directory of a segment."""

_KEYS_PER_QUERY = 500
_TABLE = """\
CREATE TABLE IF NOT EXISTS answer (key BLOB PRIMARY KEY, value TEXT NOT NULL, calls INTEGER NOT NULL, paid_by TEXT NOT NULL)
WITHOUT ROWID"""

# Of several runs at once the first wins, so that all of them, and whoever mines again, go on with the same answer.
_PUT = """\
INSERT INTO answer VALUES (?, ?, ?, ?) ON CONFLICT (key) DO
UPDATE SET value = excluded.value, calls = excluded.calls, paid_by = excluded.paid_by WHERE value = ?"""


class SqliteAnswerStore:
    """An ``AnswerStore`` whose every answer survives the process that is killed right after ``put``.

    One connection under a lock: writes are short, and readers of other processes do not wait for them (WAL). Raises
    PermanentError where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._name = shown(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite waits for locks, but not while the file becomes one that readers and writers share.
        with self._usable(), FileLock(f"{path}.lock"):
            self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def get_many(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        """Those of the hexadecimal ``keys`` that have an answer."""
        found: dict[str, StoredAnswer] = {}
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            chunk = [bytes.fromhex(key) for key in keys[start : start + _KEYS_PER_QUERY]]
            query = f"SELECT key, value, calls, paid_by FROM answer WHERE key IN ({','.join('?' * len(chunk))})"
            with self._usable(), self._lock, closing(self._connection.execute(query, chunk)) as rows:
                found |= {key.hex(): StoredAnswer(json.loads(value), calls, payer) for key, value, calls, payer in rows}
        return found

    def put(self, key: str, answer: StoredAnswer, *, replaces: StoredAnswer | None = None) -> StoredAnswer:
        row = (bytes.fromhex(key), _text(answer.value), answer.calls, answer.paid_by)
        with self._usable(), self._lock:
            self._connection.execute(_PUT, (*row, _text(replaces.value) if replaces else None)).close()
        return self.get_many([key])[key]

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise PermanentError(
                f"the answers of models in {self._name} cannot be used ({error}); make room if the disk is full and see "
                "that the file may be written, else delete it: everything is then asked again"
            ) from error


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
