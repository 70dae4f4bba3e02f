"""The deployment as it ships, with a real daemon, webserver and PostgreSQL, used the way the UI uses it."""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import polars as pl
import psycopg
import pytest

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.defs.cells import UNFINISHED
from tail_pipeline.defs.run_order import MINED_ASSETS
from tail_pipeline.domain.weeks import Cadence, MiningDay, last_mining_days
from tail_pipeline_tests.conftest import EXAMPLE_EVAL, commit_all, git
from tail_pipeline_tests.defs.pipeline import FAILING, span, write_spans
from tail_pipeline_tests.e2e.command import run as run_command
from tail_pipeline_tests.e2e.deployment import ROOT, Deployment, deployed, wait_for

pytestmark = pytest.mark.long

WEEKS = ["2026-W15", "2026-W16", "2026-W17"]
SCHEDULE = "mine_monday_schedule"
CANARY = "canaryinitech"
TOPICS = ["refund", "export", "password", "invoice"]
LAST_TICK = last_mining_days(datetime.now(UTC) - timedelta(hours=9), Cadence.WEEKLY, 1)[0]
"""The newest Monday whose tick, at nine, is past."""

AGENTS = f"""\
repository: {{provider: local}}
agents:
  - name: support
    traces: {{store: files, path: "traces/support/*.jsonl"}}
    start_week: 2026-W10
    segments: {{by: tenant, values: [acme, globex]}}
  - name: monday
    eval_dir: monday
    traces: {{store: files, path: "traces/monday/*.jsonl"}}
    start_week: {LAST_TICK.iso_week.shifted(-1)}
    max_clusters: 1
    owner: engagement-owner
  - name: crashing
    eval_dir: crashing
    traces: {{store: postgres, dsn_env: TRACES_DSN, table: agent_spans}}
    start_week: 2026-W10
  - name: waiting
    eval_dir: waiting
    traces: {{store: files, path: "traces/waiting/*.jsonl"}}
    start_week: 2026-W10
  - name: refused
    eval_dir: refused
    traces: {{store: files, path: "traces/support/*.jsonl"}}
    start_week: 2026-W10
"""


def week_of(number: int, **fields: Any) -> list[dict[str, Any]]:
    """The traffic mined in the week at this place of ``WEEKS``: two failing spans on each of ``number + 1`` topics."""
    rows = []
    for topic in range(number + 1):
        for copy in range(2):
            row = span(1000 * number + 10 * topic + copy, f"{TOPICS[topic]} {TOPICS[topic]} {copy}", FAILING)
            start = row["start_time"] - timedelta(weeks=len(WEEKS) - 1 - number)
            rows.append({**row, "start_time": start, **fields})
    return rows


