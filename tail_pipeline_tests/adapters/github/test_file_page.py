from __future__ import annotations

from pathlib import Path

import pytest

from tail_pipeline_tests.adapters.places import GitHubPlace


@pytest.mark.parametrize(
    ("branch", "path", "page"),
    [
        ("tail-miner/2026-W17", "eval/tail/2026-W17.yaml", "tail-miner/2026-W17/eval/tail/2026-W17.yaml"),
        ("tail-miner/a #1/2026-W17", "a #1/tail/x.yaml", "tail-miner/a%20%231/2026-W17/a%20%231/tail/x.yaml"),
    ],
)
def test_a_file_has_a_page_on_its_branch(tmp_path: Path, branch: str, path: str, page: str) -> None:
    with GitHubPlace(tmp_path) as place:
        url = place.repository.file_url(branch, path)

        assert url == f"{place.server.origin}/acme/agent/blob/{page}"
