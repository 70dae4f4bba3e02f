"""What an edit of ``agents.yaml`` does to the partitions."""

from __future__ import annotations

from typing import Any

import pytest

from tail_pipeline.domain.agents import AgentsConfig
from tail_pipeline.domain.partition_changes import partition_changes


def config(*agents: dict[str, Any]) -> AgentsConfig:
    filled = [{"traces": {"store": "files", "path": "x"}, "start_week": "2026-W01"} | one for one in agents]
    return AgentsConfig.model_validate({"repository": {"provider": "local"}, "agents": filled})


def support(**fields: Any) -> dict[str, Any]:
    return {"name": "support"} | fields


def tenants(*names: str) -> dict[str, Any]:
    return support(segments={"by": "tenant", "values": list(names)})


def messages(before: AgentsConfig, now: AgentsConfig) -> list[str]:
    return [change.message for change in partition_changes(before, now)]


def test_the_same_configuration_says_nothing() -> None:
    assert (
        partition_changes(config(tenants("acme"), support(name="b")), config(tenants("acme"), support(name="b"))) == []
    )


def test_a_spelling_that_is_added_changes_no_partition() -> None:
    renamed = support(segments={"by": "tenant", "values": {"acme": ["acme", "Acme Corp."]}})
    assert partition_changes(config(tenants("acme")), config(renamed)) == []


def test_a_tenant_that_is_added_appears() -> None:
    (change,) = partition_changes(config(tenants("acme")), config(tenants("acme", "initech")))
    assert (change.kind, change.segments) == ("appears", ("initech",))
    assert change.message == "support: tenant initech appears, mined weekly from 2026-W01 on"


def test_two_hundred_tenants_that_are_added_are_one_line() -> None:
    names = [f"tenant-{number}" for number in range(200)]
    (message,) = messages(config(tenants("acme")), config(tenants("acme", *names)))
    assert message.startswith("support: 200 tenant values appear: tenant-0, ")
    assert "and 180 more" in message


def test_an_agent_that_is_added_appears() -> None:
    now = config(support(), support(name="verifier", eval_dir="eval/verifier", cadence="daily"))
    assert messages(config(support()), now) == ["agent verifier appears, mined daily from 2026-W01 on"]


def test_a_tenant_that_is_gone_is_orphaned_and_the_command_that_deletes_it_is_named() -> None:
    (change,) = partition_changes(config(tenants("acme", "globex")), config(tenants("acme")))
    assert (change.kind, change.segments) == ("orphaned", ("globex",))
    assert "tail-pipeline forget --agent support --segment globex" in change.message


def test_an_agent_that_is_gone_is_orphaned_as_a_whole() -> None:
    (change,) = partition_changes(
        config(support(), tenants("a", "b") | {"name": "b", "eval_dir": "b"}), config(support())
    )
    assert (change.kind, change.agent, change.segments) == ("orphaned", "b", ())
    assert change.message.endswith("tail-pipeline forget --agent b")


def test_a_tenant_that_is_renamed_appears_and_is_orphaned() -> None:
    changes = partition_changes(config(tenants("acme")), config(tenants("acme-corp")))
    assert [(change.kind, change.segments) for change in changes] == [
        ("appears", ("acme-corp",)),
        ("orphaned", ("acme",)),
    ]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (support(), support(cadence="daily"), "cadence goes from weekly to daily"),
        (support(), support(start_week="2026-W10"), "earlier partitions are gone"),
        (support(start_week="2026-W10"), support(), "older partitions appear"),
        (support(), tenants("acme"), "partition keys read 2026-W17-1|segment instead of 2026-W17-1"),
        (support(), support(eval_dir="eval/support"), "eval_dir goes from eval to eval/support"),
        (
            tenants("acme"),
            support(segments={"by": "node_class", "values": ["acme"]}),
            "segments are told by node_class instead of tenant",
        ),
    ],
)
def test_what_gives_partitions_other_keys_is_said(before: dict[str, Any], now: dict[str, Any], said: str) -> None:
    (change,) = [one for one in partition_changes(config(before), config(now)) if one.kind == "rekeyed"]
    assert said in change.message
