"""Pull requests: looked for before one is opened, set up once, renewed without touching what people wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from github.GithubException import GithubException
from github.PullRequest import PullRequest

from tail_pipeline.adapters.github.body_section import section, updated
from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.history import state_of
from tail_pipeline.adapters.github.labels import make_label
from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.ports import BranchState, Published

_MAX_ASSIGNEES = 10
"""How many GitHub takes."""


@dataclass(frozen=True)
class Wanted:
    """What a branch's pull request should say, and who should look at it; the first label marks it as set up."""

    branch: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]


@dataclass(frozen=True)
class Opened:
    """The pull request as it is now."""

    number: int
    url: str
    outcome: Published
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PullRequests:
    """Writes pull requests of one repository."""

    api: Connection

    def open_or_renew(self, wanted: Wanted, found: PullRequest | None) -> Opened:
        """Open the pull request, or bring the one ``found`` up to date; nothing is written when nothing differs.

        Raises TransientError when the one found is not open any more: the next run sees what became of it.
        """
        if found is not None and state_of(found) is not BranchState.OPEN:
            raise TransientError(f"the pull request of {wanted.branch} was closed in the meantime; run again")
        notes: list[str] = []
        outcome = Published.UNCHANGED
        if found is None:
            found = self._open(wanted)
            outcome = Published.CREATED
        elif self._renew(found, wanted.body, notes):
            outcome = Published.UPDATED
        if self._set_up(found, wanted, notes) and outcome is Published.UNCHANGED:
            outcome = Published.UPDATED
        what = f"open the pull request of {wanted.branch}"
        number = self.api.given(found.number, what)
        return Opened(number, self.api.given(found.html_url, what), outcome, tuple(notes))

    def _open(self, wanted: Wanted) -> PullRequest:
        what = f"open the pull request of {wanted.branch}"
        with self.api.attempting(what):
            try:
                made = self.api.repo.create_pull(
                    self.api.config.base_branch, wanted.branch, title=wanted.title, body=section(wanted.body)
                )
            except GithubException as error:
                if error.status == 422 and "already exists" in str(error):
                    why = f"the pull request of {wanted.branch} was opened in the meantime; run again"
                    raise TransientError(why) from error
                raise
            self.api.given(made.number, what)
        return made

    def _renew(self, found: PullRequest, body: str, notes: list[str]) -> bool:
        new, note = updated(found.body, body)
        if note:
            notes.append(f"pull request {found.number}: {note}")
        if new is None:
            return False
        with self.api.attempting(f"renew the body of pull request {found.number}"):
            found.edit(body=new)
        return True

    def _set_up(self, found: PullRequest, wanted: Wanted, notes: list[str]) -> bool:
        """Assign, ask for reviews, and label last: the label says that a run got this far, so no run does it again.

        What people change later about assignees and reviewers is theirs.
        """
        present = {label.name for label in found.labels}
        if not wanted.labels or wanted.labels[0] in present:
            return False
        self._assign(found, [name for name in wanted.reviewers if "/" not in name][:_MAX_ASSIGNEES], notes)
        self._request_reviews(found, wanted.reviewers, notes)
        for label in wanted.labels:
            make_label(self.api, label, "Mined from production traces")
        with self.api.attempting(f"label pull request {found.number}"):
            found.add_to_labels(*wanted.labels)
        return True

    def _assign(self, found: PullRequest, users: Sequence[str], notes: list[str]) -> None:
        present = {user.login.lower() for user in found.assignees}
        missing = [user for user in users if user.lower() not in present]
        if not missing:
            return
        with self.api.attempting(f"assign pull request {found.number}"):
            refused = self._refused(lambda: found.add_to_assignees(*missing))
        # GitHub passes over a user that cannot be assigned without saying so.
        assigned = set() if refused else {user.login.lower() for user in found.assignees}
        notes += [
            f"pull request {found.number}: {user} cannot be assigned"
            for user in missing
            if user.lower() not in assigned
        ]

    def _request_reviews(self, found: PullRequest, reviewers: Sequence[str], notes: list[str]) -> None:
        """One request for all; where GitHub refuses it, as it does for the author, one for each."""
        if not reviewers:
            return
        with self.api.attempting(f"request reviews of pull request {found.number}"):
            refused = self._refused(partial(_request_review, found, reviewers))
            for name in reviewers if refused else ():
                alone = refused if len(reviewers) == 1 else self._refused(partial(_request_review, found, [name]))
                if alone:
                    notes.append(f"pull request {found.number}: no review can be requested from {name}: {alone}")

    def _refused(self, request: Callable[[], object]) -> str | None:
        """Why GitHub refuses a request about people; None when it took it."""
        try:
            request()
        except GithubException as error:
            if error.status != 422:
                raise
            return error.message or "it does not say why"
        return None


def _request_review(found: PullRequest, reviewers: Sequence[str]) -> None:
    """Ask people, and teams where the name has the form ``organization/team``."""
    users = [name for name in reviewers if "/" not in name]
    teams = [name.partition("/")[2] for name in reviewers if "/" in name]
    found.create_review_request(users, teams)
