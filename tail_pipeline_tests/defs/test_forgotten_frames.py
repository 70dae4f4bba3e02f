"""Frames of a tenant that left, on disk and in an object store."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from upath import UPath

from tail_pipeline.defs.forgetting.frames import StoredFrames
from tail_pipeline.domain.forgetting import Subject

ACME, AGENT = Subject("my-agent", "acme", ()), Subject("my-agent", None, ())
OWN = {"my_agent/spans/2026-W17-1/acme.parquet", "my_agent/tail_yaml/2026-W17-1/acme.json"}
LEFTOVER = "my_agent/spans/2026-W17-1/.acme.parquet.0123456789abcdef"
OTHERS = {
    "my_agent/spans/2026-W17-1/globex.parquet",
    "my_agent/spans/2026-W17-1/acme-2.parquet",
    "my_agent/spans/2026-W16-1.parquet",
}
ANOTHER_AGENT = "my_agent_2/spans/2026-W17-1/acme.parquet"


@pytest.fixture(params=["disk", "memory"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    place = str(tmp_path / "frames") if request.param == "disk" else f"memory://{uuid.uuid4().hex}/frames"
    for name in (*OWN, LEFTOVER, *OTHERS, ANOTHER_AGENT):
        path = UPath(place) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return place


def names(base: str) -> set[str]:
    root = UPath(base)
    found = root.fs.find(root.path)
    return {str(path).partition("/frames/")[2] for path in found}


def test_frames_of_the_tenant_go_and_what_a_killed_run_left_half_written(base: str) -> None:
    StoredFrames(base).forget(ACME)
    assert names(base) == {*OTHERS, ANOTHER_AGENT}
    assert StoredFrames(base).held(ACME) == []


def test_all_frames_of_an_agent_go_with_it(base: str) -> None:
    StoredFrames(base).forget(AGENT)
    assert names(base) == {ANOTHER_AGENT}


def test_frames_from_before_there_were_segments_are_named(base: str) -> None:
    (said,) = StoredFrames(base).remains(ACME)
    assert "my_agent/spans/2026-W16-1.parquet" in said


def test_a_place_where_nothing_was_ever_written_holds_nothing(tmp_path: Path) -> None:
    frames = StoredFrames(str(tmp_path / "none"))
    frames.forget(ACME)
    assert frames.held(ACME) == []
