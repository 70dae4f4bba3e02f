from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.spans import (
    MAX_BATCH_ROWS,
    SPAN_SCHEMA,
    BadSpan,
    SegmentFilter,
    checked,
    conformed,
    feedback_as_of,
    in_batches,
    in_window,
    is_negative_feedback,
)
from tail_pipeline_tests.domain.builders import WINDOW, span, span_frame


def check(*rows: dict[str, Any]) -> tuple[list[str], list[BadSpan]]:
    """Ids of the good rows, and the bad ones."""
    batch = checked(
        span_frame(rows), pl.Series([f"file:{number}" for number in range(1, len(rows) + 1)], dtype=pl.String)
    )
    return batch.frame["span_id"].to_list(), batch.bad


def test_a_whole_row_is_good() -> None:
    assert check(span(1)) == (["span-0001"], [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"span_id": None}, "span_id is missing"),
        ({"input": None}, "input is null"),
        ({"start_time": None}, "start_time is missing"),
        ({"end_time": WINDOW.start - timedelta(days=1)}, "end_time is before start_time"),
        ({"user_feedback": "bad"}, "user_feedback is none of thumbs_up, thumbs_down, regenerated, corrected"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_place(changes: dict[str, Any], reason: str) -> None:
    assert check(span(1), span(2, **changes), span(3)) == (["span-0001", "span-0003"], [BadSpan("file:2", reason)])


@pytest.mark.parametrize(
    "changes",
    [
        {"input": ""},
        {"output": None},
        {"end_time": None},
        {"rubric_score": None},
        {"rubric_score": 7.5},
        {"user_feedback": None},
    ],
)
def test_a_row_with_little_in_it_is_still_good(changes: dict[str, Any]) -> None:
    assert check(span(1, **changes)) == (["span-0001"], [])


def test_an_empty_batch_stays_empty() -> None:
    assert check() == ([], [])


@pytest.mark.parametrize("column", ["output", "correction"])
def test_an_empty_text_becomes_null(column: str) -> None:
    batch = checked(span_frame([span(1, **{column: ""})]), pl.Series(["file:1"]))
    assert batch.frame[column].to_list() == [None]


def test_a_span_without_a_trace_is_a_trace_of_its_own() -> None:
    batch = checked(span_frame([span(1, trace_id=None)]), pl.Series(["file:1"]))
    assert batch.frame["trace_id"].to_list() == ["span-0001"]


def test_checked_rows_keep_the_span_schema() -> None:
    batch = checked(span_frame([span(1)]), pl.Series(["file:1"]))
    assert dict(batch.frame.schema) == SPAN_SCHEMA


@given(st.lists(st.sampled_from([{}, {"span_id": None}, {"input": None}, {"user_feedback": "?"}]), max_size=12))
def test_every_row_is_either_good_or_bad(changes: list[dict[str, Any]]) -> None:
    good, bad = check(*(span(number, **change) for number, change in enumerate(changes)))
    assert len(good) + len(bad) == len(changes)


def test_absent_columns_are_null_and_foreign_ones_are_dropped() -> None:
    frame = conformed(pl.DataFrame({"input": ["hi"], "colour": ["red"]}), "file.parquet")
    assert (dict(frame.schema), frame["input"].to_list(), frame["output"].to_list()) == (SPAN_SCHEMA, ["hi"], [None])


def test_conforming_twice_changes_nothing() -> None:
    frame = span_frame([span(1), span(2)])
    assert conformed(frame, "file.parquet").equals(frame)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([1, 0], dtype=pl.Int64), [1.0, 0.0]),
        (pl.Series([0.5, None], dtype=pl.Float32), [0.5, None]),
        (pl.Series([None, None], dtype=pl.Null), [None, None]),
    ],
)
def test_a_number_of_another_width_is_read(values: pl.Series, expected: list[float | None]) -> None:
    assert conformed(pl.DataFrame({"rubric_score": values}), "f")["rubric_score"].to_list() == expected


def test_a_time_in_another_zone_is_read_as_the_same_moment() -> None:
    local = pl.Series([datetime(2026, 4, 13, 9, tzinfo=UTC)]).dt.convert_time_zone("America/New_York")
    frame = conformed(pl.DataFrame({"start_time": local}), "f")
    assert frame["start_time"].to_list() == [datetime(2026, 4, 13, 9, tzinfo=UTC)]


