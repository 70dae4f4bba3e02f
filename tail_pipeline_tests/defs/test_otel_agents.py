"""Agents whose traces are OTLP files, mined through Dagster: tenants, nodes, feedback that comes a week later."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from tail_pipeline_tests.adapters.otlp_traffic import START, Tracing, Turn, requests_of, traced, write_otlp
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import AGENT, pipeline

WEEK = "2026-W17"


def configure(checkout: Path, **agent: Any) -> None:
    """One agent on the OTLP files of ``traces/``, with an empty set of cases."""
    own = {"name": AGENT.replace("_", "-"), "traces": {"store": "otel", "path": "traces/*"}} | agent
    config = {"repository": {"provider": "local", "base_branch": "main"}, "agents": [own]}
    (checkout / "eval" / "agents.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (checkout / "eval" / "cases.yaml").write_text("cases: []\n", encoding="utf-8")
    (checkout / ".gitignore").write_text("traces/\n", encoding="utf-8")
    commit_all(checkout, "Configure")


def tail_of(checkout: Path, branch: str, path: str) -> dict[str, Any]:
    return yaml.safe_load(git(checkout, "show", f"{branch}:{path}"))


def test_a_tenants_tail_holds_its_own_turns_whatever_the_dialect(checkout: Path) -> None:
    configure(checkout, segments={"by": "tenant", "values": ["acme", "globex"]}, min_cluster_size=1)
    asked = {"acme": "How do I cancel my plan?", "globex": "Where is my invoice?", "initech": "Who are you?"}
    turns = [
        Turn(number, asked[tenant], "No idea.", score=0.2, tenant=tenant, at=START + timedelta(minutes=number))
        for number, tenant in enumerate(["acme", "globex", "acme", "globex", "acme", "globex", "initech"])
    ]
    write_otlp(checkout / "traces" / "week.framed.pb.zst", requests_of(traced(turns), size=3))
    with pipeline(checkout) as running:
        mined = running.mine(f"{WEEK}-1|acme")
        assert mined.success
        failed = [check.check_name for check in mined.get_asset_check_evaluations() if not check.passed]
        told = running.metadata("spans", f"{WEEK}-1|acme")
    tail = tail_of(checkout, f"tail-miner/acme/{WEEK}", f"eval/tail/acme/{WEEK}.yaml")
    assert [(case["input"], case["cluster"]["size"]) for case in tail["cases"]] == [("How do I cancel my plan?", 3)]
    assert failed == ["undeclared_segments"]
    assert "initech" in told["undeclared_segments"]


def test_one_low_score_scene_is_a_case_of_its_node_alone(checkout: Path) -> None:
    nodes = ["prompt-repair", "shot-plan"]
    segments = {"by": "node_class", "values": nodes, "eval_dir": "eval/{segment}"}
    for node in nodes:
        (checkout / "eval" / node).mkdir()
        for name in ("rubric.yaml", "cases.yaml"):
            text = "cases: []\n" if name == "cases.yaml" else (checkout / "eval" / name).read_text(encoding="utf-8")
            (checkout / "eval" / node / name).write_text(text, encoding="utf-8")
    configure(checkout, segments=segments, unit="node", min_cluster_size=1)
    tracing = Tracing()
    for scene in range(4):
        film = tracing.span("film", {"openinference.span.kind": "AGENT", "input.value": "a film"}, seconds=60)
        for node in nodes:
            score = 0.2 if (scene, node) == (2, "prompt-repair") else 0.95
            told = {"graph.node.id": node, "input.value": f"{node} of scene {scene}", "rubric_score": score}
            tracing.span(node, {"openinference.span.kind": "CHAIN"} | told, parent=film)
    write_otlp(checkout / "traces" / "week.jsonl", requests_of(tracing.spans))
    with pipeline(checkout) as running:
        assert all(running.mine(f"{WEEK}-1|{node}").success for node in nodes)
    found = {
        node: [
            case["input"]
            for case in tail_of(checkout, f"tail-miner/{node}/{WEEK}", f"eval/{node}/tail/{WEEK}.yaml")["cases"]
        ]
        for node in nodes
    }
    assert found == {"prompt-repair": ["prompt-repair of scene 2"], "shot-plan": []}


def test_a_complaint_a_week_later_is_in_the_later_weeks_tail(checkout: Path) -> None:
    configure(checkout, min_cluster_size=1)
    tracing = Tracing()
    asked = {
        "openinference.span.kind": "AGENT",
        "input.value": "How do I cancel?",
        "output.value": "No.",
        "rubric_score": 0.9,
    }
    unit = tracing.span("agent", asked, at=START - timedelta(days=4))
    write_otlp(checkout / "traces" / "1.jsonl.gz", requests_of(tracing.spans))
    tracing.spans.clear()
    told = {"user_feedback": "thumbs_down", "correction": "Under Settings."}
    tracing.span("feedback", told, at=START + timedelta(days=1), link=unit)
    write_otlp(checkout / "traces" / "2.jsonl.gz", requests_of(tracing.spans))
    with pipeline(checkout) as running:
        assert running.mine("2026-W16-1").success
        assert running.mine("2026-W17-1").success
        assert running.metadata("spans", "2026-W17-1")["late_feedback"] == 1
    earlier, later = (tail_of(checkout, f"tail-miner/{week}", f"eval/tail/{week}.yaml") for week in ("2026-W16", WEEK))
    assert earlier["cases"] == []
    assert [(case["expected"], case["expected_source"]) for case in later["cases"]] == [
        ("Under Settings.", "user_correction")
    ]
