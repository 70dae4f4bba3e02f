"""Pull requests, their reviews and merging: ``/repos/{owner}/{repo}/pulls``."""

from __future__ import annotations

from typing import Any

from tail_pipeline_tests.github_server.issue_views import pull_json, pull_simple_json, review_json, team_json
from tail_pipeline_tests.github_server.merging import MergeConflict, merge, pulls_of_commit
from tail_pipeline_tests.github_server.records import Account, Issue, Pull, Review
from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routes_history import commit_named, existing
from tail_pipeline_tests.github_server.routing import ApiError, Reply, Request, not_found, route, validation_failed
from tail_pipeline_tests.github_server.views import Links, changed_file_json, commit_json, user_json

_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = f"{_PULLS}/{{pull_number}}"
_READ, _WRITE = "pull_requests=read", "pull_requests=write"
MAX_BODY_CHARS = 65_536
_EVENTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def pull_of(repository: HostedRepository, request: Request) -> tuple[Issue, Pull]:
    issue = repository.issue(request.number("pull_number"))
    if issue is None or issue.pull is None:
        raise not_found()
    return issue, issue.pull


@route("GET", _PULLS, needs=_READ)
def list_pulls(repository: HostedRepository, request: Request) -> Reply:
    state, head, base = request.query.get("state", "open"), request.query.get("head"), request.query.get("base")
    found = [one for one in repository.pulls() if state in {"all", one.state}]
    owner, colon, branch = (head or "").partition(":")
    if colon:  # without an owner GitHub pays no attention to the filter
        found = [one for one in found if one.pull and one.pull.head == branch and owner == repository.owner.login]
    if base:
        found = [one for one in found if one.pull and one.pull.base == base]
    links = Links.of(request, repository)
    return request.paged(in_order(request, found), lambda one: pull_simple_json(links, one))


def in_order(request: Request, found: list[Issue]) -> list[Issue]:
    """By creation, newest first, unless the query says otherwise."""
    sort = request.query.get("sort", "created")
    default = "desc" if request.path.endswith("issues") or sort == "created" else "asc"
    keys = {"updated": lambda one: one.updated_at, "comments": lambda one: len(one.comments)}
    key: Any = keys.get(sort, lambda one: one.created_at)
    descending = request.query.get("direction", default) == "desc"
    return sorted(found, key=lambda one: (key(one), one.number), reverse=descending)


@route("POST", _PULLS, needs=_WRITE)
def create_pull(repository: HostedRepository, request: Request) -> Reply:
    title, head, base = request.required("title", "head", "base")
    branch = head.removeprefix(f"{repository.owner.login}:")
    head_sha, base_sha = (repository.git.ref(f"refs/heads/{name}") for name in (branch, base))
    if head_sha is None:
        raise validation_failed("PullRequest", "invalid", field="head")
    if base_sha is None:
        raise validation_failed("PullRequest", "invalid", field="base")
    refuse_long_body(request, "Issue")
    if any(
        one.state == "open" and one.pull and (one.pull.head, one.pull.base) == (branch, base)
        for one in repository.pulls()
    ):
        raise _refused(f"A pull request already exists for {repository.owner.login}:{branch}.")
    if not repository.git.commits(base_sha, head_sha):
        raise _refused(f"No commits between {base} and {branch}")
    pull = Pull(repository.new_id(), branch, head_sha, base, base_sha, base_sha, bool(request.field("draft")))
    issue = repository.add_issue(request.token.account, title, request.field("body"), pull)
    repository.git.update_ref(f"refs/pull/{issue.number}/head", head_sha)
    return Reply(201, pull_json(Links.of(request, repository), issue))


def _refused(message: str) -> ApiError:
    return validation_failed("PullRequest", "custom", message=message)


def refuse_long_body(request: Request, resource: str) -> None:
    if len(request.field("body") or "") > MAX_BODY_CHARS:
        message = f"body is too long (maximum is {MAX_BODY_CHARS} characters)"
        raise validation_failed(resource, "custom", field="body", message=message)


@route("GET", _PULL, needs=_READ)
def get_pull(repository: HostedRepository, request: Request) -> Reply:
    issue, _ = pull_of(repository, request)
    return Reply(200, pull_json(Links.of(request, repository), issue))


@route("PATCH", _PULL, needs=_WRITE)
def update_pull(repository: HostedRepository, request: Request) -> Reply:
    issue, pull = pull_of(repository, request)
    refuse_long_body(request, "Issue")
    issue.title = request.field("title", issue.title)
    issue.body = request.field("body", issue.body)
    pull.base = request.field("base", pull.base)
    repository.touch(issue)
    set_state(repository, issue, request.token.account, request.field("state"))
    return Reply(200, pull_json(Links.of(request, repository), issue))


def set_state(
    repository: HostedRepository, issue: Issue, by: Account, state: str | None, reason: str | None = None
) -> None:
    """Close or reopen; 422 for a pull request that git no longer lets be open."""
    if state == "closed" and issue.state == "open":
        repository.close(issue, by, reason or "completed")
    if state == "open" and issue.state == "closed":
        if issue.pull:
            _refuse_reopening(repository, issue.pull)
        repository.reopen(issue)


