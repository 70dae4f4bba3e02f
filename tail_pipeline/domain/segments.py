"""Names that become partition keys, paths and branch names, and the segments an agent declares."""

from __future__ import annotations

import re
from enum import StrEnum

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"
"""Safe in a path, a branch name, a Dagster key and a partition key alike."""

_NAME = re.compile(NAME_PATTERN)


class SegmentBy(StrEnum):
    """The span column whose values split an agent's tail."""

    TENANT = "tenant"
    NODE_CLASS = "node_class"


def is_valid_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None
