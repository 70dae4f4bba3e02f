"""Tail files on their way into review: a commit on the week's branch, what was published kept, the pull request."""

from __future__ import annotations

from dataclasses import dataclass

from tail_pipeline.adapters.github.commits import Commits
from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.history import GitHubHistory
from tail_pipeline.adapters.github.pull_requests import PullRequests, Wanted
from tail_pipeline.adapters.tail_branches import HEADS, PUBLISHED, TailBranches, with_trailer
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.ports import Published, PublishedPullRequest, TailBranch
from tail_pipeline.domain.pull_request import PullRequest


@dataclass(frozen=True)
class Publication:
    """Publishes against one reading of the repository."""

    api: Connection
    history: GitHubHistory

    def publish(self, wanted: PullRequest, branch: TailBranch) -> PublishedPullRequest:
        """What ``Repository.publish`` promises."""
        if self.history.heads(wanted.branch).get(wanted.branch) != branch.head:
            raise TransientError(f"branch {wanted.branch} moved while its file was being written; run again")
        notes: list[str] = []
        kept = self._keep_what_was_not(wanted, branch, notes)
        head = self._commit(wanted, branch, kept, notes)
        opened = PullRequests(self.api).open_or_renew(
            Wanted(wanted.branch, wanted.title, wanted.body, wanted.labels, wanted.reviewers),
            self.history.pull_request(wanted.branch),
        )
        outcome = opened.outcome
        if outcome is not Published.UNCHANGED:
            self.history.forget_pull_requests(wanted.branch)
        if outcome is Published.UNCHANGED and head != branch.head:
            outcome = Published.UPDATED
        return PublishedPullRequest(opened.number, opened.url, head, outcome, (*notes, *opened.notes))

    def _commit(self, wanted: PullRequest, branch: TailBranch, kept: int, notes: list[str]) -> str:
        """The branch's head with the file as wanted; the branch goes first, so that a deleted one is told from a new one."""
        parent = branch.head or self.history.base()
        if branch.head and TailBranches(self.history).file_at(parent, wanted.path) == wanted.text:
            return parent
        commits = Commits(self.api)
        commit = commits.of_file(wanted.path, wanted.text, wanted.commit_message, parents=[parent], onto=parent)
        message = with_trailer(wanted.commit_message, wanted.text)
        self.history.learn_commit(commit, message, parent=parent, path=wanted.path, text=wanted.text)
        if branch.head is None:
            commits.create(f"{HEADS}{wanted.branch}", commit)
        else:
            commits.move(wanted.branch, commit)
        self.history.learn_ref(f"{HEADS}{wanted.branch}", commit)
        self._keep(wanted.branch, kept + 1, commit, notes)
        return commit

    def _keep_what_was_not(self, wanted: PullRequest, branch: TailBranch, notes: list[str]) -> int:
        """Keep those of our commits that a run which died between branch and reference left without one.

        Returns how many are kept. A commit that a person rebased has a text that is kept already.
        """
        branches = TailBranches(self.history)
        kept = branches.kept(wanted.branch)
        texts = {branches.file_at(commit, wanted.path) for commit in kept}
        for commit in branches.ours(wanted.path, branch.head) if branch.head else []:
            text = branches.file_at(commit, wanted.path)
            if text not in texts:
                texts.add(text)
                kept.append(commit)
                self._keep(wanted.branch, len(kept), commit, notes)
        return len(kept)

    def _keep(self, branch: str, number: int, commit: str, notes: list[str]) -> None:
        """Remember a commit of ours; where the server refuses such references, only what people amend away is forgotten."""
        try:
            Commits(self.api).create(f"{PUBLISHED}{branch}/{number:06d}", commit)
            self.history.learn_ref(f"{PUBLISHED}{branch}/{number:06d}", commit)
        except PermanentError as error:
            notes.append(
                f"what was published on {branch} is remembered as long as nobody rewrites its history: {error}"
            )
