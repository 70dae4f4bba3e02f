"""Which promotions are requested when tail files are merged, tick by tick, and what the requested runs do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from tail_pipeline.adapters.eval_files import load_agents, parse_cases
from tail_pipeline.adapters.promoting import promote
from tail_pipeline.defs.promotion_automation import MAX_SEGMENTS_PER_TICK, promotion_jobs, promotion_sensor
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.tail_file import TailCase, render
from tail_pipeline.domain.weeks import IsoWeek
from tail_pipeline_tests.adapters.eval_texts import run_of
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import AGENT, Pipeline, configure, persistent_pipeline, pipeline
from tail_pipeline_tests.domain.builders import tail_case, tail_file
from tail_pipeline_tests.e2e.command import COMMAND

JOB = f"promote_{AGENT}"
TENANTS = "    segments: {by: tenant, values: [acme, globex]}\n"


@dataclass
class Promotions:
    """The sensor of one agent, ticking on one instance; like the daemon it keeps the cursor and drops known run keys."""

    pipeline: Pipeline
    cursor: str | None = None
    keys: set[str] = field(default_factory=set)
    reason: str | None = None

    @property
    def checkout(self) -> Path:
        return self.pipeline.checkout

    def merge(self, *cases: TailCase, segment: str | None = None, **fields: object) -> None:
        """Put the tail file of the cases' week on main."""
        week = f"{cases[0].id[5:9]}-{cases[0].id[9:12]}"
        file = tail_file(iso_week=week, agent="simulated-support", segment=segment, cases=list(cases), **fields)
        self.write(f"eval/tail/{f'{segment}/' if segment else ''}{week}.yaml", render(file, schema_path="x"))

    def write(self, path: str, text: str) -> None:
        target = self.checkout / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        commit_all(self.checkout, f"Change {path}")

    def tick(self) -> list[dg.RunRequest]:
        """What this tick requests and none before it did."""
        agent = load_agents(self.checkout).agents[0]
        ticked = self.pipeline.evaluate(promotion_sensor(agent, promotion_jobs(agent)), self.cursor)
        self.cursor, self.reason = ticked.cursor, ticked.skip_message
        new = [one for one in ticked.run_requests or [] if one.run_key not in self.keys]
        self.keys |= {one.run_key or "" for one in new}
        return new

    def partitions(self) -> list[str | None]:
        return [one.partition_key for one in self.tick()]

    def run(self, request: dg.RunRequest) -> bool:
        """Execute a requested run as the daemon tags it; whether it succeeded."""
        job = self.pipeline.repository.get_job(JOB)
        return job.execute_in_process(
            instance=self.pipeline.instance,
            partition_key=request.partition_key,
            tags=request.tags,
            raise_on_error=False,
        ).success

    def ids(self, path: str = "eval/cases.yaml") -> list[str]:
        rows = parse_cases(git(self.checkout, "show", f"main:{path}"), path).cases
        return [row.id for row in rows if row.source == "tail_miner"]


def promoted(week: int, number: int = 1, segment: str = "", **fields: object) -> TailCase:
    middle = f"{segment}-" if segment else ""
    return tail_case(number, **({"id": f"tail-2026W{week}-{middle}{number:03d}", "status": "promoted"} | fields))


Start = Callable[..., Promotions]


@pytest.fixture
def start(checkout: Path) -> Iterator[Start]:
    opened = []

    def started(configuration: str = "", cadence: str = "weekly") -> Promotions:
        configure(checkout, configuration)
        agents = checkout / "eval" / "agents.yaml"
        text = agents.read_text(encoding="utf-8").replace("cadence: weekly", f"cadence: {cadence}")
        agents.write_text(text, encoding="utf-8")
        git(checkout, "-c", "user.name=R", "-c", "user.email=r@x", "commit", "-qam", "Cadence", "--allow-empty")
        running = persistent_pipeline(checkout)
        opened.append(running)
        return Promotions(running.__enter__())

    yield started
    for running in opened:
        running.__exit__(None, None, None)


@pytest.fixture
def promotions(start: Start) -> Promotions:
    return start()


