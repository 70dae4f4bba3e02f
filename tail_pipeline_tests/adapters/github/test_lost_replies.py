"""A publication that dies anywhere is completed by the next run: nothing doubled, nothing missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.ports import Published
from tail_pipeline_tests.adapters.github.runs import MORE, left_on, run, run_until_done
from tail_pipeline_tests.adapters.places import GitHubPlace
from tail_pipeline_tests.github_server.faults import (
    Fault,
    bad_gateway,
    dropped,
    meanwhile,
    secondary_rate_limit,
    timed_out,
)
from tail_pipeline_tests.github_server.server import GitHubServer

REVIEWERS = ("lead", "acme/quality")
RENEWED = {"text": MORE, "body": "## Scorecard, renewed\n"}
LOST = [bad_gateway(), dropped().afterwards()]
FIRST_RUN = [
    "POST git/trees",
    "POST git/commits",
    "POST git/refs",
    "POST git/refs",
    "POST pulls",
    "POST issues/1/assignees",
    "POST pulls/1/requested_reviewers",
    "POST labels",
    "POST labels",
    "POST issues/1/labels",
]
SECOND_RUN = [
    "POST git/trees",
    "POST git/commits",
    "PATCH git/refs/heads/tail-miner/2026-W17",
    "POST git/refs",
    "PATCH pulls/1",
]
WRITES = FIRST_RUN + SECOND_RUN


def publish_week(place: GitHubPlace) -> None:
    """A first run, and one that has found more."""
    for fields in ({}, RENEWED):
        run_until_done(place.opened(), reviewers=REVIEWERS, **fields)


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    with TemporaryDirectory() as directory, GitHubPlace(Path(directory)) as place:
        place.server.repository.teams.add("quality")
        publish_week(place)
        return left_on(place.server)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[GitHubPlace]:
    with GitHubPlace(tmp_path) as made:
        made.server.repository.teams.add("quality")
        yield made


def strike(server: GitHubServer, number: int, fault: Fault) -> None:
    """Let the fault meet the write of this number, counted as they come undisturbed."""
    method, _, path = WRITES[number].partition(" ")
    passing = meanwhile(lambda: None)
    before = [passing for one in WRITES[:number] if one == WRITES[number]]
    server.faults.next(method, f"/agent/{re.escape(path)}$", *before, fault)


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.name)
@pytest.mark.parametrize("number", range(len(WRITES)), ids=lambda number: f"{number} {WRITES[number]}")
def test_a_write_that_fails_leaves_what_an_undisturbed_week_leaves(
    place: GitHubPlace, undisturbed: dict[str, Any], number: int, fault: Fault
):
    strike(place.server, number, fault)
    publish_week(place)
    assert (place.server.faults.left, left_on(place.server)) == ([], undisturbed)


def test_the_writes_of_a_week_are_known(place: GitHubPlace):
    publish_week(place)
    assert [f"{one.method} {one.path.removeprefix('/repos/acme/agent/')}" for one in place.server.writes] == WRITES


def test_the_run_that_lost_a_reply_says_that_waiting_helps(place: GitHubPlace):
    place.server.faults.next("POST", r"/pulls$", bad_gateway().afterwards())
    with pytest.raises(TransientError, match=r"could not open the pull request of tail-miner/2026-W17: HTTP 502"):
        run(place.opened())


def test_a_pull_request_whose_reply_was_lost_is_adopted_and_set_up(place: GitHubPlace):
    place.server.faults.next("POST", r"/pulls$", dropped().afterwards())
    run_until_done(place.opened())
    (issue,) = place.server.repository.pulls()
    assert [label.name for label in issue.labels] == ["tail-miner", "eval"]


def test_a_pull_request_that_was_opened_without_an_answer_in_time_is_not_opened_twice(place: GitHubPlace):
    place.server.faults.next("POST", r"/pulls$", timed_out().afterwards())
    run_until_done(place.opened())
    assert len(place.server.repository.pulls()) == 1


def test_a_rate_limit_on_a_write_is_left_to_the_next_run(place: GitHubPlace):
    place.server.faults.next("POST", r"/pulls$", secondary_rate_limit(60))
    with pytest.raises(TransientError, match=r"the rate limit is exceeded .* GitHub asks to wait 60 s"):
        run(place.opened())


def test_an_adopted_pull_request_counts_as_updated(place: GitHubPlace):
    place.server.faults.next("POST", r"/pulls$", dropped().afterwards())
    assert run_until_done(place.opened()).outcome is Published.UPDATED


@pytest.mark.parametrize("seed", range(2))
def test_a_week_in_which_half_of_all_calls_fail_leaves_what_an_undisturbed_one_leaves(
    place: GitHubPlace, undisturbed: dict[str, Any], seed: int
):
    place.server.faults.at_random(0.5, seed=seed)
    publish_week(place)
    assert left_on(place.server) == undisturbed
