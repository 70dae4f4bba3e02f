"""Trace store: files in the span schema, Parquet or JSON lines, plain or compressed.

Files are read in the order of their names and lines from top to bottom, so of a span written twice the later one is
later here too. A line that cannot be read is counted and named; the lines around it are kept.
"""

from __future__ import annotations

import glob
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import polars as pl

from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.spans import (
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

    def fetch_units(self, trace_ids: Sequence[str], segment: SegmentFilter) -> Iterator[SpanBatch]:
        wanted = pl.coalesce("trace_id", "span_id").is_in(list(trace_ids))
        return self._read(wanted & segment.expression())

    def count_by_segment(self, window: Window, agent: str, column: str) -> dict[str | None, int]:
        counts: dict[str | None, int] = {}
        for batch in self._read(in_window("start_time", window) & SegmentFilter(agent).expression()):
            for value, count in batch.frame.group_by(column).len().iter_rows():
                counts[value] = counts.get(value, 0) + count
        return counts

    def _paths(self) -> list[Path]:
        found = sorted(Path(path) for path in glob.glob(str(self.repo_dir / self.pattern), recursive=True))  # noqa: PTH207 patterns may be absolute
        files = [path for path in found if path.is_file()]
        if not files:
            raise TransientError(
                f"trace store {self.name}: no file matches in {self.repo_dir}; check traces.path and the export"
            )
        return files

    def _read(self, keep: pl.Expr) -> Iterator[SpanBatch]:
        for path in self._paths():
            rows = self._parquet(path, keep) if path.suffix == ".parquet" else self._json_lines(path, keep)
            for batch in rows:
                if batch.frame.height or batch.bad:
                    yield batch

    def _parquet(self, path: Path, keep: pl.Expr) -> Iterator[SpanBatch]:
        shown = self._shown(path)
        try:
            scan = pl.scan_parquet(path)
            present = set(scan.collect_schema().names())
            known = {self.columns.get(name, name): name for name in SPAN_SCHEMA}
            frame = scan.select(pl.col(column).alias(name) for column, name in known.items() if column in present)
            numbered = frame.with_row_index("_row")
            for slice_ in numbered.collect_batches(chunk_size=MAX_BATCH_ROWS, maintain_order=True):
                good = conformed(slice_, shown).with_columns(slice_["_row"]).filter(keep)
                for part in in_batches(good):
                    places = pl.select(pl.format("{} row {}", pl.lit(shown), part["_row"])).to_series()
                    yield checked(part.drop("_row"), places)
        except pl.exceptions.PolarsError as error:
            raise PermanentError(f"{shown}: not a readable Parquet file: {error}") from error

    def _json_lines(self, path: Path, keep: pl.Expr) -> Iterator[SpanBatch]:
        shown = self._shown(path)
        decoder = msgspec.json.Decoder(_row_type(self.columns))
        rows: list[Any] = []
        lines: list[int] = []
        bad: list[BadSpan] = []
        number = 0
        try:
            with _opened(path) as file:
                for number, line in enumerate(file, start=1):
                    if line.isspace():
                        continue
                    try:
                        rows.append(decoder.decode(line))
                        lines.append(number)
                    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                        bad.append(BadSpan(f"{shown}:{number}", _reason(error)))
                    if len(rows) == MAX_BATCH_ROWS:
                        yield _batch(rows, lines, bad, shown, keep)
                        rows, lines, bad = [], [], []
        except (EOFError, OSError, zlib.error, _zstd_error()) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise TransientError(f"trace store {self.name}: cannot open {shown}: {error.strerror}") from error
            bad.append(BadSpan(f"{shown}:{number + 1}", f"the file is cut or corrupt from here on: {error}"))
        yield _batch(rows, lines, bad, shown, keep)

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.repo_dir).as_posix() if path.is_relative_to(self.repo_dir) else str(path)


def _batch(rows: list[Any], lines: list[int], bad: list[BadSpan], shown: str, keep: pl.Expr) -> SpanBatch:
    columns = {name: [getattr(row, name) for row in rows] for name in SPAN_SCHEMA if name != "metadata"}
    columns["metadata"] = [_json_text(row.metadata) for row in rows]
    frame = (
        pl.DataFrame(columns, schema=SPAN_SCHEMA).with_columns(pl.Series("_line", lines, dtype=pl.Int64)).filter(keep)
    )
    places = pl.select(pl.format("{}:{}", pl.lit(shown), frame["_line"])).to_series()
    batch = checked(frame.drop("_line"), places)
    return SpanBatch(batch.frame, [*bad, *batch.bad])


def _row_type(columns: dict[str, str]) -> type[msgspec.Struct]:
    """A row of the span schema under the file's own column names; keys the schema does not know are ignored."""
    types = {name: _PYTHON_TYPES[type(dtype)] | None for name, dtype in SPAN_SCHEMA.items()}
    fields: list[tuple[str, Any, Any]] = [(name, kind, None) for name, kind in types.items() if name != "metadata"]
    fields.append(("metadata", msgspec.Raw, msgspec.Raw(b"null")))
    return msgspec.defstruct("Row", fields, rename=columns)


def _json_text(raw: msgspec.Raw) -> str | None:
    """Metadata is kept as JSON text, whether the file holds an object or already a string."""
    value = bytes(raw)
    if value == b"null":
        return None
    return msgspec.json.decode(value, type=str) if value.startswith(b'"') else value.decode()


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return str(error).replace("`$.", "`").replace(" - at ", " in ")
    return f"not valid JSON in UTF-8: {error}"


def _opened(path: Path) -> IO[bytes]:
    match _COMPRESSION.get(path.suffix):
        case "gzip":
            return io.BufferedReader(gzip.open(path, "rb"))
        case "zstd":
            import zstandard

            return io.BufferedReader(zstandard.open(path, "rb"))
    return path.open("rb")


def _zstd_error() -> type[Exception]:
    import zstandard

    return zstandard.ZstdError
