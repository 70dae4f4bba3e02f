"""From merged tail files into the set of cases, through a real git repository: what goes, what stays, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import check_eval_files, load_agents, parse_cases
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.adapters.promoting import PromotedWeek, promote
from tail_pipeline.domain.cases import CasesFile
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.ports import Promoted
from tail_pipeline.domain.pull_request import PullRequest, branch_of
from tail_pipeline.domain.tail_file import TailCase
from tail_pipeline.domain.weeks import IsoWeek
from tail_pipeline_tests.adapters.eval_texts import RUBRIC, agents_text, case, put, run_of, tail_text
from tail_pipeline_tests.conftest import commit_all, git

CASES = "# by hand\ncases:\n- {id: poc-1, input: one, source: poc} # keep me\n"
TRACES = "traces: {store: files, path: 'traces/*.jsonl'}"
AGENT = f"- {{name: support, {TRACES}}}"
TENANTS = f"- {{name: support, {TRACES}, segments: {{by: tenant, values: [acme, globex]}}}}"
NODES = f"- {{name: support, {TRACES}, segments: {{by: node_class, values: [shot], eval_dir: 'eval/{{segment}}'}}}}"
DAILY = f"- {{name: support, cadence: daily, {TRACES}}}"


class Team:
    """A repository and what its people merge."""

    def __init__(self, checkout: Path, agent: str = AGENT) -> None:
        self.checkout = checkout
        self.repository = LocalGitRepository(checkout, "main")
        self.merge({"eval/agents.yaml": agents_text(agent), "eval/rubric.yaml": RUBRIC, "eval/cases.yaml": CASES})

    def merge(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            put(self.checkout, path, text)
        commit_all(self.checkout, "Merge")

    def promote(self, segment: str | None = None, weeks: list[IsoWeek] | None = None) -> list[PromotedWeek]:
        return promote(self.repository, load_agents(self.checkout).agents[0], segment, weeks)

    def cases(self, path: str = "eval/cases.yaml") -> CasesFile:
        return parse_cases(self.repository.read(path) or "cases: []", path)

    def ids(self, path: str = "eval/cases.yaml") -> list[str]:
        return [row.id for row in self.cases(path).cases]

    @property
    def everything(self) -> str:
        return git(self.checkout, "for-each-ref") + git(self.checkout, "status", "--porcelain")


@pytest.fixture
def team(checkout: Path) -> Team:
    return Team(checkout)


def promoted(week: int, number: int = 1, segment: str = "", **fields: object) -> TailCase:
    middle = f"{segment}-" if segment else ""
    return case(f"tail-2026W{week}-{middle}{number:03d}", **({"status": "promoted"} | fields))


def rejected(week: int, number: int) -> TailCase:
    return promoted(week, number, status="rejected", rejection_reason="not our product")


def tail(week: int, *cases: TailCase, **fields: object) -> dict[str, str]:
    segment = fields.get("segment")
    folder = f"eval/tail/{segment}" if segment else "eval/tail"
    return {f"{folder}/2026-W{week}.yaml": tail_text(f"2026-W{week}", cases, **fields)}


def test_promoted_cases_go_into_the_set_and_the_others_stay_where_they_are(team: Team) -> None:
    files = tail(17, promoted(17), rejected(17, 2), promoted(17, 3, status="proposed"), promoted(17, 4))
    team.merge(files)

    [week] = team.promote()

    assert team.ids() == ["poc-1", "tail-2026W17-001", "tail-2026W17-004"]
    assert (week.ids, week.undecided) == (("tail-2026W17-001", "tail-2026W17-004"), ("tail-2026W17-003",))
    assert (week.cases_before, week.cases_after) == (1, 3)
    assert week.published is not None
    assert week.published.outcome is Promoted.COMMITTED
    assert team.repository.read("eval/tail/2026-W17.yaml") == files["eval/tail/2026-W17.yaml"]


def test_what_is_there_is_kept_byte_for_byte(team: Team) -> None:
    team.merge(tail(17, promoted(17)))
    team.promote()

    text = team.repository.read("eval/cases.yaml")
    assert text is not None
    assert text.startswith(f"{CASES}- id: tail-2026W17-001\n")
    assert check_eval_files(team.checkout).errors == []


def test_a_row_says_where_it_came_from(team: Team) -> None:
    path = "eval/tail/2026-W17.yaml"
    wanted = PullRequest(branch_of(path), path, tail(17, promoted(17))[path], "Tail", "Tail", "", (), ())
    team.repository.publish(wanted, team.repository.tail_branch(wanted.branch, path))
    git(team.checkout, "merge", "--quiet", wanted.branch)

    team.promote()

    row = team.cases().cases[-1]
    assert row.provenance is not None
    assert row.provenance.model_dump() == {"week": "2026-W17", "tail_file": path, "pull_request": wanted.branch}
    assert (row.source, row.cost_weight, row.input) == ("tail_miner", 1, "the question of tail-2026W17-001")


def test_a_second_promotion_finds_nothing_to_do(team: Team) -> None:
    team.merge(tail(16, promoted(16)) | tail(17, promoted(17)))
    team.promote()
    before = team.everything

    assert [(week.ids, week.published) for week in team.promote()] == [((), None), ((), None)]
    assert team.everything == before


def test_weeks_are_promoted_oldest_first_in_a_commit_each(team: Team) -> None:
    team.merge(tail(17, promoted(17)) | tail(16, promoted(16)) | tail(15, rejected(15, 1)))

    assert [str(week.week) for week in team.promote()] == ["2026-W15", "2026-W16", "2026-W17"]
    assert team.ids() == ["poc-1", "tail-2026W16-001", "tail-2026W17-001"]
    assert git(team.checkout, "log", "--format=%s", "-2", "main").splitlines() == [
        "Promote 1 case of 2026-W17: support",
        "Promote 1 case of 2026-W16: support",
    ]


def test_one_week_alone_can_be_promoted(team: Team) -> None:
    team.merge(tail(16, promoted(16)) | tail(17, promoted(17)))

    assert [week.tail_path for week in team.promote(weeks=[IsoWeek(2026, 17)])] == ["eval/tail/2026-W17.yaml"]
    assert team.ids() == ["poc-1", "tail-2026W17-001"]
    assert team.promote(weeks=[IsoWeek(2026, 18)]) == []


def test_a_file_under_review_is_not_promoted_and_may_be_broken(team: Team) -> None:
    team.merge(tail(16, promoted(16)))
    git(team.checkout, "switch", "--quiet", "--create", "tail-miner/2026-W17")
    team.merge({"eval/tail/2026-W17.yaml": "cases: [half an edit"})
    git(team.checkout, "switch", "--quiet", "main")

    team.promote()

    assert team.ids() == ["poc-1", "tail-2026W16-001"]


def test_a_case_that_was_taken_out_of_the_set_does_not_come_back(team: Team) -> None:
    team.merge(tail(17, promoted(17), promoted(17, 2)))
    team.promote()
    entry = "{id: tail-2026W17-002, reason: wrong, who: Ada, when: 2026-04-27}"
    rows = (team.repository.read("eval/cases.yaml") or "").partition("- id: tail-2026W17-002")[0]
    team.merge({"eval/cases.yaml": rows, "eval/cases_removed.yaml": f"removed:\n- {entry}\n"})

    assert [week.ids for week in team.promote()] == [()]
    assert team.ids() == ["poc-1", "tail-2026W17-001"]


def test_a_case_promoted_in_a_later_edit_follows(team: Team) -> None:
    team.merge(tail(17, promoted(17), promoted(17, 2, status="proposed")))
    team.promote()
    team.merge(tail(17, promoted(17), promoted(17, 2)))

    assert [week.ids for week in team.promote()] == [("tail-2026W17-002",)]


def test_no_tenants_text_reaches_another(checkout: Path) -> None:
    team = Team(checkout, TENANTS)
    team.merge(
        tail(17, promoted(17, segment="acme", input="acme's secret"), segment="acme")
        | tail(17, promoted(17, segment="globex"), segment="globex")
    )

    team.promote("acme")
    assert (team.ids(), team.ids("eval/cases/globex.yaml")) == (["poc-1"], [])
    team.promote("globex")

    assert team.ids("eval/cases/acme.yaml") == ["tail-2026W17-acme-001"]
    assert team.ids("eval/cases/globex.yaml") == ["tail-2026W17-globex-001"]
    assert (team.repository.read("eval/cases/acme.yaml") or "").startswith(
        "# yaml-language-server: $schema=../cases.schema.json\ncases:\n  - id: tail-2026W17-acme-001\n"
    )
    assert check_eval_files(checkout).errors == []
    assert "secret" not in (team.repository.read("eval/cases/globex.yaml") or "")


def test_a_tenants_case_that_somebody_moved_to_the_shared_set_is_not_promoted_again(checkout: Path) -> None:
    team = Team(checkout, TENANTS)
    team.merge(tail(17, promoted(17, segment="acme"), segment="acme"))
    team.merge({"eval/cases.yaml": f"{CASES}- {{id: tail-2026W17-acme-001, input: x, source: tail_miner}}\n"})

    assert [week.ids for week in team.promote("acme")] == [()]


def test_segments_with_a_directory_of_their_own_have_their_own_set(checkout: Path) -> None:
    team = Team(checkout, NODES)
    path = "eval/shot/tail/2026-W17.yaml"
    text = tail_text("2026-W17", [promoted(17, segment="shot")], segment="shot")
    team.merge({path: text, "eval/shot/cases.yaml": "cases: []\n"})

    [week] = team.promote("shot")

    assert (week.path, team.ids("eval/shot/cases.yaml"), team.ids()) == (
        "eval/shot/cases.yaml",
        ["tail-2026W17-shot-001"],
        ["poc-1"],
    )


def test_the_days_a_daily_agent_mined_after_the_merge_are_promoted_when_they_are_merged(checkout: Path) -> None:
    team = Team(checkout, DAILY)
    monday, tuesday = promoted(17, run="2026-W17-1"), promoted(17, 2, run="2026-W17-2")
    team.merge(tail(17, monday, runs=[run_of("2026-W17-1")]))
    team.promote()
    team.merge(tail(17, monday, tuesday, runs=[run_of("2026-W17-1"), run_of("2026-W17-2")]))

    assert [week.ids for week in team.promote()] == [("tail-2026W17-002",)]
    assert [row.provenance.week for row in team.cases().cases if row.provenance] == ["2026-W17-1", "2026-W17-2"]


BROKEN = {
    "a tail file": ({"eval/tail/2026-W15.yaml": "cases: [\n"}, [r"eval/tail/2026-W15\.yaml:2: "]),
    "the set": ({"eval/cases.yaml": "cases:\n\t- id: x\n"}, [r"eval/cases\.yaml:2: .*begins with a tab"]),
    "what left the set": ({"eval/cases_removed.yaml": "removed: nothing\n"}, [r"eval/cases_removed\.yaml:1: "]),
    "a list in brackets": ({"eval/cases.yaml": "cases: [{id: a, input: b, source: poc}]\n"}, ["written in brackets"]),
    "all of it": (
        {"eval/tail/2026-W15.yaml": "a: b\n", "eval/cases.yaml": "<<<<<<< HEAD\n", "eval/cases_removed.yaml": "- *x\n"},
        [r"2026-W15\.yaml", r"eval/cases\.yaml:1: merge conflict markers", r"cases_removed\.yaml:1: aliases"],
    ),
}


@pytest.mark.parametrize(("files", "messages"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_stops_everything_before_anything_is_written(
    team: Team, files: dict[str, str], messages: list[str]
) -> None:
    team.merge(tail(16, promoted(16)) | tail(17, promoted(17)) | files)
    before = team.everything

    for message in messages:
        with pytest.raises(InvalidFile, match=message):
            team.promote()
    assert team.everything == before
