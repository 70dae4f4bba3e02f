"""HTTP on loopback: reads a request, plays the fault it meets, sends the reply."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tail_pipeline_tests.github_server.faults import Way
from tail_pipeline_tests.github_server.routing import Reply

_LONGEST_HOLD_S = 60
Serve = Callable[[str, str, Mapping[str, str], bytes], tuple[Reply, Way]]
"""(method, target, headers, body) → the reply, and how it goes out."""


class LoopbackServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def handler(serve: Serve) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply, way = serve(self.command, self.path, dict(self.headers), body)
            if way == "reply":
                self._send(reply)
            else:
                self.close_connection = True
                if way == "hold":
                    self._wait_for_client()
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 -- named by the base class

        def _send(self, reply: Reply) -> None:
            content = b"" if reply.body is None else reply.body
            if not isinstance(content, bytes):
                content = json.dumps(content).encode()
            usual = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(content))}
            self.send_response(reply.status)
            for name, value in (usual | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def _wait_for_client(self) -> None:
            """Until the client closes its end; a socket that has nothing to read any more says so."""
            self.connection.settimeout(_LONGEST_HOLD_S)
            self.connection.recv(1, socket.MSG_PEEK)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
