"""Frames and records of a subject's partitions, in a directory or behind an object-store URL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from upath import UPath

from tail_pipeline.domain.forgetting import Held, Subject

_SEGMENT_DEPTH = 3
"""``<agent>/<asset>/<mining day>/<segment>.parquet``"""


@dataclass(frozen=True)
class StoredFrames:
    """What the IO managers wrote below ``base``."""

    base: str

    def held(self, subject: Subject) -> list[Held]:
        files = tuple(sorted(self._files(subject)))
        return [Held(f"frames and records in {self.base}", files)] if files else []

    def forget(self, subject: Subject) -> None:
        base = UPath(self.base)
        for name in sorted(self._files(subject)):
            (base / name).unlink()
        self._remove_empty_folders(subject)

    def remains(self, subject: Subject) -> list[str]:
        mixed = sorted(name for name in self._below(subject) if subject.segment and _depth(name) < _SEGMENT_DEPTH)
        if not mixed:
            return []
        where = f"{self.base}/{subject.dagster_name}"
        what = f"{len(mixed)} frames and records in {where} are of no segment, such as {mixed[0]}"
        return [f"{what}: of all together, or from before the agent had segments; delete those by hand"]

    def _files(self, subject: Subject) -> Iterator[str]:
        """Those of the subject's, what a killed run left half-written among them."""
        for name in self._below(subject):
            own = PurePosixPath(name).name.lstrip(".").partition(".")[0]
            if subject.segment is None or (_depth(name) == _SEGMENT_DEPTH and own == subject.segment):
                yield name

    def _below(self, subject: Subject) -> list[str]:
        """Every file of the agent, seen from the base."""
        root = UPath(self.base)
        try:
            found = root.fs.find((root / subject.dagster_name).path)
        except FileNotFoundError:
            return []
        beginning = f"{root.fs._strip_protocol(root.path).rstrip('/')}/"  # noqa: SLF001 no other way says how it spells paths
        return [str(path).removeprefix(beginning) for path in found]

    def _remove_empty_folders(self, subject: Subject) -> None:
        """Object stores have none."""
        root = UPath(self.base)
        if root.protocol not in ("", "file"):
            return
        folders = sorted((root / subject.dagster_name).glob("**/"), key=lambda one: -len(one.parts))
        for folder in folders:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _depth(name: str) -> int:
    """How many folders stand above the file."""
    return name.count("/")
