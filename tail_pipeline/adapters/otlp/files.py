"""OTLP trace files as spans, whatever encoding, framing and compression an exporter chose.

JSON: one request a line, one request a file, or a list of requests. Protobuf: one message a file, or many with a
length before each (four bytes, big endian, as the Collector's file exporter writes them, or a varint). Everything
plain, gzip or zstd, as a whole or message by message. Ids are hex, as the specification asks, or base64, as some
tools write. What cannot be read is reported with its place; what stands around it, or before a cut, is kept.
"""

from __future__ import annotations

import codecs
import io
import itertools
from collections.abc import Callable, Iterator
from typing import IO, Any

import msgspec

from tail_pipeline.adapters.otlp.json_requests import ACCEPTED, JsonRequests, before_the_cut, is_json, what_it_is
from tail_pipeline.adapters.otlp.protobuf_requests import ProtobufRequests, message_before_the_cut, message_of
from tail_pipeline.adapters.otlp.spans import OtlpSpan, Report, WantedKeys
from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.spans import BadSpan

MAX_DOCUMENT_BYTES = 512 * 2**20
"""Largest file that is read as a single JSON document or protobuf message; larger ones have to be cut into lines or frames."""

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_BUFFER_BYTES = 2**20
_INFLATED_BYTES = 2**12
"""So much is decompressed at a time: what was asked for with the bytes behind a cut is lost with them."""

_GARBAGE_LINES = 100
"""So many broken lines may stand before the first good one of a file with a request a line."""


def read_spans(file: IO[bytes], size: int, shown: str, wanted: WantedKeys, report: Report) -> Iterator[list[OtlpSpan]]:
    """Spans of the first ``size`` bytes of a file, a request at a time.

    ``shown`` names the file in messages; a file that grows meanwhile is read as it was when its size was taken. Raises
    TransientError where its bytes cannot be had.
    """
    reader = _Reader(shown, wanted, report)
    cuts: list[OSError] = []
    stream = _decompressed(io.BufferedReader(_FirstBytes(file, size, shown), _BUFFER_BYTES), cuts.append)
    try:
        yield from reader.spans(stream)
    except OSError as error:
        cuts.append(error)
    for cut in cuts:
        report(BadSpan(shown, f"the file is cut or corrupt from {reader.place} on: {cut}"))


class _FirstBytes(io.RawIOBase):
    """The first bytes of a file and then its end; TransientError where the file does not give them."""

    def __init__(self, file: IO[bytes], size: int, shown: str) -> None:
        super().__init__()
        self._file = file
        self._left = size
        self._shown = shown

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._file.read(min(len(buffer), self._left))
        except OSError as error:
            raise TransientError(f"{self._shown} cannot be read: {error}") from error
        if self._left and not chunk:
            raise TransientError(f"{self._shown} lost its last {self._left} bytes while it was read; was it rotated?")
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        return len(chunk)


def _decompressed(file: io.BufferedReader, on_cut: Callable[[OSError], None]) -> io.BufferedReader:
    """The plain bytes; where a compressed file is cut or corrupt they end, and ``on_cut`` is told."""
    compression = next((kind for magic, kind in _MAGIC.items() if file.peek(4).startswith(magic)), None)
    if compression is None:
        return file
    import pyarrow as pa

    plain = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), compression)
    return io.BufferedReader(_UntilCut(plain, on_cut), _BUFFER_BYTES)


class _UntilCut(io.RawIOBase):
    """The plain bytes of a compressed file, up to its end or to where it is cut; then ``on_cut`` is told why."""

    def __init__(self, file: IO[bytes], on_cut: Callable[[OSError], None]) -> None:
        super().__init__()
        self._file = file
        self._on_cut = on_cut
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        filled = 0
        while filled < len(buffer) and not self._over:
            try:
                piece = self._file.read(min(len(buffer) - filled, _INFLATED_BYTES))
            except OSError as error:
                self._on_cut(error)
                piece = b""
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._over = not piece
        return filled


def _inflated(payload: bytes) -> bytes:
    """One message that may have been compressed on its own; raises OSError where that is broken."""
    if not any(payload.startswith(magic) for magic in _MAGIC):
        return payload
    cuts: list[OSError] = []
    plain = _decompressed(io.BufferedReader(io.BytesIO(payload)), cuts.append).read()
    if cuts:
        raise cuts[0]
    return plain


