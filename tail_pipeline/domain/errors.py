"""What can go wrong, by what helps against it.

TailPipelineError
├── TransientError      waiting may help: the step is tried again
└── PermanentError      trying again cannot help: a person has to act
    └── InvalidFile     one or more findings in files people edit, all reported at once

A message says what was attempted, on which object, what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TailPipelineError(Exception):
    """Base of every error this package raises on purpose."""


class TransientError(TailPipelineError):
    """An outside system did not answer; the same call may succeed later."""


class PermanentError(TailPipelineError):
    """The same call would fail again."""


@dataclass(frozen=True)
class Finding:
    """One thing wrong in one file; ``line`` is 1-based, 0 when it concerns the whole file."""

    file: str
    line: int
    message: str
    case: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {f'{self.case}: ' if self.case else ''}{self.message}"


class InvalidFile(PermanentError):
    """Everything that is wrong in the files that were read together."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = sorted(findings, key=lambda one: (one.file, one.line, one.message, one.case or ""))
        count = len(self.findings)
        lines = "\n".join(f"  {finding}" for finding in self.findings)
        super().__init__(f"{count} {'error' if count == 1 else 'errors'}:\n{lines}")
