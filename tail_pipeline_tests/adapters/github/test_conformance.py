"""What the adapter sends is what GitHub's published description of its API allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tail_pipeline_tests.adapters.github.runs import MORE, PATH, run
from tail_pipeline_tests.adapters.github.test_promotion import BEFORE, WANTED
from tail_pipeline_tests.adapters.places import GitHubPlace
from tail_pipeline_tests.github_server.openapi import DescriptionUnavailable, description, violations
from tail_pipeline_tests.github_server.server import GitHubServer


@pytest.fixture(scope="module", autouse=True)
def _described() -> None:
    try:
        description()
    except DescriptionUnavailable as error:
        pytest.skip(str(error))


def test_a_week_is_published_within_githubs_description(place: GitHubPlace, server: GitHubServer):
    server.repository.teams.add("quality")
    run(place.opened(), reviewers=("lead", "acme/quality"))
    run(place.opened(), text=MORE, body="## Scorecard, renewed\n")
    place.opened().tail_files("eval/tail")
    assert violations(server.exchanges) == []


def test_a_merge_is_read_within_githubs_description(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    before = place.opened().base_changes(None).head
    server.person().merge(1, "squash", delete_branch=True)
    place.opened().base_changes(before)
    place.opened().merged_by(PATH)
    assert violations(server.exchanges) == []


def test_cases_are_promoted_within_githubs_description(place: GitHubPlace, server: GitHubServer):
    server.person().push("main", {"eval/cases.yaml": BEFORE})
    server.person().protect()
    place.opened().promote(WANTED)
    server.person().push("main", {"eval/cases.yaml": f"# Reviewed\n{BEFORE}"})
    place.opened().promote(replace(WANTED, before=f"# Reviewed\n{BEFORE}", text=f"# Reviewed\n{WANTED.text}"))
    assert violations(server.exchanges) == []
