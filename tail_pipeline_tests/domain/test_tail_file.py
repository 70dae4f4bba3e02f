from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.drafting import DraftedCase, Judged
from tail_pipeline.domain.novelty import Novelty, Outcome
from tail_pipeline.domain.placeholders import PrivateKind, placeholder
from tail_pipeline.domain.scoring_summary import summarise
from tail_pipeline.domain.tail_file import (
    CASE_ID,
    MAX_SPAN_IDS,
    Complaint,
    Counts,
    NotProposed,
    Run,
    TailFile,
    build_tail_file,
    complaints_of,
    count_week,
    render,
    render_cases,
)
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline.domain.weighted_clusters import Cluster
from tail_pipeline_tests.domain.builders import (
    DAY,
    RUBRIC,
    WINDOW,
    at,
    cluster,
    counts,
    scored_frame,
    span,
    tail_case,
    tail_file,
)
from tail_pipeline_tests.strategies import hostile_texts

UNDRAFTED = DraftedCase(context=[], expected=None, expected_source="none")


def build(
    clusters: Sequence[Cluster],
    *earlier: TailFile,
    day: MiningDay = DAY,
    segment: str | None = None,
    cadence: Cadence = Cadence.WEEKLY,
    **changes: Any,
) -> TailFile:
    return build_tail_file(
        **{
            "day": day,
            "window": day.window(cadence),
            "agent": "support",
            "segment": segment,
            "rubric": RUBRIC,
            "counts": counts(),
            "audit": None,
            "clusters": clusters,
            "drafts": {one.representative: UNDRAFTED for one in clusters},
            "complaints": [],
            "one_run_a_week": cadence is not Cadence.DAILY,
            "earlier_versions": earlier,
        }
        | changes
    )


def ids(file: TailFile) -> list[str]:
    return [case.id for case in file.cases]


def with_members(number: int, *span_ids: str, **changes: Any) -> Cluster:
    keys = tuple((f"trace-{one}", one) for one in span_ids)
    return cluster(number, members=keys, representative=keys[0], **changes)


def test_new_cases_are_numbered_in_order_of_rank() -> None:
    assert ids(build([cluster(1), cluster(2)])) == ["tail-2026W17-001", "tail-2026W17-002"]


def test_with_a_segment_ids_carry_it() -> None:
    assert ids(build([cluster(1)], segment="acme")) == ["tail-2026W17-acme-001"]


@pytest.mark.parametrize("segment", [None, "acme", "a-b_c", "0"])
def test_an_id_is_read_back_as_week_segment_and_number(segment: str | None) -> None:
    match = CASE_ID.fullmatch(ids(build([cluster(1)], segment=segment))[0])
    assert match is not None
    assert match.groups() == ("2026W17", segment, "001")


def test_a_second_run_gives_every_cluster_the_id_it_had() -> None:
    first = build([cluster(1), cluster(2), cluster(3)])
    second = build([cluster(3), cluster(1), cluster(2)], first)
    assert ids(second) == ["tail-2026W17-003", "tail-2026W17-001", "tail-2026W17-002"]


def test_an_identical_second_run_gives_the_same_bytes() -> None:
    clusters = [cluster(1), cluster(2)]
    first = build(clusters)
    assert render(build(clusters, first), schema_path="s.json") == render(first, schema_path="s.json")


def test_a_title_does_not_decide_which_case_it_is() -> None:
    first = build([cluster(1, title="Refunds"), cluster(2, title="Tone")])
    assert ids(build([cluster(2, title="Refunds"), cluster(1, title="Tone")], first)) == [
        "tail-2026W17-002",
        "tail-2026W17-001",
    ]


def test_of_two_parts_of_a_cluster_the_larger_keeps_the_id() -> None:
    first = build([with_members(1, "a", "b", "c")])
    assert ids(build([with_members(1, "c"), with_members(2, "a", "b")], first)) == [
        "tail-2026W17-002",
        "tail-2026W17-001",
    ]


