"""Issues, labels, assignees and comments: ``/repos/{owner}/{repo}/issues`` and ``.../labels``."""

from __future__ import annotations

import re
from typing import Any

from tail_pipeline_tests.github_server.issue_views import comment_json, issue_json, label_json
from tail_pipeline_tests.github_server.records import Account, Comment, Issue, Label
from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routes_pulls import in_order, refuse_long_body, set_state
from tail_pipeline_tests.github_server.routing import ApiError, Reply, Request, not_found, route, validation_failed
from tail_pipeline_tests.github_server.views import Links

_REPO = "/repos/{owner}/{repo}"
_ISSUE = f"{_REPO}/issues/{{issue_number}}"
_READ, _WRITE = "issues=read; pull_requests=read", "issues=write; pull_requests=write"


def issue_of(repository: HostedRepository, request: Request) -> Issue:
    issue = repository.issue(request.number("issue_number"))
    if issue is None:
        raise not_found()
    return issue


@route("GET", f"{_REPO}/issues", needs=_READ)
def list_issues(repository: HostedRepository, request: Request) -> Reply:
    state = request.query.get("state", "open")
    found = [one for one in repository.issues if state in {"all", one.state} and _fits(request, one)]
    links = Links.of(request, repository)
    return request.paged(in_order(request, found), lambda one: issue_json(links, one))


def _fits(request: Request, issue: Issue) -> bool:
    """Whether an issue has all the labels and is the creator's, the assignee's and as new as the query asks."""
    names = {one.name.lower() for one in issue.labels}
    wanted = {name.strip().lower() for name in request.query.get("labels", "").split(",") if name}
    since, creator, assignee = request.moment("since"), request.query.get("creator"), request.query.get("assignee")
    logins = {one.login for one in issue.assignees}
    return (
        wanted <= names
        and (since is None or issue.updated_at >= since)
        and creator in {None, issue.author.login}
        and (assignee in {None, *logins} or (assignee == "*" and bool(logins)) or (assignee == "none" and not logins))
    )


@route("POST", f"{_REPO}/issues", needs="issues=write")
def create_issue(repository: HostedRepository, request: Request) -> Reply:
    (title,) = request.required("title")
    refuse_long_body(request, "Issue")
    one = request.field("assignee")
    assignees = _assignees(repository, [*request.field("assignees", []), *([one] if one else [])])
    labels = repository.labelled(label_names(request.field("labels", [])))
    issue = repository.add_issue(request.token.account, str(title), request.field("body"))
    issue.assignees, issue.labels = assignees, labels
    return Reply(201, issue_json(Links.of(request, repository), issue))


def _assignees(repository: HostedRepository, logins: list[str]) -> list[Account]:
    """The accounts, each once; 422 for one that does not exist or may not be assigned here."""
    found = []
    for login in logins:
        account = repository.account(login)
        if account is None or not repository.assignable(account):
            raise validation_failed("Issue", "invalid", field="assignees", value=login)
        found.append(account)
    return list(dict.fromkeys(found))


def label_names(said: list[Any]) -> list[str]:
    """Labels are said by name or as objects with one."""
    return [one["name"] if isinstance(one, dict) else one for one in said]


@route("GET", _ISSUE, needs=_READ)
def get_issue(repository: HostedRepository, request: Request) -> Reply:
    return Reply(200, issue_json(Links.of(request, repository), issue_of(repository, request)))


@route("PATCH", _ISSUE, needs=_WRITE)
def update_issue(repository: HostedRepository, request: Request) -> Reply:
    issue = issue_of(repository, request)
    refuse_long_body(request, "Issue")
    assignees = request.field("assignees")
    if assignees is not None:
        issue.assignees = _assignees(repository, assignees)
    labels = request.field("labels")
    if labels is not None:
        issue.labels = repository.labelled(label_names(labels))
    issue.title = request.field("title", issue.title)
    issue.body = request.field("body", issue.body)
    repository.touch(issue)
    set_state(repository, issue, request.token.account, request.field("state"), request.field("state_reason"))
    return Reply(200, issue_json(Links.of(request, repository), issue))


# Labels of an issue, assignees, comments


