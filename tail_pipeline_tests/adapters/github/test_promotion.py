"""Promoted cases reach the base branch: by a commit, or by a small pull request where that is protected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tail_pipeline.adapters.github.repository import GitHubRepository
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.ports import Promoted, PublishedPromotion
from tail_pipeline.domain.promotion import Promotion
from tail_pipeline_tests.adapters.places import GitHubPlace
from tail_pipeline_tests.github_server.faults import Fault, bad_gateway, dropped, meanwhile
from tail_pipeline_tests.github_server.repository import Protection
from tail_pipeline_tests.github_server.routing import Reply
from tail_pipeline_tests.github_server.server import GitHubServer

PATH = "eval/cases.yaml"
BRANCH = "tail-promote/2026-W17"
BEFORE = "cases:\n  - id: poc-001\n"
TEXT = f"{BEFORE}  - id: tail-2026W17-001\n"
WANTED = Promotion(
    BRANCH, PATH, BEFORE, TEXT, "Promote 1 case of 2026-W17", "One case.\n", ("tail-miner", "eval"), ("lead",)
)
PROTECTIONS: tuple[Protection, ...] = ("classic", "ruleset")
LOST = [bad_gateway(), dropped().afterwards()]


@pytest.fixture
def server(place: GitHubPlace) -> GitHubServer:
    place.server.person().push("main", {PATH: BEFORE})
    return place.server


def promote(place: GitHubPlace, **fields: object) -> PublishedPromotion:
    return place.opened().promote(replace(WANTED, **fields))


def promote_until_done(repository: GitHubRepository) -> PublishedPromotion:
    for _ in range(20):
        try:
            return repository.promote(WANTED)
        except TransientError:
            continue
    raise AssertionError("not done after 20 attempts")


def on_main(server: GitHubServer) -> str | None:
    return server.person().read("main", PATH)


# Where the base branch takes commits


def test_promoted_cases_are_committed_to_the_base_branch(place: GitHubPlace, server: GitHubServer):
    assert promote(place).outcome is Promoted.COMMITTED
    assert on_main(server) == TEXT


def test_the_commit_is_one_on_top_of_the_base_branch(place: GitHubPlace, server: GitHubServer):
    before = server.person().head("main")
    promote(place)
    commit = server.repository.git.commit("refs/heads/main")
    assert commit
    assert commit.parents == (before,)


def test_the_url_leads_to_the_commit(place: GitHubPlace, server: GitHubServer):
    url = promote(place).url
    assert url == f"{server.origin}/{server.full_name}/commit/{server.person().head('main')}"


def test_the_first_cases_file_of_a_repository_is_made(place: GitHubPlace):
    assert promote(place, before=None).outcome is Promoted.COMMITTED


def test_what_was_promoted_already_is_not_promoted_again(place: GitHubPlace, server: GitHubServer):
    promote(place)
    before = len(server.writes)
    assert promote(place) == PublishedPromotion(Promoted.UNCHANGED, None)
    assert server.writes[before:] == []


def test_a_file_somebody_changed_is_not_written_over(place: GitHubPlace, server: GitHubServer):
    server.person().push("main", {PATH: f"# Reviewed\n{BEFORE}"})
    with pytest.raises(TransientError, match="changed"):
        promote(place)
    assert on_main(server) == f"# Reviewed\n{BEFORE}"


def test_a_base_branch_that_moves_under_the_write_is_not_overwritten(place: GitHubPlace, server: GitHubServer):
    push = meanwhile(lambda: server.person().push("main", {PATH: f"# Reviewed\n{BEFORE}"}))
    server.faults.next("PATCH", r"/git/refs/heads/main$", push)
    with pytest.raises(TransientError, match="moved"):
        promote(place)
    assert on_main(server) == f"# Reviewed\n{BEFORE}"


def test_a_token_that_may_not_write_opens_no_pull_request(place: GitHubPlace, server: GitHubServer):
    refusal = Fault("refused", Reply(403, {"message": "Resource not accessible by personal access token"}))
    server.faults.next("PATCH", r"/git/refs/heads/main$", refusal)
    with pytest.raises(PermanentError, match="lacks a permission"):
        promote(place)
    assert server.repository.pulls() == []


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.name)
@pytest.mark.parametrize("write", ["POST /git/trees$", "POST /git/commits$", "PATCH /git/refs/heads/main$"])
def test_a_commit_whose_reply_was_lost_is_made_once(place: GitHubPlace, server: GitHubServer, write: str, fault: Fault):
    before = server.person().head("main")
    server.faults.next(*write.split(" "), fault)
    promote_until_done(place.opened())
    assert len(server.repository.git.commits(before, server.person().head("main"))) == 1


# Where it is protected


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_protected_base_branch_gets_a_pull_request(place: GitHubPlace, server: GitHubServer, protection: Protection):
    server.person().protect("main", protection)
    promoted = promote(place)
    assert (promoted.outcome, promoted.url) == (Promoted.PROPOSED, f"{server.origin}/{server.full_name}/pull/1")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "You're not authorized to push to this branch."),
        (409, "Could not update file: Changes must be made through a pull request."),
        (422, 'Required status check "ci" is expected.'),
        (422, "At least 1 approving review is required by reviewers with write access."),
        (422, "Changes must be made through the merge queue"),
        (422, "Reference update failed"),
        (403, "GH006: Protected branch update failed for refs/heads/main."),
    ],
)
def test_every_wording_of_protection_is_understood(place: GitHubPlace, server: GitHubServer, status: int, message: str):
    server.faults.next("PATCH", r"/git/refs/heads/main$", Fault("protected", Reply(status, {"message": message})))
    assert promote(place).outcome is Promoted.PROPOSED


def test_the_proposal_holds_the_rows_and_is_labelled(place: GitHubPlace, server: GitHubServer):
    server.person().protect()
    promote(place)
    (issue,) = server.repository.pulls()
    found = server.person().read(BRANCH, PATH), [label.name for label in issue.labels]
    assert found == (TEXT, ["tail-miner", "eval"])


def test_an_identical_proposal_writes_nothing(place: GitHubPlace, server: GitHubServer):
    server.person().protect()
    promote(place)
    before = len(server.writes)
    assert promote(place).outcome is Promoted.PROPOSED
    assert server.writes[before:] == []


def test_a_merged_proposal_is_done(place: GitHubPlace, server: GitHubServer):
    server.person().protect()
    promote(place)
    server.person().merge(1, "squash", delete_branch=True)
    assert promote(place).outcome is Promoted.UNCHANGED


def test_a_declined_proposal_is_not_made_again(place: GitHubPlace, server: GitHubServer):
    server.person().protect()
    url = promote(place).url
    server.person().close(1)
    before = len(server.writes)
    assert promote(place) == PublishedPromotion(Promoted.DECLINED, url)
    assert server.writes[before:] == []


@pytest.mark.parametrize("delete_branch", [True, False])
@pytest.mark.parametrize("text", [f"{TEXT}  - id: tail-2026W17-002\n", f"{TEXT}    expected: corrected\n"])
def test_other_rows_than_those_that_were_declined_are_proposed(
    place: GitHubPlace, server: GitHubServer, text: str, *, delete_branch: bool
):
    server.person().protect()
    promote(place)
    server.person().close(1)
    if delete_branch:
        server.person().delete_branch(BRANCH)
    outcomes = [promote(place, text=text).outcome for _ in range(2)]
    found = outcomes, [one.state for one in server.repository.pulls()], server.person().read(BRANCH, PATH)
    assert found == ([Promoted.PROPOSED] * 2, ["closed", "open"], text)


def test_rows_that_were_declined_stay_declined_when_others_come_before_them(place: GitHubPlace, server: GitHubServer):
    server.person().protect()
    promote(place)
    server.person().close(1)
    server.person().push("main", {PATH: OTHERS})
    assert promote(place, before=OTHERS, text=REBUILT).outcome is Promoted.DECLINED


def test_more_cases_are_added_to_an_open_proposal(place: GitHubPlace, server: GitHubServer):
    server.person().protect()
    promote(place)
    more = f"{TEXT}  - id: tail-2026W17-002\n"
    promote(place, text=more)
    assert (server.person().read(BRANCH, PATH), len(server.repository.pulls())) == (more, 1)


@pytest.mark.parametrize("delete_branch", [True, False])
def test_cases_promoted_after_a_merged_proposal_get_one_of_their_own(
    place: GitHubPlace, server: GitHubServer, *, delete_branch: bool
):
    server.person().protect()
    promote(place)
    server.person().merge(1, "squash", delete_branch=delete_branch)
    promote(place, before=TEXT, text=f"{TEXT}  - id: tail-2026W17-002\n")
    assert [one.state for one in server.repository.pulls()] == ["closed", "open"]


# A proposal beside a base branch that goes on


OTHERS = f"{BEFORE}  - id: tail-2026W16-001\n"
REBUILT = f"{OTHERS}  - id: tail-2026W17-001\n"


@pytest.fixture
def overtaken(place: GitHubPlace, server: GitHubServer) -> GitHubServer:
    """A proposal is open, and the base branch got other rows since."""
    server.person().protect()
    promote(place)
    server.person().push("main", {PATH: OTHERS})
    return server


def test_a_proposal_is_brought_up_to_date_with_the_base_branch(place: GitHubPlace, overtaken: GitHubServer):
    promote(place, before=OTHERS, text=REBUILT)
    overtaken.person().merge(1)
    assert on_main(overtaken) == REBUILT


def test_a_proposal_is_never_force_pushed(place: GitHubPlace, overtaken: GitHubServer):
    old = overtaken.person().head(BRANCH)
    promote(place, before=OTHERS, text=REBUILT)
    assert overtaken.repository.git.is_ancestor(old, overtaken.person().head(BRANCH))


def test_work_elsewhere_on_the_base_branch_leaves_a_proposal_as_it_is(place: GitHubPlace, server: GitHubServer):
    server.person().protect()
    promote(place)
    server.person().push("main", {"README.md": "# Revised\n"})
    before = len(server.writes)
    promote(place)
    assert server.writes[before:] == []


def test_a_proposal_somebody_committed_to_is_left_alone_with_a_note(place: GitHubPlace, overtaken: GitHubServer):
    overtaken.person().push(BRANCH, {PATH: f"{TEXT}# checked\n"})
    promoted = promote(place, before=OTHERS, text=REBUILT)
    assert overtaken.person().read(BRANCH, PATH) == f"{TEXT}# checked\n"
    assert promoted.notes == (
        f"somebody else committed to {BRANCH}, so it is left alone; merge or close its pull request",
    )


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.name)
@pytest.mark.parametrize(
    "write",
    ["POST /git/trees$", "POST /git/commits$", "POST /git/refs$", "POST /pulls$", "POST /labels$", "POST /assignees$"],
)
def test_a_proposal_whose_reply_was_lost_is_made_once(
    place: GitHubPlace, server: GitHubServer, write: str, fault: Fault
):
    server.person().protect()
    server.faults.next(*write.split(" "), fault)
    promote_until_done(place.opened())
    found = [(issue.state, [label.name for label in issue.labels]) for issue in server.repository.pulls()]
    assert found == [("open", ["tail-miner", "eval"])]
