"""Small tail, cases and agents files for tests to break."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tail_pipeline.domain.tail_file import (
    CaseCluster,
    CaseRubric,
    CaseWindow,
    Counts,
    Run,
    TailCase,
    TailFile,
    render,
)
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay

RUBRIC = "rubric_min_score: 0.82\nragas_faithfulness: 0.78\n"
AGENT = "- {name: support, eval_dir: eval, traces: {store: files, path: 'traces/*.jsonl'}}"


def agents_text(*agents: str) -> str:
    """An agents.yaml with these list items."""
    return "repository: {provider: local}\nagents:\n" + "".join(f"  {agent}\n" for agent in agents or (AGENT,))


def counts(**fields: int) -> Counts:
    return Counts(**(dict.fromkeys(Counts.model_fields, 0) | {"max_clusters": 20} | fields))


def case(case_id: str, **fields: object) -> TailCase:
    values = {
        "title": "Refund timing",
        "status": "proposed",
        "rejection_reason": None,
        "input": f"the question of {case_id}",
        "context": [],
        "expected": "an answer",
        "expected_source": "passing_span",
        "labels": [],
        "source": "tail_miner",
        "cost_weight": 1,
        "cluster": CaseCluster(
            size=2,
            weight=2,
            triggers={"rubric": 2, "ragas": 0, "feedback": 0},
            lowest_score=0.25,
            novelty="new",
            first_seen="2026-W17",
            span_ids=[f"span of {case_id}"],
            paraphrases=["asked otherwise"],
        ),
    }
    return TailCase(id=case_id, **(values | fields))


def tail_file(week: str, cases: Sequence[TailCase] = (), **fields: object) -> TailFile:
    window = MiningDay(IsoWeek.parse(week).monday).window(Cadence.WEEKLY)
    values = {
        "agent": "support",
        "segment": None,
        "window": CaseWindow(start=window.start, end=window.end),
        "rubric": CaseRubric(sha="3f1c", rubric_min_score=0.82, ragas_faithfulness=0.78, judge_model=None),
        "counts": counts(spans=100, clusters=len(cases), cases=len(cases)),
        "cases": list(cases),
        "not_proposed": [],
        "complaints": [],
    }
    return TailFile(iso_week=week, **(values | fields))


def tail_text(week: str, cases: Sequence[TailCase] = (), **fields: object) -> str:
    return render(tail_file(week, cases, **fields), schema_path="../tail.schema.json")


def run_of(day: str) -> Run:
    midnight = datetime.combine(MiningDay.parse(day).day, datetime.min.time(), UTC)
    return Run(day=day, window=CaseWindow(start=midnight, end=midnight), counts=counts())


def put(root: Path, path: str, text: str) -> None:
    """Write one file of a checkout."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")
