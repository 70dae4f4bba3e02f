from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tail_pipeline.domain.agents import Agent, AgentsConfig, cross_check
from tail_pipeline.domain.pull_request import branch_of
from tail_pipeline.domain.weeks import IsoWeek

WEEK = IsoWeek(2026, 17)


def agent(name: str = "support", **changes: Any) -> dict[str, Any]:
    return {"name": name, "traces": {"store": "files", "path": "traces/*.jsonl"}} | changes


def config(*agents: dict[str, Any], **changes: Any) -> AgentsConfig:
    return AgentsConfig.model_validate({"repository": {"provider": "local"}, "agents": list(agents)} | changes)


def problems(found: AgentsConfig) -> list[str]:
    return [message for _, message in cross_check(found)]


@pytest.mark.parametrize("name", ["a", "support", "support-2", "a_b", "0", "x" * 63])
def test_a_name_that_is_safe_everywhere_is_taken(name: str) -> None:
    assert Agent.model_validate(agent(name)).name == name


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "A", "-a", "_a", "a b", "a.b", "a|b", "a,b", "a[0]", "ä", "a\n", "x" * 64]
)
def test_a_name_that_could_leave_its_path_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="becomes a path, a branch and a partition key"):
        Agent.model_validate(agent(name))


@pytest.mark.parametrize(
    "name", ["../x", "Acme", "a/b", "a|b", "", "..", "ümlaut", "a" * 64, "-a", "_all", "a b", "a,b"]
)
def test_a_segment_name_is_held_to_the_same_rule(name: str) -> None:
    with pytest.raises(ValidationError, match="becomes a path, a branch and a partition key"):
        Agent.model_validate(agent(segments={"by": "tenant", "values": [name]}))


@pytest.mark.parametrize("directory", ["/eval", "../eval", "eval/../..", "eval//a", "eval/", "./eval", "", "a/../b"])
def test_a_directory_outside_the_repository_is_refused(directory: str) -> None:
    with pytest.raises(ValidationError, match="plain relative directory"):
        Agent.model_validate(agent(eval_dir=directory))


@pytest.mark.parametrize("directory", [".", "my eval", "eval/a..b", "eval~1", "eval:x", "a.lock", "a\nb"])
def test_a_directory_that_makes_no_branch_name_is_refused(directory: str) -> None:
    with pytest.raises(ValidationError, match="eval_dir"):
        Agent.model_validate(agent(eval_dir=directory))


@pytest.mark.parametrize("table", ["spans; drop table x", 'a"b', "a.b.c", "1a", "a b", ""])
def test_a_table_that_is_not_an_identifier_is_refused(table: str) -> None:
    with pytest.raises(ValidationError, match="must be a table name"):
        Agent.model_validate(agent(traces={"store": "postgres", "dsn_env": "DSN", "table": table}))


def test_a_column_map_names_span_columns_only() -> None:
    with pytest.raises(ValidationError, match="no such span column: prompt"):
        Agent.model_validate(agent(traces={"store": "files", "path": "*", "columns": {"prompt": "input"}}))


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ValidationError, match="max_cluster\n"):
        Agent.model_validate(agent(max_cluster=3))


@pytest.mark.parametrize("week", ["2026-17", "2025-W53", "2026-W17-1"])
def test_a_start_week_must_exist(week: str) -> None:
    with pytest.raises(ValidationError, match="is not an ISO week"):
        Agent.model_validate(agent(start_week=week))


def test_a_list_of_segments_means_the_traces_spell_them_so() -> None:
    found = Agent.model_validate(agent(segments={"by": "tenant", "values": ["acme", "globex"]}))
    assert found.segments is not None
    assert found.segments.values == {"acme": "acme", "globex": "globex"}


def test_a_map_of_segments_says_how_the_traces_spell_them() -> None:
    found = Agent.model_validate(agent(segments={"by": "tenant", "values": {"acme": "Acme Corp."}}))
    assert found.segments is not None
    assert found.segments.values == {"acme": "Acme Corp."}


def test_segments_keep_their_declared_order() -> None:
    found = Agent.model_validate(agent(segments={"by": "tenant", "values": ["z", "a", "m"]}))
    assert found.segment_names == ["z", "a", "m"]


def test_an_agent_without_segments_has_one_nameless_one() -> None:
    assert Agent.model_validate(agent()).segment_names == [None]


def test_a_segment_declared_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="declared twice: acme"):
        Agent.model_validate(agent(segments={"by": "tenant", "values": ["acme", "b", "acme"]}))


def test_two_segments_cannot_claim_one_value_of_the_traces() -> None:
    with pytest.raises(ValidationError, match=r"two segments claim the same value in the traces: Acme Corp\."):
        Agent.model_validate(agent(segments={"by": "tenant", "values": {"a": "Acme Corp.", "b": "Acme Corp."}}))


