"""Parts that several adapter tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tail_pipeline_tests.adapters.trace_writers import DSN_ENV, STORE_KINDS, StoreMaker


@pytest.fixture(params=STORE_KINDS)
def make_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreMaker:
    """A maker of each kind of trace store in turn."""
    if request.param != "postgres":
        return StoreMaker(request.param, tmp_path)
    dsn = request.getfixturevalue("postgres_dsn")
    monkeypatch.setenv(DSN_ENV, dsn)
    return StoreMaker("postgres", tmp_path, dsn)


@pytest.fixture
def make_postgres_store(postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreMaker:
    """A maker of PostgreSQL stores only."""
    monkeypatch.setenv(DSN_ENV, postgres_dsn)
    return StoreMaker("postgres", tmp_path, postgres_dsn)
