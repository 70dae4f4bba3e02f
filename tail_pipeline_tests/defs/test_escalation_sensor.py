"""Which escalations are requested when tail files land, in which order they ever do, and what the requested run does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import permutations
from pathlib import Path

import dagster as dg
import pytest

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.defs.automation import escalation_job, escalation_sensor
from tail_pipeline.defs.cells import MAX_LANDED_PER_TICK
from tail_pipeline.defs.failures import ESCALATION_RETRIES, as_dagster_failures
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.tail_file import TailFile, render
from tail_pipeline.domain.weeks import IsoWeek
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import AGENT, Pipeline, configure, persistent_pipeline
from tail_pipeline_tests.domain.builders import at, counts, tail_case, tail_file

NOW = at("2026-04-20T09:05")
CLUSTERS = {14: 3, 15: 4, 16: 5, 17: 20, 18: 20}
"""Growing in W16 and W17, capped in W18 (and the weeks before know too little)."""

TENANTS = "    segments: {by: tenant, values: [acme, globex]}\n"


@dataclass
class Escalations:
    """The sensor of one agent, ticking on one instance; like the daemon it keeps the cursor and drops known run keys."""

    pipeline: Pipeline
    now: datetime = NOW
    cursor: str | None = None
    requested: dict[str, dg.RunRequest] = field(default_factory=dict)

    def file(self, number: int, clusters: int | None = None, segment: str | None = None, **changes: object) -> str:
        """Put the tail file of a week of 2026 on main; returns the partition of its Monday."""
        text = render(_tail(number, clusters or CLUSTERS.get(number, 3), segment, **changes), schema_path="x")
        path = Path("eval", "tail", segment or "", f"2026-W{number}.yaml")
        target = self.pipeline.checkout / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        if git(self.pipeline.checkout, "status", "--porcelain"):
            commit_all(self.pipeline.checkout, f"Tail {number}")
        return f"2026-W{number}-1{f'|{segment}' if segment else ''}"

    def tick(self) -> list[str]:
        """The run keys of what this tick requests and none before it did."""
        agent = load_agents(self.pipeline.checkout).agents[0]
        sensor = escalation_sensor(agent, escalation_job(agent), now=lambda: self.now)
        ticked = self.pipeline.evaluate(sensor, self.cursor)
        self.cursor = ticked.cursor
        new = [one for one in ticked.run_requests or [] if one.run_key not in self.requested]
        self.requested |= {one.run_key or "": one for one in new}
        return [one.run_key or "" for one in new]

    def pages(self) -> dict[str | None, bool]:
        """Partition → whether its run may page."""
        return {
            one.partition_key: one.run_config["ops"][f"{AGENT}__escalation"]["config"]["page"]
            for one in self.requested.values()
        }


@pytest.fixture
def escalations(checkout: Path) -> Iterator[Escalations]:
    configure(checkout)
    with persistent_pipeline(checkout) as running:
        yield Escalations(running)


def key(number: int, segment: str = "") -> str:
    return f"simulated-support|{segment}|2026-W{number}"


def test_a_week_that_grows_is_escalated_when_its_file_has_landed(escalations: Escalations) -> None:
    found = []
    for number in (14, 15, 16):
        escalations.pipeline.land(escalations.file(number))
        found.append(escalations.tick())

    assert found == [[], [], [key(16)]]
    assert list(escalations.pages()) == ["2026-W16-1"]


def test_in_every_order_of_landing_each_escalating_week_is_requested_once(escalations: Escalations) -> None:
    weeks = [14, 15, 16, 17]
    for order in permutations(weeks):
        _forget_files(escalations.pipeline.checkout)
        this = Escalations(escalations.pipeline, cursor=escalations.cursor)
        found: list[str] = []
        for number in order:
            this.pipeline.land(this.file(number))
            found += this.tick()
        escalations.cursor = this.cursor

        assert sorted(found) == [key(16), key(17)], f"landed as {order}"


def test_several_weeks_that_land_at_once_are_all_seen(escalations: Escalations) -> None:
    escalations.pipeline.land(*(escalations.file(number) for number in (18, 15, 17, 14, 16)))

    assert escalations.tick() == [key(16), key(17), key(18)]


def test_a_tick_with_more_than_it_takes_leaves_the_rest_to_the_next(escalations: Escalations) -> None:
    escalations.pipeline.land(*["2026-W10-1"] * MAX_LANDED_PER_TICK)
    escalations.pipeline.land(*(escalations.file(number) for number in (14, 15, 16)))

    assert [escalations.tick(), escalations.tick(), escalations.tick()] == [[], [key(16)], []]


def test_a_restarted_sensor_goes_on_where_it_was(escalations: Escalations) -> None:
    for number in (14, 15):
        escalations.pipeline.land(escalations.file(number))
        escalations.tick()
    again = Escalations(escalations.pipeline, cursor=escalations.cursor)
    again.pipeline.land(again.file(16))

    assert again.tick() == [key(16)]
    cursor = again.cursor
    assert (again.tick(), again.cursor) == ([], cursor)


def test_a_week_mined_again_is_not_escalated_again(escalations: Escalations) -> None:
    for _ in range(2):
        escalations.pipeline.land(*(escalations.file(number) for number in (14, 15, 16)))
        escalations.tick()

    assert list(escalations.requested) == [key(16)]


@pytest.mark.parametrize(
    ("now", "page"),
    [("2026-04-20T09:05", True), ("2026-04-26T23:00", True), ("2026-04-13T09:05", True), ("2026-04-27T09:05", False)],
    ids=["one Monday later", "before the next Monday", "the same Monday", "two Mondays later"],
)
def test_only_the_two_newest_mining_days_page(escalations: Escalations, now: str, *, page: bool) -> None:
    escalations.now = at(now)
    escalations.pipeline.land(*(escalations.file(number) for number in (14, 15, 16)))
    escalations.tick()

    assert escalations.pages() == {"2026-W16-1": page}


def test_a_backfill_of_old_weeks_pages_for_the_new_ones_alone(escalations: Escalations) -> None:
    escalations.now = at("2026-04-27T09:05")
    escalations.pipeline.land(*(escalations.file(number) for number in CLUSTERS))
    escalations.tick()

    assert escalations.pages() == {"2026-W16-1": False, "2026-W17-1": True, "2026-W18-1": True}


def test_a_case_that_must_not_wait_escalates_a_week_by_itself(checkout: Path) -> None:
    configure(checkout, "    escalate_on: {labels: [regulatory]}\n")
    with persistent_pipeline(checkout) as pipeline:
        escalations = Escalations(pipeline)
        pipeline.land(escalations.file(16), escalations.file(17, 3, cases=[_case(17, labels=["regulatory"])]))

        assert escalations.tick() == [key(17)]
        assert _escalate(pipeline, "2026-W17-1", page=True)["escalates_for"] == ["with regulatory cases"]

    issue = (checkout / ".tail" / "escalations" / "simulated-support.2026-W17.md").read_text(encoding="utf-8")
    assert "has 1 case labelled **regulatory** in 2026-W17: `tail-2026W17-001`" in issue


def test_each_tenant_is_judged_by_its_own_weeks(checkout: Path) -> None:
    configure(checkout, TENANTS)
    with persistent_pipeline(checkout) as pipeline:
        escalations = Escalations(pipeline)
        for number in (14, 15, 16):
            pipeline.land(escalations.file(number, segment="acme"), escalations.file(number, 3, segment="globex"))

        assert escalations.tick() == [key(16, "acme")]
        assert list(escalations.pages()) == ["2026-W16-1|acme"]


def test_a_file_that_cannot_be_read_keeps_no_other_tenant_waiting_and_is_not_forgotten(checkout: Path) -> None:
    configure(checkout, TENANTS)
    with persistent_pipeline(checkout) as pipeline:
        escalations = Escalations(pipeline)
        for number in (14, 15, 16):
            pipeline.land(escalations.file(number, segment="acme"), escalations.file(number, segment="globex"))
        broken = checkout / "eval" / "tail" / "acme" / "2026-W15.yaml"
        whole = broken.read_text(encoding="utf-8")
        broken.write_text("cases: [", encoding="utf-8")
        commit_all(checkout, "Broken")
        assert escalations.tick() == [key(16, "globex")]

        broken.write_text(whole, encoding="utf-8")
        commit_all(checkout, "Repaired")
        assert escalations.tick() == [key(16, "acme")]


def test_a_tick_that_can_read_nothing_fails_and_names_the_file(escalations: Escalations) -> None:
    escalations.pipeline.land(escalations.file(16))
    (escalations.pipeline.checkout / "eval" / "tail" / "2026-W16.yaml").write_text("cases: [", encoding="utf-8")
    commit_all(escalations.pipeline.checkout, "Broken")

    with pytest.raises(PermanentError, match=r"eval/tail/2026-W16\.yaml"):
        escalations.tick()


def test_a_daily_agents_week_is_escalated_for_its_newest_day(checkout: Path) -> None:
    configure(checkout)
    agents = checkout / "eval" / "agents.yaml"
    agents.write_text(agents.read_text(encoding="utf-8").replace("cadence: weekly", "cadence: daily"), encoding="utf-8")
    with persistent_pipeline(checkout) as pipeline:
        escalations = Escalations(pipeline, now=at("2026-04-15T09:05"))
        for number in (14, 15, 16):
            escalations.file(number)
        pipeline.land("2026-W16-3", "2026-W16-1", "2026-W16-2")

        assert escalations.tick() == [key(16)]
        assert escalations.pages() == {"2026-W16-3": True}


def test_the_trend_of_an_escalation_is_that_of_the_repository_when_it_runs(escalations: Escalations) -> None:
    escalations.file(16)
    before = _escalate(escalations.pipeline, "2026-W16-1", page=True)
    for number in (14, 15):
        escalations.file(number)

    after = _escalate(escalations.pipeline, "2026-W16-1", page=True)

    assert (before["verdict"], before["outcome"]) == ("unknown", "not needed")
    assert (after["verdict"], after["outcome"]) == ("growing", "created")


def test_a_week_without_a_file_has_nothing_to_escalate(escalations: Escalations) -> None:
    metadata = _escalate(escalations.pipeline, "2026-W16-1", page=True)

    assert (metadata["verdict"], metadata["outcome"]) == ("unknown", "not needed")


def test_the_requested_run_raises_the_issue(escalations: Escalations) -> None:
    pipeline = escalations.pipeline
    pipeline.land(*(escalations.file(number) for number in (14, 15, 16)))
    escalations.tick()
    request = escalations.requested[key(16)]

    result = pipeline.repository.get_job(f"escalate_{AGENT}").execute_in_process(
        instance=pipeline.instance, partition_key=request.partition_key, run_config=request.run_config
    )

    assert result.success
    issues = [path.name for path in (pipeline.checkout / ".tail" / "escalations").glob("*.md")]
    assert issues == ["simulated-support.2026-W16.md"]


def test_an_escalation_waits_longer_each_time_it_is_tried_again() -> None:
    waits = [one.step_retry_data.seconds_to_wait for one in _retries(TransientError("the repository is away"))]

    assert waits == pytest.approx([0.001 * 2**number for number in range(6)])


def test_an_escalation_that_cannot_succeed_is_not_tried_again() -> None:
    assert _retries(PermanentError("no such repository")) == []


def _retries(error: Exception) -> list[dg.DagsterEvent]:
    @dg.op
    def escalate(context: dg.OpExecutionContext) -> None:
        with as_dagster_failures(retry_wait_s=0.001, retries=ESCALATION_RETRIES, retry_number=context.retry_number):
            raise error

    @dg.job
    def escalation() -> None:
        escalate()

    result = escalation.execute_in_process(raise_on_error=False)
    assert not result.success
    return [event for event in result.all_events if event.is_step_up_for_retry]


def _escalate(pipeline: Pipeline, partition: str, *, page: bool) -> dict[str, object]:
    """Run the escalation of one partition; what it says in its metadata."""
    job = pipeline.repository.get_job(f"escalate_{AGENT}")
    config = {"ops": {f"{AGENT}__escalation": {"config": {"page": page}}}}
    assert job.execute_in_process(instance=pipeline.instance, partition_key=partition, run_config=config).success
    return pipeline.metadata("escalation", partition)


def _tail(number: int, clusters: int, segment: str | None, **changes: object) -> TailFile:
    week = IsoWeek(2026, number)
    case = _case(number, segment)
    return tail_file(
        iso_week=str(week), agent="simulated-support", segment=segment, counts=counts(clusters=clusters, new_clusters=clusters),
        **({"cases": [case]} | changes),
    )  # fmt: skip


def _case(number: int, segment: str | None = None, labels: Sequence[str] = ()) -> object:
    middle = f"-{segment}" if segment else ""
    return tail_case(1, id=f"tail-2026W{number}{middle}-001", labels=list(labels))


def _forget_files(checkout: Path) -> None:
    git(checkout, "rm", "--quiet", "-r", "--ignore-unmatch", "eval/tail")
    if git(checkout, "status", "--porcelain"):
        commit_all(checkout, "Forget")
