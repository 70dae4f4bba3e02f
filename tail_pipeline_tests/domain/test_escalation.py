from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.escalation import Escalation, TailLinks, compose_escalation, why_escalate
from tail_pipeline.domain.issues import MAX_TITLE_CHARS
from tail_pipeline.domain.tail_file import NotProposed, TailCase
from tail_pipeline.domain.trend import Trend, judge_trend
from tail_pipeline.domain.weeks import Cadence, IsoWeek
from tail_pipeline_tests.domain.builders import WEEK, at, tail_case, tail_file, week_numbers
from tail_pipeline_tests.strategies import hostile_texts

URL = "https://example.com/scoping-call"
LABELS = frozenset({"regulatory", "safety"})


def trend_of(*clusters: int, week: IsoWeek = WEEK, cap: int = 20) -> Trend:
    """The trend of weeks with so many clusters, the last of them ``week``."""
    weeks = [week.shifted(-back) for back in reversed(range(len(clusters)))]
    numbers = {one: week_numbers(one, count, max_clusters=cap) for one, count in zip(weeks, clusters, strict=True)}
    return judge_trend(week, numbers, Cadence.WEEKLY)


GROWING, STEADY, CAPPED = trend_of(7, 8, 9), trend_of(8, 8, 8), trend_of(22, 24)


def agent_of(name: str = "support", url: str | None = URL, reviewers: tuple[str, ...] = ()) -> Agent:
    return Agent.model_validate(
        {
            "name": name,
            "traces": {"store": "files", "path": "x"},
            "owner": "engagement-owner",
            "scoping_call_url": url,
            "reviewers": list(reviewers),
            "segments": {"by": "tenant", "values": ["acme", "eu-west", "west"]},
        }
    )


def compose(
    *,
    agent: Agent | None = None,
    segment: str | None = None,
    trend: Trend = GROWING,
    labels: frozenset[str] = frozenset(),
    links: TailLinks = TailLinks(),
    **changes: object,
) -> Escalation:
    file = tail_file(**changes)
    reasons = why_escalate(file, trend, labels)
    return compose_escalation(agent or agent_of(), segment, file, trend, reasons, links)


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
    assert f"1. [Book the 30-minute scoping call](<{URL}>).\n" in compose().body


def test_without_a_link_the_scoping_call_is_still_asked_for() -> None:
    assert "1. Book a 30-minute scoping call.\n" in compose(agent=agent_of(url=None)).body


def test_the_chart_is_in_the_body() -> None:
    assert "  bar [7, 8, 9]\n" in compose().body


def named_cases(body: str) -> list[str]:
    return re.findall(r"^- `(.*?)`", body, re.MULTILINE)


def test_five_clusters_are_named() -> None:
    body = compose(cases=[tail_case(number) for number in range(1, 9)]).body
    assert named_cases(body) == [f"tail-2026W17-{number:03d}" for number in range(1, 6)]


def test_the_heaviest_clusters_come_first_whatever_day_found_them() -> None:
    cases = [
        tail_case(1, cluster={"weight": 40, "size": 40}),
        tail_case(2, cluster={"weight": 20}, cost_weight=10),
        tail_case(3, cluster={"weight": 50, "size": 50}),
    ]
    assert named_cases(compose(cases=cases).body) == ["tail-2026W17-002", "tail-2026W17-003", "tail-2026W17-001"]


def test_a_cluster_is_named_with_its_weight_its_size_and_its_labels() -> None:
    case = tail_case(1, cluster={"weight": 20}, cost_weight=10, labels=["regulatory", "refunds"])
    assert (
        "- `tail-2026W17-001` Refund timing (weight 20, 2 spans; regulatory, refunds)\n" in compose(cases=[case]).body
    )


def test_a_rejected_case_is_not_among_the_heaviest() -> None:
    rejected = tail_case(1, status="rejected", rejection_reason="a test account")
    assert named_cases(compose(cases=[rejected, tail_case(2)]).body) == ["tail-2026W17-002"]


def test_a_week_without_cases_has_no_list_of_them() -> None:
    assert "## Heaviest clusters" not in compose(cases=[]).body


def left_out(number: int, weight: int, why: str = "over_cap") -> NotProposed:
    return NotProposed(title=f"Cluster {number}", weight=weight, size=2, why=why)  # type: ignore[arg-type]


def test_a_capped_week_says_what_the_cap_kept_out_and_how_much_that_weighs() -> None:
    rows = [left_out(1, 3), left_out(2, 7), left_out(3, 100, "known")]
    body = compose(trend=CAPPED, not_proposed=rows).body
    assert (
        "## Not up for review\n\n2 clusters over the cap, weight 10, 4 spans in all:\n\n"
        "- Cluster 2 (weight 7, 2 spans)\n- Cluster 1 (weight 3, 2 spans)\n"
    ) in body


def test_of_many_clusters_over_the_cap_the_heaviest_are_named_and_the_others_counted() -> None:
    body = compose(trend=CAPPED, not_proposed=[left_out(number, number) for number in range(1, 10)]).body
    assert re.findall(r"^- Cluster (\d)", body, re.MULTILINE) == ["9", "8", "7", "6", "5"]
    assert "- 4 more are in the file\n" in body


def test_a_week_under_the_cap_lists_nothing_that_was_kept_out() -> None:
    assert "## Not up for review" not in compose(not_proposed=[left_out(1, 3, "known")]).body


