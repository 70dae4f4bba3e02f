"""Where people look at a tail file on GitHub."""

from __future__ import annotations

from urllib.parse import quote

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.history import GitHubHistory
from tail_pipeline.domain.escalation import TailLinks
from tail_pipeline.domain.ports import StoredFile
from tail_pipeline.domain.pull_request import branch_of


def links_of(api: Connection, history: GitHubHistory, file: StoredFile) -> TailLinks:
    """The pull request, and the file: on the base branch, or as its pull request has it, also when the branch is gone."""
    found = history.pull_request(file.branch or branch_of(file.path))
    at = found.head.sha if file.branch and found else file.branch or api.config.base_branch
    return TailLinks(
        pull_request=api.given(found.html_url, f"look up the pull request of {file.branch}") if found else None,
        file=file_page(api, at, file.path),
    )


def file_page(api: Connection, at: str, path: str) -> str:
    """Where people read a file; ``at`` is a branch, on which they can also edit it, or a commit."""
    return f"{api.given(api.repo.html_url, 'read the repository')}/blob/{quote(at)}/{quote(path)}"
