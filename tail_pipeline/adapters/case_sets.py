"""The cases of one eval directory over all its files, and the record of those that left, in the work tree or at a commit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from tail_pipeline.adapters.yaml_reader import parse, validated
from tail_pipeline.domain.cases import CasesFile, RemovedCasesFile
from tail_pipeline.domain.disappearance import Inputs, lost_cases
from tail_pipeline.domain.errors import Finding, InvalidFile


class Tree(Protocol):
    """Files by their path, in the work tree or at a commit."""

    def below(self, directory: str) -> list[str]:
        """The paths of all YAML files in a directory and below it, sorted."""
        ...

    def text(self, path: str) -> str:
        """Raises InvalidFile when it cannot be read as text."""
        ...


@dataclass(frozen=True)
class Row:
    """Where a case, or the record of a removed one, stands; ``input`` is empty for a record."""

    path: str
    line: int
    input: str = ""


@dataclass(frozen=True)
class CaseSet:
    """By id; ``lists`` holds the line of the list in each file, ``unreadable`` the files that are not valid.

    ``private`` are the removed ids whose text has no place in a repository, tail files included.
    """

    cases: dict[str, Row]
    removed: dict[str, Row]
    lists: dict[str, int]
    unreadable: tuple[str, ...]
    private: frozenset[str] = frozenset()

    @property
    def inputs(self) -> Inputs:
        return {case_id: row.input for case_id, row in self.cases.items()}


def read_case_set(tree: Tree, eval_dir: str) -> CaseSet:
    """``cases.yaml``, ``cases/*.yaml`` and ``cases_removed.yaml`` of a directory, as far as they can be read."""
    cases: dict[str, Row] = {}
    removed: dict[str, Row] = {}
    lists: dict[str, int] = {}
    private: set[str] = set()
    unreadable = []
    for path in tree.below(eval_dir):
        own = PurePosixPath(path).relative_to(eval_dir).parts
        try:
            if own == ("cases.yaml",) or (own[0] == "cases" and len(own) == 2):
                document = parse(tree.text(path), path)
                rows = validated(document, CasesFile).cases
                lists[path] = document.line_of(("cases",))
                cases |= {
                    row.id: Row(path, document.line_of(("cases", n, "id")), row.input) for n, row in enumerate(rows)
                }
            elif own == ("cases_removed.yaml",):
                document = parse(tree.text(path), path)
                entries = validated(document, RemovedCasesFile).removed
                lists[path] = document.line_of(("removed",))
                private |= {one.id for one in entries if one.reason == "private_data"}
                removed |= {one.id: Row(path, document.line_of(("removed", n, "id"))) for n, one in enumerate(entries)}
        except InvalidFile:
            unreadable.append(path)
    return CaseSet(cases, removed, lists, tuple(unreadable), frozenset(private))


def still_standing(case_set: CaseSet) -> Iterator[Finding]:
    """The records of cases that were never taken out, or were given a new life."""
    for case_id in sorted(case_set.removed.keys() & case_set.cases.keys()):
        entry, case = case_set.removed[case_id], case_set.cases[case_id]
        message = (
            f"id: recorded as removed, and still in {case.path}:{case.line}; take the case out there, "
            "or give it another id if it is to come back"
        )
        yield Finding(entry.path, entry.line, message, case_id)


def lost_from_set(
    eval_dir: str, before: CaseSet, now: CaseSet, *, arrived_elsewhere: Collection[str], base: str
) -> Iterator[Finding]:
    """Cases and records that were on the base and are gone; nothing while a file of the set cannot be read."""
    if now.unreadable:
        return
    for lost in lost_cases(before.inputs, now.inputs, {*now.removed, *arrived_elsewhere}):
        if lost.renamed:
            row = now.cases[lost.renamed]
            yield Finding(row.path, row.line, f"id: is {lost.id} on {base}; ids are never changed", lost.renamed)
            continue
        path = before.cases[lost.id].path
        message = (
            f"is on {base} and gone here; put it back, "
            f"or record in {eval_dir}/cases_removed.yaml who removed it, when and why"
        )
        yield Finding(path, now.lists.get(path, 0), message, lost.id)
    for case_id in sorted(before.removed.keys() - now.removed.keys()):
        path = before.removed[case_id].path
        message = f"the record of its removal is on {base} and gone here; such records stay for good, put it back"
        yield Finding(path, now.lists.get(path, 0), message, case_id)