def test_of_two_clusters_that_became_one_the_larger_gives_its_id() -> None:
    first = build([with_members(1, "a"), with_members(2, "b", "c")])
    assert ids(build([with_members(1, "a", "b", "c")], first)) == ["tail-2026W17-002"]


def test_an_id_that_was_deleted_is_not_given_to_another_cluster() -> None:
    first = build([cluster(1), cluster(2)])
    without = first.model_copy(update={"cases": first.cases[:1]})
    assert ids(build([cluster(1), cluster(3)], first, without)) == ["tail-2026W17-001", "tail-2026W17-003"]


def test_a_deleted_cluster_that_is_found_again_has_its_old_id() -> None:
    first = build([cluster(1), cluster(2)])
    without = first.model_copy(update={"cases": first.cases[:1]})
    assert ids(build([cluster(1), cluster(2)], first, without)) == ["tail-2026W17-001", "tail-2026W17-002"]


def test_numbers_go_on_beyond_three_digits() -> None:
    first = tail_file(cases=[tail_case(999)])
    assert ids(build([cluster(1)], first)) == ["tail-2026W17-1000"]


def test_an_id_somebody_made_up_does_not_disturb_the_numbering() -> None:
    first = tail_file(cases=[tail_case(1, id="by-hand", cluster={"span_ids": ["x"]})])
    assert ids(build([cluster(1)], first)) == ["tail-2026W17-001"]


