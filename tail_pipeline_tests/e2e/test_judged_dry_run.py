"""A dry run as a team with models has it: the primary model answers, a judge scores, both behind one endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import AGENT, Pipeline, pipeline, span, write_spans
from tail_pipeline_tests.model_server import ModelServer, Reply, Request, chat_reply, json_answer, wrong_key_reply
from tail_pipeline_tests.scripted_judge import grade, tagged

RUBRIC = {
    "model_primary": "vendor/agent-model",
    "judge_model": "vendor/judge",
    "rubric_min_score": 0.82,
    "ragas_faithfulness": 0.78,
    "criteria": [{"name": "policy", "weight": 1.0, "judge": "Follows the policy."}],
}
SYSTEM_PROMPT = "You are the support agent."


def served(request: Request) -> Reply:
    """The agent's model as it is today, and the judge."""
    if request.body["model"] == "agent-model":
        return chat_reply("policy=0.95 Here is how." if "refund" in request.user else "policy=0.1 I cannot.")
    return json_answer(request, grade(request.system, request.user))


def wrong_key_for_the_agent(request: Request) -> Reply:
    return wrong_key_reply(request) if request.body["model"] == "agent-model" else served(request)


@pytest.fixture
def mining(checkout: Path, model_server: ModelServer) -> Any:
    """Failing spans about refunds and exports, as they were answered in production."""
    model_server.answer = served
    config = {
        "repository": {"provider": "local"},
        "models": {"vendor": model_server.endpoint(concurrency=8).model_dump()},
        "agents": [
            {
                "name": AGENT.replace("_", "-"),
                "traces": {"store": "files", "path": "traces/*.jsonl"},
                "target": {"model": "model_primary", "system_prompt": "prompts/support.md"},
            }
        ],
    }
    (checkout / "eval" / "agents.yaml").write_text(json.dumps(config), encoding="utf-8")
    (checkout / "eval" / "rubric.yaml").write_text(json.dumps(RUBRIC), encoding="utf-8")
    (checkout / "prompts").mkdir()
    (checkout / "prompts" / "support.md").write_text(SYSTEM_PROMPT, encoding="utf-8")
    (checkout / ".gitignore").write_text("traces/\n", encoding="utf-8")
    commit_all(checkout, "Configure")
    rows = [span(n, f"{topic} {topic} {n}", None) for n, topic in enumerate(["refund", "refund", "export", "export"])]
    write_spans(checkout, [{**row, "output": "policy=0.2 No."} for row in rows])
    with pipeline(checkout) as running:
        yield running


def verdicts(mining: Pipeline) -> dict[str, str | None]:
    path = "eval/tail/2026-W17.yaml"
    file = parse_tail(git(mining.checkout, "show", f"tail-miner/2026-W17:{path}"), path)
    return {case.input.split()[0]: case.dry_run.verdict if case.dry_run else "absent" for case in file.cases}


def body(mining: Pipeline) -> str:
    return (mining.checkout / ".tail" / "pull_requests" / "2026-W17.md").read_text(encoding="utf-8")


def test_the_primary_model_answers_and_the_judge_scores(mining: Pipeline, model_server: ModelServer) -> None:
    assert mining.mine().success

    assert verdicts(mining) == {"refund": "stable_pass", "export": "stable_fail"}
    assert "**`vendor/agent-model` as it is now already handles 1 of 2 mined cases (50%).**" in body(mining)
    asked = [request for request in model_server.requests if request.body["model"] == "agent-model"]
    assert {request.system for request in asked} == {SYSTEM_PROMPT}


def test_a_wrong_key_of_the_agents_model_costs_the_verdicts_and_not_the_pull_request(
    mining: Pipeline, model_server: ModelServer
) -> None:
    model_server.answer = wrong_key_for_the_agent

    result = mining.mine()

    check = next(one for one in result.get_asset_check_evaluations() if one.check_name == "dry_run")
    assert (result.success, check.passed) == (True, False)
    assert "**⚠ Not run: none of the 2 mined cases could be tried on `vendor/agent-model`.**" in body(mining)


def test_nothing_that_is_kept_of_one_tenants_texts_lies_in_a_file_of_another(
    mining: Pipeline, model_server: ModelServer
) -> None:
    """Both ask the very same things; only their agent's answers, old and new, tell them apart."""
    configuration = mining.checkout / "eval" / "agents.yaml"
    config = json.loads(configuration.read_text(encoding="utf-8"))
    config["agents"][0]["segments"] = {"by": "tenant", "values": ["acme", "globex"]}
    configuration.write_text(json.dumps(config), encoding="utf-8")
    commit_all(mining.checkout, "Two tenants")
    rows = []
    for tenant, first in (("acme", 0), ("globex", 100)):
        asked = [span(first + n, f"refund refund {n}", None, tenant=tenant) for n in range(3)]
        rows += [row | {"output": f"policy=0.2 canary{tenant} {n}."} for n, row in enumerate(asked)]
    write_spans(mining.checkout, rows)
    model_server.answer = _quoting_the_answer

    assert all(mining.mine(f"2026-W17-1|{tenant}").success for tenant in ("acme", "globex"))

    state = mining.checkout / ".tail" / "state" / AGENT.replace("_", "-")
    assert sorted(one.name for one in state.iterdir()) == ["acme", "globex"]
    for tenant, other in (("acme", "globex"), ("globex", "acme")):
        kept = b"".join(one.read_bytes() for one in (state / tenant).iterdir())
        assert f"canary{tenant}".encode() in kept
        assert f"canary{other}".encode() not in kept
    assert not list((mining.checkout / ".tail").glob("*.sqlite"))


def _quoting_the_answer(request: Request) -> Reply:
    """A judge whose reasons repeat what it was shown, as judges do."""
    if request.body["model"] == "agent-model":
        return served(request)
    found = grade(request.system, request.user)
    for verdict in found.get("verdicts", []):
        verdict["reason"] = " ".join(tagged(request.user, "answer"))
    return json_answer(request, found)
