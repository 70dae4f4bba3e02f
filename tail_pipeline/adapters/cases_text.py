"""Appends rows to a cases file, or to the record of removed cases, that people format by hand: every byte that is there stays.

What is read from the new text must be what was read from the old one and the rows, else nothing is returned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from tail_pipeline.adapters.eval_files import parse_cases, parse_removed_cases
from tail_pipeline.adapters.yaml_reader import FirstList, first_list
from tail_pipeline.domain.cases import (
    Case,
    CasesFile,
    RemovedCase,
    RemovedCasesFile,
    render_new_set,
    render_removed,
    render_rows,
)
from tail_pipeline.domain.errors import Finding, InvalidFile

_LAST_BREAK = re.compile(r"(\r\n|\r|\n)[^\r\n]*\Z")
_EMPTY = re.compile(r"\[[ \t]*\]")
_DOCUMENT_END = re.compile(r"^\.\.\.(?=[ \t\r\n]|\Z)", re.MULTILINE)
"""Three dots at the start of a line are content nowhere in YAML."""

_INDENT = 2


def new_set(rows: Sequence[Case], *, path: str, schema_path: str) -> str:
    """The text of a cases file with these rows."""
    text = render_new_set(rows, schema_path=schema_path)
    assert _reads_as(CasesFile(cases=list(rows)), text, path), "what we write, we read"
    return text


def with_rows(text: str, before: CasesFile, rows: Sequence[Case], *, path: str) -> str:
    """``text``, which was read as ``before``, with the rows after its last case.

    An empty ``cases: []`` gives up its brackets; nothing else changes. Raises InvalidFile when rows cannot be appended
    to a list that is written like this one.
    """
    grown = CasesFile(cases=[*before.cases, *rows])
    return _appended(
        text, lambda indent: render_rows(rows, indent=indent), path=path, reads_well=partial(_reads_as, grown)
    )


def with_removed(text: str | None, rows: Sequence[RemovedCase], *, path: str) -> str:
    """``cases_removed.yaml`` with these rows below those it has; ``text`` is None where there is no file yet.

    Raises InvalidFile when the file cannot be read, or when rows cannot be appended to a list that is written like its.
    """
    if text is None:
        return f"removed:\n{render_removed(rows, indent=_INDENT)}"
    grown = RemovedCasesFile(removed=[*parse_removed_cases(text, path).removed, *rows])

    def reads_well(after: str, path: str) -> bool:
        try:
            return parse_removed_cases(after, path) == grown
        except InvalidFile:
            return False

    return _appended(text, lambda indent: render_removed(rows, indent=indent), path=path, reads_well=reads_well)


def _appended(text: str, items: Callable[[int], str], *, path: str, reads_well: Callable[[str, str], bool]) -> str:
    """The text with the items, which are asked for at an indent, at the end of its first list."""
    place = first_list(text)
    if place.in_braces:
        raise _unfit(path, place, "the file is written in braces")
    if place.in_brackets:
        if not place.empty or not _EMPTY.fullmatch(text[place.start : place.end]):
            raise _unfit(path, place, "the list is written in brackets")
        opened = text[: place.start].rstrip(" \t") + text[place.end :]
        after = _inserted(opened, items(place.mapping_column + _INDENT))
    elif text[place.start] != "-":
        raise _unfit(path, place, "the list carries a tag or an anchor")
    else:
        after = _inserted(text, items(place.column))
    if not reads_well(after, path):
        message = (
            "cases cannot be appended at the end of this file without changing what is there; "
            "end its last case with a line break, and leave nothing but comments after it"
        )
        raise InvalidFile([Finding(path, text.count("\n") + 1, message)])
    return after


def _inserted(text: str, items: str) -> str:
    """The items at the end of the document, with the line ends that are there."""
    marker = _DOCUMENT_END.search(text)
    head, tail = (text[: marker.start()], text[marker.start() :]) if marker else (text, "")
    found = _LAST_BREAK.search(head)
    newline = found[1] if found else "\n"
    separator = "" if head.endswith(("\n", "\r")) else newline
    return f"{head}{separator}{items.replace(chr(10), newline)}{tail}"


def _reads_as(expected: CasesFile, text: str, path: str) -> bool:
    try:
        return parse_cases(text, path) == expected
    except InvalidFile:
        return False


def _unfit(path: str, place: FirstList, what: str) -> InvalidFile:
    message = (
        f"cases: {what}, so no case can be appended; "
        "write 'cases:' on a line of its own, and each case below it, beginning with '- '"
    )
    return InvalidFile([Finding(path, place.line, message)])
