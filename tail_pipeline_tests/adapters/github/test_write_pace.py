"""The runs of a deployment are processes of their own, and GitHub counts their writes together."""

from __future__ import annotations

import multiprocessing
from itertools import pairwise
from pathlib import Path

import pytest

from tail_pipeline.adapters.github.pace import WritePace

PAUSE_S = 7.0


def take_turns(repo_dir: Path, now: float, count: int) -> list[float]:
    pace = WritePace(repo_dir, PAUSE_S)
    return [pace.next_turn(now) for _ in range(count)]


def test_turns_of_several_processes_are_a_pause_apart(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        taken = processes.starmap(take_turns, [(tmp_path, 1000.0, 5), (tmp_path, 1000.0, 5)])

    turns = sorted(turn for own in taken for turn in own)
    assert turns[0] == 1000
    assert [later - earlier for earlier, later in pairwise(turns)] == [PAUSE_S] * 9


@pytest.mark.parametrize(
    ("last", "turn"),
    [("900.0", 1000), ("999.0", 999 + PAUSE_S), ("99999.0", 1000), ("", 1000)],
    ids=["long ago", "just now", "before the clock was put back", "half written"],
)
def test_a_turn_follows_the_last_one(tmp_path: Path, last: str, turn: float) -> None:
    (tmp_path / ".tail" / "github").mkdir(parents=True)
    (tmp_path / ".tail" / "github" / "last_write").write_text(last, encoding="utf-8")

    assert take_turns(tmp_path, 1000.0, 1) == [turn]
