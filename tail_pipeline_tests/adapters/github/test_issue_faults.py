"""Whatever gets lost on the way, and wherever a run dies: the next run finds what is there, and there is one issue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.adapters.github.connection import Connection, Patience
from tail_pipeline.adapters.github.issues import GitHubIssues
from tail_pipeline.domain.agents import GitHubHosted
from tail_pipeline.domain.errors import TransientError
from tail_pipeline_tests.adapters.filed import alarm, as_filed, escalation
from tail_pipeline_tests.adapters.places import NO_WAIT
from tail_pipeline_tests.github_server import TOKEN, GitHubServer
from tail_pipeline_tests.github_server.exchanges import Exchange
from tail_pipeline_tests.github_server.faults import Fault, bad_gateway, dropped, html_page, timed_out

Steps = list[Callable[[GitHubIssues], object]]

AT_ONCE = replace(NO_WAIT, retries=0)
"""One lost request ends the run, like a killed process."""

STORIES: dict[str, Steps] = {
    "an escalation": [lambda issues: issues.escalate(escalation())],
    "an escalation without an owner to assign": [lambda issues: issues.escalate(escalation(owner="stranger"))],
    "an alarm that is over at the end": [
        lambda issues: issues.raise_alarm(alarm("acme", "globex")),
        lambda issues: issues.update_alarm(alarm("globex")),
        lambda issues: issues.update_alarm(alarm()),
    ],
    "a day that is missing again": [
        lambda issues: issues.raise_alarm(alarm("acme")),
        lambda issues: issues.update_alarm(alarm()),
        lambda issues: issues.raise_alarm(alarm("acme")),
    ],
}
LOST = {
    "never arrived": dropped(),
    "answer lost": dropped().afterwards(),
    "502 before": bad_gateway(),
    "502 after": bad_gateway().afterwards(),
    "a page": html_page(200),
    "a page after": html_page(200).afterwards(),
}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)


@contextmanager
def fresh_server() -> Iterator[GitHubServer]:
    with TemporaryDirectory() as directory, GitHubServer(Path(directory)) as server:
        yield server


def opened(server: GitHubServer, patience: Patience = NO_WAIT) -> GitHubIssues:
    config = {"provider": "github", "name": server.full_name, "base_url": server.base_url}
    return GitHubIssues(Connection(GitHubHosted.model_validate(config), server.repository.git.path, patience))


def without_faults(story: Steps) -> tuple[list[Exchange], list[tuple[object, ...]]]:
    """What a story asks, each step in a process of its own, and what is filed at its end."""
    with fresh_server() as server:
        for step in story:
            step(opened(server))
        return list(server.exchanges), as_filed(server)


def lose(server: GitHubServer, exchanges: list[Exchange], number: int, fault: Fault) -> None:
    """Let the request at this place in the order of an undisturbed run meet the fault."""
    lost = exchanges[number]
    before = sum((one.method, one.path) == (lost.method, lost.path) for one in exchanges[:number])
    passing = [Fault("passes")] * before
    server.faults.next(lost.method, f"{re.escape(lost.path)}$", *passing, fault)


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_run_that_dies_at_any_request_is_completed_by_the_next(story: Steps, fault: Fault):
    exchanges, wanted = without_faults(story)
    for number in range(len(exchanges)):
        with fresh_server() as server:
            lose(server, exchanges, number, fault)
            for step in story:
                try:
                    step(opened(server, AT_ONCE))
                except TransientError:
                    step(opened(server))
            assert (as_filed(server), server.faults.left) == (wanted, []), f"lost: {exchanges[number]}"


def test_an_answer_that_never_comes_makes_no_second_issue():
    with fresh_server() as server:
        server.faults.next("POST", "/issues$", timed_out().afterwards())
        with pytest.raises(TransientError, match="could not open the issue"):
            opened(server).escalate(escalation())
        assert not opened(server).escalate(escalation()).created


def test_a_new_issue_is_asked_for_once_however_often_the_request_fails():
    with fresh_server() as server:
        server.faults.next("POST", "/issues$", *[bad_gateway()] * 9)
        with pytest.raises(TransientError):
            opened(server).escalate(escalation())
        assert [one.method for one in server.exchanges if one.path.endswith("/issues")] == ["GET", "POST"]


@given(seed=st.integers(0, 10**6), probability=st.sampled_from([0.2, 0.5]))
@settings(max_examples=15)
def test_a_bad_day_ends_with_what_a_good_one_ends_with(seed: int, probability: float):
    story = [*STORIES["an escalation"], *STORIES["an alarm that is over at the end"]]
    with fresh_server() as server:
        server.faults.at_random(probability, seed=seed)
        for step in story:
            _until_it_succeeds(lambda step=step: step(opened(server)))  # type: ignore[misc]
        server.faults.stop()
        assert [(title, state) for _, title, _, state, *_ in as_filed(server)] == [
            ("Regression tail growing in 2026-W17: support", "open"),
            ("Over: regression tail 2026-W17-1 of support", "closed"),
        ]


def _until_it_succeeds(attempt: Callable[[], object]) -> None:
    for _ in range(200):
        with suppress(TransientError):
            attempt()
            return
    raise AssertionError("200 attempts were not enough")
