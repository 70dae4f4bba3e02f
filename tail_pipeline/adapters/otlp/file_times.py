"""Which times a trace file covers, remembered once it has been read, so that the next run can pass it over unread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS file_times (
    path TEXT, size INTEGER, version TEXT, first INTEGER, last INTEGER, PRIMARY KEY (path, size, version)
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class TimeRange:
    """First and last start of a span, in microseconds since 1970; both None in a file without spans."""

    first: int | None
    last: int | None

    def overlaps(self, start: int, end: int) -> bool:
        """Whether a span started in ``[start, end)``, as far as the range tells."""
        return self.first is not None and self.last is not None and self.first < end and self.last >= start


class FileTimes:
    """A cache on disk, safe with several runs at once; losing or damaging it costs time only.

    ``version`` tells one content of a path from another: its modification time, or the tag of an object store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, path: str, size: int, version: str) -> TimeRange | None:
        query = "SELECT first, last FROM file_times WHERE path = ? AND size = ? AND version = ?"
        with suppress(sqlite3.DatabaseError), self._connected() as connection:
            row = connection.execute(query, (path, size, version)).fetchone()
            return TimeRange(*row) if row else None
        return None

    def put(self, path: str, size: int, version: str, times: TimeRange) -> None:
        with suppress(sqlite3.DatabaseError), self._connected() as connection:
            row = (path, size, version, times.first, times.last)
            connection.execute("INSERT OR REPLACE INTO file_times VALUES (?, ?, ?, ?, ?)", row)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=60)) as connection, connection:
            connection.execute(_TABLE)
            yield connection
