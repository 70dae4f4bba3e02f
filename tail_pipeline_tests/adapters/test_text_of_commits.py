"""Bytes that are no text, committed: whoever reads the file names their line, and a repaired file is as good as new."""

from __future__ import annotations

from pathlib import Path

import pytest

from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.adapters.yaml_reader import parse
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.review import FileVersion
from tail_pipeline_tests.conftest import commit_all, git

PATH, BRANCH = "eval/tail/2026-W17.yaml", "tail-miner/2026-W17"
LATIN = b"cases:\n- caf\xe9\n"


def put(checkout: Path, path: str, content: bytes) -> None:
    (checkout / path).parent.mkdir(parents=True, exist_ok=True)
    (checkout / path).write_bytes(content)
    commit_all(checkout, "Review")


def test_a_file_that_is_not_text_reaches_whoever_names_its_line(checkout: Path) -> None:
    put(checkout, PATH, LATIN)
    text = LocalGitRepository(checkout, "main").read(PATH)
    with pytest.raises(InvalidFile, match=r"2026-W17\.yaml:2: not UTF-8 text"):
        parse(text or "", PATH)


def test_a_state_that_was_no_text_for_a_while_does_not_stand_in_the_way(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "--create", BRANCH)
    put(checkout, PATH, LATIN)
    put(checkout, PATH, b"cases: []\n")
    branch = LocalGitRepository(checkout, "main").tail_branch(BRANCH, PATH)
    assert branch.versions[-1] == FileVersion("cases: []\n", ours=False)


def test_a_name_that_is_not_text_hides_no_other_file(checkout: Path) -> None:
    put(checkout, PATH, b"cases: []\n")
    put(checkout, "eval/tail/caf\udce9.txt", b"notes\n")
    found = LocalGitRepository(checkout, "main").tail_files("eval/tail")
    assert [file.path for file in found] == [PATH]
