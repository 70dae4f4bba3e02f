"""The facts of GitHub that the stand-in stands for: references, pull requests, issues, and what git says of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github import Auth, Github, GithubException
from github.PullRequest import PullRequest
from github.Repository import Repository

from tail_pipeline_tests.github_server import TOKEN, GitHubServer
from tail_pipeline_tests.github_server.people import Person
from tail_pipeline_tests.github_server.repository import Protection

BRANCH = "tail-miner/2026-W17"
FILE = "eval/tail/2026-W17.yaml"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path, {FILE: "one\ntwo\nthree\n"}) as running:
        yield running


@pytest.fixture
def repository(server: GitHubServer) -> Repository:
    return connected(server).get_repo(server.full_name)


@pytest.fixture
def lead(server: GitHubServer) -> Person:
    return server.person("lead")


def connected(server: GitHubServer, token: str = TOKEN) -> Github:
    """PyGithub without its waits: a quarter of a second between requests, a second between writes."""
    return Github(
        base_url=server.base_url,
        auth=Auth.Token(token),
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


def opened(
    repository: Repository, lead: Person, text: str = "one\ntwo\nthree\nfour\n", branch: str = BRANCH
) -> PullRequest:
    """A pull request of the miner's with one changed file."""
    lead.branch(branch)
    lead.push(branch, {FILE: text}, message="Tail")
    return repository.create_pull(title="Tail", body="Body", head=branch, base="main")


def refused(status: int, said: str) -> Any:
    """The refusal of GitHub's with this status whose body holds this text."""
    return pytest.raises(GithubException, match=rf"{status} .*{said}")


# References


def test_a_reference_that_is_there_cannot_be_made(repository: Repository, lead: Person):
    with refused(422, "Reference already exists"):
        repository.create_git_ref("refs/heads/main", lead.head("main"))


def test_a_reference_does_not_lose_somebody_elses_commit(repository: Repository, lead: Person):
    seen = repository.get_git_ref("heads/main")
    sha = lead.amend("main", {FILE: "mine\n"})
    lead.push("main", {FILE: "theirs\n"})
    with refused(422, "Update is not a fast forward"):
        seen.edit(sha, force=False)


def test_a_reference_outside_of_heads_is_kept_and_found_by_its_beginning(repository: Repository, lead: Person):
    repository.create_git_ref("refs/published/tail-miner/2026-W17", lead.head("main"))

    found = repository.get_git_matching_refs("published/tail-miner/")

    assert [one.ref for one in found] == ["refs/published/tail-miner/2026-W17"]


def test_a_branch_cannot_lie_below_another(repository: Repository, lead: Person):
    with refused(422, "Reference update failed"):
        repository.create_git_ref("refs/heads/main/next", lead.head("main"))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("classic", "Protected branch update failed for refs/heads/main"),
        ("pull_request", "Changes must be made through a pull request"),
        ("ruleset", "Repository rule violations found.*Changes must be made through a pull request"),
    ],
)
def test_a_protected_branch_takes_no_push(repository: Repository, lead: Person, by: Protection, said: str):
    sha = lead.push("main", {FILE: "x"})
    lead.protect("main", by)
    with refused(422, said):
        repository.get_git_ref("heads/main").edit(sha, force=False)


# What git says


def test_a_files_history_leaves_out_commits_that_did_not_touch_it(repository: Repository, lead: Person):
    first, last = lead.head("main"), lead.push("main", {FILE: "x"})
    lead.push("main", {"README.md": "x"})

    assert [one.sha for one in repository.get_commits(path=FILE)] == [last, first]


def test_a_comparison_starts_where_the_branches_parted(repository: Repository, lead: Person):
    parted = lead.branch(BRANCH)
    lead.push(BRANCH, {"a": "x"})
    lead.push("main", {"b": "x"})

    found = repository.compare("main", BRANCH)

    assert (found.status, found.merge_base_commit.sha, [one.filename for one in found.files]) == (
        "diverged",
        parted,
        ["a"],
    )


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merge_is_gits_own(repository: Repository, lead: Person, method: str):
    pull = opened(repository, lead)
    lead.push("main", {FILE: "zero\none\ntwo\nthree\n"})

    pull.merge(merge_method=method)

    assert lead.read("main", FILE) == "zero\none\ntwo\nthree\nfour\n"


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_conflict_is_gits_own(repository: Repository, lead: Person, method: str):
    pull = opened(repository, lead, "one\ntwo\ntres\n")
    lead.push("main", {FILE: "one\ntwo\ndrei\n"})
    with refused(405, "Pull Request is not mergeable"):
        pull.merge(merge_method=method)


