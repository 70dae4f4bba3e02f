"""What GitHub holds of a tenant, a node class or an agent: references that can be deleted, and pages that cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname
from urllib.parse import quote

from github.GithubException import GithubException
from github.GitRef import GitRef

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.history import GitHubHistory
from tail_pipeline.adapters.tail_branches import TailBranches
from tail_pipeline.domain.alarm import LABELS as ALARM_LABELS
from tail_pipeline.domain.escalation import LABELS as ESCALATION_LABELS
from tail_pipeline.domain.forgetting import Held, Subject
from tail_pipeline.domain.promotion import promotion_branch
from tail_pipeline.domain.pull_request import branch_of

_KEY = re.compile(r"<!-- tail-pipeline: (\S+) -->")


@dataclass(frozen=True)
class Forgetting:
    """Deletes against one reading of the repository."""

    api: Connection
    history: GitHubHistory

    def held(self, subject: Subject) -> list[Held]:
        references = TailBranches(self.history).references(subject.tail_dirs)
        return [Held(f"branches and references on {self.api.host}", tuple(references))] if references else []

    def forget(self, subject: Subject) -> None:
        """GitHub closes the open pull requests of a branch that is deleted."""
        repo = self.api.repo
        for reference in TailBranches(self.history).references(subject.tail_dirs):
            with self.api.attempting(f"delete {reference}"):
                ref = GitRef(repo.requester, {}, {"url": f"{repo.url}/git/{quote(reference)}"}, completed=True)
                try:
                    ref.delete()
                except GithubException as error:
                    # Somebody was faster, or the reply to an attempt before this one was lost.
                    if error.status not in (404, 422) or "does not exist" not in str(error):
                        raise

    def remains(self, subject: Subject) -> list[str]:
        """The pages that quote the subject's texts: nobody can delete a pull request, and only an owner an issue."""
        told = [
            f"{page}: its text and its earlier versions stay; edit it, or ask the host's support to delete it"
            for page in (*self._pull_requests(subject), *self._issues(subject))
        ]
        return [*told, "forks, and caches of the host, keep commits that no branch leads to; its support deletes them"]

    def _pull_requests(self, subject: Subject) -> Iterator[str]:
        weeks = [f"{one}/week.yaml" for one in subject.tail_dirs]
        places = {dirname(branch) for week in weeks for branch in (branch_of(week), promotion_branch(week))}
        with self.api.attempting("list the pull requests"):
            for one in self.api.repo.get_pulls(state="all"):
                if dirname(self.api.given(one.head, "list the pull requests").ref) in places:
                    yield one.html_url

    def _issues(self, subject: Subject) -> Iterator[str]:
        for label in (*ESCALATION_LABELS, *ALARM_LABELS):
            with self.api.attempting(f"list the issues labelled {label}"):
                for issue in self.api.repo.get_issues(state="all", labels=[label]):
                    keys = _KEY.findall(issue.body or "")
                    if any(subject.is_told_of(key, issue.body or "") for key in keys):
                        yield issue.html_url
