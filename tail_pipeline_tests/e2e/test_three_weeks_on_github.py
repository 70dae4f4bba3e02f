"""Three weeks of a team on GitHub, from the first pull request to the escalation; every run is killed and repeated."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tail_pipeline.adapters.eval_files import load_agents, parse_cases, parse_tail
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.runs import dagster_instance, mine_cells
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.weeks import IsoWeek, MiningDay
from tail_pipeline_tests.conftest import EXAMPLE_EVAL
from tail_pipeline_tests.defs.pipeline import FAILING, ORDINARY, PASSING, REFUNDS, STATUTES, write_spans
from tail_pipeline_tests.e2e.command import COMMAND, run
from tail_pipeline_tests.e2e.reviewer import decided
from tail_pipeline_tests.github_server import TOKEN, GitHubServer
from tail_pipeline_tests.github_server.openapi import violations
from tail_pipeline_tests.github_server.records import Issue
from tail_pipeline_tests.github_server.routing import Reply
from tail_pipeline_tests.github_server.transport import Way

pytestmark = pytest.mark.long

CASES = "eval/cases.yaml"
W16, W17, W18 = (IsoWeek(2026, number) for number in (16, 17, 18))
TOPICS = {
    "refunds": REFUNDS,
    "statutes": STATUTES,
    "tone": ["could you be friendlier in your answers", "be friendlier please", "please answer in a friendlier way"],
    "invoice": [
        "send the invoice to another address",
        "the invoice goes to another address",
        "another invoice address",
    ],
    "password": ["I forgot my password", "my password is forgotten", "what to do about a forgotten password"],
    "parcel": ["the parcel arrived damaged", "a damaged parcel arrived", "my parcel was damaged when it arrived"],
    "voucher": ["the voucher code is rejected", "why is my voucher code rejected", "voucher code says rejected"],
}
TRAFFIC = {
    W16: ("refunds", "statutes", "tone"),
    W17: ("refunds", "tone", "invoice", "password"),
    W18: ("refunds", "tone", "password", "parcel", "voucher"),
}


class LethalGitHub(GitHubServer):
    """Kills a process at one of its writes, before or after it is carried out."""

    def __init__(self, directory: Path, files: Mapping[str, str]) -> None:
        super().__init__(directory, files)
        self._victim: subprocess.Popen[bytes] | None = None
        self._left = 0
        self._after = False
        self._started = threading.Event()

    def kill(self, command: list[object], *, at_write: int, after: bool) -> int:
        """Exit code of the command; it ends by itself when it has fewer writes to make."""
        self._left, self._after = at_write, after
        self._started.clear()
        self._victim = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._started.set()
        code = self._victim.wait(timeout=300)
        self._victim = None
        return code

    def serve(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> tuple[Reply, Way]:
        if method == "GET" or self._victim is None:
            return super().serve(method, target, headers, content)
        self._left -= 1
        if self._left != 0:
            return super().serve(method, target, headers, content)
        if self._after:
            super().serve(method, target, headers, content)
        self._started.wait(60)
        os.kill(self._victim.pid, signal.SIGKILL)
        self._victim.wait(timeout=60)
        return Reply(500), "drop"


class Team:
    """A repository on GitHub, the checkout the pipeline runs in, and the lead who reviews."""

    def __init__(self, server: LethalGitHub, checkout: Path, chance: random.Random) -> None:
        self.server = server
        self.checkout = checkout
        self.chance = chance
        self.lead = server.person("lead")

    @property
    def agent(self) -> Agent:
        return load_agents(self.checkout).agents[0]

    def mine(self, week: IsoWeek) -> None:
        """Killed at one of its writes, then undisturbed, then twice more, which write nothing."""
        self._killed("mine", week, up_to=10)
        cell = (self.agent, MiningDay(week.monday), None)
        for expected in ("done", "repeated", "repeated again"):
            before = len(self.server.writes)
            (mined,) = mine_cells(self.checkout, [cell])
            assert mined.error is None, mined.error
            assert expected == "done" or self.server.writes[before:] == [], expected

    def promote(self, week: IsoWeek) -> None:
        """By the command, killed at one of its writes, then by what the sensor requests, then by both for nothing."""
        self._killed("promote", week, up_to=4)
        self._tick()
        before = len(self.server.writes)
        self._tick()
        run("promote", "--repo", self.checkout)
        assert self.server.writes[before:] == []

    def escalate(self, week: IsoWeek) -> None:
        """Killed at one of its writes, then undisturbed, then twice more, which write nothing."""
        self._killed("escalate", week, up_to=3)
        run("escalate", "--repo", self.checkout, "--week", week)
        before = len(self.server.writes)
        for _ in range(2):
            run("escalate", "--repo", self.checkout, "--week", week)
        assert self.server.writes[before:] == []

    def review(self, week: IsoWeek, decisions: Mapping[str, str]) -> None:
        """Per topic, the expected output of what is promoted, or the reason of what is rejected (``no: …``)."""
        text = self.lead.read(branch(week), path(week)) or ""
        for topic, decision in decisions.items():
            text = decided(text, self.case_of(week, topic), decision)
        self.lead.push(branch(week), {path(week): text})

    def case_of(self, week: IsoWeek, topic: str) -> str:
        (found,) = [case.id for case in self.tail(week).cases if case.input in TOPICS[topic]]
        return found

    def tail(self, week: IsoWeek) -> TailFile:
        text = self.lead.read("main", path(week)) or self.lead.read(branch(week), path(week))
        assert text, f"{week} is nowhere"
        return parse_tail(text, path(week))

    def not_proposed(self, week: IsoWeek) -> dict[str, str | None]:
        return {row.why: row.case for row in self.tail(week).not_proposed}

    def pull_request(self, week: IsoWeek) -> Issue:
        """The one pull request of the week."""
        (found,) = [one for one in self.issues() if one.pull and one.pull.head == branch(week)]
        return found

    def issues(self) -> list[Issue]:
        return self.server.repository.issues

    def _killed(self, command: str, week: IsoWeek, *, up_to: int) -> None:
        arguments: list[object] = [COMMAND, command, "--repo", self.checkout, "--week", week]
        self.server.kill(arguments, at_write=self.chance.randint(1, up_to), after=self.chance.random() < 0.5)

    def _tick(self) -> None:
        """What the promotion sensor requests, carried out."""
        definitions = build_definitions(self.checkout, retry_wait_s=0)
        name = self.agent.name
        with dagster_instance(self.checkout) as instance:
            context = dg.build_sensor_context(
                instance=instance, definitions=definitions, resources=dict(definitions.resources or {})
            )
            tick = definitions.resolve_sensor_def(f"promote_{name}_sensor").evaluate_tick(context)
            for request in tick.run_requests or []:
                job = definitions.resolve_job_def(f"promote_{name}")
                job.execute_in_process(partition_key=request.partition_key, instance=instance)


@pytest.fixture(params=[20])
def team(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """The parameter is the seed of where runs are killed."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    files = {f"eval/{name}": (EXAMPLE_EVAL / name).read_text("utf-8") for name in ("rubric.yaml", "cases.yaml")}
    checkout = tmp_path / "checkout"
    (checkout / "eval").mkdir(parents=True)
    for name, text in files.items():
        (checkout / name).write_text(text, encoding="utf-8")
    with LethalGitHub(tmp_path, files) as server:
        config = {
            "repository": {
                "provider": "github",
                "name": server.full_name,
                "base_url": server.base_url,
                "seconds_between_writes": 0,
            },
            "agents": [
                {
                    "name": "support",
                    "traces": {"store": "files", "path": "traces/*.jsonl"},
                    "reviewers": ["lead"],
                    "owner": "owner",
                    "scoping_call_url": "https://example.com/scoping-call",
                }
            ],
        }
        (checkout / "eval" / "agents.yaml").write_text(json.dumps(config), encoding="utf-8")
        for week, topics in TRAFFIC.items():
            write_spans(checkout, spans(week, topics), f"{week}.jsonl")
        server.repository.now = datetime.combine(W18.monday, time(9), UTC)
        yield Team(server, checkout, random.Random(request.param))