def test_a_week_is_requested_when_its_file_is_merged_and_its_cases_land(promotions: Promotions) -> None:
    assert promotions.tick() == []
    promotions.merge(promoted(17), promoted(17, 2, status="proposed"))
    [request] = promotions.tick()

    assert (request.partition_key, promotions.run(request)) == ("2026-W17-1", True)
    assert promotions.ids() == ["tail-2026W17-001"]
    metadata = promotions.pipeline.metadata("cases")
    shown = {name: metadata[name] for name in ("outcome", "promoted", "undecided", "cases_file")}
    assert shown == {
        "outcome": "committed",
        "promoted": ["tail-2026W17-001"],
        "undecided": ["tail-2026W17-002"],
        "cases_file": "eval/cases.yaml",
    }
    assert metadata["cases_after"] - metadata["cases_before"] == 1


def test_what_landed_is_not_requested_again_and_a_second_run_changes_nothing(promotions: Promotions) -> None:
    promotions.merge(promoted(17))
    [request] = promotions.tick()
    promotions.run(request)
    head = git(promotions.checkout, "rev-parse", "main")

    assert (promotions.tick(), promotions.tick()) == ([], [])
    assert promotions.reason == "no tail file and no set of cases has changed on the base branch"
    assert promotions.run(request)
    assert git(promotions.checkout, "rev-parse", "main") == head
    assert promotions.pipeline.metadata("cases")["outcome"] == "nothing pending"


def test_several_merged_weeks_are_requested_at_once_oldest_first_and_each_only_once(promotions: Promotions) -> None:
    for week in (17, 16):
        promotions.merge(promoted(week))
    requests = promotions.tick()
    assert [one.partition_key for one in requests] == ["2026-W16-1", "2026-W17-1"]
    for one in requests:
        promotions.run(one)

    assert promotions.tick() == []
    assert promotions.ids() == [f"tail-2026W{week}-001" for week in (16, 17)]


def test_the_command_that_comes_first_leaves_nothing_to_the_requested_run(promotions: Promotions) -> None:
    promotions.merge(promoted(17))
    [request] = promotions.tick()
    agent = load_agents(promotions.checkout).agents[0]
    promote(Checkout(repo_dir=str(promotions.checkout), retry_wait_s=0).repository(), agent, None)

    assert promotions.run(request)
    assert (promotions.ids(), promotions.tick()) == (["tail-2026W17-001"], [])


def test_the_requested_run_and_the_command_at_once_promote_each_case_once(promotions: Promotions) -> None:
    promotions.merge(promoted(17))
    [request] = promotions.tick()
    with subprocess.Popen(
        [COMMAND, "promote", "--repo", promotions.checkout, "--json"], stdout=subprocess.PIPE
    ) as racer:
        ran = promotions.run(request)
        racer.communicate()

    assert (ran, racer.returncode) == (True, 0)
    assert (promotions.ids(), git(promotions.checkout, "status", "--porcelain")) == (["tail-2026W17-001"], "")


def test_a_case_that_is_promoted_later_is_requested_then(promotions: Promotions) -> None:
    promotions.merge(promoted(17), promoted(17, 2, status="proposed"))
    promotions.run(promotions.tick()[0])
    promotions.merge(promoted(17), promoted(17, 2))

    promotions.run(promotions.tick()[0])

    assert promotions.ids() == ["tail-2026W17-001", "tail-2026W17-002"]


def test_a_run_under_way_is_waited_for(promotions: Promotions) -> None:
    promotions.merge(promoted(17))
    promotions.pipeline.start("2026-W17-1", dg.DagsterRunStatus.STARTED, JOB)

    assert (promotions.tick(), promotions.tick()) == ([], [])
    for run in promotions.pipeline.instance.get_runs():
        promotions.pipeline.instance.report_run_canceled(run)
    assert promotions.partitions() == ["2026-W17-1"]


def test_a_run_that_failed_is_requested_again_only_when_the_base_branch_has_moved(promotions: Promotions) -> None:
    promotions.merge(promoted(17))
    edited = promotions.checkout / "eval" / "cases.yaml"
    whole = edited.read_text(encoding="utf-8")
    edited.write_text(f"{whole}# mine, not committed\n", encoding="utf-8")
    [request] = promotions.tick()
    assert not promotions.run(request)
    edited.write_text(whole, encoding="utf-8")
    assert promotions.tick() == []

    promotions.write("README.md", "something else\n")
    [again] = promotions.tick()

    assert promotions.run(again)
    assert promotions.ids() == ["tail-2026W17-001"]
    assert promotions.tick() == []


