"""A checkout with traces, and its partitions materialized on a Dagster instance of the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.spans import SPAN_SCHEMA
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.weeks import IsoWeek
from tail_pipeline_tests.conftest import commit_all, git

AGENT = "simulated_support"
WEEK = IsoWeek(2026, 17)
PASSING, FAILING = 0.95, 0.3
TAIL_PATH = "eval/tail/2026-W17.yaml"
BRANCH = "tail-miner/2026-W17"
REFUNDS = ["how do I get a refund", "how can I get my refund", "refund please, how do I get it"]
STATUTES = ["cite the Oregon statute on late fees", "cite the Nevada statute on late fees"]
ORDINARY = [f"question number {number} about topic {number % 7}" for number in range(20)]


@dataclass
class Pipeline:
    """Runs the jobs of one checkout on one instance."""

    checkout: Path
    instance: dg.DagsterInstance

    def mine(self, partition: str = f"{WEEK}-1", *, fresh: bool = False) -> dg.ExecuteInProcessResult:
        """``fresh`` as somebody ticks it in the launchpad; an ordinary run comes without any configuration."""
        job = build_definitions(self.checkout, retry_wait_s=0).resolve_job_def(f"mine_{AGENT}")
        config = {"ops": {f"{AGENT}__tail_yaml": {"config": {"fresh": True}}}} if fresh else None
        return job.execute_in_process(
            partition_key=partition, instance=self.instance, run_config=config, raise_on_error=False
        )

    def share(self, partition: str = f"{WEEK}-1") -> dg.ExecuteInProcessResult:
        """Make the file that the tenants of one mining day share."""
        job = build_definitions(self.checkout, retry_wait_s=0).resolve_job_def(f"share_{AGENT}")
        return job.execute_in_process(partition_key=partition, instance=self.instance, raise_on_error=False)

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """The code location as the daemon sees it; of the configuration at first use."""
        return build_definitions(self.checkout, retry_wait_s=0).get_repository_def()

    def tick(self, at: datetime, schedule: str = f"mine_{AGENT}_schedule") -> ScheduleExecutionData:
        """What a schedule requests at this moment."""
        context = dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=at, repository_def=self.repository
        )
        return self.repository.get_schedule_def(schedule).evaluate_tick(context)

    def evaluate(self, sensor: dg.SensorDefinition, cursor: str | None) -> SensorExecutionData:
        """What a sensor finds at this cursor; a reaction to a run that failed is an error."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            repository_def=self.repository,
            resources={"checkout": Checkout(repo_dir=str(self.checkout), retry_wait_s=0)},
        )
        found = sensor.evaluate_tick(context)
        assert [one for one in found.dagster_run_reactions if one.error] == []
        return found

    @property
    def alarms(self) -> dict[str, str]:
        """File name → text of the alarms that were raised."""
        folder = self.checkout / ".tail" / "alarms"
        return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}

    def land(self, *partitions: str) -> None:
        """Say that these cells have their pull request."""
        for partition in partitions:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(dg.AssetKey([AGENT, "tail_pr"]), partition=partition)
            )

    def start(
        self,
        partition: str,
        status: dg.DagsterRunStatus = dg.DagsterRunStatus.QUEUED,
        job: str = f"mine_{AGENT}",
        assets: Sequence[str] = (),
    ) -> dg.DagsterRun:
        """A run as the daemon made it, and which nobody executes."""
        location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tail_pipeline"), self.repository.name)
        return self.instance.create_run_for_job(
            self.repository.get_job(job),
            status=status,
            remote_job_origin=RemoteJobOrigin(location, job),
            tags={"dagster/partition": partition},
            asset_selection=frozenset(dg.AssetKey([AGENT, name]) for name in assets) or None,
        )

    def metadata(self, asset: str, partition: str = f"{WEEK}-1") -> dict[str, Any]:
        """The metadata of the newest materialization of one partition."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey([AGENT, asset]), asset_partitions=[partition]), limit=1
        ).records
        return {name: value.value for name, value in records[0].asset_materialization.metadata.items()}


@contextmanager
def pipeline(checkout: Path) -> Iterator[Pipeline]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Pipeline(checkout, instance)


@contextmanager
def persistent_pipeline(checkout: Path) -> Iterator[Pipeline]:
    """A pipeline whose instance keeps its history in files, as schedules and sensors need it."""
    home = checkout.parent / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield Pipeline(checkout, instance)


def span(number: int, text: str, score: float | None = PASSING, **fields: Any) -> dict[str, Any]:
    """A span of the week before the mining day, one a minute."""
    start = datetime(2026, 4, 13, 8, number % 60, number // 60, tzinfo=UTC)
    return {
        "trace_id": f"trace-{number:04d}",
        "span_id": f"span-{number:04d}",
        "input": text,
        "output": f"answer {number}",
        "start_time": start,
        "rubric_score": score,
        **fields,
    }


def write_spans(checkout: Path, rows: Sequence[dict[str, Any]], name: str = "a.jsonl") -> Path:
    """Replace one trace file; the shipped configuration is pointed at all JSON lines of the folder."""
    frame = pl.DataFrame(list(rows), schema_overrides={k: v for k, v in SPAN_SCHEMA.items() if rows and k in rows[0]})
    path = checkout / "traces" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(frame.write_ndjson() if rows else "", encoding="utf-8")
    return path


def configure(checkout: Path, text: str = "") -> None:
    """Point the agent at ``traces/*.jsonl``, add lines to it, and commit."""
    agents = checkout / "eval" / "agents.yaml"
    shipped = agents.read_text(encoding="utf-8").replace("traces/*.jsonl.gz", "traces/*.jsonl")
    agents.write_text(shipped.rstrip("\n") + "\n" + text, encoding="utf-8")
    (checkout / ".gitignore").write_text("traces/\n", encoding="utf-8")
    commit_all(checkout, "Configure")


def week(**fields: Any) -> list[dict[str, Any]]:
    """Twenty passing spans, three failing ones about refunds, two failing regulatory ones."""
    rows = [span(number, text) for number, text in enumerate(ORDINARY)]
    rows += [span(100 + number, text, FAILING) for number, text in enumerate(REFUNDS)]
    rows += [span(200 + number, text, FAILING, labels=["regulatory"]) for number, text in enumerate(STATUTES)]
    columns = {"labels": [], "user_feedback": None, "correction": None, "feedback_time": None, "tenant": None}
    return [{**columns, **row, **fields} for row in rows]


def tail_of(checkout: Path, branch: str = BRANCH, path: str = TAIL_PATH) -> TailFile:
    return parse_tail(git(checkout, "show", f"{branch}:{path}"), path)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step of a run says to whoever looks at it."""
    step = next(event for event in result.all_events if event.is_step_failure)
    failure = step.step_failure_data.user_failure_data
    assert failure is not None
    return failure.description or ""


def materialize(mining: Pipeline, *names: str, partition: str) -> None:
    """Single assets of a partition, as from the UI; a failure is left for the caller to see in the repository."""
    definitions = build_definitions(mining.checkout, retry_wait_s=0)
    graph = definitions.resolve_asset_graph()
    dg.materialize(
        [definitions.get_assets_def(one) for one in graph.get_all_asset_keys()],
        selection=[dg.AssetKey([AGENT, name]) for name in names],
        partition_key=partition,
        instance=mining.instance,
        resources=definitions.resources,
        raise_on_error=False,
    )
