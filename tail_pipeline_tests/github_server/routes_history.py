"""Files and commits as a reader meets them: contents, the log, comparisons, branches."""

from __future__ import annotations

from base64 import encodebytes
from typing import Any

from tail_pipeline_tests.github_server.git_store import Commit, TreeEntry
from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routing import ApiError, Reply, Request, not_found, quoted, route
from tail_pipeline_tests.github_server.views import (
    Json,
    Links,
    changed_file_json,
    commit_json,
    full_repository_json,
)

_REPO = "/repos/{owner}/{repo}"
_READ = "contents=read"
_MAX_COMPARED_FILES = 300
_MAX_COMPARED_COMMITS = 250
_MAX_INLINE_BYTES = 1_000_000


@route("GET", _REPO)
def get_repository(repository: HostedRepository, request: Request) -> Reply:
    permission = repository.collaborators.get(request.token.account.login, "read")
    return Reply(200, full_repository_json(Links.of(request, repository), permission))


# Contents


@route("GET", f"{_REPO}/contents/{{path}}", needs=_READ)
def get_contents(repository: HostedRepository, request: Request) -> Reply:
    ref = request.query.get("ref", repository.default_branch)
    commit = commit_named(repository, ref)
    if commit is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    path = request.params["path"].strip("/")
    found = repository.git.object(f"{commit.sha}:{path}")
    if found is None:
        raise not_found()
    sha, kind, content = found
    links = Links.of(request, repository)
    if kind == "blob":
        return Reply(200, _file_json(links, path, ref, sha, content))
    entries = repository.git.tree(sha)
    return Reply(200, [_entry_json(links, f"{path}/{entry.path}".lstrip("/"), ref, entry) for entry in entries])


def commit_named(repository: HostedRepository, name: str) -> Commit | None:
    """The commit of a branch, tag, full reference or sha, in the order in which GitHub looks."""
    spellings = (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name)
    return next((found for one in spellings if (found := repository.git.commit(one))), None)


def _file_json(links: Links, path: str, ref: str, sha: str, content: bytes) -> Json:
    inline = len(content) <= _MAX_INLINE_BYTES
    return {
        **_content_json(links, path, ref, sha, "file", len(content)),
        "content": encodebytes(content).decode() if inline else "",
        "encoding": "base64" if inline else "none",
    }


def _entry_json(links: Links, path: str, ref: str, entry: TreeEntry) -> Json:
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.type, "symlink" if entry.mode == "120000" else "file")
    return _content_json(links, path, ref, entry.sha, kind, entry.size or 0)


def _content_json(links: Links, path: str, ref: str, sha: str, kind: str, size: int) -> Json:
    of = "tree" if kind == "dir" else "blob"
    url = f"{links.repo}/contents/{quoted(path)}?ref={quoted(ref)}"
    git_url = f"{links.repo}/git/{of}s/{sha}"
    html_url = f"{links.html}/{of}/{quoted(ref)}/{quoted(path)}"
    raw = f"{links.site}/raw/{links.repository.full_name}/{quoted(ref)}/{quoted(path)}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": size,
        "url": url,
        "html_url": html_url,
        "git_url": git_url,
        "download_url": None if kind == "dir" else raw,
        "type": kind,
        "_links": {"self": url, "git": git_url, "html": html_url},
    }


# Commits


@route("GET", f"{_REPO}/commits", needs=_READ)
def list_commits(repository: HostedRepository, request: Request) -> Reply:
    name = request.query.get("sha", repository.default_branch)
    start = commit_named(repository, name)
    if start is None:
        raise not_found()
    paths = [request.query["path"]] if "path" in request.query else []
    options = [f"--{name}={request.query[name]}" for name in ("since", "until", "author") if name in request.query]
    links = Links.of(request, repository)
    shas = repository.git.log(start.sha, paths, *options)
    return request.paged(shas, lambda sha: commit_json(links, existing(repository, sha)))


