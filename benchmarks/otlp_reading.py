"""OTLP files to units of work, beside the bare parse of the same bytes.

    python -m benchmarks.otlp_reading [--spans 100000] [--real DIR]

Each measurement runs in a process of its own: spans per second of the whole way through the store (files → spans → traces
→ units in frames), and its peak memory. Beside it the floor of any Python reader on the same bytes: ``orjson.loads`` for
JSON; for protobuf ``FromString`` alone, which hands out nothing yet, and with every attribute read once, which
is what ``orjson.loads`` has done when it returns. ``--real`` names a folder with real exports (lists of OTLP/JSON requests),
which are repeated under new ids until there are as many spans.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tail_pipeline.adapters.otlp.units import UnitRules
from tail_pipeline.adapters.traces_otel import OtelTraceStore
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.adapters.otlp_traffic import START, as_json, nanos, planted_turns, requests_of, traced

WINDOW = MiningDay.parse("2026-W17-1").window(Cadence.WEEKLY)
REPEATS = 3


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--spans", type=int, default=100_000)
    options.add_argument("--real", type=Path)
    options.add_argument("--once", nargs=2, metavar=("HOW", "FILE"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.once:
        how, path = chosen.once
        _once(how, Path(path))
        return
    with tempfile.TemporaryDirectory() as directory:
        for name, requests in _traffic(chosen.spans, chosen.real):
            spans = _write(Path(directory), requests)
            for framing in ("jsonl", "framed.pb"):
                path = Path(directory) / f"traces.{framing}"
                print(f"\n{name}, {framing}: {spans} spans, {path.stat().st_size / spans / 1000:.1f} kB each")
                _compare(path, spans)


def _traffic(spans: int, real: Path | None) -> Iterator[tuple[str, Iterator[ExportTraceServiceRequest]]]:
    yield "made by the SDK, three dialects", iter(requests_of(traced(planted_turns(spans * 7 // 20).turns), size=500))
    if real:
        yield "real exports, repeated", _repeated(sorted(real.glob("otlp_*.json")), spans)


def _repeated(paths: list[Path], spans: int) -> Iterator[ExportTraceServiceRequest]:
    chance, made = random.Random(1), 0
    originals = []
    for path in paths:
        merged = ExportTraceServiceRequest()
        for record in json.loads(path.read_bytes()):
            merged.MergeFrom(json_format.ParseDict(record, ExportTraceServiceRequest()))
        originals.append(merged)
    while made < spans:
        for original in originals:
            request = ExportTraceServiceRequest()
            request.CopyFrom(original)
            trace_id, ids = chance.randbytes(16), {}
            for span in (one for group in request.resource_spans for scope in group.scope_spans for one in scope.spans):
                made += 1
                span.trace_id = trace_id
                span.span_id = ids.setdefault(span.span_id, chance.randbytes(8))
                if span.parent_span_id:
                    span.parent_span_id = ids.setdefault(span.parent_span_id, chance.randbytes(8))
                span.start_time_unix_nano = nanos(START) + made * 1_000
                span.end_time_unix_nano = span.start_time_unix_nano + 1_000
            yield request


def _write(directory: Path, requests: Iterator[ExportTraceServiceRequest]) -> int:
    spans = 0
    with (directory / "traces.jsonl").open("wb") as lines, (directory / "traces.framed.pb").open("wb") as frames:
        for request in requests:
            spans += sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans)
            lines.write(json.dumps(as_json(request)).encode() + b"\n")
            message = request.SerializeToString()
            frames.write(len(message).to_bytes(4) + message)
    return spans


def _compare(path: Path, spans: int) -> None:
    floors = ("orjson",) if path.suffix == ".jsonl" else ("protobuf", "protobuf, attributes read")
    best = {}
    for how in (*floors, "units"):
        runs = [_run(how, path) for _ in range(REPEATS)]
        seconds = min(run["seconds"] for run in runs)
        best[how] = seconds
        share = "" if how in floors else "; " + ", ".join(f"{best[floor] / seconds:.0%} of {floor}" for floor in floors)
        print(f"  {how:<28} {spans / seconds:>9,.0f} spans/s, peak {max(run['peak'] for run in runs):4.0f} MiB{share}")


def _run(how: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.otlp_reading", "--once", how, str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _peak() -> float:
    """MiB this process had at most; ``getrusage`` would count the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _once(how: str, path: Path) -> None:
    measured: dict[str, Callable[[Path], int]] = {
        "orjson": _orjson,
        "protobuf": _protobuf,
        "protobuf, attributes read": _protobuf_read,
        "units": _units,
    }
    start = time.perf_counter()
    found = measured[how](path)
    seconds = time.perf_counter() - start
    assert found > 0
    print(json.dumps({"seconds": seconds, "peak": _peak()}))


def _orjson(path: Path) -> int:
    with path.open("rb") as file:
        return sum(len(orjson.loads(line)) for line in file)


def _frames(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while prefix := file.read(4):
            yield file.read(int.from_bytes(prefix))


def _protobuf(path: Path) -> int:
    return sum(len(ExportTraceServiceRequest.FromString(frame).resource_spans) for frame in _frames(path))


def _protobuf_read(path: Path) -> int:
    read = 0
    for frame in _frames(path):
        for group in ExportTraceServiceRequest.FromString(frame).resource_spans:
            for scope in group.scope_spans:
                for span in scope.spans:
                    ids = (
                        span.trace_id,
                        span.span_id,
                        span.parent_span_id,
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                    )
                    attributes = {one.key: one.value.string_value for one in span.attributes}
                    read += len(ids) + len(attributes)
    return read


def _units(path: Path) -> int:
    store = OtelTraceStore(path.parent, path.name, UnitRules("turn", {}), path.parent / f"{time.time_ns()}.sqlite")
    return sum(batch.frame.height for batch in store.iter_spans(WINDOW, SegmentFilter("any")))


if __name__ == "__main__":
    main()
