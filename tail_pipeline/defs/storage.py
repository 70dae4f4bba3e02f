"""Where assets are kept between steps: frames as Parquet, records as JSON, each replaced in one move."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import TypeAdapter
from upath import UPath

from tail_pipeline.adapters.frame_spool import ROW_GROUP_ROWS
from tail_pipeline.adapters.state_dir import STATE_DIR

STORAGE_ENV = "TAIL_PIPELINE_STORAGE"


def storage_base(repo_dir: Path) -> str:
    """The directory or object-store URL that frames and records of a checkout go to."""
    return os.environ.get(STORAGE_ENV) or str(repo_dir / STATE_DIR / "frames")


class FrameIOManager(dg.UPathIOManager):
    """Polars frames as Parquet, read back lazily."""

    extension: str = ".parquet"

    def __init__(self, base: str) -> None:
        super().__init__(base_path=UPath(base))

    def dump_to_path(self, context: dg.OutputContext, obj: pl.DataFrame | pl.LazyFrame, path: UPath) -> None:
        with _replacing(path) as target, target.open("wb") as file:
            obj.lazy().sink_parquet(file, compression="zstd", row_group_size=ROW_GROUP_ROWS)

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pl.LazyFrame:
        """Raises FileNotFoundError for a partition that is not there, which a lazy scan would only say when it is read."""
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there; materialize the asset before it")
        return _scan(path)

    def load_partitions(self, context: dg.InputContext) -> pl.LazyFrame | dict[str, pl.LazyFrame]:
        """One partition, or those of several that are there where the input may lack some.

        Dagster asks for each by itself and stores two log entries a partition: of 200 tenants on a day on which one was
        mined, 400 entries and most of the run's time. Here each directory is listed once.
        """
        if not (context.definition_metadata or {}).get("allow_missing_partitions"):
            loaded: pl.LazyFrame | dict[str, pl.LazyFrame] = super().load_partitions(context)
            return loaded
        paths = self._get_paths_for_partitions(context)
        listed = {str(path) for folder in {one.parent for one in paths.values()} for path in _files_in(folder)}
        found = {key: _scan(path) for key, path in paths.items() if str(path) in listed}
        context.log.debug(f"{len(found)} of {len(paths)} partitions of {context.asset_key.to_user_string()} are there")
        return found

    def stored(self, asset: dg.AssetKey, *partition: str) -> pl.LazyFrame | None:
        """The frame that a run left of a partition, given by its dimensions in the order of their names; None where none did.

        For what a run would like and can do without. As a dependency it would stop the first partition, and
        ``context.load_asset_value`` lists all partitions of the agent: .3 to .9 s a frame with 200 tenants.
        """
        path = self._with_extension(self._base_path.joinpath(*asset.path, *partition))
        return _scan(path) if path.exists() else None


class RecordIOManager(dg.UPathIOManager):
    """Dataclasses and models as JSON, read back as the type the input is annotated with."""

    extension: str = ".json"

    def __init__(self, base: str) -> None:
        super().__init__(base_path=UPath(base))

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        with _replacing(path) as target:
            target.write_bytes(TypeAdapter(type(obj)).dump_json(obj, indent=1))

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        return TypeAdapter(context.dagster_type.typing_type).validate_json(path.read_bytes())


def _scan(path: UPath) -> pl.LazyFrame:
    return pl.scan_parquet(str(path), storage_options=dict(path.storage_options) or None)


def _files_in(folder: UPath) -> Iterator[UPath]:
    return folder.iterdir() if folder.is_dir() else iter(())


@contextmanager
def _replacing(path: UPath) -> Iterator[UPath]:
    """A path to write to; it takes the place of ``path`` only when everything was written.

    On object stores a write is one put and atomic by itself, so only local files need the detour.
    """
    if path.protocol not in ("", "file"):
        yield path
        return
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
