"""OTLP files: every framing reads the same, and what is broken costs only itself."""

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tail_pipeline.adapters.otlp.units import UnitRules
from tail_pipeline.adapters.traces_otel import OtelTraceStore
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.spans import SPAN_SCHEMA, BadSpan, SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.adapters.otlp_traffic import (
    FRAMINGS,
    Tracing,
    as_json,
    framed,
    json_lines,
    planted_turns,
    requests_of,
    traced,
    write_otlp,
)
from tail_pipeline_tests.adapters.trace_writers import bad_of, frame_of

WINDOW = MiningDay.parse("2026-W17-1").window(Cadence.WEEKLY)
ANY = SegmentFilter("support")
REQUESTS = requests_of(traced(planted_turns(30).turns), size=11)
LINES = json_lines(REQUESTS)


@pytest.fixture
def store_of(tmp_path: Path) -> Callable[..., OtelTraceStore]:
    def open_store(pattern: str = "traces/*", **attributes: list[str]) -> OtelTraceStore:
        return OtelTraceStore(tmp_path, pattern, UnitRules("turn", attributes), tmp_path / "times.sqlite")

    return open_store


def write(tmp_path: Path, content: bytes, name: str = "a.jsonl") -> Path:
    path = tmp_path / "traces" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def read(store: OtelTraceStore) -> tuple[list[str], list[BadSpan]]:
    """The questions that came out, and what could not be read."""
    batches = list(store.iter_spans(WINDOW, ANY))
    return sorted(text.partition(":")[0] for text in frame_of(batches)["input"]), bad_of(batches)


ALL = sorted(f"question {number}" for number in range(30))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_framing_gives_the_same_units(tmp_path: Path, store_of: Any, framing: str):
    write_otlp(tmp_path / "reference" / "a.jsonl", REQUESTS)
    write_otlp(tmp_path / "traces" / f"a.{framing}", REQUESTS)
    reference = frame_of(store_of("reference/*").iter_spans(WINDOW, ANY))
    batches = list(store_of().iter_spans(WINDOW, ANY))
    assert bad_of(batches) == []
    assert reference.height == 30
    assert_frame_equal(frame_of(batches), reference)


@settings(deadline=None, max_examples=15)
@given(order=st.permutations(range(len(REQUESTS))), cuts=st.sets(st.integers(1, len(REQUESTS) - 1), max_size=3))
def test_units_do_not_depend_on_how_requests_are_spread_over_files(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: set[int]
):
    directory = tmp_path_factory.mktemp("spread")
    edges = [0, *sorted(cuts), len(order)]
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        write_otlp(directory / "traces" / f"{number}.jsonl", [REQUESTS[one] for one in order[start:end]])
    store = OtelTraceStore(directory, "traces/*", UnitRules("turn", {}), directory / "times.sqlite")
    write_otlp(directory / "reference" / "a.jsonl", REQUESTS)
    whole = OtelTraceStore(directory, "reference/*", UnitRules("turn", {}), directory / "times.sqlite")
    assert_frame_equal(frame_of(store.iter_spans(WINDOW, ANY)), frame_of(whole.iter_spans(WINDOW, ANY)))


def test_a_request_written_twice_counts_once(tmp_path: Path, store_of: Any):
    write(tmp_path, b"".join(LINES + LINES[:3]))
    assert read(store_of()) == (ALL, [])