def _refuse_reopening(repository: HostedRepository, pull: Pull) -> None:
    problem = None
    head = repository.git.ref(f"refs/heads/{pull.head}")
    if pull.merged_at:
        problem = "state cannot be changed. The pull request cannot be reopened."
    elif head is None:
        problem = f"state cannot be changed. The {pull.head} branch has been deleted."
    elif not repository.git.is_ancestor(pull.head_sha, head):
        problem = f"state cannot be changed. The {pull.head} branch was force-pushed or recreated."
    if problem:
        raise validation_failed("PullRequest", "invalid", field="state", message=problem)


@route("GET", f"{_PULL}/files", needs=_READ)
def list_pull_files(repository: HostedRepository, request: Request) -> Reply:
    _, pull = pull_of(repository, request)
    links = Links.of(request, repository)
    base = repository.git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    files = repository.git.changed_files(base, pull.head_sha)
    return request.paged(files, lambda file: changed_file_json(links, file, pull.head_sha))


@route("GET", f"{_PULL}/commits", needs=_READ)
def list_pull_commits(repository: HostedRepository, request: Request) -> Reply:
    _, pull = pull_of(repository, request)
    links = Links.of(request, repository)
    shas = repository.git.commits(pull.base_sha, pull.head_sha)
    return request.paged(shas, lambda sha: commit_json(links, existing(repository, sha)))


@route("GET", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls", needs=_READ)
def list_pulls_of_commit(repository: HostedRepository, request: Request) -> Reply:
    commit = commit_named(repository, request.params["commit_sha"])
    if commit is None:
        raise ApiError(422, f"No commit found for SHA: {request.params['commit_sha']}")
    links = Links.of(request, repository)
    return request.paged(pulls_of_commit(repository, commit.sha), lambda one: pull_simple_json(links, one))


# Reviews


@route("GET", f"{_PULL}/requested_reviewers", needs=_READ)
def list_requested_reviewers(repository: HostedRepository, request: Request) -> Reply:
    _, pull = pull_of(repository, request)
    links = Links.of(request, repository)
    users = [user_json(links, one) for one in pull.reviewers]
    return Reply(200, {"users": users, "teams": [team_json(links, slug) for slug in pull.teams]})


@route("POST", f"{_PULL}/requested_reviewers", needs=_WRITE)
def request_reviewers(repository: HostedRepository, request: Request) -> Reply:
    issue, pull = pull_of(repository, request)
    accounts = [repository.account(login) for login in request.field("reviewers", [])]
    teams = request.field("team_reviewers", [])
    if issue.author in accounts:
        raise ApiError(422, "Review cannot be requested from pull request author.")
    known = [one for one in accounts if one and one.login in repository.collaborators]
    if len(known) < len(accounts) or not set(teams) <= repository.teams:
        raise ApiError(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not "
            f"a collaborator of the {repository.full_name} repository.",
        )
    pull.reviewers += [one for one in known if one not in pull.reviewers]
    pull.teams += [slug for slug in teams if slug not in pull.teams]
    repository.touch(issue)
    return Reply(201, pull_simple_json(Links.of(request, repository), issue))


@route("GET", f"{_PULL}/reviews", needs=_READ)
def list_reviews(repository: HostedRepository, request: Request) -> Reply:
    issue, pull = pull_of(repository, request)
    links = Links.of(request, repository)
    return request.paged(pull.reviews, lambda one: review_json(links, issue, one))


@route("POST", f"{_PULL}/reviews", needs=_WRITE)
def create_review(repository: HostedRepository, request: Request) -> Reply:
    issue, pull = pull_of(repository, request)
    event = request.field("event")
    if request.token.account == issue.author and event in {"APPROVE", "REQUEST_CHANGES"}:
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise ApiError(422, "Unprocessable Entity", [f"Can not {verb} your own pull request"])
    state = _EVENTS.get(event or "", "PENDING")
    review = add_review(repository, issue, request.token.account, state, request.field("body", ""))
    return Reply(200, review_json(Links.of(request, repository), issue, review))


def add_review(repository: HostedRepository, issue: Issue, by: Account, state: str, body: str) -> Review:
    """A review; who has given one is no longer among those asked for it."""
    pull = issue.pull
    assert pull is not None
    when = None if state == "PENDING" else repository.touch(issue)
    review = Review(repository.new_id(), by, state, body, pull.head_sha, when)
    pull.reviews.append(review)
    if when:
        pull.reviewers = [one for one in pull.reviewers if one != by]
    return review


# Merging


@route("GET", f"{_PULL}/merge", needs="contents=read")
def is_merged(repository: HostedRepository, request: Request) -> Reply:
    _, pull = pull_of(repository, request)
    if pull.merged_at is None:
        raise not_found()
    return Reply(204)


@route("PUT", f"{_PULL}/merge", needs="contents=write")
def merge_pull(repository: HostedRepository, request: Request) -> Reply:
    issue, pull = pull_of(repository, request)
    method = request.field("merge_method", "merge")
    if method not in repository.merge_methods:
        names = {"merge": "Merge commits are", "squash": "Squash merges are", "rebase": "Rebase merges are"}
        raise ApiError(405, f"{names[method]} not allowed on this repository.")
    if issue.state == "closed" or pull.draft:
        raise ApiError(405, "Pull Request is not mergeable")
    if request.field("sha", pull.head_sha) != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    try:
        sha = merge(repository, issue, request.token.account, method, _message(request))
    except MergeConflict as error:
        raise ApiError(405, "Pull Request is not mergeable") from error
    return Reply(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _message(request: Request) -> str | None:
    title, message = request.field("commit_title"), request.field("commit_message")
    return "\n\n".join(part for part in (title, message) if part) if title else None
