"""One tenant that cannot be mined stops no other, and the alarm says which it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.defs.deadline import failure_sensor
from tail_pipeline_tests.conftest import commit_all, git, make_checkout
from tail_pipeline_tests.defs.pipeline import Pipeline, configure, persistent_pipeline, week, write_spans
from tail_pipeline_tests.domain.builders import at

TENANTS = ["acme", "globex", "hooli", "initech", "umbrella"]
BROKEN_ROWS, BROKEN_FILE = "globex", "initech"
ALARM = "simulated-support.2026-W17-1.md"


def traffic_of(tenant: str) -> list[dict[str, Any]]:
    rows = [{**row, "tenant": tenant, "span_id": f"{tenant}-{row['span_id']}"} for row in week()]
    return [{**row, "user_feedback": "a shrug"} for row in rows] if tenant == BROKEN_ROWS else rows


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A Monday of five tenants: the rows of one cannot be used, another's set of cases is broken on main."""
    checkout = make_checkout(tmp_path_factory.mktemp("tenants"))
    configure(checkout, f"    segments: {{by: tenant, values: [{', '.join(TENANTS)}]}}\n")
    (checkout / "eval" / "cases").mkdir()
    (checkout / "eval" / "cases" / f"{BROKEN_FILE}.yaml").write_text("cases: [\n", encoding="utf-8")
    commit_all(checkout, "Break a file")
    write_spans(checkout, [row for tenant in TENANTS for row in traffic_of(tenant)])
    with persistent_pipeline(checkout) as running:
        sensor = failure_sensor([load_agents(checkout).agents[0]], now=lambda: at("2026-04-20T09:10"))
        cursor = running.evaluate(sensor, None).cursor
        for tenant in TENANTS:
            running.mine(f"2026-W17-1|{tenant}")
        for _ in range(2):
            cursor = running.evaluate(sensor, cursor).cursor
        yield running


def test_every_other_tenant_has_its_pull_request(mined: Pipeline) -> None:
    branches = git(mined.checkout, "for-each-ref", "--format=%(refname:short)", "refs/heads/tail-miner").split()

    healthy = [tenant for tenant in TENANTS if tenant not in (BROKEN_ROWS, BROKEN_FILE)]
    assert branches == [f"tail-miner/{tenant}/2026-W17" for tenant in healthy]
    bodies = (mined.checkout / ".tail" / "pull_requests").glob("*/2026-W17.md")
    assert sorted(path.parent.name for path in bodies) == healthy


def test_the_alarm_names_the_tenants_that_failed_and_why(mined: Pipeline) -> None:
    text = mined.alarms[ALARM]

    assert f"2 cells of mining day 2026-W17-1.\n\n- `{BROKEN_ROWS}`: failed\n- `{BROKEN_FILE}`: failed\n" in text
    assert "25 of 125 rows cannot be used" in text
    assert f"eval/cases/{BROKEN_FILE}.yaml:" in text