def test_a_time_without_a_zone_is_refused() -> None:
    frame = pl.DataFrame({"start_time": [datetime(2026, 4, 13)]})  # noqa: DTZ001
    with pytest.raises(PermanentError, match=r"^f\.parquet: column start_time has no time zone"):
        conformed(frame, "f.parquet")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("rubric_score", ["0.5"]),
        ("input", [3]),
        ("contexts", ["one"]),
        ("truncated", ["yes"]),
        ("start_time", ["2026-04-13"]),
    ],
)
def test_a_column_of_another_kind_is_refused_by_name(column: str, values: list[Any]) -> None:
    with pytest.raises(PermanentError, match=rf"^f\.parquet: column {column} is "):
        conformed(pl.DataFrame({column: values}), "f.parquet")


def test_a_list_of_another_kind_is_refused_with_the_source() -> None:
    with pytest.raises(PermanentError, match=r"^f\.parquet: "):
        conformed(pl.DataFrame({"contexts": [[{"text": "a"}]]}), "f.parquet")


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        (WINDOW.start - timedelta(microseconds=1), False),
        (WINDOW.start, True),
        (WINDOW.end - timedelta(microseconds=1), True),
        (WINDOW.end, False),
        (None, False),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(moment: datetime | None, inside: bool) -> None:
    frame = span_frame([span(1, start_time=moment)])
    assert frame.select(in_window("start_time", WINDOW)).to_series().to_list() == [inside]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (WINDOW.end - timedelta(microseconds=1), ("corrected", "Better.")),
        (WINDOW.end, (None, None)),
        (WINDOW.end + timedelta(days=30), (None, None)),
        (WINDOW.start - timedelta(days=30), ("corrected", "Better.")),
        (None, ("corrected", "Better.")),
    ],
)
def test_feedback_from_the_end_of_the_window_on_is_forgotten(
    moment: datetime | None, expected: tuple[str | None, str | None]
) -> None:
    frame = span_frame([span(1, user_feedback="corrected", correction="Better.", feedback_time=moment)])
    assert feedback_as_of(frame, WINDOW).select("user_feedback", "correction").row(0) == expected


def test_forgetting_feedback_keeps_the_rest_of_the_span() -> None:
    frame = span_frame([span(1, user_feedback="thumbs_down", feedback_time=WINDOW.end)])
    columns = [name for name in SPAN_SCHEMA if name not in ("user_feedback", "correction", "feedback_time")]
    assert feedback_as_of(frame, WINDOW).select(columns).equals(frame.select(columns))


@pytest.mark.parametrize(
    ("feedback", "correction", "negative"),
    [
        (None, None, False),
        ("thumbs_up", None, False),
        ("thumbs_down", None, True),
        ("regenerated", None, True),
        ("corrected", None, True),
        (None, "Better.", True),
        ("thumbs_up", "Better.", True),
    ],
)
def test_negative_feedback_is_a_thumbs_down_a_regeneration_or_a_correction(
    feedback: str | None, correction: str | None, negative: bool
) -> None:
    frame = span_frame([span(1, user_feedback=feedback, correction=correction)])
    assert frame.select(is_negative_feedback()).to_series().to_list() == [negative]


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (SegmentFilter("support"), ["span-0001", "span-0003", "span-0004"]),
        (SegmentFilter("support", "tenant", ("Acme",)), ["span-0001"]),
        (SegmentFilter("drafter"), ["span-0002", "span-0003"]),
    ],
)
def test_a_run_reads_the_rows_of_its_agent_and_segment(segment: SegmentFilter, expected: list[str]) -> None:
    frame = span_frame(
        [span(1, tenant="Acme"), span(2, agent="drafter", tenant="Acme"), span(3, agent=None), span(4, tenant="acme")]
    )
    assert frame.filter(segment.expression())["span_id"].to_list() == expected


@pytest.mark.parametrize("rows", [0, 1, MAX_BATCH_ROWS, MAX_BATCH_ROWS + 1, 2 * MAX_BATCH_ROWS + 7])
def test_batches_hold_every_row_once_and_in_order(rows: int) -> None:
    batches = list(in_batches(pl.DataFrame({"row": range(rows)}, schema={"row": pl.Int64})))
    assert [row for batch in batches for row in batch["row"]] == list(range(rows))


def test_no_batch_is_larger_than_allowed() -> None:
    assert max(batch.height for batch in in_batches(pl.DataFrame({"row": range(25_000)}))) == MAX_BATCH_ROWS
