"""Promoted cases on their way from merged tail files into the set every new model has to pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promotion:
    """What is asked of the repository: one cases file with rows appended.

    ``before`` is the text on the base branch that the rows were appended to, None where there is no file yet.
    ``branch`` is where they are proposed when the base branch takes no commits; ``title`` is the subject of the
    commit as well.
    """

    branch: str
    path: str
    before: str | None
    text: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
