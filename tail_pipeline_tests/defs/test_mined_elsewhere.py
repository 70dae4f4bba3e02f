"""A week that a CI runner mined is in the repository and in no Dagster history: the deadline counts it as mined."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.defs.deadline import check_deadline, settle_alarm
from tail_pipeline.domain.alarm import MissingCell
from tail_pipeline.domain.ports import StoredFile
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.adapters.eval_texts import put, run_of, tail_text
from tail_pipeline_tests.conftest import commit_all
from tail_pipeline_tests.defs.pipeline import Pipeline, configure, pipeline
from tail_pipeline_tests.domain.builders import at

TENANTS = "    segments: {by: tenant, values: [acme, globex]}\n"
DAYS = [MiningDay.parse(f"2026-W{week}-1") for week in (16, 17)]
NOON = at("2026-04-20T12:00")


@dataclass(frozen=True)
class CountingRepository(LocalGitRepository):
    """A repository that tells which directories of tail files were read."""

    read_dirs: list[str] = field(default_factory=list)

    def tail_files(self, tail_dir: str) -> list[StoredFile]:
        self.read_dirs.append(tail_dir)
        return super().tail_files(tail_dir)


@pytest.fixture
def tenants(checkout: Path) -> Iterator[Pipeline]:
    configure(checkout, TENANTS)
    with pipeline(checkout) as running:
        yield running


@pytest.fixture
def daily(checkout: Path) -> Iterator[Pipeline]:
    configure(checkout)
    agents = checkout / "eval" / "agents.yaml"
    agents.write_text(agents.read_text(encoding="utf-8").replace("cadence: weekly", "cadence: daily"), encoding="utf-8")
    with pipeline(checkout) as running:
        yield running


def on_main(pipeline: Pipeline, path: str, text: str) -> None:
    put(pipeline.checkout, path, text)
    commit_all(pipeline.checkout, "Mined elsewhere")


def missing(pipeline: Pipeline, *days: MiningDay) -> list[MissingCell]:
    agent = load_agents(pipeline.checkout).agents[0]
    checked = check_deadline(pipeline.instance, LocalGitRepository(pipeline.checkout, "main"), agent, days, NOON)
    return [cell for one in checked for cell in one.missing]


def test_what_the_repository_has_is_not_missing(tenants: Pipeline) -> None:
    on_main(tenants, "eval/tail/acme/2026-W17.yaml", tail_text("2026-W17", segment="acme"))

    assert [(cell.day.key, cell.segment) for cell in missing(tenants, *DAYS)] == [
        ("2026-W16-1", "acme"),
        ("2026-W16-1", "globex"),
        ("2026-W17-1", "globex"),
    ]


def test_the_repository_is_read_once_per_segment_and_only_for_what_dagster_does_not_know(tenants: Pipeline) -> None:
    tenants.land("2026-W16-1|acme", "2026-W17-1|acme")
    repository = CountingRepository(tenants.checkout, "main")

    check_deadline(tenants.instance, repository, load_agents(tenants.checkout).agents[0], DAYS, NOON)

    assert repository.read_dirs == ["eval/tail/globex"]


def test_a_day_that_the_weeks_file_does_not_list_is_missing(daily: Pipeline) -> None:
    days = [MiningDay.parse(f"2026-W16-{day}") for day in (1, 2)]
    on_main(daily, "eval/tail/2026-W16.yaml", tail_text("2026-W16", runs=[run_of("2026-W16-1")]))

    assert [cell.day.key for cell in missing(daily, *days)] == ["2026-W16-2"]


def test_a_file_that_cannot_be_read_does_not_hide_that_a_day_is_missing(daily: Pipeline) -> None:
    on_main(daily, "eval/tail/2026-W17.yaml", "cases: [\n")

    (cell,) = missing(daily, DAYS[1])

    assert "eval/tail/2026-W17.yaml" in (cell.failure or "")


def test_an_alarm_is_over_when_the_repository_has_what_was_missing(tenants: Pipeline) -> None:
    repository, agent = LocalGitRepository(tenants.checkout, "main"), load_agents(tenants.checkout).agents[0]
    tenants.land("2026-W17-1|globex")
    for text in (None, tail_text("2026-W17", segment="acme")):
        if text:
            on_main(tenants, "eval/tail/acme/2026-W17.yaml", text)
        (checked,) = check_deadline(tenants.instance, repository, agent, DAYS[1:], NOON)
        settle_alarm(repository, checked)

    (path,) = (tenants.checkout / ".tail" / "alarms").glob("*.md")
    assert path.read_text(encoding="utf-8").startswith("# Over: regression tail 2026-W17-1")
