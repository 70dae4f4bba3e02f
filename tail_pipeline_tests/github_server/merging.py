"""The three ways to merge a pull request, each done by git, and the pull requests a commit came by."""

from __future__ import annotations

from tail_pipeline_tests.github_server.git_store import Commit
from tail_pipeline_tests.github_server.records import Account, Issue, Pull
from tail_pipeline_tests.github_server.repository import HostedRepository


class MergeConflict(Exception):
    """Git cannot merge the head into the base."""


def merge(
    repository: HostedRepository, issue: Issue, by: Account, method: str = "merge", message: str | None = None
) -> str:
    """The commit the base branch is at afterwards; the pull request is merged and closed. Raises MergeConflict."""
    pull = issue.pull
    assert pull is not None
    base = repository.git.ref(f"refs/heads/{pull.base}")
    assert base is not None
    sha = _merged(repository, issue, pull, base, by, method, message)
    repository.git.update_ref(f"refs/heads/{pull.base}", sha, base)
    pull.merged_at, pull.merged_by, pull.merge_commit = repository.tick(), by, sha
    pull.merged_range = (base, sha)
    repository.close(issue, by)
    return sha


def _merged(
    repository: HostedRepository, issue: Issue, pull: Pull, base: str, by: Account, method: str, message: str | None
) -> str:
    if method == "rebase":
        return _rebased(repository, pull, base, by)
    tree = repository.git.merged_tree(base, pull.head_sha)
    if tree is None:
        raise MergeConflict
    if method == "squash":
        said = message or f"{issue.title} (#{issue.number})"
        return repository.git.write_commit(
            tree, [base], said, repository.identity(issue.author), repository.identity(by)
        )
    said = message or f"Merge pull request #{issue.number} from {repository.owner.login}/{pull.head}\n\n{issue.title}"
    return repository.git.write_commit(tree, [base, pull.head_sha], said, repository.identity(by))


def _rebased(repository: HostedRepository, pull: Pull, base: str, by: Account) -> str:
    onto = base
    for sha in repository.git.commits(base, pull.head_sha):
        commit = repository.git.commit(sha)
        assert commit is not None
        if len(commit.parents) == 1:
            onto = _picked(repository, commit, onto, by)
    return onto


def _picked(repository: HostedRepository, commit: Commit, onto: str, by: Account) -> str:
    """The commit's change on top of another; a merge whose base is the commit's parent does that."""
    git, who = repository.git, repository.identity(by)
    parent, ours = git.commit(commit.parents[0]), git.commit(onto)
    assert parent is not None
    assert ours is not None
    root = git.write_commit(parent.tree, [], "base", who)
    left = git.write_commit(ours.tree, [root], "ours", who)
    right = git.write_commit(commit.tree, [root], "theirs", who)
    tree = git.merged_tree(left, right)
    if tree is None:
        raise MergeConflict
    return git.write_commit(tree, [onto], commit.message, commit.author, who)


def pulls_of_commit(repository: HostedRepository, sha: str) -> list[Issue]:
    """The merged pull request that brought a commit to the default branch; else the open ones that hold it."""
    default = repository.git.ref(f"refs/heads/{repository.default_branch}")
    landed = default is not None and repository.git.is_ancestor(sha, default)
    return [
        issue
        for issue in repository.pulls()
        if issue.pull and _holds(repository, issue, issue.pull, sha, landed=landed)
    ]


def _holds(repository: HostedRepository, issue: Issue, pull: Pull, sha: str, *, landed: bool) -> bool:
    if landed:
        return pull.merged_range is not None and sha in repository.git.commits(*pull.merged_range)
    return issue.state == "open" and sha in repository.git.commits(pull.base_sha, pull.head_sha)