def test_three_weeks_of_mining_review_and_promotion(team: Team) -> None:
    poc = team.lead.read("main", CASES) or ""

    team.mine(W16)
    first = team.pull_request(W16)
    assert ([label.name for label in first.labels], asked(first)) == (["tail-miner", "eval"], ["lead"])
    promoted = {team.case_of(W16, "refunds"), team.case_of(W16, "statutes")}
    rejected = team.case_of(W16, "tone")
    team.review(W16, {"refunds": "Under Orders.", "statutes": "We cite none.", "tone": "no: not our style guide"})
    reviewed = team.lead.head(branch(W16))
    team.mine(W16)
    assert team.lead.head(branch(W16)) == reviewed
    team.lead.merge(first.number, "squash", delete_branch=True)
    team.promote(W16)
    cases = team.lead.read("main", CASES) or ""
    assert cases.startswith(poc)
    rows = {case.id: case for case in parse_cases(cases, CASES).cases if case.provenance}
    assert rows.keys() == promoted
    assert {row.provenance.pull_request for row in rows.values() if row.provenance} == {
        f"{team.server.origin}/{team.server.full_name}/pull/{first.number}"
    }

    team.mine(W17)
    assert team.not_proposed(W17) == {
        "known": next(one for one in promoted if rows[one].input in REFUNDS),
        "rejected_before": rejected,
    }
    second = team.pull_request(W17)
    team.review(W17, {"invoice": "Under Account."})
    undecided = team.case_of(W17, "password")
    team.lead.merge(second.number)
    team.promote(W17)

    team.mine(W18)
    assert team.not_proposed(W18)["undecided"] == undecided
    assert undecided in team.pull_request(W18).body
    team.escalate(W18)
    (raised,) = [one for one in team.issues() if not one.pull]
    assert ([label.name for label in raised.labels], [who.login for who in raised.assignees]) == (
        ["tail-escalation"],
        ["owner"],
    )
    assert len([one for one in team.issues() if one.pull]) == len(TRAFFIC)
    assert violations(team.server.exchanges) == []


def spans(week: IsoWeek, topics: tuple[str, ...]) -> list[dict[str, Any]]:
    """A week's traffic: ordinary questions that pass, and each topic's that fail."""
    start = datetime.combine(week.monday, time(), UTC) - timedelta(days=3)
    asked = [(text, PASSING, []) for text in ORDINARY]
    asked += [
        (text, FAILING, ["regulatory"] if topic == "statutes" else []) for topic in topics for text in TOPICS[topic]
    ]
    return [
        {
            "trace_id": f"{week} trace {number}",
            "span_id": f"{week} span {number}",
            "input": text,
            "output": f"answer {number}",
            "start_time": start + timedelta(minutes=number),
            "rubric_score": score,
            "labels": labels,
        }
        for number, (text, score, labels) in enumerate(asked)
    ]


def asked(pull_request: Issue) -> list[str]:
    """Who was asked for a review."""
    assert pull_request.pull is not None
    return [account.login for account in pull_request.pull.reviewers]


def branch(week: IsoWeek) -> str:
    return f"tail-miner/{week}"


def path(week: IsoWeek) -> str:
    return f"eval/tail/{week}.yaml"
