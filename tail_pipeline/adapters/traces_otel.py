"""Trace store: OTLP files, as the Collector's file and S3 exporters land them, on disk or in an object store.

Files are passed over unread where their times are known not to matter. A file's modification time is late, never early:
rotation and upload come after the last span. So a file last written before the window holds nothing of it, and how far
back a later file reaches is remembered after it was read once.
"""

from __future__ import annotations

import glob
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from tail_pipeline.adapters.frame_spool import FrameSpool, batches_of
from tail_pipeline.adapters.otlp.dialects import wanted_keys
from tail_pipeline.adapters.otlp.file_times import FileTimes, TimeRange
from tail_pipeline.adapters.otlp.files import read_spans
from tail_pipeline.adapters.otlp.json_requests import OTHER_SIGNALS
from tail_pipeline.adapters.otlp.spans import OtlpSpan, Report
from tail_pipeline.adapters.otlp.units import NO_DIALECT, TraceAssembler, UnitRules
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.spans import (
    SPAN_SCHEMA,
    BadSpan,
    SegmentFilter,
    SetAside,
    SpanBatch,
    in_window,
    is_negative_feedback,
)
from tail_pipeline.domain.weeks import Window

TRACE_SLACK = timedelta(days=1)
"""How long after a unit's start other spans of its trace, and judgements made of it by evaluators, are looked for.

Before the window too: a model call after midnight of a turn from before it is not a unit of this window.
"""

CLOCK_SLACK = timedelta(days=1)
"""How far a span may lie after the file it is in was last written: clocks of different machines differ."""

MAX_BAD = 100_000
"""Unreadable places after which reading stops; something is wrong with all of it."""

_FIRST_PROGRESS = 50_000
_FIRST_YEAR = 2000
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class _File:
    path: str
    size: int
    version: str
    modified: int | None
    """Microseconds since 1970, None where the file system does not say."""


@dataclass
class _Read:
    """What was read for one window: its files, units on disk, what could not be used, judgements of unknown traces."""

    files: frozenset[_File]
    units: pl.LazyFrame
    directory: Path
    bad: list[BadSpan] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    homeless: dict[str, list[OtlpSpan]] = field(default_factory=dict)


