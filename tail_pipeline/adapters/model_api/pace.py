"""Requests and tokens per minute, spread evenly over the threads of one model.

The well-kept limiters were looked at: they cannot give back what was estimated too high, and they sleep by themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pace:
    """Says when the next request may go: each keeps the way closed for its share of a minute (a leaky bucket).

    There is no burst: vendors enforce a minute's quota over seconds.
    """

    def __init__(
        self, requests_per_minute: int | None, tokens_per_minute: int | None, now: Callable[[], float]
    ) -> None:
        self._request_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._token_s = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._now = now
        self._lock = threading.Lock()
        self._requests_free_at = self._tokens_free_at = self._paused_until = -float("inf")

    def book(self, tokens: int) -> float:
        """Seconds until a request of about so many tokens may be sent; its place is taken from now on."""
        with self._lock:
            now = self._now()
            start = max(now, self._requests_free_at, self._tokens_free_at, self._paused_until)
            self._requests_free_at = start + self._request_s
            self._tokens_free_at = start + tokens * self._token_s
            return start - now

    def correct(self, estimated: int, used: int) -> None:
        """A request that was booked with an estimate used so many tokens: later ones wait longer, or less."""
        with self._lock:
            self._tokens_free_at += (used - estimated) * self._token_s

    def pause(self, seconds: float) -> None:
        """No request may be booked for sooner."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._now() + seconds)
