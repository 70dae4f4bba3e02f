"""A loopback server that speaks the embeddings API of OpenAI, in the ways real endpoints do and fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Reply = tuple[int, dict[str, str], bytes]


def vector_of(text: str) -> list[float]:
    """A vector that tells texts apart."""
    return [float(len(text)), float(sum(text.encode()) % 1009), 1.0]


def rows_of(texts: list[str]) -> list[dict[str, Any]]:
    return [{"object": "embedding", "index": index, "embedding": vector_of(text)} for index, text in enumerate(texts)]


def json_reply(status: int, body: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def embeddings_reply(rows: list[dict[str, Any]]) -> Reply:
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return json_reply(200, {"object": "list", "model": "served", "data": rows, "usage": usage})


def error_reply(status: int) -> Reply:
    """An error; the client may try again after a millisecond (it ignores a wait of zero and sleeps for seconds)."""
    status, headers, body = json_reply(
        status, {"error": {"message": "no", "type": "error", "code": None, "param": None}}
    )
    return status, headers | {"Retry-After-Ms": "1"}, body


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    path: str
    authorization: str
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        return self.body["input"]


@dataclass
class EmbeddingsServer:
    """Answers every request by ``answer``; keeps what it was asked in ``requests``."""

    answer: Callable[[Request], Reply] = lambda request: embeddings_reply(rows_of(request.texts))
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                request = Request(self.path, self.headers.get("Authorization", ""), body)
                outer.requests.append(request)
                status, headers, content = outer.answer(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
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
