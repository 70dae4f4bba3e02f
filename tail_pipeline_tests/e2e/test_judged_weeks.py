"""Weeks scored by a judge over HTTP, through Dagster and the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.defs.runs import MinedCell, mine_cells
from tail_pipeline.domain.agents import AgentsConfig
from tail_pipeline.domain.judge_prompts import RUBRIC_INSTRUCTIONS
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import span, write_spans
from tail_pipeline_tests.e2e.command import COMMAND
from tail_pipeline_tests.model_server import (
    KEY,
    KEY_ENV,
    ModelServer,
    Reply,
    Request,
    error_reply,
    rubric_judge,
    wrong_key_reply,
)
from tail_pipeline_tests.real_data import MTRAG_HUMAN, mtrag_human
from tail_pipeline_tests.scripted_judge import grade, tagged, written

pytestmark = pytest.mark.long

WEEK = "2026-W17"
DAY = MiningDay.parse(f"{WEEK}-1")
RUBRIC: dict[str, Any] = {
    "judge_model": "vendor/judge",
    "rubric_min_score": 0.82,
    "ragas_faithfulness": 0.78,
    "criteria": [
        {"name": "policy", "weight": 0.8, "judge": "Follows the policy."},
        {"name": "tone", "weight": 0.2, "judge": "Is friendly."},
    ],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setenv(KEY_ENV, KEY)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with ModelServer(rubric_judge(grade)) as running:
        yield running


class Judged:
    """A checkout whose rubric names a judge behind the server."""

    def __init__(self, checkout: Path, server: ModelServer) -> None:
        self.checkout = checkout
        self.server = server

    def configure(self, rubric: dict[str, Any] = RUBRIC, traces: str = "traces/*.jsonl", **agent: Any) -> None:
        config = {
            "repository": {"provider": "local"},
            "models": {"vendor": self.server.endpoint(concurrency=agent.pop("concurrency", 8)).model_dump()},
            "agents": [{"name": "support", "traces": {"store": "files", "path": traces}, **agent}],
        }
        (self.checkout / "eval" / "agents.yaml").write_text(json.dumps(config), encoding="utf-8")
        (self.checkout / "eval" / "rubric.yaml").write_text(json.dumps(rubric), encoding="utf-8")
        (self.checkout / ".gitignore").write_text("traces/\n", encoding="utf-8")
        if git(self.checkout, "status", "--porcelain"):
            commit_all(self.checkout, "Configure")

    def mine(self) -> list[MinedCell]:
        text = (self.checkout / "eval" / "agents.yaml").read_text(encoding="utf-8")
        agent = AgentsConfig.model_validate_json(text).agents[0]
        return list(mine_cells(self.checkout, [(agent, DAY, None)]))

    def tail(self, week: str = WEEK) -> TailFile:
        path = f"eval/tail/{week}.yaml"
        return parse_tail(git(self.checkout, "show", f"tail-miner/{week}:{path}"), path)

    def body(self, week: str = WEEK) -> str:
        return (self.checkout / ".tail" / "pull_requests" / f"{week}.md").read_text(encoding="utf-8")

    def questions(self, start: int = 0) -> list[str]:
        """What was asked about the criteria; faithfulness, titles and drafts are left out."""
        return [one.user for one in self.server.requests[start:] if one.system.startswith(RUBRIC_INSTRUCTIONS)]


@pytest.fixture
def judged(checkout: Path, server: ModelServer) -> Judged:
    return Judged(checkout, server)


def week(failing: int = 3) -> list[dict[str, Any]]:
    """Thirty good answers, and bad ones about refunds."""
    topics = "parcel invoice basket voucher address receipt".split()
    rows = [span(number, f"where is the {topics[number % 6]} number {number}", None) for number in range(30)]
    rows += [span(100 + number, f"how do I get a refund {'please ' * number}", None) for number in range(failing)]
    for row in rows[30:]:
        row["output"] = f"policy=0.2 {row['output']}"
    return rows


def test_a_week_is_judged_and_judged_again_for_nothing(judged: Judged) -> None:
    judged.configure()
    write_spans(judged.checkout, week())

    (first,) = judged.mine()
    asked, refs = len(judged.server.requests), git(judged.checkout, "for-each-ref")
    (second,) = judged.mine()

    assert (first.error, second.error) == (None, None)
    assert [case.cluster.size for case in judged.tail().cases] == [3]
    assert (len(judged.questions()), len(judged.server.requests)) == (33, asked)
    assert git(judged.checkout, "for-each-ref") == refs


def test_the_file_and_the_body_say_who_judged(judged: Judged) -> None:
    judged.configure()
    write_spans(judged.checkout, week())
    judged.mine()

    counts, rubric = judged.tail().counts, judged.tail().rubric
    assert (rubric.judge_model, counts.judged, counts.recorded, counts.unscored) == ("vendor/judge", 33, 0, 0)
    assert "33 spans judged by `vendor/judge`" in judged.body()


def test_a_killed_run_goes_on_without_repeating_a_call(judged: Judged) -> None:
    judged.configure(concurrency=1)
    write_spans(judged.checkout, week())
    command = [COMMAND, "mine", "--repo", judged.checkout, "--week", WEEK]
    process: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def kill_at_the_twelfth(request: Request) -> Reply:
        if len(judged.server.requests) == 12:
            started.wait(60)
            os.kill(process[0].pid, signal.SIGKILL)
        return rubric_judge(grade)(request)

    judged.server.answer = kill_at_the_twelfth
    process.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    started.set()
    killed = process[0].wait(timeout=120)
    before = set(judged.questions()[:11])
    judged.server.answer = rubric_judge(grade)
    asked = len(judged.server.requests)
    (resumed,) = judged.mine()

    assert (killed, resumed.error) == (-signal.SIGKILL, None)
    assert (len(judged.questions(asked)), before & set(judged.questions(asked))) == (33 - 11, set())


def test_a_rubric_edit_asks_again_only_what_it_must(judged: Judged) -> None:
    judged.configure()
    write_spans(judged.checkout, week())
    judged.mine()
    asked = [len(judged.server.requests)]
    weights = [one | {"weight": 0.5} for one in RUBRIC["criteria"]]
    words = [one | {"judge": "In other words."} for one in RUBRIC["criteria"]]
    for rubric in (RUBRIC | {"rubric_min_score": 0.9}, RUBRIC | {"criteria": weights}, RUBRIC | {"criteria": words}):
        judged.configure(rubric)
        judged.mine()
        asked.append(len(judged.server.requests))

    assert (asked[1] - asked[0], asked[2] - asked[1], len(judged.questions(asked[2]))) == (0, 0, 33)


@pytest.mark.parametrize(
    ("reply", "said"),
    [(lambda _request: error_reply(503), "could not be scored"), (wrong_key_reply, KEY_ENV)],
    ids=["down", "wrong key"],
)
def test_a_judge_out_of_order_leaves_no_file_that_looks_like_a_good_week(
    judged: Judged, reply: Callable[[Request], Reply], said: str
) -> None:
    judged.configure()
    write_spans(judged.checkout, week())
    judged.server.answer = reply

    (mined,) = judged.mine()

    assert mined.error is not None
    assert "vendor/judge" in mined.error
    assert said in mined.error
    assert git(judged.checkout, "for-each-ref", "refs/heads/tail-miner") == ""


def test_a_budget_that_bites_is_said_in_the_file_the_body_and_a_warning(judged: Judged) -> None:
    judged.configure(max_judge_calls=20)
    write_spans(judged.checkout, week())

    (mined,) = judged.mine()

    tail = judged.tail()
    assert (len(judged.questions()), tail.counts.over_budget) == (20, 13)
    assert tail.audit is not None
    assert tail.audit.sentence in judged.body()
    assert [warning for warning in mined.warnings if warning.startswith("judge_budget: 13 of 33 spans")]


def test_the_key_is_written_nowhere(judged: Judged) -> None:
    judged.configure()
    write_spans(judged.checkout, week())
    judged.server.answer = wrong_key_reply
    judged.mine()
    judged.server.answer = rubric_judge(grade)
    judged.mine()

    written = [path for path in judged.checkout.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]

    assert written == []


def test_the_real_judge_scores_of_363_answers_select_195(judged: Judged, shared_data: Callable[[str], Path]) -> None:
    """The publisher's two judges behind the server: RB_llm for the criterion, RL_F as the share of supported statements."""
    source = pl.read_parquet(shared_data(MTRAG_HUMAN))
    rubric = {"criteria": [{"name": "policy", "weight": 1.0, "judge": "policy: is good."}]}
    # The publisher's judges know the answers as they were given, with the public addresses in them.
    judged.configure(RUBRIC | rubric, "traces/*.parquet", redact={"enabled": False})
    (judged.checkout / "traces").mkdir()
    nothing, one_week = pl.lit(None, dtype=pl.Float64), pl.lit(DAY.window(Cadence.WEEKLY).start)
    spans = mtrag_human(shared_data(MTRAG_HUMAN)).with_columns(
        rubric_score=nothing, ragas_faithfulness=nothing, start_time=one_week, end_time=one_week
    )
    spans.write_parquet(judged.checkout / "traces" / "responses.parquet")
    columns = source.select("input", "output", "publisher_rb_llm", "publisher_rl_f")
    judged.server.answer = rubric_judge(_publishers_judges(columns.rows()))

    (mined,) = judged.mine()

    assert mined.error is None
    assert (judged.tail().counts.judged, judged.tail().counts.failing) == (363, 195)


def _publishers_judges(rows: list[tuple[str, str, float, float]]) -> Callable[[str, str], dict[str, Any]]:
    """The recorded scores of each (question, answer) as the judge's replies; statements carry what they are worth."""
    known = {(_folded(asked), _folded(answer)): (rubric, faithful) for asked, answer, rubric, faithful in rows}

    def reply(system: str, user: str) -> dict[str, Any]:
        if (text := written(system)) is not None:
            return text
        if statements := tagged(user, "statement"):
            return {
                "verdicts": [
                    {"statement": number, "reason": "r", "supported": text.startswith("supported")}
                    for number, text in enumerate(statements, start=1)
                ]
            }
        rubric, faithful = known[_folded(*tagged(user, "question")), _folded(*tagged(user, "answer"))]
        if "policy:" in system:
            return {"verdicts": [{"criterion": "policy", "reason": "r", "score": rubric}]}
        share = Fraction(faithful).limit_denominator(150)
        kinds = ["supported"] * share.numerator + ["unsupported"] * (share.denominator - share.numerator)
        return {"statements": [f"{kind} {number}" for number, kind in enumerate(kinds)]}

    return reply


def _folded(text: str) -> str:
    return " ".join(text.split())
