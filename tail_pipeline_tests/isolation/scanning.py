"""The property itself: a world is played, and no text of it is found where its owner's data does not belong."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tail_pipeline_tests.isolation.artefacts import Artefact, artefacts_of
from tail_pipeline_tests.isolation.canaries import Aviary, Canary, Owner
from tail_pipeline_tests.isolation.deployment import Deployment, deployed
from tail_pipeline_tests.isolation.running import Played, Player
from tail_pipeline_tests.isolation.worlds import World
from tail_pipeline_tests.memory import memory_directory

MIN_TENANTS = 3
"""How many tenants have to have what they share, by default."""

REDACTED = True
"""Whether addresses are taken out before anything is written."""


@dataclass(frozen=True)
class Leak:
    """A text where it must not be."""

    where: str
    canary: Canary

    def __str__(self) -> str:
        return f"{self.where}: {self.canary}"


@dataclass
class Scan:
    """What was looked at, and what should not have been there; ``seen`` are canaries met where they belong."""

    artefacts: int = 0
    planted: int = 0
    seen: set[str] = field(default_factory=set)
    leaks: list[Leak] = field(default_factory=list)
    mined: int = 0
    failed: list[str] = field(default_factory=list)


def play(world: World, *, dsn: str | None = None, tamper: Callable[[Deployment, Played], None] | None = None) -> Scan:
    """Play a world in a directory of its own, and scan everything it left, temporary files too.

    ``tamper`` comes in between. Raises UnknownArtefact for what nobody has classified.
    """
    with (
        tempfile.TemporaryDirectory(prefix="isolation-", dir=memory_directory()) as name,
        _temporary_files(Path(name) / "tmp") as temporary,
    ):
        with deployed(world, Path(name), dsn) as deployment:
            played = Player(deployment).play()
            if tamper:
                tamper(deployment, played)
            if world.store == "otel":
                # What was read of OTLP files lies in a directory that goes with its store.
                gc.collect()
            left = (Artefact(f"temporary file {path}", path.read_bytes(), frozenset()) for path in _files_in(temporary))
            found = scanned([*artefacts_of(deployment, played), *left], deployment.aviary)
        found.mined, found.failed = played.mined, played.failed
        return found


def scanned(artefacts: Iterable[Artefact], aviary: Aviary) -> Scan:
    """Which canaries are in which of the artefacts, and which of them do not belong there."""
    scan = Scan(planted=len(aviary.known))
    for artefact in artefacts:
        scan.artefacts += 1
        canaries = aviary.found_in(artefact.content)
        leaks = [Leak(artefact.where, canary) for canary in _out_of_place(artefact, canaries)]
        scan.leaks += leaks
        scan.seen |= {canary.word for canary in canaries} - {leak.canary.word for leak in leaks}
    return scan


def report(leaks: Iterable[Leak], limit: int = 20) -> str:
    """The leaks, kind of place by kind of place."""
    listed = [str(leak) for leak in leaks]
    return "\n".join([f"{len(listed)} texts where they do not belong:", *listed[:limit]])


def _out_of_place(artefact: Artefact, canaries: set[Canary]) -> Iterator[Canary]:
    texts = [one for one in canaries if not (one.kind in ("name", "written") and artefact.operational)]
    if REDACTED:
        yield from (one for one in texts if one.kind == "private")
        texts = [one for one in texts if one.kind != "private"]
    if artefact.readers is None:
        candidates = sorted({owner for canary in texts for owner in canary.owners})
        candidates += sorted({Owner(owner.agent, None) for owner in candidates} - {*candidates})
        choices = [_not_for(frozenset({one}), texts) for one in candidates] or [texts]
        yield from min(choices, key=len)
    else:
        yield from _not_for(artefact.readers, texts)


def _not_for(readers: frozenset[Owner], canaries: list[Canary]) -> list[Canary]:
    """Those that none of the readers may see."""
    return [one for one in canaries if not any(one.may_be_read_by(reader, MIN_TENANTS) for reader in readers)]


def _files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@contextmanager
def _temporary_files(directory: Path) -> Iterator[Path]:
    """Everything that is written beside goes here meanwhile."""
    directory.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(directory)
    try:
        yield directory
    finally:
        tempfile.tempdir = before
