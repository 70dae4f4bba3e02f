"""A mining day without its pull requests is loud, until it has them: the deadline job, the alarms, real failed runs."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.defs.cells import MAX_FAILURES_READ, missing_cells, with_failures
from tail_pipeline.defs.deadline import alarm_sensor, check_deadline, failure_sensor
from tail_pipeline.domain.agents import Agent, Segments
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.conftest import git
from tail_pipeline_tests.defs.pipeline import AGENT, Pipeline, configure, persistent_pipeline, span, write_spans
from tail_pipeline_tests.domain.builders import at

TENANTS = "    segments: {by: tenant, values: [acme, globex]}\n"
MONDAY = MiningDay.parse("2026-W17-1")
NOON = "2026-04-20T12:00"
STORE_IS_DOWN = "trace store files traces/*.jsonl: no file matches"


@pytest.fixture
def calendar(checkout: Path) -> Iterator[Pipeline]:
    configure(checkout)
    with persistent_pipeline(checkout) as running:
        yield running


@pytest.fixture
def tenants(checkout: Path) -> Iterator[Pipeline]:
    configure(checkout, TENANTS)
    with persistent_pipeline(checkout) as running:
        yield running


def deadline(calendar: Pipeline, time: str = NOON) -> dg.ExecuteInProcessResult:
    """What the schedule requests at this noon, run."""
    (request,) = calendar.tick(at(time), "check_deadline_schedule").run_requests or []
    job = calendar.repository.get_job("check_deadline")
    return job.execute_in_process(instance=calendar.instance, run_config=request.run_config, raise_on_error=False)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    return failure.description or ""


def agent_of(calendar: Pipeline) -> Agent:
    return load_agents(calendar.checkout).agents[0]


def repository_of(calendar: Pipeline) -> LocalGitRepository:
    return LocalGitRepository(calendar.checkout, "main")


def test_a_day_with_all_its_pull_requests_is_quiet(tenants: Pipeline) -> None:
    tenants.land("2026-W17-1|acme", "2026-W17-1|globex")

    assert deadline(tenants).success
    assert tenants.alarms == {}


def test_a_missing_cell_fails_the_run_and_raises_the_alarm(tenants: Pipeline) -> None:
    tenants.land("2026-W17-1|acme")

    result = deadline(tenants)

    assert failure_of(result) == ("without a pull request:\nsimulated-support globex 2026-W17-1: never mined")
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []
    assert list(tenants.alarms) == ["simulated-support.2026-W17-1.md"]
    assert "- `globex`: never mined\n" in tenants.alarms["simulated-support.2026-W17-1.md"]


def test_what_the_last_failed_run_said_is_in_the_failure_and_in_the_alarm(calendar: Pipeline) -> None:
    assert not calendar.mine().success

    assert f"2026-W17-1: failed: {STORE_IS_DOWN}" in failure_of(deadline(calendar))
    (text,) = calendar.alarms.values()
    assert "no file matches" in text


def test_a_cell_that_is_under_way_at_the_deadline_is_late_and_says_so(calendar: Pipeline) -> None:
    calendar.start("2026-W17-1", dg.DagsterRunStatus.STARTED)

    assert "2026-W17-1: under way" in failure_of(deadline(calendar))


def test_a_day_on_which_an_agent_is_not_mined_is_quiet(calendar: Pipeline) -> None:
    assert deadline(calendar, "2026-04-21T12:00").success


def test_a_day_before_the_first_mining_day_is_quiet(calendar: Pipeline) -> None:
    assert deadline(calendar, "2026-02-23T12:00").success


def test_only_the_newest_mining_day_is_checked(calendar: Pipeline) -> None:
    calendar.land("2026-W17-1")

    assert deadline(calendar).success


def test_an_alarm_that_says_nothing_new_is_not_written_again(calendar: Pipeline) -> None:
    deadline(calendar)
    (path,) = (calendar.checkout / ".tail" / "alarms").glob("*.md")
    before = (path.stat().st_mtime_ns, path.read_bytes())

    deadline(calendar)

    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_an_alarm_follows_what_is_mined_and_says_when_it_is_over(tenants: Pipeline) -> None:
    sensor = alarm_sensor(agent_of(tenants))
    deadline(tenants)
    cursor = tenants.evaluate(sensor, None).cursor

    tenants.land("2026-W17-1|acme")
    cursor = tenants.evaluate(sensor, cursor).cursor
    (text,) = tenants.alarms.values()
    assert "1 cell of mining day 2026-W17-1.\n\n- `globex`: never mined" in text

    tenants.land("2026-W17-1|globex")
    tenants.evaluate(sensor, cursor)
    (text,) = tenants.alarms.values()
    assert text.startswith("# Over: regression tail 2026-W17-1 of simulated-support\n")


def test_a_cell_that_is_mined_raises_no_alarm(tenants: Pipeline) -> None:
    tenants.land("2026-W17-1|acme")
    tenants.evaluate(alarm_sensor(agent_of(tenants)), None)

    assert tenants.alarms == {}


def test_a_day_that_was_mined_late_is_over_at_the_next_look_of_the_deadline(calendar: Pipeline) -> None:
    deadline(calendar)
    calendar.land("2026-W17-1")

    assert deadline(calendar).success
    (text,) = calendar.alarms.values()
    assert text.startswith("# Over")


def test_a_failed_run_raises_the_alarm_at_once(calendar: Pipeline) -> None:
    sensor = failure_sensor([agent_of(calendar)], now=lambda: at("2026-04-20T09:10"))
    cursor = calendar.evaluate(sensor, None).cursor
    assert not calendar.mine().success

    calendar.evaluate(sensor, cursor)

    (text,) = calendar.alarms.values()
    assert "- failed\n" in text
    assert "no file matches" in text


def test_a_failed_backfill_from_the_ui_raises_the_alarm(calendar: Pipeline) -> None:
    sensor = failure_sensor([agent_of(calendar)], now=lambda: at("2026-04-20T09:10"))
    cursor = calendar.evaluate(sensor, None).cursor
    job = calendar.repository.get_job("__ASSET_JOB")
    result = job.execute_in_process(
        instance=calendar.instance,
        partition_key="2026-W16-1",
        asset_selection=[dg.AssetKey([AGENT, "spans"])],
        raise_on_error=False,
    )
    assert (result.success, result.dagster_run.job_name) == (False, "__ASSET_JOB")

    calendar.evaluate(sensor, cursor)

    assert list(calendar.alarms) == ["simulated-support.2026-W16-1.md"]


def test_a_failed_backfill_of_long_ago_alarms_nobody(calendar: Pipeline) -> None:
    sensor = failure_sensor([agent_of(calendar)], now=lambda: at("2026-05-11T09:10"))
    cursor = calendar.evaluate(sensor, None).cursor
    calendar.mine("2026-W16-1")

    calendar.evaluate(sensor, cursor)

    assert calendar.alarms == {}


def test_a_failed_run_of_a_cell_that_has_its_pull_request_alarms_nobody(calendar: Pipeline) -> None:
    sensor = failure_sensor([agent_of(calendar)], now=lambda: at("2026-04-20T09:10"))
    calendar.land("2026-W17-1")
    cursor = calendar.evaluate(sensor, None).cursor
    calendar.mine()

    calendar.evaluate(sensor, cursor)

    assert calendar.alarms == {}


def test_the_failure_of_the_deadline_job_sets_off_nothing(calendar: Pipeline) -> None:
    sensor = failure_sensor([agent_of(calendar)], now=lambda: at("2026-04-20T12:10"))
    cursor = calendar.evaluate(sensor, None).cursor
    deadline(calendar)
    before = calendar.alarms
    runs = calendar.instance.get_runs_count()

    for _ in range(2):
        cursor = calendar.evaluate(sensor, cursor).cursor

    assert (calendar.alarms, calendar.instance.get_runs_count()) == (before, runs)


def test_the_failure_sensor_is_bound_to_no_list_of_jobs(calendar: Pipeline) -> None:
    """One that is would not see the runs of a backfill from the UI."""
    sensor = calendar.repository.get_sensor_def("mining_failure_sensor")

    assert (list(sensor.targets), sensor.default_status) == ([], dg.DefaultSensorStatus.RUNNING)


@pytest.mark.parametrize(("now", "late"), [("2026-04-20T11:59", 0), (NOON, 1)])
def test_a_cell_is_late_from_noon_on(calendar: Pipeline, now: str, late: int) -> None:
    (checked,) = check_deadline(calendar.instance, repository_of(calendar), agent_of(calendar), [MONDAY], at(now))

    assert (checked.passed, len(checked.missing), len(checked.late)) == (bool(late), 1, late)


def test_an_alarm_changes_nothing_in_the_repository(calendar: Pipeline) -> None:
    before = git(calendar.checkout, "for-each-ref")
    deadline(calendar)

    assert git(calendar.checkout, "status", "--porcelain") == ""
    assert git(calendar.checkout, "for-each-ref") == before


def test_of_many_failed_cells_a_few_are_asked_what_they_said(tenants: Pipeline) -> None:
    names = [f"tenant-{number:03d}" for number in range(MAX_FAILURES_READ + 5)]
    segments = Segments.model_validate({"by": "tenant", "values": names})
    agent = agent_of(tenants).model_copy(update={"segments": segments})
    for name in names:
        run = tenants.start(f"2026-W17-1|{name}", dg.DagsterRunStatus.NOT_STARTED)
        tenants.instance.report_run_failed(run, message=f"{name} is broken")

    found = with_failures(tenants.instance, agent, missing_cells(tenants.instance, agent, [MONDAY]))

    assert [cell.state for cell in found] == ["failed"] * len(names)
    told = [cell.failure for cell in found]
    assert told[:MAX_FAILURES_READ] == [f"{name} is broken" for name in names[:MAX_FAILURES_READ]]
    assert set(told[MAX_FAILURES_READ:]) == {"see its run in Dagster"}


def test_a_mined_cell_is_not_late_whatever_failed_before(calendar: Pipeline) -> None:
    assert not calendar.mine().success
    write_spans(calendar.checkout, [span(0, "all is well")])
    assert calendar.mine().success

    assert deadline(calendar).success
