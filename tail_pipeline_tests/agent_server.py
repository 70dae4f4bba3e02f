"""A tiny agent served over HTTP on loopback, in the ways real services answer and fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Reply = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Request:
    """What the agent was asked."""

    path: str
    authorization: str | None
    body: dict[str, Any]

    @property
    def input(self) -> str:
        return str(self.body["input"])


def output_reply(output: str) -> Reply:
    return json_reply({"output": output})


def json_reply(body: Any, status: int = 200) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def text_reply(text: str, status: int = 200) -> Reply:
    return status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode()


@dataclass
class AgentServer:
    """Answers every request by ``answer``; keeps what it was asked in ``requests``."""

    answer: Callable[[Request], Reply] = lambda request: output_reply(f"About {request.input}: see § 4.2.")
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                request = Request(self.path, self.headers.get("Authorization"), body)
                outer.requests.append(request)
                status, headers, content = outer.answer(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                try:
                    self.wfile.write(content)
                except ConnectionError:
                    """The client had read enough."""

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on nobody listens at the address."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/answer"