def test_what_was_requested_is_not_requested_again_for_changes_elsewhere(promotions: Promotions) -> None:
    promotions.merge(promoted(17))
    [request] = promotions.tick()
    promotions.pipeline.start(request.partition_key or "", dg.DagsterRunStatus.SUCCESS, JOB)

    promotions.write("README.md", "something else\n")

    assert promotions.tick() == []


def test_a_file_nobody_asks_about_is_not_read(start: Start) -> None:
    promotions = start(TENANTS)
    promotions.write("eval/cases/globex.yaml", "cases: [\n")
    promotions.cursor = json.dumps(
        {"head": git(promotions.checkout, "rev-parse", "main").strip(), "again": [], "pending": []}
    )
    promotions.merge(promoted(17, segment="acme"), segment="acme")

    assert promotions.partitions() == ["2026-W17-1|acme"]


def test_a_broken_file_keeps_no_other_tenant_waiting_and_is_not_forgotten(start: Start) -> None:
    promotions = start(TENANTS)
    promotions.tick()
    promotions.merge(promoted(17, segment="globex"), segment="globex")
    promotions.merge(promoted(17, segment="acme"), segment="acme")
    broken = promotions.checkout / "eval" / "tail" / "acme" / "2026-W17.yaml"
    whole = broken.read_text(encoding="utf-8")
    promotions.write("eval/tail/acme/2026-W17.yaml", "cases: [")

    [request] = promotions.tick()
    assert (request.partition_key, promotions.run(request)) == ("2026-W17-1|globex", True)
    for _ in range(2):
        with pytest.raises(PermanentError, match=r"(?s)acme: .*eval/tail/acme/2026-W17\.yaml"):
            promotions.tick()
    promotions.write("eval/tail/acme/2026-W17.yaml", whole)

    assert promotions.partitions() == ["2026-W17-1|acme"]
    assert promotions.ids("eval/cases/globex.yaml") == ["tail-2026W17-globex-001"]


def test_a_daily_agents_week_is_promoted_in_the_partition_of_its_last_day(start: Start) -> None:
    promotions = start(cadence="daily")
    days = [run_of("2026-W17-1"), run_of("2026-W17-3")]
    promotions.merge(promoted(17, run="2026-W17-1"), promoted(17, 2, run="2026-W17-3"), runs=days)
    [request] = promotions.tick()

    assert (request.partition_key, promotions.run(request)) == ("2026-W17-3", True)
    assert promotions.ids() == ["tail-2026W17-001", "tail-2026W17-002"]


def test_a_week_without_a_partition_is_left_to_the_command(promotions: Promotions) -> None:
    week = str(IsoWeek(2020, 17))
    case = tail_case(1, id="tail-2020W17-001", status="promoted")
    text = render(tail_file(iso_week=week, agent="simulated-support", cases=[case]), schema_path="x")
    promotions.write(f"eval/tail/{week}.yaml", text)

    assert promotions.tick() == []


def test_more_segments_than_a_tick_reads_are_read_by_the_next(start: Start) -> None:
    names = [f"t{number:02d}" for number in range(MAX_SEGMENTS_PER_TICK + 2)]
    promotions = start(f"    segments: {{by: tenant, values: [{', '.join(names)}]}}\n")
    promotions.write(f"eval/cases/{names[0]}.yaml", "cases: [\n")
    promotions.merge(promoted(17, segment=names[-1]), segment=names[-1])

    assert [promotions.partitions(), promotions.partitions()] == [[], [f"2026-W17-1|{names[-1]}"]]
    with pytest.raises(PermanentError, match=names[0]):
        promotions.tick()


def test_undecided_cases_are_an_asset_check_that_warns(checkout: Path) -> None:
    configure(checkout)
    with pipeline(checkout) as running:
        promotions = Promotions(running)
        promotions.merge(promoted(17), promoted(17, 2, status="proposed"))
        result = running.repository.get_job(JOB).execute_in_process(
            instance=running.instance, partition_key="2026-W17-1"
        )

    [evaluation] = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed, evaluation.severity) == (
        "undecided_cases",
        False,
        dg.AssetCheckSeverity.WARN,
    )
    assert "`tail-2026W17-002`" in (evaluation.description or "")


def test_a_week_whose_file_is_not_merged_has_nothing_to_promote(mining: Pipeline) -> None:
    job = mining.repository.get_job(JOB)

    assert job.execute_in_process(instance=mining.instance, partition_key="2026-W17-1").success
    assert mining.metadata("cases")["outcome"] == "the week's tail file is not on the base branch"
