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

ROW_GROUP_ROWS = 2_000
"""Rows of a Parquet row group: a reader decodes several groups ahead, whatever their size, so large ones fill the memory."""


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
                    writer.write_table(
                        frame.select(list(self._schema)).to_arrow().cast(self._arrow_schema),
                        row_group_size=ROW_GROUP_ROWS,
                    )
        return pl.scan_parquet(self._path)


@contextmanager
def frame_spool(schema: dict[str, pl.DataType]) -> Iterator[FrameSpool]:
    """A spool that is gone afterwards; use the frame before leaving."""
    with tempfile.TemporaryDirectory(prefix="tail-pipeline-") as directory:
        yield FrameSpool(Path(directory) / "frames.parquet", schema)


def last_versions(frame: pl.LazyFrame) -> tuple[pl.LazyFrame, int]:
    """The rows whose (trace_id, span_id) does not come again later, and how many were dropped.

    Keys are compared by their hashes first, which take a tenth of their memory; only where two agree by themselves.
    """
    hashed = frame.select(pl.struct("trace_id", "span_id").hash().alias("hash"))
    repeated = hashed.collect(engine="streaming").to_series()
    repeated = repeated.filter(repeated.is_duplicated()).unique()
    if repeated.is_empty():
        return frame, 0
    rows = frame.with_row_index("row")
    suspects = rows.filter(pl.struct("trace_id", "span_id").hash().is_in(repeated.implode()))
    keys = suspects.select("trace_id", "span_id", "row").collect(engine="streaming").sort("row")
    kept = keys.unique(["trace_id", "span_id"], keep="last")
    dropped = keys.join(kept, on="row", how="anti").select("row")
    if dropped.is_empty():
        return frame, 0
    return rows.join(dropped.lazy(), on="row", how="anti", maintain_order="left").drop("row"), dropped.height


def batches_of(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows in order, at most ``MAX_BATCH_ROWS`` at a time."""
    yield from frame.collect_batches(chunk_size=MAX_BATCH_ROWS, maintain_order=True)
