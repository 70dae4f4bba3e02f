"""The agent as it is now, behind a model endpoint, an HTTP address or a Python function."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tail_pipeline.adapters.python_callable import load_callable
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.hostile_text import DATA_RULE, neutralised, passages
from tail_pipeline.domain.ports import Model, Target
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.targets import HttpTarget, ModelTarget, PythonTarget, TargetConfig, name_of

if TYPE_CHECKING:
    import httpx2

MAX_OUTPUT_BYTES = 1_000_000
MAX_BODY_BYTES = 8_000_000
"""Of an answer in JSON, which has to be whole to be read and may spell each character in six."""

ATTEMPTS = 3
_TIMEOUT_S = 120
_MAX_ANSWER_S = 300
_TOO_MANY_REQUESTS = 429


@contextmanager
def open_target(
    config: TargetConfig,
    rubric: Rubric,
    *,
    repo_dir: Path,
    model: Callable[[str], AbstractContextManager[Model]],
    retry_wait_s: float,
) -> Iterator[Target]:
    """The target of an agent; ``model`` opens ``endpoint/model``, ``retry_wait_s`` passes before a request is repeated.

    Raises PermanentError where the configuration leads nowhere.
    """
    match config:
        case ModelTarget():
            system_prompt = _system_prompt(config, repo_dir)
            with model(config.resolved(rubric)) as opened:
                yield ModelUnderTest(opened, system_prompt)
        case HttpTarget():
            with _http_client() as client:
                yield HttpAgent(config, name_of(config, rubric), client, retry_wait_s)
        case PythonTarget():
            yield PythonAgent(config.python, load_callable(config.python, repo_dir))


class ModelUnderTest:
    """A model that is given the agent's system prompt, the input, and what was retrieved as data beside it."""

    def __init__(self, model: Model, system_prompt: str | None) -> None:
        self.name = model.name
        self.fingerprint = _fingerprint("model", model.name, system_prompt)
        self._model = model
        self._system_prompt = system_prompt

    def answer(self, asked: str, contexts: Sequence[str], /) -> str:
        return self._model.reply(prompt_of(asked, contexts), system_prompt=self._system_prompt)


class HttpAgent:
    """A service that is posted to; what an address or a token could give away stands in no message."""

    def __init__(self, config: HttpTarget, name: str, client: httpx2.Client, retry_wait_s: float) -> None:
        self.name = name
        self.fingerprint = _fingerprint("http", config.http)
        self._config = config
        self._client = client
        self._retry_wait_s = retry_wait_s

    def answer(self, asked: str, contexts: Sequence[str], /) -> str:
        headers = self._headers()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._post({"input": asked, "context": list(contexts)}, headers)
            except TransientError:
                if attempt == ATTEMPTS:
                    raise
            time.sleep(self._retry_wait_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _post(self, body: dict[str, Any], headers: dict[str, str]) -> str:
        import httpx2

        try:
            with self._client.stream("POST", self._config.http, json=body, headers=headers) as response:
                self._require_success(response)
                return self._output(response)
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise TransientError(f"{self.name} does not answer: {type(error).__name__}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise PermanentError(f"{self.name} cannot be asked: {type(error).__name__}") from None

    def _require_success(self, response: httpx2.Response) -> None:
        status = response.status_code
        if response.is_success:
            return
        if status == _TOO_MANY_REQUESTS or response.is_server_error:
            raise TransientError(f"{self.name} answers with status {status}")
        if response.is_redirect:
            raise PermanentError(
                f"{self.name} redirects elsewhere (status {status}), and texts and tokens go only where they were sent; "
                "configure the address it redirects to"
            )
        token = f" and {self._config.token_env}" if self._config.token_env else ", and token_env if it wants a token"
        raise PermanentError(f"{self.name} refused the case with status {status}; check the address{token}")

    def _output(self, response: httpx2.Response) -> str:
        is_json = "json" in response.headers.get("content-type", "")
        body, whole = self._read(response, MAX_BODY_BYTES if is_json else MAX_OUTPUT_BYTES)
        if not is_json:
            return body.decode("utf-8", errors="replace")
        if not whole:
            raise PermanentError(f"{self.name} answered more than {MAX_BODY_BYTES // 1_000_000} MB of JSON")
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise PermanentError(f"{self.name} answered something that is not the JSON it says it is") from None
        output = value.get("output") if isinstance(value, dict) else None
        if not isinstance(output, str):
            raise PermanentError(f'{self.name} answered JSON without a text under "output"')
        return output

    def _read(self, response: httpx2.Response, limit: int) -> tuple[bytes, bool]:
        """The first ``limit`` bytes of the body, and whether that is all of it; a body that trickles in is no answer."""
        body = bytearray()
        deadline = time.monotonic() + _MAX_ANSWER_S
        for chunk in response.iter_bytes(65_536):
            body += chunk
            if len(body) > limit:
                return bytes(body[:limit]), False
            if time.monotonic() > deadline:
                raise TransientError(f"{self.name} was still answering after {_MAX_ANSWER_S} s")
        return bytes(body), True

    def _headers(self) -> dict[str, str]:
        if self._config.token_env is None:
            return {}
        token = os.environ.get(self._config.token_env)
        if not token:
            raise PermanentError(f"{self.name}: the environment variable {self._config.token_env} is not set")
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise PermanentError(
                f"{self.name}: the token in {self._config.token_env} holds blanks, line ends or foreign characters; copy it again"
            )
        return {"Authorization": f"Bearer {token}"}


class PythonAgent:
    """A function of the team's own; whatever it raises costs the case, not the run."""

    def __init__(self, path: str, function: Callable[..., Any]) -> None:
        self.name = path
        self.fingerprint = _fingerprint("python", path)
        self._function = function

    def answer(self, asked: str, contexts: Sequence[str], /) -> str:
        try:
            output = self._function(asked, list(contexts))
        except TransientError:
            raise
        except (Exception, SystemExit) as error:
            raise PermanentError(f"{self.name} raised {type(error).__name__}") from error
        if not isinstance(output, str):
            raise PermanentError(f"{self.name} returned {type(output).__name__}; expected the answer as text")
        return output


def prompt_of(asked: str, contexts: Sequence[str]) -> str:
    """What a model is sent: the input alone, or with the retrieved passages between tags they cannot close."""
    if not contexts:
        return asked
    return f"{neutralised(asked)}\n\nRetrieved for this message. {DATA_RULE}\n{passages(contexts)}"


def _system_prompt(config: ModelTarget, repo_dir: Path) -> str | None:
    if config.system_prompt is None:
        return None
    try:
        return (repo_dir / config.system_prompt).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"the target's system_prompt {config.system_prompt} cannot be read from the checkout ({type(error).__name__})"
        ) from error


def _http_client() -> httpx2.Client:
    import httpx2

    # It logs whole addresses, and a query may hold a key.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    return httpx2.Client(timeout=_TIMEOUT_S, follow_redirects=False)


def _fingerprint(*parts: str | None) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
