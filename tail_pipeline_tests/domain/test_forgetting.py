"""Whose data is to be forgotten, and where any configuration ever put it."""

from __future__ import annotations

from typing import Any

import pytest

from tail_pipeline.domain.agents import AgentsConfig
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.forgetting import Subject, subject_of


def config(*agents: dict[str, Any]) -> AgentsConfig:
    filled = [{"traces": {"store": "files", "path": "x"}} | one for one in agents]
    return AgentsConfig.model_validate({"repository": {"provider": "local"}, "agents": filled})


def tenants(*names: str, **fields: Any) -> dict[str, Any]:
    return {"name": "support", "segments": {"by": "tenant", "values": list(names)}} | fields


NODES = {"by": "node_class", "values": ["shot"], "eval_dir": "eval/{segment}"}


def test_a_tenant_that_is_gone_lies_where_every_earlier_configuration_put_it() -> None:
    now = config(tenants("globex", eval_dir="eval/support"))
    earlier = [config(tenants("acme", eval_dir="eval/support")), config(tenants("acme"))]
    assert subject_of("support", "acme", now, earlier).tail_dirs == ["eval/support/tail/acme", "eval/tail/acme"]


def test_a_node_class_with_a_directory_of_its_own_lies_there() -> None:
    now = config({"name": "art"})
    (place,) = subject_of("art", "shot", now, [config({"name": "art", "segments": NODES})]).places
    assert (place.tail_dir, place.cases_path, place.removed_path) == (
        "eval/shot/tail",
        "eval/shot/cases.yaml",
        "eval/shot/cases_removed.yaml",
    )


def test_of_an_agent_that_is_gone_everything_goes() -> None:
    now = config({"name": "other", "eval_dir": "eval/other"})
    found = subject_of("support", None, now, [config(tenants("acme", "globex"))])
    assert found.tail_dirs == ["eval/tail", "eval/tail/acme", "eval/tail/globex"]


def test_a_directory_that_is_somebody_elses_now_is_left_alone_and_named() -> None:
    now = config({"name": "other"})
    found = subject_of(
        "support", None, now, [config({"name": "support"}), config({"name": "support", "eval_dir": "old"})]
    )
    assert (found.tail_dirs, found.taken) == (["old/tail"], ("eval/tail",))


def test_a_directory_whose_branches_are_somebody_elses_now_is_left_alone() -> None:
    now = config(tenants("globex"), {"name": "other", "eval_dir": "eval/acme"})
    assert subject_of("support", "acme", now, [config(tenants("acme"))]).places == ()


def test_a_tenant_whose_declaration_nobody_has_any_more_lies_where_its_agent_puts_segments() -> None:
    assert subject_of("support", "acme", config(tenants("globex")), []).tail_dirs == ["eval/tail/acme"]


@pytest.mark.parametrize(("agent", "segment"), [("support", "acme"), ("support", None), ("my_agent", None)])
def test_who_is_declared_is_not_forgotten(agent: str, segment: str | None) -> None:
    now = config(tenants("acme"), {"name": "my-agent", "eval_dir": "eval/mine"})
    with pytest.raises(PermanentError, match=r"is declared in eval/agents\.yaml"):
        subject_of(agent, segment, now, [now])


def test_names_that_nobody_ever_declared_are_refused_with_those_there_were() -> None:
    with pytest.raises(PermanentError, match=r"no agent 'supprt' .* agents were: old, support"):
        subject_of("supprt", None, config(tenants("acme")), [config({"name": "old"})])


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("support.acme.2026-W17", "", True),
        ("support.acme.2026-W17.escalation", "", True),
        ("support.globex.2026-W17", "acme", False),
        ("support.2026-W17-1", "| acme | failed: …", True),
        ("support.2026-W17-1", "| acme-2 | failed", False),
        ("other.2026-W17-1", "| acme | failed", False),
        ("other.acme.2026-W17", "", False),
    ],
)
def test_an_issue_is_the_tenants_by_its_key_or_because_an_alarm_names_it(key: str, text: str, told: bool) -> None:
    assert Subject("support", "acme", ()).is_told_of(key, text) is told
