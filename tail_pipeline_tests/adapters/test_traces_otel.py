"""The OpenTelemetry trace store: what it reads, what it passes over, and what it finds again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest

from tail_pipeline.adapters.otlp.units import UnitRules
from tail_pipeline.adapters.trace_stores import open_trace_store
from tail_pipeline.adapters.traces_otel import OtelTraceStore, _File
from tail_pipeline.domain.collection import AsRecorded, SpanCollector
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.spans import SegmentFilter, SpanBatch
from tail_pipeline.domain.traces import OtelTraces
from tail_pipeline.domain.weeks import Cadence, MiningDay, Window
from tail_pipeline_tests.adapters.otlp_traffic import Tracing, planted_turns, requests_of, traced, write_otlp
from tail_pipeline_tests.adapters.trace_writers import bad_of, frame_of

DAY = MiningDay.parse("2026-W17-1")
WINDOW = DAY.window(Cadence.WEEKLY)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
ANY = SegmentFilter("support")
AGENT = {"openinference.span.kind": "AGENT"}


def store_in(directory: Path, pattern: str = "traces/*", unit: str = "turn", **attributes: list[str]) -> OtelTraceStore:
    rules = UnitRules(unit, attributes)  # type: ignore[arg-type]
    return OtelTraceStore(directory, pattern, rules, directory / "times.sqlite")


def ask(tracing: Tracing, text: str, at: datetime, **attributes: Any) -> Any:
    return tracing.span("agent", AGENT | {"input.value": text} | attributes, at=at)


def written(path: Path, tracing: Tracing, at: datetime | None = None) -> Path:
    """The spans made so far, in a file last written at ``at``."""
    write_otlp(path, requests_of(tracing.spans))
    tracing.spans.clear()
    if at is not None:
        os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def inputs(batches: Iterator[SpanBatch]) -> list[str]:
    return sorted(frame_of(batches)["input"])


def test_the_configuration_opens_the_store(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "q", WINDOW.start, customer="acme")
    written(tmp_path / "traces" / "a.jsonl", tracing)
    traces = OtelTraces.model_validate(
        {"store": "otel", "path": "traces/*.jsonl", "attributes": {"tenant": "customer"}}
    )
    frame = frame_of(
        open_trace_store(traces, tmp_path).iter_spans(WINDOW, SegmentFilter("support", "tenant", ("acme",)))
    )
    assert frame["input"].to_list() == ["q"]


def test_a_column_that_is_not_read_from_attributes_is_refused():
    with pytest.raises(ValueError, match="not read from attributes: span_id, user"):
        OtelTraces.model_validate({"store": "otel", "path": "x", "attributes": {"user": ["a"], "span_id": ["b"]}})


def test_the_window_is_half_open_to_the_microsecond(tmp_path: Path):
    tracing = Tracing()
    tick = timedelta(microseconds=1)
    for name, at in (
        ("before", WINDOW.start - tick),
        ("first", WINDOW.start),
        ("last", WINDOW.end - tick),
        ("after", WINDOW.end),
    ):
        ask(tracing, name, at)
    written(tmp_path / "traces" / "a.jsonl", tracing)
    assert inputs(store_in(tmp_path).iter_spans(WINDOW, ANY)) == ["first", "last"]


def test_only_the_agents_and_the_segments_spans_are_read(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "ours", WINDOW.start, agent="support", **{"tenant.id": "acme"})
    ask(tracing, "shared", WINDOW.start, **{"tenant.id": "acme"})
    ask(tracing, "theirs", WINDOW.start, agent="drafter", **{"tenant.id": "acme"})
    ask(tracing, "globex", WINDOW.start, **{"tenant.id": "globex"})
    written(tmp_path / "traces" / "a.jsonl", tracing)
    store = store_in(tmp_path, agent=["agent"])
    assert inputs(store.iter_spans(WINDOW, SegmentFilter("support", "tenant", ("acme",)))) == ["ours", "shared"]
    assert store.count_by_segment(WINDOW, "support", "tenant") == {"acme": 2, "globex": 1}


def test_spans_of_other_windows_are_counted_as_passed_over(tmp_path: Path):
    tracing = Tracing()
    for days in (-1, 1, 2, 8):
        ask(tracing, f"day {days}", WINDOW.start + timedelta(days=days))
    written(tmp_path / "traces" / "a.jsonl", tracing)
    batches = list(store_in(tmp_path).iter_spans(WINDOW, ANY))
    assert (frame_of(batches).height, sum(batch.passed_over for batch in batches)) == (2, 2)


def spy(store: OtelTraceStore, window: Window) -> list[str]:
    """The names of the files that are opened for a window: those that cannot be opened any more are missed."""
    return sorted(Path(file.path).name for file in store._read(window).files)  # noqa: SLF001 nothing else tells what was opened


def test_a_file_last_written_before_the_window_is_not_read(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "old", WINDOW.start - timedelta(days=4))
    written(tmp_path / "traces" / "old.jsonl", tracing, WINDOW.start - timedelta(days=3))
    ask(tracing, "new", WINDOW.start)
    written(tmp_path / "traces" / "new.jsonl", tracing, WINDOW.end)
    assert spy(store_in(tmp_path), WINDOW) == ["new.jsonl"]


def test_a_file_rotated_long_after_the_window_is_still_read(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "late", WINDOW.start)
    written(tmp_path / "traces" / "a.jsonl", tracing, WINDOW.end + timedelta(days=90))
    assert inputs(store_in(tmp_path).iter_spans(WINDOW, ANY)) == ["late"]


def test_a_file_that_was_read_once_is_passed_over_by_the_weeks_it_says_nothing_of(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "this week", WINDOW.start)
    written(tmp_path / "traces" / "a.jsonl", tracing)
    ask(tracing, "next week", WINDOW.end + timedelta(days=3))
    path = written(tmp_path / "traces" / "b.jsonl", tracing)
    assert spy(store_in(tmp_path), WINDOW) == ["a.jsonl", "b.jsonl"]
    assert spy(store_in(tmp_path), WINDOW) == ["a.jsonl"]
    ask(tracing, "this week, after all", WINDOW.start)
    written(path, tracing)
    assert inputs(store_in(tmp_path).iter_spans(WINDOW, ANY)) == ["this week", "this week, after all"]


def test_a_link_to_a_file_has_the_time_of_the_file(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "q", WINDOW.start)
    path = written(tmp_path / "real" / "a b.jsonl", tracing)
    link = tmp_path / "traces" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    long_ago = (WINDOW.start - timedelta(days=90)).timestamp()
    os.utime(link, (long_ago, long_ago), follow_symlinks=False)
    assert inputs(store_in(tmp_path).iter_spans(WINDOW, ANY)) == ["q"]


def test_a_time_that_a_mount_made_up_does_not_hide_a_file(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "q", WINDOW.start)
    written(tmp_path / "traces" / "a.jsonl", tracing, datetime(1980, 1, 1, tzinfo=UTC))
    assert inputs(store_in(tmp_path).iter_spans(WINDOW, ANY)) == ["q"]


def test_the_repository_may_stand_in_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "q", WINDOW.start)
    written(tmp_path / "a[1] b" / "traces" / "a.jsonl", tracing)
    assert inputs(store_in(tmp_path / "a[1] b").iter_spans(WINDOW, ANY)) == ["q"]


def test_a_damaged_cache_costs_time_only(tmp_path: Path):
    tracing = Tracing()
    ask(tracing, "q", WINDOW.start)
    written(tmp_path / "traces" / "a.jsonl", tracing)
    (tmp_path / "times.sqlite").write_bytes(b"no database" * 1000)
    assert inputs(store_in(tmp_path).iter_spans(WINDOW, ANY)) == ["q"]


def test_a_turn_over_midnight_is_one_unit_whether_or_not_its_file_was_read_before(tmp_path: Path):
    tracing = Tracing()
    root = ask(tracing, "asked on Sunday", WINDOW.start - timedelta(minutes=1))
    root_file = written(tmp_path / "traces" / "a.jsonl", tracing)
    call = {"openinference.span.kind": "LLM", "input.value": "asked on Sunday"}
    tracing.span("llm", call, at=WINDOW.start + timedelta(minutes=1), parent=root)
    ask(tracing, "asked on Monday", WINDOW.start)
    written(tmp_path / "traces" / "b.jsonl", tracing)
    before = Window(WINDOW.start - timedelta(days=7), WINDOW.start)
    assert inputs(store_in(tmp_path).iter_spans(before, ANY)) == ["asked on Sunday"]
    assert root_file.exists()
    assert inputs(store_in(tmp_path).iter_spans(WINDOW, ANY)) == ["asked on Monday"]


def test_nothing_stays_on_disk_when_reading_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    write_otlp(tmp_path / "traces" / "a.framed.pb", requests_of(traced(planted_turns(8_000).turns), size=500))
    gone = tmp_path / "traces" / "b.framed.pb"
    gone.symlink_to(tmp_path / "nowhere")
    store = store_in(tmp_path)
    with pytest.raises(TransientError):
        store._assembled([*store._files(), _File(str(gone), 1, "", None)], until=None)  # noqa: SLF001
    assert list(scratch.iterdir()) == []


def test_a_window_read_again_gives_the_same_frame(tmp_path: Path):
    write_otlp(tmp_path / "traces" / "a.framed.pb", requests_of(traced(planted_turns(40).turns)))
    first = pl.concat([batch.frame for batch in store_in(tmp_path).iter_spans(WINDOW, ANY)])
    again = pl.concat([batch.frame for batch in store_in(tmp_path).iter_spans(WINDOW, ANY)])
    assert first.equals(again)


def collected(store: OtelTraceStore, lookback: timedelta = timedelta(days=30)) -> tuple[SpanCollector, pl.DataFrame]:
    collector = SpanCollector(store, WINDOW, ANY, AsRecorded(), lookback)
    return collector, pl.concat(list(collector.frames()))


@pytest.mark.parametrize("same_file", [True, False], ids=["same file", "another file"])
def test_feedback_of_this_week_brings_back_an_older_answer(tmp_path: Path, same_file: bool):
    tracing = Tracing()
    old = ask(tracing, "asked last week", WINDOW.start - timedelta(days=5))
    if not same_file:
        written(tmp_path / "traces" / "a.jsonl", tracing, WINDOW.start - timedelta(days=4))
    told = {"annotation.user_feedback.label": "thumbs_down"}
    tracing.span("feedback", told, at=WINDOW.start + timedelta(days=2), link=old)
    ask(tracing, "asked this week", WINDOW.start)
    written(tmp_path / "traces" / "b.jsonl", tracing)
    collector, frame = collected(store_in(tmp_path))
    assert dict(frame.select("input", "user_feedback").iter_rows()) == {
        "asked last week": "thumbs_down",
        "asked this week": None,
    }
    assert collector.collected.late_feedback == 1


@pytest.mark.parametrize("same_file", [True, False], ids=["same file", "another file"])
def test_feedback_below_an_older_answer_counts_in_the_week_it_was_given(tmp_path: Path, same_file: bool):
    tracing = Tracing()
    old = ask(tracing, "asked last week", WINDOW.start - timedelta(days=5))
    if not same_file:
        written(tmp_path / "traces" / "a.jsonl", tracing, WINDOW.start - timedelta(days=4))
    tracing.span("feedback", {"user_feedback": "thumbs_down"}, at=WINDOW.start + timedelta(days=2), parent=old)
    ask(tracing, "asked this week", WINDOW.start)
    written(tmp_path / "traces" / "b.jsonl", tracing)
    _, frame = collected(store_in(tmp_path))
    assert dict(frame.select("input", "user_feedback").iter_rows()) == {
        "asked last week": "thumbs_down",
        "asked this week": None,
    }


def test_feedback_on_an_answer_that_no_file_holds_is_counted_and_named(tmp_path: Path):
    tracing = Tracing()
    gone = ask(tracing, "gone", WINDOW.start - timedelta(days=5))
    tracing.spans.clear()
    tracing.span("feedback", {"user_feedback": "thumbs_down"}, at=WINDOW.start, link=gone)
    ask(tracing, "here", WINDOW.start)
    written(tmp_path / "traces" / "a.jsonl", tracing)
    collector, frame = collected(store_in(tmp_path))
    assert frame["input"].to_list() == ["here"]
    (aside,) = collector.collected.set_aside.values()
    trace_id = f"{gone.get_span_context().trace_id:032x}"
    assert (aside.reason, aside.count, aside.example) == (
        "feedback on traces that no file holds",
        1,
        f"trace {trace_id}",
    )


def test_feedback_after_the_window_is_of_a_later_week(tmp_path: Path):
    tracing = Tracing()
    unit = ask(tracing, "q", WINDOW.start)
    tracing.span("feedback", {"user_feedback": "thumbs_down"}, at=WINDOW.end - timedelta(hours=1), link=unit)
    tracing.span("feedback", {"user_feedback": "thumbs_up"}, at=WINDOW.end + timedelta(hours=1), link=unit)
    written(tmp_path / "traces" / "a.jsonl", tracing)
    _, frame = collected(store_in(tmp_path))
    assert frame["user_feedback"].to_list() == ["thumbs_down"]


def test_a_score_given_by_an_evaluator_after_midnight_still_counts(tmp_path: Path):
    tracing = Tracing()
    unit = ask(tracing, "q", WINDOW.end - timedelta(minutes=1))
    tracing.span("judge", {"rubric_score": 0.3}, at=WINDOW.end + timedelta(hours=5), link=unit)
    written(tmp_path / "traces" / "a.jsonl", tracing)
    _, frame = collected(store_in(tmp_path))
    assert frame["rubric_score"].to_list() == [0.3]


def test_units_are_fetched_by_trace_without_a_window(tmp_path: Path):
    tracing = Tracing()
    wanted = ask(tracing, "wanted", WINDOW.start - timedelta(days=300))
    ask(tracing, "other", WINDOW.start)
    written(tmp_path / "traces" / "a.jsonl", tracing)
    trace_id = f"{wanted.get_span_context().trace_id:032x}"
    assert inputs(store_in(tmp_path).fetch_units([trace_id], ANY, EVER)) == ["wanted"]
    assert inputs(store_in(tmp_path).fetch_units([trace_id], ANY, WINDOW.start)) == []


def test_the_same_traffic_can_be_read_from_an_object_store(tmp_path: Path):
    files = fsspec.filesystem("memory")
    path = write_otlp(tmp_path / "a.framed.pb.zst", requests_of(traced(planted_turns(9).turns)))
    files.pipe("/bucket/otel/2026/04/13/a.pb.zst", path.read_bytes())
    try:
        store = store_in(tmp_path, "memory://bucket/otel/**/*.zst")
        batches = list(store.iter_spans(WINDOW, ANY))
    finally:
        files.rm("/bucket", recursive=True)
    assert (frame_of(batches).height, bad_of(batches)) == (9, [])


def test_a_pattern_that_matches_nothing_is_waited_for(tmp_path: Path):
    with pytest.raises(TransientError, match=r"otel traces/\*: no file matches"):
        store_in(tmp_path).check()


def test_an_object_store_without_its_package_says_what_to_install(tmp_path: Path):
    with pytest.raises(PermanentError, match="s3fs"):
        store_in(tmp_path, "s3://bucket/otel/**").check()


def test_a_password_in_the_url_is_not_shown(tmp_path: Path):
    assert store_in(tmp_path, "sftp://user:secret@host/otel/*").name == "otel sftp://host/otel/*"


@pytest.fixture(scope="module")
def fifty_thousand(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, int]:
    """50,000 spans of all three dialects from the SDK, children before parents, over several files and encodings."""
    directory = tmp_path_factory.mktemp("planted")
    traffic = planted_turns(17_500)
    spans = traced(traffic.turns)
    requests = requests_of(spans, size=500)
    for number, framing in enumerate(("framed.pb", "varint.pb.zst", "each-zst.framed.pb", "jsonl.gz")):
        write_otlp(directory / "traces" / f"{number}.{framing}", requests[number::4])
    return directory, traffic, len(spans)


def test_planted_counts_come_out_of_fifty_thousand_spans(fifty_thousand: tuple[Path, Any, int]):
    directory, traffic, spans = fifty_thousand
    batches = list(store_in(directory).iter_spans(WINDOW, ANY))
    frame = frame_of(batches)
    assert spans > 50_000
    assert bad_of(batches) == []
    assert {
        "units": frame.height,
        "low": frame.filter(pl.col("rubric_score") < 0.82).height,
        "negative": frame.filter(pl.col("user_feedback") == "thumbs_down").height,
        "with documents": frame.filter(pl.col("contexts").list.len() == 2).height,
        "regulatory": frame.filter(pl.col("labels").list.contains("regulatory")).height,
        "acme": frame.filter(pl.col("tenant") == "acme").height,
    } == {
        "units": 17_500,
        "low": traffic.low,
        "negative": traffic.negative,
        "with documents": sum(bool(turn.documents) for turn in traffic.turns),
        "regulatory": sum(bool(turn.labels) for turn in traffic.turns),
        "acme": sum(turn.tenant == "acme" for turn in traffic.turns),
    }
