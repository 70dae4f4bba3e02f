"""What one run asks of GitHub: once, its own segment alone, and anew before it writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tail_pipeline.adapters.github.repository import GitHubRepository
from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.ports import BranchState, Published
from tail_pipeline_tests.adapters.github.runs import BRANCH, MORE, PATH, TEXT, WANTED, left_on, run
from tail_pipeline_tests.adapters.places import NO_WAIT, GitHubPlace
from tail_pipeline_tests.github_server.server import GitHubServer

TAILS = "eval/tail"


@pytest.fixture
def repository(place: GitHubPlace) -> GitHubRepository:
    """As a run has it, whose steps share what was read within a minute."""
    return replace(place.opened(), patience=replace(NO_WAIT, reading_lasts_s=60))


def published_for(tenant: str, repository: GitHubRepository, secret: str) -> None:
    """A tail of the tenant under review."""
    path = f"eval/tail/{tenant}/2026-W17.yaml"
    branch = f"tail-miner/{tenant}/2026-W17"
    wanted = replace(WANTED, branch=branch, path=path, text=f"{TEXT}# {secret}\n", body=f"{secret}\n")
    repository.publish(wanted, repository.tail_branch(branch, path))


def test_the_same_question_is_asked_once(repository: GitHubRepository, server: GitHubServer) -> None:
    run(repository)
    first = [repository.tail_files(TAILS), repository.tail_branch(BRANCH, PATH), repository.read(PATH)]
    before = len(server.exchanges)

    again = [repository.tail_files(TAILS), repository.tail_branch(BRANCH, PATH), repository.read(PATH)]

    assert (again, server.exchanges[before:]) == (first, [])


def test_what_a_run_has_just_written_is_what_it_reads(repository: GitHubRepository, place: GitHubPlace) -> None:
    """It knows its own commits without asking for them; another process, which asks, finds the same."""
    for text in (TEXT, MORE):
        run(repository, text=text)
        assert repository.tail_files(TAILS) == place.opened("elsewhere").tail_files(TAILS)
        assert repository.tail_branch(BRANCH, PATH) == place.opened("elsewhere").tail_branch(BRANCH, PATH)
        [version] = repository.tail_branch(BRANCH, PATH).versions[-1:]
        assert (version.text, version.ours) == (text, True)


def test_a_commit_since_the_last_reading_stops_the_run_before_it_writes(
    repository: GitHubRepository, server: GitHubServer
) -> None:
    run(repository)
    read = repository.tail_branch(BRANCH, PATH)
    server.person().push(BRANCH, {PATH: f"{TEXT}    status: promoted\n"})
    before = left_on(server)

    with pytest.raises(TransientError, match="moved while its file was being written; run again"):
        repository.publish(replace(WANTED, text=MORE), read)

    assert left_on(server) == before
    assert repository.tail_branch(BRANCH, PATH).versions[-1].text == f"{TEXT}    status: promoted\n"


def test_a_pull_request_that_was_closed_since_the_last_reading_is_not_renewed(
    repository: GitHubRepository, server: GitHubServer
) -> None:
    number = run(repository).number
    read = repository.tail_branch(BRANCH, PATH)
    server.person().close(number)

    with pytest.raises(TransientError, match="was closed in the meantime; run again"):
        repository.publish(replace(WANTED, body="## Another\n"), read)

    assert repository.tail_branch(BRANCH, PATH).state is BranchState.CLOSED


def test_a_repeated_run_that_writes_nothing_asks_little(repository: GitHubRepository, server: GitHubServer) -> None:
    run(repository)
    before = len(server.exchanges)

    assert run(repository).outcome is Published.UNCHANGED

    assert [str(one).split("?")[0] for one in server.exchanges[before:]] == [
        f"GET /repos/{server.full_name}/pulls → 200",
        f"GET /repos/{server.full_name}/git/matching-refs/heads%2Ftail-miner → 200",
        f"GET /repos/{server.full_name}/pulls → 200",
    ]


def test_no_text_of_another_tenant_is_fetched(place: GitHubPlace, server: GitHubServer) -> None:
    published_for("acme", place.opened("acme"), "CANARY-OF-ACME")
    before = len(server.exchanges)

    published_for("globex", place.opened("globex"), "a tail of its own")
    repository = place.opened("globex")
    repository.tail_files("eval/tail/globex")
    repository.tail_branch("tail-miner/globex/2026-W17", "eval/tail/globex/2026-W17.yaml")

    fetched = [one for one in server.exchanges[before:] if "CANARY-OF-ACME" in repr(one.response)]
    assert ([str(one) for one in fetched], len(server.exchanges) > before) == ([], True)
