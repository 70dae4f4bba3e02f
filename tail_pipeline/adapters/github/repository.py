"""A repository on GitHub as the place of review."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from github.PaginatedList import PaginatedList
from github.PullRequest import PullRequest as GitHubPullRequest

from tail_pipeline.adapters.github.connection import Connection, Patience
from tail_pipeline.adapters.github.forgetting import Forgetting
from tail_pipeline.adapters.github.history import GitHubHistory, state_of
from tail_pipeline.adapters.github.immutable import ImmutableAnswers
from tail_pipeline.adapters.github.issues import GitHubIssues
from tail_pipeline.adapters.github.links import file_page, links_of
from tail_pipeline.adapters.github.promotion import Promoting
from tail_pipeline.adapters.github.publication import Publication
from tail_pipeline.adapters.tail_branches import TailBranches
from tail_pipeline.domain.agents import GitHubHosted
from tail_pipeline.domain.alarm import Alarm
from tail_pipeline.domain.escalation import Escalation, TailLinks
from tail_pipeline.domain.forgetting import Held, Subject
from tail_pipeline.domain.ports import (
    BaseChanges,
    BranchState,
    PublishedEscalation,
    PublishedPromotion,
    PublishedPullRequest,
    StoredFile,
    TailBranch,
)
from tail_pipeline.domain.promotion import Promotion
from tail_pipeline.domain.pull_request import PullRequest


@dataclass(frozen=True)
class GitHubRepository:
    """The repository that the configuration names; ``repo_dir`` is the checkout that keeps what never changes, and the pace.

    What it says about branches and pull requests was so at its last reading, which answers all questions for a
    minute (``Patience.reading_lasts_s``). Whatever writes reads anew first, and writes nothing where that differs.
    """

    config: GitHubHosted
    repo_dir: Path
    patience: Patience = field(default_factory=Patience)
    _readings: list[GitHubHistory] = field(default_factory=list, init=False, repr=False, compare=False)
    """The last one, or none."""

    @property
    def name(self) -> str:
        return self.config.name

    def read(self, path: str) -> str | None:
        history = self._reading()
        return TailBranches(history).file_at(history.base(), path)

    def tail_files(self, tail_dir: str) -> list[StoredFile]:
        return TailBranches(self._reading()).tail_files(tail_dir)

    def tail_branch(self, name: str, path: str) -> TailBranch:
        return TailBranches(self._reading()).tail_branch(name, path)

    def file_url(self, branch: str, path: str) -> str | None:
        return file_page(self._api, branch, path)

    def publish(self, pull_request: PullRequest, branch: TailBranch) -> PublishedPullRequest:
        history = self._reading().for_publishing(pull_request.branch)
        self._readings.clear()
        published = Publication(self._api, history).publish(pull_request, branch)
        self._readings.append(history)
        return published

    def base_changes(self, since: str | None) -> BaseChanges:
        history = self._reading()
        head = history.base()
        return BaseChanges(head, history.changed_between(since, head) if since else None)

    def merged_by(self, path: str) -> str | None:
        """URL of the pull request that the last commit to change the file on the base branch came with."""
        history = self._reading()
        commits = history.commits_of(path, [history.base()], [])
        if not commits:
            return None
        commit = commits[-1][0]
        with self._api.attempting(f"look up the pull request of commit {commit}"):
            repo = self._api.repo
            url = f"{repo.url}/commits/{commit}/pulls"
            # Not through PyGithub's Commit, which would ask for the commit and its files first.
            found = [
                one.html_url
                for one in PaginatedList(GitHubPullRequest, repo.requester, url, None)
                if state_of(one) is BranchState.MERGED and one.base.ref == self.config.base_branch
            ]
        return found[0] if found else None

    def promote(self, promotion: Promotion) -> PublishedPromotion:
        self._readings.clear()
        return Promoting(self._api, GitHubHistory(self._api, self._immutable)).promote(promotion)

    def links(self, file: StoredFile) -> TailLinks:
        return links_of(self._api, self._reading(), file)

    def escalate(self, escalation: Escalation) -> PublishedEscalation:
        return GitHubIssues(self._api).escalate(escalation)

    def raise_alarm(self, alarm: Alarm) -> str:
        return GitHubIssues(self._api).raise_alarm(alarm)

    def update_alarm(self, alarm: Alarm) -> str | None:
        return GitHubIssues(self._api).update_alarm(alarm)

    def held(self, subject: Subject) -> list[Held]:
        return Forgetting(self._api, self._reading()).held(subject)

    def forget(self, subject: Subject) -> None:
        Forgetting(self._api, self._reading()).forget(subject)

    def remains(self, subject: Subject) -> list[str]:
        return Forgetting(self._api, self._reading()).remains(subject)

    @cached_property
    def _api(self) -> Connection:
        return Connection(self.config, self.repo_dir, self.patience)

    @cached_property
    def _immutable(self) -> ImmutableAnswers:
        return ImmutableAnswers(self.repo_dir)

    def _reading(self) -> GitHubHistory:
        """The last reading, or a new one where that is too old, or was followed by a write that may have changed it."""
        if not self._readings or self._readings[0].age_s > self.patience.reading_lasts_s:
            self._readings[:] = [GitHubHistory(self._api, self._immutable)]
        return self._readings[0]
