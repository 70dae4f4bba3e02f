"""The work tree against the base branch, in real repositories: what may not disappear, and what is up for review."""

from __future__ import annotations

from pathlib import Path

import pytest

from tail_pipeline.adapters.base_comparison import Compared, compare_with_base
from tail_pipeline.adapters.tail_branches import with_trailer
from tail_pipeline.domain.errors import Finding
from tail_pipeline_tests.adapters.eval_texts import RUBRIC, agents_text, case, put, tail_text
from tail_pipeline_tests.conftest import commit_all, git

CASES, TENANT, REMOVED = "eval/cases.yaml", "eval/cases/acme.yaml", "eval/cases_removed.yaml"
TAIL, BRANCH = "eval/tail/2026-W17.yaml", "tail-miner/2026-W17"
ONE, TWO, THREE = (f"tail-2026W17-00{number}" for number in (1, 2, 3))
ROWS = {name: f"  - {{id: {name}, input: the question of {name}, source: poc}}\n" for name in ("poc-1", "poc-2")}
REJECTED = {"status": "rejected", "rejection_reason": "a typo"}


def cases_text(*rows: str) -> str:
    return "# The set.\ncases:\n" + "".join(rows) if rows else "cases: []\n"


def removal(case_id: str) -> str:
    return f"  - {{id: {case_id}, reason: wrong, who: Ada, when: 2026-04-20}}\n"


