"""GitHub Apps: a JSON web token signed with the App's key, exchanged for a token of an installation."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import jwt

from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routing import ApiError, Reply, Request, not_found, route, stamp
from tail_pipeline_tests.github_server.tokens import App, Token
from tail_pipeline_tests.github_server.views import Json, Links, user_json

_LIFETIME = timedelta(hours=1)


def token_of_jwt(repository: HostedRepository, text: str) -> Token:
    """Who signed a JSON web token, as a token for the App's own routes; 401 for one that no App here has signed."""
    problem = "A JSON web token could not be decoded"
    for app in repository.apps:
        try:
            jwt.decode(
                text, app.public_key, algorithms=["RS256"], issuer=str(app.id), options={"require": ["exp", "iat"]}
            )
        except jwt.ExpiredSignatureError:
            problem = "'Expiration time' claim ('exp') is too far in the past"
        except jwt.InvalidTokenError:
            continue
        else:
            return Token(app.account, "app_jwt", app.permissions)
    raise ApiError(401, problem)


def _app(repository: HostedRepository, request: Request) -> App:
    if request.token.kind != "app_jwt":
        raise ApiError(401, "A JSON web token could not be decoded")
    return next(one for one in repository.apps if one.account == request.token.account)


@route("GET", "/repos/{owner}/{repo}/installation")
def get_repository_installation(repository: HostedRepository, request: Request) -> Reply:
    app = _app(repository, request)
    return Reply(200, _installation_json(Links.of(request, repository), app))


@route("GET", "/app/installations/{installation_id}")
def get_installation(repository: HostedRepository, request: Request) -> Reply:
    app = _app(repository, request)
    if request.number("installation_id") != app.installation_id:
        raise not_found()
    return Reply(200, _installation_json(Links.of(request, repository), app))


@route("POST", "/app/installations/{installation_id}/access_tokens")
def create_installation_token(repository: HostedRepository, request: Request) -> Reply:
    app = _app(repository, request)
    if request.number("installation_id") != app.installation_id:
        raise not_found()
    text = f"ghs_{secrets.token_hex(18)}"
    repository.tokens[text] = Token(app.account, "app", app.permissions)
    expires = stamp(datetime.now(UTC) + _LIFETIME)
    body = {
        "token": text,
        "expires_at": expires,
        "permissions": dict(app.permissions),
        "repository_selection": "selected",
    }
    return Reply(201, body)


def _installation_json(links: Links, app: App) -> Json:
    url = f"{links.api}/app/installations/{app.installation_id}"
    owner = links.repository.owner
    return {
        "id": app.installation_id,
        "account": user_json(links, owner),
        "repository_selection": "selected",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{links.api}/installation/repositories",
        "html_url": f"{links.site}/settings/installations/{app.installation_id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": owner.id,
        "target_type": owner.kind,
        "permissions": dict(app.permissions),
        "events": [],
        "created_at": "2026-01-05T08:00:00Z",
        "updated_at": "2026-01-05T08:00:00Z",
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }
