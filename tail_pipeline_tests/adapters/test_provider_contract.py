"""What every provider answers about tail branches and tail files, whatever people did to them by git."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.ports import (
    BranchState,
    Promoted,
    Published,
    PublishedPromotion,
    PublishedPullRequest,
    StoredFile,
    TailBranch,
)
from tail_pipeline.domain.promotion import Promotion
from tail_pipeline.domain.pull_request import PullRequest, branch_of
from tail_pipeline.domain.review import FileVersion
from tail_pipeline_tests.adapters.places import METHODS, GitHubPlace, LocalPlace, Method, Place
from tail_pipeline_tests.conftest import commit_all, git

PATH = "eval/tail/2026-W17.yaml"
BRANCH = "tail-miner/2026-W17"
TEXT = "cases:\n  - id: tail-2026W17-001\n    input: Ünïcode 🙂\n"
EDITED = f"{TEXT}    status: promoted\n"
MORE = f"{TEXT}  - id: tail-2026W17-002\n"


@pytest.fixture(params=[LocalPlace, GitHubPlace], ids=["local", "github"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    make: Callable[[Path], Place] = request.param
    with make(tmp_path) as made:
        yield made


def publish(place: Place, text: str = TEXT, path: str = PATH, branch: str | None = None) -> PublishedPullRequest:
    name = branch or branch_of(path)
    wanted = PullRequest(name, path, text, "Regression tail", "Regression tail", "## Scorecard\n", ("tail-miner",), ())
    return place.repository.publish(wanted, place.repository.tail_branch(name, path))


def state(place: Place, name: str = BRANCH) -> TailBranch:
    return place.repository.tail_branch(name, PATH)


def edit(place: Place, text: str | None, *commit: str, branch: str = BRANCH) -> None:
    """Somebody edits (or deletes) the week's file on a branch."""
    place.refresh()
    git(place.checkout, "checkout", "--quiet", branch)
    file = place.checkout / PATH
    if text is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    git(place.checkout, "add", "--all")
    git(place.checkout, "commit", "--quiet", *(commit or ("-m", "Review")))
    git(place.checkout, "checkout", "--quiet", "main")
    place.refresh()


def delete(place: Place, branch: str = BRANCH) -> None:
    git(place.checkout, "branch", "--quiet", "-D", branch)
    place.refresh()


def advance_main(place: Place) -> None:
    place.refresh()
    (place.checkout / "README.md").write_text("An agent, revised.\n", encoding="utf-8")
    commit_all(place.checkout, "Work")


# One branch


def test_a_week_nobody_mined_is_absent(place: Place):
    assert state(place) == TailBranch(BRANCH, BranchState.ABSENT, None, ())


def test_a_published_week_is_open_at_its_head(place: Place):
    published = publish(place)
    assert state(place) == TailBranch(BRANCH, BranchState.OPEN, published.head, (FileVersion(TEXT, ours=True),))


def test_a_reviewers_commit_is_a_version_of_theirs(place: Place):
    publish(place)
    edit(place, EDITED)
    assert [version.ours for version in state(place).versions] == [True, False]


def test_an_amended_commit_of_ours_is_the_reviewers(place: Place):
    publish(place)
    edit(place, EDITED, "--amend", "--no-edit")
    assert state(place).versions == (FileVersion(TEXT, ours=True), FileVersion(EDITED, ours=False))


def test_what_a_force_push_took_away_is_still_known(place: Place):
    publish(place)
    publish(place, MORE)
    git(place.checkout, "branch", "--force", BRANCH, f"{BRANCH}~1")
    assert {version.text for version in state(place).versions} == {TEXT, MORE}


def test_line_ends_are_kept_as_they_are(place: Place):
    publish(place)
    edit(place, EDITED.replace("\n", "\r\n"))
    assert state(place).versions[-1].text == EDITED.replace("\n", "\r\n")


def test_a_file_deleted_on_its_branch_is_a_version_without_text(place: Place):
    publish(place)
    edit(place, None)
    assert state(place).versions[-1] == FileVersion("", ours=False)


def test_work_on_main_leaves_a_week_open(place: Place):
    publish(place)
    advance_main(place)
    assert state(place).state is BranchState.OPEN


