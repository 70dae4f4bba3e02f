"""What was asked and answered, for tests to count; never a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One request and what became of it.

    ``status`` and ``response`` are what went out, None where the connection broke; ``fault`` names what was played.
    ``done`` is false for a request that was never carried out. ``template`` is the path as GitHub documents it.
    """

    method: str
    path: str
    template: str | None
    query: dict[str, str]
    body: Any
    status: int | None
    response: Any
    fault: str | None
    done: bool

    @property
    def is_write(self) -> bool:
        """Whether it changed something: carried out, neither a look nor a sign-in."""
        return self.done and self.method != "GET" and not (self.template or "").endswith("/access_tokens")

    def __str__(self) -> str:
        return f"{self.method} {self.path} → {self.status}{f' ({self.fault})' if self.fault else ''}"
