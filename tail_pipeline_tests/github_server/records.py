"""What GitHub keeps beside git: accounts, labels, issues, pull requests, reviews. Kept in memory, changed in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

State = Literal["open", "closed"]
Permission = Literal["admin", "write", "read"]


@dataclass(frozen=True)
class Account:
    """A person, or a bot such as ``github-actions[bot]``."""

    login: str
    id: int
    kind: Literal["User", "Bot", "Organization"] = "User"

    @property
    def email(self) -> str:
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class Comment:
    id: int
    author: Account
    body: str
    created_at: datetime
    updated_at: datetime


@dataclass
class Review:
    """``state`` is APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING."""

    id: int
    author: Account
    state: str
    body: str
    commit: str
    submitted_at: datetime | None


@dataclass
class Pull:
    """What an issue has more when it is a pull request.

    ``base_sha`` is where the base was when the head was last pushed; ``base_seen`` is where it was last looked at.
    ``merged_range`` is the base before and after the merge.
    """

    id: int
    head: str
    head_sha: str
    base: str
    base_sha: str
    base_seen: str = ""
    draft: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit: str | None = None
    merged_range: tuple[str, str] | None = None
    reviewers: list[Account] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)


@dataclass
class Issue:
    """An issue or, with ``pull``, a pull request."""

    id: int
    number: int
    author: Account
    title: str
    body: str | None
    created_at: datetime
    updated_at: datetime
    labels: list[Label] = field(default_factory=list)
    assignees: list[Account] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    state: State = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: Account | None = None
    pull: Pull | None = None
