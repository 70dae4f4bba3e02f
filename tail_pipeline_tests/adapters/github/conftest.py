"""A repository behind the stand-in, and what a run does with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tail_pipeline_tests.adapters.places import GitHubPlace
from tail_pipeline_tests.github_server.server import GitHubServer


@pytest.fixture
def place(tmp_path: Path) -> Iterator[GitHubPlace]:
    with GitHubPlace(tmp_path) as made:
        yield made


@pytest.fixture
def server(place: GitHubPlace) -> GitHubServer:
    return place.server
