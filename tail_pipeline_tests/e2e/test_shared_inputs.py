"""Inputs of cross-tenant cases by a model over HTTP, for tenants that the command line mines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tail_pipeline.domain.shared_rewriting import REWRITING_INSTRUCTIONS
from tail_pipeline.domain.tail_file import TailCase
from tail_pipeline_tests.defs.pipeline import tail_of, write_spans
from tail_pipeline_tests.defs.shared_traffic import CANARIES, TENANTS, artefacts, traffic
from tail_pipeline_tests.e2e.command import run
from tail_pipeline_tests.e2e.test_judged_weeks import RUBRIC, Judged
from tail_pipeline_tests.model_server import Answer, ModelServer, Reply, Request, json_answer
from tail_pipeline_tests.scripted_judge import grade

OWN_WORDS = {"title": "Spreadsheet export", "input": "Please help, downloading my figures breaks."}
SHARED = TENANTS[:3]


def writing(value: dict[str, str]) -> Answer:
    """The scripted judge, which writes this for what several tenants ask."""

    def answer(request: Request) -> Reply:
        asked = request.system.startswith(REWRITING_INSTRUCTIONS)
        return json_answer(request, value if asked else grade(request.system, request.user))

    return answer


@pytest.fixture
def judged(checkout: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Judged:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    judged = Judged(checkout, model_server)
    segments: dict[str, Any] = {"by": "tenant", "values": list(SHARED)}
    judged.configure(RUBRIC, segments=segments, target={"python": "tail_pipeline.demo.agent:answer"})
    rows = [row for tenant in SHARED for row in traffic(tenant)]
    write_spans(checkout, [row | {"output": f"No. policy={row['rubric_score']}"} for row in rows])
    return judged


def the_case(judged: Judged) -> TailCase:
    run("mine", "--repo", judged.checkout, "--week", "2026-W17")
    (case,) = tail_of(judged.checkout).cases
    return case


def rewritings(judged: Judged) -> list[Request]:
    return [one for one in judged.server.requests if one.system.startswith(REWRITING_INSTRUCTIONS)]


def test_an_input_in_the_models_own_words_is_in_the_file_is_tried_and_paid_for_once(judged: Judged) -> None:
    judged.server.answer = writing(OWN_WORDS)

    case = the_case(judged)

    assert (case.title, case.input) == (OWN_WORDS["title"], OWN_WORDS["input"])
    assert case.dry_run is not None
    assert case.dry_run.verdict is not None
    assert the_case(judged) == case
    assert len(rewritings(judged)) == 1


def test_an_input_that_tells_on_a_tenant_is_asked_for_once_more_and_then_left_to_the_reviewer(judged: Judged) -> None:
    canary = CANARIES[SHARED[0]]
    judged.server.answer = writing(OWN_WORDS | {"input": f"The {canary} export breaks."})

    case = the_case(judged)

    assert (case.input, case.cluster.no_input) == (
        None,
        "what the model wrote uses a word that too few tenants used",
    )
    assert len(rewritings(judged)) == 2
    assert canary not in artefacts(judged.checkout, "tail-miner/2026-W17")
