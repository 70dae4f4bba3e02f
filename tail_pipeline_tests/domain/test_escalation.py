from __future__ import annotations

import re

import pytest

from tail_pipeline.domain.escalation import Escalation, compose_escalation
from tail_pipeline.domain.trend import Trend, judge_trend
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline_tests.domain.builders import WEEK, tail_case, tail_file, week_numbers

GROWING: Trend = judge_trend(
    WEEK, {WEEK.shifted(-back): week_numbers(WEEK.shifted(-back), 9 - back) for back in range(3)}, Cadence.WEEKLY
)
URL = "https://example.com/scoping-call"


def compose(*, url: str | None = URL, **changes: object) -> Escalation:
    return compose_escalation(tail_file(**changes), GROWING, owner="engagement-owner", scoping_call_url=url)


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
