from __future__ import annotations

import re
from typing import Any

import pytest

from tail_pipeline.domain.drafting import Judged
from tail_pipeline.domain.pull_request import MAX_BODY_CHARS, branch_of, render_body, subject, trend_chart
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.tail_file import CaseAudit, Complaint, NotProposed, Run, TailFile
from tail_pipeline.domain.trend import Trend, judge_trend
from tail_pipeline.domain.weeks import Cadence, IsoWeek
from tail_pipeline_tests.domain.builders import WEEK, counts, tail_case, tail_file, week_numbers

PATH = "eval/tail/2026-W17.yaml"
HOSTILE = "@octocat fixes #12 | ![x](http://x.y) <img src=x> `code` &amp; " * 40

UNDECIDED = reviewer_agreement([])


def trend(*clusters: int, **changes: Any) -> Trend:
    """The trend of the last weeks, oldest first, the last of them the week of the file."""
    weeks = [WEEK.shifted(-back) for back in reversed(range(len(clusters)))]
    numbers = {week: week_numbers(week, count, **changes) for week, count in zip(weeks, clusters, strict=True)}
    return judge_trend(WEEK, numbers, Cadence.WEEKLY)


def body(**changes: Any) -> str:
    return render_body(tail_file(**changes), trend(4, 5, 4), UNDECIDED, path=PATH)


def rows(text: str) -> list[str]:
    """Ids in the table of cases."""
    return re.findall(r"^\| `(tail-[^`]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "follow_up", "branch"),
    [
        ("eval/tail/2026-W17.yaml", 1, "tail-miner/2026-W17"),
        ("eval/tail/acme/2026-W17.yaml", 1, "tail-miner/acme/2026-W17"),
        ("eval/verifier/tail/2026-W17.yaml", 1, "tail-miner/verifier/2026-W17"),
        ("eval/tail/2026-W17.yaml", 2, "tail-miner/2026-W17.2"),
        ("eval/tail/acme/2026-W17.yaml", 3, "tail-miner/acme/2026-W17.3"),
        ("agents/verifier/tail/2026-W17.yaml", 1, "tail-miner/agents/verifier/2026-W17"),
    ],
)
def test_a_branch_is_named_after_the_place_of_its_file(path: str, follow_up: int, branch: str) -> None:
    assert branch_of(path, follow_up) == branch


@pytest.mark.parametrize(
    ("segment", "expected"),
    [(None, "Regression tail 2026-W17: support"), ("acme", "Regression tail 2026-W17: support / acme")],
)
def test_the_subject_names_week_agent_and_segment(segment: str | None, expected: str) -> None:
    assert subject(tail_file(segment=segment)) == expected


def test_no_trace_text_enters_the_subject() -> None:
    assert "octocat" not in subject(tail_file(cases=[tail_case(1, title=HOSTILE, input=HOSTILE)]))


def test_the_scorecard_comes_first() -> None:
    assert body().startswith("## Scorecard\n")


def test_sections_come_in_the_order_of_decisions() -> None:
    text = body(
        not_proposed=[NotProposed(title="Refunds", weight=1, size=1, why="known", case="poc-1")],
        complaints=[Complaint(span_id="s", input="no", feedback="thumbs_down")],
    )
    assert [line.split(":")[0] for line in text.splitlines() if line.startswith("## ")] == [
        "## Scorecard",
        "## How to review",
        "## Cases",
        "## Expected outputs",
        "## Trend",
        "## Not proposed",
        "## Complaints that stand alone",
    ]


def test_there_is_one_row_for_every_case() -> None:
    assert rows(body(cases=[tail_case(number) for number in range(1, 21)])) == [
        f"tail-2026W17-{number:03d}" for number in range(1, 21)
    ]


def test_a_row_says_what_a_reviewer_needs_to_choose() -> None:
    case = tail_case(1, title="Refund timing", labels=["regulatory"], cost_weight=10, cluster={"weight": 20, "size": 2})
    assert "| `tail-2026W17-001` | Refund timing (regulatory) ⚠ | 20 | 2 | rubric 2 | new | not run |" in body(
        cases=[case]
    )


