"""What is peculiar to traces in files: whatever is broken is named with its place, and everything else is kept."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import zstandard

from tail_pipeline.adapters.traces_files import FileTraceStore
from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError
from tail_pipeline.domain.spans import SPAN_SCHEMA, BadSpan
from tail_pipeline_tests.adapters.trace_writers import (
    SUPPORT,
    WINDOW,
    bad_of,
    compressed,
    ids_of,
    json_line,
    span,
    write_lines,
    write_parquet,
)

FIRST, LAST = json_line(span("first")), json_line(span("last"))
TIME = "2026-04-15T12:00:00Z"
KINDS = ("jsonl", "jsonl.gz", "jsonl.zst")


def store_in(directory: Path, pattern: str = "traces/*") -> FileTraceStore:
    return FileTraceStore(directory, pattern, {})


def read(directory: Path, pattern: str = "traces/*") -> tuple[list[str], list[BadSpan]]:
    """(ids of the good rows, bad rows) of the window."""
    batches = list(store_in(directory, pattern).iter_spans(WINDOW, SUPPORT))
    return ids_of(batches), bad_of(batches)


def parquet_of(directory: Path, frame: pl.DataFrame) -> Path:
    path = directory / "traces" / "week.parquet"
    path.parent.mkdir(exist_ok=True)
    frame.write_parquet(path)
    return path


def frame_of_one(**columns: pl.Series) -> pl.DataFrame:
    """One good row, with some columns replaced."""
    row = {name: [span().get(name)] for name in SPAN_SCHEMA}
    frame = pl.DataFrame(row, schema=SPAN_SCHEMA)
    return frame.with_columns(**columns)


BROKEN_LINES = {
    "not JSON": (b"{ not json", "not valid JSON"),
    "a torn line": (FIRST[:-20], "not valid JSON"),
    "no object": (b'["a", "list"]', "array"),
    "two objects on a line": (FIRST + FIRST, "not valid JSON"),
    "a lone surrogate": (b'{"span_id": "x", "input": "\\ud800", "start_time": "%s"}' % TIME.encode(), "not valid JSON"),
    "a lone surrogate in a list": (b'{"span_id": "x", "input": "", "contexts": ["\\udc00"]}', "not valid JSON"),
    "a lone surrogate in metadata that are text": (
        b'{"span_id": "x", "input": "q", "start_time": "%s", "metadata": "\\ud800"}' % TIME.encode(),
        "not valid JSON",
    ),
    "invalid UTF-8": (b'{"span_id": "x", "input": "\xff\xfe", "start_time": "%s"}' % TIME.encode(), "UTF-8"),
    "invalid UTF-8 in metadata": (
        b'{"span_id": "x", "input": "q", "start_time": "%s", "metadata": {"k": "\xff"}}' % TIME.encode(),
        "UTF-8",
    ),
    "a raw control character": (b'{"span_id": "x", "input": "a\x00b", "start_time": "%s"}' % TIME.encode(), "JSON"),
    "a naive time": (b'{"span_id": "x", "input": "q", "start_time": "2026-04-15T12:00:00"}', "start_time"),
    "a time that is none": (b'{"span_id": "x", "input": "q", "start_time": "yesterday"}', "start_time"),
    "a number as text": (
        b'{"span_id": "x", "input": "q", "start_time": "%s", "rubric_score": "0.5"}' % TIME.encode(),
        "rubric_score",
    ),
    "an id that is a number": (b'{"span_id": 17, "input": "q", "start_time": "%s"}' % TIME.encode(), "span_id"),
    "text for a list": (
        b'{"span_id": "x", "input": "q", "start_time": "%s", "labels": "safety"}' % TIME.encode(),
        "labels",
    ),
    "NaN": (
        b'{"span_id": "x", "input": "q", "start_time": "%s", "rubric_score": NaN}' % TIME.encode(),
        "not valid JSON",
    ),
    "a null input": (b'{"span_id": "x", "input": null, "start_time": "%s"}' % TIME.encode(), "input is null"),
    "no input": (b'{"span_id": "x", "start_time": "%s"}' % TIME.encode(), "input is null"),
    "no span id": (b'{"input": "q", "start_time": "%s"}' % TIME.encode(), "span_id is missing"),
    "no start": (b'{"span_id": "x", "input": "q"}', "start_time is missing"),
    "an end before the start": (
        b'{"span_id": "x", "input": "q", "start_time": "%s", "end_time": "2026-04-15T11:59:59Z"}' % TIME.encode(),
        "end_time is before start_time",
    ),
    "an unknown feedback word": (
        b'{"span_id": "x", "input": "q", "start_time": "%s", "user_feedback": "meh"}' % TIME.encode(),
        "user_feedback",
    ),
    "thousands of brackets": (b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON"),
    "thousands of brackets under a foreign key": (b'{"vendor": ' + b"[" * 100_000, "JSON"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("line", "reason"), BROKEN_LINES.values(), ids=BROKEN_LINES)
def test_a_broken_line_is_named_and_the_lines_around_it_are_kept(tmp_path: Path, kind: str, line: bytes, reason: str):
    write_lines(tmp_path / "traces" / f"week.{kind}", [FIRST, line, LAST])
    good, bad = read(tmp_path)
    assert good == ["first", "last"]
    assert [one.place for one in bad] == [f"traces/week.{kind}:2"]
    assert reason in bad[0].reason


def test_every_broken_line_is_named(tmp_path: Path):
    write_lines(tmp_path / "traces" / "week.jsonl", [b"{", FIRST, b"[]", LAST, b"{"])
    assert [bad.place for bad in read(tmp_path)[1]] == [f"traces/week.jsonl:{number}" for number in (1, 3, 5)]


def test_a_bad_row_is_named_by_its_line_also_after_broken_and_blank_lines(tmp_path: Path):
    write_lines(
        tmp_path / "traces" / "week.jsonl", [b"", b"{", FIRST, b'{"span_id": "x", "start_time": "%s"}' % TIME.encode()]
    )
    assert [bad.place for bad in read(tmp_path)[1]] == ["traces/week.jsonl:2", "traces/week.jsonl:4"]


def test_a_bad_row_beyond_the_first_batch_is_named_by_its_line(tmp_path: Path):
    rows = [json_line(span(f"s{number}")) for number in range(10_500)]
    rows[10_400] = b"{"
    write_lines(tmp_path / "traces" / "week.jsonl", rows)
    assert [bad.place for bad in read(tmp_path)[1]] == ["traces/week.jsonl:10401"]


@pytest.mark.parametrize("blank", [b"", b"   ", b"\t", b"\r"])
def test_blank_lines_are_passed_over(tmp_path: Path, blank: bytes):
    write_lines(tmp_path / "traces" / "week.jsonl", [blank, FIRST, blank, blank, LAST, blank])
    assert read(tmp_path) == (["first", "last"], [])


def test_windows_line_ends_are_accepted(tmp_path: Path):
    write_lines(tmp_path / "traces" / "week.jsonl", [FIRST + b"\r", LAST + b"\r"])
    assert read(tmp_path) == (["first", "last"], [])


def test_the_last_line_may_lack_its_end(tmp_path: Path):
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "week.jsonl").write_bytes(FIRST + b"\n" + LAST)
    assert read(tmp_path) == (["first", "last"], [])


def test_a_torn_last_line_is_named(tmp_path: Path):
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "week.jsonl").write_bytes(FIRST + b"\n" + LAST[:30])
    good, bad = read(tmp_path)
    assert (good, [one.place for one in bad]) == (["first"], ["traces/week.jsonl:2"])


def test_unknown_keys_are_passed_over(tmp_path: Path):
    line = FIRST.replace(b"{", b'{"vendor.attribute": {"deep": [1, 2]}, ', 1)
    write_lines(tmp_path / "traces" / "week.jsonl", [line])
    assert read(tmp_path) == (["first"], [])


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_has_no_rows(tmp_path: Path, kind: str):
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / f"week.{kind}").write_bytes(compressed(b"", Path(kind).suffix))
    assert read(tmp_path) == ([], [])


@pytest.mark.parametrize("kind", ["jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize("lines", [3, 20_000])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_compressed_file_is_named(tmp_path: Path, kind: str, lines: int, share: float):
    path = tmp_path / "traces" / f"week.{kind}"
    write_lines(path, [json_line(span(f"s{number:05d}", input=f"question {number * 7919}")) for number in range(lines)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    good, bad = read(tmp_path)
    assert len(good) < lines
    assert bad
    assert all(one.place.startswith(f"traces/week.{kind}:") for one in bad)


@pytest.mark.parametrize("kind", ["jsonl.gz", "jsonl.zst"])
def test_the_rows_before_the_cut_are_kept(tmp_path: Path, kind: str):
    path = tmp_path / "traces" / f"week.{kind}"
    write_lines(
        path, [json_line(span(f"s{number:05d}", input=f"question {number * 7919}")) for number in range(20_000)]
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    good, _ = read(tmp_path)
    assert good
    assert good == [f"s{number:05d}" for number in range(len(good))]


@pytest.mark.parametrize("kind", ["jsonl.gz", "jsonl.zst"])
def test_a_cut_file_does_not_hide_the_files_after_it(tmp_path: Path, kind: str):
    write_lines(tmp_path / "traces" / f"a.{kind}", [FIRST] * 100)
    cut = tmp_path / "traces" / f"a.{kind}"
    cut.write_bytes(cut.read_bytes()[:-10])
    write_lines(tmp_path / "traces" / f"b.{kind}", [LAST])
    assert "last" in read(tmp_path)[0]


@pytest.mark.parametrize("kind", ["jsonl.gz", "jsonl.zst"])
def test_a_file_that_is_not_compressed_as_its_name_says_is_named(tmp_path: Path, kind: str):
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / f"week.{kind}").write_bytes(FIRST + b"\n")
    good, bad = read(tmp_path)
    assert (good, [one.place for one in bad]) == ([], [f"traces/week.{kind}:1"])


def test_gzip_members_written_one_after_the_other_are_all_read(tmp_path: Path):
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "week.jsonl.gz").write_bytes(gzip.compress(FIRST + b"\n") + gzip.compress(LAST + b"\n"))
    assert read(tmp_path) == (["first", "last"], [])


def test_zstd_frames_written_one_after_the_other_are_all_read(tmp_path: Path):
    compressor = zstandard.ZstdCompressor()
    (tmp_path / "traces").mkdir()
    content = compressor.compress(FIRST + b"\n") + compressor.compress(LAST + b"\n")
    (tmp_path / "traces" / "week.jsonl.zst").write_bytes(content)
    assert read(tmp_path) == (["first", "last"], [])


def test_all_files_of_the_glob_are_read(tmp_path: Path):
    write_lines(tmp_path / "traces" / "one.jsonl", [FIRST])
    write_lines(tmp_path / "traces" / "two.jsonl.gz", [LAST])
    write_parquet(tmp_path / "traces" / "three.parquet", [span("middle")], {})
    assert read(tmp_path) == (["first", "last", "middle"], [])


def test_a_glob_with_two_stars_looks_into_folders(tmp_path: Path):
    write_lines(tmp_path / "traces" / "2026" / "04" / "day.jsonl", [FIRST])
    assert read(tmp_path, "traces/**/*.jsonl") == (["first"], [])


def test_a_checkout_whose_path_looks_like_a_glob_is_read(tmp_path: Path):
    checkout = tmp_path / "agent [v2]"
    write_lines(checkout / "traces" / "week.jsonl", [FIRST])
    assert read(checkout) == (["first"], [])


def test_an_absolute_glob_is_read(tmp_path: Path):
    write_lines(tmp_path / "elsewhere" / "week.jsonl", [FIRST])
    assert read(tmp_path / "checkout", str(tmp_path / "elsewhere" / "*.jsonl")) == (["first"], [])


def test_a_span_written_twice_has_its_last_version_last(tmp_path: Path):
    write_lines(tmp_path / "traces" / "b.jsonl", [json_line(span(input="third"))])
    write_lines(tmp_path / "traces" / "a.jsonl", [json_line(span(input="first")), json_line(span(input="second"))])
    frames = [batch.frame for batch in store_in(tmp_path).iter_spans(WINDOW, SUPPORT)]
    assert pl.concat(frames)["input"].to_list() == ["first", "second", "third"]


def test_no_file_is_an_error_that_names_the_glob(tmp_path: Path):
    with pytest.raises(TransientError, match=r"exports/\*\.jsonl"):
        store_in(tmp_path, "exports/*.jsonl").check()


def test_no_file_is_an_error_when_spans_are_read(tmp_path: Path):
    with pytest.raises(TransientError, match="traces"):
        list(store_in(tmp_path).iter_spans(WINDOW, SUPPORT))


def test_a_folder_that_matches_is_not_a_file(tmp_path: Path):
    (tmp_path / "traces" / "folder.jsonl").mkdir(parents=True)
    with pytest.raises(TransientError):
        store_in(tmp_path).check()


def test_metadata_that_are_already_text_stay_as_they_are(tmp_path: Path):
    line = FIRST.replace(b"{", b'{"metadata": "{\\"plan\\": \\"pro\\"}", ', 1)
    write_lines(tmp_path / "traces" / "week.jsonl", [line])
    (batch,) = store_in(tmp_path).iter_spans(WINDOW, SUPPORT)
    assert batch.frame["metadata"].to_list() == ['{"plan": "pro"}']


def test_null_metadata_are_null(tmp_path: Path):
    write_lines(tmp_path / "traces" / "week.jsonl", [FIRST.replace(b"{", b'{"metadata": null, ', 1)])
    (batch,) = store_in(tmp_path).iter_spans(WINDOW, SUPPORT)
    assert batch.frame["metadata"].to_list() == [None]


def test_times_in_nanoseconds_are_read(tmp_path: Path):
    line = b'{"span_id": "x", "input": "q", "start_time": "2026-04-15T12:00:00.123456000Z"}'
    write_lines(tmp_path / "traces" / "week.jsonl", [line])
    (batch,) = store_in(tmp_path).iter_spans(WINDOW, SUPPORT)
    assert batch.frame["start_time"].to_list() == [datetime(2026, 4, 15, 12, 0, 0, 123456, UTC)]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_at_the_end_of_the_calendar_does_not_stop_the_other_rows(tmp_path: Path, time: str):
    line = b'{"span_id": "x", "input": "q", "start_time": "%s"}' % time.encode()
    write_lines(tmp_path / "traces" / "week.jsonl", [FIRST, line, LAST])
    assert read(tmp_path)[0] == ["first", "last"]


def test_a_whole_number_is_a_score(tmp_path: Path):
    write_lines(tmp_path / "traces" / "week.jsonl", [json_line(span(rubric_score=1))])
    (batch,) = store_in(tmp_path).iter_spans(WINDOW, SUPPORT)
    assert batch.frame["rubric_score"].to_list() == [1.0]


BROKEN_PARQUET = {
    "empty": lambda _whole: b"",
    "text": lambda _whole: b"this is not Parquet",
    "cut": lambda whole: whole[: len(whole) // 2],
    "without its beginning": lambda whole: whole[len(whole) // 2 :],
    "with a damaged page": lambda whole: whole[:40] + bytes(200) + whole[240:],
    "with a damaged footer": lambda whole: whole[:-60] + bytes(40) + whole[-20:],
}


@pytest.mark.parametrize("damage", BROKEN_PARQUET.values(), ids=BROKEN_PARQUET)
def test_a_corrupt_parquet_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]):
    path = parquet_of(tmp_path, pl.concat([frame_of_one()] * 50))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PermanentError, match=r"traces/week\.parquet"):
        list(store_in(tmp_path).iter_spans(WINDOW, SUPPORT))


@pytest.mark.parametrize("column", ["start_time", "end_time", "feedback_time"])
def test_a_naive_time_column_in_parquet_is_named_with_its_file(tmp_path: Path, column: str):
    naive = pl.Series([WINDOW.start.replace(tzinfo=None)], dtype=pl.Datetime("us"))
    parquet_of(tmp_path, frame_of_one(**{column: naive}))
    with pytest.raises(PermanentError, match=rf"traces/week\.parquet.*{column}"):
        list(store_in(tmp_path).iter_spans(WINDOW, SUPPORT))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("input", pl.Series([17])),
        ("labels", pl.Series(["safety"])),
        ("start_time", pl.Series([WINDOW.start.date()])),
        ("start_time", pl.Series([WINDOW.start.isoformat()])),
        ("rubric_score", pl.Series(["0.5"])),
    ],
)
def test_a_parquet_column_of_the_wrong_type_is_named_with_its_file(tmp_path: Path, column: str, values: pl.Series):
    parquet_of(tmp_path, frame_of_one(**{column: values}))
    with pytest.raises(PermanentError, match=rf"traces/week\.parquet.*{column}"):
        list(store_in(tmp_path).iter_spans(WINDOW, SUPPORT))


@pytest.mark.parametrize("unit", ["ms", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_parquet_time_of_another_unit_or_zone_is_the_same_moment(tmp_path: Path, unit: str, zone: str):
    frame = frame_of_one().with_columns(pl.col("start_time").dt.convert_time_zone(zone).dt.cast_time_unit(unit))
    parquet_of(tmp_path, frame)
    (batch,) = store_in(tmp_path).iter_spans(WINDOW, SUPPORT)
    assert batch.frame["start_time"].to_list() == [span()["start_time"]]


@pytest.mark.parametrize(
    ("column", "values", "read_as"),
    [
        ("tenant", pl.Series(["acme"], dtype=pl.Categorical), "acme"),
        ("rubric_score", pl.Series([0.25], dtype=pl.Float32), 0.25),
        ("rubric_score", pl.Series([1], dtype=pl.Int64), 1.0),
        ("model", pl.Series([None]), None),
    ],
)
def test_a_parquet_column_that_loses_nothing_is_converted(
    tmp_path: Path, column: str, values: pl.Series, read_as: object
):
    parquet_of(tmp_path, frame_of_one(**{column: values}))
    (batch,) = store_in(tmp_path).iter_spans(WINDOW, SUPPORT)
    assert batch.frame[column].to_list() == [read_as]


def test_foreign_parquet_columns_are_dropped(tmp_path: Path):
    parquet_of(tmp_path, frame_of_one().with_columns(vendor=pl.lit("x")))
    assert read(tmp_path) == (["s1"], [])


def test_a_bad_row_in_parquet_is_named_and_the_others_are_kept(tmp_path: Path):
    parquet_of(tmp_path, pl.concat([frame_of_one(), frame_of_one(input=pl.Series([None], dtype=pl.String))]))
    good, (bad,) = read(tmp_path)
    assert good == ["s1"]
    assert bad.place.startswith("traces/week.parquet row ")
    assert bad.reason == "input is null"


def test_a_file_that_vanishes_or_is_locked_is_a_transient_error(tmp_path: Path):
    write_lines(tmp_path / "traces" / "week.jsonl", [FIRST])
    (tmp_path / "traces" / "dangling.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    assert read(tmp_path) == (["first"], [])


def test_a_missing_folder_is_an_error_of_this_package(tmp_path: Path):
    with pytest.raises(TailPipelineError):
        store_in(tmp_path / "nowhere").check()
