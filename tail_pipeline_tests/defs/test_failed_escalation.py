"""An escalation that failed for good is loud, until somebody was paged after all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.defs.deadline import failure_sensor
from tail_pipeline_tests.adapters.eval_texts import case, put, tail_text
from tail_pipeline_tests.conftest import commit_all
from tail_pipeline_tests.defs.pipeline import AGENT, Pipeline, configure, persistent_pipeline
from tail_pipeline_tests.domain.builders import at

PATH = "eval/tail/2026-W17.yaml"
ALARM = "simulated-support.2026-W17.escalation.md"


@pytest.fixture
def escalating(checkout: Path) -> Iterator[Pipeline]:
    """A week that must not wait, in a file that a reviewer broke."""
    configure(checkout, "    escalate_on: {labels: [regulatory]}\n")
    with persistent_pipeline(checkout) as running:
        on_main(running, "cases: [\n")
        yield running


def on_main(pipeline: Pipeline, text: str) -> None:
    put(pipeline.checkout, PATH, text)
    commit_all(pipeline.checkout, "Tail")


def repair(pipeline: Pipeline) -> None:
    on_main(pipeline, tail_text("2026-W17", [case("tail-2026W17-001", labels=["regulatory"])]))


def escalate(pipeline: Pipeline) -> bool:
    job = pipeline.repository.get_job(f"escalate_{AGENT}")
    config = {"ops": {f"{AGENT}__escalation": {"config": {"page": True}}}}
    result = job.execute_in_process(
        instance=pipeline.instance, partition_key="2026-W17-1", run_config=config, raise_on_error=False
    )
    return result.success


def fail(pipeline: Pipeline, now: str = "2026-04-20T10:00") -> None:
    """An escalation that fails, seen by the failure sensor at this moment."""
    sensor = failure_sensor(load_agents(pipeline.checkout).agents, now=lambda: at(now))
    cursor = pipeline.evaluate(sensor, None).cursor
    assert not escalate(pipeline)
    pipeline.evaluate(sensor, cursor)


def test_an_escalation_that_failed_raises_an_alarm_that_says_why(escalating: Pipeline) -> None:
    fail(escalating)

    assert list(escalating.alarms) == [ALARM]
    assert "# Missing: escalation of 2026-W17: simulated-support\n" in escalating.alarms[ALARM]
    assert "eval/tail/2026-W17.yaml" in escalating.alarms[ALARM]


def test_an_escalation_of_a_week_that_pages_nobody_any_more_raises_none(escalating: Pipeline) -> None:
    fail(escalating, "2026-05-04T10:00")

    assert escalating.alarms == {}


def test_the_alarm_is_over_when_the_run_succeeds(escalating: Pipeline) -> None:
    fail(escalating)
    repair(escalating)

    assert escalate(escalating)
    assert escalating.alarms[ALARM].startswith("# Over: escalation of 2026-W17: simulated-support\n")