class OtelTraceStore:
    """``pattern`` is a glob relative to ``repo_dir``, absolute, or a URL that fsspec opens; ``cache`` a file for the times.

    What one window needs is read once and kept on local disk for as long as the store lives; ``progress`` is told how far
    that is.
    """

    def __init__(
        self,
        repo_dir: Path,
        pattern: str,
        rules: UnitRules,
        cache: Path,
        progress: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._repo_dir = repo_dir
        self._pattern = pattern
        self._rules = rules
        self._wanted = wanted_keys(rules.attributes)
        self._times = FileTimes(cache)
        self._progress = progress
        self._window: Window | None = None
        self._last: _Read | None = None

    @property
    def name(self) -> str:
        return f"otel {re.sub(r'//[^/@]*@', '//', self._pattern)}"

    def check(self) -> None:
        self._files()

    def iter_spans(self, window: Window, segment: SegmentFilter) -> Iterator[SpanBatch]:
        read = self._read(window)
        yield SpanBatch(pl.DataFrame(schema=SPAN_SCHEMA), read.bad, set_aside=read.set_aside)
        yield from _units(read.units, in_window("start_time", window) & segment.expression())

    def iter_feedback(self, window: Window, segment: SegmentFilter) -> Iterator[pl.DataFrame]:
        read = self._read(window)
        given = in_window("feedback_time", window) & is_negative_feedback() & segment.expression()
        yield from batches_of(read.units.filter(given).select("trace_id", "span_id"))
        start, end = _micros(window.start), _micros(window.end)
        links = [
            (trace_id, one.links[0][1] if one.links else one.parent_id)
            for trace_id, spans in read.homeless.items()
            for one in spans
            if start <= one.start < end
        ]
        yield pl.DataFrame(links, schema={"trace_id": pl.String, "span_id": pl.String}, orient="row")

    def fetch_units(self, trace_ids: Sequence[str], segment: SegmentFilter, since: datetime) -> Iterator[SpanBatch]:
        wanted = set(trace_ids)
        recent = (pl.col("start_time") >= since) & segment.expression()
        if self._last:
            known = self._last.units.filter(pl.col("trace_id").is_in(list(wanted)))
            wanted -= set(known.select("trace_id").collect()["trace_id"])
            yield from _units(known, recent)
        if not wanted:
            return
        end = _micros(self._window.end) if self._window else None
        needed = [one for one in self._files() if self._may_hold(one, _micros(since), end)]
        older = [one for one in needed if self._last is None or one not in self._last.files]
        homeless = self._last.homeless if self._last else {}
        read = self._assembled(older, until=end, only=wanted, also=[homeless[one] for one in wanted if one in homeless])
        try:
            lost = sorted(wanted - set(read.units.select("trace_id").collect()["trace_id"]))
            lost_ones = (
                [SetAside("feedback on traces that no file holds", len(lost), f"trace {lost[0]}")] if lost else []
            )
            yield SpanBatch(pl.DataFrame(schema=SPAN_SCHEMA), read.bad, set_aside=lost_ones)
            yield from _units(read.units, recent)
        finally:
            shutil.rmtree(read.directory, ignore_errors=True)

    def count_by_segment(self, window: Window, agent: str, column: str) -> dict[str | None, int]:
        units = self._read(window).units.filter(in_window("start_time", window) & SegmentFilter(agent).expression())
        return dict(units.group_by(column).len().collect().iter_rows())

    def _read(self, window: Window) -> _Read:
        if self._last is None or self._window != window:
            start, end = _micros(window.start - TRACE_SLACK), _micros(window.end + TRACE_SLACK)
            files = [one for one in self._files() if self._may_hold(one, start, end)]
            read = self._assembled(files, until=_micros(window.end))
            weakref.finalize(self, shutil.rmtree, read.directory, ignore_errors=True)
            nothing = read.units.select(pl.len()).collect().item() == 0
            unknown = next((one for one in read.set_aside if one.reason == NO_DIALECT), None)
            if nothing and unknown:
                raise PermanentError(
                    f"trace store {self.name}: none of {unknown.count} traces has a span of OpenInference, GenAI or "
                    f"OpenLLMetry, for example {unknown.example}; name the attributes that hold input and output under "
                    "traces.attributes in eval/agents.yaml"
                )
            self._window, self._last = window, read
        return self._last

    def _assembled(
        self,
        files: Sequence[_File],
        *,
        until: int | None,
        only: Collection[str] | None = None,
        also: Iterable[list[OtlpSpan]] = (),
    ) -> _Read:
        """The units of these files; of a span met twice the version read last counts. ``only`` these traces, if given."""
        bad: list[BadSpan] = []
        others: list[SetAside] = []

        def report(one: BadSpan) -> None:
            if one.reason == OTHER_SIGNALS:
                known = others.pop() if others else SetAside(OTHER_SIGNALS, 0, one.place)
                others.append(replace(known, count=known.count + 1))
                return
            bad.append(one)
            if len(bad) > MAX_BAD:
                raise PermanentError(
                    f"trace store {self.name}: more than {MAX_BAD} places cannot be read; the first is {bad[0]}"
                )

        with closing(TraceAssembler(self._rules, report, until=until)) as assembler:
            for spans in self._spans_in(files, report):
                if only is None:
                    assembler.add(spans)
                    continue
                asked = [
                    one for one in spans if one.trace_id in only or (len(one.links) == 1 and one.links[0][0] in only)
                ]
                assembler.add(asked)
            for spans in also:
                assembler.add(spans)
            directory = Path(tempfile.mkdtemp(prefix="tail-pipeline-otel-"))
            spool = FrameSpool(directory / "units.parquet", SPAN_SCHEMA)

            def frames() -> Iterator[pl.DataFrame]:
                for batch in assembler.batches():
                    bad.extend(batch.bad)
                    yield batch.frame

            units = spool.write(frames())
        set_aside = [*assembler.set_aside.values(), *others]
        return _Read(frozenset(files), units, directory, bad, set_aside, assembler.homeless)

    def _spans_in(self, files: Sequence[_File], report: Report) -> Iterator[list[OtlpSpan]]:
        """The spans of these files, a request at a time; says how far that is."""
        read, next_line = 0, _FIRST_PROGRESS
        for number, file in enumerate(files, start=1):
            for spans in self._spans_of(file, report):
                read += len(spans)
                if read >= next_line:
                    self._progress(f"{read} spans so far, in file {number} of {len(files)}")
                    next_line = read * 2
                yield spans

    def _spans_of(self, file: _File, report: Report) -> Iterator[list[OtlpSpan]]:
        """The spans of one file; its times are remembered at the end."""
        shown = self._shown(file.path)
        latest = None if file.modified is None else file.modified + CLOCK_SLACK // _MICROSECOND
        first: int | None = None
        last: int | None = None
        try:
            with self._file_system()[0].open(file.path, "rb") as opened:
                for spans in read_spans(opened, file.size, shown, self._wanted, report):
                    good = spans
                    if latest is not None and any(one.start > latest for one in spans):
                        good = [one for one in spans if one.start <= latest]
                        for one in spans:
                            if one.start > latest:
                                report(_in_the_future(one))
                    for one in good:
                        start = one.start
                        if first is None or start < first:
                            first = start
                        if last is None or start > last:
                            last = start
                    yield good
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise TransientError(f"trace store {self.name}: cannot open {shown}: {reason}") from error
        self._times.put(file.path, file.size, file.version, TimeRange(first, last))

    def _may_hold(self, file: _File, start: int, end: int | None) -> bool:
        """Whether a span of the file may have started in ``[start, end)``."""
        if file.modified is not None and file.modified + CLOCK_SLACK // _MICROSECOND < start:
            return False
        known = self._times.get(file.path, file.size, file.version)
        return known is None or known.overlaps(start, end if end is not None else 2**62)

    def _files(self) -> list[_File]:
        """All files of the pattern, in the order of their paths."""
        try:
            file_system, pattern = self._file_system()
            found = file_system.glob(pattern, detail=True)
        except ImportError as error:
            raise PermanentError(f"trace store {self.name}: {error}") from error
        except Exception as error:  # noqa: BLE001 each file system raises errors of its own, with secrets in some
            raise TransientError(f"trace store {self.name} cannot be listed: {type(error).__name__}") from None
        # A link is listed with times of its own; those of the file it leads to count.
        told = {
            path: file_system.info(path) if info.get("islink") and file_system.exists(path) else info
            for path, info in found.items()
        }
        files = [_file(path, info) for path, info in sorted(told.items()) if info.get("type") == "file"]
        if not files:
            raise TransientError(
                f"trace store {self.name}: no file matches in {self._repo_dir}; check traces.path and the export"
            )
        return files

    def _file_system(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        is_url = "://" in self._pattern
        file_system, pattern = url_to_fs(
            self._pattern if is_url else str(Path(glob.escape(str(self._repo_dir))) / self._pattern)
        )
        return file_system, pattern

    def _shown(self, path: str) -> str:
        local = Path(path)
        return local.relative_to(self._repo_dir).as_posix() if local.is_relative_to(self._repo_dir) else path


def _units(units: pl.LazyFrame, keep: pl.Expr) -> Iterator[SpanBatch]:
    """The rows that are asked for; the others are counted as passed over."""
    for frame in batches_of(units):
        kept = frame.filter(keep)
        yield SpanBatch(kept, passed_over=frame.height - kept.height)


def _file(path: str, info: dict[str, Any]) -> _File:
    modified = next((info[key] for key in _MODIFIED if info.get(key) is not None), None)
    if isinstance(modified, str):
        modified = datetime.fromisoformat(modified)
    if isinstance(modified, int | float):
        modified = datetime.fromtimestamp(modified, UTC)
    # Some mounts and archives give every file a time of 1970 or 1980; that says nothing.
    micros = _micros(modified) if modified is not None and modified.year >= _FIRST_YEAR else None
    tag = info.get("ETag") or info.get("etag") or info.get("md5Hash") or ""
    return _File(path, int(info["size"]), f"{tag}{micros}", micros)


def _in_the_future(span: OtlpSpan) -> BadSpan:
    starts = _EPOCH + span.start * _MICROSECOND
    return BadSpan(
        f"{span.place} span {span.span_id}", f"starts at {starts:%Y-%m-%dT%H:%MZ}, days after its file was last written"
    )


def _micros(time: datetime) -> int:
    return (time.astimezone(UTC) - _EPOCH) // _MICROSECOND
