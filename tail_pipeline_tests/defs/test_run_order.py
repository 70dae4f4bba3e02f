"""Which queued runs start together: decided by Dagster's own queue, on the instance that local runs and ``make dev`` use."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.run_order import MINED_ASSETS
from tail_pipeline.defs.runs import dagster_instance
from tail_pipeline_tests.conftest import make_checkout

AGENTS = """\
repository: {provider: local}
agents:
  - name: sales
    traces: {store: files, path: "traces/*.jsonl"}
    segments: {by: tenant, values: [acme, globex, initech]}
  - name: service-desk
    eval_dir: desk
    traces: {store: files, path: "traces/*.jsonl"}
    segments: {by: tenant, values: [acme]}
  - name: alone
    eval_dir: alone
    traces: {store: files, path: "traces/*.jsonl"}
  - name: other
    eval_dir: other
    traces: {store: files, path: "traces/*.jsonl"}
"""
MONDAY, TUESDAY = "2026-W17-1", "2026-W18-1"


class Queue:
    """Runs in the queue of one instance, and what the daemon would start next."""

    def __init__(self, checkout: Path, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._repository = build_definitions(checkout).get_repository_def()
        self._daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
        self._names: dict[str, str] = {}

    def backfill(self, agents: Sequence[str], partition: str) -> None:
        """One partition, as a backfill of the assets from the UI requests it."""
        assets = frozenset(dg.AssetKey([agent, name]) for agent in agents for name in MINED_ASSETS)
        self._submit("__ASSET_JOB", f"{'+'.join(agents)} {partition}", partition, assets)

    def mine(self, agent: str, partition: str) -> None:
        """One partition, as the schedule and the launchpad request it."""
        self._submit(f"mine_{agent}", f"{agent} {partition}", partition)

    def share(self, agent: str, partition: str) -> None:
        """The file of all tenants, as its sensor requests it."""
        self._submit(f"share_{agent}", f"shared {agent} {partition}", partition)

    def escalate(self, agent: str, partition: str) -> None:
        self._submit(f"escalate_{agent}", f"escalate {agent} {partition}", partition)

    def start(self) -> list[str]:
        """The runs that may start now; they are under way from then on."""
        config = self.instance.get_concurrency_config()
        runs = self._daemon._get_runs_to_dequeue(self.instance, config, fixed_iteration_time=None)  # noqa: SLF001
        for run in runs:
            self._report(run, dg.DagsterEventType.PIPELINE_START)
        return [self._names[run.run_id] for run in runs]

    def finish(self, name: str) -> None:
        under_way = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
        [run] = [one for one in self.instance.get_runs(under_way) if self._names[one.run_id] == name]
        self._report(run, dg.DagsterEventType.PIPELINE_SUCCESS)

    def _submit(self, job: str, name: str, partition: str, assets: frozenset[dg.AssetKey] | None = None) -> None:
        location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tail_pipeline"), self._repository.name)
        code = RepositoryPythonOrigin(sys.executable, ModuleCodePointer("tail_pipeline.definitions", "defs"))
        definition = self._repository.get_job(job)
        run = self.instance.create_run_for_job(
            definition.get_subset(asset_selection=assets) if assets else definition,
            remote_job_origin=RemoteJobOrigin(location, job),
            job_code_origin=JobPythonOrigin(job, code),
            tags={**definition.run_tags, "dagster/partition": partition},
            asset_selection=assets,
        )
        self._names[run.run_id] = name
        with WorkspaceProcessContext(self.instance, EmptyWorkspaceTarget()) as process:
            self.instance.submit_run(run.run_id, process.create_request_context())

    def _report(self, run: dg.DagsterRun, kind: dg.DagsterEventType) -> None:
        event = dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
        self.instance.report_dagster_event(event, run.run_id)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    checkout = make_checkout(tmp_path_factory.mktemp("run-order"))
    for name in ("desk", "alone", "other"):
        (checkout / name).mkdir()
        (checkout / name / "rubric.yaml").write_bytes((checkout / "eval" / "rubric.yaml").read_bytes())
    (checkout / "eval" / "agents.yaml").write_text(AGENTS, encoding="utf-8")
    with dagster_instance(checkout) as instance:
        yield Queue(checkout, instance)


@pytest.fixture
def queue(shared: Queue) -> Iterator[Queue]:
    """An empty queue of an instance that knows no pool yet; the instance takes seconds to make, so it is shared."""
    yield shared
    for run in shared.instance.get_runs():
        shared.instance.delete_run(run.run_id)
    for pool in shared.instance.event_log_storage.get_concurrency_keys():
        shared.instance.event_log_storage.delete_concurrency_limit(pool)


def test_tenants_of_one_backfill_go_side_by_side_and_each_keeps_the_order_of_its_days(queue: Queue) -> None:
    for day in (MONDAY, TUESDAY):
        for tenant in ("acme", "globex"):
            queue.backfill(["sales"], f"{day}|{tenant}")

    assert queue.start() == [f"sales {MONDAY}|acme", f"sales {MONDAY}|globex"]
    queue.finish(f"sales {MONDAY}|globex")
    assert queue.start() == [f"sales {TUESDAY}|globex"]
    assert queue.start() == []


def test_a_single_re_run_waits_for_the_backfill_of_its_tenant_and_for_no_other(queue: Queue) -> None:
    queue.backfill(["sales"], f"{MONDAY}|acme")
    queue.mine("sales", f"{MONDAY}|acme")
    queue.mine("sales", f"{MONDAY}|initech")

    assert queue.start() == [f"sales {MONDAY}|acme", f"sales {MONDAY}|initech"]
    assert queue.start() == []


def test_two_agents_with_a_segment_of_the_same_name_do_not_wait_for_each_other(queue: Queue) -> None:
    queue.mine("sales", f"{MONDAY}|acme")
    queue.backfill(["service_desk"], f"{MONDAY}|acme")

    assert queue.start() == [f"sales {MONDAY}|acme", f"service_desk {MONDAY}|acme"]


def test_an_agent_without_segments_goes_one_run_at_a_time_from_its_first_backfill_on(queue: Queue) -> None:
    queue.backfill(["alone"], MONDAY)
    queue.backfill(["alone"], TUESDAY)
    queue.mine("other", MONDAY)

    assert queue.start() == [f"alone {MONDAY}", f"other {MONDAY}"]
    queue.finish(f"alone {MONDAY}")
    assert queue.start() == [f"alone {TUESDAY}"]


def test_a_run_of_two_agents_waits_for_each_of_them(queue: Queue) -> None:
    queue.mine("alone", MONDAY)
    assert queue.start() == [f"alone {MONDAY}"]
    queue.backfill(["alone", "other"], TUESDAY)

    assert queue.start() == []
    queue.finish(f"alone {MONDAY}")
    assert queue.start() == [f"alone+other {TUESDAY}"]


def test_an_escalation_waits_for_no_mining(queue: Queue) -> None:
    queue.mine("sales", f"{MONDAY}|acme")
    queue.mine("sales", f"{TUESDAY}|acme")
    queue.escalate("sales", f"{MONDAY}|acme")

    assert queue.start() == [f"sales {MONDAY}|acme", f"escalate sales {MONDAY}|acme"]


def test_the_days_of_the_tenants_shared_file_keep_their_order_and_wait_for_no_tenant(queue: Queue) -> None:
    queue.mine("sales", f"{MONDAY}|acme")
    for day in (MONDAY, TUESDAY):
        queue.share("sales", day)

    assert queue.start() == [f"sales {MONDAY}|acme", f"shared sales {MONDAY}"]
    queue.finish(f"shared sales {MONDAY}")
    assert queue.start() == [f"shared sales {TUESDAY}"]


def test_no_more_runs_start_than_the_instance_allows(queue: Queue) -> None:
    for tenant in ("acme", "globex", "initech"):
        queue.mine("sales", f"{MONDAY}|{tenant}")
    for agent in ("alone", "other"):
        queue.mine(agent, MONDAY)

    assert len(queue.start()) == queue.instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 4


def test_a_deployment_orders_its_runs_as_a_local_instance_does() -> None:
    shipped, local = (
        yaml.safe_load((Path(__file__).parents[2] / name).read_text(encoding="utf-8"))
        for name in ("dagster.yaml", "tail_pipeline/defs/local_instance.yaml")
    )

    for place in ("module", "class"):
        assert shipped["run_coordinator"][place] == local["run_coordinator"][place]
    assert (
        shipped["concurrency"]["runs"]["tag_concurrency_limits"]
        == local["concurrency"]["runs"]["tag_concurrency_limits"]
    )
    assert shipped["concurrency"]["pools"] == local["concurrency"]["pools"]
