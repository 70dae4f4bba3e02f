"""Escalations and alarms as issues: looked for before one is opened, one per key, and what people closed stays closed.

The key stands in the body, in a comment that a page does not show. Issues are found by listing those with the label,
not by GitHub's search, which does not know a new one for a while.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from github.GithubException import GithubException
from github.GithubObject import NotSet
from github.Issue import Issue as GitHubIssue

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.labels import make_label
from tail_pipeline.domain.alarm import Alarm, says_over
from tail_pipeline.domain.escalation import Escalation
from tail_pipeline.domain.issues import Issue
from tail_pipeline.domain.ports import PublishedEscalation

_KEY = re.compile(r"<!-- tail-pipeline: (\S+) -->")
_LABELLED = "Opened by the regression tail pipeline, which finds its issues by this label"


@dataclass(frozen=True)
class GitHubIssues:
    """Writes issues of one repository.

    Two processes at once may both find nothing and open an issue each; from then on the one with the lowest number is
    answered with, and both are kept up to date.
    """

    api: Connection

    def escalate(self, escalation: Escalation) -> PublishedEscalation:
        """What ``Repository.escalate`` promises."""
        found = self._found(escalation)
        if found:
            return PublishedEscalation(found[0].html_url, created=False)
        issue, notes = self._open(escalation)
        return PublishedEscalation(issue.html_url, created=True, notes=notes)

    def raise_alarm(self, alarm: Alarm) -> str:
        """What ``Repository.raise_alarm`` promises."""
        found = self._found(alarm)
        for issue in found:
            self._renew(issue, alarm, reopen=True)
        return found[0].html_url if found else self._open(alarm)[0].html_url

    def update_alarm(self, alarm: Alarm) -> str | None:
        """What ``Repository.update_alarm`` promises."""
        found = self._found(alarm)
        for issue in found:
            self._renew(issue, alarm, reopen=False)
        return found[0].html_url if found else None

    def _found(self, wanted: Issue) -> list[GitHubIssue]:
        """The issues with this key, lowest number first; those that only the title tells where no key is left."""
        keyed, titled = [], []
        for issue in self._labelled(wanted):
            keys = _KEY.findall(issue.body or "")
            if wanted.key in keys:
                keyed.append(issue)
            elif not keys and wanted.is_named_by(issue.title):
                titled.append(issue)
        return sorted(keyed or titled, key=lambda issue: issue.number)

    def _labelled(self, wanted: Issue) -> list[GitHubIssue]:
        """Issues with the label, open and closed, newest first, down to those that are too old to be the one."""
        label = wanted.labels[0]
        what = f"list the issues labelled {label}"
        with self.api.attempting(what):
            listed = self.api.repo.get_issues(state="all", labels=[label], sort="created", direction="desc")
            young = takewhile(lambda issue: self.api.given(issue.created_at, what) >= wanted.not_before, listed)
            return [issue for issue in young if not _is_pull_request(issue)]

    def _open(self, wanted: Issue) -> tuple[GitHubIssue, tuple[str, ...]]:
        """A new issue; the notes say what GitHub would not take.

        The request is made once: when its answer is lost, the next attempt finds the issue.
        """
        for label in wanted.labels:
            make_label(self.api, label, _LABELLED)
        what = f"open the issue '{wanted.title}'"
        with self.api.attempting(what):
            try:
                issue = self._create(wanted, wanted.assignee)
            except GithubException as error:
                if wanted.assignee is None or not _refuses_assignee(error):
                    raise
                issue = self._create(wanted, None)
            number = self.api.given(issue.number, what)
        # GitHub drops what a token may not set without a word; without its label nobody would find the issue again.
        if not set(wanted.labels) <= {label.name.lower() for label in issue.labels}:
            with self.api.attempting(f"label issue {number}"):
                issue.add_to_labels(*wanted.labels)
        return issue, _notes(issue, wanted.assignee)

    def _create(self, wanted: Issue, assignee: str | None) -> GitHubIssue:
        return self.api.repo.create_issue(
            wanted.title,
            body=_body(wanted),
            labels=list(wanted.labels),
            assignees=[assignee] if assignee else NotSet,
        )

    def _renew(self, issue: GitHubIssue, alarm: Alarm, *, reopen: bool) -> None:
        """Let an issue say what the alarm says; one that was over is closed, and a person who reopened it may talk there.

        What a person closed while something was missing is left alone.
        """
        was_over, is_closed = says_over(issue.title), issue.state == "closed"
        if (alarm.over and was_over) or (is_closed and not (was_over and reopen)):
            return
        body = _body(alarm)
        if (alarm.title, _as_sent(body)) == (issue.title, _as_sent(issue.body)):
            return
        # Only a change of state is sent: an issue that somebody closes at this very moment stays closed.
        state, reason = ("closed", "completed") if alarm.over else ("open", "reopened")
        changes = alarm.over or is_closed
        with self.api.attempting(f"update issue {issue.number}"):
            issue.edit(
                title=alarm.title,
                body=body,
                state=state if changes else NotSet,
                state_reason=reason if changes else NotSet,
            )


def _body(issue: Issue) -> str:
    return f"{issue.body}\n<!-- tail-pipeline: {issue.key} -->\n"


def _as_sent(body: str | None) -> str:
    """A body saved in a browser comes back with other line ends."""
    return (body or "").replace("\r\n", "\n").strip()


def _is_pull_request(issue: GitHubIssue) -> bool:
    """By its address: PyGithub would ask for each plain issue again to see whether it has a pull request."""
    return issue.html_url.split("/")[-2] == "pull"


def _refuses_assignee(error: GithubException) -> bool:
    details = error.data.get("errors") if isinstance(error.data, dict) else None
    fields = {one.get("field") for one in details or [] if isinstance(one, dict)}
    return error.status == 422 and not fields.isdisjoint({"assignee", "assignees"})


def _notes(issue: GitHubIssue, assignee: str | None) -> tuple[str, ...]:
    assigned = {user.login.lower() for user in issue.assignees}
    if assignee is None or assignee.lower() in assigned:
        return ()
    return (f"issue {issue.number}: {assignee} cannot be assigned; correct owner in eval/agents.yaml",)
