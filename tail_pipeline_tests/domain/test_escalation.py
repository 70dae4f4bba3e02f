from __future__ import annotations

import re

import pytest

from tail_pipeline.domain.escalation import Escalation, compose_escalation, why_escalate
from tail_pipeline.domain.tail_file import TailCase
from tail_pipeline.domain.trend import Trend, judge_trend
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline_tests.domain.builders import WEEK, tail_case, tail_file, week_numbers

GROWING: Trend = judge_trend(
    WEEK, {WEEK.shifted(-back): week_numbers(WEEK.shifted(-back), 9 - back) for back in range(3)}, Cadence.WEEKLY
)
URL = "https://example.com/scoping-call"


STEADY: Trend = judge_trend(
    WEEK, {WEEK.shifted(-back): week_numbers(WEEK.shifted(-back), 8) for back in range(3)}, Cadence.WEEKLY
)
LABELS = frozenset({"regulatory", "safety"})


def compose(
    *, url: str | None = URL, trend: Trend = GROWING, labels: frozenset[str] = frozenset(), **changes: object
) -> Escalation:
    file = tail_file(**changes)
    reasons = why_escalate(file, trend, labels)
    return compose_escalation(file, trend, reasons, owner="engagement-owner", scoping_call_url=url)


def shorts(trend: Trend, *cases: TailCase) -> list[str]:
    return [reason.short for reason in why_escalate(tail_file(cases=list(cases)), trend, LABELS)]


def test_the_owner_is_asked() -> None:
    assert compose().assignee == "engagement-owner"


def test_the_title_says_what_when_and_who() -> None:
    assert compose(segment="acme").title == "Regression tail growing in 2026-W17: support / acme"


def test_the_numbers_come_first() -> None:
    expected = (
        "The regression tail of **support** is **growing** in 2026-W17: 7 → 8 → 9 clusters: up two weeks in a row.\n"
    )
    assert compose().body.startswith(expected)


def test_the_remark_about_chance_stands_in_the_body() -> None:
    assert f"\n{GROWING.remark}\n" in compose().body


def test_the_scoping_call_is_linked() -> None:
    assert f"[Book the 30-minute scoping call]({URL})." in compose().body


def test_without_a_link_the_scoping_call_is_still_asked_for() -> None:
    assert "Book a 30-minute scoping call." in compose(url=None).body


def test_the_chart_is_in_the_body() -> None:
    assert "  bar [7, 8, 9]\n" in compose().body


def test_the_five_heaviest_cases_are_named() -> None:
    body = compose(cases=[tail_case(number) for number in range(1, 9)]).body
    assert re.findall(r"^- `(.*?)`", body, re.MULTILINE) == [f"tail-2026W17-{number:03d}" for number in range(1, 6)]


def test_a_week_without_cases_has_no_list_of_them() -> None:
    assert "Heaviest cases" not in compose(cases=[]).body


def test_hostile_titles_do_nothing() -> None:
    body = compose(cases=[tail_case(1, title="@octocat fixes #12 ![x](http://x.y) <img>")]).body
    assert re.findall(r"@octocat|#12|http://|<img|!\[", body) == []


def test_a_second_escalation_of_the_week_has_the_same_key() -> None:
    assert compose(cases=[]).key == compose().key


@pytest.mark.parametrize("changes", [{"agent": "other"}, {"segment": "acme"}, {"iso_week": "2026-W18"}])
def test_another_agent_segment_or_week_has_a_key_of_its_own(changes: dict[str, str]) -> None:
    assert compose(**changes).key != compose().key


def test_hyphens_in_names_do_not_make_two_keys_one() -> None:
    assert compose(agent="support", segment="eu-west").key != compose(agent="support-eu", segment="west").key


def test_a_week_escalates_for_its_verdict() -> None:
    assert shorts(GROWING, tail_case(1)) == ["growing"]


def test_a_steady_week_does_not_escalate() -> None:
    assert shorts(STEADY, tail_case(1, labels=["billing"])) == []


def test_a_proposed_case_with_a_label_that_must_not_wait_escalates_a_steady_week() -> None:
    assert shorts(STEADY, tail_case(1), tail_case(2, labels=["billing", "regulatory"])) == ["with regulatory cases"]


def test_every_reason_is_named() -> None:
    cases = (tail_case(1, labels=["safety"]), tail_case(2, labels=["regulatory"]))
    assert shorts(GROWING, *cases) == ["growing", "with regulatory cases", "with safety cases"]


def test_a_case_that_a_reviewer_rejected_does_not_escalate() -> None:
    rejected = tail_case(1, labels=["regulatory"], status="rejected", rejection_reason="a test account")
    assert shorts(STEADY, rejected) == []


def test_the_title_says_for_which_reasons() -> None:
    cases = [tail_case(1, labels=["regulatory"])]
    assert compose(cases=cases, labels=LABELS).title == (
        "Regression tail growing, with regulatory cases in 2026-W17: support"
    )


def test_an_escalation_for_a_label_names_the_cases_and_the_trend() -> None:
    cases = [tail_case(number, labels=["regulatory"]) for number in range(1, 8)]
    body = compose(trend=STEADY, labels=LABELS, cases=cases).body
    assert (
        "The regression tail of **support** has 7 cases labelled **regulatory** in 2026-W17: `tail-2026W17-001`" in body
    )
    assert "`tail-2026W17-005` and 2 more." in body
    assert "\nTrend: steady, 8 → 8 clusters" in body


def test_the_reason_of_a_week_does_not_make_a_second_issue() -> None:
    cases = [tail_case(1, labels=["regulatory"])]
    assert compose(cases=cases, labels=LABELS, trend=STEADY).key == compose(cases=cases).key
