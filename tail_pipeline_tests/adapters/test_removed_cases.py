"""``cases_removed.yaml``: what a case that left the set is recorded with, and what is wrong with a record."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import check_eval_files, parse_removed_cases
from tail_pipeline.domain.cases import RemovedCase
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline_tests.adapters.eval_texts import put

PATH = "eval/cases_removed.yaml"
ROW = "{id: poc-1, reason: duplicate, who: Ada, when: 2026-04-20}"


def test_a_removed_case_is_read_with_who_took_it_out_when_and_why() -> None:
    file = parse_removed_cases(f"removed:\n  - {ROW}\n", PATH)

    assert file.removed == [RemovedCase(id="poc-1", reason="duplicate", who="Ada", when=date(2026, 4, 20))]


def test_a_set_that_lost_nothing_may_say_so() -> None:
    assert parse_removed_cases("removed: []\n", PATH).removed == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW.replace("duplicate", "boring"), r"cases_removed\.yaml:2: poc-1: reason: must be 'duplicate', .*'boring'"),
        (ROW.replace("Ada", "''"), r"cases_removed\.yaml:2: poc-1: who: "),
        (ROW.replace("2026-04-20", "yesterday"), r"cases_removed\.yaml:2: poc-1: when: must be a valid date"),
        (
            ROW.replace("2026-04-20", "2026-04-20T09:00:00Z"),
            r"cases_removed\.yaml:2: poc-1: when: must be a valid date",
        ),
        (ROW.replace(", when: 2026-04-20", ""), r"cases_removed\.yaml:2: poc-1: when: is missing"),
        (f"{ROW}\n  - {ROW}", r"cases_removed\.yaml:3: poc-1: id: stands twice, first in line 2"),
    ],
)
def test_what_is_wrong_with_an_entry_is_found_with_its_line_and_case(row: str, message: str) -> None:
    with pytest.raises(InvalidFile, match=message):
        parse_removed_cases(f"removed:\n  - {row}\n", PATH)


def test_the_file_is_checked_where_it_is_there(checkout: Path) -> None:
    put(checkout, PATH, "removed: nothing\n")

    assert [error.file for error in check_eval_files(checkout).errors] == [PATH]
