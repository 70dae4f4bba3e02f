"""Cases that were there and are not any more: ids are for good, so each needs a reason or is a mistake."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Inputs = Mapping[str, str | None]
"""The input of each case by its id; None where it is not known."""


@dataclass(frozen=True)
class LostCase:
    """``renamed`` is the new case with the same input, if there is one: somebody edited the id."""

    id: str
    renamed: str | None


def lost_cases(before: Inputs, now: Inputs, excused: Collection[str] = ()) -> list[LostCase]:
    """The cases of ``before`` that are not in ``now``, by id; ``excused`` are those that may be missing.

    No new case stands for two that are lost.
    """
    new = {case_id: text for case_id, text in now.items() if case_id not in before and text is not None}
    lost = []
    for case_id in sorted(before.keys() - now.keys() - set(excused)):
        text = before[case_id]
        renamed = next((one for one in sorted(new) if new[one] == text), None)
        new.pop(renamed or "", None)
        lost.append(LostCase(case_id, renamed))
    return lost


@dataclass(frozen=True)
class FileState:
    """The cases of a tail file at one commit.

    ``published``: the commit is on the base branch or carries our trailer, maybe amended since; ``ours``: the
    pipeline wrote these very bytes.
    """

    inputs: Inputs
    published: bool
    ours: bool


def owed_cases(states: Sequence[FileState]) -> dict[str, str | None]:
    """What a file must still hold, with the inputs; ``states`` are oldest first.

    That is every case that was ever published, but for those that the pipeline itself took out again: until somebody
    else edits the file, a re-run replaces its proposal.
    """
    owed: dict[str, str | None] = {}
    before: Inputs = {}
    for state in states:
        if state.ours:
            owed = {case_id: text for case_id, text in owed.items() if case_id in state.inputs or case_id not in before}
        if state.published:
            owed |= state.inputs
        before = state.inputs
    return owed
