"""A loopback server that speaks OpenAI's embeddings and chat completions, in the ways real endpoints do and fail.

``ModelServer`` answers by ``answer``, a function from ``Request`` to ``Reply``. What ends in ``_reply`` makes one reply; what
takes an ``Answer`` and gives one is a vendor that differs. Requests OpenAI itself would refuse are refused before ``answer``.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tail_pipeline.domain.agents import Endpoint, JsonMode
from tail_pipeline_tests.model_requests import request_problem

KEY_ENV = "MODEL_SERVER_KEY"
KEY = "sk-l00pback-s3cret"

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers and body; a Content-Length among the headers is sent as it is, true or not."""


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    path: str
    authorization: str
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """What to embed."""
        return self.body["input"]

    @property
    def system(self) -> str:
        return "\n".join(one["content"] for one in self.body["messages"] if one["role"] == "system")

    @property
    def user(self) -> str:
        return "\n".join(one["content"] for one in self.body["messages"] if one["role"] == "user")

    @property
    def json_mode(self) -> JsonMode:
        """How the client holds the model to JSON; ``prompt`` also for a plain conversation."""
        if self.body.get("response_format", {}).get("type") == "json_schema":
            return "json_schema"
        return "tool" if "tools" in self.body else "prompt"

    @property
    def max_tokens(self) -> int | None:
        return self.body.get("max_completion_tokens", self.body.get("max_tokens"))


Answer = Callable[[Request], Reply]


# One reply


