"""Files of a tenant that left, in the work tree and below ``.tail``."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from tail_pipeline.adapters.forgetting.kept_state import KeptState
from tail_pipeline.adapters.forgetting.work_tree import WorkTreeFiles
from tail_pipeline.adapters.state_dir import segment_state_dir
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.forgetting import EvalPlace, Subject
from tail_pipeline_tests.adapters.eval_texts import case, put, tail_text

ACME = Subject("support", "acme", (EvalPlace("eval/tail/acme", "eval/cases/acme.yaml", "eval/cases_removed.yaml"),))
IDS = ["tail-2026W17-acme-001", "tail-2026W17-acme-002"]
RECORD = "# ours\nremoved:\n  - {id: poc-001, who: lead, when: 2026-01-02, reason: wrong}\n"


@pytest.fixture
def files(tmp_path: Path) -> WorkTreeFiles:
    put(tmp_path, "eval/tail/acme/2026-W17.yaml", tail_text("2026-W17", [case(one) for one in IDS], segment="acme"))
    put(tmp_path, "eval/tail/2026-W17.yaml", tail_text("2026-W17", [case("tail-2026W17-001")]))
    put(tmp_path, "eval/cases/acme.yaml", f"cases:\n  - {{id: {IDS[0]}, input: how, source: tail_miner}}\n")
    put(tmp_path, "eval/cases/globex.yaml", "cases: []\n")
    return WorkTreeFiles(tmp_path, "main", "dpo", date(2026, 5, 4))


def paths(files: WorkTreeFiles) -> set[str]:
    found = (files.repo_dir / "eval").rglob("*.yaml")
    return {path.relative_to(files.repo_dir / "eval").as_posix() for path in found}


def removed(files: WorkTreeFiles) -> list[str]:
    text = (files.repo_dir / "eval/cases_removed.yaml").read_text(encoding="utf-8")
    return [row["id"] for row in yaml.safe_load(text)["removed"]]


def test_files_of_the_tenant_go_and_their_ids_are_recorded(files: WorkTreeFiles) -> None:
    files.forget(ACME)

    assert paths(files) == {"tail/2026-W17.yaml", "cases/globex.yaml", "cases_removed.yaml"}
    assert removed(files) == IDS
    assert files.held(ACME) == []


def test_a_record_that_is_there_keeps_every_byte(files: WorkTreeFiles) -> None:
    put(files.repo_dir, "eval/cases_removed.yaml", RECORD)

    files.forget(ACME)

    assert (files.repo_dir / "eval/cases_removed.yaml").read_text(encoding="utf-8").startswith(RECORD)
    assert removed(files) == ["poc-001", *IDS]


def test_what_a_killed_one_recorded_is_not_recorded_twice(files: WorkTreeFiles) -> None:
    """It died between the record and the files: they come again here as they were."""
    before = {path: (files.repo_dir / "eval" / path).read_text(encoding="utf-8") for path in paths(files)}
    files.forget(ACME)
    for path, text in before.items():
        put(files.repo_dir, f"eval/{path}", text)

    files.forget(ACME)

    assert removed(files) == IDS
    assert files.held(ACME) == []


def test_a_record_that_takes_no_rows_stops_it_before_anything_is_deleted(files: WorkTreeFiles) -> None:
    put(files.repo_dir, "eval/cases_removed.yaml", "removed: [{id: a, who: b, when: 2026-01-02, reason: wrong}]\n")
    before = paths(files)

    with pytest.raises(InvalidFile, match="the list is written in brackets"):
        files.forget(ACME)

    assert paths(files) == before


def test_a_tail_file_that_is_no_yaml_any_more_gives_its_ids_all_the_same(files: WorkTreeFiles) -> None:
    path = files.repo_dir / "eval/tail/acme/2026-W17.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\nbroken: [\n", encoding="utf-8")

    files.forget(ACME)

    assert removed(files) == IDS


def test_a_case_that_somebody_moved_to_another_file_is_named(files: WorkTreeFiles) -> None:
    put(files.repo_dir, "eval/cases.yaml", f"cases:\n  - {{id: {IDS[1]}, input: how, source: tail_miner}}\n")

    (said,) = [one for one in files.remains(ACME) if "eval/cases.yaml" in one]

    assert IDS[1] in said


def test_the_state_of_the_tenant_goes_with_caches_in_which_nobody_can_tell_whose_text_is_whose(tmp_path: Path) -> None:
    kept = KeptState(tmp_path)
    for name in ("acme", "globex", "acme-2", None):
        put(segment_state_dir(tmp_path, "support", name), "answers.sqlite", "x")
    put(segment_state_dir(tmp_path, "support-2", "acme"), "answers.sqlite", "x")
    put(tmp_path, ".tail/github/blob/1.json", "x")
    put(tmp_path, ".tail/answers.sqlite-wal", "x")

    kept.forget(ACME)

    left = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / ".tail").rglob("*") if path.is_file()}
    assert left == {
        ".tail/.gitignore",
        ".tail/state/support/globex/answers.sqlite",
        ".tail/state/support/acme-2/answers.sqlite",
        ".tail/state/support-2/acme/answers.sqlite",
    }
    assert kept.held(ACME) == []
