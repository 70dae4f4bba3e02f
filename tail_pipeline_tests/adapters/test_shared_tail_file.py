"""The shared tail file: what it holds of a cross-tenant case, and ids that stay with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tail_pipeline.adapters.eval_files import parse_tail, undecided
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.pull_request import render_body, subject
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.tail_file import TailFile, render
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.domain.shared_days import EXPORT, PARKING, TENANTS, shared_day, shared_file, singles, together

PATH = "eval/tail/2026-W17.yaml"
TUESDAY = MiningDay.parse("2026-W17-2")
DAY = shared_day(together(singles(EXPORT), singles(PARKING, TENANTS[:3])))


def text_of(file: TailFile) -> str:
    return render(file, schema_path="../tail.schema.json")


def test_what_is_written_can_be_read_and_holds_only_what_may_be_said() -> None:
    file = shared_file(DAY.clusters)

    assert parse_tail(text_of(file), PATH) == file
    written = text_of(file)
    assert "tenants: {min_tenants: 3, declared: 5, mined: 5}" in written
    assert [(case.id, case.input, case.expected, case.cluster.tenants) for case in file.cases] == [
        ("tail-2026W17-001", None, None, 5),
        ("tail-2026W17-002", None, None, 3),
    ]
    for key in ("span_ids", "paraphrases", "observed_output", "lowest_score", "judged"):
        assert f"  {key}:" not in written


def test_ids_stay_when_a_tenant_comes_late_and_none_is_given_twice() -> None:
    first = shared_file(shared_day(together(singles(EXPORT, TENANTS[:3]), singles(PARKING, TENANTS[:4]))).clusters)
    by_words = {case.id: set(case.cluster.words) for case in first.cases}

    again = shared_file(DAY.clusters, [first])

    assert {case.id for case in again.cases} == by_words.keys()
    assert all(by_words[case.id] & set(case.cluster.words) for case in again.cases)
    other = shared_file(shared_day(singles(("whale songs are silent at night",))).clusters, [first, again])
    assert [case.id for case in other.cases] == ["tail-2026W17-003"]


def test_clusters_without_a_common_word_keep_their_id_as_long_as_their_numbers_stay() -> None:
    silent = [replace(one, words=()) for one in DAY.clusters]
    first = shared_file(silent)

    assert [case.id for case in shared_file(silent, [first]).cases] == [case.id for case in first.cases]


def test_the_days_of_a_daily_agent_stand_in_one_file() -> None:
    exports, parking = shared_day(singles(EXPORT)).clusters, shared_day(singles(PARKING)).clusters
    monday = shared_file(exports, one_run_a_week=False)
    both = shared_file(parking, [monday], day=TUESDAY, one_run_a_week=False, spans=5)

    assert [(run.day, run.counts.spans) for run in both.runs or []] == [("2026-W17-1", 20), ("2026-W17-2", 5)]
    assert [(case.id, case.run) for case in both.cases] == [
        ("tail-2026W17-001", "2026-W17-1"),
        ("tail-2026W17-002", "2026-W17-2"),
    ]
    again = shared_file(exports, [monday, both], one_run_a_week=False)
    assert text_of(again) == text_of(both)
    assert parse_tail(text_of(both), PATH) == both


def findings(text: str) -> list[tuple[str | None, str]]:
    with pytest.raises(InvalidFile) as error:
        parse_tail(text, PATH)
    assert all(one.line > 1 for one in error.value.findings)
    return [(one.case, one.message) for one in error.value.findings]


def test_a_promoted_case_without_an_input_is_a_finding() -> None:
    text = text_of(shared_file(DAY.clusters)).replace("status: proposed", "status: promoted", 1)

    ((case, message),) = findings(text)

    assert case == "tail-2026W17-001"
    assert message.startswith("input: promoted without an input")


def test_a_promoted_case_without_an_expected_output_does_not_pass_the_review() -> None:
    text = text_of(shared_file(DAY.clusters)).replace("status: proposed", "status: promoted", 1)
    text = text.replace("input: null", "input: How do I export?", 1)

    assert [(one.case, one.message.partition(";")[0]) for one in undecided(text, PATH)] == [
        ("tail-2026W17-001", "expected: promoted without an expected output"),
        ("tail-2026W17-002", "status: undecided"),
    ]


@pytest.mark.parametrize("line", ["paraphrases: [what acme asked]", "span_ids: [span-1]", "observed_output: Never."])
def test_what_is_one_tenants_is_refused_in_a_shared_file(line: str) -> None:
    text = text_of(shared_file(DAY.clusters)).replace("      tenants: 5\n", f"      tenants: 5\n      {line}\n")

    ((_, message),) = findings(text)

    assert "one tenant's" in message


def test_a_file_of_one_segment_needs_inputs_and_has_no_tenants_behind_a_case() -> None:
    text = text_of(shared_file(DAY.clusters)).replace("tenants: {min_tenants: 3, declared: 5, mined: 5}\n", "")

    assert {message.partition(";")[0] for _, message in findings(text)} == {
        "input: a case needs an input",
        "cluster.tenants: stands in a shared file only, which says under tenants: whose it is",
    }


def test_the_pull_request_says_whose_cases_these_are_and_what_is_left_to_the_reviewer() -> None:
    file = shared_file([replace(one, no_input="no judge_model in the rubric") for one in DAY.clusters])
    body = render_body(file, None, reviewer_agreement([]), path=PATH)

    assert subject(file) == "Regression tail 2026-W17: support / across tenants"
    assert "cross-tenant cases" in body
    assert "at least 3 of 5 tenants" in body
    assert "5 in 5 tenants" in body
    assert "2 cases have no input" in body
    assert "judge\\_model" in body
    assert "Trend" not in body
