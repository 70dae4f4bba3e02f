"""Tail branches in a real git repository: what is written, what is left alone, and how a branch's state is read."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.ports import BranchState, Published, PublishedPullRequest, StoredFile
from tail_pipeline.domain.pull_request import PullRequest, branch_of
from tail_pipeline.domain.review import FileVersion
from tail_pipeline_tests.conftest import commit_all, git

PATH = "eval/tail/2026-W17.yaml"
BRANCH = "tail-miner/2026-W17"
TEXT = "cases:\n  - {id: a, input: Ünïcode 🙂}\n"
Publish = Callable[..., PublishedPullRequest]
Merge = Callable[..., None]
REVIEWER = ("-c", "user.name=Reviewer", "-c", "user.email=reviewer@localhost")


def pull_request(text: str = TEXT, path: str = PATH, **fields: object) -> PullRequest:
    return replace(
        PullRequest(
            branch=branch_of(path),
            path=path,
            text=text,
            commit_message="Regression tail 2026-W17: support",
            title="Regression tail 2026-W17: support",
            body="## Scorecard\n\nÜnïcode 🙂\n",
            labels=("tail-miner", "eval"),
            reviewers=("eng-lead",),
        ),
        **fields,
    )


@pytest.fixture
def repository(checkout: Path) -> LocalGitRepository:
    return LocalGitRepository(checkout, "main")


@pytest.fixture
def publish(repository: LocalGitRepository) -> Publish:
    """Publishes against the branch as it stands."""

    def now(text: str = TEXT, path: str = PATH, **fields: object) -> PublishedPullRequest:
        wanted = pull_request(text, path, **fields)
        return repository.publish(wanted, repository.tail_branch(wanted.branch, path))

    return now


def body_of(published: PublishedPullRequest) -> Path:
    return Path(unquote(urlparse(published.url).path))


def snapshot(repo: Path) -> tuple[str, ...]:
    """Everything a person working in the checkout would notice."""
    files = sorted(
        path for path in repo.rglob("*") if path.is_file() and ".git" not in path.parts and ".tail" not in path.parts
    )
    return (
        git(repo, "rev-parse", "HEAD"),
        git(repo, "symbolic-ref", "HEAD"),
        git(repo, "status", "--porcelain", "--untracked-files=all"),
        git(repo, "diff", "--cached"),
        git(repo, "ls-files", "--stage"),
        *(f"{path.relative_to(repo)} {path.stat().st_mtime_ns} {path.read_bytes()!r}" for path in files),
    )


def review(repo: Path, branch: str, path: str, text: str | None, *commit: str) -> None:
    """Somebody edits (or deletes) a file on a branch, in a work tree of their own."""
    elsewhere = repo.parent / "reviewer"
    git(repo, "worktree", "add", "--quiet", str(elsewhere), branch)
    if text is None:
        (elsewhere / path).unlink()
    else:
        (elsewhere / path).write_text(text, encoding="utf-8")
    git(elsewhere, "add", "--all")
    git(elsewhere, *REVIEWER, "commit", "--quiet", *(commit or ("-m", "Review")))
    git(repo, "worktree", "remove", "--force", str(elsewhere))


def merge(repo: Path, branch: str, *options: str) -> None:
    git(repo, *REVIEWER, "merge", "--quiet", *options, branch)


def squash_merge(repo: Path, branch: str) -> None:
    git(repo, "merge", "--quiet", "--squash", branch)
    git(repo, *REVIEWER, "commit", "--quiet", "-m", "Tail of the week (#1)")


# What publishing writes


def test_publishing_makes_a_branch_with_the_file(checkout: Path, publish: Publish):
    publish()
    assert git(checkout, "show", f"{BRANCH}:{PATH}") == TEXT


def test_publishing_adds_one_commit_to_the_base_branch(checkout: Path, publish: Publish):
    published = publish()
    assert git(checkout, "rev-list", f"main..{BRANCH}").split() == [published.head]


def test_the_commit_changes_one_file_only(checkout: Path, publish: Publish):
    publish()
    assert git(checkout, "diff", "--name-only", "main", BRANCH).split() == [PATH]


def test_the_commit_says_what_it_is_and_carries_the_trailer(checkout: Path, publish: Publish):
    publish()
    message = git(checkout, "log", "-1", "--format=%B", BRANCH)
    assert message.startswith("Regression tail 2026-W17: support\n\nTail-Miner: sha256:")


def test_the_commit_is_written_by_the_miner_whoever_is_configured(checkout: Path, publish: Publish):
    git(checkout, "config", "user.name", "Somebody")
    publish()
    assert git(checkout, "log", "-1", "--format=%an %cn", BRANCH).strip() == "tail-miner tail-miner"


def test_publishing_needs_no_configured_identity(publish: Publish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert publish().outcome is Published.CREATED


def test_the_body_is_a_file_behind_the_link(publish: Publish):
    assert body_of(publish()).read_text(encoding="utf-8").endswith("---\n\n## Scorecard\n\nÜnïcode 🙂\n")


def test_the_body_says_what_a_pull_request_would_show_around_it(publish: Publish):
    head = body_of(publish()).read_text(encoding="utf-8").split("---\n")[1].splitlines()
    assert {
        "number: 1",
        "title: Regression tail 2026-W17: support",
        f"branch: {BRANCH}",
        "base: main",
        "labels: tail-miner, eval",
        "reviewers: eng-lead",
    } <= set(head)


def test_a_checkout_with_blanks_in_its_path_gets_a_link_that_leads_there(tmp_path: Path, checkout: Path):
    moved = tmp_path / "a b"
    checkout.rename(moved)
    repository = LocalGitRepository(moved, "main")
    assert body_of(repository.publish(pull_request(), repository.tail_branch(BRANCH, PATH))).is_file()


def test_a_clean_checkout_stays_as_it_was(checkout: Path, publish: Publish):
    before = snapshot(checkout)
    publish()
    assert snapshot(checkout) == before


def test_the_checkout_stays_clean(checkout: Path, publish: Publish):
    publish()
    assert git(checkout, "status", "--porcelain", "--untracked-files=all") == ""


def test_a_dirty_checkout_stays_as_it_was(checkout: Path, publish: Publish):
    (checkout / "eval" / "rubric.yaml").write_text("half edited", encoding="utf-8")
    (checkout / "staged.txt").write_text("staged", encoding="utf-8")
    git(checkout, "add", "staged.txt")
    (checkout / "staged.txt").write_text("staged and edited", encoding="utf-8")
    (checkout / "eval" / "tail").mkdir()
    (checkout / PATH).write_text("somebody's own", encoding="utf-8")
    before = snapshot(checkout)
    publish()
    assert snapshot(checkout) == before


def test_what_is_staged_does_not_reach_the_branch(checkout: Path, publish: Publish):
    (checkout / "staged.txt").write_text("staged", encoding="utf-8")
    git(checkout, "add", "staged.txt")
    publish()
    assert git(checkout, "diff", "--name-only", "main", BRANCH).split() == [PATH]


def test_the_branch_starts_from_the_base_branch_and_not_from_the_one_checked_out(checkout: Path, publish: Publish):
    git(checkout, "switch", "--quiet", "--create", "feature")
    (checkout / "feature.txt").write_text("x", encoding="utf-8")
    commit_all(checkout, "Feature")
    publish()
    assert git(checkout, "merge-base", BRANCH, "feature") == git(checkout, "rev-parse", "main")


def test_line_ends_are_committed_as_they_are(checkout: Path, publish: Publish):
    git(checkout, "config", "core.autocrlf", "true")
    publish("cases: []\r\nnot_proposed: []\n")
    shown = subprocess.run(["git", "-C", str(checkout), "show", f"{BRANCH}:{PATH}"], check=True, capture_output=True)
    assert shown.stdout == b"cases: []\r\nnot_proposed: []\n"


def test_hooks_of_the_checkout_do_not_run(checkout: Path, publish: Publish):
    for name in ("pre-commit", "commit-msg", "post-commit"):
        hook = checkout / ".git" / "hooks" / name
        hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        hook.chmod(0o755)
    assert publish().outcome is Published.CREATED


def test_a_git_directory_in_the_environment_leads_nowhere_else(
    checkout: Path, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    (other / "x").write_text("x", encoding="utf-8")
    commit_all(other, "Other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    publish()
    monkeypatch.delenv("GIT_DIR")
    assert git(checkout, "show", f"{BRANCH}:{PATH}") == TEXT


def test_a_repository_with_sha256_objects_is_published_to(tmp_path: Path):
    repo = tmp_path / "sha256"
    repo.mkdir()
    git(repo, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    (repo / "x").write_text("x", encoding="utf-8")
    commit_all(repo, "Start")
    repository = LocalGitRepository(repo, "main")
    published = repository.publish(pull_request(), repository.tail_branch(BRANCH, PATH))
    assert published.outcome is Published.CREATED


# Publishing again


def test_the_first_publication_is_a_creation(publish: Publish):
    assert publish().outcome is Published.CREATED


def test_an_identical_second_publication_says_so(publish: Publish):
    publish()
    assert publish().outcome is Published.UNCHANGED


def test_an_identical_second_publication_leaves_the_branch(publish: Publish):
    assert publish().head == publish().head


def test_an_identical_second_publication_leaves_the_body_file(publish: Publish):
    first = body_of(publish()).stat()
    second = body_of(publish()).stat()
    assert (first.st_mtime_ns, first.st_ino) == (second.st_mtime_ns, second.st_ino)


def test_an_identical_second_publication_writes_no_file_at_all(checkout: Path, publish: Publish):
    publish()
    before = sorted((str(path), path.stat().st_mtime_ns) for path in checkout.rglob("*") if path.is_file())
    publish()
    assert sorted((str(path), path.stat().st_mtime_ns) for path in checkout.rglob("*") if path.is_file()) == before


def test_another_text_is_an_update_on_top(checkout: Path, publish: Publish):
    first = publish().head
    second = publish(TEXT + "# more\n")
    assert (second.outcome, git(checkout, "rev-parse", f"{second.head}^").strip()) == (Published.UPDATED, first)


def test_another_body_alone_makes_no_commit(publish: Publish):
    first = publish()
    second = publish(body="another body\n")
    assert (second.outcome, second.head) == (Published.UPDATED, first.head)


def test_a_lost_body_file_is_written_again(publish: Publish):
    first = publish()
    body_of(first).unlink()
    publish()
    assert body_of(first).is_file()


def test_the_number_stays_the_same(publish: Publish):
    assert publish().number == publish(TEXT + "# more\n").number


def test_numbers_of_distinct_branches_are_distinct(publish: Publish):
    paths = [PATH, "eval/tail/2026-W18.yaml", "eval/tail/acme/2026-W17.yaml", "eval/verifier/tail/2026-W17.yaml"]
    assert [publish(path=path).number for path in paths] == [1, 2, 3, 4]


def test_a_number_survives_the_branch(checkout: Path, publish: Publish):
    number = publish().number
    git(checkout, "branch", "--delete", "--force", BRANCH)
    publish(path="eval/tail/2026-W18.yaml")
    assert publish().number == number


def test_a_stray_file_among_the_numbers_does_not_stop_publishing(checkout: Path, publish: Publish):
    publish()
    (checkout / ".tail" / "pull_requests" / "numbers" / ".DS_Store").write_bytes(b"\0")
    assert publish(path="eval/tail/2026-W18.yaml").number == 2


def test_a_branch_made_between_reading_and_publishing_is_not_overwritten(
    checkout: Path, repository: LocalGitRepository
):
    seen = repository.tail_branch(BRANCH, PATH)
    git(checkout, "branch", BRANCH, "main")
    with pytest.raises(TransientError, match=BRANCH):
        repository.publish(pull_request(), seen)


def test_a_commit_made_between_reading_and_publishing_is_not_overwritten(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    seen = repository.tail_branch(BRANCH, PATH)
    review(checkout, BRANCH, PATH, "cases: []\n")
    with pytest.raises(TransientError, match=BRANCH):
        repository.publish(pull_request(TEXT + "# more\n"), seen)
    assert git(checkout, "show", f"{BRANCH}:{PATH}") == "cases: []\n"


def test_a_branch_deleted_between_reading_and_publishing_stays_deleted(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    seen = repository.tail_branch(BRANCH, PATH)
    git(checkout, "branch", "--delete", "--force", BRANCH)
    with pytest.raises(TransientError, match=BRANCH):
        repository.publish(pull_request(TEXT + "# more\n"), seen)
    assert git(checkout, "branch", "--list", BRANCH) == ""


def test_a_branch_checked_out_in_the_checkout_is_refused(checkout: Path, publish: Publish):
    publish()
    git(checkout, "switch", "--quiet", BRANCH)
    with pytest.raises(PermanentError, match=BRANCH):
        publish(TEXT + "# more\n")


def test_a_branch_checked_out_in_another_work_tree_is_refused(checkout: Path, publish: Publish, tmp_path: Path):
    publish()
    git(checkout, "worktree", "add", "--quiet", str(tmp_path / "another"), BRANCH)
    with pytest.raises(PermanentError, match="another"):
        publish(TEXT + "# more\n")


def test_a_refused_publication_changes_nothing(checkout: Path, publish: Publish):
    body = body_of(publish())
    git(checkout, "switch", "--quiet", BRANCH)
    before = (snapshot(checkout), git(checkout, "show-ref"), body.stat().st_mtime_ns)
    with pytest.raises(PermanentError):
        publish(TEXT + "# more\n", body="another body")
    assert (snapshot(checkout), git(checkout, "show-ref"), body.stat().st_mtime_ns) == before


def test_an_identical_publication_is_fine_while_the_branch_is_checked_out(checkout: Path, publish: Publish):
    publish()
    git(checkout, "switch", "--quiet", BRANCH)
    assert publish().outcome is Published.UNCHANGED


# Whose versions are whose


def test_a_branch_nobody_touched_holds_our_versions_oldest_first(repository: LocalGitRepository, publish: Publish):
    publish("one\n")
    publish("two\n")
    assert repository.tail_branch(BRANCH, PATH).versions == (
        FileVersion("one\n", ours=True),
        FileVersion("two\n", ours=True),
    )


def test_a_reviewers_commit_is_not_ours(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    review(checkout, BRANCH, PATH, "edited\n")
    assert [version.ours for version in repository.tail_branch(BRANCH, PATH).versions] == [True, False]


def test_an_amended_commit_is_not_ours_although_it_keeps_our_trailer(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    review(checkout, BRANCH, PATH, "edited\n", "--amend", "--no-edit")
    assert repository.tail_branch(BRANCH, PATH).versions == (
        FileVersion(TEXT, ours=True),
        FileVersion("edited\n", ours=False),
    )


def test_our_commit_on_top_of_a_reviewers_is_ours(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    review(checkout, BRANCH, PATH, "edited\n")
    publish("edited\nappended\n")
    assert [version.ours for version in repository.tail_branch(BRANCH, PATH).versions] == [True, False, True]


def test_three_runs_after_a_review_keep_every_version(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish("0\n")
    review(checkout, BRANCH, PATH, "edited\n")
    for text in ("edited\n1\n", "edited\n1\n2\n", "edited\n1\n2\n3\n"):
        publish(text)
    assert [version.text for version in repository.tail_branch(BRANCH, PATH).versions] == [
        "0\n", "edited\n", "edited\n1\n", "edited\n1\n2\n", "edited\n1\n2\n3\n",
    ]  # fmt: skip


def test_squashed_commits_of_ours_and_a_reviewer_are_not_ours(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish("one\n")
    first = git(checkout, "log", "-1", "--format=%B", BRANCH)
    review(checkout, BRANCH, PATH, "edited\n", "--amend", "-m", first, "-m", "Tail-Miner: sha256:0")
    assert [version.ours for version in repository.tail_branch(BRANCH, PATH).versions] == [True, False]


def test_a_commit_beside_the_file_adds_no_version(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    review(checkout, BRANCH, "eval/cases.yaml", "cases: []\n")
    assert len(repository.tail_branch(BRANCH, PATH).versions) == 1


def test_merging_main_into_the_branch_changes_no_version(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    (checkout / "other.txt").write_text("x", encoding="utf-8")
    commit_all(checkout, "Main moves on")
    elsewhere = checkout.parent / "reviewer"
    git(checkout, "worktree", "add", "--quiet", str(elsewhere), BRANCH)
    git(elsewhere, *REVIEWER, "merge", "--quiet", "main", "-m", "Update branch")
    git(checkout, "worktree", "remove", "--force", str(elsewhere))
    assert repository.tail_branch(BRANCH, PATH).versions == (FileVersion(TEXT, ours=True),)


def test_a_file_a_reviewer_deleted_is_an_empty_version_of_theirs(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    review(checkout, BRANCH, PATH, None)
    assert repository.tail_branch(BRANCH, PATH).versions[-1] == FileVersion("", ours=False)


# How a branch stands


def state(repository: LocalGitRepository, name: str = BRANCH) -> BranchState:
    return repository.tail_branch(name, PATH).state


def test_a_branch_that_never_was_is_absent(repository: LocalGitRepository):
    assert state(repository) is BranchState.ABSENT


def test_a_published_branch_is_open(repository: LocalGitRepository, publish: Publish):
    publish()
    assert state(repository) is BranchState.OPEN


def test_a_reviewed_branch_is_open(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    review(checkout, BRANCH, PATH, "edited\n")
    assert state(repository) is BranchState.OPEN


def test_an_open_branch_stays_open_when_main_moves_on(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    (checkout / "other.txt").write_text("x", encoding="utf-8")
    commit_all(checkout, "Main moves on")
    assert state(repository) is BranchState.OPEN


MERGES = {
    "fast forward": lambda repo, branch=BRANCH: merge(repo, branch, "--ff-only"),
    "merge commit": lambda repo, branch=BRANCH: merge(repo, branch, "--no-ff", "-m", "Merge"),
    "squash": lambda repo, branch=BRANCH: squash_merge(repo, branch),
}


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_a_merged_branch_is_merged(checkout: Path, repository: LocalGitRepository, publish: Publish, how: Merge):
    publish()
    how(checkout)
    assert state(repository) is BranchState.MERGED


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_a_branch_merged_after_review_is_merged(
    checkout: Path, repository: LocalGitRepository, publish: Publish, how: Merge
):
    publish()
    review(checkout, BRANCH, PATH, "edited\n")
    how(checkout)
    assert state(repository) is BranchState.MERGED


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_a_branch_deleted_after_its_merge_is_merged(
    checkout: Path, repository: LocalGitRepository, publish: Publish, how: Merge
):
    publish()
    how(checkout)
    git(checkout, "branch", "--delete", "--force", BRANCH)
    assert state(repository) is BranchState.MERGED


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_a_branch_merged_after_review_and_deleted_is_merged(
    checkout: Path, repository: LocalGitRepository, publish: Publish, how: Merge
):
    publish()
    review(checkout, BRANCH, PATH, "edited\n")
    how(checkout)
    git(checkout, "branch", "--delete", "--force", BRANCH)
    assert state(repository) is BranchState.MERGED


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_a_merged_branch_stays_merged_when_the_file_changes_on_main(
    checkout: Path, repository: LocalGitRepository, publish: Publish, how: Merge
):
    publish()
    how(checkout)
    (checkout / PATH).write_text("changed later\n", encoding="utf-8")
    commit_all(checkout, "A later decision")
    assert state(repository) is BranchState.MERGED


def test_a_branch_deleted_unmerged_is_closed(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    git(checkout, "branch", "--delete", "--force", BRANCH)
    assert state(repository) is BranchState.CLOSED


def test_a_merge_in_another_clone_is_seen_without_any_body_file(tmp_path: Path, checkout: Path, publish: Publish):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    git(tmp_path, "clone", "--quiet", str(checkout), "clone")
    assert state(LocalGitRepository(tmp_path / "clone", "main")) is BranchState.MERGED


def test_a_follow_up_of_a_merged_branch_is_absent(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    assert state(repository, branch_of(PATH, 2)) is BranchState.ABSENT


def test_a_published_follow_up_is_open(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    publish(TEXT + "# more\n", branch=branch_of(PATH, 2))
    assert state(repository, branch_of(PATH, 2)) is BranchState.OPEN


def test_a_follow_up_deleted_unmerged_is_closed(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    publish(TEXT + "# more\n", branch=branch_of(PATH, 2))
    git(checkout, "branch", "--delete", "--force", branch_of(PATH, 2))
    assert state(repository, branch_of(PATH, 2)) is BranchState.CLOSED


MORE = "cases:\n  - id: tail-2026W17-001\n    status: proposed\n"


def test_a_follow_up_merged_and_deleted_is_merged(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    publish(MORE, branch=branch_of(PATH, 2))
    merge(checkout, branch_of(PATH, 2), "--ff-only")
    git(checkout, "branch", "--delete", "--force", branch_of(PATH, 2))
    assert state(repository, branch_of(PATH, 2)) is BranchState.MERGED


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_a_follow_up_merged_after_review_and_deleted_is_merged(
    checkout: Path, repository: LocalGitRepository, publish: Publish, how: Merge
):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    publish(MORE, branch=branch_of(PATH, 2))
    review(checkout, branch_of(PATH, 2), PATH, MORE.replace("proposed", "promoted"))
    how(checkout, branch_of(PATH, 2))
    git(checkout, "branch", "--delete", "--force", branch_of(PATH, 2))
    assert state(repository, branch_of(PATH, 2)) is BranchState.MERGED


def test_the_versions_of_a_follow_up_begin_with_what_was_merged(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    publish(TEXT + "# more\n", branch=branch_of(PATH, 2))
    assert repository.tail_branch(branch_of(PATH, 2), PATH).versions == (
        FileVersion(TEXT, ours=True, merged=True),
        FileVersion(TEXT + "# more\n", ours=True),
    )


def test_a_body_file_somebody_rewrote_does_not_hide_the_state(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    body = body_of(publish())
    git(checkout, "branch", "--delete", "--force", BRANCH)
    body.write_text("my notes\n", encoding="utf-8")
    assert state(repository) is BranchState.CLOSED


def test_a_branch_whose_name_begins_like_another_is_another(repository: LocalGitRepository, publish: Publish):
    publish(path="eval/tail/2026-W17/2026-W17.yaml")
    assert state(repository) is BranchState.ABSENT


# Reading


def test_a_file_is_read_from_the_base_branch_and_not_from_the_work_tree(checkout: Path, repository: LocalGitRepository):
    committed = git(checkout, "show", "main:eval/cases.yaml")
    (checkout / "eval" / "cases.yaml").write_text("half edited", encoding="utf-8")
    assert repository.read("eval/cases.yaml") == committed


def test_a_file_that_is_not_on_the_base_branch_is_none(repository: LocalGitRepository, publish: Publish):
    publish()
    assert repository.read(PATH) is None


@pytest.mark.parametrize("name", ["eval/a b.yaml", "eval/Ünïcode.yaml", 'eval/"quoted".yaml', "eval/a*b.yaml"])
def test_a_file_with_an_unusual_name_is_read(checkout: Path, repository: LocalGitRepository, name: str):
    (checkout / name).write_text(TEXT, encoding="utf-8")
    commit_all(checkout, "Unusual")
    assert repository.read(name) == TEXT


def test_the_line_ends_of_a_file_are_read_as_they_are(checkout: Path, repository: LocalGitRepository):
    (checkout / "eval" / "crlf.yaml").write_bytes(b"cases: []\r\n")
    commit_all(checkout, "CRLF")
    assert repository.read("eval/crlf.yaml") == "cases: []\r\n"


def test_a_missing_base_branch_is_named(checkout: Path):
    with pytest.raises(PermanentError, match="trunk"):
        LocalGitRepository(checkout, "trunk").read("eval/cases.yaml")


def test_a_base_branch_without_a_commit_is_named(tmp_path: Path):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    with pytest.raises(PermanentError, match="main"):
        LocalGitRepository(tmp_path, "main").read("eval/cases.yaml")


def test_a_folder_that_is_no_repository_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(PermanentError, match=str(tmp_path)):
        LocalGitRepository(tmp_path, "main").read("eval/cases.yaml")


def test_a_missing_git_is_said(checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PermanentError, match="git is not installed"):
        LocalGitRepository(checkout, "main").read("eval/cases.yaml")


def test_a_folder_inside_a_repository_is_refused_or_works_from_end_to_end(checkout: Path):
    inside = checkout / "services" / "agent"
    (inside / "eval").mkdir(parents=True)
    (inside / "eval" / "cases.yaml").write_text("cases: []\n", encoding="utf-8")
    commit_all(checkout, "A second agent")
    repository = LocalGitRepository(inside, "main")
    try:
        repository.publish(pull_request(), repository.tail_branch(BRANCH, PATH))
    except PermanentError:
        return
    assert git(checkout, "diff", "--name-only", "main", BRANCH).split() == [f"services/agent/{PATH}"]


def test_tail_files_on_the_base_branch_are_listed(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    assert repository.tail_files("eval/tail") == [StoredFile(PATH, TEXT, None)]


def test_tail_files_on_unmerged_branches_are_listed_with_their_branch(repository: LocalGitRepository, publish: Publish):
    publish()
    assert repository.tail_files("eval/tail") == [StoredFile(PATH, TEXT, BRANCH)]


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_a_merged_branch_that_still_exists_is_listed_once(
    checkout: Path, repository: LocalGitRepository, publish: Publish, how: Merge
):
    publish()
    how(checkout)
    assert repository.tail_files("eval/tail") == [StoredFile(PATH, TEXT, None)]


def test_a_branch_lists_only_what_it_changed(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish(path="eval/tail/2026-W16.yaml")
    merge(checkout, "tail-miner/2026-W16", "--ff-only")
    publish()
    found = [(file.path, file.branch) for file in repository.tail_files("eval/tail")]
    assert found == [("eval/tail/2026-W16.yaml", None), (PATH, BRANCH)]


def test_a_branch_made_before_a_later_decision_on_main_does_not_bring_the_old_file_back(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish(path="eval/tail/2026-W16.yaml")
    merge(checkout, "tail-miner/2026-W16", "--ff-only")
    publish()
    (checkout / "eval/tail/2026-W16.yaml").write_text("decided\n", encoding="utf-8")
    commit_all(checkout, "Decided")
    found = [(file.path, file.text) for file in repository.tail_files("eval/tail")]
    assert found == [("eval/tail/2026-W16.yaml", "decided\n"), (PATH, TEXT)]


def test_a_file_on_base_and_branch_is_listed_from_both(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    publish(TEXT + "# more\n", branch=branch_of(PATH, 2))
    assert {(file.text, file.branch) for file in repository.tail_files("eval/tail")} == {
        (TEXT, None),
        (TEXT + "# more\n", branch_of(PATH, 2)),
    }


def test_only_yaml_files_directly_in_the_directory_are_listed(checkout: Path, repository: LocalGitRepository):
    for name in ("eval/tail/2026-W16.yaml", "eval/tail/acme/2026-W16.yaml", "eval/tail/notes.md", "eval/tail2/x.yaml"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(TEXT, encoding="utf-8")
    commit_all(checkout, "Files")
    assert [file.path for file in repository.tail_files("eval/tail")] == ["eval/tail/2026-W16.yaml"]


def test_branches_of_other_kinds_are_not_listed(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    git(checkout, "branch", "--move", BRANCH, "somebody/2026-W17")
    assert [file.branch for file in repository.tail_files("eval/tail") if not file.abandoned] == []


def test_what_was_on_a_deleted_branch_is_remembered_as_abandoned(
    checkout: Path, repository: LocalGitRepository, publish: Publish
):
    publish()
    git(checkout, "branch", "--delete", "--force", BRANCH)
    assert [(file.text, file.abandoned) for file in repository.tail_files("eval/tail")] == [(TEXT, True)]


def test_what_was_merged_and_deleted_is_not_abandoned(checkout: Path, repository: LocalGitRepository, publish: Publish):
    publish()
    merge(checkout, BRANCH, "--ff-only")
    git(checkout, "branch", "--delete", "--force", BRANCH)
    assert [file.abandoned for file in repository.tail_files("eval/tail")] == [False]


def test_a_repository_without_tail_files_lists_none(repository: LocalGitRepository):
    assert repository.tail_files("eval/tail") == []


def test_a_tail_branch_without_a_common_ancestor_is_no_obstacle(checkout: Path, repository: LocalGitRepository):
    tree = git(checkout, "rev-parse", "main^{tree}").strip()
    orphan = git(checkout, *REVIEWER, "commit-tree", tree, "-m", "Orphan").strip()
    git(checkout, "branch", BRANCH, orphan)
    assert repository.tail_files("eval/tail") == []


def test_the_state_directory_can_be_moved_away_and_is_made_again(checkout: Path, publish: Publish):
    publish()
    (checkout / ".tail").rename(checkout.parent / "old state")
    publish("cases: []\n")
    assert git(checkout, "status", "--porcelain", "--untracked-files=all") == ""
