from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tail_pipeline.domain.rubric import Rubric

JUDGED = {"name": "policy", "weight": 0.5, "judge": "It follows the policy."}


def rubric(**changes: Any) -> Rubric:
    return Rubric.model_validate({"rubric_min_score": 0.82, "ragas_faithfulness": 0.78} | changes)


@pytest.mark.parametrize(
    ("labels", "weight"),
    [([], 1), (["tone"], 1), (["regulatory"], 10), (["tone", "safety"], 10), (["vip", "regulatory"], 40)],
)
def test_a_span_weighs_as_much_as_its_costliest_label(labels: list[str], weight: int) -> None:
    assert rubric(cost_weights={"regulatory": 10, "safety": 10, "vip": 40}).cost_weight(labels) == weight


def test_regulatory_and_safety_are_costly_unless_said_otherwise() -> None:
    assert rubric().cost_weights == {"regulatory": 10, "safety": 10}


@pytest.mark.parametrize(
    "changes",
    [
        {"rubric_min_score": 0.9},
        {"ragas_faithfulness": 0.5},
        {"model_primary": "openai/other"},
        {"cost_weights": {"vip": 3}},
        {"per_case_regression": 5},
    ],
)
def test_what_does_not_decide_a_score_does_not_change_the_fingerprint(changes: dict[str, Any]) -> None:
    assert rubric(criteria=[JUDGED], **changes).sha == rubric(criteria=[JUDGED]).sha


@pytest.mark.parametrize(
    "changes",
    [
        {"judge_model": "openai/gpt-5"},
        {"criteria": []},
        {"criteria": [JUDGED | {"weight": 0.6}]},
        {"criteria": [JUDGED | {"floor": 1.0}]},
        {"criteria": [JUDGED | {"judge": "It follows the new policy."}]},
    ],
)
def test_what_decides_a_score_changes_the_fingerprint(changes: dict[str, Any]) -> None:
    assert rubric(**({"criteria": [JUDGED]} | changes)).sha != rubric(criteria=[JUDGED]).sha


def test_a_new_kind_of_check_changes_no_fingerprint() -> None:
    """The kinds of check a criterion is not must not make every score on record one of another rubric."""
    checked = {"name": "has_citation", "weight": 0.1, "floor": None, "judge": None, "check": {"regex": r"§ ?\d+"}}

    assert rubric(criteria=[checked]).criteria[0].model_dump() == checked


@pytest.mark.parametrize("check", [{"contains": "a"}, {"contains": "b"}, {"similarity": {}}, {"max_length": 3}])
def test_another_check_is_another_fingerprint(check: dict[str, Any]) -> None:
    def checked(check: dict[str, Any]) -> Rubric:
        return rubric(criteria=[{"name": "checked", "weight": 1, "check": check}])

    assert checked(check).sha != checked({"contains": ["a", "b"]}).sha


def test_a_word_alone_and_a_list_of_one_are_the_same_check() -> None:
    alone, listed = ([{"name": "cites", "weight": 1, "check": {"contains": word}}] for word in ("§", ["§"]))

    assert rubric(criteria=alone).sha == rubric(criteria=listed).sha


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf"), "0.82", None, True])
def test_a_threshold_outside_the_unit_interval_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="rubric_min_score"):
        rubric(rubric_min_score=value)


@pytest.mark.parametrize("value", [0, 1])
def test_a_threshold_at_the_end_of_the_unit_interval_is_taken(value: float) -> None:
    assert rubric(rubric_min_score=value).rubric_min_score == value


@pytest.mark.parametrize("weight", [0, -1, 1.5, 1001, "10"])
def test_a_cost_weight_that_is_no_factor_is_refused(weight: Any) -> None:
    with pytest.raises(ValidationError, match="cost_weights"):
        rubric(cost_weights={"regulatory": weight})


@pytest.mark.parametrize(
    "criterion",
    [{"name": "a", "weight": 1}, {"name": "a", "weight": 1, "judge": "x", "check": {"regex": "y"}}],
    ids=["neither", "both"],
)
def test_a_criterion_is_decided_in_exactly_one_way(criterion: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs either 'judge' or 'check', and not both"):
        rubric(criteria=[criterion])


def test_criteria_named_twice_are_refused() -> None:
    with pytest.raises(ValidationError, match="criteria named twice: policy"):
        rubric(criteria=[JUDGED, JUDGED])


@pytest.mark.parametrize("missing", ["rubric_min_score", "ragas_faithfulness"])
def test_a_threshold_must_be_given(missing: str) -> None:
    given = {"rubric_min_score": 0.82, "ragas_faithfulness": 0.78}
    del given[missing]
    with pytest.raises(ValidationError, match=missing):
        Rubric.model_validate(given)


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ValidationError, match="rubric_min_scores"):
        rubric(rubric_min_scores=0.9)


def test_the_weights_may_not_all_be_zero() -> None:
    with pytest.raises(ValidationError, match="sum to zero"):
        rubric(criteria=[JUDGED | {"weight": 0.0, "floor": 1.0}])


def test_a_criterion_may_be_a_floor_and_nothing_else() -> None:
    tone = {"name": "tone", "weight": 1.0, "judge": "It is friendly."}
    assert rubric(criteria=[JUDGED | {"weight": 0.0, "floor": 1.0}, tone]).criteria[0].weight == 0


def test_a_judge_needs_something_to_judge() -> None:
    with pytest.raises(ValidationError, match="criteria is missing"):
        rubric(judge_model="openai/gpt-5")


@pytest.mark.parametrize("model", ["gpt-5", "openai/", "/gpt-5", "open ai/gpt-5", "openai/gpt 5"])
def test_a_model_is_named_with_its_endpoint(model: str) -> None:
    with pytest.raises(ValidationError, match="judge_model"):
        rubric(judge_model=model, criteria=[JUDGED])


def test_a_measured_sd_scores_nothing_anew() -> None:
    judged = {"judge_model": "openai/gpt-5", "criteria": [JUDGED]}
    assert rubric(**judged, judge_sd=0.05).sha == rubric(**judged).sha
