"""A tail file becomes a pull request; the same for the file of one segment and for the one that tenants share."""

from typing import Any

import dagster as dg

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.defs.records import PullRequestRecord, TailProposal
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import BranchState, StoredFile, TailBranch
from tail_pipeline.domain.publication import is_published, target_branch
from tail_pipeline.domain.pull_request import LABELS, PullRequest, render_body, subject
from tail_pipeline.domain.review import case_ids, reviewed_text


def publish_proposal(
    context: dg.AssetExecutionContext, checkout: Checkout, agent: Agent, proposal: TailProposal
) -> dg.MaterializeResult[Any]:
    """Open or update the pull request of the week, and keep a reviewer's edits; or say why it was left alone.

    Raises PermanentError when the branch has moved since the proposal was made.
    """
    repository = checkout.repository()
    branch = target_branch(repository, proposal.path, agent.cadence)
    if branch.state in (BranchState.MERGED, BranchState.CLOSED):
        where = repository.links(StoredFile(proposal.path, proposal.text, branch.name))
        return _left_alone(branch.name, f"{branch.state}: not reopened", where.pull_request)
    if branch.state is BranchState.ABSENT and (why := _nothing_to_open(agent, proposal, branch)):
        return _left_alone(branch.name, why)
    if (branch.name, branch.head) != (proposal.branch, proposal.head) and not is_published(proposal.text, branch):
        made_by = "shared_tail" if proposal.file.tenants else "tail_yaml"
        raise PermanentError(
            f"{branch.name} has changed since {made_by} was materialized; materialize {made_by} again, then its pull request"
        )
    text = reviewed_text(proposal.path, proposal.file, proposal.text, branch.versions)
    if branch.head is None and branch.versions and branch.versions[-1].text == text:
        return _left_alone(branch.name, "nothing new since the week was merged")
    file = parse_tail(text, proposal.path)
    body = render_body(
        file,
        proposal.trend,
        proposal.agreement,
        path=proposal.path,
        file_url=repository.file_url(branch.name, proposal.path),
        undecided=proposal.undecided,
    )
    published = repository.publish(
        PullRequest(
            branch=branch.name,
            path=proposal.path,
            text=text,
            commit_message=subject(file),
            title=subject(file),
            body=body,
            labels=LABELS,
            reviewers=tuple(agent.reviewers),
        ),
        branch,
    )
    context.log.info(f"pull request {published.number} on {branch.name}: {published.outcome}")
    for note in published.notes:
        context.log.warning(note)
    metadata = {
        "number": published.number,
        "outcome": published.outcome.value,
        "url": dg.MetadataValue.url(published.url),
        "branch": branch.name,
        "head": published.head,
        "cases": len(file.cases),
        "edited_by_reviewer": text != proposal.text,
        "notes": list(published.notes),
        "body": dg.MetadataValue.md(body),
    }
    record = PullRequestRecord(
        branch.name, published.outcome, published.number, published.url, published.head, published.notes
    )
    return dg.MaterializeResult(value=record, metadata=metadata)


def _nothing_to_open(agent: Agent, proposal: TailProposal, branch: TailBranch) -> str | None:
    """Why a branch that is not there is not made; None where there is something to review on it."""
    if proposal.file.tenants:
        # No trend rests on a shared file, so one without a new case says nothing to anybody.
        known = {case_id for version in branch.versions for case_id in case_ids(version.text)}
        return None if {case.id for case in proposal.file.cases} - known else "no new cross-tenant case"
    return None if proposal.file.cases or agent.open_empty_pr else "no case this week, and open_empty_pr is off"


def _left_alone(branch: str, why: str, url: str | None = None) -> dg.MaterializeResult[Any]:
    metadata: dict[str, Any] = {"outcome": why, "branch": branch}
    if url:
        metadata["url"] = dg.MetadataValue.url(url)
    return dg.MaterializeResult(value=PullRequestRecord(branch, why, url=url), metadata=metadata)
