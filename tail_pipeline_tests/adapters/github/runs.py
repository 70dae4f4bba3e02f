"""A run as ``tail_pr`` makes it, and what it leaves on the server, without what differs by the clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tail_pipeline.adapters.github.repository import GitHubRepository
from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.ports import PublishedPullRequest
from tail_pipeline.domain.pull_request import PullRequest
from tail_pipeline_tests.github_server.git_store import BareRepository
from tail_pipeline_tests.github_server.records import Issue
from tail_pipeline_tests.github_server.server import GitHubServer

PATH = "eval/tail/2026-W17.yaml"
BRANCH = "tail-miner/2026-W17"
TEXT = "cases:\n  - id: tail-2026W17-001\n"
MORE = f"{TEXT}  - id: tail-2026W17-002\n"
TITLE = "Regression tail 2026-W17: support"
WANTED = PullRequest(BRANCH, PATH, TEXT, TITLE, TITLE, "## Scorecard\n", ("tail-miner", "eval"), ("lead",))


def run(repository: GitHubRepository, **fields: object) -> PublishedPullRequest:
    """Publish against the branch as it stands."""
    wanted = replace(WANTED, **fields)
    return repository.publish(wanted, repository.tail_branch(wanted.branch, wanted.path))


def run_until_done(repository: GitHubRepository, attempts: int = 200, **fields: object) -> PublishedPullRequest:
    """As Dagster does it: a step that failed for the moment is tried again."""
    for _ in range(attempts):
        try:
            return run(repository, **fields)
        except TransientError:
            continue
    raise AssertionError(f"not done after {attempts} attempts")


def left_on(server: GitHubServer) -> dict[str, Any]:
    """Branches and kept references with their commits, pull requests, labels."""
    git = server.repository.git
    refs = {
        name: _commits(git, sha) for name, (sha, _) in git.refs("refs/").items() if not name.startswith("refs/pull/")
    }
    labels = sorted(label.name for label in server.repository.labels)
    return {"refs": refs, "pull requests": [_pull_request(one) for one in server.repository.pulls()], "labels": labels}


def _commits(git: BareRepository, sha: str) -> list[tuple[str, bytes | None]]:
    commits = [git.commit(one) for one in git.log(sha, [])]
    return [(one.message, git.blob(f"{one.sha}:{PATH}")) for one in commits if one]


def _pull_request(issue: Issue) -> tuple[object, ...]:
    assert issue.pull is not None
    people = ([one.login for one in issue.assignees], [one.login for one in issue.pull.reviewers], issue.pull.teams)
    labels = sorted(label.name for label in issue.labels)
    return (issue.pull.head, issue.pull.base, issue.state, issue.title, issue.body, labels, people)
