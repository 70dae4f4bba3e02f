"""Cases that were merged before anybody decided on them: they stay where they are, and are named until somebody does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tail_pipeline.domain.tail_file import TailFile


@dataclass(frozen=True)
class UndecidedCase:
    """One such case; ``title`` holds trace text."""

    id: str
    title: str
    iso_week: str


def undecided_cases(merged: Iterable[TailFile]) -> tuple[UndecidedCase, ...]:
    """The undecided cases of merged tail files, oldest week first."""
    return tuple(
        UndecidedCase(case.id, case.title, file.iso_week)
        for file in sorted(merged, key=lambda one: one.week)
        for case in file.cases
        if case.status == "proposed"
    )
