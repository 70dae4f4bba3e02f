"""When a run that went through needs a person, with the numbers they need."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.audit import Audit
from tail_pipeline.domain.collection import Collected
from tail_pipeline.domain.errors import Finding
from tail_pipeline.domain.run_checks import (
    MIN_FAILING,
    check_bad_spans,
    check_cap,
    check_judge_budget,
    check_segments,
    check_tail_files,
    check_unclustered,
    check_unscored,
)
from tail_pipeline.domain.segments import SegmentBy
from tail_pipeline_tests.strategies import hostile_texts

OUTDATED = Finding("tail-miner/2026-W15:eval/tail/2026-W15.yaml", 6, "mined under another rubric; mine the week again")


def unscored(spans: int, without: int, signalled: int, judge: str | None = None):
    return check_unscored(spans=spans, unscored=without, signalled=signalled, judge_model=judge, max_share=0.2)


def test_one_bad_row_is_told_with_its_share_and_the_most_frequent_reasons() -> None:
    reasons = Counter({"input is null": 2, "not valid JSON": 5, "a": 1, "b": 1, "c": 1})

    outcome = check_bad_spans(Collected(spans=990, bad=10, reasons=reasons), 0.05)

    assert not outcome.passed
    assert not outcome.loses_data
    assert "10 of 1000 rows of the trace store (1.00%)" in outcome.message
    assert "not valid JSON (5), input is null (2), a (1), 2 more reasons" in outcome.message


def test_a_store_without_a_row_has_no_bad_one() -> None:
    assert check_bad_spans(Collected(), 0.05).passed


def test_a_segment_nobody_declared_loses_data_and_is_named_with_its_count() -> None:
    outcome = check_segments(SegmentBy.TENANT, ["acme"], {"acme": 9, "initech": 2, "hooli": 3, None: 4})

    assert (outcome.passed, outcome.loses_data) == (False, True)
    assert "3 spans of 'hooli', 2 spans of 'initech', 4 spans without one" in outcome.message
    assert outcome.counts == {"undeclared_spans": 5, "spans_without_segment": 4}


@given(st.dictionaries(hostile_texts(), st.integers(1, 9), max_size=60))
def test_whatever_traces_call_their_segments_the_message_stays_short_and_inert(seen: dict[str, int]) -> None:
    message = check_segments(SegmentBy.TENANT, [], dict(seen)).message

    assert "\n" not in message
    assert len(message) < 20 * 600
    assert not re.search(r"<\w", message)


@pytest.mark.parametrize(("without", "passed"), [(20, True), (21, False)])
def test_with_a_judge_the_unscored_share_has_a_limit(without: int, passed: bool) -> None:
    assert unscored(100, without, 100, judge="openai/judge").passed is passed


@given(st.integers(0, 50), st.integers(0, 50))
def test_without_a_judge_only_a_week_in_which_nothing_can_fail_is_told(spans: int, signalled: int) -> None:
    signalled = min(spans, signalled)

    assert unscored(spans, spans, signalled).passed is (spans == 0 or signalled > 0)


@given(failing=st.integers(0, 200), share=st.floats(0, 1))
def test_unclustered_spans_are_told_only_when_they_are_most_of_a_week_with_enough_of_them(
    failing: int, share: float
) -> None:
    alone = int(failing * share)

    assert check_unclustered(failing=failing, unclustered=alone).passed is (
        failing < MIN_FAILING or alone * 2 <= failing
    )


def test_clusters_beyond_the_cap_are_counted() -> None:
    outcome = check_cap(proposed=20, over_cap=3, max_clusters=20)

    assert not outcome.passed
    assert "3 clusters beyond the cap of 20" in outcome.message
    assert check_cap(proposed=20, over_cap=0, max_clusters=20).passed


def test_a_file_that_cannot_be_read_is_worse_than_one_of_another_rubric() -> None:
    broken = Finding("eval/tail/2026-W14.yaml", 3, "not valid YAML")

    outdated = check_tail_files(read=2, errors=[], outdated=[OUTDATED])
    both = check_tail_files(read=2, errors=[broken], outdated=[OUTDATED])

    assert (outdated.passed, outdated.loses_data) == (False, False)
    assert "mine the week again" in outdated.message
    assert (both.passed, both.loses_data) == (False, True)
    assert both.message.index("W14") < both.message.index("W15")


def test_of_many_findings_the_first_are_named_and_the_rest_counted() -> None:
    assert "; 30 more" in check_tail_files(read=50, errors=[], outdated=[OUTDATED] * 50).message


def test_what_the_calls_did_not_cover_is_told_with_what_is_known_of_it() -> None:
    audit = Audit.of(population=300, sampled=60, failing=2, found=40)
    outcome = check_judge_budget(spans=500, over_budget=240, max_calls=200, audit=audit)
    assert (outcome.passed, outcome.loses_data) == (False, True)
    assert "240 of 500 spans were not judged: max_judge_calls (200) is spent" in outcome.message
    assert audit.sentence in outcome.message


def test_a_week_that_the_calls_cover_passes() -> None:
    assert check_judge_budget(spans=500, over_budget=0, max_calls=200, audit=None).passed