def json_reply(status: int, body: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def vector_of(text: str) -> list[float]:
    """A vector that tells texts apart."""
    return [float(len(text)), float(sum(text.encode()) % 1009), 1.0]


def rows_of(texts: list[str]) -> list[dict[str, Any]]:
    return [{"object": "embedding", "index": index, "embedding": vector_of(text)} for index, text in enumerate(texts)]


def embeddings_reply(rows: list[dict[str, Any]]) -> Reply:
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return json_reply(200, {"object": "list", "model": "served", "data": rows, "usage": usage})


def message_reply(message: dict[str, Any], finish_reason: str = "stop", *, prompt_tokens: int = 10) -> Reply:
    """A completion of one choice around this message."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": None} | message,
        "finish_reason": finish_reason,
        "logprobs": None,
    }
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 5, "total_tokens": prompt_tokens + 5}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_776_000_000, "model": "served"}
    return json_reply(200, whole | {"choices": [choice], "usage": usage})


def chat_reply(content: str | None, finish_reason: str = "stop") -> Reply:
    return message_reply({"content": content}, finish_reason)


def tool_reply(*arguments: str, name: str = "answer") -> Reply:
    """One tool call for each text of arguments."""
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": text}}
        for number, text in enumerate(arguments)
    ]
    return message_reply({"tool_calls": calls}, "tool_calls")


def json_answer(request: Request, value: Any) -> Reply:
    """The value, or a text that claims to be one, in the way the request asks for."""
    text = value if isinstance(value, str) else json.dumps(value)
    if request.json_mode == "tool":
        return tool_reply(text, name=request.body["tools"][0]["function"]["name"])
    return chat_reply(text)


def refusal_reply(text: str = "I'm sorry, I cannot help with that.") -> Reply:
    return message_reply({"refusal": text})


def filtered_reply() -> Reply:
    return chat_reply("", "content_filter")


def truncated_reply(text: str = '{"score": 0.') -> Reply:
    return chat_reply(text, "length")


def error_reply(
    status: int, message: str = "no", *, code: str | None = None, param: str | None = None, retry_after_ms: int = 1
) -> Reply:
    """An error; the client may try again after a millisecond (openai ignores a wait of zero and sleeps for seconds)."""
    error = {"message": message, "type": "invalid_request_error", "code": code, "param": param}
    status, headers, body = json_reply(status, {"error": error})
    return status, headers | {"Retry-After-Ms": str(retry_after_ms)}, body


def rate_limited_reply(headers: dict[str, str] | None = None) -> Reply:
    """429, by default without a word on when to come again."""
    message = "Rate limit reached for requests"
    status, content_type, body = json_reply(
        429, {"error": {"message": message, "type": "requests", "code": "rate_limit_exceeded", "param": None}}
    )
    return status, content_type | (headers or {}), body


def quota_reply() -> Reply:
    return error_reply(429, "You exceeded your current quota, please check your plan.", code="insufficient_quota")


def wrong_key_reply(request: Request) -> Reply:
    """401, which quotes the key as some endpoints do."""
    return error_reply(401, f"Incorrect API key provided: {request.authorization}", code="invalid_api_key")


def unknown_model_reply(request: Request) -> Reply:
    return error_reply(404, f"The model `{request.body['model']}` does not exist", code="model_not_found")


def filtered_request_reply() -> Reply:
    message = "The response was filtered due to the prompt triggering the content management policy."
    return error_reply(400, message, code="content_filter", param="prompt")


def too_long_reply() -> Reply:
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    return error_reply(400, message, code="context_length_exceeded", param="messages")


def html_reply() -> Reply:
    return 200, {"Content-Type": "text/html"}, b"<html>Please log in</html>"


def torn_reply() -> Reply:
    """A reply whose connection ends in the middle of the body."""
    return (
        200,
        {"Content-Type": "application/json", "Content-Length": "1000", "Connection": "close"},
        b'{"id": "chatcmpl-1", "ch',
    )


# Behaviours


def usual(request: Request) -> Reply:
    """Vectors for texts, ``ok`` for a conversation."""
    return embeddings_reply(rows_of(request.texts)) if request.path.endswith("/embeddings") else chat_reply("ok")


def rubric_judge(grade: Callable[[str, str], Any]) -> Answer:
    """A judge that answers ``grade(system, user)`` in the way each request asks for."""
    return lambda request: json_answer(request, grade(request.system, request.user))


def always(value: Any) -> Answer:
    """The same JSON value for every question."""
    return rubric_judge(lambda _system, _user: value)


def in_turn(*answers: Answer | Reply) -> Answer:
    """Each in turn, then the last one for ever."""
    left, lock = list(answers), threading.Lock()

    def answer(request: Request) -> Reply:
        with lock:
            one = left.pop(0) if len(left) > 1 else left[0]
        return one(request) if callable(one) else one

    return answer


def without_json_schema(answer: Answer) -> Answer:
    """A vendor that knows no ``response_format`` of type ``json_schema``."""

    def reply(request: Request) -> Reply:
        if request.json_mode != "json_schema":
            return answer(request)
        message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        return error_reply(400, message, param="response_format")

    return reply


def without_tools(answer: Answer) -> Answer:
    """A vendor whose model cannot call tools."""
    return lambda request: (
        answer(request) if request.json_mode != "tool" else error_reply(400, "`tools` is not supported by this model")
    )


def tool_only(answer: Answer) -> Answer:
    """A vendor that gives JSON in tool calls and chats otherwise."""
    return lambda request: answer(request) if request.json_mode == "tool" else chat_reply("Sure, happy to help!")


def without_parameter(name: str, answer: Answer, *, instead: str | None = None) -> Answer:
    """A model that refuses a parameter, such as ``temperature``, or ``max_tokens`` instead of another."""
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    hint = f" Use '{instead}' instead." if instead else ""
    refused = error_reply(400, message + hint, code="unsupported_parameter", param=name)
    return lambda request: refused if name in request.body else answer(request)


def in_prose(value: Any) -> Answer:
    text = f"Let me think about {{this}} first.\n\n{json.dumps(value)}\n\nI hope that helps."
    return lambda request: json_answer(request, text)


def in_fences(value: Any) -> Answer:
    return lambda request: json_answer(request, f"Here it is:\n```json\n{json.dumps(value, indent=2)}\n```\n")


def poisoned(claim: dict[str, Any], value: Any) -> Answer:
    """Prose that carries another verdict, as a text under judgement may talk a judge into, before the JSON."""
    prose = f"As the text demands: {', '.join(f'{name} {number}' for name, number in claim.items())}.\n"
    return lambda request: json_answer(request, prose + json.dumps(value))


def hanging(released: threading.Event, answer: Answer = usual) -> Answer:
    """Answers nobody until the event is set."""

    def reply(request: Request) -> Reply:
        released.wait(timeout=60)
        return answer(request)

    return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class ModelServer:
    """Answers every request by ``answer``; keeps what it was asked in ``requests``, refused ones included."""

    answer: Answer = usual
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server  # noqa: B018 -- listens from here on
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def endpoint(self, **fields: Any) -> Endpoint:
        """This server in the words of ``agents.yaml``; its key is expected in ``KEY_ENV``."""
        return Endpoint(**{"base_url": self.url, "api_key_env": KEY_ENV, **fields})

    def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        if problem := request_problem(request.path, request.body):
            return error_reply(400, problem)
        return self.answer(request)

    @cached_property
    def _server(self) -> _Server:
        return _Server(("127.0.0.1", 0), _handler(self))


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = Request(self.path, self.headers.get("Authorization", ""), body)
            status, headers, content = server.reply(request)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler


def unused_url() -> str:
    """An address nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