def many(count: int) -> list[Any]:
    return [tail_case(number, title=HOSTILE, labels=[HOSTILE]) for number in range(1, count + 1)]


def test_two_hundred_cases_with_long_hostile_titles_fit() -> None:
    assert len(body(cases=many(200))) <= MAX_BODY_CHARS


def test_a_table_that_does_not_fit_is_cut_by_whole_rows_and_says_so() -> None:
    text = body(cases=many(200))
    shown = rows(text)
    assert shown == [f"tail-2026W17-{number:03d}" for number in range(1, len(shown) + 1)]
    assert 0 < len(shown) < 200
    assert f"\n{200 - len(shown)} more cases are in `{PATH}`.\n" in text


def test_no_row_is_cut_in_the_middle() -> None:
    lines = [line for line in body(cases=many(200)).splitlines() if line.startswith("| `tail-")]
    assert {line.endswith("| not run |") for line in lines} == {True}


@pytest.mark.parametrize("count", range(120, 200, 7))
def test_a_body_near_the_limit_fits(count: int) -> None:
    assert len(body(cases=many(count))) <= MAX_BODY_CHARS


NOISE = {
    "not_proposed": [NotProposed(title="&" * 500, weight=1, size=1, why="known", case="poc-1")] * 200,
    "complaints": [Complaint(span_id="s", input="&" * 1_000, feedback="thumbs_down")] * 200,
}


def test_long_hostile_complaints_and_left_out_clusters_fit() -> None:
    assert len(body(**NOISE)) <= MAX_BODY_CHARS


def test_complaints_do_not_push_out_the_cases() -> None:
    assert rows(body(**NOISE)) == ["tail-2026W17-001"]


def test_what_is_not_listed_is_counted() -> None:
    left_out = [NotProposed(title="Refunds", weight=1, size=1, why="over_cap")] * 53
    complaints = [Complaint(span_id="s", input="no", feedback="thumbs_down")] * 57
    text = body(not_proposed=left_out, complaints=complaints)
    assert ("\n3 more are in the file." in text, "\n- 7 more are in the file." in text) == (True, True)


def test_hostile_text_does_nothing_in_the_body() -> None:
    text = body(
        cases=many(3),
        not_proposed=[NotProposed(title=HOSTILE, weight=1, size=1, why="over_cap")],
        complaints=[Complaint(span_id="s", input=HOSTILE, feedback="thumbs_down")],
    )
    assert re.findall(r"@octocat|#12|http://|<img|!\[", text) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spans": 0, "failing": 0}, "The trace store holds no spans for this window."),
        ({"spans": 50, "failing": 0}, "None of the 50 spans would fail the rubric on main."),
        ({"spans": 50, "failing": 4}, "4 of 50 spans would fail the rubric, and none of them makes a new case"),
    ],
)
def test_a_week_without_a_case_says_why(changes: dict[str, int], message: str) -> None:
    text = body(cases=[], counts=counts(cases=0, **changes))
    assert text.startswith(f"## No case this week\n\n{message}")


def test_unscored_spans_stand_out() -> None:
    assert "| 100 (**2 unscored**) |" in body()


def test_a_bound_of_one_day_is_not_told_as_one_of_the_week() -> None:
    audit = CaseAudit(population=27, sampled=3, failing=0, found=3, lower_bound=0.14)
    window = tail_file().window
    days = [Run(day=f"2026-W17-{one}", window=window, counts=counts(over_budget=24), audit=audit) for one in (1, 2)]

    text = body(runs=days, counts=counts(over_budget=48))

    told = text[text.index("**48 spans were not judged") :].splitlines()[1:3]
    assert told == [f"- 2026\\-W17\\-{one}: {audit.sentence}" for one in (1, 2)]