@pytest.mark.parametrize("delete_branch", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_merged_week_stays_merged(place: Place, method: Method, *, delete_branch: bool):
    publish(place)
    place.merge(BRANCH, method, delete=delete_branch)
    advance_main(place)
    assert state(place).state is BranchState.MERGED


@pytest.mark.parametrize("method", METHODS)
def test_what_was_merged_is_known_as_merged(place: Place, method: Method):
    publish(place)
    place.merge(BRANCH, method, delete=True)
    assert FileVersion(TEXT, ours=method != "squash", merged=True) in state(place).versions


def test_a_deleted_branch_is_closed(place: Place):
    publish(place)
    delete(place)
    assert state(place) == TailBranch(BRANCH, BranchState.CLOSED, None, ())


def test_a_week_deleted_from_main_is_closed(place: Place):
    publish(place)
    place.merge(BRANCH, "merge", delete=True)
    edit(place, None, branch="main")
    assert state(place).state is BranchState.CLOSED


def test_a_follow_up_of_a_merged_week_is_absent_with_the_merged_text(place: Place):
    publish(place)
    place.merge(BRANCH, "merge", delete=True)
    found = state(place, f"{BRANCH}.2")
    assert (found.state, found.versions[-1].text) == (BranchState.ABSENT, TEXT)


def test_a_follow_up_is_open_on_top_of_the_merged_text(place: Place):
    publish(place)
    place.merge(BRANCH, "merge", delete=True)
    publish(place, MORE, branch=f"{BRANCH}.2")
    found = state(place, f"{BRANCH}.2")
    assert (found.state, [version.merged for version in found.versions]) == (BranchState.OPEN, [True, False])


# All files of a directory


def test_a_week_under_review_is_found_on_its_branch(place: Place):
    publish(place)
    assert place.repository.tail_files("eval/tail") == [StoredFile(PATH, TEXT, BRANCH)]


@pytest.mark.parametrize("delete_branch", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_merged_week_is_found_on_main_only(place: Place, method: Method, *, delete_branch: bool):
    publish(place)
    place.merge(BRANCH, method, delete=delete_branch)
    assert place.repository.tail_files("eval/tail") == [StoredFile(PATH, TEXT, None)]


def test_a_deleted_week_is_found_as_abandoned(place: Place):
    publish(place)
    delete(place)
    assert place.repository.tail_files("eval/tail") == [StoredFile(PATH, TEXT, BRANCH, abandoned=True)]


@pytest.mark.parametrize("delete_branch", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_week_whose_merge_was_reverted_is_found_as_abandoned(place: Place, method: Method, *, delete_branch: bool):
    publish(place)
    edit(place, EDITED)
    place.merge(BRANCH, method, delete=delete_branch)
    edit(place, None, branch="main")
    found = place.repository.tail_files("eval/tail")
    assert [(file.path, file.branch, file.abandoned) for file in found] == [(PATH, BRANCH, True)]


def test_a_segments_weeks_are_not_those_of_the_whole(place: Place):
    publish(place, path="eval/tail/acme/2026-W17.yaml")
    assert place.repository.tail_files("eval/tail") == []


def test_weeks_on_main_and_under_review_are_found_together(place: Place):
    publish(place)
    place.merge(BRANCH, "squash", delete=True)
    publish(place, TEXT, "eval/tail/2026-W18.yaml")
    found = place.repository.tail_files("eval/tail")
    assert [(file.path, file.branch) for file in found] == [
        (PATH, None),
        ("eval/tail/2026-W18.yaml", "tail-miner/2026-W18"),
    ]


# Publishing and reading


def test_an_identical_re_run_writes_nothing(place: Place):
    publish(place)
    written = place.written()
    assert (publish(place).outcome, place.written()) == (Published.UNCHANGED, written)


def test_another_text_is_another_commit_on_the_branch(place: Place):
    first = publish(place)
    second = publish(place, MORE)
    log = git(place.checkout, "rev-list", f"main..{BRANCH}").split()
    assert (second.outcome, second.number, log) == (Published.UPDATED, first.number, [second.head, first.head])


def test_only_the_file_changes(place: Place):
    publish(place)
    assert git(place.checkout, "diff", "--name-only", "main", BRANCH).split() == [PATH]


def test_what_is_published_is_read_back_byte_for_byte(place: Place):
    text = 'cases:\r\n  - {id: a, input: "tab\\t 🙂"}\n\n'
    publish(place, text)
    assert state(place).versions[-1].text == text


def test_a_file_is_read_from_main(place: Place):
    publish(place)
    place.merge(BRANCH, "merge", delete=True)
    assert place.repository.read(PATH) == TEXT


def test_a_file_that_is_not_on_main_is_none(place: Place):
    publish(place)
    assert place.repository.read(PATH) is None


def test_changes_on_main_are_named_since_a_commit(place: Place):
    before = place.repository.base_changes(None).head
    advance_main(place)
    assert place.repository.base_changes(before).paths == frozenset({"README.md"})


def test_nothing_changed_since_the_head_itself(place: Place):
    head = place.repository.base_changes(None).head
    assert place.repository.base_changes(head).paths == frozenset()


@pytest.mark.parametrize("since", ["0" * 40, "no commit"])
def test_nobody_can_say_what_changed_since_a_commit_that_is_gone(place: Place, since: str):
    assert place.repository.base_changes(since).paths is None


def test_a_merged_file_names_what_merged_it(place: Place):
    publish(place)
    place.merge(BRANCH, "squash", delete=True)
    assert place.repository.merged_by(PATH)


def test_a_file_somebody_pushed_to_main_was_merged_by_nothing(place: Place):
    edit(place, TEXT, branch="main")
    assert place.repository.merged_by(PATH) is None


# Promoting


CASES_PATH = "eval/cases.yaml"
CASES = "cases:\n  - id: poc-001\n"
PROMOTED = f"{CASES}  - id: tail-2026W17-001\n"


def promote(place: Place, before: str | None = None, text: str = CASES) -> PublishedPromotion:
    wanted = Promotion("tail-promote/2026-W17", CASES_PATH, before, text, "Promote", "One case.\n", ("tail-miner",), ())
    return place.repository.promote(wanted)


def test_promoted_cases_are_on_main(place: Place):
    assert promote(place).outcome is Promoted.COMMITTED
    assert place.repository.read(CASES_PATH) == CASES


def test_more_promoted_cases_are_put_behind_those_that_are_there(place: Place):
    promote(place)
    assert promote(place, CASES, PROMOTED).outcome is Promoted.COMMITTED
    assert place.repository.read(CASES_PATH) == PROMOTED


def test_what_was_promoted_is_not_promoted_again(place: Place):
    promote(place)
    written = place.written()
    assert (promote(place), place.written()) == (PublishedPromotion(Promoted.UNCHANGED, None), written)


def test_cases_somebody_changed_are_not_written_over(place: Place):
    promote(place)
    with pytest.raises(TransientError, match=r"eval/cases\.yaml"):
        promote(place, "cases: []\n", PROMOTED)
    assert place.repository.read(CASES_PATH) == CASES
