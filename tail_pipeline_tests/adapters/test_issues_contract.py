"""Escalations and alarms wherever they are filed: one per key, nothing written twice, an alarm that ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tail_pipeline.domain.issues import Issue
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline_tests.adapters.filed import alarm, as_filed, escalation, issue_at, path_of, text_of
from tail_pipeline_tests.adapters.places import GitHubPlace, LocalPlace
from tail_pipeline_tests.conftest import git
from tail_pipeline_tests.domain.builders import DAY, WEEK


@pytest.fixture(params=[LocalPlace, GitHubPlace], ids=["local", "github"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalPlace | GitHubPlace]:
    with request.param(tmp_path) as opened:
        yield opened


def shown(place: LocalPlace | GitHubPlace, url: str) -> str:
    """All that people see of an issue."""
    if isinstance(place, LocalPlace):
        return text_of(url)
    issue = issue_at(place.server, url)
    beside = [*(label.name for label in issue.labels), *(user.login for user in issue.assignees)]
    return f"# {issue.title}\n\n{' '.join(beside)}\n\n{issue.body}"


def rewrite(place: LocalPlace | GitHubPlace, url: str, body: str) -> None:
    """Somebody replaces the text."""
    if isinstance(place, LocalPlace):
        path_of(url).write_text(body, encoding="utf-8")
    else:
        place.server.person("owner").edit(int(url.rpartition("/")[2]), body=body)


def written(place: LocalPlace | GitHubPlace) -> object:
    """Everything that is filed, and when it was written."""
    if isinstance(place, GitHubPlace):
        return as_filed(place.server), len(place.server.writes)
    files = (place.checkout / ".tail").rglob("*.md")
    return sorted((path, path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) for path in files)


@pytest.mark.parametrize("issue", [escalation(), alarm("acme")], ids=["escalation", "alarm"])
def test_what_is_filed_says_everything(place: LocalPlace | GitHubPlace, issue: Issue):
    repository = place.repository
    url = repository.escalate(issue).url if issue.labels[0] == "tail-escalation" else repository.raise_alarm(issue)
    text = shown(place, url)
    assert text.startswith(f"# {issue.title}\n")
    assert all(part in text for part in (issue.body, issue.labels[0], "owner"))


def test_filing_leaves_the_checkout_clean(place: LocalPlace | GitHubPlace):
    place.repository.escalate(escalation())
    place.repository.raise_alarm(alarm("acme"))
    assert git(place.checkout, "status", "--porcelain", "--untracked-files=all") == ""


# Escalations


def test_an_escalation_is_raised_once_per_key(place: LocalPlace | GitHubPlace):
    raised = [place.repository.escalate(escalation()) for _ in range(3)]
    assert [one.created for one in raised] == [True, False, False]
    assert len({one.url for one in raised}) == 1


def test_an_escalation_raised_again_with_other_numbers_leaves_the_first_as_people_made_it(
    place: LocalPlace | GitHubPlace,
):
    url = place.repository.escalate(escalation()).url
    rewrite(place, url, "the owner's notes\n")
    before = written(place)
    place.repository.escalate(escalation(clusters=12))
    assert written(place) == before


def test_escalations_with_other_keys_are_others(place: LocalPlace | GitHubPlace):
    others = [
        escalation(),
        escalation(week=WEEK.shifted(1)),
        escalation(segment="acme"),
        escalation("support-acme"),
        escalation("acme-support"),
    ]
    assert len({place.repository.escalate(one).url for one in others}) == len(others)


# Alarms


def test_an_alarm_raised_again_is_not_written_again(place: LocalPlace | GitHubPlace):
    url = place.repository.raise_alarm(alarm("acme"))
    before = written(place)
    assert (place.repository.raise_alarm(alarm("acme")), place.repository.update_alarm(alarm("acme"))) == (url, url)
    assert written(place) == before


def test_an_alarm_that_says_something_else_is_updated_in_its_place(place: LocalPlace | GitHubPlace):
    url = place.repository.raise_alarm(alarm("acme", "globex"))
    assert place.repository.raise_alarm(alarm("globex")) == url
    assert "- `acme`" not in shown(place, url)
    assert place.repository.update_alarm(alarm("initech")) == url
    assert "- `initech`" in shown(place, url)


def test_an_alarm_that_was_never_raised_is_not_updated(place: LocalPlace | GitHubPlace):
    before = written(place)
    assert (place.repository.update_alarm(alarm("acme")), place.repository.update_alarm(alarm())) == (None, None)
    assert written(place) == before


def test_an_alarm_is_over_once(place: LocalPlace | GitHubPlace):
    url = place.repository.raise_alarm(alarm("acme"))
    assert place.repository.update_alarm(alarm()) == url
    before = written(place)
    assert shown(place, url).startswith("# Over: ")
    assert place.repository.update_alarm(alarm()) == url
    assert written(place) == before


def test_an_alarm_that_was_over_is_opened_again_by_the_deadline_alone(place: LocalPlace | GitHubPlace):
    url = place.repository.raise_alarm(alarm("acme"))
    place.repository.update_alarm(alarm())
    before = written(place)
    assert place.repository.update_alarm(alarm("acme")) == url
    assert written(place) == before
    assert place.repository.raise_alarm(alarm("acme")) == url
    assert shown(place, url).startswith("# Missing: ")


def test_alarms_of_other_days_and_agents_are_others(place: LocalPlace | GitHubPlace):
    others = [alarm("acme"), alarm("acme", day=DAY.previous(Cadence.WEEKLY)), alarm("acme", agent="support-eu")]
    assert len({place.repository.raise_alarm(one) for one in others}) == len(others)