def with_sources(*sources: str, judge: str | None = "openai/gpt-5") -> str:
    cases = [
        tail_case(number, expected_source=source, expected=None if source == "none" else "An answer.")
        for number, source in enumerate(sources, start=1)
    ]
    return body(cases=cases, rubric=tail_file().rubric.model_copy(update={"judge_model": judge}))


def test_drafts_of_a_model_are_named_as_such() -> None:
    text = with_sources("model", "model", "passing_span")
    assert "- **2 expected outputs are drafts** by `openai/gpt-5`" in text
    assert "nobody yet: `tail-2026W17-001`, `tail-2026W17-002`\n" in text


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("user_correction", "Expected, as a user corrected it:"),
        ("passing_span", "Expected, as another answer to the same intent had it:"),
        ("model", "Expected, as a model drafted it:"),
    ],
)
def test_an_expected_output_says_where_it_is_from(source: str, told: str) -> None:
    assert f"\n\n{told}\n\n```text\nAn answer.\n```" in with_sources(source)


@pytest.mark.parametrize(
    ("judge", "why"), [("openai/gpt-5", "no draft that passes the rubric"), (None, "no `judge_model` that drafts one")]
)
def test_a_case_without_an_expected_output_says_why(judge: str | None, why: str) -> None:
    text = with_sources("none", "passing_span", judge=judge)
    assert "**1 case has no expected output**" in text
    assert why in text


def test_expected_outputs_of_users_need_no_remark() -> None:
    assert "## Expected outputs" not in with_sources("user_correction", "passing_span")


def test_a_missing_week_is_unknown_and_not_zero() -> None:
    numbers = {week: week_numbers(week, 4) for week in (WEEK, WEEK.shifted(-2))}
    text = render_body(tail_file(), judge_trend(WEEK, numbers, Cadence.WEEKLY), UNDECIDED, path=PATH)
    assert "No tail file for 2026-W16: unknown, not zero." in text


def test_a_week_without_spans_is_unknown_and_not_zero() -> None:
    text = render_body(tail_file(), trend(4, 5, spans=0), UNDECIDED, path=PATH)
    assert "No spans in 2026-W16, 2026-W17: unknown, not zero." in text


def test_a_closing_tail_says_so() -> None:
    text = render_body(tail_file(), trend(4, 4, 4, new_clusters=1), UNDECIDED, path=PATH)
    assert "\n**The tail is closing.**\n" in text


def test_one_week_makes_no_chart() -> None:
    assert trend_chart(trend(4)) == ""


def test_a_chart_shows_the_weeks_oldest_first() -> None:
    assert trend_chart(trend(4, 5, 9)).splitlines()[4:8] == [
        '  x-axis ["W15", "W16", "W17"]',
        '  y-axis "clusters" 0 --> 9',
        "  bar [4, 5, 9]",
        "  line [5, 5, 5]",
    ]


def test_a_chart_of_small_numbers_has_an_axis_of_whole_ones() -> None:
    """Up to seven, mermaid would label halves as well."""
    assert '  y-axis "clusters" 0 --> 8' in trend_chart(trend(0, 0, new_clusters=0)).splitlines()


def test_a_chart_across_a_new_year_names_every_week_once() -> None:
    weeks = [IsoWeek(2026, 52), IsoWeek(2026, 53), IsoWeek(2027, 1)]
    found = judge_trend(weeks[-1], {week: week_numbers(week, 4) for week in weeks}, Cadence.WEEKLY)
    assert '  x-axis ["W52", "W53", "W01"]' in trend_chart(found).splitlines()


def test_the_body_of_a_file_is_the_same_every_time() -> None:
    file: TailFile = tail_file(cases=many(5))
    assert render_body(file, trend(4, 5), UNDECIDED, path=PATH) == render_body(file, trend(4, 5), UNDECIDED, path=PATH)


