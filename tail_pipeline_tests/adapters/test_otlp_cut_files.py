"""Files that break off, or begin with what is none of theirs: what is complete in them is read, and the rest is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from opentelemetry.sdk.trace import ReadableSpan

from tail_pipeline.adapters.otlp.units import UnitRules
from tail_pipeline.adapters.traces_otel import OtelTraceStore
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.adapters.otlp_traffic import (
    Tracing,
    framed,
    json_lines,
    planted_turns,
    requests_of,
    traced,
    write_otlp,
)
from tail_pipeline_tests.adapters.trace_writers import bad_of, frame_of

WINDOW = MiningDay.parse("2026-W17-1").window(Cadence.WEEKLY)
TURNS = 40
REQUESTS = requests_of(traced(planted_turns(TURNS).turns, ["openllmetry"]), size=1_000)
"""One request with all spans."""

SMALL = requests_of(traced(planted_turns(TURNS).turns), size=5)
LINES = b"".join(json_lines(SMALL))


def read(tmp_path: Path, name: str, content: bytes) -> tuple[list[int], list[str]]:
    """The numbers of the questions that came out, and why the rest did not."""
    path = tmp_path / "traces" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    store = OtelTraceStore(tmp_path, "traces/*", UnitRules("turn", {}), tmp_path / "times.sqlite")
    batches = list(store.iter_spans(WINDOW, SegmentFilter("support")))
    numbers = [int(text.split()[1].rstrip(":")) for text in frame_of(batches)["input"]]
    return sorted(numbers), [one.reason for one in bad_of(batches)]


@pytest.mark.parametrize("name", ["one.json", "pretty.json", "one.pb"])
def test_a_single_request_that_is_cut_gives_the_spans_before_the_cut(tmp_path: Path, name: str):
    whole = write_otlp(tmp_path / name, REQUESTS).read_bytes()
    assert len(REQUESTS) == 1
    numbers, reasons = read(tmp_path, name, whole[: len(whole) // 2])
    assert 0.3 * TURNS < len(numbers) < 0.7 * TURNS
    assert numbers == list(range(len(numbers)))
    (reason,) = reasons
    assert reason.endswith("its complete spans are kept")


def test_the_request_in_which_a_list_is_cut_gives_its_spans_before_the_cut(tmp_path: Path):
    whole = write_otlp(tmp_path / "list.json", REQUESTS).read_bytes()
    numbers, reasons = read(tmp_path, "list.json", whole[: len(whole) // 2])
    assert 0.3 * TURNS < len(numbers) < 0.7 * TURNS
    assert len(reasons) == 1


@pytest.mark.parametrize("cut_at", [b'"name": "support.workflow"', b'"resourceSpans"', b'"spans"'])
def test_a_request_cut_before_its_first_complete_span_gives_none(tmp_path: Path, cut_at: bytes):
    whole = write_otlp(
        tmp_path / "one.json", requests_of(traced(planted_turns(1).turns, ["openllmetry"])[-1:])
    ).read_bytes()
    numbers, reasons = read(tmp_path, "one.json", whole[: whole.index(cut_at) + len(cut_at)])
    assert (numbers, len(reasons)) == ([], 1)
    assert "complete spans are kept" not in reasons[0]


def test_brackets_inside_a_text_that_is_cut_close_nothing(tmp_path: Path):
    tracing = Tracing()
    for number, text in enumerate(["whole", 'cut "}]}]}]}]} and \\']):
        kind = {"openinference.span.kind": "AGENT"}
        tracing.span("agent", kind | {"input.value": f"question {number}: {text}", "output.value": "}]}"})
    whole = write_otlp(tmp_path / "one.json", requests_of(tracing.spans)).read_bytes()
    numbers, reasons = read(tmp_path, "one.json", whole[: whole.index(b" and ") + 7])
    assert (numbers, len(reasons)) == ([0], 1)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.one.json.gz", "a.list.json.gz", "a.one.pb.gz", "a.framed.pb.gz"])
def test_a_small_compressed_file_that_is_cut_gives_what_stands_before_the_cut(tmp_path: Path, name: str):
    plain = write_otlp(tmp_path / name.removesuffix(".gz"), SMALL if "jsonl" in name or "framed" in name else REQUESTS)
    packed = gzip.compress(plain.read_bytes())
    numbers, reasons = read(tmp_path, name, packed[: len(packed) // 2])
    assert 0.1 * TURNS < len(numbers) < 0.9 * TURNS
    assert "the file is cut or corrupt" in reasons[-1]


def test_one_corrupt_message_among_many_costs_only_itself(tmp_path: Path):
    messages = [zstandard.ZstdCompressor().compress(one.SerializeToString()) for one in requests_of(_turns(9), size=1)]
    messages[4] = messages[4][:-9]
    numbers, reasons = read(tmp_path, "a.pb", framed(messages))
    assert numbers == [0, 1, 2, 3, 5, 6, 7, 8]
    (reason,) = reasons
    assert reason.startswith("this message is corrupt")


@pytest.mark.parametrize(
    "zeros", [b"\0\1\xff\n", b"\0" * 3, b"\0" * 4, b"\0" * 5, b"\0" * 4_096, b"\0\0\0\x20\n"], ids=repr
)
def test_zeros_before_the_first_line_do_not_make_protobuf_of_a_file(tmp_path: Path, zeros: bytes):
    """A log that was truncated in place while its writer went on begins with zeros, as a framed file does."""
    numbers, reasons = read(tmp_path, "a.jsonl", zeros + b"".join(json_lines(requests_of(_turns(9), size=1))))
    assert numbers in (list(range(9)), list(range(1, 9)))
    assert len(reasons) == 1


def test_spans_under_the_name_they_had_in_old_exporters_are_read(tmp_path: Path):
    line = b"".join(json_lines(requests_of(_turns(2))))
    assert b'"scopeSpans"' in line
    assert read(tmp_path, "a.jsonl", line.replace(b'"scopeSpans"', b'"instrumentationLibrarySpans"')) == ([0, 1], [])


def _turns(count: int) -> list[ReadableSpan]:
    """Turns of one span each."""
    tracing = Tracing()
    for number in range(count):
        tracing.span("agent", {"openinference.span.kind": "AGENT", "input.value": f"question {number}: q"})
    return tracing.spans
