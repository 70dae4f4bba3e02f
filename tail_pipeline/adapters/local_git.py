"""A local git repository as the place of review: branches and commits by git, pull request bodies as Markdown files.

Git plumbing only (objects, a private index, compare-and-swap on the reference), so the work tree and the index of
whoever works in the checkout are never touched, but for the cases file of a base branch that is checked out.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tail_pipeline.adapters.base_commits import commit_to_base
from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.adapters.state_dir import shown, state_dir, write_atomically, write_once
from tail_pipeline.adapters.tail_branches import HEADS, PUBLISHED, TailBranches, with_trailer
from tail_pipeline.domain.alarm import Alarm, says_over
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.escalation import Escalation, TailLinks
from tail_pipeline.domain.forgetting import Held, Subject
from tail_pipeline.domain.issues import Issue
from tail_pipeline.domain.ports import (
    BaseChanges,
    BranchState,
    Promoted,
    Published,
    PublishedEscalation,
    PublishedPromotion,
    PublishedPullRequest,
    StoredFile,
    TailBranch,
)
from tail_pipeline.domain.promotion import Promotion
from tail_pipeline.domain.pull_request import BRANCH_PREFIX, PullRequest, branch_of

FORGOTTEN = "forgotten"
"""Stands in place of the branch whose pull request a number was given to."""

_TITLE = "# "


@dataclass(frozen=True)
class LocalGitRepository:
    """A checkout in ``repo_dir`` whose ``base_branch`` is what counts."""

    repo_dir: Path
    base_branch: str

    @property
    def name(self) -> str:
        return self.repo_dir.name

    @cached_property
    def _checkout(self) -> GitCheckout:
        return GitCheckout(self.repo_dir, self.base_branch)

    @cached_property
    def _branches(self) -> TailBranches:
        return TailBranches(self._checkout)

    def read(self, path: str) -> str | None:
        return self._branches.file_at(self._checkout.base(), path)

    def tail_files(self, tail_dir: str) -> list[StoredFile]:
        return self._branches.tail_files(tail_dir)

    def tail_branch(self, name: str, path: str) -> TailBranch:
        return self._branches.tail_branch(name, path)

    def file_url(self, branch: str, path: str) -> str | None:
        """None: a branch that is not checked out has no place on disk."""
        return None

    def publish(self, pull_request: PullRequest, branch: TailBranch) -> PublishedPullRequest:
        ref = f"refs/heads/{pull_request.branch}"
        if self._head(pull_request.branch) != branch.head:
            raise TransientError(f"branch {pull_request.branch} moved while its file was being written; run again")
        head = branch.head or self._checkout.base()
        outcome = Published.UNCHANGED
        if branch.head is None or self._branches.file_at(head, pull_request.path) != pull_request.text:
            self._refuse_checked_out(pull_request.branch)
            message = with_trailer(pull_request.commit_message, pull_request.text)
            commit = self._checkout.commit_file(pull_request.path, pull_request.text, message, parent=head)
            try:
                old = branch.head or "0" * len(commit)
                number = len(self._branches.kept(pull_request.branch)) + 1
                kept = f"{PUBLISHED}{pull_request.branch}/{number:06d}"
                self._checkout.git(
                    "update-ref", "--stdin", stdin=f"update {ref} {commit} {old}\ncreate {kept} {commit}\n"
                )
            except PermanentError as error:
                if self._head(pull_request.branch) == branch.head:
                    raise
                raise TransientError(
                    f"branch {pull_request.branch} moved while it was being updated; run again"
                ) from error
            outcome = Published.CREATED if branch.head is None else Published.UPDATED
            head = commit
        number = self._number(pull_request.branch)
        body_path = self._body_path(pull_request.branch)
        body = _body_file(number, pull_request, self.base_branch)
        if not body_path.exists() or body_path.read_text(encoding="utf-8") != body:
            write_atomically(body_path, body)
            outcome = Published.UPDATED if outcome is Published.UNCHANGED else outcome
        return PublishedPullRequest(number, body_path.as_uri(), head, outcome)

    def base_changes(self, since: str | None) -> BaseChanges:
        head = self._checkout.base()
        return BaseChanges(head, self._checkout.changed_between(since, head) if since else None)

    def merged_by(self, path: str) -> str | None:
        """The newest branch that was published for the file: locally a pull request goes by its branch."""
        first = branch_of(path)
        names = {name.rpartition("/")[0] for name in self._checkout.published(f"{first}/*")}
        names |= {name.rpartition("/")[0] for name in self._checkout.published(f"{first}.*/*")}
        merged = [name for name in names if self.tail_branch(name, path).state is BranchState.MERGED]
        return max(merged, key=lambda name: (len(name), name), default=None)

    def promote(self, promotion: Promotion) -> PublishedPromotion:
        commit = commit_to_base(self._checkout, promotion)
        if commit is None:
            return PublishedPromotion(Promoted.UNCHANGED, None)
        return PublishedPromotion(Promoted.COMMITTED, None, (f"commit {commit} on {self.base_branch}",))

    def links(self, file: StoredFile) -> TailLinks:
        """The body of the pull request, which goes by its branch here; the file has no address."""
        body = self._body_path(file.branch or branch_of(file.path))
        return TailLinks(pull_request=body.as_uri() if file.branch or body.exists() else None)

    def escalate(self, escalation: Escalation) -> PublishedEscalation:
        path = self._state_dir() / "escalations" / f"{escalation.key}.md"
        return PublishedEscalation(path.as_uri(), created=write_once(path, _issue_file(escalation)))

    def raise_alarm(self, alarm: Alarm) -> str:
        path = self._alarm_path(alarm)
        text = _issue_file(alarm)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)
        return path.as_uri()

    def update_alarm(self, alarm: Alarm) -> str | None:
        path = self._alarm_path(alarm)
        if not path.exists():
            return None
        was_over = says_over(path.read_text(encoding="utf-8").removeprefix(_TITLE))
        return path.as_uri() if was_over else self.raise_alarm(alarm)

    def held(self, subject: Subject) -> list[Held]:
        references = tuple(self._branches.references(subject.tail_dirs))
        files = tuple(shown(path) for path in self._files_of(subject))
        found = {"branches and references": references, "pull requests, escalations and alarms": files}
        return [Held(what, names) for what, names in found.items() if names]

    def forget(self, subject: Subject) -> None:
        references = self._branches.references(subject.tail_dirs)
        for reference in references:
            self._refuse_checked_out(reference.removeprefix(HEADS))
        deletions = "".join(f"delete {reference} {commit}\n" for reference, commit in references.items())
        self._checkout.git("update-ref", "--stdin", stdin=deletions)
        for path in self._files_of(subject):
            # The number of a pull request is taken for good; whose it was goes.
            if path.parent == self._numbers:
                write_atomically(path, FORGOTTEN)
            else:
                path.unlink(missing_ok=True)

    def remains(self, subject: Subject) -> list[str]:
        command = "git reflog expire --expire=now --all && git gc --prune=now"
        return [f"objects that no reference leads to any more stay in .git until git collects them: {command}"]

    def _files_of(self, subject: Subject) -> list[Path]:
        """Bodies and numbers of pull requests, and the issues: its own, and alarms of a day that name it."""
        state = self._state_dir()
        beginnings = [f"{posixpath.dirname(branch_of(f'{one}/week.yaml'))}/" for one in subject.tail_dirs]
        found = []
        for path in sorted(self._numbers.glob("[0-9]*")):
            branch = path.read_text(encoding="utf-8")
            if any(branch.startswith(one) and "/" not in branch.removeprefix(one) for one in beginnings):
                found.append(path)
        for one in beginnings:
            found += sorted((state / "pull_requests" / one.removeprefix(BRANCH_PREFIX)).glob("*.md"))
        issues = [*(state / "escalations").glob("*.md"), *(state / "alarms").glob("*.md")]
        found += [
            path
            for path in sorted(issues)
            if subject.is_told_of(path.name.removesuffix(".md"), path.read_text(encoding="utf-8"))
        ]
        return found

    @property
    def _numbers(self) -> Path:
        return self._state_dir() / "pull_requests" / "numbers"

    def _head(self, branch: str) -> str | None:
        return self._checkout.heads(branch).get(branch)

    def _refuse_checked_out(self, branch: str) -> None:
        where = self._checkout.work_tree_of(branch)
        if where:
            raise PermanentError(
                f"branch {branch} is checked out in {where}; switch to another branch there, then run again"
            )

    def _number(self, branch: str) -> int:
        """The pull request's number: the one it has, else the next free one, claimed by creating its file."""
        numbers = self._numbers
        numbers.mkdir(parents=True, exist_ok=True)
        taken = {
            int(path.name): path.read_text(encoding="utf-8") for path in numbers.iterdir() if path.name.isdecimal()
        }
        for number, name in sorted(taken.items()):
            if name == branch:
                return number
        number = max(taken, default=0)
        while True:
            number += 1
            place = numbers / str(number)
            if write_once(place, branch) or place.read_text(encoding="utf-8") == branch:
                return number

    def _body_path(self, branch: str) -> Path:
        return self._state_dir() / "pull_requests" / f"{branch.removeprefix(BRANCH_PREFIX)}.md"

    def _alarm_path(self, alarm: Alarm) -> Path:
        return self._state_dir() / "alarms" / f"{alarm.key}.md"

    def _state_dir(self) -> Path:
        return state_dir(self.repo_dir)


def _issue_file(issue: Issue) -> str:
    """An issue as a Markdown file: its title, what GitHub would show beside it, and its body."""
    labels = f"Labels: {', '.join(issue.labels)} · assigned to {issue.assignee or 'nobody'}"
    return f"{_TITLE}{issue.title}\n\n{labels}\n\n{issue.body}"


def _body_file(number: int, pull_request: PullRequest, base_branch: str) -> str:
    """The body behind a front matter that says what GitHub would show around it."""
    return (
        "---\n"
        f"number: {number}\n"
        f"title: {pull_request.title}\n"
        f"branch: {pull_request.branch}\n"
        f"base: {base_branch}\n"
        f"labels: {', '.join(pull_request.labels)}\n"
        f"reviewers: {', '.join(pull_request.reviewers)}\n"
        "---\n\n"
        f"{pull_request.body}"
    )
