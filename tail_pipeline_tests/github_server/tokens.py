"""Who may do what: tokens with their permissions, as the header X-Accepted-GitHub-Permissions words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tail_pipeline_tests.github_server.records import Account
from tail_pipeline_tests.github_server.routing import ApiError, not_found

_LEVELS = {"read": 1, "write": 2, "admin": 3}
Kind = Literal["fine_grained", "classic", "app", "actions", "app_jwt"]


@dataclass(frozen=True)
class Token:
    """``permissions`` are those of a fine-grained, App or Actions token, such as ``{"contents": "write"}``.

    ``scopes`` are those of a classic one. ``sees_repository`` is false for a token somebody made for other repositories.
    """

    account: Account
    kind: Kind = "fine_grained"
    permissions: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    sees_repository: bool = True


def bad_credentials() -> ApiError:
    return ApiError(401, "Bad credentials")


def scope_headers(token: Token, *, private: bool) -> dict[str, str]:
    """What GitHub says of scopes with every answer to a classic token."""
    if token.kind != "classic":
        return {}
    return {"X-OAuth-Scopes": ", ".join(token.scopes), "X-Accepted-OAuth-Scopes": "" if not private else "repo"}


def check_permission(token: Token, needs: str, *, private: bool) -> None:
    """Raise what GitHub answers to a token that may not: 403 with what would do, or 404 where it may not even see."""
    writes = "=write" in needs
    if private and not token.sees_repository:
        raise not_found()
    if token.kind == "classic":
        _check_scopes(token, writes=writes, private=private)
    elif not _granted(token, needs, public_read=not private):
        by = "personal access token" if token.kind == "fine_grained" else "integration"
        headers = {"X-Accepted-GitHub-Permissions": needs}
        raise ApiError(403, f"Resource not accessible by {by}", headers=headers)


def _check_scopes(token: Token, *, writes: bool, private: bool) -> None:
    if "repo" in token.scopes or (not private and (not writes or "public_repo" in token.scopes)):
        return
    raise not_found()


def _granted(token: Token, needs: str, *, public_read: bool) -> bool:
    return any(
        all(_has(token, one.strip(), public_read=public_read) for one in together.split(","))
        for together in needs.split(";")
    )


def _has(token: Token, need: str, *, public_read: bool) -> bool:
    name, level = need.split("=")
    if level == "read" and (public_read or name == "metadata"):
        return True
    return _LEVELS.get(token.permissions.get(name, ""), 0) >= _LEVELS[level]


@dataclass(frozen=True)
class App:
    """A GitHub App installed here; ``public_key`` is PEM, the private one stays with the test."""

    account: Account
    id: int
    installation_id: int
    public_key: str
    permissions: Mapping[str, str]

    @property
    def slug(self) -> str:
        return self.account.login.removesuffix("[bot]")
