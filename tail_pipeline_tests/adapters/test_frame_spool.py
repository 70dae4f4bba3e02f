"""Frames that stream through local disk: nothing lost, nothing reordered, the last version of a span kept."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tail_pipeline.adapters.frame_spool import batches_of, frame_spool, last_versions
from tail_pipeline.domain.spans import MAX_BATCH_ROWS, SPAN_SCHEMA
from tail_pipeline_tests.adapters.trace_writers import expected_frame, span

SCHEMA: dict[str, pl.DataType] = {"trace_id": pl.String(), "span_id": pl.String(), "note": pl.Int64()}


def frame(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def notes(rows: pl.LazyFrame) -> list[int]:
    return rows.collect()["note"].to_list()


def test_what_is_spooled_comes_back_in_order():
    with frame_spool(SCHEMA) as spool:
        rows = spool.write([frame(("t", "b", 1)), frame(("t", "a", 2), ("t", "c", 3))])
        assert_frame_equal(rows.collect(), frame(("t", "b", 1), ("t", "a", 2), ("t", "c", 3)))


def test_spans_keep_their_schema():
    rows = expected_frame([span(contexts=["one"], labels=[], metadata='{"a": 1}'), span("s2")])
    with frame_spool(SPAN_SCHEMA) as spool:
        assert_frame_equal(spool.write([rows]).collect(), rows)


@pytest.mark.parametrize("frames", [[], [frame()], [frame(), frame()]], ids=["no frame", "an empty one", "two"])
def test_nothing_spooled_is_an_empty_frame_of_the_schema(frames: list[pl.DataFrame]):
    with frame_spool(SCHEMA) as spool:
        assert_frame_equal(spool.write(frames).collect(), frame())


def test_frames_are_taken_one_at_a_time_from_a_stream():
    def stream() -> Iterator[pl.DataFrame]:
        for number in range(50):
            yield frame(("t", str(number), number))

    with frame_spool(SCHEMA) as spool:
        assert notes(spool.write(stream())) == list(range(50))


def test_columns_in_another_order_are_put_in_place():
    with frame_spool(SCHEMA) as spool:
        rows = spool.write([frame(("t", "a", 1)).select("note", "span_id", "trace_id")])
        assert rows.collect().columns == list(SCHEMA)


def test_columns_outside_the_schema_are_dropped():
    with frame_spool(SCHEMA) as spool:
        assert spool.write([frame(("t", "a", 1)).with_columns(more=1)]).collect().columns == list(SCHEMA)


def test_two_spools_at_once_do_not_meet():
    with frame_spool(SCHEMA) as one, frame_spool(SCHEMA) as two:
        first, second = one.write([frame(("t", "a", 1))]), two.write([frame(("t", "a", 2))])
        assert (notes(first), notes(second)) == ([1], [2])


def test_the_last_version_of_a_span_is_kept():
    kept, _ = last_versions(frame(("t", "a", 1), ("t", "a", 2), ("t", "a", 3)).lazy())
    assert notes(kept) == [3]


def test_the_number_of_dropped_versions_is_told():
    assert last_versions(frame(("t", "a", 1), ("t", "b", 2), ("t", "a", 3)).lazy())[1] == 1


def test_the_order_of_what_is_kept_stays():
    rows = frame(("t", "c", 1), ("t", "a", 2), ("t", "b", 3), ("t", "a", 4), ("s", "a", 5))
    assert notes(last_versions(rows.lazy())[0]) == [1, 3, 4, 5]


def test_a_span_of_another_trace_is_another_span():
    assert last_versions(frame(("t", "a", 1), ("u", "a", 2)).lazy())[1] == 0


def test_ids_that_would_run_together_are_kept_apart():
    assert last_versions(frame(("ab", "c", 1), ("a", "bc", 2)).lazy())[1] == 0


def test_distinct_spans_are_left_as_they_are():
    rows = frame(("t", "b", 1), ("t", "a", 2))
    assert_frame_equal(last_versions(rows.lazy())[0].collect(), rows)


def test_no_spans_have_no_versions():
    kept, dropped = last_versions(frame().lazy())
    assert (kept.collect().height, dropped) == (0, 0)


def test_the_columns_stay_when_versions_are_dropped():
    assert last_versions(frame(("t", "a", 1), ("t", "a", 2)).lazy())[0].collect().schema == frame().schema


def test_last_versions_come_from_a_spooled_file_as_well():
    with frame_spool(SCHEMA) as spool:
        versions = frame(*(("t", str(number % 7_000), number) for number in range(12_000)))
        rows = spool.write(versions.iter_slices(1_000))
        assert notes(last_versions(rows)[0]) == list(range(5_000, 12_000))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("tu"), st.sampled_from("abc"))))
def test_last_versions_are_what_a_dictionary_would_keep(keys: list[tuple[str, str]]):
    rows = [(trace_id, span_id, number) for number, (trace_id, span_id) in enumerate(keys)]
    expected = sorted({(trace_id, span_id): number for trace_id, span_id, number in rows}.values())
    assert notes(last_versions(frame(*rows).lazy())[0]) == expected


def test_batches_are_bounded_and_in_order():
    rows = pl.LazyFrame({"note": range(25_000)})
    batches = list(batches_of(rows))
    assert max(batch.height for batch in batches) <= MAX_BATCH_ROWS
    assert pl.concat(batches)["note"].to_list() == list(range(25_000))


def test_no_rows_make_no_full_batch():
    assert sum(batch.height for batch in batches_of(frame().lazy())) == 0
