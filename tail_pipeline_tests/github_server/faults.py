"""How GitHub and the way to it fail, played on purpose: the next request of a kind, or each with a probability."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tail_pipeline_tests.github_server.routing import Reply

Way = Literal["reply", "drop", "hold"]

_HTML = (
    b"<html><head><title>Unicorn! \xc2\xb7 GitHub</title></head><body>No server is currently available.</body></html>"
)
_RATE_DOCS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with one request.

    ``after``: the request is carried out first, and only its answer is lost. ``way``: the client gets ``reply``, or the
    connection is dropped, or nothing comes until the client gives up. ``meanwhile`` happens before the request is
    carried out; a fault with nothing else lets the request pass.
    """

    name: str
    reply: Reply | None = None
    way: Way = "reply"
    after: bool = False
    meanwhile: Callable[[], object] | None = None

    @property
    def passes(self) -> bool:
        return self.way == "reply" and self.reply is None

    def afterwards(self) -> Fault:
        """The same, with the request carried out before."""
        return replace(self, name=f"{self.name} after the request was carried out", after=True)


def bad_gateway() -> Fault:
    return Fault("502", Reply(502, {"message": "Server Error"}))


def unavailable() -> Fault:
    return Fault("503", Reply(503, {"message": "Service unavailable"}))


def dropped() -> Fault:
    return Fault("connection dropped", way="drop")


def timed_out() -> Fault:
    """No answer until the client closes the connection."""
    return Fault("no answer", way="hold")


def secondary_rate_limit(retry_after_s: int | None = 60) -> Fault:
    """403 as after too many writes in a row; without a word on when to come again for None."""
    message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    documentation = f"{_RATE_DOCS}#about-secondary-rate-limits"
    return Fault("secondary rate limit", Reply(403, {"message": message, "documentation_url": documentation}, headers))


def primary_rate_limit(reset_in_s: int = 3600) -> Fault:
    """403 with nothing remaining; the limit starts again so many seconds from now."""
    headers = {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Used": "5000",
        "X-RateLimit-Reset": str(int(time.time()) + reset_in_s),
        "X-RateLimit-Resource": "core",
    }
    message = "API rate limit exceeded for user ID 583231."
    documentation = f"{_RATE_DOCS}#primary-rate-limit"
    return Fault("primary rate limit", Reply(403, {"message": message, "documentation_url": documentation}, headers))


def too_many_requests(retry_after_s: int | None = 60) -> Fault:
    limited = secondary_rate_limit(retry_after_s)
    assert limited.reply is not None
    return replace(limited, name="429", reply=replace(limited.reply, status=429))


def html_page(status: int = 502) -> Fault:
    """A page for people where JSON belongs, such as a proxy's sign-in with 200."""
    return Fault(f"HTML with {status}", Reply(status, _HTML, {"Content-Type": "text/html; charset=utf-8"}))


def meanwhile(action: Callable[[], object]) -> Fault:
    """Somebody else does something just before the request is carried out."""
    return Fault("meanwhile", meanwhile=action)


def usual_faults(*, retry_after_s: int = 0) -> tuple[Fault, ...]:
    """What a bad week is made of; a client that is told to wait, waits ``retry_after_s``."""
    return (
        bad_gateway(),
        bad_gateway().afterwards(),
        dropped(),
        dropped().afterwards(),
        secondary_rate_limit(retry_after_s),
        too_many_requests(retry_after_s),
        html_page(502),
        html_page(502).afterwards(),
    )


@dataclass
class Faults:
    """Which request meets which fault; scripted ones come first."""

    _scripted: list[tuple[str, re.Pattern[str], Fault]] = field(default_factory=list)
    _random: tuple[random.Random, float, Sequence[Fault]] | None = None
    _lag: int = 0
    _hidden: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, method: str, path_pattern: str, *faults: Fault) -> None:
        """The next requests of this method whose path has a match of the pattern meet these faults, one each."""
        with self._lock:
            self._scripted += [(method, re.compile(path_pattern), fault) for fault in faults]

    def at_random(self, probability: float, *, seed: int, faults: Sequence[Fault] | None = None) -> None:
        """From now on each request fails with this probability, in one of these ways."""
        self._random = (random.Random(seed), probability, faults or usual_faults())

    def stop(self) -> None:
        """From now on nothing fails."""
        self._scripted, self._random, self._lag, self._hidden = [], None, 0, {}

    def take(self, method: str, path: str) -> Fault | None:
        """The fault this request meets."""
        with self._lock:
            for entry in self._scripted:
                if entry[0] == method and entry[1].search(path):
                    self._scripted.remove(entry)
                    return entry[2]
            if self._random is None:
                return None
            chance, probability, faults = self._random
            return chance.choice(faults) if chance.random() < probability else None

    # Listings that lag behind

    def delay_listings(self, reads: int) -> None:
        """What is created from now on is missing from the next ``reads`` listings that should hold it."""
        self._lag = reads

    def lagging(self, method: str, reply: Reply) -> Reply:
        """The reply as a client gets it that reads too soon."""
        with self._lock:
            if method == "POST" and reply.status == 201 and self._lag and "url" in reply.body:
                self._hidden[reply.body["url"].replace("/pulls/", "/issues/")] = self._lag
            if method != "GET" or not isinstance(reply.body, list) or not self._hidden:
                return reply
            return replace(reply, body=[one for one in reply.body if not self._is_hidden(one["url"])])

    def _is_hidden(self, url: str) -> bool:
        key = url.replace("/pulls/", "/issues/")
        left = self._hidden.get(key, 0)
        self._hidden[key] = max(0, left - 1)
        return left > 0

    @property
    def left(self) -> list[str]:
        """The scripted faults no request has met yet."""
        return [f"{fault.name} for {method} {pattern.pattern}" for method, pattern, fault in self._scripted]
