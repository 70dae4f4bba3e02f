"""Agreement of a score with people: against scikit-learn, against hand-computed values, and where nothing can be said."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score, roc_auc_score

from tail_pipeline.domain.calibration import Calibration, Rating, calibrate, rate
from tail_pipeline.domain.calibration_report import render_calibration
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.judgement import Judgement

SCORES = st.sampled_from([number / 20 for number in range(21)])
LABELLED = st.lists(st.tuples(st.booleans(), SCORES), min_size=4, max_size=25).filter(
    lambda rows: len({fails for fails, _ in rows}) == 2
)
LINE = 0.5
"""No score lies on it but ``0.5``, which passes."""

Rows = Sequence[tuple[bool, float]]


def found(rows: Rows, threshold: float = LINE, resamples: int = 5) -> Calibration:
    return calibrate([Rating(fails, (score,)) for fails, score in rows], threshold, resamples=resamples)


def auc(rows: Rows) -> float:
    estimate = found(rows).auc
    assert estimate is not None
    return estimate.value


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_auc_is_that_of_scikit_learn(rows: Rows):
    assert auc(rows) == pytest.approx(roc_auc_score([fails for fails, _ in rows], [-score for _, score in rows]))


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_auc_does_not_change_under_a_rising_map(rows: Rows):
    assert auc([(fails, score**3 / 2 + 0.1) for fails, score in rows]) == pytest.approx(auc(rows))


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_auc_of_turned_scores_is_the_complement(rows: Rows):
    assert auc([(fails, 1 - score) for fails, score in rows]) == pytest.approx(1 - auc(rows))


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_kappa_is_that_of_scikit_learn(rows: Rows):
    kappa = found(rows).at_threshold.kappa
    assert kappa is not None

    expected = cohen_kappa_score([fails for fails, _ in rows], [score < LINE for _, score in rows])
    assert kappa.value == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_kappa_is_the_same_when_people_and_score_change_places(rows: Rows):
    assume(len({score < LINE for _, score in rows}) == 2)
    turned = [(score < LINE, 0.0 if fails else 1.0) for fails, score in rows]
    one, other = found(rows).at_threshold.kappa, found(turned).at_threshold.kappa

    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(other.value)


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_precision_and_recall_are_those_of_scikit_learn(rows: Rows):
    fails, below = [label for label, _ in rows], [score < LINE for _, score in rows]
    assume(any(below))
    at_line = found(rows).at_threshold

    assert at_line.precision is not None
    assert at_line.recall is not None
    assert at_line.precision.value == pytest.approx(precision_score(fails, below))
    assert at_line.recall.value == pytest.approx(recall_score(fails, below))


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED, seed=st.integers(0, 9))
def test_the_order_of_answers_changes_no_value(rows: Rows, seed: int):
    shuffled = random.Random(seed).sample(rows, len(rows))
    one, other = found(rows), found(shuffled)

    assert one.suggestion is None or one.suggestion.threshold.value == other.suggestion.threshold.value
    assert (one.auc.value, one.at_threshold.kappa.value) == pytest.approx(
        (other.auc.value, other.at_threshold.kappa.value)
    )


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_no_other_threshold_has_a_larger_kappa_than_the_suggested_one(rows: Rows):
    suggestion = found(rows).suggestion
    assume(suggestion is not None)

    fails = [label for label, _ in rows]
    lines = {score for _, score in rows}
    best = max(cohen_kappa_score(fails, [score < line for _, score in rows]) for line in lines)
    assert suggestion.agreement.kappa.value == pytest.approx(best)


def test_a_score_on_the_threshold_passes():
    assert found([(True, 0.5), (False, 0.6)], threshold=0.5).at_threshold.below == 0


def test_the_suggested_threshold_lies_half_way_between_the_two_kinds():
    rows = [(True, 0.1), (True, 0.3), (False, 0.7), (False, 0.9)]

    assert found(rows).suggestion.threshold.value == 0.5


def test_intervals_are_those_of_wilson():
    """Four of five: 0.376 to 0.964 (Wilson 1927, as tabled by Agresti and Coull 1998)."""
    rows = [(True, 0.1)] * 4 + [(False, 0.1)] + [(False, 0.9)] * 5
    precision = found(rows).at_threshold.precision

    assert (precision.value, precision.low, precision.high) == pytest.approx((0.8, 0.376, 0.964), abs=0.001)


def test_the_interval_of_auc_holds_the_true_value_in_most_samples():
    """Normal scores one standard deviation apart have an AUC of .760."""
    generator = random.Random(0)
    held = 0
    for _ in range(40):
        rows = [(True, generator.gauss(0, 1)) for _ in range(40)] + [(False, generator.gauss(1, 1)) for _ in range(40)]
        estimate = found(rows, resamples=200).auc
        held += estimate.low <= 0.760 <= estimate.high

    assert held >= 34


def test_kappa_to_be_expected_elsewhere_is_not_above_the_one_it_was_chosen_for():
    generator = random.Random(1)
    rows = [(generator.random() < 0.5, generator.random()) for _ in range(60)]
    suggestion = found(rows, resamples=100).suggestion

    assert suggestion.unseen_kappa < suggestion.agreement.kappa.value


def test_the_same_answers_give_the_same_report_twice():
    rows = [(number % 3 == 0, (number * 37 % 20) / 20) for number in range(40)]

    assert asdict(found(rows, resamples=50)) == asdict(found(rows, resamples=50))


def test_a_score_that_is_higher_where_people_fail_suggests_no_threshold():
    one = found([(True, 0.9), (True, 0.8), (False, 0.2), (False, 0.1)])

    assert one.suggestion is None
    assert one.notes == ("no threshold agrees with people better than chance",)


# Where nothing can be said


def test_nothing_to_calibrate_on_is_an_error():
    with pytest.raises(PermanentError, match="nothing to calibrate on"):
        calibrate([], 0.5)


@pytest.mark.parametrize(("fails", "word"), [(True, "fails"), (False, "passes")])
def test_answers_of_one_kind_have_no_auc_kappa_or_suggestion(fails: bool, word: str):
    one = found([(fails, 0.3), (fails, 0.8)])

    assert (one.auc, one.at_threshold.kappa, one.suggestion) == (None, None, None)
    assert one.notes == (f"every scored answer {word} for people; AUC, kappa and a threshold need both kinds",)


def test_scores_that_are_all_the_same_suggest_no_threshold():
    one = found([(True, 0.7), (False, 0.7)])

    assert (one.auc.value, one.suggestion) == (0.5, None)
    assert one.notes == ("every answer has the same score, so no threshold can tell them apart",)


def test_unscored_answers_are_counted_by_reason_and_left_out():
    ratings = [Rating(True, (0.1,)), Rating(False, (0.9,)), Rating(True, (None,), "no judge")]
    one = calibrate(ratings, 0.5, resamples=5)

    assert (one.contents, one.failing, dict(one.unscored), one.auc.value) == (3, 2, {"no judge": 1}, 1.0)


def test_answers_nobody_scored_say_so():
    one = calibrate([Rating(True, (None,), "no judge")] * 3, 0.5)

    assert (one.auc, one.at_threshold.precision) == (None, None)
    assert one.notes == ("no answer was scored, so nothing can be said about agreement",)


# From judgements


def test_a_broken_floor_fails_at_every_threshold():
    assert rate(True, [Judgement(0.95, None, broken_floors=("policy",))], "rubric").scores == (0.0,)


def test_each_metric_takes_its_own_score_and_reason():
    judgement = Judgement(None, "refused", faithfulness=0.4)

    assert rate(True, [judgement], "rubric") == Rating(True, (None,), "refused")
    assert rate(True, [judgement], "faithfulness") == Rating(True, (0.4,))


# The report


def report(ratings: Sequence[Rating]) -> str:
    return render_calibration(calibrate(ratings, 0.5, resamples=20), score="rubric score", caveats=("a caveat",))


def test_the_report_names_the_count_the_threshold_and_the_caveats():
    text = report([Rating(True, (0.1,)), Rating(False, (0.9,)), Rating(True, (None,), "no judge")])

    assert text.splitlines()[:2] == [
        "rubric score of 3 answers, 2 of which people fail; 1 unscored",
        "  unscored: 1 × no judge",
    ]
    assert "suggested  fails below 0.500" in text
    assert text.endswith("note: a caveat\n")


def test_the_report_of_answers_nobody_scored_still_reads():
    assert "ranking    AUC not known" in report([Rating(True, (None,), "no judge")])


def test_the_report_says_what_repeats_are_worth():
    ratings = [Rating(number % 2 == 0, (number / 20, number / 20 + 0.1)) for number in range(18)]

    assert "0.071 of one score, from 18 answers scored 2 times" in report(ratings)


@settings(max_examples=40, deadline=None)
@given(rows=LABELLED)
def test_every_report_is_json(rows: Rows):
    assert json.loads(json.dumps(asdict(found(rows))))["contents"] == len(rows)
