"""The example ``upstate-remedial``: two mails about a statute stand above all others, and page on the same day.

The suite takes 60,000 of its 420,000 mails; benchmarks/volume.py mines them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import polars as pl
import pytest

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.defs.automation import escalation_job, escalation_sensor
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.runs import dagster_instance
from tail_pipeline.demo import upstate_phrases as phrases
from tail_pipeline.demo.scratch import create_scratch_repository
from tail_pipeline.demo.upstate_remedial import EXAMPLE, GAPS, STATUTE_MAILS, TONE_MAILS, WEEK, write_traffic
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline_tests.conftest import EXAMPLE_EVAL
from tail_pipeline_tests.e2e.command import run
from tail_pipeline_tests.e2e.reviewer import tail_on

PATH, BRANCH = f"eval/tail/{WEEK}.yaml", f"tail-miner/{WEEK}"
MAILS = 60_000
MONDAY_MORNING = datetime.combine(WEEK.monday, time(9, 5), UTC)


class Mined(NamedTuple):
    """A repository in which W03 was mined, and the topic that each span was made from."""

    repo: Path
    tail: TailFile
    topics: dict[str, str]

    def ranks(self, topic: str) -> list[int]:
        """The places, from 0, of the cases about a topic."""
        return [place for place, case in enumerate(self.tail.cases) if self.topics[case.cluster.span_ids[0]] == topic]


@pytest.fixture(scope="module", autouse=True)
def _no_other_instance() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        yield


@pytest.fixture(scope="module")
def w03(tmp_path_factory: pytest.TempPathFactory) -> Mined:
    return mined(tmp_path_factory.mktemp("upstate"), partial(write_traffic, mails=MAILS))


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Mined:
    """Few mails that pass, and each of the other gaps larger than the one about tone."""
    return mined(tmp_path_factory.mktemp("crowded"), partial(write_traffic, mails=8_000, crowd=2 * TONE_MAILS))


def mined(directory: Path, traffic: Callable[[Path], None]) -> Mined:
    repo = directory / "scratch"
    create_scratch_repository(EXAMPLE_EVAL.parent, replace(EXAMPLE, write_traffic=traffic), repo)
    run("mine", "--repo", repo, "--week", WEEK)
    spans = pl.scan_parquet(repo / "traces" / "*.parquet").filter(pl.col("rubric_score") < 0.82)
    rows = spans.select("span_id", "metadata").collect().iter_rows()
    return Mined(repo, tail_on(repo, BRANCH, PATH), {span_id: json.loads(text)["topic"] for span_id, text in rows})


def test_every_mail_of_the_window_is_scored(w03: Mined) -> None:
    counts = w03.tail.counts

    assert (counts.spans, counts.scored) == (MAILS, MAILS)


def test_two_mails_about_an_out_of_state_statute_stand_above_forty_about_tone(w03: Mined) -> None:
    (tone,) = w03.ranks(phrases.TONE.name)
    statute = w03.tail.cases[0]

    assert w03.ranks(phrases.OUT_OF_STATE.name) == [0] < [tone]
    assert (statute.cluster.size, statute.labels, statute.cost_weight) == (STATUTE_MAILS, ["regulatory"], 10)
    assert w03.tail.cases[tone].cluster.size >= TONE_MAILS


def test_a_single_safety_mail_is_a_case(w03: Mined) -> None:
    (rank,) = w03.ranks(phrases.SHELTERED.name)

    assert w03.tail.cases[rank].cluster.size == 1
    assert rank < min(w03.ranks(phrases.TONE.name))


def test_what_the_cap_cut_is_listed_and_weighs_no_more_than_what_is_proposed(w03: Mined) -> None:
    cut = [row for row in w03.tail.not_proposed if row.why == "over_cap"]

    assert len(w03.tail.cases) == w03.tail.counts.max_clusters
    assert len(cut) == w03.tail.counts.over_cap > 0
    assert max(row.weight for row in cut) <= min(case.cluster.weight for case in w03.tail.cases if not case.labels)


def test_the_statute_stays_first_when_more_than_twenty_clusters_are_larger_than_tone(crowded: Mined) -> None:
    tail = crowded.tail
    larger = [case for case in tail.cases if case.cluster.size > TONE_MAILS]
    larger += [row for row in tail.not_proposed if row.why == "over_cap" and row.size > TONE_MAILS]

    assert len(GAPS) > 20
    assert len(larger) > 20
    assert crowded.ranks(phrases.OUT_OF_STATE.name) == [0]
    assert tail.cases[0].cluster.size == STATUTE_MAILS
    assert crowded.ranks(phrases.TONE.name) == []
    (tone,) = [row for row in tail.not_proposed if "tone" in row.title.lower()]
    assert (tone.why, tone.size >= TONE_MAILS) == ("over_cap", True)


def test_the_escalation_sensor_pages_on_the_same_monday(crowded: Mined) -> None:
    (agent,) = load_agents(crowded.repo).agents
    definitions = build_definitions(crowded.repo, retry_wait_s=0)
    sensor = escalation_sensor(agent, escalation_job(agent), now=lambda: MONDAY_MORNING)
    with dagster_instance(crowded.repo) as instance:
        context = dg.build_sensor_context(
            instance=instance, definitions=definitions, resources=dict(definitions.resources or {})
        )
        (request,) = sensor.evaluate_tick(context).run_requests or []
        done = definitions.resolve_job_def(str(escalation_job(agent).name)).execute_in_process(
            partition_key=request.partition_key, run_config=request.run_config, instance=instance
        )

    assert done.success
    (page,) = (crowded.repo / ".tail" / "escalations").glob("*.md")
    text = page.read_text(encoding="utf-8")
    assert "regulatory" in text
    assert crowded.tail.cases[0].id in text
    assert str(agent.scoping_call_url) in text
    assert agent.owner is not None
    assert agent.owner in text


def test_escalate_raises_the_scoping_call_for_the_label_though_there_is_no_trend_yet(w03: Mined) -> None:
    (row,) = json.loads(run("escalate", "--repo", w03.repo, "--week", WEEK, "--json").stdout)

    assert row["verdict"] == "unknown"
    assert [reason for reason in row["escalates_for"] if "regulatory" in reason]
    assert row["escalation"].startswith("file://")