def test_a_commit_leads_to_the_pull_request_that_brought_it(repository: Repository, lead: Person):
    pull = opened(repository, lead)
    sha = lead.merge(pull.number, "squash", delete_branch=True)

    assert [one.number for one in repository.get_commit(sha).get_pulls()] == [pull.number]


# Pull requests


def test_a_branch_has_one_open_pull_request(repository: Repository, lead: Person):
    opened(repository, lead)
    with refused(422, f"A pull request already exists for acme:{BRANCH}"):
        repository.create_pull(title="Again", head=BRANCH, base="main")


def test_a_branch_without_commits_makes_no_pull_request(repository: Repository, lead: Person):
    lead.branch(BRANCH)
    with refused(422, f"No commits between main and {BRANCH}"):
        repository.create_pull(title="Empty", head=BRANCH, base="main")


def test_a_head_without_its_owner_filters_nothing(repository: Repository, lead: Person):
    opened(repository, lead)

    assert repository.get_pulls(head="another-branch").totalCount == 1


def test_a_pull_request_closes_when_its_branch_goes(repository: Repository, lead: Person):
    pull = opened(repository, lead)
    lead.delete_branch(BRANCH)

    assert (repository.get_pull(pull.number).state, repository.get_pull(pull.number).merged) == ("closed", False)


def test_a_pull_request_is_merged_by_a_push_of_its_commits(server: GitHubServer, repository: Repository, lead: Person):
    pull = opened(repository, lead)
    subprocess.run(["git", "-C", server.repository.git.path, "branch", "--force", "main", BRANCH], check=True)

    assert repository.get_pull(pull.number).merged


def test_a_pull_request_whose_branch_is_gone_stays_closed(repository: Repository, lead: Person):
    pull = opened(repository, lead)
    lead.delete_branch(BRANCH)
    with refused(422, f"state cannot be changed. The {BRANCH} branch has been deleted"):
        pull.edit(state="open")


def test_its_author_cannot_review_a_pull_request(repository: Repository, lead: Person):
    pull = opened(repository, lead)
    with refused(422, "Review cannot be requested from pull request author"):
        pull.create_review_request(["miner"])


def test_only_collaborators_can_be_asked_for_a_review(repository: Repository, lead: Person):
    pull = opened(repository, lead)
    with refused(422, "Reviews may only be requested from collaborators"):
        pull.create_review_request(["stranger"])


def test_who_has_reviewed_is_no_longer_asked(repository: Repository, lead: Person):
    pull = opened(repository, lead)
    pull.create_review_request(["lead", "owner"])
    lead.review(pull.number, "CHANGES_REQUESTED")

    assert [one.login for one in pull.get_review_requests()[0]] == ["owner"]


# Issues


def test_an_issue_is_refused_for_an_assignee_it_cannot_have(repository: Repository):
    with refused(422, '"field": "assignees"'):
        repository.create_issue("Missing", assignee="stranger")


def test_an_assignee_added_later_is_passed_over_in_silence(repository: Repository):
    issue = repository.create_issue("Missing")

    issue.add_to_assignees("stranger", "lead")

    assert [one.login for one in issue.assignees] == ["lead"]


def test_pull_requests_are_among_the_issues(repository: Repository, lead: Person):
    pull, issue = opened(repository, lead), repository.create_issue("Missing")

    assert [one.number for one in repository.get_issues()] == [issue.number, pull.number]


def test_a_label_an_issue_is_given_is_made(repository: Repository):
    repository.create_issue("Missing", labels=["tail-missing"])

    assert repository.get_label("Tail-Missing").color == "ededed"


def test_a_body_has_room_for_65536_characters(repository: Repository):
    with refused(422, "body is too long"):
        repository.create_issue("Missing", body="x" * 65_537)


def test_a_listing_longer_than_a_page_is_whole(repository: Repository, lead: Person):
    for number in range(130):
        lead.open_issue(f"{number}")

    assert len({one.number for one in repository.get_issues()}) == 130
