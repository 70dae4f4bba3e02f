"""What ``agents.yaml`` said in every commit that changed it: names that are gone from it are known from there."""

from __future__ import annotations

from tail_pipeline.adapters.eval_files import AGENTS_PATH
from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.adapters.yaml_reader import parse, validated
from tail_pipeline.domain.agents import AgentsConfig
from tail_pipeline.domain.errors import InvalidFile, PermanentError


def earlier_configurations(checkout: GitCheckout) -> list[AgentsConfig]:
    """Every version that some reference of this clone leads to, newest first; those that are not valid are left out."""
    try:
        commits = [commit for commit, _ in checkout.commits_of(AGENTS_PATH, ["--all"], [])]
    except PermanentError:
        return []
    blobs = dict.fromkeys(checkout.files_below(commit, [AGENTS_PATH]).get(AGENTS_PATH) for commit in reversed(commits))
    found = (configuration_of(checkout, blob) for blob in blobs if blob)
    return [config for config in found if config is not None]


def configuration_at(checkout: GitCheckout, commit: str) -> AgentsConfig | None:
    """``agents.yaml`` of one commit; None where it has none, or none that is valid now."""
    blob = checkout.files_below(commit, [AGENTS_PATH]).get(AGENTS_PATH)
    return configuration_of(checkout, blob) if blob else None


def configuration_of(checkout: GitCheckout, blob: str) -> AgentsConfig | None:
    try:
        return validated(parse(checkout.blob(blob, AGENTS_PATH), AGENTS_PATH), AgentsConfig)
    except InvalidFile:
        return None
