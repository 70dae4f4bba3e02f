"""What each kind of check says about an answer, also about one that was written to break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.criterion_checks import CheckFailedError, ChecksJudge, run_check, similarity
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.rubric import Criterion, Rubric

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def criterion(check: dict[str, Any], name: str = "checked") -> Criterion:
    return Criterion.model_validate({"name": name, "weight": 1.0, "check": check})


def score(check: dict[str, Any], output: str, **content: Any) -> float | None:
    return run_check(criterion(check), Content("a question", output, **content)).score


def reason(check: dict[str, Any], output: str, **content: Any) -> str:
    return run_check(criterion(check), Content("a question", output, **content)).reason


@pytest.mark.parametrize(
    ("check", "output", "expected"),
    [
        ({"contains": "Refund"}, "your REFUND is on its way", 1.0),
        ({"contains": ["refund", "days"]}, "a refund takes five days", 1.0),
        ({"contains": ["refund", "days"]}, "a refund takes a week", 0.0),
        ({"contains": "straße"}, "in der STRASSE", 1.0),
        ({"regex": r"§ ?\d+"}, "as § 12 says", 1.0),
        ({"regex": r"§ ?\d+"}, "as the statute says", 0.0),
        ({"regex": r"(?is)^(?!.*guarantee)"}, "first line\nwe Guarantee it", 0.0),
        ({"max_length": 5}, "12345", 1.0),
        ({"max_length": 5}, "123456", 0.0),
        ({"max_length": 1}, "", 1.0),
        ({"json_schema": {"required": ["price"]}}, '{"price": 3}', 1.0),
        ({"json_schema": {"required": ["price"]}}, '{"cost": 3}', 0.0),
        ({"json_schema": {"type": "number"}}, "NaN", 0.0),
        ({"json_schema": {"type": "integer"}}, "1.0", 1.0),
        ({"json_schema": {}}, 'Sure! {"price": 3}', 0.0),
        ({"json_schema": {}}, "", 0.0),
        ({"json_schema": {"pattern": "^a+$"}}, '"aaa"', 1.0),
        ({"json_schema": {"pattern": "^a+$"}}, '"aab"', 0.0),
        ({"json_schema": {"uniqueItems": True}}, '[{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]', 0.0),
        ({"json_schema": {"uniqueItems": True}}, '[1, "1", true]', 1.0),
        ({"json_schema": {"uniqueItems": False}}, "[1, 1]", 1.0),
        ({"json_schema": {"$defs": {"n": {"type": "null"}}, "$ref": "#/$defs/n"}}, "null", 1.0),
    ],
)
def test_a_check_passes_or_fails(check: dict[str, Any], output: str, expected: float):
    assert score(check, output) == expected


@pytest.mark.parametrize(
    ("check", "output", "expected"),
    [
        ({"contains": ["refund", "days"]}, "a refund", "lacks 'days'"),
        ({"max_length": 5}, "123456", "6 characters, 5 are allowed"),
        ({"json_schema": {}}, "oops", "not JSON"),
        ({"json_schema": {"properties": {"price": {"type": "number"}}}}, '{"price": "free"}',
         "not valid under properties.price.type"),
        ({"regex": "x"}, "y", "the pattern matches nowhere"),
        ({"regex": "x"}, "x", ""),
    ],
)  # fmt: skip
def test_a_failed_check_says_why_in_the_rubrics_words(check: dict[str, Any], output: str, expected: str):
    assert reason(check, output) == expected


@settings(max_examples=50, deadline=None)
@given(value=JSON_VALUES)
def test_every_json_value_is_valid_under_a_schema_that_names_it(value: Any):
    assert score({"json_schema": {"const": value}}, json.dumps(value)) == 1.0


@settings(max_examples=50, deadline=None)
@given(items=st.lists(st.integers(0, 5) | st.lists(st.integers(0, 2), max_size=2), max_size=8))
def test_items_are_unique_when_no_two_are_equal(items: list[Any]):
    equal = any(one == other for place, one in enumerate(items) for other in items[:place])

    assert score({"json_schema": {"uniqueItems": True}}, json.dumps(items)) == float(not equal)


# Measures


@pytest.mark.parametrize(
    ("text", "expected", "value"),
    [
        ("a refund takes five days", "A refund takes five days!", 1.0),
        ("the the the", "the", 0.5),
        ("five days", "two weeks", 0.0),
        ("refund in five days", "refund in two weeks", 0.5),
        ("返金は五日", "返金は十日", 0.8),
        ("", "", 1.0),
        ("", "five days", 0.0),
    ],
)
def test_similarity_is_the_f1_of_words_in_common(text: str, expected: str, value: float):
    assert similarity(text, expected) == pytest.approx(value)


@settings(max_examples=50, deadline=None)
@given(one=st.text(), other=st.text())
def test_similarity_does_not_depend_on_which_text_is_expected(one: str, other: str):
    assert similarity(one, other) == similarity(other, one)


@pytest.mark.parametrize(("at_least", "expected"), [(None, 0.5), (0.5, 1.0), (0.51, 0.0)])
def test_a_measure_is_the_score_unless_it_is_held_against_a_line(at_least: float | None, expected: float):
    check = {"similarity": {"at_least": at_least}}

    assert score(check, "refund in five days", expected="refund in two weeks") == expected


@pytest.mark.parametrize(
    ("check", "content", "why"),
    [
        ({"similarity": {}}, {"output": "yes"}, "no expected output"),
        ({"grounded": {}}, {"output": "yes"}, "no contexts"),
        ({"grounded": {}}, {"output": "…", "contexts": ("yes",)}, "no words"),
    ],
)
def test_a_check_that_does_not_apply_has_no_score_and_says_why(
    check: dict[str, Any], content: dict[str, Any], why: str
):
    found = run_check(criterion(check), Content("a question", **content))

    assert (found.score, found.reason) == (None, why)


# Functions of the team's own


def test_a_function_is_given_the_whole_content():
    seen: dict[str, Any] = {}

    def remember(**content: Any) -> bool:
        seen.update(content)
        return True

    run_check(criterion({"python": "m:f"}), Content("q", "a", ("one", "two"), "e"), remember)

    assert seen == {"input": "q", "output": "a", "contexts": ["one", "two"], "expected": "e"}


@pytest.mark.parametrize(("value", "expected"), [(True, 1.0), (False, 0.0), (0, 0.0), (1, 1.0), (0.25, 0.25)])
def test_a_function_returns_a_bool_or_a_share(value: float, expected: float):
    found = run_check(criterion({"python": "m:f"}), Content("q", "a"), lambda **_: value)

    assert found.score == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "check ours returned NoneType"),
        ("0.5", "check ours returned str"),
        (1.5, "check ours returned 1.5"),
        (-1, "check ours returned -1"),
        (float("nan"), "check ours returned nan"),
    ],
)
def test_anything_else_a_function_returns_is_no_score(value: Any, message: str):
    with pytest.raises(CheckFailedError, match=f"{message}; expected a bool, or a number in 0..1"):
        run_check(criterion({"python": "m:f"}, "ours"), Content("q", "a"), lambda **_: value)


def test_what_a_function_raises_is_named_without_its_text():
    def quoting(output: str, **_: Any) -> bool:
        raise ValueError(output)

    with pytest.raises(CheckFailedError) as raised:
        run_check(criterion({"python": "m:f"}, "ours"), Content("q", "a secret"), quoting)

    assert str(raised.value) == "check ours raised ValueError"


# Answers written to break a check


@pytest.mark.parametrize(
    ("check", "output"),
    [({"regex": "(a|aa)+$"}, "a" * 200_000 + "b"), ({"json_schema": {"pattern": "(x+x+)+y"}}, f'"{"x" * 200_000}"')],
    ids=["regex", "pattern of a schema"],
)
def test_a_pattern_that_takes_for_ever_is_cut_off(check: dict[str, Any], output: str):
    with pytest.raises(CheckFailedError, match="check checked timed out after 2 s"):
        score(check, output)


@pytest.mark.parametrize("output", ["[" * 100_000, '{"a":' * 50_000, "9" * 10_000])
def test_json_that_python_cannot_take_is_not_json(output: str):
    assert reason({"json_schema": {}}, output) == "not JSON"


def test_a_long_list_is_not_compared_item_by_item():
    items = json.dumps([{"n": number} for number in range(20_000)])

    assert score({"json_schema": {"uniqueItems": True}}, items) == 1.0


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"$ref": "#/$defs/absent"}], ids=["in circles", "nowhere"])
def test_a_schema_that_cannot_be_applied_is_no_verdict_on_the_answer(schema: dict[str, Any]):
    with pytest.raises(CheckFailedError, match="check checked: the schema cannot be applied"):
        score({"json_schema": schema}, "1")


# A rubric of checks alone


def rubric(*criteria: dict[str, Any]) -> Rubric:
    return Rubric.model_validate({"rubric_min_score": 0.82, "ragas_faithfulness": 0.78, "criteria": list(criteria)})


def judge(*criteria: dict[str, Any], **functions: Any) -> ChecksJudge:
    return ChecksJudge(rubric(*criteria), functions, rubric_path="eval/rubric.yaml")


SHORT = {"name": "short", "weight": 1, "check": {"max_length": 10}}
CITES = {"name": "cites", "weight": 3, "floor": 1.0, "check": {"contains": "§"}}
LIKE = {"name": "like", "weight": 4, "check": {"similarity": {}}}


def test_checks_are_weighted_where_they_apply():
    found = judge(SHORT, CITES, LIKE).judge(Content("q", "a rather long answer"))

    assert (found.score, found.broken_floors) == (0.0, ("cites",))
    assert judge(SHORT, CITES, LIKE).judge(Content("q", "§ 1 and no short answer")).score == 0.75


def test_a_content_no_check_applies_to_is_unscored():
    found = judge(LIKE).judge(Content("q", "an answer"))

    assert (found.score, found.unscored_reason) == (None, "no criterion applies")


def test_a_check_that_fails_leaves_the_content_unscored_with_its_name():
    def failing(**_: Any) -> bool:
        raise ValueError

    found = judge(SHORT, {"name": "ours", "weight": 1, "check": {"python": "m:f"}}, ours=failing).judge(
        Content("q", "a")
    )

    assert (found.score, found.unscored_reason) == (None, "check ours raised ValueError")


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        ([SHORT, {"name": "polite", "weight": 1, "judge": "It is polite."}], "polite needs a judge"),
        ([], "it has no criteria"),
    ],
)
def test_a_rubric_that_needs_more_than_checks_is_refused(criteria: list[dict[str, Any]], message: str):
    with pytest.raises(PermanentError, match=f"eval/rubric.yaml cannot be scored by checks alone: {message}"):
        judge(*criteria)
