from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tail_pipeline.domain.collection import MAX_NAMED, AsRecorded, SpanCollector
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.spans import SPAN_SCHEMA, BadSpan, SegmentFilter, SpanBatch, checked, in_batches, in_window
from tail_pipeline.domain.weeks import Cadence, Window
from tail_pipeline_tests.domain.builders import DAY, WINDOW, span, span_frame

SUPPORT = SegmentFilter("support")
LAST_WEEK = WINDOW.start - timedelta(days=3)
THIS_WEEK = WINDOW.start + timedelta(days=3)
NEXT_WEEK = WINDOW.end + timedelta(days=3)
LOOKBACK = timedelta(days=30)
NEXT_WINDOW = DAY.__class__.parse("2026-W18-1").window(Cadence.WEEKLY)


class InMemoryTraces:
    """A trace store that is a list of rows, as the team wrote them."""

    name = "in memory"

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = span_frame(rows)

    def check(self) -> None:
        return

    def iter_spans(self, window: Window, segment: SegmentFilter) -> Iterator[SpanBatch]:
        inside = in_window("start_time", window) | pl.col("start_time").is_null()
        return self._batches(self._rows.filter(inside & segment.expression()))

    def iter_feedback(self, window: Window, segment: SegmentFilter) -> Iterator[pl.DataFrame]:
        found = self._rows.filter(in_window("feedback_time", window) & segment.expression())
        yield from in_batches(found.select("trace_id", "span_id"))

    def fetch_units(self, trace_ids: Sequence[str], segment: SegmentFilter, since: datetime) -> Iterator[SpanBatch]:
        wanted = pl.col("trace_id").is_in(list(trace_ids)) & (pl.col("start_time") >= since)
        return self._batches(self._rows.filter(wanted & segment.expression()))

    def count_by_segment(self, window: Window, agent: str, column: str) -> dict[str | None, int]:
        inside = self._rows.filter(in_window("start_time", window) & SegmentFilter(agent).expression())
        return dict(inside.group_by(column).len().iter_rows())

    def _batches(self, frame: pl.DataFrame) -> Iterator[SpanBatch]:
        for batch in in_batches(frame):
            yield checked(batch, pl.Series([f"row {number}" for number in range(batch.height)], dtype=pl.String))


class Uppercase(AsRecorded):
    """A redactor whose work can be seen."""

    def redact(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col("input").str.to_uppercase())


def collector(*rows: dict[str, Any], window: Window = WINDOW, segment: SegmentFilter = SUPPORT) -> SpanCollector:
    return SpanCollector(InMemoryTraces(rows), window, segment, AsRecorded(), LOOKBACK)


def collect(*rows: dict[str, Any], **changes: Any) -> pl.DataFrame:
    frames = list(collector(*rows, **changes).frames())
    return pl.concat([span_frame([]), *frames])


def ids(frame: pl.DataFrame) -> list[str]:
    return frame["span_id"].to_list()


def test_the_spans_of_the_window_are_collected() -> None:
    rows = [
        span(1, start_time=WINDOW.start),
        span(2, start_time=WINDOW.end, end_time=None),
        span(3, start_time=LAST_WEEK),
    ]
    assert ids(collect(*rows)) == ["span-0001"]


def test_an_empty_store_is_an_empty_week() -> None:
    assert dict(collect().schema) == SPAN_SCHEMA


def test_an_older_span_that_was_complained_about_in_the_window_is_pulled_in() -> None:
    old = span(1, start_time=LAST_WEEK, end_time=None, user_feedback="thumbs_down", feedback_time=THIS_WEEK)
    assert ids(collect(old)) == ["span-0001"]


def test_late_feedback_is_pulled_in_once_and_not_again_the_week_after() -> None:
    old = span(1, start_time=LAST_WEEK, end_time=None, user_feedback="thumbs_down", feedback_time=THIS_WEEK)
    assert ids(collect(old, window=NEXT_WINDOW)) == []


def test_a_span_of_the_window_that_was_complained_about_is_there_once() -> None:
    complained = span(1, user_feedback="thumbs_down", feedback_time=THIS_WEEK)
    assert ids(collect(complained)) == ["span-0001"]


@pytest.mark.parametrize("feedback", ["thumbs_up", None])
def test_an_older_span_without_a_complaint_is_not_pulled_in(feedback: str | None) -> None:
    old = span(1, start_time=LAST_WEEK, end_time=None, user_feedback=feedback, feedback_time=THIS_WEEK)
    assert ids(collect(old)) == []


def test_only_the_complained_about_span_of_an_older_trace_is_pulled_in() -> None:
    older = {"trace_id": "t", "start_time": LAST_WEEK, "end_time": None}
    complained = span(1, user_feedback="thumbs_down", feedback_time=THIS_WEEK, **older)
    already_told = span(2, user_feedback="thumbs_down", feedback_time=LAST_WEEK, **older)
    assert ids(collect(complained, already_told, span(3, **older))) == ["span-0001"]


