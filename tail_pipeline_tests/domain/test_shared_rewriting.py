"""Inputs of cross-tenant cases by a model: what of its answers may stand in a file that all tenants read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tail_pipeline.domain.errors import TransientError
from tail_pipeline.domain.kept_answers import KeptAnswers
from tail_pipeline.domain.shared_rewriting import NO_JUDGE, RewrittenDay, with_model_inputs
from tail_pipeline_tests.domain.shared_days import EXPORT, PARKING, TENANTS, said, shared_day, singles, together
from tail_pipeline_tests.scripted_judge import MemoryAnswers, ScriptedModel

WRITTEN = {"title": "Invoice export", "input": "Please help: my export to a spreadsheet always breaks."}
NOTHING = "the model wrote nothing that can be used"


def rewritten(script: Callable[[str, str], Any] | dict[str, str], tails: Any = None, **options: Any) -> RewrittenDay:
    model = ScriptedModel(script if callable(script) else lambda _system, _user: script)
    return with_model_inputs(
        shared_day(tails or singles(), **options), KeptAnswers(model, MemoryAnswers(), paid_by="a day")
    )


def test_a_case_has_the_input_and_the_title_that_the_model_wrote() -> None:
    found = rewritten(WRITTEN)

    assert [(one.input, one.title, one.no_input) for one in found.clusters] == [
        (WRITTEN["input"], "Invoice export", None)
    ]
    assert (found.by_model, found.not_given) == (1, Counter())


def test_without_a_judge_each_case_says_that_there_is_none() -> None:
    found = with_model_inputs(shared_day(singles()), None)

    assert [(one.input, one.no_input) for one in found.clusters] == [(None, NO_JUDGE)]
    assert (found.not_given, found.calls) == (Counter({NO_JUDGE: 1}), 0)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"input": "My zanzibarian export breaks."}, "uses a word that too few tenants used"),
        ({"title": "Zanzibarian export"}, "uses a word that too few tenants used"),
        ({"input": "Acme wants to export an invoice."}, "names a tenant"),
        ({"input": "Export invoice 17."}, "holds a digit"),
        ({"input": "Send it to <EMAIL_1>."}, "holds a placeholder, a tag or a hidden character"),
        (
            {"input": "the export of an invoice to fails spreadsheet"},
            "quotes more than 5 words in a row that too few tenants used",
        ),
    ],
)
def test_what_the_rule_refuses_is_no_input_and_the_reason_is_counted(answer: dict[str, str], why: str) -> None:
    tails = singles()
    tails["acme"] = [said("acme", 1, "zanzibarian export of an invoice to fails spreadsheet")]

    found = rewritten(WRITTEN | answer, tails)

    assert [one.input for one in found.clusters] == [None]
    assert found.not_given == Counter({f"what the model wrote {why}": 1})
    assert found.clusters[0].title != (WRITTEN | answer)["title"]


@pytest.mark.parametrize(
    "answer",
    [
        {"input": " "},
        {"input": "word " * 200},
        {"title": "!!!"},
        {"title": "one two three four five six seven eight nine"},
    ],
)
def test_an_answer_of_no_use_is_none(answer: dict[str, str]) -> None:
    assert rewritten(WRITTEN | answer).not_given == Counter({NOTHING: 1})


def test_what_an_endpoint_says_of_its_failure_is_not_repeated_for_it_may_quote() -> None:
    found = rewritten(lambda _system, user: TransientError(f"refused: {user}"))

    assert found.clusters[0].no_input == NOTHING


def test_only_what_is_proposed_is_paid_for() -> None:
    found = rewritten(WRITTEN, together(singles(EXPORT), singles(PARKING)), max_clusters=1)

    assert [one.input is not None for one in found.clusters] == [True, False]
    assert sum(found.not_given.values()) == 0


def test_the_model_is_told_no_tenant_and_sees_one_text_of_each_before_a_second() -> None:
    asked: list[str] = []
    tails = {
        tenant: [said(tenant, 1, EXPORT[0], paraphrases=tuple(f"{text} please {n}" for n, text in enumerate(EXPORT)))]
        for tenant in TENANTS
    }
    tails["acme"] = [said("acme", 1, EXPORT[1], paraphrases=("export invoice spreadsheet fails now",))]

    rewritten(lambda _system, user: asked.append(user) or WRITTEN, tails)

    assert not any(tenant in asked[0] for tenant in TENANTS)
    assert asked[0].index(EXPORT[1]) < asked[0].index("please 0")
