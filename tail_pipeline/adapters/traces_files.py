"""Trace store: files in the span schema, Parquet or JSON lines, plain or compressed.

Files are read in the order of their names and lines from top to bottom, so of a span written twice the later one is
later here too. A line that cannot be read is counted and named; the lines around it are kept.
"""

from __future__ import annotations

import glob
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import polars as pl

from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.spans import (
    CHECKED_COLUMNS,
    MAX_BATCH_ROWS,
    SPAN_SCHEMA,
    BadSpan,
    SegmentFilter,
    SpanBatch,
    checked,
    conformed,
    in_batches,
    in_window,
    is_negative_feedback,
)
from tail_pipeline.domain.weeks import Window

_COMPRESSION = {".gz": "gzip", ".zst": "zstd"}
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_PYTHON_TYPES: dict[type[pl.DataType], Any] = {
    pl.String: str,
    pl.List: list[str],
    pl.Datetime: Annotated[datetime, msgspec.Meta(tz=True)],
    pl.Float64: float,
    pl.Boolean: bool,
}


@dataclass(frozen=True)
class FileTraceStore:
    """``pattern`` is a glob relative to ``repo_dir``; ``columns`` maps span columns to foreign names."""

    repo_dir: Path
    pattern: str
    columns: dict[str, str]

    @property
    def name(self) -> str:
        return f"files {self.pattern}"

    def check(self) -> None:
        self._paths()

    def iter_spans(self, window: Window, segment: SegmentFilter) -> Iterator[SpanBatch]:
        return self._read((in_window("start_time", window) | pl.col("start_time").is_null()) & segment.expression())

    def iter_feedback(self, window: Window, segment: SegmentFilter) -> Iterator[pl.DataFrame]:
        given = in_window("feedback_time", window) & is_negative_feedback() & segment.expression()
        for batch in self._read(given):
            yield batch.frame.select("trace_id", "span_id")

    def fetch_units(self, trace_ids: Sequence[str], segment: SegmentFilter, since: datetime) -> Iterator[SpanBatch]:
        wanted = pl.coalesce("trace_id", "span_id").is_in(list(trace_ids)) & (pl.col("start_time") >= since)
        return self._read(wanted & segment.expression())

    def count_by_segment(self, window: Window, agent: str, column: str) -> dict[str | None, int]:
        counts: dict[str | None, int] = {}
        wanted = in_window("start_time", window) & SegmentFilter(agent).expression()
        for batch in self._read(wanted, {*CHECKED_COLUMNS, column}):
            for value, count in batch.frame.group_by(column).len().iter_rows():
                counts[value] = counts.get(value, 0) + count
        return counts

    def _paths(self) -> list[Path]:
        found = sorted(self.repo_dir / path for path in glob.glob(self.pattern, root_dir=self.repo_dir, recursive=True))  # noqa: PTH207 patterns may be absolute
        files = [path for path in found if path.is_file()]
        if not files:
            raise TransientError(
                f"trace store {self.name}: no file matches in {self.repo_dir}; check traces.path and the export"
            )
        return files

    def _read(self, keep: pl.Expr, needed: Collection[str] = SPAN_SCHEMA) -> Iterator[SpanBatch]:
        """The rows to keep; columns that are not ``needed`` may be null."""
        for path in self._paths():
            rows = self._parquet(path, keep) if path.suffix == ".parquet" else self._json_lines(path, keep, needed)
            for batch in rows:
                if batch.frame.height or batch.bad or batch.passed_over:
                    yield batch

    def _parquet(self, path: Path, keep: pl.Expr) -> Iterator[SpanBatch]:
        shown = self._shown(path)
        try:
            scan = pl.scan_parquet(path)
            present = set(scan.collect_schema().names())
            known = {name: self.columns.get(name, name) for name in SPAN_SCHEMA}
            frame = scan.select(pl.col(column).alias(name) for name, column in known.items() if column in present)
            numbered = frame.with_row_index("_row")
            for slice_ in numbered.collect_batches(chunk_size=MAX_BATCH_ROWS, maintain_order=True):
                good = conformed(slice_, shown).with_columns(slice_["_row"]).filter(keep)
                yield SpanBatch(good.clear().drop("_row"), passed_over=slice_.height - good.height)
                for part in in_batches(good):
                    places = pl.select(pl.format("{} row {}", pl.lit(shown), part["_row"])).to_series()
                    yield checked(part.drop("_row"), places)
        except pl.exceptions.PolarsError as error:
            raise PermanentError(f"{shown}: not a readable Parquet file: {error}") from error

    def _json_lines(self, path: Path, keep: pl.Expr, needed: Collection[str]) -> Iterator[SpanBatch]:
        shown = self._shown(path)
        lines = _Lines(shown, keep, self._fields(keep.meta.root_names()), self._fields(needed))
        number = 0
        try:
            with _opened(path) as file:
                for number, line in enumerate(file, start=1):
                    if not line.isspace():
                        lines.add(number, line)
                    if len(lines) == MAX_BATCH_ROWS:
                        yield lines.batch()
        except OSError as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise TransientError(f"trace store {self.name}: cannot open {shown}: {error.strerror}") from error
            lines.bad.append(BadSpan(f"{shown}:{number + 1}", f"the file is cut or corrupt from here on: {error}"))
        yield lines.batch()

    def _fields(self, names: Collection[str]) -> dict[str, str]:
        """Span columns and what the file calls them."""
        return {name: self.columns.get(name, name) for name in SPAN_SCHEMA if name in names}

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.repo_dir).as_posix() if path.is_relative_to(self.repo_dir) else str(path)


