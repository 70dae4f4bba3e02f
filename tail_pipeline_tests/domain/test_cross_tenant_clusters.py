"""Which clusters of different tenants are one cross-tenant case, and what is said of it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.cross_tenant_clusters import NO_WORDS
from tail_pipeline.domain.novelty import EarlierCase, EarlierStatus, Novelty, Outcome
from tail_pipeline.domain.pull_request import render_body
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.tail_file import render
from tail_pipeline_tests.domain.builders import RUBRIC
from tail_pipeline_tests.domain.shared_days import (
    EXPORT,
    PARKING,
    TENANTS,
    said,
    shared_day,
    shared_file,
    singles,
    together,
)

COSTLY = RUBRIC.model_copy(update={"cost_weights": {"regulatory": 10}})


def test_single_spans_of_enough_tenants_are_a_case_though_each_tenant_calls_its_own_unclustered() -> None:
    (found,) = shared_day(singles(tenants=TENANTS[:3])).clusters

    assert (found.tenants, found.size, found.outcome, found.novelty) == (3, 3, Outcome.PROPOSED, Novelty.NEW)
    assert set(found.words) == {"export", "fails", "invoice", "spreadsheet"}


def test_many_clusters_of_too_few_tenants_are_none() -> None:
    tails = {tenant: [said(tenant, n, text, 9) for n, text in enumerate(EXPORT)] for tenant in TENANTS[:2]}

    found = shared_day(tails)

    assert (found.clusters, found.spans, found.alone) == ([], 54, 54)


def test_min_tenants_says_how_many_are_enough() -> None:
    assert shared_day(singles(tenants=TENANTS[:2]), min_tenants=2).clusters[0].tenants == 2
    assert shared_day(singles(tenants=TENANTS[:4]), min_tenants=5).clusters == []


def test_different_requests_are_different_cases() -> None:
    found = shared_day(together(singles(EXPORT), singles(PARKING)))

    assert [(one.tenants, one.size) for one in found.clusters] == [(5, 5), (5, 5)]
    assert {"bicycle", "park"} <= set(found.clusters[0].words) ^ set(found.clusters[1].words)


def test_spans_weights_and_triggers_are_those_of_all_tenants() -> None:
    tails = {
        tenant: [
            said(tenant, 1, EXPORT[n], n + 2, weight=10 * (n + 1), triggers={"rubric": n, "ragas": 1, "feedback": 0})
        ]
        for n, tenant in enumerate(TENANTS[:3])
    }

    (found,) = shared_day(tails).clusters

    assert (found.size, found.weight, found.triggers) == (9, 60, {"rubric": 3, "ragas": 3, "feedback": 0})


def test_a_costly_cluster_stands_above_a_larger_one_and_has_the_first_place() -> None:
    crowd = {tenant: [said(tenant, 1, PARKING[n % 3], 40)] for n, tenant in enumerate(TENANTS)}
    costly = singles(EXPORT, TENANTS[:3], cost_weight=10, weight=10, labels=("regulatory",))

    found = shared_day(together(crowd, costly), max_clusters=1, rubric=COSTLY)

    assert [(one.rank, one.cost_weight, one.labels, one.outcome) for one in found.clusters] == [
        (1, 10, ("regulatory",), Outcome.PROPOSED),
        (2, 1, (), Outcome.OVER_CAP),
    ]


@pytest.mark.parametrize(("holders", "shown"), [(2, ()), (3, ("vip",))])
def test_a_label_of_the_traces_is_shown_where_enough_tenants_have_it(holders: int, shown: tuple[str, ...]) -> None:
    tails = singles()
    for tenant in TENANTS[:holders]:
        tails[tenant] = [said(tenant, 1, EXPORT[0], labels=("vip",))]

    assert shared_day(tails).clusters[0].labels == shown


def test_a_label_that_names_a_tenant_is_never_shown() -> None:
    rubric = RUBRIC.model_copy(update={"cost_weights": {"acme-vip": 5}})

    assert shared_day(singles(labels=("acme-vip",)), rubric=rubric).clusters[0].labels == ()


def test_a_title_has_at_most_five_words_and_no_name_of_a_tenant() -> None:
    text = "acme export invoices into quarterly spreadsheet archives without errors"

    (found,) = shared_day(singles((text,)), names={tenant: (tenant, "Invoice Corp") for tenant in TENANTS[:1]}).clusters

    assert len(found.title.split()) == 5
    assert not {"acme", "invoice", "invoices"} & set(found.title.lower().split())


def test_a_cluster_without_common_words_says_so() -> None:
    (found,) = shared_day(singles(("12 34", "56 78"))).clusters

    assert (found.title, found.words) == (NO_WORDS, ())


@given(st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_the_order_of_tenants_and_clusters_makes_no_difference(order: random.Random) -> None:
    tails = together(singles(EXPORT), singles(PARKING))
    shuffled = {tenant: order.sample(tails[tenant], 2) for tenant in order.sample(TENANTS, 5)}

    assert shared_day(shuffled).clusters == shared_day(tails).clusters


def test_nothing_failed_is_no_case() -> None:
    assert shared_day({tenant: [] for tenant in TENANTS}).clusters == []
    assert shared_day({}).clusters == []


# What was seen before.


def earlier(
    case_id: str, status: EarlierStatus, *texts: str, words_only: bool = False, **changes: object
) -> EarlierCase:
    return EarlierCase(
        **{
            "id": case_id,
            "status": status,
            "texts": texts,
            "words_only": words_only,
            "rubric_sha": RUBRIC.sha,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(EarlierStatus.UNDECIDED, Outcome.UNDECIDED), (EarlierStatus.REJECTED, Outcome.REJECTED_BEFORE)],
)
def test_a_case_of_which_only_the_words_were_kept_is_found_again(status: EarlierStatus, outcome: Outcome) -> None:
    """Last week's file of other users' texts about the same and about something else, without an input."""
    last_week = shared_day(
        together(
            singles(("spreadsheet export of invoices fails", "cannot export invoice as spreadsheet")), singles(PARKING)
        )
    )
    history = [
        earlier(f"tail-2026W16-00{n}", status, " ".join(one.words), words_only=True, weight=one.weight)
        for n, one in enumerate(last_week.clusters)
    ]
    (known,) = [case.id for case in history if "export" in case.texts[0]]

    (found,) = shared_day(singles(EXPORT), history).clusters

    assert (found.outcome, found.case_id) == (outcome, known)


def test_a_case_of_the_shared_set_is_known() -> None:
    history = [earlier("poc-001", EarlierStatus.KNOWN, EXPORT[0])]

    (found,) = shared_day(singles(EXPORT), history).clusters

    assert (found.outcome, found.case_id) == (Outcome.KNOWN, "poc-001")


def test_what_half_of_its_tenants_found_to_be_a_shared_case_is_that_case() -> None:
    tails = singles(EXPORT, TENANTS[:4])
    for tenant in TENANTS[:2]:
        tails[tenant] = [said(tenant, 1, EXPORT[0], outcome=Outcome.KNOWN, novelty=None, case_id="poc-001")]
    history = [earlier("poc-001", EarlierStatus.KNOWN, "das steht in einer anderen sprache")]

    (found,) = shared_day(tails, history).clusters

    assert (found.outcome, found.case_id) == (Outcome.KNOWN, "poc-001")


def test_what_each_tenant_has_a_case_of_its_own_for_is_known_and_their_cases_are_not_named() -> None:
    tails = {
        tenant: [said(tenant, 1, EXPORT[0], outcome=Outcome.KNOWN, novelty=None, case_id=f"tail-2026W16-{tenant}-001")]
        for tenant in TENANTS
    }

    found = shared_day(tails)
    (row,) = shared_file(found.clusters).not_proposed

    assert (row.why, row.case) == ("known", None)


def test_what_one_tenant_knows_may_be_new_to_the_others() -> None:
    tails = singles(EXPORT)
    tails["acme"] = [said("acme", 1, EXPORT[0], outcome=Outcome.KNOWN, novelty=None, case_id="tail-2026W16-acme-001")]

    (found,) = shared_day(tails).clusters

    assert (found.tenants, found.outcome, found.case_id) == (5, Outcome.PROPOSED, None)


# Nothing of one tenant is in what is written.

canaries = st.text("bcdfghjklmnpqrstvwxz", min_size=7, max_size=10)


@given(st.lists(canaries, min_size=5, max_size=5, unique=True), st.data())
@settings(max_examples=60)
def test_no_word_of_one_or_two_tenants_is_in_the_file_or_the_body(canary: list[str], data: st.DataObject) -> None:
    """Each tenant says its own word in every text; one word is said by two of them."""
    two = data.draw(canaries.filter(lambda word: word not in canary))
    pair = data.draw(st.permutations(TENANTS))[:2]
    size = data.draw(st.integers(1, 3))
    tails = {
        tenant: [
            said(tenant, n, f"{own} {two if tenant in pair else ''} {text} {own}", size, paraphrases=(f"{text} {own}",))
            for n, text in enumerate((EXPORT[k % 3], PARKING[k % 3]))
        ]
        for k, (tenant, own) in enumerate(zip(TENANTS, canary, strict=True))
    }

    found = shared_day(tails)
    file = shared_file(found.clusters)
    texts = [
        render(file, schema_path="x"),
        render_body(file, None, reviewer_agreement([]), path="eval/tail/2026-W17.yaml"),
    ]

    assert file.cases
    for text in texts:
        assert not [word for word in (*canary, two, *TENANTS) if word in text.lower()]
        assert "span-" not in text
        assert "trace-" not in text
