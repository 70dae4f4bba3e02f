"""Opens the repository that the configuration names."""

from __future__ import annotations

from pathlib import Path

from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.domain.agents import GitHubHosted, LocalRepository, RepositoryConfig
from tail_pipeline.domain.ports import Repository


def open_repository(config: RepositoryConfig, repo_dir: Path) -> Repository:
    """``repo_dir`` is the checkout the configuration was read from."""
    match config:
        case LocalRepository():
            return LocalGitRepository(repo_dir, config.base_branch)
        case GitHubHosted():
            # PyGithub loads when a run opens the repository, not with the code location.
            from tail_pipeline.adapters.github.connection import Patience
            from tail_pipeline.adapters.github.repository import GitHubRepository

            return GitHubRepository(config, repo_dir, Patience.asked_for_by(config))