class _Lines:
    """Lines of a file until there are enough for a batch.

    Of each only the fields that decide whether it is kept are read, and all that is needed of those that are: a file
    that holds two hundred tenants is read by the runs of all of them.
    """

    def __init__(self, shown: str, keep: pl.Expr, deciding: dict[str, str], needed: dict[str, str]) -> None:
        self._shown, self._keep = shown, keep
        self._deciding, self._needed = deciding, needed
        self._decide = msgspec.json.Decoder(_row_type(deciding))
        self._decode = msgspec.json.Decoder(_row_type(needed))
        self._read: list[tuple[int, bytes]] = []
        self._decided: list[tuple[Any, ...]] = []
        self.bad: list[BadSpan] = []

    def __len__(self) -> int:
        return len(self._read)

    def add(self, number: int, line: bytes) -> None:
        try:
            self._decided.append(_values(self._decide.decode(line), self._deciding))
            self._read.append((number, line))
        except _UNREADABLE as error:
            self._refuse(number, error)

    def batch(self) -> SpanBatch:
        """What there is so far, which is forgotten."""
        schema = {name: SPAN_SCHEMA[name] for name in self._deciding}
        kept = pl.DataFrame(self._decided, schema=schema, orient="row").select(self._keep.alias("kept"))["kept"]
        rows, numbers = [], []
        for place in kept.arg_true():
            number, line = self._read[place]
            try:
                rows.append(_values(self._decode.decode(line), self._needed))
                numbers.append(number)
            except _UNREADABLE as error:
                self._refuse(number, error)
        frame = pl.DataFrame(rows, schema={name: SPAN_SCHEMA[name] for name in self._needed}, orient="row")
        places = pl.select(pl.format("{}:{}", pl.lit(self._shown), pl.Series(numbers, dtype=pl.Int64))).to_series()
        batch = checked(conformed(frame, self._shown), places)
        found = SpanBatch(batch.frame, [*self.bad, *batch.bad], passed_over=len(self._read) - len(kept.arg_true()))
        self._read, self._decided, self.bad = [], [], []
        return found

    def _refuse(self, number: int, error: Exception) -> None:
        self.bad.append(BadSpan(f"{self._shown}:{number}", _reason(error)))


def _row_type(fields: Mapping[str, str]) -> type[msgspec.Struct]:
    """A line under the file's own names, each read once; keys that no span column asks for are ignored."""
    kinds: dict[str, Any] = {}
    for name, foreign in fields.items():
        kinds.setdefault(foreign, msgspec.Raw if name == "metadata" else _PYTHON_TYPES[type(SPAN_SCHEMA[name])] | None)
    attributes = [
        (f"f{number}", kind, msgspec.Raw(b"null") if kind is msgspec.Raw else None)
        for number, kind in enumerate(kinds.values())
    ]
    return msgspec.defstruct("Row", attributes, rename={f"f{number}": name for number, name in enumerate(kinds)})


def _values(row: Any, fields: Mapping[str, str]) -> tuple[Any, ...]:
    """The line's values in the order of the span schema; metadata as JSON text, whatever it was."""
    own = dict(zip(dict.fromkeys(fields.values()), msgspec.structs.astuple(row), strict=True))
    return tuple(_json_text(own[foreign]) if name == "metadata" else own[foreign] for name, foreign in fields.items())


def _json_text(value: Any) -> str | None:
    """JSON as it stands in the file; a string is taken for JSON that was encoded twice."""
    if not isinstance(value, msgspec.Raw):
        return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
    text = bytes(value).decode()
    if text.startswith('"'):
        return msgspec.json.decode(text, type=str)
    return None if text == "null" else text


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        hint = "; write times like 2026-04-13T09:00:00Z" if "timezone" in str(error) else ""
        return str(error).replace("`$.", "`").replace(" - at ", " in ") + hint
    if isinstance(error, RecursionError):
        return "not valid JSON: nested too deeply"
    return f"not valid JSON in UTF-8: {error}"


def _opened(path: Path) -> IO[bytes]:
    """The decompressed bytes; reading raises OSError where a compressed file is cut or corrupt."""
    import pyarrow as pa

    return io.BufferedReader(pa.input_stream(str(path), compression=_COMPRESSION.get(path.suffix)))
