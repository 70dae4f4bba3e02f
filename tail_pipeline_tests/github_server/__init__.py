"""The project's own stand-in for GitHub's REST API, over a real bare git repository."""

from tail_pipeline_tests.github_server.server import MINER_PERMISSIONS, TOKEN, GitHubServer

__all__ = ["MINER_PERMISSIONS", "TOKEN", "GitHubServer"]
