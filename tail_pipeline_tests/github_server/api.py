"""From a request as it came in to its reply: sign-in, old names, permissions, route."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from tail_pipeline_tests.github_server import (
    apps,
    routes_accounts,
    routes_git,
    routes_history,
    routes_issues,
    routes_pulls,
)
from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routing import ROUTES, ApiError, Reply, Request, Route, not_found
from tail_pipeline_tests.github_server.tokens import Token, bad_credentials, check_permission, scope_headers

PREFIX = "/api/v3"
_MODULES = (apps, routes_accounts, routes_git, routes_history, routes_issues, routes_pulls)
_ROUTES = sorted(ROUTES, key=lambda one: -one.template.count("/"))
"""The longer template first: ``commits/{commit_sha}/pulls`` before ``commits/{ref}``."""


@dataclass(frozen=True)
class Call:
    """A request as it came in; ``path`` is without prefix and query, and with the repository's present name."""

    method: str
    path: str
    prefix: str
    query: dict[str, str]
    body: Any

    @classmethod
    def parsed(cls, method: str, target: str, content: bytes) -> Call:
        path, _, query = target.partition("?")
        prefix = PREFIX if path.startswith(f"{PREFIX}/") else ""
        pairs = dict(parse_qsl(query, keep_blank_values=True))
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = None
        return cls(method, path.removeprefix(prefix), prefix, pairs, body)


def find_route(call: Call) -> tuple[Route, dict[str, str]] | None:
    for one in _ROUTES:
        params = one.params(call.method, call.path)
        if params is not None:
            return one, params
    return None


def answer(repository: HostedRepository, call: Call, headers: Mapping[str, str], origin: str) -> Reply:
    """What GitHub says to a call; errors are replies as well."""
    try:
        token = _token(repository, headers.get("Authorization", ""))
        call = by_name(repository, call)
        reply = _routed(repository, call, headers, token, f"{origin}{call.prefix}")
    except ApiError as error:
        return error.reply
    return replace(reply, headers=reply.headers | scope_headers(token, private=repository.private))


def by_name(repository: HostedRepository, call: Call) -> Call:
    """The call with the repository's name instead of its number: ``/repositories/1296269/…`` → ``/repos/owner/name/…``."""
    head = f"/repositories/{repository.id}"
    if call.path != head and not call.path.startswith(f"{head}/"):
        return call
    return replace(call, path=f"/repos/{repository.full_name}{call.path.removeprefix(head)}")


def _routed(repository: HostedRepository, call: Call, headers: Mapping[str, str], token: Token, base_url: str) -> Reply:
    found = find_route(call)
    if found is None:
        raise not_found()
    route, params = found
    if "repo" in params:
        asked = unquote(f"{params['owner']}/{params['repo']}").lower()
        if asked in {f"{repository.owner.login}/{name}".lower() for name in repository.former_names}:
            return _moved(repository, call, base_url)
        if asked != repository.full_name.lower():
            raise not_found()
        if token.kind != "app_jwt":
            check_permission(token, route.needs, private=repository.private)
    request = Request(call.method, call.path, call.query, call.body, base_url, token, headers.get("Accept", ""), params)
    repository.settle()
    reply = route.answer(repository, request)
    if call.method != "GET":
        repository.settle()
    return reply


def _moved(repository: HostedRepository, call: Call, base_url: str) -> Reply:
    rest = "/".join(call.path.split("/")[4:])
    url = f"{base_url}/repositories/{repository.id}{f'/{rest}' if rest else ''}"
    if call.query:
        url += f"?{urlencode(call.query)}"
    body = {"message": "Moved Permanently", "url": url, "documentation_url": "https://docs.github.com/rest"}
    if call.method != "GET":
        return Reply(307, body | {"message": "Temporary Redirect"}, {"Location": url})
    return Reply(301, body, {"Location": url})


def _token(repository: HostedRepository, authorization: str) -> Token:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() not in {"bearer", "token"}:
        raise bad_credentials() if authorization else ApiError(401, "Requires authentication")
    found = repository.tokens.get(text)
    if found:
        return found
    if text.count(".") == 2:
        return apps.token_of_jwt(repository, text)
    raise bad_credentials()
