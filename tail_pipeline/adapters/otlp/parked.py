"""Spans on disk while their traces are incomplete, so that memory stays flat however many there are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import msgspec

from tail_pipeline.adapters.otlp.spans import OtlpSpan

_BUCKETS = 64


class ParkedSpans:
    """Spans on disk, all of one trace in one bucket; ``close`` removes them."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="tail-pipeline-otlp-"))
        self._files: list[BinaryIO] = [(self._directory / str(n)).open("wb+") for n in range(_BUCKETS)]
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[OtlpSpan]).decode

    def add(self, traces: Mapping[str, list[OtlpSpan]]) -> None:
        for trace_id, spans in traces.items():
            payload = self._encode(spans)
            key = trace_id.encode()
            file = self._files[crc32(key) % _BUCKETS]
            file.write(len(key).to_bytes(4) + key + len(payload).to_bytes(4) + payload)

    def traces(self, held: dict[str, list[OtlpSpan]]) -> Iterator[dict[str, list[OtlpSpan]]]:
        """The traces bucket by bucket, those still held among them."""
        self.add(held)
        held.clear()
        for file in self._files:
            file.seek(0)
            traces: dict[str, list[OtlpSpan]] = {}
            while length := file.read(4):
                key = file.read(int.from_bytes(length)).decode()
                traces.setdefault(key, []).extend(self._decode(file.read(int.from_bytes(file.read(4)))))
            yield traces

    def close(self) -> None:
        for file in self._files:
            file.close()
        shutil.rmtree(self._directory, ignore_errors=True)
