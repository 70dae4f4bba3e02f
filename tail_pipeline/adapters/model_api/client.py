"""A client for an endpoint, and what its exceptions mean here."""

from __future__ import annotations

import math
import os
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tail_pipeline.domain.agents import Endpoint
from tail_pipeline.domain.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from openai import OpenAI, OpenAIError

_PASSING_STATUS = (408, 409, 425)
_NO_QUOTA = "insufficient_quota"


@dataclass(frozen=True)
class ServedModel:
    """A model behind an endpoint; as text, how messages name it."""

    kind: str
    name: str
    endpoint: Endpoint

    @property
    def model(self) -> str:
        """What the endpoint itself calls it: ``name`` is ``endpoint/model``."""
        return self.name.partition("/")[2]

    def __str__(self) -> str:
        """The model and its host, without user names, passwords or query strings of the address."""
        host = urlsplit(self.endpoint.base_url or "").hostname
        return f"{self.kind} {self.name}{f' at {host}' if host else ''}"


def open_client(served: ServedModel, *, retries: int, connections: int) -> OpenAI:
    """A client with a pool of its own; raises PermanentError where the environment holds no key that can be sent."""
    import httpx2
    from openai import DefaultHttpxClient, OpenAI

    key = _key(served)
    timeout = httpx2.Timeout(served.endpoint.timeout_s, pool=None)
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    return OpenAI(
        api_key=key,
        base_url=served.endpoint.base_url,
        timeout=timeout,
        max_retries=retries,
        http_client=DefaultHttpxClient(limits=limits, timeout=timeout, verify=_tls()),
    )


@cache
def _tls() -> ssl.SSLContext:
    """One for the process: reading the certificates takes longer than asking a question."""
    import httpx2

    return httpx2.create_ssl_context()


def _key(served: ServedModel) -> str:
    variable = served.endpoint.api_key_env
    key = os.environ.get(variable)
    if not key:
        raise PermanentError(f"{served}: the environment variable {variable} is not set")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise PermanentError(
            f"{served}: the key in {variable} holds blanks, line ends or foreign characters; copy it again"
        )
    return key


def failure_of(error: OpenAIError, served: ServedModel) -> TransientError | PermanentError:
    """The error to raise instead, which names model, host and what happened; never what the endpoint wrote.

    Endpoints quote keys and prompts in their messages.
    """
    import openai

    if isinstance(error, openai.APITimeoutError):
        return TransientError(f"{served} does not answer: no reply within {served.endpoint.timeout_s:g} s")
    if isinstance(error, openai.APIConnectionError):
        return TransientError(f"{served} does not answer: the connection failed")
    if not isinstance(error, openai.APIStatusError):
        return PermanentError(f"{served}: {type(error).__name__}")
    status = error.status_code
    if _NO_QUOTA in (error.code, error.type):
        return PermanentError(
            f"{served}: no quota is left for the key in {served.endpoint.api_key_env}; check its plan"
        )
    if status == 429:
        return TransientError(
            f"{served} does not answer: status 429, too many requests; set its requests_per_minute in agents.yaml"
        )
    if status in _PASSING_STATUS or status >= 500:
        return TransientError(f"{served} does not answer: status {status}")
    return PermanentError(
        f"{served} refused the request with status {status}; "
        f"check the model's name, base_url and {served.endpoint.api_key_env}"
    )


def retry_after_s(error: OpenAIError) -> float | None:
    """Seconds the endpoint asks to be left alone; None when it does not say."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    for value, unit_s in ((headers.get("retry-after-ms"), 0.001), (headers.get("retry-after"), 1.0)):
        try:
            seconds = float(value or "") * unit_s
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except ValueError:
        return None
