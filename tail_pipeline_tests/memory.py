"""Where files cost no disk: Dagster's history in SQLite is hundreds of small commits a run."""

from __future__ import annotations

import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")
_NEEDED = 4 * 2**30


def memory_directory() -> Path | None:
    """A directory in memory with room for a whole run of the tests; None on systems without one."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _NEEDED else None
