"""History is what the repository says, and an earlier week that cannot be read is never forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tail_pipeline.adapters.history import load_history, load_merged_tails, load_week
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.novelty import EarlierStatus
from tail_pipeline.domain.pull_request import render_body
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.weeks import IsoWeek, MiningDay
from tail_pipeline_tests.adapters.eval_texts import (
    case,
    counts,
    put,
    run_of,
    tail_text,
)
from tail_pipeline_tests.conftest import commit_all, git

PATH = "eval/tail/2026-W17.yaml"
SUPPORT = Agent.model_validate({"name": "support", "traces": {"store": "files", "path": "x"}, "cadence": "weekly"})
DAILY = SUPPORT.model_copy(update={"cadence": "daily"})
W17 = MiningDay.parse("2026-W17-1")


@pytest.fixture
def history_repo(checkout: Path) -> Path:
    """The example's repository without any case."""
    put(checkout, "eval/cases.yaml", "cases: []\n")
    commit_all(checkout, "No cases")
    return checkout


def on_base(repo: Path, path: str, text: str) -> None:
    put(repo, path, text)
    commit_all(repo, "On base")


def on_branch(repo: Path, branch: str, path: str, text: str) -> None:
    git(repo, "switch", "--quiet", "--create", branch, "main")
    on_base(repo, path, text)
    git(repo, "switch", "--quiet", "main")


def history(repo: Path, before: MiningDay = W17, agent: Agent = SUPPORT, segment: str | None = None):
    return load_history(LocalGitRepository(repo, "main"), agent, segment, before)


def statuses(repo: Path, before: MiningDay = W17, agent: Agent = SUPPORT) -> dict[str, EarlierStatus]:
    return {earlier.id: earlier.status for earlier in history(repo, before, agent).cases}


def test_a_repository_without_tails_has_no_history(history_repo: Path):
    assert (history(history_repo).cases, history(history_repo).weeks) == ([], {})


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, EarlierStatus.UNDECIDED),
        ({"status": "promoted"}, EarlierStatus.KNOWN),
        ({"status": "rejected", "rejection_reason": "out of scope"}, EarlierStatus.REJECTED),
    ],
)
def test_a_case_of_an_earlier_week_counts_as_it_was_decided(history_repo: Path, fields: dict, status: EarlierStatus):
    on_base(history_repo, "eval/tail/2026-W16.yaml", tail_text("2026-W16", [case("tail-2026W16-001", **fields)]))
    assert statuses(history_repo) == {"tail-2026W16-001": status}


def test_a_case_on_an_unmerged_branch_counts(history_repo: Path):
    text = tail_text("2026-W16", [case("tail-2026W16-001")])
    on_branch(history_repo, "tail-miner/2026-W16", "eval/tail/2026-W16.yaml", text)
    assert statuses(history_repo) == {"tail-2026W16-001": EarlierStatus.UNDECIDED}


def test_a_week_on_an_unmerged_branch_counts(history_repo: Path):
    on_branch(history_repo, "tail-miner/2026-W16", "eval/tail/2026-W16.yaml", tail_text("2026-W16"))
    assert list(history(history_repo).weeks) == [IsoWeek(2026, 16)]


@pytest.mark.parametrize("week", ["2026-W17", "2026-W18", "2027-W01"])
def test_the_same_week_and_later_ones_do_not_count(history_repo: Path, week: str):
    on_base(history_repo, f"eval/tail/{week}.yaml", tail_text(week, [case(f"tail-{week.replace('-', '')}-001")]))
    assert (history(history_repo).cases, history(history_repo).weeks) == ([], {})


def test_the_weeks_around_new_year_are_in_order(history_repo: Path):
    on_base(history_repo, "eval/tail/2020-W53.yaml", tail_text("2020-W53", [case("tail-2020W53-001")]))
    assert list(statuses(history_repo, MiningDay.parse("2021-W01-1"))) == ["tail-2020W53-001"]


def test_earlier_days_of_the_same_week_count_for_a_daily_agent(history_repo: Path):
    cases = [case(f"tail-2026W17-00{day}", run=f"2026-W17-{day}") for day in (1, 2, 3, 4)]
    text = tail_text("2026-W17", cases, runs=[run_of(f"2026-W17-{day}") for day in (1, 2, 3, 4)])
    on_branch(history_repo, "tail-miner/2026-W17", PATH, text)
    assert list(statuses(history_repo, MiningDay.parse("2026-W17-3"), DAILY)) == [
        "tail-2026W17-001",
        "tail-2026W17-002",
    ]


def test_the_running_week_has_no_numbers_yet_for_a_daily_agent(history_repo: Path):
    on_base(history_repo, PATH, tail_text("2026-W17", runs=[run_of("2026-W17-1")]))
    assert history(history_repo, MiningDay.parse("2026-W17-3"), DAILY).weeks == {}


def test_the_decision_on_the_base_branch_wins_over_a_stale_branch(history_repo: Path):
    path, proposed = "eval/tail/2026-W16.yaml", case("tail-2026W16-001")
    on_branch(history_repo, "tail-miner/2026-W16", path, tail_text("2026-W16", [proposed]))
    decided = case("tail-2026W16-001", status="rejected", rejection_reason="out of scope")
    on_base(history_repo, path, tail_text("2026-W16", [decided]))
    assert statuses(history_repo) == {"tail-2026W16-001": EarlierStatus.REJECTED}