@given(
    st.lists(st.integers(1, 8), unique=True),
    st.lists(st.integers(1, 8), unique=True),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_a_cluster_keeps_its_id_through_any_weeks_of_reruns(
    first: list[int], second: list[int], shuffler: random.Random
) -> None:
    one = build([cluster(number) for number in first])
    two = build([cluster(number) for number in second], one)
    three = build([cluster(number) for number in shuffler.sample(first, len(first))], one, two)
    known = {case.cluster.span_ids[0]: case.id for case in (*two.cases, *one.cases)}
    assert {case.cluster.span_ids[0]: case.id for case in three.cases} == {
        span_id: case_id for span_id, case_id in known.items() if span_id in {f"span-{number}a" for number in first}
    }


@given(st.lists(st.lists(st.integers(1, 8), unique=True, max_size=6), min_size=1, max_size=4))
@settings(deadline=None)
def test_no_id_ever_stands_for_two_clusters(runs: list[list[int]]) -> None:
    files: list[TailFile] = []
    for numbers in runs:
        files.append(build([cluster(number) for number in numbers], *files))
    owners = {(case.id, case.cluster.span_ids[0]) for file in files for case in file.cases}
    assert len({case_id for case_id, _ in owners}) == len(owners)


def test_only_proposed_clusters_become_cases() -> None:
    clusters = [
        cluster(1, outcome=Outcome.KNOWN, novelty=None, case_id="poc-031"),
        cluster(2),
        cluster(3, outcome=Outcome.OVER_CAP),
        cluster(4, outcome=Outcome.UNCLUSTERED, novelty=None),
    ]
    file = build(clusters)
    assert (ids(file), [(row.why, row.case) for row in file.not_proposed]) == (
        ["tail-2026W17-001"],
        [("known", "poc-031"), ("over_cap", None)],
    )


def test_a_case_says_what_the_traffic_looked_like() -> None:
    found = cluster(
        1, labels=("regulatory",), cost_weight=10, weight=20, novelty=Novelty.REVIVED, first_seen="2026-W10"
    )
    case = build([found]).cases[0]
    assert (case.labels, case.cost_weight, case.cluster.weight, case.cluster.novelty, case.cluster.first_seen) == (
        ["regulatory"],
        10,
        20,
        "revived",
        "2026-W10",
    )


def test_a_new_case_was_first_seen_in_its_own_week() -> None:
    assert build([cluster(1)]).cases[0].cluster.first_seen == "2026-W17"


def test_the_file_keeps_enough_members_to_recognise_a_large_cluster() -> None:
    large = with_members(1, *(f"span-{number:04d}" for number in range(500)))
    first = build([large])
    assert (len(first.cases[0].cluster.span_ids), ids(build([cluster(2), large], first))) == (
        MAX_SPAN_IDS,
        ["tail-2026W17-002", "tail-2026W17-001"],
    )


def test_a_long_input_is_cut_and_says_so() -> None:
    case = build([cluster(1, text="a" * 30_000)]).cases[0]
    assert case.input == "a" * 20_000 + "\n[cut here: 30000 characters in the trace]"


MONDAY, TUESDAY, WEDNESDAY = (MiningDay.parse(f"2026-W17-{number}") for number in (1, 2, 3))


def daily(clusters: Sequence[Cluster], *earlier: TailFile, day: MiningDay, **changes: Any) -> TailFile:
    return build(clusters, *earlier, day=day, cadence=Cadence.DAILY, **changes)


def test_a_weekly_file_lists_no_runs() -> None:
    file = build([cluster(1)])
    assert (file.runs, file.cases[0].run) == (None, None)


def test_the_days_of_a_week_are_one_file() -> None:
    monday = daily([cluster(1)], day=MONDAY)
    tuesday = daily([cluster(2)], monday, day=TUESDAY)
    assert [(case.id, case.run) for case in tuesday.cases] == [
        ("tail-2026W17-001", "2026-W17-1"),
        ("tail-2026W17-002", "2026-W17-2"),
    ]


def test_a_week_of_days_reads_from_its_first_to_its_last() -> None:
    tuesday = daily([], daily([], day=MONDAY), day=TUESDAY)
    assert (tuesday.window.start, tuesday.window.end) == (at("2026-04-19T00:00"), at("2026-04-21T00:00"))


def test_the_counts_of_a_week_are_the_sum_of_its_days() -> None:
    monday = daily([], day=MONDAY, counts=counts(spans=100, cases=3))
    tuesday = daily([], monday, day=TUESDAY, counts=counts(spans=50, cases=1))
    assert (tuesday.counts.spans, tuesday.counts.cases, tuesday.counts.max_clusters) == (150, 4, 40)


def test_mining_one_day_again_changes_nothing() -> None:
    monday = daily([cluster(1)], day=MONDAY)
    tuesday = daily([cluster(2)], monday, day=TUESDAY)
    again = daily([cluster(1)], monday, tuesday, day=MONDAY)
    assert again == tuesday


def test_mining_one_day_again_replaces_that_day_alone() -> None:
    complaint = [Complaint(span_id="c", input="no", feedback="thumbs_down", run="2026-W17-2")]
    monday = daily([cluster(1), cluster(9, outcome=Outcome.OVER_CAP)], day=MONDAY)
    tuesday = daily([cluster(2)], monday, day=TUESDAY, complaints=complaint)
    again = daily([cluster(3)], monday, tuesday, day=MONDAY)
    assert (
        [(case.id, case.run) for case in again.cases],
        again.not_proposed,
        again.complaints,
    ) == ([("tail-2026W17-003", "2026-W17-1"), ("tail-2026W17-002", "2026-W17-2")], [], complaint)


def test_days_mined_out_of_order_stand_in_order() -> None:
    wednesday = daily([cluster(3)], day=WEDNESDAY)
    monday = daily([cluster(1)], wednesday, day=MONDAY)
    assert monday.runs is not None
    assert ([run.day for run in monday.runs], [case.run for case in monday.cases]) == (
        ["2026-W17-1", "2026-W17-3"],
        ["2026-W17-1", "2026-W17-3"],
    )


def test_the_same_spans_on_another_day_are_another_case() -> None:
    monday = daily([cluster(1)], day=MONDAY)
    assert ids(daily([cluster(1)], monday, day=TUESDAY)) == ["tail-2026W17-001", "tail-2026W17-002"]


def test_the_week_is_counted_by_what_became_of_it() -> None:
    frame = scored_frame(
        [
            span(1),
            span(2),
            span(3, rubric_score=0.9),
            span(4, rubric_score=None),
            span(5, rubric_score=None, correction="x"),
        ]
    )
    clusters = [
        cluster(1),
        cluster(2, outcome=Outcome.OVER_CAP),
        cluster(3, outcome=Outcome.KNOWN, novelty=None),
        cluster(4, novelty=Novelty.REVIVED),
        cluster(5, outcome=Outcome.UNCLUSTERED, novelty=None, members=(("t", "s"),)),
    ]
    assert count_week(summarise(frame.lazy(), RUBRIC), clusters, max_clusters=20) == Counts(
        spans=5,
        scored=3,
        recorded=3,
        unscored=2,
        failing=3,
        clusters=4,
        new_clusters=2,
        cases=2,
        over_cap=1,
        unclustered=1,
        max_clusters=20,
    )


def test_an_empty_week_counts_zero() -> None:
    found = count_week(summarise(scored_frame([]).lazy(), RUBRIC), [], max_clusters=20)
    assert set(found.model_dump().items()) == {
        (name, 20 if name == "max_clusters" else 0) for name in Counts.model_fields
    }


def test_complaints_are_the_negative_feedback_in_order_of_time() -> None:
    rows = scored_frame(
        [
            span(3, "late", user_feedback="regenerated"),
            span(1, "early", correction="Like this."),
            span(2, "no complaint", rubric_score=0.1),
        ]
    ).to_dicts()
    assert complaints_of(rows, None) == [
        Complaint(span_id="span-0001", input="early", feedback="corrected"),
        Complaint(span_id="span-0003", input="late", feedback="regenerated"),
    ]


def read_back(text: str) -> TailFile:
    return TailFile.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))