@route("GET", f"{_REPO}/commits/{{ref}}", needs=_READ)
def get_commit(repository: HostedRepository, request: Request) -> Reply:
    name = request.params["ref"]
    commit = commit_named(repository, name)
    if commit is None:
        raise ApiError(422, f"No commit found for SHA: {name}")
    links, git = Links.of(request, repository), repository.git
    files = git.changed_files(git.first_parent_or_empty(commit), commit.sha)
    added, deleted = (sum(getattr(one, name) for one in files) for name in ("additions", "deletions"))
    body = {
        **commit_json(links, commit),
        "stats": {"additions": added, "deletions": deleted, "total": added + deleted},
        "files": [changed_file_json(links, file, commit.sha) for file in files[:_MAX_COMPARED_FILES]],
    }
    return Reply(200, body)


def existing(repository: HostedRepository, sha: str) -> Commit:
    found = repository.git.commit(sha)
    assert found is not None, sha
    return found


@route("GET", f"{_REPO}/compare/{{basehead}}", needs=_READ)
def compare(repository: HostedRepository, request: Request) -> Reply:
    names = request.params["basehead"].partition("...")
    base, head = (commit_named(repository, name.rpartition(":")[2]) for name in (names[0], names[2]))
    if base is None or head is None:
        raise not_found()
    merge_base = repository.git.merge_base(base.sha, head.sha)
    if merge_base is None:
        raise ApiError(404, f"No common ancestor between {names[0]} and {names[2]}.")
    return _comparison(request, Links.of(request, repository), base, head, existing(repository, merge_base))


def _comparison(request: Request, links: Links, base: Commit, head: Commit, merge_base: Commit) -> Reply:
    git = links.repository.git
    ahead, behind = git.ahead_behind(base.sha, head.sha)
    shas = git.commits(base.sha, head.sha)
    per_page = request.per_page() if "per_page" in request.query else _MAX_COMPARED_COMMITS
    shown = shas[(request.page - 1) * per_page : request.page * per_page]
    files = git.changed_files(merge_base.sha, head.sha)[:_MAX_COMPARED_FILES] if request.page == 1 else []
    name = f"{base.sha}...{head.sha}"
    body = {
        "url": f"{links.repo}/compare/{name}",
        "html_url": f"{links.html}/compare/{name}",
        "permalink_url": f"{links.html}/compare/{name}",
        "diff_url": f"{links.html}/compare/{name}.diff",
        "patch_url": f"{links.html}/compare/{name}.patch",
        "base_commit": commit_json(links, base),
        "merge_base_commit": commit_json(links, merge_base),
        "status": _comparison_status(ahead, behind),
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": len(shas),
        "commits": [commit_json(links, existing(links.repository, sha)) for sha in shown],
        "files": [changed_file_json(links, file, head.sha) for file in files],
    }
    return Reply(200, body, request.links(max(1, -(-len(shas) // per_page))))


def _comparison_status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


# Branches


@route("GET", f"{_REPO}/branches", needs=_READ)
def list_branches(repository: HostedRepository, request: Request) -> Reply:
    links = Links.of(request, repository)
    found = repository.git.refs("refs/heads/")
    return request.paged(
        list(found.items()), lambda one: _short_branch(links, one[0].removeprefix("refs/heads/"), one[1][0])
    )


def _short_branch(links: Links, name: str, sha: str) -> Json:
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{links.repo}/commits/{sha}"},
        "protected": name in links.repository.protected,
    }


@route("GET", f"{_REPO}/branches/{{branch}}", needs=_READ)
def get_branch(repository: HostedRepository, request: Request) -> Reply:
    name = request.params["branch"]
    commit = repository.git.commit(f"refs/heads/{name}")
    if commit is None:
        raise ApiError(404, "Branch not found")
    links = Links.of(request, repository)
    url = f"{links.repo}/branches/{quoted(name)}"
    protected = name in repository.protected
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    body: dict[str, Any] = {
        "name": name,
        "commit": commit_json(links, commit),
        "_links": {"self": url, "html": f"{links.html}/tree/{quoted(name)}"},
        "protected": protected,
        "protection": {"enabled": protected, "required_status_checks": checks},
        "protection_url": f"{url}/protection",
    }
    return Reply(200, body)
