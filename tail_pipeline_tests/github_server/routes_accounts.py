"""Who asks, who else there is, and an App's way to a token."""

from __future__ import annotations

from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routing import ApiError, Reply, Request, not_found, route
from tail_pipeline_tests.github_server.views import Links, public_user_json


@route("GET", "/user")
def get_authenticated_user(repository: HostedRepository, request: Request) -> Reply:
    if request.token.kind in {"app", "actions"}:
        raise ApiError(403, "Resource not accessible by integration")
    return Reply(200, public_user_json(Links.of(request, repository), request.token.account))


@route("GET", "/users/{username}")
def get_user(repository: HostedRepository, request: Request) -> Reply:
    account = repository.account(request.params["username"])
    if account is None:
        raise not_found()
    return Reply(200, public_user_json(Links.of(request, repository), account))
