"""Which branch a tail file goes to."""

from __future__ import annotations

from itertools import count

from tail_pipeline.domain.ports import BranchState, Repository, TailBranch
from tail_pipeline.domain.pull_request import branch_of
from tail_pipeline.domain.weeks import Cadence


def target_branch(repository: Repository, path: str, cadence: Cadence) -> TailBranch:
    """The branch under review for this file.

    What was merged or closed is not reopened; only the days a daily agent mines after a merge go on, on a follow-up branch.
    """
    for follow_up in count(1):
        branch = repository.tail_branch(branch_of(path, follow_up), path)
        if branch.state is not BranchState.MERGED or cadence is not Cadence.DAILY:
            return branch
    raise AssertionError("unreachable: a branch name that was never used is absent")


def is_published(text: str, branch: TailBranch) -> bool:
    """Whether this very proposal is the last that went to the branch, as it is or under a reviewer's later edits."""
    return next((version.text for version in reversed(branch.versions) if version.ours), None) == text
