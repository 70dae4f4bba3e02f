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
_TOP_LEVEL_KEY = re.compile(r"^[A-Za-z_\"'][^\n]*:", re.MULTILINE)
_ITEM = re.compile(r"^([ ]*)-(?:[ ]|\r?$)", re.MULTILINE)


@dataclass(frozen=True)
class FileVersion:
    """One state the file had on its branch; ``ours`` when the pipeline wrote it."""

    text: str
    ours: bool


@dataclass(frozen=True)
class _Parts:
    """A tail file cut before ``cases:`` and before the key after it."""

    header: str
    cases: str
    rest: str


def reviewed_text(path: str, proposal: TailFile, proposal_text: str, versions: Sequence[FileVersion]) -> str:
    """The text to commit: the proposal, or what the branch holds with only new cases appended once somebody edited it.

    ``versions`` are oldest first. Parts before and after the cases follow the proposal as long as nobody else
    touched them. Raises PermanentError when there are new cases and the edited file no longer has a list of cases.
    """
    if all(version.ours for version in versions):
        return proposal_text
    ever = {case_id for version in versions for case_id in case_ids(version.text)}
    new = [case for case in proposal.cases if case.id not in ever]
    current = versions[-1].text
    parts, ours = _split(current), _split(proposal_text)
    if parts is None:
        if new:
            raise PermanentError(
                f"{path}: a reviewer's edit removed the line 'cases:', so {len(new)} new cases cannot be appended; "
                "restore the line on the branch and run again"
            )
        return current
    assert ours is not None, "a rendered tail file has a list of cases"
    return (
        (parts.header if _touched(versions, "header") else ours.header)
        + _appended(parts.cases, new)
        + (parts.rest if _touched(versions, "rest") else ours.rest)
    )


def case_ids(text: str) -> set[str]:
    """The ids of the cases in a tail file, also in one that is no longer valid YAML.

    Only an ``id:`` at the place of an item's own keys counts: traces may quote one.
    """
    parts = _split(text)
    item = _ITEM.search(parts.cases) if parts else None
    if parts is None or item is None:
        return set()
    key = rf"^{item[1]}(?:-[ ]+|[ ]{{2}})id:[ \t]*[\"']?({CASE_ID.pattern})[\"']?[ \t]*(?:#[^\r\n]*)?\r?$"
    return {match[1] for match in re.finditer(key, parts.cases, re.MULTILINE)}


def _touched(versions: Sequence[FileVersion], part: str) -> bool:
    """Whether any commit that is not ours changed this part of the file."""
    before: FileVersion | None = None
    for version in versions:
        if not version.ours and (before is None or _part(version, part) != _part(before, part)):
            return True
        before = version
    return False


def _part(version: FileVersion, part: str) -> str | None:
    parts = _split(version.text)
    return getattr(parts, part) if parts else None


def _split(text: str) -> _Parts | None:
    key = _CASES_KEY.search(text)
    if key is None:
        return None
    following = _TOP_LEVEL_KEY.search(text, key.end())
    end = following.start() if following else len(text)
    return _Parts(text[: key.start()], text[key.start() : end], text[end:])


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
