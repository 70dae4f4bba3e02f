"""A reviewer of a local checkout: decides on cases in the tail file, commits and merges, as people do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline_tests.conftest import commit_all, git


def tail_on(repo: Path, revision: str, path: str) -> TailFile:
    """The tail file at ``path`` on a branch."""
    return parse_tail(git(repo, "show", f"{revision}:{path}"), path)


def review_and_merge(repo: Path, branch: str, path: str, decisions: Mapping[str, str]) -> None:
    """Commit a decision on each case to the branch and merge it into main; ``decided`` says how decisions are written."""
    git(repo, "switch", "--quiet", branch)
    file = repo / path
    text = file.read_text(encoding="utf-8")
    for case_id, decision in decisions.items():
        text = decided(text, case_id, decision)
    file.write_text(text, encoding="utf-8")
    commit_all(repo, f"Review {path}")
    git(repo, "switch", "--quiet", "main")
    identity = ("-c", "user.name=Reviewer", "-c", "user.email=reviewer@localhost")
    git(repo, *identity, "merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", branch)


def decided(text: str, case_id: str, decision: str) -> str:
    """The file as somebody edits it: one case's status, and its expected output or its reason."""
    head, mark, rest = text.partition(f"id: {case_id}\n")
    assert mark, f"{case_id} is not in the file"
    if decision.startswith("no: "):
        rest = rest.replace("status: proposed", "status: rejected", 1)
        rest = rest.replace("rejection_reason: null", f"rejection_reason: {decision[4:]}", 1)
    else:
        rest = rest.replace("status: proposed", "status: promoted", 1)
        rest = re.sub(r"( +)expected: .*\n(?:\1 +.*\n|\n)*", rf"\1expected: {decision}\n", rest, count=1)
    return head + mark + rest