def two_capped_weeks() -> list[dict[str, Any]]:
    """Traffic of the two weeks before the last tick, more of it than ``monday`` may propose."""
    moved = LAST_TICK.day - MiningDay.parse(f"{WEEKS[2]}-1").day
    return [
        {
            **row,
            "start_time": row["start_time"] + moved - timedelta(weeks=1 - number),
            "span_id": f"{number}-{row['span_id']}",
        }
        for number in range(2)
        for row in (week_of(2) if number else [{**row, "input": row["input"][::-1]} for row in week_of(2)])
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repo = tmp_path_factory.mktemp("deployment") / "checkout"
    for name in ("eval", "monday", "crashing", "waiting"):
        (repo / name).mkdir(parents=True)
        for file in ("rubric.yaml", "cases.yaml"):
            (repo / name / file).write_bytes((EXAMPLE_EVAL / file).read_bytes())
    (repo / "eval" / "agents.yaml").write_text(AGENTS, encoding="utf-8")
    (repo / ".gitignore").write_text("traces/\nrefused/\n", encoding="utf-8")
    git(repo, "init", "--quiet", "--initial-branch=main")
    commit_all(repo, "Configure")
    # Its rubric is in the work tree and not on main: the code location loads, and no run can succeed.
    (repo / "refused").mkdir()
    (repo / "refused" / "rubric.yaml").write_bytes((EXAMPLE_EVAL / "rubric.yaml").read_bytes())
    rows = [row for number in range(3) for row in week_of(number, tenant="acme")]
    rows += [{**row, "span_id": f"g-{row['span_id']}", "tenant": "globex"} for row in rows]
    for name in ("support", "monday"):
        (repo / "traces" / name).mkdir(parents=True)
    write_spans(repo, rows, "support/a.jsonl")
    write_spans(repo, two_capped_weeks(), "monday/a.jsonl")
    return repo


@pytest.fixture(scope="module")
def traces(postgres_dsn: str) -> Iterator[str]:
    """A trace store with one week of traffic."""
    with database(postgres_dsn) as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute((ROOT / "tail_pipeline/adapters/traces_postgres.sql").read_text(encoding="utf-8"))
            connection.cursor().executemany(
                "INSERT INTO agent_spans (trace_id, span_id, input, output, start_time, rubric_score) "
                "VALUES (%(trace_id)s, %(span_id)s, %(input)s, %(output)s, %(start_time)s, %(rubric_score)s)",
                week_of(2),
            )
        yield dsn


@pytest.fixture(scope="module")
def running(
    checkout: Path, traces: str, postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("deployment-home") / "home"
    with database(postgres_dsn) as url, deployed(checkout, home, url, TRACES_DSN=traces) as deployment:
        # The daemon has been here, and was away from before the last two ticks until now.
        wait_for(lambda: _is_scheduled(deployment), "the first look of the daemon at its schedules")
        deployment.daemon.stop()
        deployment.put_back(SCHEDULE, datetime.combine(LAST_TICK.day, time(), UTC) - timedelta(days=7))
        deployment.daemon.start()
        yield deployment


@dataclass(frozen=True)
class Launched:
    """What goes on while other tests run, because each takes a while."""

    three_weeks: str
    refused: str
    waiting: str


@pytest.fixture(scope="module")
def launched(running: Deployment, checkout: Path) -> Launched:
    """Two backfills, and a run whose traces come only after its first try."""
    waiting = running.launch("mine_waiting", week(2))
    three_weeks = running.backfill([["support", name] for name in MINED_ASSETS], [f"{week}-1|acme" for week in WEEKS])
    refused = running.backfill([["refused", name] for name in MINED_ASSETS], [f"{WEEKS[2]}-1"])
    wait_for(lambda: running.events(waiting, dg.DagsterEventType.STEP_UP_FOR_RETRY), "the first try")
    (checkout / "traces" / "waiting").mkdir()
    write_spans(checkout, week_of(2), "waiting/a.jsonl")
    return Launched(three_weeks, refused, waiting)


@pytest.fixture(scope="module")
def recovered(running: Deployment, launched: Launched) -> str:
    """The run that had to wait, after it went through."""
    assert running.finished_run(launched.waiting) == "SUCCESS"
    return launched.waiting


@pytest.fixture
def deployment(running: Deployment, launched: Launched) -> Iterator[Deployment]:  # noqa: ARG001 it is in full swing
    """The deployment all tests share, each with an agent or weeks of its own; pytest shows the logs of a failed one."""
    yield running
    print(running.written())  # noqa: T201


@contextmanager
def database(dsn: str) -> Iterator[str]:
    """The address of a new database on the server."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def week(number: int, segment: str | None = None) -> dict[str, str]:
    """The tags that name a partition."""
    key = f"{WEEKS[number]}-1"
    if segment is None:
        return {"dagster/partition": key}
    return {
        "dagster/partition": f"{key}|{segment}",
        "dagster/partition/iso_week": key,
        "dagster/partition/segment": segment,
    }


def tail_on(checkout: Path, week: str, segment: str | None = None, eval_dir: str = "eval") -> str:
    """The tail file under review."""
    place = f"{segment}/{week}" if segment else week
    prefix = "" if eval_dir == "eval" else f"{eval_dir}/"
    return git(checkout, "show", f"tail-miner/{prefix}{place}:{eval_dir}/tail/{place}.yaml")


def cases_on(checkout: Path, week: str, segment: str | None = None, eval_dir: str = "eval") -> list[str]:
    """The ids of the cases in the tail file under review."""
    return [case.id for case in parse_tail(tail_on(checkout, week, segment, eval_dir), f"{week}.yaml").cases]


def test_a_transient_error_is_waited_out_within_the_run(deployment: Deployment, recovered: str) -> None:
    [retry] = deployment.events(recovered, dg.DagsterEventType.STEP_UP_FOR_RETRY)

    assert retry.step_retry_data.seconds_to_wait == 30
    assert len(deployment.events(recovered, dg.DagsterEventType.STEP_RESTARTED)) == 1
    assert deployment.runs(tags={"dagster/root_run_id": recovered}) == []


@pytest.mark.usefixtures("recovered")
def test_a_check_is_run_again_alone_and_sees_a_rubric_that_changed_since(
    deployment: Deployment, checkout: Path
) -> None:
    asset = ["waiting", "tail_yaml"]
    assert deployment.check(asset, "file_matches_rubric")["evaluation"]["success"]
    rubric = checkout / "waiting" / "rubric.yaml"
    changed = rubric.read_text(encoding="utf-8").replace("rubric_min_score: 0.82", "rubric_min_score: 0.9")
    rubric.write_text(changed, encoding="utf-8")
    commit_all(checkout, "Raise the line")

    run = deployment.launch("mine_waiting", checks=[{"assetKey": {"path": asset}, "name": "file_matches_rubric"}])

    assert deployment.finished_run(run) == "SUCCESS"
    evaluation = deployment.check(asset, "file_matches_rubric")["evaluation"]
    assert (evaluation["success"], evaluation["severity"]) == (False, "WARN")
    assert "mine the week again" in evaluation["description"]


@pytest.mark.usefixtures("recovered")
def test_a_run_whose_process_is_killed_is_started_once_more_and_ends_with_the_same_result(
    deployment: Deployment, traces: str, checkout: Path
) -> None:
    with psycopg.connect(traces) as connection:
        connection.execute("LOCK TABLE agent_spans IN ACCESS EXCLUSIVE MODE")
        run = deployment.launch("mine_crashing", week(2))
        wait_for(lambda: _waiting_for_a_lock(traces) == 1, "the run that reads the locked table")
        [start] = deployment.events(run, dg.DagsterEventType.STEP_START)
        os.kill(start.pid, signal.SIGKILL)
        assert deployment.finished_run(run) == "FAILURE"

    [again] = wait_for(lambda: deployment.runs(tags={"dagster/parent_run_id": run}), "the second start of the run")
    assert deployment.finished_run(again.run_id) == "SUCCESS"
    assert len(deployment.runs(tags={"dagster/root_run_id": run})) == 1
    # The other agent has the same traffic, and nobody killed its run.
    undisturbed = tail_on(checkout, WEEKS[2], eval_dir="waiting")
    assert tail_on(checkout, WEEKS[2], eval_dir="crashing").replace("crashing", "waiting") == undisturbed


def test_a_daemon_that_was_away_catches_up_with_one_tick_and_both_weeks(deployment: Deployment, checkout: Path) -> None:
    wait_for(lambda: deployment.ticks("schedule", SCHEDULE), "the tick that was missed")

    [tick] = deployment.ticks("schedule", SCHEDULE)
    assert tick["timestamp"] == datetime.combine(LAST_TICK.day, time(9), UTC).timestamp()
    assert [deployment.finished_run(run) for run in tick["runIds"]] == ["SUCCESS", "SUCCESS"]
    for week in (LAST_TICK.iso_week.shifted(-1), LAST_TICK.iso_week):
        assert len(cases_on(checkout, str(week), eval_dir="monday")) == 1


def test_a_sensor_tick_escalates_the_second_capped_week_once(deployment: Deployment, checkout: Path) -> None:
    requested = wait_for(lambda: _requested(deployment, "escalate_monday_sensor"), "the tick that escalates")

    assert [deployment.finished_run(run) for run in requested] == ["SUCCESS"]
    issues = [path.name for path in (checkout / ".tail" / "escalations").glob("monday.*")]
    assert issues == [f"monday.{LAST_TICK.iso_week}.md"]


def test_a_backfill_of_three_weeks_leaves_a_branch_for_each_one_after_another(
    deployment: Deployment, launched: Launched, checkout: Path
) -> None:
    assert deployment.finished_backfill(launched.three_weeks) == "COMPLETED_SUCCESS"

    # Each week brings one topic more; the topics of the weeks before it are known to it.
    assert [cases_on(checkout, week, "acme") for week in WEEKS] == [
        [f"tail-{week.replace('-', '')}-acme-001"] for week in WEEKS
    ]
    records = deployment.instance.get_run_records(dg.RunsFilter(tags={"dagster/backfill": launched.three_weeks}))
    when = {one.dagster_run.tags["dagster/partition"]: (one.start_time or 0, one.end_time or 0) for one in records}
    assert sorted(when) == [f"{week}-1|acme" for week in WEEKS]
    ends, starts = ([when[key][place] for key in sorted(when)] for place in (1, 0))
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))


def test_one_segment_of_one_week_is_run_again_and_changes_nothing(
    deployment: Deployment, launched: Launched, checkout: Path
) -> None:
    deployment.finished_backfill(launched.three_weeks)
    before = git(checkout, "for-each-ref", "refs/heads/tail-miner/acme/")

    run = deployment.launch("mine_support", week(2, "acme"))

    assert deployment.finished_run(run) == "SUCCESS"
    assert before != ""
    assert git(checkout, "for-each-ref", "refs/heads/tail-miner/acme/") == before


def test_a_permanent_error_is_tried_once_by_a_backfill_and_never_again(
    deployment: Deployment, launched: Launched
) -> None:
    assert deployment.finished_backfill(launched.refused) == "COMPLETED_FAILED"

    [run] = deployment.runs(tags={"dagster/backfill": launched.refused})
    assert deployment.events(run.run_id, dg.DagsterEventType.STEP_UP_FOR_RETRY) == []
    assert run.tags["dagster/will_retry"] == "false"
    assert deployment.runs(tags={"dagster/root_run_id": run.run_id}) == []
    [failure] = deployment.events(run.run_id, dg.DagsterEventType.STEP_FAILURE)
    assert "refused/rubric.yaml is not on the base branch" in str(failure.step_failure_data.user_failure_data)


def test_a_tenant_is_loud_until_it_is_declared_then_mined_and_leaves_nothing_when_it_goes(
    deployment: Deployment, launched: Launched, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.finished_backfill(launched.three_weeks)
    spans = ["support", "spans"]
    rows = week_of(2, tenant="initech")
    write_spans(checkout, [{**row, "input": f"{row['input']} {CANARY}"} for row in rows], "support/initech.jsonl")

    assert deployment.finished_run(deployment.launch("mine_support", week(2, "globex"))) == "SUCCESS"
    told = deployment.check(spans, "undeclared_segments")["evaluation"]
    assert (told["success"], told["severity"]) == (False, "ERROR")
    assert "6 spans of 'initech'" in told["description"]
    assert _places_with(CANARY, deployment, checkout) == []

    _declare(checkout, "[acme, globex, initech]")
    # Another agent of this deployment has no cases, so the command fails as well.
    assert "support: tenant initech appears" in run_command("validate", "--repo", checkout, expect=1).stdout
    commit_all(checkout, "Initech comes")
    before = deployment.instance.get_materialized_partitions(dg.AssetKey(spans))
    deployment.reload()
    assert deployment.finished_run(deployment.launch("mine_support", week(2, "initech"))) == "SUCCESS"
    after = deployment.instance.get_materialized_partitions(dg.AssetKey(spans))
    assert after == before | {f"{WEEKS[2]}-1|initech"}
    assert cases_on(checkout, WEEKS[2], "initech") == ["tail-2026W17-initech-001"]
    assert "event_logs" in _places_with(CANARY, deployment, checkout)

    _declare(checkout, "[acme, globex]")
    commit_all(checkout, "Initech goes")
    deployment.reload()
    own = {"dagster/partition/segment": "initech"}
    wait_for(lambda: not deployment.runs(tags=own, statuses=UNFINISHED), "the end of what sensors had requested")
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.webserver.log.parent))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", deployment.database)
    run_command("forget", "--agent", "support", "--segment", "initech", "--repo", checkout, "--yes", "--who", "dpo")
    assert _places_with(CANARY, deployment, checkout) == []
    assert deployment.instance.get_materialized_partitions(dg.AssetKey(spans)) == before


def _declare(checkout: Path, tenants: str) -> None:
    """Of the first agent."""
    path = checkout / "eval" / "agents.yaml"
    text = path.read_text(encoding="utf-8")
    found = re.search(r"values: (\[.*\])", text)
    assert found
    path.write_text(text.replace(found[1], tenants, 1), encoding="utf-8")


def _places_with(text: str, deployment: Deployment, checkout: Path) -> list[str]:
    """The tables of Dagster's database and the files of the deployment that hold the text, but for the trace store."""
    with psycopg.connect(deployment.database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found = [
            table
            for (table,) in tables
            if connection.execute(
                f'SELECT FROM "{table}" AS row WHERE row::text LIKE %s LIMIT 1', [f"%{text}%"]
            ).rowcount
        ]
    for root in (checkout / ".tail", checkout / "eval", deployment.webserver.log.parent / "storage"):
        found += [str(path) for path in root.rglob("*") if path.is_file() and text.encode() in _content(path)]
    return found


def _content(path: Path) -> bytes:
    return repr(pl.read_parquet(path).to_dicts()).encode() if path.suffix == ".parquet" else path.read_bytes()


def _requested(deployment: Deployment, sensor: str) -> list[str]:
    return [run for tick in deployment.ticks("sensor", sensor) for run in tick["runIds"]]


def _is_scheduled(deployment: Deployment) -> bool:
    return any(state.instigator_name == SCHEDULE for state in deployment.instance.all_instigator_state())


def _waiting_for_a_lock(dsn: str) -> int:
    """How many runs are held up by a locked table."""
    with psycopg.connect(dsn) as connection:
        waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return connection.execute(waiting).rowcount
