"""What is filed in the issue tracker of the repository."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One issue; ``key`` is what makes a second one the same."""

    key: str
    title: str
    body: str
    labels: tuple[str, ...]
    assignee: str | None