@route("GET", f"{_ISSUE}/labels", needs=_READ)
def list_issue_labels(repository: HostedRepository, request: Request) -> Reply:
    links = Links.of(request, repository)
    return request.paged(issue_of(repository, request).labels, lambda one: label_json(links, one))


@route("POST", f"{_ISSUE}/labels", needs=_WRITE)
def add_issue_labels(repository: HostedRepository, request: Request) -> Reply:
    issue = issue_of(repository, request)
    said = request.body if isinstance(request.body, list) else request.field("labels", [])
    names = [one.name for one in issue.labels] + label_names(said)
    issue.labels = repository.labelled(names)
    repository.touch(issue)
    links = Links.of(request, repository)
    return Reply(200, [label_json(links, one) for one in issue.labels])


@route("DELETE", f"{_ISSUE}/labels/{{name}}", needs=_WRITE)
def remove_issue_label(repository: HostedRepository, request: Request) -> Reply:
    issue = issue_of(repository, request)
    kept = [one for one in issue.labels if one.name.lower() != request.params["name"].lower()]
    if len(kept) == len(issue.labels):
        raise ApiError(404, "Label does not exist")
    issue.labels = kept
    repository.touch(issue)
    links = Links.of(request, repository)
    return Reply(200, [label_json(links, one) for one in kept])


@route("POST", f"{_ISSUE}/assignees", needs=_WRITE)
def add_assignees(repository: HostedRepository, request: Request) -> Reply:
    """Who cannot be assigned is passed over in silence, as on GitHub."""
    issue = issue_of(repository, request)
    accounts = [repository.account(login) for login in request.field("assignees", [])]
    new = [one for one in accounts if one and repository.assignable(one)]
    issue.assignees = list(dict.fromkeys([*issue.assignees, *new]))
    repository.touch(issue)
    return Reply(201, issue_json(Links.of(request, repository), issue))


@route("GET", f"{_REPO}/assignees/{{assignee}}")
def check_assignee(repository: HostedRepository, request: Request) -> Reply:
    account = repository.account(request.params["assignee"])
    if account is None or not repository.assignable(account):
        raise not_found()
    return Reply(204)


@route("GET", f"{_ISSUE}/comments", needs=_READ)
def list_comments(repository: HostedRepository, request: Request) -> Reply:
    issue = issue_of(repository, request)
    links, since = Links.of(request, repository), request.moment("since")
    found = [one for one in issue.comments if since is None or one.updated_at >= since]
    return request.paged(found, lambda one: comment_json(links, issue, one))


@route("POST", f"{_ISSUE}/comments", needs=_WRITE)
def create_comment(repository: HostedRepository, request: Request) -> Reply:
    issue = issue_of(repository, request)
    (body,) = request.required("body")
    refuse_long_body(request, "IssueComment")
    comment = add_comment(repository, issue, request.token.account, body)
    return Reply(201, comment_json(Links.of(request, repository), issue, comment))


def add_comment(repository: HostedRepository, issue: Issue, by: Account, body: str) -> Comment:
    when = repository.touch(issue)
    comment = Comment(repository.new_id(), by, body, when, when)
    issue.comments.append(comment)
    return comment


# Labels of the repository


@route("GET", f"{_REPO}/labels", needs=_READ)
def list_labels(repository: HostedRepository, request: Request) -> Reply:
    links = Links.of(request, repository)
    return request.paged(repository.labels, lambda one: label_json(links, one))


@route("GET", f"{_REPO}/labels/{{name}}", needs=_READ)
def get_label(repository: HostedRepository, request: Request) -> Reply:
    return Reply(200, label_json(Links.of(request, repository), _label(repository, request)))


def _label(repository: HostedRepository, request: Request) -> Label:
    label = repository.label(request.params["name"])
    if label is None:
        raise not_found()
    return label


@route("POST", f"{_REPO}/labels", needs=_WRITE)
def create_label(repository: HostedRepository, request: Request) -> Reply:
    (name,) = request.required("name")
    color = request.field("color", "ededed")
    if not re.fullmatch(r"[0-9a-fA-F]{6}", color):
        raise validation_failed("Label", "invalid", field="color")
    if repository.label(name):
        raise validation_failed("Label", "already_exists", field="name")
    label = repository.add_label(name, color, request.field("description"))
    return Reply(201, label_json(Links.of(request, repository), label))