def test_the_body_says_how_often_reviewers_took_what_was_mined() -> None:
    decided = [
        tail_case(1, status="promoted", expected="Yes."),
        tail_case(2, status="rejected", rejection_reason="a typo"),
        tail_case(3),
    ]
    text = render_body(tail_file(), trend(4, 5), reviewer_agreement([tail_file(cases=decided)]), path=PATH)
    assert "Reviewers promoted 1 of 2 decided cases so far (50 %, 95 % interval" in text


URL = "https://github.example/acme/support/blob/tail-miner/2026-W17/eval/tail/2026-W17.yaml"


@pytest.mark.parametrize(("url", "link"), [(URL, f"[`{PATH}`](<{URL}>)"), (None, f"`{PATH}`")])
def test_the_first_step_of_a_review_leads_to_the_file_where_there_is_a_page_for_it(url: str | None, link: str) -> None:
    text = render_body(tail_file(), trend(4, 5), UNDECIDED, path=PATH, file_url=url)
    assert f"\n1. Open {link} on this branch " in text


def test_a_review_takes_three_steps() -> None:
    steps = re.findall(r"^(\d)\. ", body().split("## How to review")[1].split("## ")[0], re.MULTILINE)
    assert steps == ["1", "2", "3"]


def test_a_week_without_a_case_is_merged_and_nothing_else() -> None:
    assert "## How to review\n\nNothing to decide." in body(cases=[], counts=counts(cases=0))


def test_what_the_cap_cut_is_counted() -> None:
    left_out = [NotProposed(title="Refunds", weight=1, size=1, why="over_cap")]
    assert "**1 cluster is over the cap** (`max_clusters: 20`)." in body(
        not_proposed=left_out, counts=counts(over_cap=1)
    )


def test_a_long_line_is_folded_between_words_so_that_nobody_has_to_scroll() -> None:
    words = [f"word{number}" for number in range(60)]
    text = body(cases=[tail_case(1, input="- " + " ".join(words))])
    shown = text.split("Input:\n\n```text\n")[1].split("\n```")[0]
    assert shown.split() == ["-", *words]
    assert max(map(len, shown.splitlines())) <= 100


def test_a_folded_case_is_named_by_its_title() -> None:
    text = body(cases=[tail_case(1, title="Clause <b>5.4</b> & more")])
    assert (
        "<details><summary><code>tail-2026W17-001</code> Clause &lt;b&gt;5&#x2e;4&lt;&#x2f;b&gt; &amp; more</summary>"
        in text
    )


def test_a_folded_case_says_how_low_it_scored_and_what_others_asked() -> None:
    case = tail_case(cluster={"lowest_score": 0.4, "paraphrases": ["@all *hi*"]})
    text = body(cases=[case])
    assert "- lowest score of the cluster 0.4, where 0.82 is needed" in text
    assert "Others asked:\n\n- @\u200ball \\*hi\\*\n" in text


def test_before_the_first_decision_there_is_no_track_record() -> None:
    assert "Track record" not in body()


def test_what_the_judge_found_is_told_worst_first_and_inert() -> None:
    judged = [
        Judged(criterion="tone", score=0.5, reason="curt, says @octocat"),
        Judged(criterion="policy", score=0.2, reason="hides a clause"),
        Judged(criterion="length", score=1.0, reason="short"),
        Judged(criterion="fit", score=None, reason=""),
    ]
    case = tail_case()
    text = body(cases=[case.model_copy(update={"cluster": case.cluster.model_copy(update={"judged": judged})})])
    told = [line for line in text.splitlines() if line.startswith(("- `tone`", "- `policy`", "- `length`", "- `fit`"))]
    assert told == ["- `policy` 0.20: hides a clause", "- `tone` 0.50: curt, says @\u200boctocat"]


def test_a_case_that_tries_to_steer_is_flagged_in_the_table() -> None:
    case = tail_case()
    flagged = case.model_copy(update={"cluster": case.cluster.model_copy(update={"flags": ["steering"]})})
    (row,) = [line for line in body(cases=[flagged]).splitlines() if line.startswith(f"| `{case.id}`")]
    assert "⚑ steering" in row
