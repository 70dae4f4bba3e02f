"""Frames on local disk while an asset is being made: rows stream in, memory stays flat, a lazy frame comes out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tail_pipeline.domain.spans import MAX_BATCH_ROWS


class FrameSpool:
    """Writes frames of one schema to a Parquet file, one row group each."""

    def __init__(self, path: Path, schema: dict[str, pl.DataType]) -> None:
        self._path = path
        self._schema = schema
        self._arrow_schema: pa.Schema = pl.DataFrame(schema=schema).to_arrow().schema

    def write(self, frames: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        with pq.ParquetWriter(self._path, self._arrow_schema, compression="zstd") as writer:
            for frame in frames:
                if frame.height:
                    writer.write_table(frame.select(list(self._schema)).to_arrow().cast(self._arrow_schema))
        return pl.scan_parquet(self._path)


@contextmanager
def frame_spool(schema: dict[str, pl.DataType]) -> Iterator[FrameSpool]:
    """A spool that is gone afterwards; use the frame before leaving."""
    with tempfile.TemporaryDirectory(prefix="tail-pipeline-") as directory:
        yield FrameSpool(Path(directory) / "frames.parquet", schema)


def last_versions(frame: pl.LazyFrame) -> tuple[pl.LazyFrame, int]:
    """The rows whose (trace_id, span_id) does not come again later, and how many were dropped."""
    keys = frame.select("trace_id", "span_id").with_row_index("row").collect()
    kept = keys.unique(["trace_id", "span_id"], keep="last", maintain_order=True)
    dropped = keys.height - kept.height
    if not dropped:
        return frame, 0
    rows = frame.with_row_index("row").join(kept.lazy().select("row"), on="row", how="semi", maintain_order="left")
    return rows.drop("row"), dropped


def batches_of(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows in order, at most ``MAX_BATCH_ROWS`` at a time."""
    yield from frame.collect_batches(chunk_size=MAX_BATCH_ROWS, maintain_order=True)