class _Reader:
    """Reads one file; ``place`` is where it stands."""

    def __init__(self, shown: str, wanted: WantedKeys, report: Report) -> None:
        self._shown = shown
        self._json = JsonRequests(wanted, report)
        self._messages = ProtobufRequests(wanted, report)
        self._report = report
        self.place = shown

    def spans(self, file: io.BufferedReader) -> Iterator[list[OtlpSpan]]:
        if file.peek(3).startswith(codecs.BOM_UTF8):
            file.read(3)
        head = file.peek(1)
        first = head.lstrip()[:1]
        if not head:
            return
        # A protobuf message begins with the byte that is a newline in text, so that has to be tried first.
        if head.startswith(b"\0") and not _is_framed(head) and _has_requests(head):
            yield from self._json_lines(file)
        elif head.startswith(b"\n") or first not in (b"{", b"["):
            yield from self._protobuf(file)
        elif first == b"[":
            yield from self._document(_whole(file))
        else:
            yield from self._json_lines(file)

    # JSON

    def _json_lines(self, file: io.BufferedReader) -> Iterator[list[OtlpSpan]]:
        ahead: list[bytes] = []
        # One document may stand over many lines; garbage before the first good line does not.
        while (line := file.readline()) and len(ahead) < _GARBAGE_LINES:
            first = not ahead
            ahead.append(line)
            if (first or line.startswith(b"{")) and is_json(line):
                break
        else:
            yield from self._document(b"".join(ahead) + line + _whole(file))
            return
        for number, one in enumerate(itertools.chain(ahead, file), start=1):
            self.place = f"{self._shown}:{number}"
            if not one.isspace():
                yield self._json.spans(one, self.place)

    def _document(self, text: bytes) -> Iterator[list[OtlpSpan]]:
        """One request, or a list of them; of what was cut, what stands before the cut."""
        if text.lstrip().startswith(b"{"):
            yield self._json.spans(text, self.place, is_document=True)
            return
        try:
            parts = msgspec.json.decode(text, type=list[msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            parts, rest = before_the_cut(text)
            place = f"{self._shown} request {len(parts) + 1}"
            yield self._json.spans_before_the_cut(rest, place, f"the list is cut or not JSON here: {error}")
        if parts and not any(b'"resourceSpans"' in bytes(part) for part in parts):
            self._report(BadSpan(self._shown, what_it_is(text)))
            return
        for number, part in enumerate(parts, start=1):
            self.place = f"{self._shown} request {number}"
            raw = bytes(part)
            yield self._json.spans(raw, self.place)

    def _protobuf(self, file: io.BufferedReader) -> Iterator[list[OtlpSpan]]:
        framing = _length_prefixed if file.peek(4)[:1] == b"\0" else None
        text = b""
        if framing is None:
            text = _whole(file)
            whole = message_of(text)
            if whole is not None:
                yield self._messages.spans(whole, self.place)
                return
            if text.lstrip()[:1] in (b"{", b"["):
                yield from self._json_lines(io.BufferedReader(io.BytesIO(text.lstrip())))
                return
            file, framing = io.BufferedReader(io.BytesIO(text)), _varint_prefixed
        good = 0
        for number, frame in enumerate(framing(file), start=1):
            self.place = f"{self._shown} message {number}"
            if frame is None and good:
                self._report(BadSpan(self.place, "the file is cut in the middle of this message"))
                return
            if frame is None:
                yield from self._unknown(text)
                return
            spans = self._message(frame)
            if not isinstance(spans, str):
                good += 1
                yield spans
            elif good or framing is _length_prefixed:
                self._report(BadSpan(self.place, spans))
            else:
                yield from self._unknown(text)
                return

    def _message(self, frame: bytes) -> list[OtlpSpan] | str:
        """The spans of one message of a file that holds many, or why it is none."""
        try:
            payload = _inflated(frame)
        except OSError as error:
            return f"this message is corrupt: {error}"
        if payload.lstrip()[:1] == b"{" and is_json(payload):
            return self._json.spans(payload, self.place)
        message = message_of(payload)
        return "not an OTLP trace request in protobuf" if message is None else self._messages.spans(message, self.place)

    def _unknown(self, text: bytes) -> Iterator[list[OtlpSpan]]:
        """Lines of requests behind garbage, a message that was cut, or nothing that can be read."""
        if _has_requests(text):
            yield from self._json_lines(io.BufferedReader(io.BytesIO(text)))
        elif (message := message_before_the_cut(text)) is not None:
            self._report(
                BadSpan(self._shown, "the file is cut in the middle of its message; its complete spans are kept")
            )
            yield self._messages.spans(message, self._shown)
        else:
            self._report(BadSpan(self._shown, f"neither JSON nor protobuf; {ACCEPTED}"))


def _whole(file: io.BufferedReader) -> bytes:
    text = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise OSError(f"more than {MAX_DOCUMENT_BYTES >> 20} MiB in one document; write one request a line")
    return text


def _has_requests(text: bytes) -> bool:
    """Whether a line of JSON stands among the first lines."""
    lines = itertools.islice(io.BytesIO(text), _GARBAGE_LINES)
    return any(line.startswith(b"{") and is_json(line) for line in lines)


def _is_framed(head: bytes) -> bool:
    """Whether this begins as a length and a message of that length do; a log that was rotated in place begins with zeros too."""
    length = int.from_bytes(head[:4])
    frame = head[4 : 4 + length]
    if len(frame) < length:
        return frame.startswith((b"\n", b"{", *_MAGIC)) and not is_json(frame.partition(b"\n")[0])
    return length > 0 and (frame.startswith(tuple(_MAGIC)) or is_json(frame) or message_of(frame) is not None)


def _length_prefixed(file: io.BufferedReader) -> Iterator[bytes | None]:
    """Frames behind a big-endian 32-bit length each; None in place of one that was cut."""
    while prefix := file.read(4):
        length = int.from_bytes(prefix)
        frame = file.read(length) if len(prefix) == 4 and length <= MAX_DOCUMENT_BYTES else b""
        if len(prefix) < 4 or len(frame) < length:
            yield None
            return
        yield frame


def _varint_prefixed(file: io.BufferedReader) -> Iterator[bytes | None]:
    """Frames behind a varint length each; None in place of one that was cut."""
    while True:
        length, shift = 0, 0
        while byte := file.read(1):
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80 or shift > 35:
                break
        if shift == 0:
            return
        frame = file.read(length) if byte and length <= MAX_DOCUMENT_BYTES else b""
        if not byte or not length or len(frame) < length:
            yield None
            return
        yield frame
