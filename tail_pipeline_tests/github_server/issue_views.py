"""How issues, pull requests, labels, comments and reviews look in answers."""

from __future__ import annotations

from typing import Any

from tail_pipeline_tests.github_server.records import Account, Comment, Issue, Label, Pull, Review
from tail_pipeline_tests.github_server.routing import quoted, stamp
from tail_pipeline_tests.github_server.views import Json, Links, maybe_user, node_id, repository_json, user_json


def label_json(links: Links, label: Label) -> Json:
    return {
        "id": label.id,
        "node_id": node_id("Label", label.id),
        "url": f"{links.repo}/labels/{quoted(label.name)}",
        "name": label.name,
        "description": label.description,
        "color": label.color,
        "default": label.name in {"bug", "enhancement"},
    }


def association(links: Links, account: Account) -> str:
    if account == links.repository.owner:
        return "OWNER"
    return "COLLABORATOR" if account.login in links.repository.collaborators else "NONE"


def issue_json(links: Links, issue: Issue) -> Json:
    url = f"{links.repo}/issues/{issue.number}"
    page = "pull" if issue.pull else "issues"
    said = {
        **_both(links, issue),
        "id": issue.id,
        "node_id": node_id("Issue", issue.id),
        "url": url,
        "repository_url": links.repo,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": f"{links.html}/{page}/{issue.number}",
        "state_reason": issue.state_reason,
        "comments": len(issue.comments),
        "closed_by": maybe_user(links, issue.closed_by),
        "reactions": _reactions(url),
        "performed_via_github_app": None,
    }
    return said | (
        {"pull_request": _pull_links(links, issue, issue.pull), "draft": issue.pull.draft} if issue.pull else {}
    )


def pull_simple_json(links: Links, issue: Issue) -> Json:
    """A pull request as it stands in listings."""
    pull = _pull(issue)
    url, html = f"{links.repo}/pulls/{issue.number}", f"{links.html}/pull/{issue.number}"
    issue_url = f"{links.repo}/issues/{issue.number}"
    addresses = {
        "html": html,
        "issue": issue_url,
        "comments": f"{issue_url}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{links.repo}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{links.repo}/statuses/{pull.head_sha}",
    }
    return {
        **_both(links, issue),
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "url": url,
        **{f"{name}_url": address for name, address in addresses.items()},
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "merged_at": stamp(pull.merged_at) if pull.merged_at else None,
        "merge_commit_sha": pull.merge_commit,
        "requested_reviewers": [user_json(links, one) for one in pull.reviewers],
        "requested_teams": [team_json(links, slug) for slug in pull.teams],
        "head": _end_json(links, pull.head, pull.head_sha),
        "base": _end_json(links, pull.base, pull.base_sha),
        "_links": {"self": {"href": url}, **{name: {"href": address} for name, address in addresses.items()}},
        "auto_merge": None,
        "draft": pull.draft,
    }


def pull_json(links: Links, issue: Issue) -> Json:
    """A pull request on its own, with what git says of merging it."""
    pull, git = _pull(issue), links.repository.git
    files = git.changed_files(pull.base_sha, pull.head_sha)
    mergeable = None
    if issue.state == "open":
        base = git.ref(f"refs/heads/{pull.base}")
        mergeable = base is not None and git.merged_tree(base, pull.head_sha) is not None
    return {
        **pull_simple_json(links, issue),
        "merged": pull.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": {True: "clean", False: "dirty", None: "unknown"}[mergeable],
        "merged_by": maybe_user(links, pull.merged_by),
        "comments": len(issue.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(git.commits(pull.base_sha, pull.head_sha)),
        "additions": sum(one.additions for one in files),
        "deletions": sum(one.deletions for one in files),
        "changed_files": len(files),
    }


def comment_json(links: Links, issue: Issue, comment: Comment) -> Json:
    url = f"{links.repo}/issues/comments/{comment.id}"
    page = "pull" if issue.pull else "issues"
    return {
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "url": url,
        "html_url": f"{links.html}/{page}/{issue.number}#issuecomment-{comment.id}",
        "issue_url": f"{links.repo}/issues/{issue.number}",
        "body": comment.body,
        "user": user_json(links, comment.author),
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.updated_at),
        "author_association": association(links, comment.author),
        "reactions": _reactions(url),
        "performed_via_github_app": None,
    }


def review_json(links: Links, issue: Issue, review: Review) -> Json:
    url, html = f"{links.repo}/pulls/{issue.number}", f"{links.html}/pull/{issue.number}#pullrequestreview-{review.id}"
    said = {
        "id": review.id,
        "node_id": node_id("PullRequestReview", review.id),
        "user": user_json(links, review.author),
        "body": review.body,
        "state": review.state,
        "html_url": html,
        "pull_request_url": url,
        "author_association": association(links, review.author),
        "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "commit_id": review.commit,
    }
    return said | ({"submitted_at": stamp(review.submitted_at)} if review.submitted_at else {})


def team_json(links: Links, slug: str) -> Json:
    number = sum(slug.encode())
    url = f"{links.api}/organizations/1/team/{number}"
    return {
        "id": number,
        "node_id": node_id("Team", slug),
        "name": slug,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "push",
        "url": url,
        "html_url": f"{links.site}/orgs/{links.repository.owner.login}/teams/{slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "parent": None,
        "type": "organization",
        "organization_id": links.repository.owner.id,
    }


def _both(links: Links, issue: Issue) -> Json:
    """What an issue and a pull request say in the same words."""
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "locked": False,
        "active_lock_reason": None,
        "user": user_json(links, issue.author),
        "labels": [label_json(links, one) for one in issue.labels],
        "assignee": maybe_user(links, issue.assignees[0] if issue.assignees else None),
        "assignees": [user_json(links, one) for one in issue.assignees],
        "milestone": None,
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.updated_at),
        "closed_at": stamp(issue.closed_at) if issue.closed_at else None,
        "author_association": association(links, issue.author),
    }


def _pull(issue: Issue) -> Pull:
    assert issue.pull is not None
    return issue.pull


def _pull_links(links: Links, issue: Issue, pull: Pull) -> Json:
    html = f"{links.html}/pull/{issue.number}"
    return {
        "url": f"{links.repo}/pulls/{issue.number}",
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "merged_at": stamp(pull.merged_at) if pull.merged_at else None,
    }


def _end_json(links: Links, branch: str, sha: str) -> Json:
    owner = links.repository.owner
    return {
        "label": f"{owner.login}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": user_json(links, owner),
        "repo": repository_json(links),
    }


def _reactions(url: str) -> Json:
    counts: dict[str, Any] = dict.fromkeys(("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"), 0)
    return {"url": f"{url}/reactions", "total_count": 0, **counts}
