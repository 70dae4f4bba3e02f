"""The one repository a server hosts: its git store, its records, and the rules that tie them together."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from tail_pipeline_tests.github_server.git_store import BareRepository, Identity
from tail_pipeline_tests.github_server.records import Account, Issue, Label, Permission, Pull
from tail_pipeline_tests.github_server.tokens import App, Token

START = datetime(2026, 4, 20, 9, 0, tzinfo=UTC)
Protection = Literal["classic", "ruleset"]
_DEFAULT_LABELS = {"bug": "d73a4a", "enhancement": "a2eeef"}


@dataclass
class HostedRepository:
    """``accounts`` are the people GitHub knows, ``collaborators`` those who may work here, ``teams`` slugs that may review.

    ``now`` goes on by a second with every change; a test may set it.
    """

    git: BareRepository
    owner: Account
    name: str
    accounts: dict[str, Account]
    private: bool = True
    default_branch: str = "main"
    id: int = 1_296_269
    collaborators: dict[str, Permission] = field(default_factory=dict)
    teams: set[str] = field(default_factory=set)
    tokens: dict[str, Token] = field(default_factory=dict)
    apps: list[App] = field(default_factory=list)
    former_names: set[str] = field(default_factory=set)
    protected: dict[str, Protection] = field(default_factory=dict)
    merge_methods: tuple[str, ...] = ("merge", "squash", "rebase")
    issues: list[Issue] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    now: datetime = START
    lock: threading.RLock = field(default_factory=threading.RLock)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_001))

    def __post_init__(self) -> None:
        for name, color in _DEFAULT_LABELS.items():
            self.add_label(name, color)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def new_id(self) -> int:
        return next(self._ids)

    def tick(self) -> datetime:
        """The time of a change, later than that of any before."""
        self.now += timedelta(seconds=1)
        return self.now

    def account(self, login: str) -> Account | None:
        """Accounts are found whatever the case of their letters."""
        return self.accounts.get(login.lower())

    def identity(self, account: Account) -> Identity:
        return Identity(account.login, account.email, self.tick())

    # Labels

    def label(self, name: str) -> Label | None:
        return next((one for one in self.labels if one.name.lower() == name.lower()), None)

    def add_label(self, name: str, color: str = "ededed", description: str | None = None) -> Label:
        label = Label(self.new_id(), name, color, description)
        self.labels.append(label)
        return label

    def labelled(self, names: list[str]) -> list[Label]:
        """Labels of these names, each once; what is not there yet is made, as GitHub does when an issue gets it."""
        found = [self.label(name) or self.add_label(name) for name in names]
        return list({label.id: label for label in found}.values())

    # Issues and pull requests

    def issue(self, number: int) -> Issue | None:
        return next((one for one in self.issues if one.number == number), None)

    def pulls(self) -> list[Issue]:
        return [one for one in self.issues if one.pull]

    def add_issue(self, author: Account, title: str, body: str | None, pull: Pull | None = None) -> Issue:
        when = self.tick()
        issue = Issue(self.new_id(), len(self.issues) + 1, author, title, body, when, when, pull=pull)
        self.issues.append(issue)
        return issue

    def touch(self, issue: Issue) -> datetime:
        issue.updated_at = self.tick()
        return issue.updated_at

    def close(self, issue: Issue, by: Account | None, reason: str | None = "completed") -> None:
        issue.state, issue.state_reason, issue.closed_by = "closed", None if issue.pull else reason, by
        issue.closed_at = self.touch(issue)

    def reopen(self, issue: Issue) -> None:
        issue.state, issue.closed_at, issue.closed_by = "open", None, None
        issue.state_reason = None if issue.pull else "reopened"
        self.touch(issue)

    def assignable(self, account: Account) -> bool:
        return account.login in self.collaborators

    # Pull requests follow their branches

    def settle(self) -> None:
        """Let open pull requests see where their branches are, whoever moved them."""
        for issue in self.issues:
            if issue.pull and issue.state == "open":
                self._follow(issue, issue.pull)

    def _follow(self, issue: Issue, pull: Pull) -> None:
        head, base = self.git.ref(f"refs/heads/{pull.head}"), self.git.ref(f"refs/heads/{pull.base}")
        if head is None or base is None:
            self.close(issue, None)
            return
        if head == pull.head_sha and base == pull.base_seen:
            return
        pushed, before = head != pull.head_sha, pull.base_seen
        pull.head_sha, pull.base_seen = head, base
        if pushed:
            pull.base_sha = base
            self.touch(issue)
            self.git.update_ref(f"refs/pull/{issue.number}/head", head)
        if self.git.is_ancestor(head, base):
            self._overtaken(issue, pull, (before, base), pushed=pushed)

    def _overtaken(self, issue: Issue, pull: Pull, moved: tuple[str, str], *, pushed: bool) -> None:
        """The base has all of the head: somebody pushed a merge of it, or took every commit off the branch."""
        if not pushed:
            pull.merged_at, pull.merged_by, pull.merge_commit = self.tick(), self.owner, moved[1]
            pull.merged_range = moved
        self.close(issue, self.owner)
