"""Which mining days have their pull request by the repository alone, and where people find it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tail_pipeline.adapters.history import load_week, published_days
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline.domain.ports import StoredFile
from tail_pipeline.domain.publication import target_branch
from tail_pipeline.domain.pull_request import PullRequest, branch_of
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline_tests.adapters.eval_texts import run_of, tail_text
from tail_pipeline_tests.adapters.places import GitHubPlace, LocalPlace
from tail_pipeline_tests.conftest import commit_all, git

PATH = "eval/tail/2026-W17.yaml"
BRANCH = branch_of(PATH)
MONDAY, TUESDAY, WEDNESDAY = (MiningDay.parse(f"2026-W17-{day}") for day in (1, 2, 3))
WEEKLY = Agent.model_validate({"name": "support", "traces": {"store": "files", "path": "x"}})
DAILY = WEEKLY.model_copy(update={"cadence": Cadence.DAILY})
AnyPlace = LocalPlace | GitHubPlace


@pytest.fixture(params=[LocalPlace, GitHubPlace], ids=["local", "github"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyPlace]:
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubPlace]:
    with GitHubPlace(tmp_path) as opened:
        yield opened


def week_text(*days: MiningDay) -> str:
    """The week's file; with days, a daily agent's that lists them."""
    return tail_text("2026-W17", runs=[run_of(day.key) for day in days]) if days else tail_text("2026-W17")


def publish(place: AnyPlace, text: str, agent: Agent = WEEKLY) -> None:
    branch = target_branch(place.repository, PATH, agent.cadence)
    title = "Regression tail 2026-W17: support"
    wanted = PullRequest(branch.name, PATH, text, title, title, "A body.\n", ("tail-miner", "eval"), ())
    place.repository.publish(wanted, branch)


def days_of(
    place: AnyPlace, agent: Agent = WEEKLY, days: Sequence[MiningDay] = (MONDAY,), segment: str | None = None
) -> list[str]:
    return sorted(day.key for day in published_days(place.repository, agent, segment, days))


def test_a_day_nobody_mined_has_no_pull_request(place: AnyPlace):
    assert days_of(place) == []


def test_a_day_under_review_has_its_pull_request(place: AnyPlace):
    publish(place, week_text())
    assert days_of(place, days=[MONDAY, MONDAY.previous(Cadence.WEEKLY)]) == ["2026-W17-1"]


def test_a_day_that_was_merged_had_its_pull_request(place: AnyPlace):
    publish(place, week_text())
    place.merge(BRANCH, "squash", delete=True)
    assert days_of(place) == ["2026-W17-1"]


def test_a_day_whose_branch_somebody_deleted_had_its_pull_request(place: AnyPlace):
    publish(place, week_text())
    git(place.checkout, "branch", "--quiet", "-D", BRANCH)
    place.refresh()
    assert days_of(place) == ["2026-W17-1"]


def test_a_day_whose_pull_request_somebody_closed_had_it(github: GitHubPlace):
    publish(github, week_text())
    github.server.person().close(1)
    assert days_of(github) == ["2026-W17-1"]


def test_a_branch_that_a_run_left_without_a_pull_request_does_not_count(github: GitHubPlace):
    person = github.server.person("miner")
    person.branch(BRANCH)
    person.push(BRANCH, {PATH: week_text()})
    assert days_of(github) == []


def test_a_daily_agents_week_has_the_days_that_its_file_lists(place: AnyPlace):
    publish(place, week_text(MONDAY, TUESDAY), DAILY)
    assert days_of(place, DAILY, [MONDAY, TUESDAY, WEDNESDAY]) == ["2026-W17-1", "2026-W17-2"]


def test_days_on_a_follow_up_branch_count_as_well(place: AnyPlace):
    publish(place, week_text(MONDAY), DAILY)
    place.merge(BRANCH, "merge", delete=True)
    publish(place, week_text(MONDAY, TUESDAY), DAILY)
    assert days_of(place, DAILY, [MONDAY, TUESDAY, WEDNESDAY]) == ["2026-W17-1", "2026-W17-2"]


def test_another_tenants_file_does_not_count(place: AnyPlace):
    publish(place, week_text())
    tenants = WEEKLY.model_validate(
        WEEKLY.model_dump(exclude_unset=True) | {"segments": {"by": "tenant", "values": ["acme"]}}
    )
    assert days_of(place, tenants, segment="acme") == []


def test_a_weekly_file_that_a_reviewer_broke_is_under_review_all_the_same(place: AnyPlace):
    publish(place, "cases: [\n")
    assert days_of(place) == ["2026-W17-1"]


def test_a_daily_file_that_a_reviewer_broke_is_named(place: AnyPlace):
    publish(place, "cases: [\n", DAILY)
    with pytest.raises(InvalidFile, match=r"eval/tail/2026-W17\.yaml"):
        days_of(place, DAILY)


# Links


def links(place: AnyPlace) -> tuple[str | None, str | None]:
    found = load_week(place.repository, WEEKLY, None, MONDAY.iso_week).found
    assert found is not None
    links = place.repository.links(found.stored)
    return links.pull_request, links.file


def test_a_file_under_review_is_linked_with_its_pull_request(github: GitHubPlace):
    publish(github, week_text())
    page = f"{github.server.origin}/acme/agent"
    head = github.server.person().head(BRANCH)
    assert links(github) == (f"{page}/pull/1", f"{page}/blob/{head}/{PATH}")


def test_the_links_of_a_file_lead_somewhere_after_its_merge(github: GitHubPlace):
    publish(github, week_text())
    github.merge(BRANCH, "squash", delete=True)
    page = f"{github.server.origin}/acme/agent"
    assert links(github) == (f"{page}/pull/1", f"{page}/blob/main/{PATH}")


def test_a_file_that_came_without_a_pull_request_has_none(place: AnyPlace):
    (place.checkout / PATH).parent.mkdir(parents=True)
    (place.checkout / PATH).write_text(week_text(), encoding="utf-8")
    commit_all(place.checkout, "By hand")
    place.refresh()
    assert place.repository.links(StoredFile(PATH, week_text(), None)).pull_request is None


def test_a_local_pull_request_is_linked_as_its_body(tmp_path: Path):
    with LocalPlace(tmp_path) as place:
        publish(place, week_text())
        assert links(place) == ((place.checkout / ".tail" / "pull_requests" / "2026-W17.md").as_uri(), None)
