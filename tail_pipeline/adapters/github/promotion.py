"""Promoted cases on the base branch: a commit there, or a small pull request where that is protected."""

from __future__ import annotations

import re
from dataclasses import dataclass

from github.GithubException import GithubException, UnknownObjectException
from github.PullRequest import PullRequest

from tail_pipeline.adapters.github.commits import Commits, is_not_forward
from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.history import GitHubHistory, state_of
from tail_pipeline.adapters.github.pull_requests import PullRequests, Wanted
from tail_pipeline.adapters.tail_branches import HEADS, TailBranches, is_ours
from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.ports import BranchState, Promoted, PublishedPromotion
from tail_pipeline.domain.promotion import Promotion

_PROTECTED = re.compile(
    r"protected branch|protected ref|rule violations|through (a pull request|the merge queue)|status check"
    r"|approving review|not authorized to push|verified signature|reference update failed|GH006|GH013",
    re.IGNORECASE,
)
"""How GitHub says that a branch takes no commit from us: classic protection, rulesets and push restrictions."""


@dataclass(frozen=True)
class Promoting:
    """Promotes against one reading of the repository."""

    api: Connection
    history: GitHubHistory

    def promote(self, wanted: Promotion) -> PublishedPromotion:
        """What ``Repository.promote`` promises."""
        base = self.history.base()
        current = TailBranches(self.history).file_at(base, wanted.path)
        if current == wanted.text:
            return PublishedPromotion(Promoted.UNCHANGED, None)
        if current != wanted.before:
            raise TransientError(
                f"{wanted.path} on {self.api.config.base_branch} changed while cases were promoted; run again"
            )
        found = self._newest(wanted.branch)
        if found is not None and state_of(found) is BranchState.CLOSED and self._had(found, wanted):
            return PublishedPromotion(Promoted.DECLINED, found.html_url)
        head = self.history.heads(wanted.branch).get(wanted.branch)
        # A branch that was proposed says that the base is protected; trying again would leave a commit at every run.
        if head is not None:
            return self._propose(wanted, base, head)
        commit = Commits(self.api).of_file(wanted.path, wanted.text, wanted.title, parents=[base], onto=base)
        if self._committed(commit):
            return PublishedPromotion(Promoted.COMMITTED, f"{self.api.repo.html_url}/commit/{commit}")
        Commits(self.api).create(f"{HEADS}{wanted.branch}", commit)
        return self._pull_request(wanted, ())

    def _committed(self, commit: str) -> bool:
        """Whether the base branch took the commit; False where it is protected.

        Raises TransientError when it moved in the meantime: the rows were appended to a file that may be another now.
        """
        base_branch = self.api.config.base_branch
        with self.api.attempting(f"commit the promoted cases to {base_branch}"):
            try:
                Commits(self.api).move_unguarded(base_branch, commit)
            except GithubException as error:
                if is_not_forward(error):
                    raise TransientError(f"{base_branch} moved while cases were promoted; run again") from error
                if error.status in (403, 409, 422) and _PROTECTED.search(str(error)):
                    return False
                raise
        return True

    def _propose(self, wanted: Promotion, base: str, head: str) -> PublishedPromotion:
        """Bring the branch up to date with a commit of ours; left alone once somebody else committed to it."""
        if TailBranches(self.history).file_at(head, wanted.path) == wanted.text:
            return self._pull_request(wanted, ())
        if not self._only_ours(wanted.path, base, head):
            note = f"somebody else committed to {wanted.branch}, so it is left alone; merge or close its pull request"
            return self._pull_request(wanted, (note,))
        behind = self.history.merge_base(base, head) != base
        commits = Commits(self.api)
        parents = [head, base] if behind else [head]
        commits.move(
            wanted.branch,
            commits.of_file(wanted.path, wanted.text, wanted.title, parents=parents, onto=base),
        )
        return self._pull_request(wanted, ())

    def _only_ours(self, path: str, base: str, head: str) -> bool:
        """Whether every commit of the branch that the base lacks carries the trailer for the file it holds."""
        branches = TailBranches(self.history)
        with self.api.attempting(f"compare {base} with {head}"):
            try:
                commits = list(self.api.repo.compare(base, head).commits)
            except UnknownObjectException:
                return False
            messages = {one.sha: one.commit.message for one in commits}
        return all(is_ours(message, branches.file_at(sha, path) or "") for sha, message in messages.items())

    def _had(self, declined: PullRequest, wanted: Promotion) -> bool:
        """Whether a pull request that was declined had these very rows: others, or rows that were corrected since, are new."""
        at = self.api.given(declined.head, f"look up the pull requests of {wanted.branch}").sha
        text = TailBranches(self.history).file_at(at, wanted.path) or ""
        return wanted.text.removeprefix(wanted.before or "") in text

    def _newest(self, branch: str) -> PullRequest | None:
        """The pull request that counts: one of other cases, merged or declined, does not speak for what is promoted now."""
        return max(self.history.pull_requests(branch), key=lambda one: one.number, default=None)

    def _pull_request(self, wanted: Promotion, notes: tuple[str, ...]) -> PublishedPromotion:
        found = self._newest(wanted.branch)
        still = None if found is None or state_of(found) is not BranchState.OPEN else found
        opened = PullRequests(self.api).open_or_renew(
            Wanted(wanted.branch, wanted.title, wanted.body, wanted.labels, wanted.reviewers), still
        )
        return PublishedPromotion(Promoted.PROPOSED, opened.url, (*opened.notes, *notes))