texts = hostile_texts()


@st.composite
def tail_files(draw: st.DrawFn) -> TailFile:
    run = draw(st.sampled_from([None, "2026-W17-3"]))
    cases = [
        tail_case(
            number,
            title=draw(texts),
            input=draw(texts),
            context=draw(st.lists(texts, max_size=2)),
            expected=draw(st.none() | texts),
            labels=draw(st.lists(texts, max_size=2)),
            run=run,
            cluster={"paraphrases": draw(st.lists(texts, max_size=2)), "span_ids": draw(st.lists(texts, max_size=3))},
        )
        for number in range(1, draw(st.integers(0, 2)) + 1)
    ]
    return tail_file(
        segment=draw(st.sampled_from([None, "acme"])),
        cases=cases,
        runs=[Run(day="2026-W17-3", window=tail_file().window, counts=counts())] if run else None,
        not_proposed=[NotProposed(title=draw(texts), weight=1, size=1, why="known", case=draw(texts), run=run)],
        complaints=[Complaint(span_id=draw(texts), input=draw(texts), feedback="thumbs_down", run=run)],
    )


@given(tail_files())
@settings(deadline=None, max_examples=60)
def test_a_file_is_read_back_as_it_was_written(file: TailFile) -> None:
    assert read_back(render(file, schema_path="s.json")) == file


@given(tail_files())
@settings(deadline=None, max_examples=60)
def test_a_file_that_was_read_is_written_to_the_same_bytes(file: TailFile) -> None:
    written = render(file, schema_path="s.json")
    assert render(read_back(written), schema_path="s.json") == written


def test_a_file_reads_as_designed() -> None:
    file = tail_file(
        cases=[tail_case(1, labels=["regulatory"], cost_weight=10)],
        not_proposed=[NotProposed(title="Refund timing", weight=12, size=12, why="known", case="poc-031")],
    )
    lines = render(file, schema_path="../tail.schema.json").splitlines()
    assert lines[:7] == [
        "# yaml-language-server: $schema=../tail.schema.json",
        "iso_week: 2026-W17",
        "agent: support",
        "segment: null",
        "window: {start: 2026-04-13T00:00:00Z, end: 2026-04-20T00:00:00Z}",
        f"rubric: {{sha: {yaml_word(RUBRIC.sha)}, rubric_min_score: 0.82, ragas_faithfulness: 0.78, judge_model: null}}",
        (
            "counts: {spans: 100, scored: 98, recorded: 0, judged: 0, unscored: 2, over_budget: 0, failing: 12, clusters: 4, "
            "new_clusters: 3, cases: 3, "
            "over_cap: 0, unclustered: 1, max_clusters: 20}"
        ),
    ]