def test_an_older_correction_without_other_feedback_is_pulled_in() -> None:
    old = span(1, start_time=LAST_WEEK, end_time=None, correction="Better.", feedback_time=THIS_WEEK)
    assert collect(old)["correction"].to_list() == ["Better."]


def test_an_answer_older_than_the_lookback_is_left_where_it_is() -> None:
    told = {"end_time": None, "user_feedback": "thumbs_down", "feedback_time": THIS_WEEK}
    oldest = WINDOW.start - LOOKBACK
    rows = [span(1, start_time=oldest - timedelta(microseconds=1), **told), span(2, start_time=oldest, **told)]
    assert ids(collect(*rows)) == ["span-0002"]


@pytest.mark.parametrize("moment", [WINDOW.end, NEXT_WEEK])
def test_feedback_after_the_window_is_forgotten(moment: datetime) -> None:
    """Or a week mined again later would not give the file it gave on its Monday."""
    found = collect(span(1, user_feedback="corrected", correction="Better.", feedback_time=moment))
    assert found.select("span_id", "user_feedback", "correction").rows() == [("span-0001", None, None)]


def test_another_agents_spans_and_feedback_are_left_alone() -> None:
    rows = [
        span(1, agent="drafter"),
        span(
            2,
            agent="drafter",
            start_time=LAST_WEEK,
            end_time=None,
            user_feedback="thumbs_down",
            feedback_time=THIS_WEEK,
        ),
    ]
    assert ids(collect(*rows)) == []


def test_no_tenant_sees_anothers_late_feedback() -> None:
    late = {
        "trace_id": "t",
        "start_time": LAST_WEEK,
        "end_time": None,
        "user_feedback": "thumbs_down",
        "feedback_time": THIS_WEEK,
    }
    rows = [span(1, tenant="acme", **late), span(2, tenant="globex", **late)]
    assert ids(collect(*rows, segment=SegmentFilter("support", "tenant", ("acme",)))) == ["span-0001"]


def test_what_was_collected_is_counted() -> None:
    old = span(1, start_time=LAST_WEEK, end_time=None, user_feedback="thumbs_down", feedback_time=THIS_WEEK)
    reading = collector(old, span(2), span(3), span(4, input=None))
    list(reading.frames())
    found = reading.collected
    assert (found.spans, found.late_feedback, found.bad, found.reasons) == (3, 1, 1, {"input is null": 1})


def test_everything_passes_the_redactor() -> None:
    old = span(1, "old", start_time=LAST_WEEK, end_time=None, user_feedback="thumbs_down", feedback_time=THIS_WEEK)
    reading = SpanCollector(InMemoryTraces([old, span(2, "new")]), WINDOW, SUPPORT, Uppercase(), LOOKBACK)
    assert sorted(text for frame in reading.frames() for text in frame["input"]) == ["NEW", "OLD"]


def test_a_week_of_more_than_one_batch_is_whole() -> None:
    rows = [span(number % 9_000, span_id=f"s{number}") for number in range(12_000)]
    assert collect(*rows)["span_id"].n_unique() == 12_000


@pytest.mark.parametrize(("bad", "allowed"), [(0, 0.0), (1, 0.25), (1, 0.5), (2, 0.4)])
def test_a_share_of_bad_rows_that_is_allowed_passes(bad: int, allowed: float) -> None:
    reading = collector(
        *(span(number, input=None) for number in range(bad)), *(span(number) for number in range(10, 13))
    )
    list(reading.frames())
    reading.require_readable(allowed)
    assert reading.collected.bad == bad


def test_too_many_bad_rows_fail_and_name_the_first() -> None:
    reading = collector(span(1, input=None), span(2), span(3))
    list(reading.frames())
    message = (
        r"^trace store in memory: 1 of 3 rows cannot be used \(33\.3%, allowed 33\.0%\); fix the export or raise "
        r"max_bad_span_share\. The first 1:\n  row 0: input is null$"
    )
    with pytest.raises(PermanentError, match=message):
        reading.require_readable(0.33)


def test_beyond_the_first_bad_rows_they_are_only_counted() -> None:
    reading = collector(*(span(number, input=None) for number in range(30)))
    list(reading.frames())
    assert (reading.collected.bad, len(reading.collected.named)) == (30, MAX_NAMED)


def test_the_first_bad_rows_are_named_in_order() -> None:
    reading = collector(*(span(number, input=None) for number in range(3)))
    list(reading.frames())
    assert reading.collected.named == [BadSpan(f"row {number}", "input is null") for number in range(3)]


def test_a_store_without_rows_has_no_bad_share() -> None:
    reading = collector()
    list(reading.frames())
    assert reading.collected.bad_share == 0
