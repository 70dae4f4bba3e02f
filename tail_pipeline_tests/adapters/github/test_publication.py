"""What a lead finds on GitHub on Monday, and what a re-run does to it: nothing, unless something differs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tail_pipeline.adapters.github.body_section import section
from tail_pipeline.adapters.tail_branches import with_trailer
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.ports import BranchState, Published
from tail_pipeline_tests.adapters.github.runs import BRANCH, MORE, PATH, TEXT, TITLE, WANTED, left_on, run
from tail_pipeline_tests.adapters.places import GitHubPlace
from tail_pipeline_tests.github_server.faults import Fault, meanwhile, secondary_rate_limit
from tail_pipeline_tests.github_server.records import Issue
from tail_pipeline_tests.github_server.routing import Reply
from tail_pipeline_tests.github_server.server import TOKEN, GitHubServer

EDITED = f"{TEXT}    status: promoted\n"


def the_pull_request(server: GitHubServer) -> Issue:
    (found,) = server.repository.pulls()
    return found


def test_the_first_run_opens_one_pull_request(place: GitHubPlace, server: GitHubServer):
    published = run(place.opened())
    issue = the_pull_request(server)
    assert (published.number, published.outcome, issue.title) == (issue.number, Published.CREATED, TITLE)


def test_its_url_is_the_one_people_open(place: GitHubPlace, server: GitHubServer):
    assert run(place.opened()).url == f"{server.origin}/{server.full_name}/pull/1"


def test_it_goes_from_the_weeks_branch_to_the_base_branch(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    pull = the_pull_request(server).pull
    assert pull
    assert (pull.head, pull.base) == (BRANCH, "main")


def test_its_labels_are_made_where_they_are_missing(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    assert [label.name for label in the_pull_request(server).labels] == ["tail-miner", "eval"]


def test_a_label_somebody_else_makes_at_the_same_time_is_used(place: GitHubPlace, server: GitHubServer):
    server.faults.next("POST", r"/labels$", meanwhile(lambda: server.person().add_label("tail-miner")))
    run(place.opened())
    assert [label.name for label in the_pull_request(server).labels] == ["tail-miner", "eval"]


def test_a_label_that_is_there_in_other_letters_is_taken_for_ours(place: GitHubPlace, server: GitHubServer):
    server.person().add_label("Tail-Miner")
    run(place.opened())
    before = len(server.writes)
    run(place.opened())
    assert server.writes[before:] == []


def test_it_is_assigned_to_the_lead_and_awaits_the_leads_review(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    issue = the_pull_request(server)
    assert issue.pull
    people = [one.login for one in issue.assignees], [one.login for one in issue.pull.reviewers]
    assert people == (["lead"], ["lead"])


def test_a_reviewer_with_a_slash_is_a_team(place: GitHubPlace, server: GitHubServer):
    server.repository.teams.add("quality")
    run(place.opened(), reviewers=("acme/quality",))
    issue = the_pull_request(server)
    assert issue.pull
    assert issue.pull.teams == ["quality"]


def test_the_author_as_reviewer_is_a_note_and_no_failure(place: GitHubPlace):
    published = run(place.opened(), reviewers=("miner", "lead"))
    assert published.notes == (
        "pull request 1: no review can be requested from miner: Review cannot be requested from pull request author.",
    )


def test_of_several_reviewers_those_that_can_be_asked_are_asked(place: GitHubPlace, server: GitHubServer):
    run(place.opened(), reviewers=("stranger", "lead", "acme/nobody"))
    issue = the_pull_request(server)
    assert issue.pull
    assert [one.login for one in issue.pull.reviewers] == ["lead"]


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (403, {"message": "Resource not accessible by integration"}, "Resource not accessible by integration"),
        (
            422,
            {"message": "Validation Failed", "errors": ["Could not resolve to a node with the global id of 'T_1'."]},
            "Validation Failed: Could not resolve to a node with the global id of 'T_1'.",
        ),
    ],
)
def test_a_team_the_token_may_not_see_is_a_note_in_githubs_words(
    place: GitHubPlace, server: GitHubServer, status: int, answer: object, words: str
):
    server.faults.next("POST", r"/requested_reviewers$", Fault("refused", Reply(status, answer)))
    notes = run(place.opened(), reviewers=("acme/quality",)).notes
    assert notes == (f"pull request 1: no review can be requested from acme/quality: {words}",)


def test_a_rate_limit_while_reviews_are_requested_is_no_note(place: GitHubPlace, server: GitHubServer):
    server.faults.next("POST", r"/requested_reviewers$", secondary_rate_limit())
    with pytest.raises(TransientError):
        run(place.opened())


def test_an_assignee_github_passes_over_is_a_note(place: GitHubPlace):
    assert "pull request 1: stranger cannot be assigned" in run(place.opened(), reviewers=("stranger",)).notes


def test_nobody_to_review_is_no_request(place: GitHubPlace, server: GitHubServer):
    run(place.opened(), reviewers=())
    assert not [one for one in server.exchanges if one.path.endswith(("assignees", "requested_reviewers"))]


def test_our_commit_carries_the_trailer(place: GitHubPlace, server: GitHubServer):
    head = run(place.opened()).head
    commit = server.repository.git.commit(head)
    assert commit
    assert commit.message == with_trailer(TITLE, TEXT)


def test_our_commit_leaves_its_author_to_github_which_then_signs_it(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    (made,) = (one for one in server.writes if one.path.endswith("/git/commits"))
    assert not {"author", "committer"} & made.body.keys()


def test_what_was_published_is_kept_out_of_peoples_reach(place: GitHubPlace, server: GitHubServer):
    head = run(place.opened()).head
    assert server.repository.git.ref(f"refs/published/{BRANCH}/000001") == head


# Re-runs


def test_a_server_that_keeps_no_such_references_is_a_note_and_no_failure(place: GitHubPlace, server: GitHubServer):
    refused = Fault("refused", Reply(422, {"message": "Reference update failed"}))
    server.faults.next("POST", r"/git/refs$", meanwhile(lambda: None), refused)
    published = run(place.opened())
    assert (published.outcome, len(published.notes)) == (Published.CREATED, 1)
    assert "remembered as long as nobody rewrites its history" in published.notes[0]


def test_an_identical_re_run_writes_nothing(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    before = len(server.writes)
    assert run(place.opened()).outcome is Published.UNCHANGED
    assert server.writes[before:] == []


def test_an_identical_re_run_on_another_machine_writes_nothing(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    before = len(server.writes)
    run(place.opened("another-machine"))
    assert server.writes[before:] == []


def test_a_changed_text_is_committed_to_the_same_pull_request(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    assert run(place.opened(), text=MORE).outcome is Published.UPDATED
    assert server.person().read(BRANCH, PATH) == MORE


def test_a_changed_body_alone_is_one_write(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    before = len(server.writes)
    assert run(place.opened(), body="## Scorecard, renewed\n").outcome is Published.UPDATED
    assert [one.method for one in server.writes[before:]] == ["PATCH"]


@pytest.mark.parametrize("re_run", [2, 3])
def test_a_reviewers_commit_is_kept_on_every_re_run(place: GitHubPlace, server: GitHubServer, re_run: int):
    run(place.opened())
    theirs = server.person().push(BRANCH, {PATH: EDITED})
    for number in range(re_run):
        run(place.opened(), text=f"{EDITED}  - id: tail-2026W17-10{number}\n")
    assert server.repository.git.is_ancestor(theirs, server.person().head(BRANCH))


def test_a_branch_that_moved_since_it_was_read_is_not_written_to(place: GitHubPlace, server: GitHubServer):
    repository = place.opened()
    run(repository)
    read = repository.tail_branch(BRANCH, PATH)
    theirs = server.person().push(BRANCH, {PATH: EDITED})
    with pytest.raises(TransientError, match="moved"):
        repository.publish(WANTED, read)
    assert server.person().head(BRANCH) == theirs


def test_a_branch_that_moves_under_the_write_is_not_overwritten(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    push = meanwhile(lambda: server.person().push(BRANCH, {PATH: EDITED}))
    server.faults.next("PATCH", r"/git/refs/heads/", push)
    with pytest.raises(TransientError, match="moved"):
        run(place.opened(), text=MORE)
    assert server.person().read(BRANCH, PATH) == EDITED


def test_a_branch_somebody_makes_at_the_same_time_is_not_overwritten(place: GitHubPlace, server: GitHubServer):
    server.faults.next("POST", r"/git/refs$", meanwhile(lambda: server.person().branch(BRANCH)))
    with pytest.raises(TransientError, match="moved"):
        run(place.opened())
    assert server.person().head(BRANCH) == server.person().head("main")


def test_a_branch_deleted_under_the_write_is_not_made_again(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.faults.next("PATCH", r"/git/refs/heads/", meanwhile(lambda: server.person().delete_branch(BRANCH)))
    with pytest.raises(TransientError):
        run(place.opened(), text=MORE)
    assert place.opened().tail_branch(BRANCH, PATH).state is BranchState.CLOSED


@pytest.mark.parametrize("end", ["close", "merge"])
def test_a_pull_request_that_ends_under_the_write_is_not_opened_again(
    place: GitHubPlace, server: GitHubServer, end: str
):
    repository = place.opened()
    run(repository)
    read = repository.tail_branch(BRANCH, PATH)
    getattr(server.person(), end)(1)
    with pytest.raises(TransientError, match="closed in the meantime"):
        repository.publish(WANTED, read)
    assert len(server.repository.pulls()) == 1


def test_a_pull_request_closed_by_a_person_closes_the_week(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.person().close(1)
    assert place.opened().tail_branch(BRANCH, PATH).state is BranchState.CLOSED


def test_a_pull_request_opened_again_by_a_person_opens_the_week(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.person().close(1)
    server.person().reopen(1)
    assert run(place.opened()).outcome is Published.UNCHANGED


def test_a_listing_that_lags_behind_opens_no_second_pull_request(place: GitHubPlace, server: GitHubServer):
    server.faults.delay_listings(3)
    run(place.opened())
    with pytest.raises(TransientError):
        run(place.opened())
    server.faults.stop()
    run(place.opened())
    assert len(server.repository.pulls()) == 1


# What people change


@pytest.mark.parametrize(
    "change",
    [
        lambda issue: issue.assignees.clear(),
        lambda issue: issue.pull.reviewers.clear(),
        lambda issue: setattr(issue, "title", "Monday's work"),
    ],
    ids=["assignees", "reviewers", "title"],
)
def test_what_people_change_about_a_pull_request_is_not_fought(
    place: GitHubPlace, server: GitHubServer, change: Callable[[Issue], None]
):
    run(place.opened())
    change(the_pull_request(server))
    before = left_on(server)
    run(place.opened())
    assert left_on(server) == before


def test_what_people_add_to_the_body_is_kept_when_ours_is_renewed(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.person().edit(1, body=f"Look at case 3 first.\r\n\r\n{the_pull_request(server).body}")
    run(place.opened(), body="## Scorecard, renewed\n")
    ours = section("## Scorecard, renewed\n")
    assert the_pull_request(server).body == f"Look at case 3 first.\n\n{ours}"


def test_an_edited_section_is_left_alone_with_a_note(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    mine = (the_pull_request(server).body or "").replace("Scorecard", "My scorecard")
    server.person().edit(1, body=mine)
    notes = run(place.opened(), body="## Scorecard, renewed\n").notes
    assert notes == ("pull request 1: somebody edited our part of its body, so the body is left alone",)
    assert the_pull_request(server).body == mine


# What stops a run


def test_a_token_that_may_not_write_is_one_permanent_error_that_names_what_is_missing(
    place: GitHubPlace, server: GitHubServer
):
    server.add_token(TOKEN, permissions={"contents": "write"})
    with pytest.raises(PermanentError, match="This request needs: pull_requests=read"):
        run(place.opened())


def test_a_base_branch_that_is_not_there_is_named(place: GitHubPlace):
    with pytest.raises(PermanentError, match="no branch 'trunk'"):
        run(place.opened(base_branch="trunk"))


def test_a_repository_renamed_between_two_runs_is_followed(place: GitHubPlace, server: GitHubServer):
    repository = place.opened()
    server.person().rename("helper")
    run(repository)
    assert not [one for one in server.exchanges[1:] if "/acme/agent/" in one.path]


def test_a_repository_renamed_under_a_run_makes_it_wait(place: GitHubPlace, server: GitHubServer):
    server.faults.next("POST", r"/pulls$", meanwhile(lambda: server.person().rename("helper")))
    with pytest.raises(TransientError):
        run(place.opened())
    run(place.opened())
    assert len(server.repository.pulls()) == 1
