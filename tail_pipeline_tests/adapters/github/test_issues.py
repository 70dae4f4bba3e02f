"""Escalations and alarms as issues on GitHub: how they are found, what people's decisions do, what GitHub refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.issues import GitHubIssues
from tail_pipeline.domain.agents import GitHubHosted
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline_tests.adapters.filed import alarm, as_filed, escalation, issue_at
from tail_pipeline_tests.adapters.places import NO_WAIT
from tail_pipeline_tests.domain.builders import WEEK
from tail_pipeline_tests.github_server import MINER_PERMISSIONS, TOKEN, GitHubServer
from tail_pipeline_tests.github_server.faults import html_page, meanwhile
from tail_pipeline_tests.github_server.people import Person
from tail_pipeline_tests.github_server.records import Issue


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    with GitHubServer(tmp_path) as running:
        yield running


@pytest.fixture
def issues(server: GitHubServer) -> GitHubIssues:
    return opened(server)


@pytest.fixture
def owner(server: GitHubServer) -> Person:
    return server.person("owner")


def opened(server: GitHubServer, name: str | None = None) -> GitHubIssues:
    """As a new process has it."""
    config = {"provider": "github", "name": name or server.full_name, "base_url": server.base_url}
    return GitHubIssues(Connection(GitHubHosted.model_validate(config), server.repository.git.path, NO_WAIT))


def only(server: GitHubServer) -> Issue:
    (issue,) = server.repository.issues
    return issue


def requests(server: GitHubServer) -> list[str]:
    return [f"{one.method} {(one.template or '').removeprefix('/repos/{owner}/{repo}')}" for one in server.exchanges]


def fill(server: GitHubServer, count: int, label: str = "tail-escalation") -> None:
    """So many other issues with the label, opened by hand."""
    for number in range(count):
        server.person("lead").open_issue(f"Other {number}", labels=(label,))


# What it costs


def test_a_first_escalation_takes_five_requests(server: GitHubServer, issues: GitHubIssues):
    issues.escalate(escalation())
    assert requests(server) == [
        *("GET ", "GET /issues", "GET /labels/{name}", "POST /labels", "POST /issues"),
    ]


def test_an_escalation_that_was_raised_is_found_with_one_request(server: GitHubServer, issues: GitHubIssues):
    issues.escalate(escalation())
    server.exchanges.clear()
    issues.escalate(escalation())
    assert requests(server) == ["GET /issues"]


def test_an_identical_alarm_takes_one_request_and_a_changed_one_two(server: GitHubServer, issues: GitHubIssues):
    issues.raise_alarm(alarm("acme"))
    server.exchanges.clear()
    issues.raise_alarm(alarm("acme"))
    issues.update_alarm(alarm("globex"))
    assert requests(server) == ["GET /issues", "GET /issues", "PATCH /issues/{issue_number}"]


def test_issues_of_earlier_weeks_are_not_paged_through(server: GitHubServer, issues: GitHubIssues):
    fill(server, 250)
    server.repository.now += timedelta(days=7)
    next_week = escalation(week=WEEK.shifted(1))
    assert [issues.escalate(next_week).created for _ in range(2)] == [True, False]
    assert requests(server).count("GET /issues") == 2


# How an issue is found


def test_an_escalation_behind_hundreds_of_newer_issues_is_found(server: GitHubServer, issues: GitHubIssues):
    url = issues.escalate(escalation()).url
    fill(server, 230)
    assert (issues.escalate(escalation()).url, len(server.repository.issues)) == (url, 231)


def test_the_key_does_not_show_on_the_page(server: GitHubServer, issues: GitHubIssues):
    issues.escalate(escalation(segment="acme"))
    assert (only(server).body or "").endswith("\n\n<!-- tail-pipeline: support.acme.2026-W17 -->\n")


def test_an_issue_is_found_by_its_key_whatever_its_title_has_become(issues: GitHubIssues, owner: Person):
    url = issues.escalate(escalation()).url
    owner.edit(1, title="Scoping call on Thursday")
    assert issues.escalate(escalation()).url == url


@pytest.mark.parametrize("title", ["{}", "[P1] {}", "{} – on Thursday"])
@pytest.mark.parametrize("body", ["My own words.", ""])
def test_an_issue_whose_key_somebody_removed_is_found_by_its_title(
    issues: GitHubIssues, owner: Person, title: str, body: str
):
    url = issues.escalate(escalation()).url
    owner.edit(1, body=body, title=title.format(escalation().title))
    assert issues.escalate(escalation(clusters=30)).url == url


def test_an_issue_of_another_key_is_not_taken_for_one_whose_title_it_has(issues: GitHubIssues, owner: Person):
    issues.escalate(escalation(week=WEEK.shifted(1)))
    owner.edit(1, title=escalation().title)
    assert issues.escalate(escalation()).created


def test_the_title_of_another_agent_does_not_hide_an_escalation(issues: GitHubIssues, owner: Person):
    for number, other in enumerate([escalation("support-eu"), escalation(segment="acme")], 1):
        issues.escalate(other)
        owner.edit(number, body="No key.")
    assert issues.escalate(escalation()).created


def test_an_issue_without_a_body_is_no_obstacle(issues: GitHubIssues, owner: Person):
    owner.open_issue("Empty", labels=("tail-escalation",)).body = None
    assert issues.escalate(escalation()).created


def test_a_pull_request_with_the_label_is_no_issue(server: GitHubServer, issues: GitHubIssues, owner: Person):
    owner.branch("topic")
    owner.push("topic", {"a.md": "x"})
    found = issues.api.repo.create_pull("main", "topic", title=escalation().title, body="")
    found.add_to_labels("tail-escalation")
    server.exchanges.clear()
    assert issues.escalate(escalation()).created
    assert requests(server).count("GET /issues/{issue_number}") == 0


def test_of_two_issues_with_one_key_the_first_counts(server: GitHubServer, issues: GitHubIssues):
    def somebody_else() -> None:
        opened(server).escalate(escalation())

    server.faults.next("POST", "/issues$", meanwhile(somebody_else))
    issues.escalate(escalation())
    found = [issues.escalate(escalation()) for _ in range(2)]
    assert [issue.number for issue in server.repository.issues] == [1, 2]
    assert [(issue_at(server, one.url).number, one.created) for one in found] == [(1, False)] * 2


def test_both_of_two_alarms_with_one_key_are_over_at_the_end(server: GitHubServer, issues: GitHubIssues):
    def somebody_else() -> None:
        opened(server).raise_alarm(alarm("acme"))

    server.faults.next("POST", "/issues$", meanwhile(somebody_else))
    issues.raise_alarm(alarm("acme"))
    issues.update_alarm(alarm())
    assert [(issue.title[:4], issue.state) for issue in server.repository.issues] == [("Over", "closed")] * 2


def test_an_issue_of_a_renamed_repository_is_found(server: GitHubServer, issues: GitHubIssues, owner: Person):
    url = issues.escalate(escalation()).url
    owner.rename("assistant")
    again = opened(server, "acme/agent").escalate(escalation())
    assert (again.created, issue_at(server, again.url)) == (False, issue_at(server, url))


# What people decide


def test_an_escalation_that_somebody_closed_stays_closed(server: GitHubServer, issues: GitHubIssues, owner: Person):
    issues.escalate(escalation())
    owner.close(1)
    before = as_filed(server)
    assert not issues.escalate(escalation()).created
    assert as_filed(server) == before


ALARMS: list[Callable[[GitHubIssues], object]] = [
    lambda issues: issues.raise_alarm(alarm("globex")),
    lambda issues: issues.update_alarm(alarm("globex")),
    lambda issues: issues.update_alarm(alarm()),
]


@pytest.mark.parametrize("later", ALARMS, ids=["raised", "updated", "over"])
def test_an_alarm_that_somebody_closed_is_left_alone(
    server: GitHubServer, issues: GitHubIssues, owner: Person, later: Callable[[GitHubIssues], object]
):
    issues.raise_alarm(alarm("acme"))
    owner.close(1)
    before = (as_filed(server), len(server.writes))
    later(issues)
    assert (as_filed(server), len(server.writes)) == before


def test_an_alarm_that_is_over_is_closed_as_completed(server: GitHubServer, issues: GitHubIssues):
    issues.raise_alarm(alarm("acme"))
    issues.update_alarm(alarm())
    assert (only(server).state, only(server).state_reason) == ("closed", "completed")


def test_a_day_that_is_missing_again_after_its_alarm_was_over_opens_it_again(
    server: GitHubServer, issues: GitHubIssues
):
    issues.raise_alarm(alarm("acme"))
    issues.update_alarm(alarm())
    issues.raise_alarm(alarm("acme"))
    assert (only(server).state, only(server).state_reason, only(server).title[:7]) == ("open", "reopened", "Missing")


def test_somebody_may_reopen_an_alarm_that_is_over_and_talk_there(
    server: GitHubServer, issues: GitHubIssues, owner: Person
):
    issues.raise_alarm(alarm("acme"))
    issues.update_alarm(alarm())
    owner.reopen(1)
    issues.update_alarm(alarm())
    assert only(server).state == "open"


def test_an_alarm_that_somebody_closes_while_it_is_updated_stays_closed(
    server: GitHubServer, issues: GitHubIssues, owner: Person
):
    issues.raise_alarm(alarm("acme", "globex"))
    server.faults.next("PATCH", "/issues/1$", meanwhile(lambda: owner.close(1)))
    issues.raise_alarm(alarm("globex"))
    assert only(server).state == "closed"


def test_an_alarm_saved_in_a_browser_is_not_written_again(server: GitHubServer, issues: GitHubIssues, owner: Person):
    issues.raise_alarm(alarm("acme"))
    owner.edit(1, body=(only(server).body or "").replace("\n", "\r\n"))
    writes = len(server.writes)
    issues.raise_alarm(alarm("acme"))
    assert len(server.writes) == writes


def test_whom_people_assigned_instead_stays(server: GitHubServer, issues: GitHubIssues):
    issues.raise_alarm(alarm("acme"))
    only(server).assignees = [server.person("lead").account]
    issues.raise_alarm(alarm("globex"))
    assert [one.login for one in only(server).assignees] == ["lead"]


# What GitHub refuses


@pytest.mark.parametrize("login", ["stranger", "nobody-at-all"])
def test_an_owner_who_cannot_be_assigned_is_a_note(server: GitHubServer, issues: GitHubIssues, login: str):
    raised = issues.escalate(escalation(owner=login))
    assert raised.notes == (f"issue 1: {login} cannot be assigned; correct owner in eval/agents.yaml",)
    assert (len(server.repository.issues), only(server).assignees) == (1, [])


def test_an_alarm_is_raised_without_an_owner_who_cannot_be_assigned(server: GitHubServer, issues: GitHubIssues):
    issues.raise_alarm(alarm("acme", owner="stranger"))
    assert only(server).assignees == []


def test_an_owner_who_can_be_assigned_is_no_note_however_the_name_is_spelt(issues: GitHubIssues):
    assert issues.escalate(escalation(owner="Owner")).notes == ()


def test_a_label_that_is_there_is_taken_as_people_made_it(server: GitHubServer, issues: GitHubIssues, owner: Person):
    owner.add_label("Tail-Escalation", "ff0000")
    issues.escalate(escalation())
    assert "POST /labels" not in requests(server)
    assert not issues.escalate(escalation()).created


def test_a_label_that_another_run_makes_at_the_same_moment_is_used(
    server: GitHubServer, issues: GitHubIssues, owner: Person
):
    server.faults.next("POST", "/labels$", meanwhile(lambda: owner.add_label("tail-escalation")))
    assert issues.escalate(escalation()).created
    assert [label.name for label in only(server).labels] == ["tail-escalation"]


@pytest.mark.parametrize("raised", [lambda one: one.escalate(escalation()), lambda one: one.raise_alarm(alarm("acme"))])
def test_a_token_that_may_not_write_issues_is_told_which_permission_it_lacks(
    server: GitHubServer, issues: GitHubIssues, raised: Callable[[GitHubIssues], object]
):
    permissions = {name: level for name, level in MINER_PERMISSIONS.items() if name != "issues"}
    server.add_token(TOKEN, "miner", permissions=permissions)
    with pytest.raises(PermanentError, match=r"could not open the issue .* issues=write"):
        raised(issues)


def test_somebody_without_write_access_whose_label_github_drops_is_told(server: GitHubServer, issues: GitHubIssues):
    """Without its label the issue would not be found again, and each run would open another."""
    server.repository.collaborators["miner"] = "read"
    server.add_token(TOKEN, "miner", "classic", scopes=("repo",))
    with pytest.raises(PermanentError, match="could not label issue 1: HTTP 403"):
        issues.escalate(escalation())


def test_a_page_in_place_of_data_is_waited_out(server: GitHubServer, issues: GitHubIssues):
    server.faults.next("GET", "/issues$", html_page(200))
    with pytest.raises(TransientError, match="could not list the issues labelled tail-escalation"):
        issues.escalate(escalation())
    assert server.repository.issues == []
