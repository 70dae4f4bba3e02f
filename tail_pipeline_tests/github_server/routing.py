"""A request, a reply, an error as GitHub words it, and which function answers which path."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlencode

if TYPE_CHECKING:
    from tail_pipeline_tests.github_server.repository import HostedRepository
    from tail_pipeline_tests.github_server.tokens import Token

MAX_PER_PAGE = 100
_SEVERAL_SEGMENTS = ("ref", "path", "basehead", "branch")
_DOCS = "https://docs.github.com/rest"

Item = TypeVar("Item")


@dataclass(frozen=True)
class Reply:
    """``body`` goes out as JSON, or as it is when it is bytes; None is no body at all."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An answer of 4xx; ``errors`` are the entries of a validation failure."""

    def __init__(
        self, status: int, message: str, errors: Sequence[Any] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        body: dict[str, Any] = {"message": message}
        if errors is not None:
            body["errors"] = list(errors)
        self.reply = Reply(status, body | {"documentation_url": _DOCS, "status": str(status)}, headers or {})


def not_found() -> ApiError:
    return ApiError(404, "Not Found")


def validation_failed(resource: str, code: str, **fields: Any) -> ApiError:
    """422 with one entry, such as ``{"resource": "Label", "code": "already_exists", "field": "name"}``."""
    return ApiError(422, "Validation Failed", [{"resource": resource, "code": code, **fields}])


@dataclass(frozen=True)
class Request:
    """``path`` is without prefix and query, still quoted; ``base_url`` is the API's address as the client wrote it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    base_url: str
    token: Token
    accept: str = ""
    params: dict[str, str] = field(default_factory=dict)

    def required(self, *names: str) -> list[Any]:
        """Fields of the body; 422 as GitHub says it for those that are not there."""
        missing = [name for name in names if not isinstance(self.body, dict) or self.body.get(name) is None]
        if missing:
            said = "\n".join(f'"{name}" wasn\'t supplied.' for name in missing)
            raise ApiError(422, f"Invalid request.\n\n{said}")
        return [self.body[name] for name in names]

    def field(self, name: str, default: Any = None) -> Any:
        return self.body.get(name, default) if isinstance(self.body, dict) else default

    def number(self, name: str = "number") -> int:
        try:
            return int(self.params[name])
        except ValueError:
            raise not_found() from None

    def moment(self, name: str) -> datetime | None:
        """A point in time of the query; a text without zone is UTC, as GitHub reads it."""
        if name not in self.query:
            return None
        found = datetime.fromisoformat(self.query[name])
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    @property
    def page(self) -> int:
        return max(1, _integer(self.query.get("page"), 1))

    def per_page(self, default: int = 30) -> int:
        return min(MAX_PER_PAGE, max(1, _integer(self.query.get("per_page"), default)))

    def paged(self, items: Sequence[Item], render: Callable[[Item], Any]) -> Reply:
        """One page of a listing, with the Link header to the others."""
        per_page = self.per_page()
        last = max(1, -(-len(items) // per_page))
        shown = items[(self.page - 1) * per_page : self.page * per_page]
        return Reply(200, [render(item) for item in shown], self.links(last))

    def links(self, last: int) -> dict[str, str]:
        """The Link header of a page of ``last`` pages; none where there is only one."""
        others: dict[str, int] = {}
        if self.page > 1:
            others |= {"prev": min(self.page - 1, last), "first": 1}
        if self.page < last:
            others |= {"next": self.page + 1, "last": last}
        parts = [f'<{self._page_url(page)}>; rel="{rel}"' for rel, page in others.items()]
        return {"Link": ", ".join(parts)} if parts else {}

    def _page_url(self, page: int) -> str:
        return f"{self.base_url}{self.path}?{urlencode(self.query | {'page': str(page)})}"


Answer = Callable[["HostedRepository", Request], Reply]


@dataclass(frozen=True)
class Route:
    """``needs`` is what X-Accepted-GitHub-Permissions says: alternatives by ``;``, what goes together by ``,``."""

    method: str
    template: str
    needs: str
    answer: Answer
    pattern: re.Pattern[str]

    def params(self, method: str, path: str) -> dict[str, str] | None:
        match = self.pattern.fullmatch(path) if method == self.method else None
        return {name: unquote(value) for name, value in match.groupdict().items()} if match else None


ROUTES: list[Route] = []


def route(method: str, template: str, *, needs: str = "metadata=read") -> Callable[[Answer], Answer]:
    """Answers this path of GitHub's OpenAPI description; of two that fit, the one declared first."""

    def declare(answer: Answer) -> Answer:
        several = "|".join(_SEVERAL_SEGMENTS)
        pattern = re.sub(rf"\{{({several})\}}", r"(?P<\1>.+)", template)
        pattern = re.sub(r"(?<!<)\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        ROUTES.append(Route(method, template, needs, answer, re.compile(pattern)))
        return answer

    return declare


def quoted(path: str) -> str:
    """A path for a URL, slashes kept."""
    return quote(path)


def stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
