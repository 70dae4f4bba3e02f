"""GitHub's REST API on loopback, for one repository: what a test starts, asks and scripts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from tail_pipeline_tests.github_server.api import PREFIX, Call, answer, by_name, find_route
from tail_pipeline_tests.github_server.exchanges import Exchange
from tail_pipeline_tests.github_server.faults import Fault, Faults, Way
from tail_pipeline_tests.github_server.git_store import NO_OBJECT, BareRepository
from tail_pipeline_tests.github_server.people import Person
from tail_pipeline_tests.github_server.records import Account, Permission
from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routing import Reply
from tail_pipeline_tests.github_server.tokens import App, Kind, Token
from tail_pipeline_tests.github_server.transport import LoopbackServer, handler

TOKEN = "ghp_L00pbackS3cretL00pbackS3cret000000"
MINER_PERMISSIONS = {"contents": "write", "pull_requests": "write", "issues": "write"}


class GitHubServer:
    """One repository, ``acme/agent`` unless named otherwise, with these files on ``main``.

    The accounts ``acme`` (the owner), ``lead`` (may write), ``owner`` (may write), ``stranger`` (not of this repository)
    and ``miner`` are there; ``TOKEN`` is ``miner``'s, with ``MINER_PERMISSIONS``. ``writes`` are the exchanges that
    changed something.
    """

    def __init__(
        self, directory: Path, files: Mapping[str, str] | None = None, *, name: str = "agent", private: bool = True
    ) -> None:
        owner = Account("acme", 1, "Organization")
        self.repository = HostedRepository(
            BareRepository(directory / f"{name}.git"), owner, name, {"acme": owner}, private
        )
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        for login in ("miner", "lead", "owner"):
            self.add_account(login, "write")
        self.add_account("stranger")
        self.add_token(TOKEN, "miner", permissions=MINER_PERMISSIONS)
        self.person("lead").push("main", files or {"README.md": "# Agent\n"}, message="Start", old=NO_OBJECT)

    def __enter__(self) -> Self:
        self._server  # noqa: B018 -- listens from here on
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.repository.git.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        """As GitHub Enterprise has it, and as PyGithub takes it."""
        return f"{self.origin}{PREFIX}"

    @property
    def full_name(self) -> str:
        return self.repository.full_name

    @property
    def writes(self) -> list[Exchange]:
        return [one for one in self.exchanges if one.is_write]

    # Who there is

    def add_account(self, login: str, permission: Permission | None = None, *, bot: bool = False) -> Account:
        account = Account(login, 1000 + len(self.repository.accounts), "Bot" if bot else "User")
        self.repository.accounts[login.lower()] = account
        if permission:
            self.repository.collaborators[login] = permission
        return account

    def add_token(
        self,
        text: str,
        login: str = "miner",
        kind: Kind = "fine_grained",
        *,
        permissions: Mapping[str, str] | None = None,
        scopes: tuple[str, ...] = (),
        sees_repository: bool = True,
    ) -> None:
        """A token clients may sign in with; ``scopes`` for a classic one, ``permissions`` for any other."""
        account = self.repository.account(login) or self.add_account(login, bot=login.endswith("[bot]"))
        self.repository.tokens[text] = Token(account, kind, permissions or {}, scopes, sees_repository)

    def add_app(
        self,
        public_key: str,
        *,
        slug: str = "tail-miner",
        app_id: int = 4711,
        permissions: Mapping[str, str] | None = None,
    ) -> App:
        """An App installed here, which signs in with the private key of this public one (PEM)."""
        account = self.add_account(f"{slug}[bot]", bot=True)
        app = App(account, app_id, app_id + 1, public_key, permissions or MINER_PERMISSIONS)
        self.repository.apps.append(app)
        return app

    def person(self, login: str = "lead") -> Person:
        """Somebody who works in the repository by hand."""
        account = self.repository.account(login)
        assert account is not None, login
        return Person(self.repository, account)

    # Serving

    def serve(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> tuple[Reply, Way]:
        call = Call.parsed(method, target, content)
        fault = self.faults.take(method, call.path)
        if fault and fault.meanwhile:
            fault.meanwhile()
        if fault and not fault.passes and not fault.after:
            return self._lost(call, fault, done=False)
        with self.repository.lock:
            reply = self.faults.lagging(method, answer(self.repository, call, headers, self.origin))
            if fault and not fault.passes:
                return self._lost(call, fault, done=reply.status < 300)
            self._record(call, reply.status, reply.body, fault, done=reply.status < 300)
        return reply, "reply"

    def _lost(self, call: Call, fault: Fault, *, done: bool) -> tuple[Reply, Way]:
        reply = fault.reply or Reply(500)
        sent = fault.way == "reply"
        self._record(call, reply.status if sent else None, reply.body if sent else None, fault, done=done)
        return reply, fault.way

    def _record(self, call: Call, status: int | None, response: Any, fault: Fault | None, *, done: bool) -> None:
        named = by_name(self.repository, call)
        found = find_route(named)
        if isinstance(response, dict) and "token" in response:
            response = response | {"token": "not kept"}
        template = found[0].template if found else None
        self.exchanges.append(
            Exchange(
                call.method,
                named.path,
                template,
                call.query,
                call.body,
                status,
                response,
                fault.name if fault else None,
                done,
            )
        )

    @cached_property
    def _server(self) -> LoopbackServer:
        return LoopbackServer(("127.0.0.1", 0), handler(self.serve))