def test_one_percent_of_garbage_lines_costs_only_itself(tmp_path: Path, store_of: Any):
    garbage = [b"\x00\xff\xfe not json\n", b'{"resourceSpans": 7}\n', b'"a string"\n']
    write(tmp_path, b"".join(line + (garbage[n // 3] if n % 3 == 0 else b"") for n, line in enumerate(LINES)))
    questions, bad = read(store_of())
    assert questions == ALL
    assert [one.place for one in bad] == ["traces/a.jsonl:2", "traces/a.jsonl:6", "traces/a.jsonl:10"]
    assert [one.reason.partition(":")[0].partition(" or protobuf")[0] for one in bad] == [
        "not valid JSON in UTF-8",
        "an OTLP request whose resourceSpans are not as OTLP has them",
        "this looks like JSON of type str, not like OTLP traces; accepted are OTLP trace requests (with resourceSpans) as JSON",
    ]


def test_garbage_in_the_first_line_does_not_hide_the_rest(tmp_path: Path, store_of: Any):
    write(tmp_path, b"{garbage\n" + b"".join(LINES))
    questions, bad = read(store_of())
    assert questions == ALL
    assert [one.place for one in bad] == ["traces/a.jsonl:1"]


@pytest.mark.parametrize(
    "garbage", [b"{one\n{two\n", b"starting\n", b'"a string"\n"another"\n', b"\xef\xbb\xbf"], ids=repr
)
def test_garbage_before_the_first_request_does_not_hide_the_rest(tmp_path: Path, store_of: Any, garbage: bytes):
    write(tmp_path, garbage + b"".join(LINES))
    questions, bad = read(store_of())
    assert questions == ALL
    assert [one.place for one in bad] == [f"traces/a.jsonl:{n}" for n in range(1, garbage.count(b"\n") + 1)]


def test_a_torn_last_line_is_named_and_read_once_it_is_whole(tmp_path: Path, store_of: Any):
    torn = b"".join(LINES)[:-200]
    path = write(tmp_path, torn)
    questions, bad = read(store_of())
    assert set(questions) < set(ALL)
    assert [one.place for one in bad] == [f"traces/a.jsonl:{len(LINES)}"]
    path.write_bytes(b"".join(LINES))
    assert read(store_of()) == (ALL, [])


@pytest.mark.parametrize("name", ["a.framed.pb", "a.varint.pb"])
def test_a_torn_last_message_is_named(tmp_path: Path, store_of: Any, name: str):
    path = write_otlp(tmp_path / "traces" / name, REQUESTS)
    path.write_bytes(path.read_bytes()[:-100])
    questions, bad = read(store_of())
    assert 0 < len(questions) < 30
    assert [(one.place, one.reason) for one in bad] == [
        (f"traces/{name} message {len(REQUESTS)}", "the file is cut in the middle of this message")
    ]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.framed.pb.gz"])
def test_a_cut_compressed_file_gives_what_stands_before_the_cut(tmp_path: Path, store_of: Any, name: str):
    many = requests_of(traced(planted_turns(3_000).turns))
    path = write_otlp(tmp_path / "traces" / name, many)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    questions, bad = read(store_of())
    assert 300 < len(questions) < 3_000
    assert [one.reason.partition(" from ")[0] for one in bad][-1].startswith("the file is cut")


def test_a_list_that_is_cut_gives_the_requests_before_the_cut(tmp_path: Path, store_of: Any):
    path = write_otlp(tmp_path / "traces" / "a.list.json", REQUESTS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    questions, bad = read(store_of())
    assert 5 < len(questions) < 25
    assert len(bad) == 1
    assert bad[0].reason.startswith("the list is cut or not JSON here")


def test_a_file_that_grows_is_read_as_it_was_listed(tmp_path: Path, store_of: Any):
    path = write(tmp_path, b"".join(LINES[:-1]))
    store = store_of()
    listed = store._files()  # noqa: SLF001 the moment between listing and reading has no other handle
    with path.open("ab") as file:
        file.write(LINES[-1])
    bad: list[BadSpan] = []
    lines = list(store._spans_of(listed[0], bad.append))  # noqa: SLF001
    assert (len(lines), bad) == (len(LINES) - 1, [])


AGENT_KIND = {"key": "openinference.span.kind", "value": {"stringValue": "AGENT"}}


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    """One request of two single-span traces; ``change`` breaks the first."""
    tracing = Tracing()
    for number in range(2):
        attributes = {"openinference.span.kind": "AGENT", "input.value": f"question {number}", "output.value": "yes"}
        tracing.span("agent", attributes)
    record = as_json(requests_of(tracing.spans)[0])
    change(record["resourceSpans"][0]["scopeSpans"][0]["spans"][0])
    return json.dumps(record).encode() + b"\n"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"traceId": "abc"}, "traceId 'abc' is neither 32 hex digits nor base64 of 16 bytes"),
        ({"traceId": 7}, "Expected `str`, got `int` - at `$.traceId`"),
        ({"spanId": ""}, "spanId '' is neither 16 hex digits nor base64 of 8 bytes"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano 'soon' is not a time in nanoseconds since 1970"),
        ({"startTimeUnixNano": "99999999999999999999999"}, "startTimeUnixNano '99999999999999999999999' is not a time"),
        (
            {"startTimeUnixNano": "1776067200000000000", "endTimeUnixNano": "1776067100000000000"},
            "end_time is before start_time",
        ),
        ({"attributes": [{"key": "input.value", "value": {"stringValue": 7}}]}, "not an OTLP attribute value"),
        (
            {"attributes": [AGENT_KIND, {"key": "input.value", "value": {"stringValue": 7}}]},
            "not an OTLP attribute value: Expected `str | null`, got `int` - at `$.stringValue`",
        ),
        (
            {"attributes": [AGENT_KIND]},
            "no input text on the unit or on its model calls; is message content captured?",
        ),
    ],
)
def test_a_bad_span_is_named_and_its_neighbour_kept(tmp_path: Path, store_of: Any, change: dict[str, Any], reason: str):
    write(tmp_path, changed(lambda span: span.update(change)))
    batches = list(store_of().iter_spans(WINDOW, ANY))
    assert frame_of(batches)["input"].to_list() == ["question 1"]
    told = [one.reason for one in bad_of(batches)]
    assert len(told) == 1
    assert reason in told[0]


@pytest.mark.parametrize(("field", "length"), [("traceId", 32), ("spanId", 16)])
def test_an_id_of_zeros_is_named(tmp_path: Path, store_of: Any, field: str, length: int):
    write(tmp_path, changed(lambda span: span.update({field: "0" * length})))
    questions, bad = read(store_of())
    assert questions == ["question 1"]
    assert [one.reason.partition(": ")[2] for one in bad] == [f"{field} is all zeros"]


def test_a_parent_of_zeros_is_none(tmp_path: Path, store_of: Any):
    write(tmp_path, changed(lambda span: span.update(parentSpanId="0" * 16)))
    frame = frame_of(store_of().iter_spans(WINDOW, ANY))
    assert frame["orphan"].to_list() == [False, False]


def test_ids_may_be_in_the_base64_of_urls(tmp_path: Path, store_of: Any):
    binary = b"\xfb\xff\xfe" * 5 + b"\1"
    write(tmp_path, changed(lambda span: span.update(traceId=base64.urlsafe_b64encode(binary).decode())))
    assert binary.hex() in frame_of(store_of().iter_spans(WINDOW, ANY))["trace_id"].to_list()


def test_a_file_that_shrinks_while_it_is_read_is_waited_for_and_not_remembered(tmp_path: Path, store_of: Any):
    path = write(tmp_path, b"".join(LINES))
    store = store_of()
    (listed,) = store._files()  # noqa: SLF001 the moment between listing and reading has no other handle
    path.write_bytes(LINES[0])
    with pytest.raises(TransientError, match=r"traces/a.jsonl lost its last \d+ bytes while it was read"):
        list(store._spans_of(listed, lambda bad: pytest.fail(str(bad))))  # noqa: SLF001
    os.utime(path, ns=(0, listed.modified * 1000))
    path.write_bytes(b"".join(LINES))
    os.utime(path, ns=(0, listed.modified * 1000))
    assert read(store_of()) == (ALL, [])


def test_a_span_long_after_its_file_was_written_is_named(tmp_path: Path, store_of: Any):
    path = write(tmp_path, b"".join(LINES))
    os.utime(path, (WINDOW.start.timestamp(), WINDOW.start.timestamp() + 86_400))
    questions, bad = read(store_of())
    assert 0 < len(questions) < 30
    assert len({one.place for one in bad}) == len(bad) > 0
    assert all("days after its file was last written" in one.reason for one in bad)


def test_more_attributes_than_the_sdk_keeps_mark_a_unit_as_truncated(tmp_path: Path, store_of: Any):
    tracing = Tracing()
    many = {f"extra.{number}": number for number in range(130)}
    tracing.span("agent", many | {"openinference.span.kind": "AGENT", "input.value": "kept"})
    tracing.span("agent", {"openinference.span.kind": "AGENT", "input.value": "whole"})
    write_otlp(tmp_path / "traces" / "a.jsonl", requests_of(tracing.spans))
    frame = frame_of(store_of().iter_spans(WINDOW, ANY))
    assert dict(frame.select("input", "truncated").iter_rows()) == {"kept": True, "whole": False}


def test_a_value_of_five_megabytes_is_cut_and_flagged(tmp_path: Path, store_of: Any):
    tracing = Tracing()
    tracing.span("agent", {"openinference.span.kind": "AGENT", "input.value": "long " * 1_000_000})
    write_otlp(tmp_path / "traces" / "a.framed.pb", requests_of(tracing.spans))
    ((text, truncated),) = frame_of(store_of().iter_spans(WINDOW, ANY)).select("input", "truncated").iter_rows()
    assert (len(text), truncated) == (200_000, True)


def test_a_lone_surrogate_does_not_enter(tmp_path: Path, store_of: Any):
    write(tmp_path, changed(lambda _: None).replace(b'"question 0"', b'"question \\ud800"'))
    questions, bad = read(store_of())
    assert questions == ["question 1"]
    assert len(bad) == 1


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b'{"trace": {"id": "x"}, "observations": []}', "a Langfuse trace export"),
        (b'[{"spanContext": {}, "startTime": [1, 2]}]', "a dump of ReadableSpan objects of the JavaScript SDK"),
        (b'{"trace_id": "x", "spans": [{"child_spans": []}]}', "a dump of nested spans (child_spans)"),
        (
            b'{"name": "x", "context": {}, "parent_id": null, "start_time": ""}',
            "what the Python SDK's console exporter prints",
        ),
        (b'{"b": 1, "a": 2}', "a JSON object with the keys a, b"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path: Path, store_of: Any, content: bytes, looks: str):
    write(tmp_path, content, "a.json")
    write(tmp_path, b"".join(LINES), "b.jsonl")
    questions, bad = read(store_of())
    assert questions == ALL
    assert [one.reason.partition(", not like")[0] for one in bad] == [f"this looks like {looks}"]


@settings(deadline=None, max_examples=40)
@given(content=st.binary(max_size=300))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    directory = tmp_path_factory.mktemp("noise")
    write(directory, content, "a.bin")
    write(directory, LINES[0], "b.jsonl")
    store = OtelTraceStore(directory, "traces/*", UnitRules("turn", {}), directory / "times.sqlite")
    assert len(read(store)[0]) > 0


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_damage_to_a_framed_file_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    whole = bytearray(framed(request.SerializeToString() for request in REQUESTS[:2]))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    directory = tmp_path_factory.mktemp("damage")
    write(directory, bytes(whole), "a.pb")
    write(directory, LINES[3], "b.jsonl")
    store = OtelTraceStore(directory, "traces/*", UnitRules("turn", {}), directory / "times.sqlite")
    assert len(read(store)[0]) > 0


def test_a_frame_has_the_span_schema(tmp_path: Path, store_of: Any):
    write(tmp_path, LINES[0])
    assert all(dict(batch.frame.schema) == SPAN_SCHEMA for batch in store_of().iter_spans(WINDOW, ANY))


def test_a_window_without_a_known_dialect_is_an_error_that_says_what_was_seen(tmp_path: Path, store_of: Any):
    tracing = Tracing()
    tracing.span("GET /health", {"http.request.method": "GET"}, at=WINDOW.start + timedelta(hours=3))
    write_otlp(tmp_path / "traces" / "a.jsonl", requests_of(tracing.spans))
    with pytest.raises(PermanentError, match=r"none of 1 traces .* span 'GET /health' with http\.request\.method"):
        list(store_of().iter_spans(WINDOW, ANY))


def test_logs_and_metrics_of_the_same_collector_are_set_aside(tmp_path: Path, store_of: Any):
    write(tmp_path, b"".join(LINES) + b'{"resourceLogs": []}\n' * 40 + b'{"resourceMetrics": []}\n' * 2)
    batches = list(store_of().iter_spans(WINDOW, ANY))
    aside = [one for batch in batches for one in batch.set_aside]
    assert bad_of(batches) == []
    assert [(one.reason, one.count) for one in aside] == [("OTLP requests with logs or metrics", 42)]