def yaml_word(text: str) -> str:
    return text if text[0].isalpha() else f'"{text}"'


def test_the_keys_of_a_case_come_in_the_order_a_reviewer_reads_them() -> None:
    case = yaml.safe_load(render(tail_file(), schema_path="s.json"))["cases"][0]
    assert list(case)[:9] == [
        "id",
        "title",
        "status",
        "rejection_reason",
        "input",
        "context",
        "expected",
        "expected_source",
        "labels",
    ]


def test_a_file_without_cases_has_an_empty_list() -> None:
    assert "\ncases: []\n" in render(tail_file(cases=[]), schema_path="s.json")


def test_appended_cases_are_the_same_bytes_as_in_a_whole_file() -> None:
    cases = [tail_case(1), tail_case(2)]
    assert render_cases(cases, indent=2) in render(tail_file(cases=cases), schema_path="s.json")


def test_a_window_is_written_in_utc() -> None:
    assert WINDOW.start.strftime("start: %Y-%m-%dT%H:%M:%SZ") in render(tail_file(), schema_path="s.json")


ANNA = placeholder(PrivateKind.EMAIL, "anna@example.com", "support/acme")
BEN = placeholder(PrivateKind.EMAIL, "ben@example.com", "support/acme")


def build_private(*earlier: TailFile, text: str = f"a refund for {ANNA}") -> TailFile:
    one = cluster(1, text=text, paraphrases=(f"pay back {BEN}",))
    drafted = DraftedCase(
        context=[f"{BEN} paid for {ANNA}"],
        observed_output=f"Dear {ANNA}",
        judged=[Judged(criterion="polite", score=0.2, reason=f"It does not greet {BEN}.")],
        expected=f"Dear {BEN}, dear {ANNA}",
        expected_source="model",
    )
    return build([one], *earlier, drafts={one.representative: drafted})


def test_a_value_has_the_same_number_in_all_texts_of_a_case() -> None:
    (case,) = build_private().cases
    assert (case.input, case.context, case.expected) == (
        "a refund for <EMAIL_1>",
        ["<EMAIL_2> paid for <EMAIL_1>"],
        "Dear <EMAIL_2>, dear <EMAIL_1>",
    )
    assert (case.cluster.observed_output, case.cluster.judged[0].reason, case.cluster.paraphrases) == (
        "Dear <EMAIL_1>",
        "It does not greet <EMAIL_2>.",
        ["pay back <EMAIL_2>"],
    )


def test_a_placeholder_that_a_user_typed_is_not_given_to_a_value() -> None:
    (case,) = build_private(text=f"who is <EMAIL_1>? I am {ANNA}").cases
    assert case.input == "who is <EMAIL_1>? I am <EMAIL_2>"


def test_a_case_with_placeholders_keeps_its_id_and_its_bytes() -> None:
    first = build_private()
    assert render(build_private(first), schema_path="s.json") == render(first, schema_path="s.json")


def test_a_case_of_before_redaction_keeps_its_id() -> None:
    before = build([cluster(1, text="a refund for anna@example.com")])
    assert ids(build_private(before)) == ids(before)


def test_placeholders_are_read_back_from_the_file_as_they_are() -> None:
    file = build_private()
    read = yaml.safe_load(render(file, schema_path="s.json"))
    assert read["cases"][0]["input"] == file.cases[0].input
    assert ANNA not in render(file, schema_path="s.json")


def test_a_complaint_numbers_its_own_values() -> None:
    row = span(1, f"{BEN} and {ANNA}", user_feedback="thumbs_down") | {"triggers": ["feedback"]}
    assert complaints_of([row], None)[0].input == "<EMAIL_1> and <EMAIL_2>"