def test_the_numbers_on_the_base_branch_win_over_a_stale_branch(history_repo: Path):
    path = "eval/tail/2026-W16.yaml"
    on_branch(history_repo, "tail-miner/2026-W16", path, tail_text("2026-W16", [case("tail-2026W16-001")]))
    on_base(history_repo, path, tail_text("2026-W16"))
    assert history(history_repo).weeks[IsoWeek(2026, 16)].clusters == 0


def test_a_follow_up_branch_with_more_days_gives_the_numbers_of_its_week(history_repo: Path):
    path, days = "eval/tail/2026-W16.yaml", [run_of(f"2026-W16-{day}") for day in (1, 2)]
    on_base(history_repo, path, tail_text("2026-W16", runs=days[:1]))
    cases = [case("tail-2026W16-001", run="2026-W16-2")]
    on_branch(history_repo, "tail-miner/2026-W16.2", path, tail_text("2026-W16", cases, runs=days))
    assert history(history_repo, agent=DAILY).weeks[IsoWeek(2026, 16)].clusters == 1


def test_an_edit_in_the_work_tree_does_not_count(history_repo: Path):
    put(history_repo, "eval/tail/2026-W16.yaml", tail_text("2026-W16", [case("tail-2026W16-001")]))
    assert history(history_repo).cases == []


def test_cases_of_the_evaluation_set_are_known(history_repo: Path):
    on_base(history_repo, "eval/cases.yaml", "cases:\n- {id: poc-1, input: a question, source: poc}\n")
    assert statuses(history_repo) == {"poc-1": EarlierStatus.KNOWN}


@pytest.mark.parametrize(("week", "known"), [("2026-W16", ["tail-1"]), ("2026-W17", []), ("2026-W18", [])])
def test_a_promoted_case_is_known_after_the_week_it_came_from(history_repo: Path, week: str, known: list[str]):
    text = f"cases:\n- {{id: tail-1, input: q, source: tail_miner, provenance: {{week: {week}, tail_file: x}}}}\n"
    on_base(history_repo, "eval/cases.yaml", text)
    assert list(statuses(history_repo)) == known


def test_the_evaluation_set_decides_over_the_tail_file(history_repo: Path):
    on_base(history_repo, "eval/tail/2026-W16.yaml", tail_text("2026-W16", [case("tail-2026W16-001")]))
    on_base(history_repo, "eval/cases.yaml", "cases:\n- {id: tail-2026W16-001, input: q, source: tail_miner}\n")
    assert statuses(history_repo) == {"tail-2026W16-001": EarlierStatus.KNOWN}


def test_a_segment_does_not_see_the_tail_of_another(history_repo: Path):
    agent = Agent.model_validate(
        {
            "name": "support",
            "traces": {"store": "files", "path": "x"},
            "segments": {"by": "tenant", "values": ["acme", "globex"]},
        }
    )
    text = tail_text("2026-W16", [case("tail-2026W16-acme-001")], segment="acme")
    on_base(history_repo, "eval/tail/acme/2026-W16.yaml", text)
    seen = [len(history(history_repo, agent=agent, segment=segment).cases) for segment in ("acme", "globex")]
    assert seen == [1, 0]


def test_only_decisions_on_the_base_branch_count(history_repo: Path):
    """A decision on an open branch may still change."""
    for week, on in (("2026-W15", "base"), ("2026-W16", "branch"), ("2026-W17", "base")):
        path, decided = f"eval/tail/{week}.yaml", case(f"tail-{week.replace('-', '')}-001", status="promoted")
        if on == "base":
            on_base(history_repo, path, tail_text(week, [decided]))
        else:
            on_branch(history_repo, f"tail-miner/{week}", path, tail_text(week, [decided]))
    merged = load_merged_tails(LocalGitRepository(history_repo, "main"), SUPPORT, None)

    assert [tail.iso_week for tail in merged] == ["2026-W15", "2026-W17"]
    assert [tail.iso_week for tail in history(history_repo).merged] == ["2026-W15"]


def test_an_unreadable_tail_file_stops_the_run(history_repo: Path):
    on_base(history_repo, "eval/tail/2026-W16.yaml", "cases:\n\t- x\n")
    with pytest.raises(InvalidFile, match=r"eval/tail/2026-W16\.yaml:2"):
        history(history_repo)


def test_everything_unreadable_is_named_at_once(history_repo: Path):
    on_base(history_repo, "eval/tail/2026-W15.yaml", "[]\n")
    on_branch(history_repo, "tail-miner/2026-W16", "eval/tail/2026-W16.yaml", "cases: [\n")
    on_base(history_repo, "eval/cases.yaml", "cases: none\n")
    with pytest.raises(InvalidFile) as raised:
        history(history_repo)
    assert [finding.file for finding in raised.value.findings] == [
        "eval/cases.yaml",
        "eval/tail/2026-W15.yaml",
        "tail-miner/2026-W16:eval/tail/2026-W16.yaml",
    ]


@pytest.mark.parametrize(("new", "said"), [([9, 2, 1], True), ([2, 1, 3], False)], ids=["closing", "not any more"])
def test_the_pull_request_of_a_closing_tail_says_so(history_repo: Path, new: list[int], said: bool):
    for week, count in zip(("2026-W15", "2026-W16", "2026-W17"), new, strict=True):
        numbers = counts(spans=100, clusters=5, new_clusters=count)
        on_base(history_repo, f"eval/tail/{week}.yaml", tail_text(week, counts=numbers))
    repository = LocalGitRepository(history_repo, "main")
    week = load_week(repository, SUPPORT, None, IsoWeek(2026, 17))
    assert week.found is not None
    body = render_body(week.found.tail, week.trend, reviewer_agreement([]), path=PATH)
    assert ("**The tail is closing.**" in body) is said
