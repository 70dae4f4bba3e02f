"""What every trace store must do; each test runs against PostgreSQL and against every kind of file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tail_pipeline.domain.spans import MAX_BATCH_ROWS, SPAN_SCHEMA, SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.adapters.trace_writers import (
    SUPPORT,
    WINDOW,
    StoreMaker,
    bad_of,
    expected_frame,
    frame_of,
    ids_of,
    span,
)

TICK = timedelta(microseconds=1)
LAST_WEEK = WINDOW.start - timedelta(days=3)
EVER = datetime(2000, 1, 1, tzinfo=UTC)

FULL_ROW = span(
    "full",
    session_id="session",
    agent="support",
    node_class="drafter",
    tenant="acme",
    model="vendor/model-1",
    output="an answer",
    contexts=["first passage", "second passage"],
    labels=["regulatory", "safety"],
    end_time=WINDOW.start + timedelta(hours=61, microseconds=7),
    feedback_time=WINDOW.start + timedelta(hours=62),
    rubric_score=0.25,
    ragas_faithfulness=0.5,
    rubric_sha="3f1c",
    user_feedback="corrected",
    correction="a better answer",
    metadata='{"plan": "pro", "turns": 3}',
)

HOSTILE = [
    "it's",
    'say "hi"',
    "back\\slash",
    "'; DROP TABLE spans; --",
    "$1",
    "%s {} {0}",
    "line\nbreak\ttab",
    "Ünïcode 漢字 🙂",
    "-- comment",
    "E'\\x41'",
    " ",
]


def test_a_full_row_comes_back_as_it_was_written(make_store: StoreMaker):
    store = make_store([FULL_ROW])
    assert_frame_equal(frame_of(store.iter_spans(WINDOW, SUPPORT)), expected_frame([FULL_ROW]))


def test_a_row_with_only_the_required_fields_has_nulls_elsewhere(make_store: StoreMaker):
    store = make_store([span()])
    assert_frame_equal(frame_of(store.iter_spans(WINDOW, SUPPORT)), expected_frame([span()]))


def test_frames_have_exactly_the_span_schema(make_store: StoreMaker):
    (batch,) = make_store([span()]).iter_spans(WINDOW, SUPPORT)
    assert dict(batch.frame.schema) == SPAN_SCHEMA


def test_a_store_that_can_be_read_passes_its_check(make_store: StoreMaker):
    make_store([span()]).check()


@pytest.mark.parametrize(
    ("start", "read"),
    [
        (WINDOW.start - TICK, []),
        (WINDOW.start, ["s1"]),
        (WINDOW.end - TICK, ["s1"]),
        (WINDOW.end, []),
    ],
    ids=["before the start", "at the start", "before the end", "at the end"],
)
def test_the_window_is_half_open_to_the_microsecond(make_store: StoreMaker, start: datetime, read: list[str]):
    store = make_store([span(start_time=start)])
    assert ids_of(store.iter_spans(WINDOW, SUPPORT)) == read


def test_the_window_is_about_the_start_of_a_span_and_not_its_end(make_store: StoreMaker):
    store = make_store([span(start_time=WINDOW.end - TICK, end_time=WINDOW.end + timedelta(hours=1))])
    assert ids_of(store.iter_spans(WINDOW, SUPPORT)) == ["s1"]


def test_a_time_with_another_offset_is_the_same_moment(make_store: StoreMaker):
    berlin = timezone(timedelta(hours=2))
    store = make_store([span(start_time=WINDOW.start.astimezone(berlin))])
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["start_time"].to_list() == [WINDOW.start]


def test_the_spans_of_another_agent_are_left_out(make_store: StoreMaker):
    store = make_store([span("ours", agent="support"), span("theirs", agent="drafter")])
    assert ids_of(store.iter_spans(WINDOW, SUPPORT)) == ["ours"]


def test_a_span_without_an_agent_belongs_to_every_agent(make_store: StoreMaker):
    store = make_store([span(agent=None), span("theirs", agent="drafter")])
    assert ids_of(store.iter_spans(WINDOW, SegmentFilter("drafter"))) == ["s1", "theirs"]


@pytest.mark.parametrize("column", ["tenant", "node_class"])
def test_a_segment_reads_its_own_spans_only(make_store: StoreMaker, column: str):
    store = make_store([span("ours", **{column: "acme"}), span("other", **{column: "globex"}), span("nobody's")])
    assert ids_of(store.iter_spans(WINDOW, SegmentFilter("support", column, ("acme",)))) == ["ours"]


def test_a_segment_that_was_renamed_reads_what_any_of_its_spellings_stands_on(make_store: StoreMaker):
    store = make_store(
        [
            span("before", tenant="acme"),
            span("other", tenant="globex"),
            span("after", tenant="Acme Corp."),
            span("none"),
        ]
    )
    both = SegmentFilter("support", "tenant", ("acme", "Acme Corp."))
    assert ids_of(store.iter_spans(WINDOW, both)) == ["after", "before"]


def test_a_segment_is_compared_exactly_and_not_by_case_or_pattern(make_store: StoreMaker):
    store = make_store([span("a", tenant="Acme"), span("b", tenant="acme "), span("c", tenant="%")])
    assert ids_of(store.iter_spans(WINDOW, SegmentFilter("support", "tenant", ("acme",)))) == []


@pytest.mark.parametrize("value", HOSTILE)
def test_a_segment_with_a_hostile_name_reads_its_own_spans_only(make_store: StoreMaker, value: object):
    store = make_store([span("ours", tenant=value), span("other", tenant="acme")])
    assert ids_of(store.iter_spans(WINDOW, SegmentFilter("support", "tenant", (value,)))) == ["ours"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_trace_with_a_hostile_id_is_fetched(make_store: StoreMaker, hostile: str):
    store = make_store([span(hostile, trace_id=hostile), span("other")])
    assert ids_of(store.fetch_units([hostile], SUPPORT, EVER)) == [hostile]


def test_the_data_survive_a_hostile_id(make_store: StoreMaker):
    store = make_store([span("first"), span("second")])
    list(store.fetch_units(["'; DROP TABLE spans_1; --", '"; DELETE FROM spans_1; --'], SUPPORT, EVER))
    assert ids_of(store.iter_spans(WINDOW, SUPPORT)) == ["first", "second"]


@pytest.mark.parametrize("text", [*HOSTILE, "e\u0301 and é", "\u202eright to left", "👩‍👩‍👧‍👦", "a" * 100_000])
def test_text_comes_back_unchanged(make_store: StoreMaker, text: str):
    row = span(input=text, output=text, correction=text, contexts=[text, "", text], labels=[text])
    store = make_store([row])
    assert_frame_equal(frame_of(store.iter_spans(WINDOW, SUPPORT)), expected_frame([row]))


def test_an_empty_input_is_a_good_row(make_store: StoreMaker):
    store = make_store([span(input="")])
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["input"].to_list() == [""]


@pytest.mark.parametrize("column", ["output", "correction"])
def test_an_empty_answer_is_null(make_store: StoreMaker, column: str):
    store = make_store([span(**{column: ""})])
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))[column].to_list() == [None]


@pytest.mark.parametrize("column", ["contexts", "labels"])
@pytest.mark.parametrize("value", [None, [], [""], ["one"], ["one", "two", "one"]])
def test_a_list_comes_back_as_it_was(make_store: StoreMaker, column: str, value: object):
    store = make_store([span(**{column: value})])
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))[column].to_list() == [value]


@pytest.mark.parametrize("column", ["contexts", "labels"])
def test_no_good_row_holds_a_list_with_a_null_in_it(make_store: StoreMaker, column: str):
    store = make_store([span(**{column: ["one", None]}), span("fine", **{column: ["one"]})])
    frame = frame_of(store.iter_spans(WINDOW, SUPPORT))
    assert not any(None in values for values in frame[column].to_list())


@pytest.mark.parametrize("score", [0.0, 0.82, 1.0, 1e-9, -1.0, 7.5])
def test_a_score_comes_back_exactly(make_store: StoreMaker, score: float):
    store = make_store([span(rubric_score=score, ragas_faithfulness=score)])
    assert frame_of(store.iter_spans(WINDOW, SUPPORT)).select("rubric_score", "ragas_faithfulness").row(0) == (
        score,
        score,
    )


def test_feedback_of_this_week_leads_to_an_older_span(make_store: StoreMaker):
    late = span("late", start_time=LAST_WEEK, user_feedback="thumbs_down", feedback_time=WINDOW.start)
    store = make_store([late, span("in time")])
    given = pl.concat(store.iter_feedback(WINDOW, SUPPORT))
    assert_frame_equal(frame_of(store.fetch_units(given["trace_id"].to_list(), SUPPORT, EVER)), expected_frame([late]))


def test_feedback_is_named_by_trace_and_span(make_store: StoreMaker):
    row = span(start_time=LAST_WEEK, user_feedback="regenerated", feedback_time=WINDOW.start)
    (frame,) = make_store([row]).iter_feedback(WINDOW, SUPPORT)
    assert frame.to_dict(as_series=False) == {"trace_id": ["trace of s1"], "span_id": ["s1"]}


@pytest.mark.parametrize(
    ("given", "found"),
    [(WINDOW.start - TICK, 0), (WINDOW.start, 1), (WINDOW.end - TICK, 1), (WINDOW.end, 0)],
    ids=["before the start", "at the start", "before the end", "at the end"],
)
def test_the_window_of_feedback_is_half_open_to_the_microsecond(make_store: StoreMaker, given: datetime, found: int):
    store = make_store([span(start_time=LAST_WEEK, user_feedback="thumbs_down", feedback_time=given)])
    assert sum(frame.height for frame in store.iter_feedback(WINDOW, SUPPORT)) == found


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"user_feedback": "thumbs_down"}, 1),
        ({"user_feedback": "regenerated"}, 1),
        ({"user_feedback": "corrected"}, 1),
        ({"correction": "a better answer"}, 1),
        ({"user_feedback": "thumbs_up", "correction": "a better answer"}, 1),
        ({"user_feedback": "thumbs_up"}, 0),
        ({}, 0),
    ],
)
def test_only_negative_feedback_counts(make_store: StoreMaker, fields: dict[str, str], found: int):
    store = make_store([span(start_time=LAST_WEEK, feedback_time=WINDOW.start, **fields)])
    assert sum(frame.height for frame in store.iter_feedback(WINDOW, SUPPORT)) == found


def test_feedback_on_another_segment_is_left_out(make_store: StoreMaker):
    fields = {"start_time": LAST_WEEK, "feedback_time": WINDOW.start, "user_feedback": "thumbs_down"}
    store = make_store([span("ours", tenant="acme", **fields), span("theirs", tenant="globex", **fields)])
    frames = list(store.iter_feedback(WINDOW, SegmentFilter("support", "tenant", ("acme",))))
    assert pl.concat(frames)["span_id"].to_list() == ["ours"]


def test_all_spans_of_a_trace_are_fetched_whenever_they_started(make_store: StoreMaker):
    rows = [span("a", trace_id="t", start_time=LAST_WEEK), span("b", trace_id="t"), span("c", trace_id="u")]
    assert ids_of(make_store(rows).fetch_units(["t"], SUPPORT, EVER)) == ["a", "b"]


def test_units_before_the_lookback_are_not_fetched(make_store: StoreMaker):
    rows = [span("old", trace_id="t", start_time=LAST_WEEK - TICK), span("young", trace_id="t", start_time=LAST_WEEK)]
    assert ids_of(make_store(rows).fetch_units(["t"], SUPPORT, LAST_WEEK)) == ["young"]


def test_fetched_spans_stay_inside_their_segment(make_store: StoreMaker):
    rows = [span("ours", trace_id="t", tenant="acme"), span("theirs", trace_id="t", tenant="globex")]
    assert ids_of(make_store(rows).fetch_units(["t"], SegmentFilter("support", "tenant", ("acme",)), EVER)) == ["ours"]


def test_no_trace_ids_fetch_nothing(make_store: StoreMaker):
    assert ids_of(make_store([span()]).fetch_units([], SUPPORT, EVER)) == []


def test_many_trace_ids_are_fetched_at_once(make_store: StoreMaker):
    store = make_store([span("first", trace_id="0"), span("last", trace_id="11999"), span("other")])
    assert ids_of(store.fetch_units([str(number) for number in range(12_000)], SUPPORT, EVER)) == ["first", "last"]


def test_spans_are_counted_by_segment(make_store: StoreMaker):
    rows = [
        span("a", tenant="acme"),
        span("b", tenant="acme", agent="support"),
        span("c", tenant="it's"),
        span("d"),
        span("e", tenant="acme", agent="drafter"),
        span("f", tenant="acme", start_time=WINDOW.end),
    ]
    assert make_store(rows).count_by_segment(WINDOW, "support", "tenant") == {"acme": 2, "it's": 1, None: 1}


def test_an_empty_window_has_no_segments(make_store: StoreMaker):
    assert make_store([span(start_time=LAST_WEEK)]).count_by_segment(WINDOW, "support", "tenant") == {}


def test_a_store_without_the_segment_column_counts_all_spans_as_nobodys(make_store: StoreMaker):
    store = make_store([span("a"), span("b")], absent=["tenant"])
    assert store.count_by_segment(WINDOW, "support", "tenant") == {None: 2}


def test_many_rows_come_in_batches_of_bounded_size(make_store: StoreMaker):
    rows = [span(f"s{number:05d}", start_time=WINDOW.start + timedelta(seconds=number)) for number in range(25_000)]
    batches = list(make_store(rows).iter_spans(WINDOW, SUPPORT))
    assert (max(batch.frame.height for batch in batches) <= MAX_BATCH_ROWS, frame_of(batches).height) == (True, 25_000)


def test_many_feedbacks_come_in_batches_of_bounded_size(make_store: StoreMaker):
    rows = [span(f"s{number:05d}", user_feedback="thumbs_down", feedback_time=WINDOW.start) for number in range(25_000)]
    heights = [frame.height for frame in make_store(rows).iter_feedback(WINDOW, SUPPORT)]
    assert (max(heights) <= MAX_BATCH_ROWS, sum(heights)) == (True, 25_000)


def test_the_batches_hold_every_row_once_and_as_written(make_store: StoreMaker):
    rows = [span(f"s{number:05d}", input=f"question {number}", labels=[str(number)]) for number in range(12_000)]
    assert_frame_equal(frame_of(make_store(rows).iter_spans(WINDOW, SUPPORT)), expected_frame(rows))


def test_a_quiet_week_has_no_rows_and_no_bad_ones(make_store: StoreMaker):
    store = make_store([span()])
    batches = list(store.iter_spans(MiningDay.parse("2020-W53-1").window(Cadence.WEEKLY), SUPPORT))
    assert (frame_of(batches).height, bad_of(batches)) == (0, [])


def test_an_empty_store_has_no_rows(make_store: StoreMaker):
    assert frame_of(make_store([]).iter_spans(WINDOW, SUPPORT)).height == 0


def test_a_quiet_week_has_no_feedback(make_store: StoreMaker):
    assert sum(frame.height for frame in make_store([span()]).iter_feedback(WINDOW, SUPPORT)) == 0


def test_foreign_column_names_are_mapped(make_store: StoreMaker):
    names = {"input": "question", "start_time": "Started At", "labels": "tags", "span_id": "id", "agent": "bot"}
    row = span(labels=["safety"], agent="support")
    store = make_store([row], columns=names)
    assert_frame_equal(frame_of(store.iter_spans(WINDOW, SUPPORT)), expected_frame([row]))


def test_mapped_segment_and_feedback_columns_are_used(make_store: StoreMaker):
    names = {"tenant": "customer", "feedback_time": "rated_at", "user_feedback": "rating", "trace_id": "conversation"}
    fields = {"start_time": LAST_WEEK, "feedback_time": WINDOW.start, "user_feedback": "thumbs_down"}
    rows = [span("ours", tenant="acme", **fields), span("theirs", tenant="globex", **fields)]
    store = make_store(rows, columns=names)
    frames = list(store.iter_feedback(WINDOW, SegmentFilter("support", "tenant", ("acme",))))
    assert pl.concat(frames).row(0) == ("trace of ours", "ours")


def test_mapped_segments_are_counted(make_store: StoreMaker):
    store = make_store([span(tenant="acme")], columns={"tenant": "customer"})
    assert store.count_by_segment(WINDOW, "support", "tenant") == {"acme": 1}


def test_two_columns_can_be_mapped_onto_each_others_names(make_store: StoreMaker):
    rows = [span(input="asked", output="answered")]
    swapped = [{"input": "asked", "output": "answered"} | span(input="answered", output="asked")]
    store = make_store(swapped)
    mapped = type(store)(**{**vars(store), "columns": {"input": "output", "output": "input"}})
    assert_frame_equal(frame_of(mapped.iter_spans(WINDOW, SUPPORT)), expected_frame(rows))


def test_one_foreign_column_can_feed_two_span_columns(make_store: StoreMaker):
    store = make_store([span()], absent=["session_id"])
    mapped = type(store)(**{**vars(store), "columns": {"session_id": "trace_id"}})
    frame = frame_of(mapped.iter_spans(WINDOW, SUPPORT))
    assert frame.select("trace_id", "session_id").row(0) == ("trace of s1", "trace of s1")


OPTIONAL = [
    name for name in SPAN_SCHEMA if name not in ("trace_id", "span_id", "input", "start_time", "truncated", "orphan")
]


@pytest.mark.parametrize("column", OPTIONAL)
def test_an_absent_optional_column_is_null(make_store: StoreMaker, column: str):
    store = make_store([FULL_ROW], absent=[column])
    assert_frame_equal(frame_of(store.iter_spans(WINDOW, SUPPORT)), expected_frame([FULL_ROW | {column: None}]))


@pytest.mark.parametrize("column", ["feedback_time", "user_feedback", "correction", "agent"])
def test_feedback_can_be_asked_for_when_an_optional_column_is_absent(make_store: StoreMaker, column: str):
    fields = {"feedback_time": WINDOW.start, "user_feedback": "thumbs_down", "correction": "a better answer"}
    store = make_store([span(**fields)], absent=[column])
    found = sum(frame.height for frame in store.iter_feedback(WINDOW, SUPPORT))
    assert found == (0 if column == "feedback_time" else 1)


def test_a_store_without_trace_ids_makes_every_span_its_own_trace(make_store: StoreMaker):
    store = make_store([span()], absent=["trace_id"])
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["trace_id"].to_list() == ["s1"]


def test_a_span_without_a_trace_is_fetched_by_its_own_id(make_store: StoreMaker):
    store = make_store([span("s1"), span("s2")], absent=["trace_id"])
    assert ids_of(store.fetch_units(["s2"], SUPPORT, EVER)) == ["s2"]


def test_a_span_that_ends_before_it_starts_is_named_and_the_others_are_kept(make_store: StoreMaker):
    early = WINDOW.start + timedelta(hours=1)
    store = make_store([span("wrong", end_time=early), span("fine")])
    batches = list(store.iter_spans(WINDOW, SUPPORT))
    assert (ids_of(batches), [bad.reason for bad in bad_of(batches)]) == (["fine"], ["end_time is before start_time"])


def test_reading_twice_gives_the_same_rows_in_the_same_order(make_store: StoreMaker):
    store = make_store([span(f"s{number}", start_time=WINDOW.start + TICK * number) for number in range(50)])
    first, second = (pl.concat(batch.frame for batch in store.iter_spans(WINDOW, SUPPORT)) for _ in range(2))
    assert_frame_equal(first, second)


def test_a_read_that_is_given_up_halfway_leaves_the_store_usable(make_store: StoreMaker):
    store = make_store([span(f"s{number:05d}") for number in range(15_000)])
    batches = store.iter_spans(WINDOW, SUPPORT)
    next(iter(batches))
    batches.close()
    assert frame_of(store.iter_spans(WINDOW, SUPPORT)).height == 15_000


def test_the_store_is_named_without_its_connection_string(make_store: StoreMaker):
    store = make_store([span()])
    assert make_store.dsn is None or make_store.dsn not in store.name
