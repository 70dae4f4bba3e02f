"""Trace store: files in the span schema, Parquet or JSON lines, plain or compressed.

Files are read in the order of their names and lines from top to bottom, so of a span written twice the later one is
later here too. A line that cannot be read is counted and named; the lines around it are kept.
"""

from __future__ import annotations

import glob
import io
from collections.abc import Iterator, Mapping, Sequence
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

    def fetch_units(self, trace_ids: Sequence[str], segment: SegmentFilter, since: datetime) -> Iterator[SpanBatch]:
        wanted = pl.coalesce("trace_id", "span_id").is_in(list(trace_ids)) & (pl.col("start_time") >= since)
        return self._read(wanted & segment.expression())

    def count_by_segment(self, window: Window, agent: str, column: str) -> dict[str | None, int]:
        counts: dict[str | None, int] = {}
        for batch in self._read(in_window("start_time", window) & SegmentFilter(agent).expression()):
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

    def _read(self, keep: pl.Expr) -> Iterator[SpanBatch]:
        for path in self._paths():
            rows = self._parquet(path, keep) if path.suffix == ".parquet" else self._json_lines(path, keep)
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

    def _json_lines(self, path: Path, keep: pl.Expr) -> Iterator[SpanBatch]:
        shown = self._shown(path)
        fields = {name: self.columns.get(name, name) for name in SPAN_SCHEMA}
        decoder = msgspec.json.Decoder(_row_type(fields))
        rows: list[tuple[Any, ...]] = []
        lines: list[int] = []
        bad: list[BadSpan] = []
        number = 0
        try:
            with _opened(path) as file:
                for number, line in enumerate(file, start=1):
                    if line.isspace():
                        continue
                    try:
                        rows.append(_values(decoder.decode(line), fields))
                        lines.append(number)
                    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                        bad.append(BadSpan(f"{shown}:{number}", _reason(error)))
                    if len(rows) == MAX_BATCH_ROWS:
                        yield _batch(rows, lines, bad, shown, keep)
                        rows, lines, bad = [], [], []
        except OSError as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise TransientError(f"trace store {self.name}: cannot open {shown}: {error.strerror}") from error
            bad.append(BadSpan(f"{shown}:{number + 1}", f"the file is cut or corrupt from here on: {error}"))
        yield _batch(rows, lines, bad, shown, keep)

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.repo_dir).as_posix() if path.is_relative_to(self.repo_dir) else str(path)


def _batch(rows: list[tuple[Any, ...]], lines: list[int], bad: list[BadSpan], shown: str, keep: pl.Expr) -> SpanBatch:
    frame = pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row")
    frame = frame.with_columns(pl.Series("_line", lines, dtype=pl.Int64)).filter(keep)
    places = pl.select(pl.format("{}:{}", pl.lit(shown), frame["_line"])).to_series()
    batch = checked(frame.drop("_line"), places)
    return SpanBatch(batch.frame, [*bad, *batch.bad], passed_over=len(rows) - frame.height)


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