def test_the_numbers_of_the_weeks_are_in_a_table() -> None:
    body = compose().body
    assert "| 2026-W15 | 1000 | 35 | 7 | 5 | 20 |\n| 2026-W16 | 1000 | 40 | 8 | 5 | 20 |\n" in body


def test_a_week_without_a_file_is_unknown_and_not_zero() -> None:
    numbers = {one: week_numbers(one, 20) for one in (WEEK, WEEK.shifted(-1), WEEK.shifted(-3))}
    body = compose(trend=judge_trend(WEEK, numbers, Cadence.WEEKLY)).body
    assert "No tail file for 2026-W15: unknown, not zero." in body


@pytest.mark.parametrize(
    ("trend", "asked"),
    [
        (GROWING, "Decide which of these topics belong to its scope, and which it should decline."),
        (CAPPED, "Decide which of them come first, and whether the agent's scope is to be narrowed or split."),
    ],
    ids=["growing", "capped"],
)
def test_the_owner_is_told_what_to_decide(trend: Trend, asked: str) -> None:
    assert asked in compose(trend=trend).body


def test_a_case_that_must_not_wait_asks_for_a_decision_today() -> None:
    body = compose(trend=STEADY, labels=LABELS, cases=[tail_case(1, labels=["safety"])]).body
    assert "\n2. Decide today whether the agent may go on answering what the labelled cases ask.\n" in body


def test_the_owner_is_told_that_closing_the_issue_is_the_end_of_it() -> None:
    assert "close this issue: it stays closed" in compose().body


def test_the_owner_is_told_with_whom_to_speak_and_nobody_else_is_mentioned() -> None:
    assert "scoping-call>) with eng\\-lead." in compose(agent=agent_of(reviewers=("eng-lead",))).body
    assert "@acme" not in compose(agent=agent_of(reviewers=("@acme/leads",))).body


def test_file_and_pull_request_are_linked() -> None:
    links = TailLinks("https://github.com/a/b/pull/3", "https://github.com/a/b/blob/x/eval/tail/2026-W17.yaml")
    body = compose(links=links).body
    assert "[`eval/tail/2026-W17.yaml`](<https://github.com/a/b/blob/x/eval/tail/2026-W17.yaml>)" in body
    assert "in [the pull request of the week](<https://github.com/a/b/pull/3>).\n" in body


def test_a_file_without_an_address_is_named_by_its_path() -> None:
    assert "what the agent answered: `eval/tail/acme/2026-W17.yaml`.\n" in compose(segment="acme").body


def test_hostile_titles_do_nothing() -> None:
    body = compose(cases=[tail_case(1, title="@octocat fixes #12 ![x](http://x.y) <img>")]).body
    assert re.findall(r"@octocat|#12|http://|<img|!\[", body) == []


def test_a_second_escalation_of_the_week_has_the_same_key() -> None:
    assert compose(cases=[]).key == compose().key


def test_what_a_reviewer_wrote_into_the_header_of_the_file_does_not_make_a_second_issue() -> None:
    edited = compose(agent=agent_of("support"), iso_week="2026-W18", **{"segment": None})
    assert edited.key == compose().key


@pytest.mark.parametrize(
    "changes",
    [{"agent": agent_of("other")}, {"segment": "acme"}, {"trend": trend_of(7, 8, 9, week=WEEK.shifted(1))}],
    ids=["agent", "segment", "week"],
)
def test_another_agent_segment_or_week_has_a_key_of_its_own(changes: dict[str, object]) -> None:
    assert compose(**changes).key != compose().key  # type: ignore[arg-type]


def test_hyphens_in_names_do_not_make_two_keys_one() -> None:
    one = compose(agent=agent_of("support"), segment="eu-west")
    assert one.key != compose(agent=agent_of("support-eu"), segment="west").key


@pytest.mark.parametrize(
    ("agent", "segment"),
    [("support-eu", None), ("eu-support", None), ("support", "acme"), ("support", "eu-west"), ("support2", None)],
)
def test_an_issue_is_not_named_by_the_title_of_another(agent: str, segment: str | None) -> None:
    ours, other = compose(), compose(agent=agent_of(agent), segment=segment)
    assert (ours.is_named_by(other.title), other.is_named_by(ours.title)) == (False, False)


@pytest.mark.parametrize("title", ["{}", "[P1] {}", "{} (done)", "Tail capped in 2026-W17: support", "{}."])
def test_an_issue_is_named_by_its_title_whatever_somebody_wrote_around_it(title: str) -> None:
    assert compose().is_named_by(title.format(compose().title))


def test_an_issue_cannot_be_older_than_the_day_before_its_week() -> None:
    assert compose().not_before == at("2026-04-19T00:00")


@given(st.lists(hostile_texts().filter(str.strip), min_size=1, max_size=3))
def test_a_title_mentions_nobody_refers_to_nothing_and_fits_whatever_a_label_is(labels: list[str]) -> None:
    case = tail_case(1, labels=labels)
    escalation = compose(trend=STEADY, labels=frozenset(labels), cases=[case], segment="acme")
    assert not re.search(r"@[\w-]|#\w|\bGH-\d|://|\bwww\.|[\x00-\x1f\x7f]", escalation.title, re.IGNORECASE)
    assert len(escalation.title) <= MAX_TITLE_CHARS
    assert escalation.is_named_by(escalation.title)


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