def tail(*cases: object) -> str:
    return tail_text("2026-W17", cases)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository whose main has two cases, on a branch of its own."""
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    put(root, "eval/agents.yaml", agents_text())
    put(root, "eval/rubric.yaml", RUBRIC)
    put(root, CASES, cases_text(*ROWS.values()))
    commit_all(root, "Base")
    git(root, "switch", "--quiet", "--create", "change")
    return root


@pytest.fixture
def merged(repo: Path) -> Path:
    """The same with a tail file on main: one case decided, one not."""
    git(repo, "switch", "--quiet", "main")
    put(repo, TAIL, tail(case(ONE, **REJECTED), case(TWO)))
    commit_all(repo, "Tail of the week (#1)")
    git(repo, "switch", "--quiet", "--create", "later")
    return repo


def compared(repo: Path, *, review: bool = False) -> Compared:
    return compare_with_base(repo, review=review)


def errors(repo: Path, *, review: bool = False) -> list[tuple[str, int, str | None]]:
    return [(one.file, one.line, one.case) for one in compared(repo, review=review).errors]


def only_error(repo: Path, *, review: bool = False) -> Finding:
    (finding,) = compared(repo, review=review).errors
    return finding


# Cases


def test_an_untouched_work_tree_lost_nothing(repo: Path):
    assert compared(repo).errors == []


def test_a_case_that_disappears_is_missed_where_it_stood(repo: Path):
    put(repo, CASES, cases_text(ROWS["poc-1"]))
    finding = only_error(repo)
    assert (finding.file, finding.line, finding.case) == (CASES, 2, "poc-2")
    assert f"is on main and gone here; put it back, or record in {REMOVED}" in finding.message


def test_committing_the_loss_does_not_hide_it(repo: Path):
    put(repo, CASES, cases_text(ROWS["poc-1"]))
    commit_all(repo, "Fewer cases")
    assert errors(repo) == [(CASES, 2, "poc-2")]


def test_a_case_may_leave_with_a_record(repo: Path):
    put(repo, CASES, cases_text(ROWS["poc-1"]))
    put(repo, REMOVED, "removed:\n" + removal("poc-2"))
    assert errors(repo) == []


def test_a_case_may_move_to_another_file(repo: Path):
    put(repo, CASES, cases_text(ROWS["poc-1"]))
    put(repo, TENANT, cases_text(ROWS["poc-2"]))
    assert errors(repo) == []


def test_a_file_of_cases_that_is_deleted_loses_all_of_them(repo: Path):
    (repo / CASES).unlink()
    assert errors(repo) == [(CASES, 0, "poc-1"), (CASES, 0, "poc-2")]


def test_an_edited_id_is_found_at_its_line_with_what_it_was(repo: Path):
    put(repo, CASES, cases_text(ROWS["poc-1"], ROWS["poc-2"].replace("{id: poc-2", "{id: mine")))
    assert str(only_error(repo)) == f"{CASES}:4: mine: id: is poc-2 on main; ids are never changed"


def test_everything_else_of_a_case_may_change(repo: Path):
    put(repo, CASES, cases_text(ROWS["poc-1"].replace("the question of", "what about"), ROWS["poc-2"]))
    assert errors(repo) == []


def test_a_file_that_cannot_be_read_is_not_said_to_have_lost_its_cases(repo: Path):
    put(repo, CASES, "cases:\n\t- broken\n")
    assert errors(repo) == []


def test_cases_are_not_missed_from_a_file_that_was_broken_on_the_base(repo: Path):
    git(repo, "switch", "--quiet", "main")
    put(repo, CASES, "cases: [\n")
    commit_all(repo, "Broken")
    put(repo, CASES, cases_text())
    found = compared(repo)
    assert (found.errors, found.notes[1:]) == ([], [f"{CASES} on main cannot be read, so nothing is missed from it"])


def test_agents_with_directories_of_their_own_do_not_lend_each_other_cases(repo: Path):
    git(repo, "switch", "--quiet", "main")
    other = "- {name: verifier, eval_dir: eval/verifier, traces: {store: files, path: x}}"
    put(repo, "eval/agents.yaml", agents_text("- {name: support, traces: {store: files, path: x}}", other))
    put(repo, "eval/verifier/cases.yaml", cases_text(ROWS["poc-1"]))
    commit_all(repo, "A second agent")
    put(repo, CASES, cases_text(ROWS["poc-2"]))
    assert errors(repo) == [(CASES, 2, "poc-1")]


def test_an_agent_that_is_gone_takes_no_case_with_it(repo: Path):
    git(repo, "switch", "--quiet", "main")
    other = "- {name: verifier, eval_dir: eval/verifier, traces: {store: files, path: x}}"
    shipped = (repo / "eval/agents.yaml").read_text(encoding="utf-8")
    put(repo, "eval/agents.yaml", shipped + f"  {other}\n")
    put(repo, "eval/verifier/cases.yaml", cases_text(ROWS["poc-1"]))
    commit_all(repo, "A second agent")
    put(repo, "eval/agents.yaml", shipped)
    (repo / "eval/verifier/cases.yaml").unlink()
    assert errors(repo) == [("eval/verifier/cases.yaml", 0, "poc-1")]


# Records of removed cases


def test_a_record_of_a_case_that_still_stands_is_an_error_at_its_line(repo: Path):
    put(repo, REMOVED, "removed:\n" + removal("poc-9") + removal("poc-2"))
    finding = only_error(repo)
    assert (finding.file, finding.line, finding.case) == (REMOVED, 3, "poc-2")
    assert f"still in {CASES}:4" in finding.message


def test_a_record_that_disappears_is_an_error(repo: Path):
    git(repo, "switch", "--quiet", "main")
    put(repo, REMOVED, "# Why.\nremoved:\n" + removal("poc-8") + removal("poc-9"))
    commit_all(repo, "Records")
    put(repo, REMOVED, "# Why.\nremoved:\n" + removal("poc-9"))
    assert errors(repo) == [(REMOVED, 2, "poc-8")]


# What the base is


def test_origin_is_the_base_where_it_is_there(repo: Path):
    git(repo, "update-ref", "refs/remotes/origin/main", "main")
    git(repo, "branch", "--quiet", "--delete", "--force", "main")
    put(repo, CASES, cases_text(ROWS["poc-1"]))
    assert compared(repo).notes == [f"compared with origin/main at {git(repo, 'rev-parse', 'HEAD')[:12]}"]
    assert errors(repo) == [(CASES, 2, "poc-2")]


def test_a_branch_that_is_behind_is_not_blamed_for_what_it_has_not_got_yet(repo: Path):
    git(repo, "switch", "--quiet", "main")
    put(repo, CASES, cases_text(*ROWS.values(), ROWS["poc-1"].replace("poc-1", "poc-3")))
    commit_all(repo, "One more")
    git(repo, "switch", "--quiet", "change")
    assert errors(repo) == []


def test_a_clone_too_shallow_to_know_where_it_left_is_compared_with_the_tip(repo: Path, tmp_path: Path):
    put(repo, CASES, cases_text(ROWS["poc-1"]))
    commit_all(repo, "Fewer cases")
    git(repo, "switch", "--quiet", "main")
    put(repo, "eval/rubric.yaml", f"# moved\n{RUBRIC}")
    commit_all(repo, "Moved")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", "--branch=change", f"file://{repo}", "shallow")
    assert git(shallow, "rev-list", "--count", "origin/main").strip() == "1"
    assert errors(shallow) == [(CASES, 2, "poc-2")]


def test_another_base_branch_may_be_configured_for_a_repository_on_github(repo: Path):
    put(
        repo,
        "eval/agents.yaml",
        agents_text().replace("{provider: local}", "{provider: github, name: acme/agent, base_branch: trunk}"),
    )
    git(repo, "branch", "--quiet", "-m", "main", "trunk")
    put(repo, CASES, cases_text(ROWS["poc-1"]))
    assert "is on trunk" in only_error(repo).message


def test_a_checkout_that_is_a_folder_of_a_larger_repository_is_compared(tmp_path: Path):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    inner = tmp_path / "agents" / "support"
    put(inner, "eval/agents.yaml", agents_text())
    put(inner, CASES, cases_text(*ROWS.values()))
    put(inner, TAIL, tail(case(ONE, **REJECTED)))
    commit_all(tmp_path, "Base")
    put(inner, CASES, cases_text(ROWS["poc-1"]))
    put(inner, TAIL, tail())
    found = compared(inner, review=True)
    assert [(one.file, one.case) for one in found.errors] == [(CASES, "poc-2"), (TAIL, ONE)]
    assert found.changed_tails == {TAIL}


@pytest.mark.parametrize("there_is_git", [True, False])
def test_without_a_base_nothing_is_compared_and_one_line_says_so(tmp_path: Path, there_is_git: bool):
    put(tmp_path, "eval/agents.yaml", agents_text())
    put(tmp_path, CASES, cases_text())
    if there_is_git:
        git(tmp_path, "init", "--quiet", "--initial-branch=other")
        commit_all(tmp_path, "Base")
    found = compared(tmp_path)
    assert (found.errors, found.changed_tails, len(found.notes)) == ([], None, 1)
    assert found.notes[0].startswith("not compared with the base branch: ")
    assert "\n" not in found.notes[0]


def test_records_are_checked_without_a_base_as_well(tmp_path: Path):
    put(tmp_path, "eval/agents.yaml", agents_text())
    put(tmp_path, CASES, cases_text(ROWS["poc-1"]))
    put(tmp_path, REMOVED, "removed:\n" + removal("poc-1"))
    assert errors(tmp_path) == [(REMOVED, 2, "poc-1")]


def test_comparing_changes_nothing_in_the_checkout(merged: Path):
    put(merged, CASES, cases_text())
    before = {path: path.read_bytes() for path in merged.rglob("*") if path.is_file()}
    compared(merged, review=True)
    assert {path: path.read_bytes() for path in merged.rglob("*") if path.is_file()} == before


# Tail files


def test_only_tail_files_that_differ_from_the_base_are_under_review(merged: Path):
    new = "eval/tail/2026-W18.yaml"
    put(merged, new, tail_text("2026-W18", [case("tail-2026W18-001")]))
    found = compared(merged)
    assert [found.is_under_review(path) for path in (TAIL, new)] == [False, True]


def test_without_a_base_every_tail_file_is_under_review():
    assert Compared([], []).is_under_review(TAIL)


@pytest.mark.parametrize("review", [True, False])
@pytest.mark.parametrize(("kept", "gone"), [(TWO, ONE), (ONE, TWO)])
def test_a_case_deleted_from_a_merged_tail_file_is_missed_at_its_list(merged: Path, kept: str, gone: str, review: bool):
    text = tail(case(kept, **(REJECTED if kept == ONE else {})))
    put(merged, TAIL, text)
    line = text.splitlines().index("cases:") + 1
    finding = only_error(merged, review=review)
    assert (finding.file, finding.line, finding.case) == (TAIL, line, gone)
    assert "put it back, with status: rejected and a rejection_reason" in finding.message


def test_people_may_change_their_mind_about_a_decided_case(merged: Path):
    put(merged, TAIL, tail(case(ONE, status="promoted"), case(TWO, **REJECTED)))
    assert errors(merged, review=True) == []


def test_an_edited_id_of_a_tail_file_is_found_at_its_line(merged: Path):
    text = tail(case(ONE, **REJECTED), case(THREE, input=f"the question of {TWO}"))
    put(merged, TAIL, text)
    finding = only_error(merged)
    assert (finding.line, finding.case) == (text.splitlines().index(f"  - id: {THREE}") + 1, THREE)
    assert f"was {TWO} when it was published" in finding.message


def test_a_deleted_tail_file_with_decisions_is_named(merged: Path):
    (merged / TAIL).unlink()
    finding = only_error(merged)
    assert (finding.file, finding.line, finding.case) == (TAIL, 0, None)
    assert "decisions stay for good" in finding.message


def test_a_merged_week_nobody_decided_on_may_be_deleted(merged: Path):
    git(merged, "switch", "--quiet", "main")
    put(merged, TAIL, tail(case(ONE), case(TWO)))
    commit_all(merged, "Undecided")
    (merged / TAIL).unlink()
    assert errors(merged, review=True) == []


def test_a_tail_file_that_cannot_be_read_is_not_said_to_have_lost_its_cases(merged: Path):
    put(merged, TAIL, "cases: [\n")
    assert errors(merged, review=True) == []


# A pull request under review


def publish(repo: Path, text: str) -> None:
    """A commit as the pipeline makes it."""
    put(repo, TAIL, text)
    commit_all(repo, with_trailer("Regression tail 2026-W17: support", text))


@pytest.fixture
def tail_branch(repo: Path) -> Path:
    """On a tail branch with two cases, published by the pipeline."""
    git(repo, "switch", "--quiet", "--create", BRANCH)
    publish(repo, tail(case(ONE), case(TWO)))
    return repo


def test_a_case_a_reviewer_deletes_from_the_pull_request_is_missed_in_review(tail_branch: Path):
    put(tail_branch, TAIL, tail(case(ONE, **REJECTED)))
    assert [case_id for *_, case_id in errors(tail_branch, review=True)] == [TWO]


def test_a_case_deleted_from_the_pull_request_is_missed_after_a_rerun_too(tail_branch: Path):
    put(tail_branch, TAIL, tail(case(ONE)))
    commit_all(tail_branch, "Review")
    publish(tail_branch, tail(case(ONE), case(THREE)))
    assert [case_id for *_, case_id in errors(tail_branch, review=True)] == [TWO]


def test_a_case_that_a_rerun_replaced_is_not_missed(tail_branch: Path):
    publish(tail_branch, tail(case(ONE), case(THREE)))
    assert errors(tail_branch, review=True) == []


def test_a_case_a_reviewer_added_may_go_again(tail_branch: Path):
    put(tail_branch, TAIL, tail(case(ONE), case(TWO), case(THREE)))
    commit_all(tail_branch, "One more")
    put(tail_branch, TAIL, tail(case(ONE), case(TWO)))
    assert errors(tail_branch, review=True) == []


def test_a_case_deleted_while_the_file_was_broken_is_missed(tail_branch: Path):
    put(tail_branch, TAIL, tail(case(ONE)).replace("status: proposed", "status:proposed"))
    commit_all(tail_branch, "Broken")
    put(tail_branch, TAIL, tail(case(ONE)))
    assert [case_id for *_, case_id in errors(tail_branch, review=True)] == [TWO]


def test_a_published_file_that_is_deleted_on_its_branch_is_named_in_review(tail_branch: Path):
    git(tail_branch, "rm", "--quiet", TAIL)
    commit_all(tail_branch, "Gone")
    finding = only_error(tail_branch, review=True)
    assert (finding.file, "restore it, or close the pull request unmerged" in finding.message) == (TAIL, True)


def test_the_merge_commit_that_a_pull_request_is_checked_at_is_read_like_its_branch(tail_branch: Path):
    put(tail_branch, TAIL, tail(case(ONE, **REJECTED)))
    commit_all(tail_branch, "Review")
    git(tail_branch, "switch", "--quiet", "main")
    put(tail_branch, "eval/rubric.yaml", f"# moved\n{RUBRIC}")
    commit_all(tail_branch, "Moved")
    git(tail_branch, "switch", "--quiet", "--detach", "main")
    author = ("-c", "user.name=GitHub", "-c", "user.email=noreply@localhost")
    git(tail_branch, *author, "merge", "--quiet", "--no-ff", "--message=Merge", BRANCH)
    assert [case_id for *_, case_id in errors(tail_branch, review=True)] == [TWO]
