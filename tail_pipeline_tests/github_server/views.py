"""How accounts, the repository, commits and files look in answers: every field GitHub's description requires."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tail_pipeline_tests.github_server.git_store import ChangedFile, Commit, Identity
from tail_pipeline_tests.github_server.records import Account
from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routing import Request, quoted, stamp

Json = dict[str, Any]

_PLAIN_LINKS = """
    contributors deployments downloads events forks hooks languages merges stargazers subscribers subscription tags teams
"""
_TEMPLATED_LINKS = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "statuses": "/statuses/{sha}",
    "trees": "/git/trees{/sha}",
}


def node_id(kind: str, number: int | str) -> str:
    return b64encode(f"{kind}:{number}".encode()).decode()


@dataclass(frozen=True)
class Links:
    """Addresses as the client sees them: the API's, and the pages a person would open."""

    api: str
    repository: HostedRepository

    @classmethod
    def of(cls, request: Request, repository: HostedRepository) -> Links:
        return cls(request.base_url, repository)

    @property
    def site(self) -> str:
        parts = urlsplit(self.api)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def repo(self) -> str:
        return f"{self.api}/repos/{self.repository.full_name}"

    @property
    def html(self) -> str:
        return f"{self.site}/{self.repository.full_name}"


def user_json(links: Links, account: Account) -> Json:
    url = f"{links.api}/users/{quoted(account.login)}"
    plain = ("followers", "subscriptions", "repos", "received_events")
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("User", account.id),
        "avatar_url": f"{links.site}/avatars/u/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{links.site}/{quoted(account.login)}",
        **{f"{name}_url": f"{url}/{name}" for name in plain},
        "organizations_url": f"{url}/orgs",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "events_url": f"{url}/events{{/privacy}}",
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def maybe_user(links: Links, account: Account | None) -> Json | None:
    return user_json(links, account) if account else None


def public_user_json(links: Links, account: Account) -> Json:
    """What ``GET /users/{name}`` and ``GET /user`` say."""
    unsaid = dict.fromkeys(("company", "location", "hireable", "bio", "email", "twitter_username"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    born = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    return {**user_json(links, account), "name": account.login, "blog": "", **unsaid, **counts, **born}


def repository_json(links: Links) -> Json:
    """The repository as it stands in pull requests."""
    repository = links.repository
    return {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": user_json(links, repository.owner),
        "private": repository.private,
        "html_url": links.html,
        "description": None,
        "fork": False,
        "url": links.repo,
        **{f"{name}_url": f"{links.repo}/{name}" for name in _PLAIN_LINKS.split()},
        **{f"{name}_url": f"{links.repo}{path}" for name, path in _TEMPLATED_LINKS.items()},
        **_clone_urls(links),
        **_settings(repository),
        "created_at": "2026-01-05T08:00:00Z",
        "updated_at": stamp(repository.now),
        "pushed_at": stamp(repository.now),
    }


def full_repository_json(links: Links, permission: str) -> Json:
    """What ``GET /repos/{owner}/{repo}`` says; ``permission`` is what the asking account may do."""
    repository = links.repository
    levels = ("admin", "maintain", "push", "triage", "pull")
    first = {"admin": 0, "write": 2, "read": 4}[permission]
    methods = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
    return {
        **repository_json(links),
        "permissions": {name: index >= first for index, name in enumerate(levels)},
        "subscribers_count": 0,
        "network_count": 0,
        **{field: method in repository.merge_methods for method, field in methods.items()},
        "delete_branch_on_merge": False,
    }


def _clone_urls(links: Links) -> Json:
    path = f"{links.repository.full_name}.git"
    return {
        "git_url": f"git://{urlsplit(links.site).netloc}/{path}",
        "ssh_url": f"git@127.0.0.1:{path}",
        "clone_url": f"{links.html}.git",
        "svn_url": links.html,
        "mirror_url": None,
    }


def _settings(repository: HostedRepository) -> Json:
    open_issues = sum(one.state == "open" for one in repository.issues)
    counts = dict.fromkeys(("forks_count", "stargazers_count", "watchers_count", "forks", "watchers", "size"), 0)
    features = dict.fromkeys(("has_issues", "has_projects", "has_wiki", "has_downloads"), True)
    unset = dict.fromkeys(("has_pages", "has_discussions", "archived", "disabled"), False)
    return {
        **counts,
        **features,
        **unset,
        "homepage": None,
        "language": None,
        "license": None,
        "topics": [],
        "visibility": "private" if repository.private else "public",
        "default_branch": repository.default_branch,
        "open_issues_count": open_issues,
        "open_issues": open_issues,
    }


# Git objects


def _verification() -> Json:
    return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _identity_json(identity: Identity) -> Json:
    return {"name": identity.name, "email": identity.email, "date": stamp(identity.when)}


def git_commit_json(links: Links, commit: Commit) -> Json:
    """A commit among the git objects."""
    url = f"{links.repo}/git/commits"
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "url": f"{url}/{commit.sha}",
        "html_url": f"{links.html}/commit/{commit.sha}",
        "author": _identity_json(commit.author),
        "committer": _identity_json(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{links.repo}/git/trees/{commit.tree}"},
        "parents": [
            {"sha": one, "url": f"{url}/{one}", "html_url": f"{links.html}/commit/{one}"} for one in commit.parents
        ],
        "verification": _verification(),
    }


def commit_json(links: Links, commit: Commit) -> Json:
    """A commit of the history, with the accounts its addresses belong to."""
    url = f"{links.repo}/commits/{commit.sha}"
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "url": url,
        "html_url": f"{links.html}/commit/{commit.sha}",
        "comments_url": f"{url}/comments",
        "commit": {
            "url": f"{links.repo}/git/commits/{commit.sha}",
            "author": _identity_json(commit.author),
            "committer": _identity_json(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{links.repo}/git/trees/{commit.tree}"},
            "comment_count": 0,
            "verification": _verification(),
        },
        "author": maybe_user(links, _account_of(links.repository, commit.author)),
        "committer": maybe_user(links, _account_of(links.repository, commit.committer)),
        "parents": [
            {"sha": one, "url": f"{links.repo}/commits/{one}", "html_url": f"{links.html}/commit/{one}"}
            for one in commit.parents
        ],
    }


def _account_of(repository: HostedRepository, identity: Identity) -> Account | None:
    return next((one for one in repository.accounts.values() if one.email == identity.email), None)


_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


def changed_file_json(links: Links, file: ChangedFile, commit: str) -> Json:
    path = quoted(file.path)
    said = {
        "sha": file.sha,
        "filename": file.path,
        "status": _STATUS[file.status],
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{links.html}/blob/{commit}/{path}",
        "raw_url": f"{links.html}/raw/{commit}/{path}",
        "contents_url": f"{links.repo}/contents/{path}?ref={commit}",
    }
    return said | ({"previous_filename": file.before} if file.before else {})
