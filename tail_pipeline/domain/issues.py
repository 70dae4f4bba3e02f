"""What is filed in the issue tracker of the repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from tail_pipeline.domain.weeks import MiningDay

MAX_TITLE_CHARS = 256
"""What GitHub takes."""

_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True)
class Issue:
    """One issue; ``key`` is what makes a second one the same.

    ``about`` is the part of the title that tells it from every other issue of its kind, whatever else the title comes
    to say. Nobody can have opened it before ``not_before``.
    """

    key: str
    about: str
    title: str
    body: str
    labels: tuple[str, ...]
    assignee: str | None
    not_before: datetime

    def is_named_by(self, title: str) -> bool:
        """Whether a title is that of this issue, also after somebody wrote something before or behind it."""
        return re.search(rf"(?<![\w-]){re.escape(self.about)}(?![\w-]| /)", title) is not None


def opened_from(day: MiningDay) -> datetime:
    """Before this moment there can be no issue about a mining day: no pipeline mines a day that has not begun.

    The issue tracker has a clock of its own, so it is a day early.
    """
    return day.begins - _CLOCKS_DIFFER


def named(agent: str, segment: str | None) -> str:
    """Whose issue it is, as titles say it."""
    return f"{agent}{f' / {segment}' if segment else ''}"