def test_a_segment_that_was_renamed_has_both_spellings() -> None:
    values = {"acme": ["acme", "Acme Corp."], "globex": "Globex", "initech": ["initech"]}
    found = Agent.model_validate(agent(segments={"by": "tenant", "values": values})).segments
    assert found is not None
    assert [found.spellings_of(name) for name in values] == [("acme", "Acme Corp."), ("Globex",), ("initech",)]
    assert found.spellings == {"acme", "Acme Corp.", "Globex", "initech"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": ["Acme", "acme"], "b": "acme"}, "two segments claim the same value in the traces: acme"),
        ({"a": ["acme", "acme"]}, "a has a spelling twice: acme"),
        ({"a": []}, "at least 1 item"),
        ({"a": ["acme", ""]}, "a spelling of a is empty"),
        ({"a": ""}, "a spelling of a is empty"),
    ],
)
def test_spellings_that_are_claimed_twice_or_empty_are_refused(values: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Agent.model_validate(agent(segments={"by": "tenant", "values": values}))


def test_a_name_of_63_characters_is_a_segment() -> None:
    found = Agent.model_validate(agent(segments={"by": "tenant", "values": ["a" * 63]}))
    assert found.segment_names == ["a" * 63]


@pytest.mark.parametrize("values", [[], {}, [1], [None], [["acme"]], [{"acme": "Acme"}], "acme", {"acme": 1}])
def test_segments_of_another_shape_are_refused(values: Any) -> None:
    with pytest.raises(ValidationError):
        Agent.model_validate(agent(segments={"by": "tenant", "values": values}))


@pytest.mark.parametrize(
    ("changes", "segment", "path"),
    [
        ({}, None, "eval/tail/2026-W17.yaml"),
        ({"eval_dir": "eval/verifier"}, None, "eval/verifier/tail/2026-W17.yaml"),
        ({"segments": {"by": "tenant", "values": ["acme"]}}, "acme", "eval/tail/acme/2026-W17.yaml"),
        ({"segments": {"by": "tenant", "values": ["acme"]}}, None, "eval/tail/2026-W17.yaml"),
        (
            {"segments": {"by": "node_class", "values": ["shot"], "eval_dir": "eval/{segment}"}},
            "shot",
            "eval/shot/tail/2026-W17.yaml",
        ),
    ],
)
def test_a_tail_file_lies_with_what_governs_it(changes: dict[str, Any], segment: str | None, path: str) -> None:
    assert Agent.model_validate(agent(**changes)).tail_path(segment, WEEK) == path


@pytest.mark.parametrize(
    ("tail_path", "schema"),
    [
        ("eval/tail/2026-W17.yaml", "../tail.schema.json"),
        ("eval/tail/acme/2026-W17.yaml", "../../tail.schema.json"),
        ("eval/shot/tail/2026-W17.yaml", "../../tail.schema.json"),
    ],
)
def test_the_schema_is_found_from_the_tail_file(tail_path: str, schema: str) -> None:
    assert Agent.model_validate(agent()).schema_path(tail_path) == schema


def test_segments_with_their_own_directory_have_their_own_rubric_and_cases() -> None:
    found = Agent.model_validate(agent(segments={"by": "node_class", "values": ["shot"], "eval_dir": "eval/{segment}"}))
    assert (found.rubric_path("shot"), found.cases_path("shot")) == ("eval/shot/rubric.yaml", "eval/shot/cases.yaml")


def test_segments_without_their_own_directory_share_the_rubric() -> None:
    found = Agent.model_validate(agent(segments={"by": "tenant", "values": ["acme"]}))
    assert found.rubric_path("acme") == "eval/rubric.yaml"


@pytest.mark.parametrize(
    ("cadence", "start", "first"),
    [("weekly", "2026-W10", "2026-W10-1"), ("daily", "2026-W10", "2026-W10-1"), ("monthly", "2026-W10", "2026-W14-3")],
)
def test_the_first_mining_day_is_not_before_the_start_week(cadence: str, start: str, first: str) -> None:
    assert Agent.model_validate(agent(cadence=cadence, start_week=start)).first_mining_day.key == first


def test_agents_in_their_own_directories_are_no_problem() -> None:
    found = config(agent("drafter", eval_dir="eval/drafter"), agent("verifier", eval_dir="eval/verifier"))
    assert problems(found) == []


def test_two_agents_of_one_name_are_found() -> None:
    found = config(agent("a", eval_dir="eval/a"), agent("a", eval_dir="eval/b"))
    assert problems(found) == ["duplicate agent 'a': 'a' has the same name in Dagster"]


def test_names_that_dagster_cannot_tell_apart_are_found() -> None:
    found = config(agent("a-b", eval_dir="eval/a"), agent("a_b", eval_dir="eval/b"))
    assert list(cross_check(found)) == [
        (("agents", 1, "name"), "duplicate agent 'a_b': 'a-b' has the same name in Dagster")
    ]


def test_two_agents_that_would_write_the_same_tail_are_found() -> None:
    assert list(cross_check(config(agent("a"), agent("b")))) == [
        (("agents", 1, "eval_dir"), "'b' and 'a' would both write eval/tail/; give one another eval_dir")
    ]


@pytest.mark.parametrize("other", [{}, {"segments": {"by": "tenant", "values": ["globex"]}}], ids=["plain", "tenants"])
def test_an_agent_in_the_directory_of_one_with_tenants_is_found(other: dict[str, Any]) -> None:
    """What tenants share is in the very files that an agent without tenants writes."""
    found = config(agent("a", segments=TENANTS), agent("b", **other))
    assert problems(found) == ["'b' and 'a' would both write eval/tail/; give one another eval_dir"]


def test_an_agent_beside_one_whose_node_classes_have_directories_of_their_own_is_no_problem() -> None:
    nodes = {"by": "node_class", "values": ["shot"], "eval_dir": "eval/{segment}"}
    assert problems(config(agent("a", segments=nodes), agent("b"))) == []


def test_a_segment_directory_without_the_placeholder_is_found() -> None:
    found = config(agent(segments={"by": "tenant", "values": ["a", "b"], "eval_dir": "eval/all"}))
    assert list(cross_check(found)) == [
        (("agents", 0, "segments", "eval_dir"), "must contain {segment}, or all segments would share it")
    ]


def test_an_embedding_at_an_undeclared_endpoint_is_found() -> None:
    found = config(agent(embedding={"model": "vllm/bge"}), models={"azure": {"api_key_env": "KEY"}})
    assert list(cross_check(found)) == [
        (
            ("agents", 0, "embedding", "model"),
            "unknown endpoint 'vllm'; under models: in eval/agents.yaml there are azure, openai",
        )
    ]


@pytest.mark.parametrize("model", ["openai/text-embedding-3-small", "vllm/bge"])
def test_an_embedding_at_a_known_endpoint_is_no_problem(model: str) -> None:
    found = config(agent(embedding={"model": model}), models={"vllm": {"api_key_env": "KEY"}})
    assert problems(found) == []


def test_all_problems_are_found_at_once() -> None:
    found = config(agent("a-b", embedding={"model": "vllm/bge"}), agent("a_b"))
    assert len(problems(found)) == 3


TENANTS = {"by": "tenant", "values": ["acme"]}


def test_a_segment_named_like_the_tail_directory_is_refused() -> None:
    with pytest.raises(ValidationError, match="'tail' is the name of the directory"):
        Agent.model_validate(agent(segments={"by": "tenant", "values": ["tail"]}))


@pytest.mark.parametrize(
    "agents",
    [
        (agent("a", segments=TENANTS), agent("b", eval_dir="eval/acme")),
        (agent("a", eval_dir="verifier"), agent("b", eval_dir="eval/verifier")),
        (agent("a"), agent("b", eval_dir="tail")),
    ],
    ids=["a tenant and a directory", "with and without eval", "a directory named tail"],
)
def test_agents_whose_pull_requests_would_share_a_branch_are_found(agents: tuple[dict[str, Any], ...]) -> None:
    found = config(*agents)
    branches = [branch_of(one.tail_path(segment, WEEK)) for one in found.agents for segment in one.segment_names]
    assert len(branches) > len(set(branches)), "the agents of this test have branches of their own"
    assert problems(found) != []


def test_a_declared_endpoint_is_used_by_its_name() -> None:
    found = config(agent(), models={"vllm": {"api_key_env": "VLLM_KEY", "base_url": "http://localhost:8000/v1"}})
    assert found.endpoint("vllm/bge").api_key_env == "VLLM_KEY"


def test_openai_is_an_endpoint_without_being_declared() -> None:
    assert config(agent()).endpoint("openai/gpt-5").api_key_env == "OPENAI_API_KEY"


def test_an_agent_is_found_by_its_name() -> None:
    found = config(agent("a"), agent("b", eval_dir="eval/b"))
    assert found.agent("b") == found.agents[1]


def test_an_agent_that_is_not_there_is_none() -> None:
    assert config(agent("a")).agent("b") is None


def test_labels_that_must_not_wait_are_declared_per_agent() -> None:
    found = Agent.model_validate(agent(escalate_on={"labels": ["regulatory", "safety"]}))
    assert found.escalating_labels == {"regulatory", "safety"}


def test_no_label_escalates_unless_declared() -> None:
    assert Agent.model_validate(agent()).escalating_labels == frozenset()


@pytest.mark.parametrize("value", [{}, {"labels": []}, {"labels": [""]}, {"labels": ["a\nb"]}, {"label": ["a"]}, ["a"]])
def test_escalate_on_of_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="escalate_on"):
        Agent.model_validate(agent(escalate_on=value))
