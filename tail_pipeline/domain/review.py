"""How a re-run meets a file that a reviewer has edited: nothing of theirs is overwritten, deleted cases stay deleted.

A three-way merge against "our last commit" is not enough: our second commit contains the reviewer's edits, so the
third run would take them for ours. What counts is whether anybody else ever touched a part of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.tail_file import CASE_ID, TailCase, TailFile, render_cases

_CASES_KEY = re.compile(r"^cases:[ \t]*(\[\])?[ \t]*(#[^\r\n]*)?\r?$", re.MULTILINE)
_TOP_LEVEL_KEY = re.compile(r"^[\"']?([A-Za-z_]\w*)[\"']?:", re.MULTILINE)
_CASES = "cases"
_ITEM = re.compile(r"^([ ]*)-(?:[ ]|\r?$)", re.MULTILINE)


@dataclass(frozen=True)
class FileVersion:
    """One state the file had; ``ours`` when the pipeline wrote these bytes, ``merged`` when the base branch has it."""

    text: str
    ours: bool
    merged: bool = False


def reviewed_text(path: str, proposal: TailFile, proposal_text: str, versions: Sequence[FileVersion]) -> str:
    """The text to commit: the proposal, or what is there with only new cases appended once somebody edited or merged it.

    ``versions`` are oldest first. Every other top-level entry follows the proposal as long as nobody else
    changed it. Raises PermanentError when there are new cases and the edited file no longer has a list of cases.
    """
    if all(version.ours and not version.merged for version in versions):
        return proposal_text
    ever = {case_id for version in versions for case_id in case_ids(version.text)}
    new = [case for case in proposal.cases if case.id not in ever]
    current = _entries(versions[-1].text)
    newline = "\r\n" if "\r\n" in current.get(_CASES, "") else "\n"
    ours = {key: text.replace("\n", newline) for key, text in _entries(proposal_text).items()}
    if _CASES not in current:
        if new:
            raise PermanentError(
                f"{path}: a reviewer's edit removed the line 'cases:', so {len(new)} new cases cannot be appended; "
                "restore the line on the branch and run again"
            )
        return versions[-1].text
    touched = _touched(versions)
    merged: dict[str, str] = {}
    for key, text in current.items():
        if key == _CASES:
            merged |= {added: ours[added] for added in ours if added not in current and added not in touched}
            merged[key] = _appended(text, new)
        else:
            merged[key] = ours[key] if key in ours and key not in touched else text
    return "".join(merged.values())


def case_ids(text: str) -> set[str]:
    """The ids of the cases in a tail file, also in one that is no longer valid YAML.

    Only an ``id:`` at the place of an item's own keys counts: traces may quote one.
    """
    section = _entries(text).get(_CASES, "")
    item = _ITEM.search(section)
    if item is None:
        return set()
    key = rf"^{item[1]}(?:-[ ]+|[ ]{{2}})id:[ \t]*[\"']?({CASE_ID.pattern})[\"']?[ \t]*(?:#[^\r\n]*)?\r?$"
    return {match[1] for match in re.finditer(key, section, re.MULTILINE)}


def _entries(text: str) -> dict[str, str]:
    """The file cut before each top-level key; what stands before the first is under the empty key."""
    entries: dict[str, str] = {}
    starts = [(match[1], match.start()) for match in _TOP_LEVEL_KEY.finditer(text)]
    ends = [*(start for _, start in starts[1:]), len(text)][: len(starts)]
    if not starts or starts[0][1] > 0:
        entries[""] = text[: starts[0][1]] if starts else text
    for (key, start), end in zip(starts, ends, strict=True):
        if key == _CASES and not _CASES_KEY.match(text, start):
            key = "cases, edited beyond recognition"  # noqa: PLW2901 the entry is kept under a name nobody asks for
        entries[key] = entries.get(key, "") + text[start:end]
    return entries


def _touched(versions: Sequence[FileVersion]) -> set[str]:
    """The entries that somebody else wrote otherwise than any version of ours before theirs, or removed."""
    touched: set[str] = set()
    written: dict[str, set[str]] = {}
    for version in versions:
        entries = _entries(version.text.replace("\r\n", "\n"))
        if version.ours:
            for key, text in entries.items():
                written.setdefault(key, set()).add(text)
        else:
            touched |= {key for key in entries.keys() | written.keys() if entries.get(key) not in written.get(key, ())}
    return touched


def _appended(section: str, new: Sequence[TailCase]) -> str:
    if not new:
        return section
    key = _CASES_KEY.match(section)
    assert key is not None, "a cases section starts with its key"
    if key[1]:
        section = f"cases:{f' {key[2]}' if key[2] else ''}{section[key.end() :]}"
    item = _ITEM.search(section)
    newline = "\r\n" if "\r\n" in section else "\n"
    separator = "" if section.endswith("\n") else newline
    return section + separator + render_cases(new, indent=len(item[1]) if item else 2).replace("\n", newline)
