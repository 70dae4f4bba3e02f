"""The offline support score: what stands in the contexts counts, whatever its case and punctuation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.grounding import support
from tail_pipeline.domain.judgement import Content

PASSAGE = "The notice period is thirty days from the date of signature."
TEXTS = st.text(alphabet="abc de.-é§ñ漢字", max_size=60)


def supported(output: str, *contexts: str) -> float | None:
    return support(Content("how long is the notice period?", output, contexts))


@pytest.mark.parametrize("output", [PASSAGE, "THIRTY DAYS!", "… from the date of signature"])
def test_what_the_contexts_say_is_supported(output: str):
    assert supported(output, PASSAGE) == 1.0


def test_what_the_contexts_do_not_say_lowers_the_score():
    true = supported("The notice period is thirty days.", PASSAGE)
    false = supported("The notice period is ninety weeks, as every lawyer in Ohio confirms.", PASSAGE)

    assert true == 1.0
    assert false is not None
    assert false < 0.5


def test_a_short_answer_gets_the_benefit_of_the_doubt():
    short, long = supported("No idea.", PASSAGE), supported("No idea whatsoever, ask somebody else about it.", PASSAGE)

    assert short is not None
    assert long is not None
    assert short > long


def test_a_script_without_spaces_is_compared_as_well():
    assert supported("通知期間は三十日です", "契約の通知期間は三十日です。") == 1.0


@pytest.mark.parametrize("output", ["", "…", " \n"])
def test_an_answer_without_words_has_no_support(output: str):
    assert supported(output, PASSAGE) is None


@settings(max_examples=50, deadline=None)
@given(output=TEXTS, contexts=st.lists(TEXTS, max_size=3), more=TEXTS)
def test_a_further_context_never_lowers_support(output: str, contexts: list[str], more: str):
    before, after = supported(output, *contexts), supported(output, *contexts, more)

    assert before is None or (after is not None and 0 < before <= after <= 1)


@settings(max_examples=50, deadline=None)
@given(output=TEXTS, contexts=st.lists(TEXTS, max_size=4))
def test_the_order_of_contexts_does_not_matter(output: str, contexts: list[str]):
    assert supported(output, *contexts) == supported(output, *reversed(contexts))


def test_people_and_the_support_score_agree_on_real_answers(shared_data: Callable[[str], Path]):
    """Distinct words in contexts and input reach .9596."""
    from sklearn.metrics import roc_auc_score

    rows = pl.read_parquet(shared_data("traces/mtrag_human/responses.parquet")).filter(pl.col("context").list.len() > 0)
    said = rows.select("input", "output", "context").iter_rows()
    scores = [support(Content(asked, answer, tuple(contexts))) or 0.0 for asked, answer, contexts in said]

    assert roc_auc_score(rows["human_faithfulness_fail"], [-score for score in scores]) > 0.96
