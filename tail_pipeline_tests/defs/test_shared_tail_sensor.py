"""When the tenants' shared file is requested: after the last tenant of a day, and again when one comes later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.defs.shared_tail_automation import SHARED_TAG, shared_tail_sensor
from tail_pipeline_tests.conftest import make_checkout
from tail_pipeline_tests.defs.pipeline import AGENT, Pipeline, configure, persistent_pipeline

TENANTS = ("acme", "globex", "initech")
MONDAY, BEFORE = "2026-W17-1", "2026-W16-1"
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
MORNING, NOON = datetime(2026, 4, 20, 9, 30, tzinfo=UTC), datetime(2026, 4, 20, 12, 0, tzinfo=UTC)
TOMORROW = datetime(2026, 4, 21, 9, 30, tzinfo=UTC)
JOB = f"share_{AGENT}"


@dataclass
class Sharing:
    """The sensor of one agent, ticking on one instance; like the daemon it keeps the cursor and drops known run keys."""

    pipeline: Pipeline
    cursor: str | None = None
    now: datetime = MORNING
    keys: set[str] = field(default_factory=set)

    def tick(self) -> list[dg.RunRequest]:
        agent = load_agents(self.pipeline.checkout).agents[0]
        sensor = shared_tail_sensor(agent, self.pipeline.repository.get_job(JOB), now=lambda: self.now)
        ticked = self.pipeline.evaluate(sensor, self.cursor)
        self.cursor = ticked.cursor
        new = [request for request in ticked.run_requests or [] if request.run_key not in self.keys]
        self.keys |= {request.run_key for request in new if request.run_key}
        return new

    def days(self) -> list[str | None]:
        return [request.partition_key for request in self.tick()]

    def land(self, *tenants: str, day: str = MONDAY) -> None:
        self.pipeline.land(*(f"{day}|{tenant}" for tenant in tenants))

    def share(self, day: str = MONDAY) -> None:
        """Say that the shared file of the day is made."""
        self.pipeline.instance.report_runless_asset_event(
            dg.AssetMaterialization(dg.AssetKey([AGENT, "shared_tail_pr"]), partition=day)
        )

    def end(self, run: dg.DagsterRun) -> None:
        self.pipeline.instance.delete_run(run.run_id)


@pytest.fixture
def sharing(checkout: Path) -> Iterator[Sharing]:
    configure(checkout, f"    segments: {{by: tenant, values: [{', '.join(TENANTS)}]}}\n")
    with persistent_pipeline(checkout) as running:
        yield Sharing(running)


def test_a_day_is_requested_when_its_last_tenant_has_landed_and_not_before(sharing: Sharing) -> None:
    assert sharing.days() == []
    sharing.land("acme", "globex")
    assert sharing.days() == []
    sharing.land("initech")
    assert sharing.days() == [MONDAY]


def test_what_is_made_is_not_requested_again_until_a_tenant_lands_later(sharing: Sharing) -> None:
    sharing.land(*TENANTS)
    sharing.tick()
    sharing.share()
    assert [sharing.days() for _ in range(3)] == [[], [], []]

    sharing.land("globex")

    assert sharing.days() == [MONDAY]


def test_a_request_is_made_once_while_nothing_came_of_it(sharing: Sharing) -> None:
    sharing.land(*TENANTS)

    assert [sharing.days() for _ in range(3)] == [[MONDAY], [], []]


def test_a_tenant_under_way_is_waited_for_even_after_the_deadline(sharing: Sharing) -> None:
    sharing.land("acme", "globex")
    run = sharing.pipeline.start(f"{MONDAY}|initech")
    sharing.now = NOON
    assert sharing.days() == []

    sharing.end(run)

    assert sharing.days() == [MONDAY]


def test_a_tenant_that_failed_is_not_waited_for(sharing: Sharing) -> None:
    sharing.land("acme", "globex")
    sharing.pipeline.start(f"{MONDAY}|initech", FAILURE)

    assert sharing.days() == [MONDAY]


def test_a_tenant_nobody_tried_is_waited_for_until_the_deadline(sharing: Sharing) -> None:
    sharing.land("acme", "globex")
    assert sharing.days() == []

    sharing.now = NOON

    assert sharing.days() == [MONDAY]


def test_a_tenant_that_is_mined_again_is_waited_for(sharing: Sharing) -> None:
    sharing.land(*TENANTS)
    sharing.pipeline.start(f"{MONDAY}|acme", dg.DagsterRunStatus.STARTED)

    assert sharing.days() == []


def test_another_day_under_way_holds_up_nothing(sharing: Sharing) -> None:
    sharing.land(*TENANTS)
    sharing.pipeline.start(f"{BEFORE}|acme", dg.DagsterRunStatus.STARTED)

    assert sharing.days() == [MONDAY]


def test_a_shared_run_that_failed_is_requested_again_once_a_day(sharing: Sharing) -> None:
    sharing.land(*TENANTS)
    (request,) = sharing.tick()
    run = sharing.pipeline.start(MONDAY, FAILURE, JOB)
    sharing.pipeline.instance.add_run_tags(run.run_id, {SHARED_TAG: request.tags[SHARED_TAG]})
    assert [sharing.days() for _ in range(2)] == [[], []]

    sharing.now = TOMORROW

    assert [sharing.days() for _ in range(2)] == [[MONDAY], []]


def test_a_backfilled_day_is_requested_too(sharing: Sharing) -> None:
    sharing.tick()
    sharing.land(*TENANTS, day="2026-W11-1")

    assert sharing.days() == ["2026-W11-1"]


def test_a_deployment_with_a_history_makes_the_recent_days_only(sharing: Sharing) -> None:
    for day in ("2026-W11-1", BEFORE, MONDAY):
        sharing.land(*TENANTS, day=day)

    assert sharing.days() == [BEFORE, MONDAY]
    sharing.share(BEFORE)
    sharing.share(MONDAY)
    assert sharing.days() == []


def test_the_requested_run_makes_the_shared_file(sharing: Sharing) -> None:
    sharing.land(*TENANTS)
    (request,) = sharing.tick()

    assert sharing.pipeline.share(request.partition_key).success
    assert sharing.days() == []


def test_a_tick_asks_the_instance_as_often_for_three_tenants_as_for_many(tmp_path: Path) -> None:
    asked = []
    for count in (3, 60):
        place = tmp_path / str(count)
        place.mkdir()
        checkout = make_checkout(place)
        names = [f"tenant-{number}" for number in range(count)]
        configure(checkout, f"    segments: {{by: tenant, values: [{', '.join(names)}]}}\n")
        with persistent_pipeline(checkout) as running:
            sharing = Sharing(running)
            sharing.land(*names)
            asked.append(statements(sharing))

    assert asked[0] == asked[1]


def statements(sharing: Sharing) -> int:
    """SQL statements of one tick that requests a run."""
    count = 0

    def one_more(*_args: object) -> None:
        nonlocal count
        count += 1

    assert sharing.pipeline.repository
    event.listen(Engine, "before_cursor_execute", one_more)
    try:
        assert sharing.days() == [MONDAY]
    finally:
        event.remove(Engine, "before_cursor_execute", one_more)
    return count
