"""The ways the stand-in fails, and what a client and the record of exchanges see of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tail_pipeline_tests.github_server import TOKEN, GitHubServer
from tail_pipeline_tests.github_server.faults import (
    Fault,
    bad_gateway,
    dropped,
    html_page,
    meanwhile,
    primary_rate_limit,
    secondary_rate_limit,
    timed_out,
    too_many_requests,
)

ISSUES = "/repos/acme/agent/issues"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path) as running:
        yield running


def post(server: GitHubServer, path: str = ISSUES, **body: str) -> requests.Response:
    headers = {"Authorization": f"token {TOKEN}"}
    return requests.post(f"{server.base_url}{path}", json=body or {"title": "Missing"}, headers=headers, timeout=0.5)


def listed(server: GitHubServer) -> list[str]:
    reply = requests.get(f"{server.base_url}{ISSUES}", headers={"Authorization": f"token {TOKEN}"}, timeout=5)
    return [one["title"] for one in reply.json()]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (bad_gateway(), 502),
        (html_page(200), 200),
        (html_page(502), 502),
        (secondary_rate_limit(), 403),
        (primary_rate_limit(), 403),
        (too_many_requests(), 429),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_fault_answers_once_and_nothing_is_carried_out(server: GitHubServer, fault: Fault, status: int):
    server.faults.next("POST", "/issues$", fault)

    statuses = [post(server).status_code, post(server).status_code]

    assert (statuses, len(server.writes)) == ([status, 201], 1)


def test_a_502_can_come_after_the_write(server: GitHubServer):
    server.faults.next("POST", "/issues$", bad_gateway().afterwards())

    assert (post(server).status_code, listed(server)) == (502, ["Missing"])


@pytest.mark.parametrize(("fault", "left"), [(dropped(), []), (dropped().afterwards(), ["Missing"])])
def test_a_connection_breaks_before_or_after_the_write(server: GitHubServer, fault: Fault, left: list[str]):
    server.faults.next("POST", "/issues$", fault)
    with pytest.raises(requests.ConnectionError):
        post(server)

    assert listed(server) == left


def test_an_answer_does_not_come_until_the_client_gives_up(server: GitHubServer):
    server.faults.next("POST", "/issues$", timed_out().afterwards())
    with pytest.raises(requests.ReadTimeout):
        post(server)

    assert [one.status for one in server.writes] == [None]


def test_a_secondary_limit_may_not_say_when_to_come_again(server: GitHubServer):
    server.faults.next("POST", "/issues$", secondary_rate_limit(None), secondary_rate_limit(7))

    assert [post(server).headers.get("Retry-After") for _ in range(2)] == [None, "7"]


def test_somebody_makes_the_label_between_the_look_and_the_create(server: GitHubServer):
    server.faults.next("POST", "/labels$", meanwhile(lambda: server.person().add_label("eval")))

    reply = post(server, "/repos/acme/agent/labels", name="eval")

    assert reply.json()["errors"] == [{"resource": "Label", "code": "already_exists", "field": "name"}]


def test_a_listing_does_not_show_what_was_just_created(server: GitHubServer):
    server.faults.delay_listings(2)
    post(server)

    assert [listed(server) for _ in range(3)] == [[], [], ["Missing"]]


def test_random_faults_are_the_same_for_the_same_seed(server: GitHubServer):
    runs = []
    for _ in range(2):
        server.faults.at_random(0.5, seed=7, faults=[bad_gateway()])
        runs.append([post(server).status_code for _ in range(20)])

    assert runs[0] == runs[1]


def test_random_faults_stop(server: GitHubServer):
    server.faults.at_random(1.0, seed=7)
    server.faults.stop()

    assert post(server).status_code == 201


def test_a_fault_no_request_has_met_is_left(server: GitHubServer):
    server.faults.next("POST", "/pulls$", bad_gateway())
    post(server)

    assert server.faults.left == ["502 for POST /pulls$"]
