from __future__ import annotations

import itertools

import pytest

from tail_pipeline.domain.errors import Finding, InvalidFile, PermanentError, TailPipelineError, TransientError

FINDINGS = [
    Finding("eval/tail/2026-W17.yaml", 12, "status: must be one of three", "tail-2026W17-001"),
    Finding("eval/cases.yaml", 0, "the file is empty"),
    Finding("eval/tail/2026-W17.yaml", 3, "window: is missing"),
]


def test_an_invalid_file_lists_every_finding_by_file_and_line() -> None:
    assert str(InvalidFile(FINDINGS)) == (
        "3 errors:\n"
        "  eval/cases.yaml: the file is empty\n"
        "  eval/tail/2026-W17.yaml:3: window: is missing\n"
        "  eval/tail/2026-W17.yaml:12: tail-2026W17-001: status: must be one of three"
    )


def test_one_finding_is_one_error() -> None:
    assert str(InvalidFile(FINDINGS[1:2])) == "1 error:\n  eval/cases.yaml: the file is empty"


@pytest.mark.parametrize("order", list(itertools.permutations(FINDINGS)))
def test_the_order_in_which_findings_were_made_does_not_show(order: tuple[Finding, ...]) -> None:
    assert str(InvalidFile(order)) == str(InvalidFile(FINDINGS))


def test_the_same_finding_with_and_without_a_case_can_stand_side_by_side() -> None:
    found = [Finding("f.yaml", 3, "is missing", "case-1"), Finding("f.yaml", 3, "is missing")]
    assert len(InvalidFile(found).findings) == 2


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (InvalidFile, PermanentError),
        (PermanentError, TailPipelineError),
        (TransientError, TailPipelineError),
        (TailPipelineError, Exception),
    ],
)
def test_errors_are_told_apart_by_what_helps(kind: type[Exception], base: type[Exception]) -> None:
    assert issubclass(kind, base)


def test_waiting_does_not_help_against_an_invalid_file() -> None:
    assert not issubclass(InvalidFile, TransientError)
