"""The example ``pricefox``: two hundred tenants, daily; a handful of them over a week and into the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tail_pipeline.adapters.eval_files import load_agents
from tail_pipeline.defs.build import build_definitions
from tail_pipeline.defs.runs import dagster_instance
from tail_pipeline.demo import pricefox_phrases as phrases
from tail_pipeline.demo.examples import load_example
from tail_pipeline.demo.pricefox import STRAY_BRAND, UNDECLARED, UNDECLARED_BRAND, Shop, planted, shops
from tail_pipeline.demo.scratch import create_scratch_repository
from tail_pipeline.domain.segments import SegmentBy
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.conftest import EXAMPLE_EVAL, git
from tail_pipeline_tests.e2e.command import run
from tail_pipeline_tests.e2e.reviewer import review_and_merge, tail_on

pytestmark = pytest.mark.long

TOYS, CRAFTS = "willow-toys", "north-crafts"
WEEK, NEXT_WEEK = "2026-W16", "2026-W17"
FIRST, SECOND, AFTER_THE_MERGE, OF_THE_NEXT_WEEK = "2026-W16-2", "2026-W16-3", "2026-W16-6", "2026-W17-2"
SUNDAYS_TRAFFIC = "2026-W16-1"
CORRECTED = "The loyalty discount is taken of what remains."


@dataclass
class Days:
    """A repository in which some shops were mined on some days, and what was there in between."""

    repo: Path
    topics: dict[tuple[str, str], list[str]]
    """What failed of a shop in the window of a mining day, by topic; a complaint that stands alone does not count."""
    topic_of: dict[str, str]
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def mine(self, shop: str, day: str) -> dict[str, Any]:
        """The shop's row; what the shops share is made after it, and has one of its own."""
        rows = json.loads(run("mine", "--repo", self.repo, "--segment", shop, "--day", day, "--json").stdout)
        [row] = [one for one in rows if one["segment"] == shop]
        return row

    def tail(self, shop: str, week: str, branch: str = "") -> TailFile:
        return tail_on(self.repo, branch or f"tail-miner/{shop}/{week}", f"eval/tail/{shop}/{week}.yaml")

    def intents(self, tail: TailFile) -> list[str]:
        """The topic of each case, in the order of the file."""
        return [self.topic_of[case.cluster.span_ids[0]] for case in tail.cases]

    def refs(self) -> str:
        return git(self.repo, "for-each-ref")


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """Four days of one shop with a review in between, and one day of another."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        repo = tmp_path_factory.mktemp("pricefox") / "scratch"
        create_scratch_repository(EXAMPLE_EVAL.parent, load_example("pricefox"), repo)
        days = Days(repo, *_planted_in(repo / "traces"))
        days.rows[CRAFTS, SUNDAYS_TRAFFIC] = days.mine(CRAFTS, SUNDAYS_TRAFFIC)
        for shop, day in ((TOYS, FIRST), (CRAFTS, FIRST), (TOYS, SECOND)):
            days.rows[shop, day] = days.mine(shop, day)
        reviewed = days.tail(TOYS, WEEK)
        decisions = {case.id: CORRECTED for case in reviewed.cases}
        review_and_merge(repo, f"tail-miner/{TOYS}/{WEEK}", f"eval/tail/{TOYS}/{WEEK}.yaml", decisions)
        for day in (AFTER_THE_MERGE, OF_THE_NEXT_WEEK):
            days.rows[TOYS, day] = days.mine(TOYS, day)
        yield days


def _planted_in(traces: Path) -> tuple[dict[tuple[str, str], list[str]], dict[str, str]]:
    frame = pl.read_parquet(traces / "*.parquet").with_columns(
        topic=pl.col("metadata").str.json_path_match("$.topic"), day=pl.col("start_time").dt.date()
    )
    gaps = frame.filter(pl.col("topic").is_in([topic.name for topic in (*planted(), *phrases.LOCAL)]))
    names = {shop.spelling: shop.name for shop in shops()}
    topics: dict[tuple[str, str], list[str]] = {}
    for spelling, day, topic in gaps.select("tenant", "day", "topic").unique().sort("topic").iter_rows():
        mined = MiningDay(day + timedelta(days=1)).key
        topics.setdefault((names.get(spelling, str(spelling)), mined), []).append(topic)
    return topics, dict(frame.select("span_id", "topic").iter_rows())


def shop_called(name: str) -> Shop:
    [found] = [shop for shop in shops() if shop.name == name]
    return found


def test_the_declared_tenants_are_the_two_hundred_of_the_traffic(days: Days) -> None:
    [agent] = load_agents(days.repo).agents

    assert agent.segments is not None
    assert agent.segments.by is SegmentBy.TENANT
    assert agent.segments.values == {shop.name: shop.spelling for shop in shops()}
    assert len(agent.segments.values) == 200


def test_the_code_location_has_a_partition_for_every_shop_and_day(days: Days) -> None:
    job = build_definitions(days.repo).resolve_job_def("mine_pricefox")

    assert job.partitions_def is not None
    keys = job.partitions_def.get_partition_keys()
    assert {key.partition("|")[2] for key in keys if key.startswith(f"{FIRST}|")} == {shop.name for shop in shops()}
    assert len(keys) == 200 * len({key.partition("|")[0] for key in keys})


def test_the_file_of_a_week_grows_with_each_of_its_days(days: Days) -> None:
    path = f"eval/tail/{TOYS}/{WEEK}.yaml"
    first, second = git(days.repo, "log", "--format=%H", "--reverse", "--author=tail-miner", "--", path).split()[:2]

    earlier, later = tail_on(days.repo, first, path), tail_on(days.repo, second, path)

    assert [[one.day for one in tail.runs or []] for tail in (earlier, later)] == [[FIRST], [FIRST, SECOND]]
    assert [case.id for case in later.cases[: len(earlier.cases)]] == [case.id for case in earlier.cases]
    assert days.intents(earlier) == days.topics[TOYS, FIRST]
    # What fails again the next day is no second case.
    assert sorted(days.intents(later)) == sorted({*days.topics[TOYS, FIRST], *days.topics[TOYS, SECOND]})


def test_days_after_the_reviewer_merged_go_to_a_follow_up_branch(days: Days) -> None:
    follow_up = days.tail(TOYS, WEEK, f"tail-miner/{TOYS}/{WEEK}.2")
    merged = days.tail(TOYS, WEEK, "main")

    assert [one.day for one in follow_up.runs or []] == [FIRST, SECOND, AFTER_THE_MERGE]
    assert [case.status for case in merged.cases] == ["promoted"] * len(merged.cases)
    assert follow_up.cases[: len(merged.cases)] == merged.cases
    new = set(days.topics[TOYS, AFTER_THE_MERGE]) - set(days.intents(merged))
    assert set(days.intents(follow_up)[len(merged.cases) :]) == new != set()


def test_the_next_week_starts_a_file_and_a_branch_of_its_own(days: Days) -> None:
    tail = days.tail(TOYS, NEXT_WEEK)

    assert [one.day for one in tail.runs or []] == [OF_THE_NEXT_WEEK]
    before = set(days.intents(days.tail(TOYS, WEEK, f"tail-miner/{TOYS}/{WEEK}.2")))
    assert set(days.intents(tail)) == set(days.topics[TOYS, OF_THE_NEXT_WEEK]) - before != set()


def test_there_is_one_branch_and_one_pull_request_for_each_shop_and_week(days: Days) -> None:
    expected = {f"{CRAFTS}/{WEEK}", f"{TOYS}/{WEEK}", f"{TOYS}/{WEEK}.2", f"{TOYS}/{NEXT_WEEK}"}
    bodies = days.repo / ".tail" / "pull_requests"

    branches = git(days.repo, "for-each-ref", "--format=%(refname:lstrip=3)", "refs/heads/tail-miner").split()
    found = {path.relative_to(bodies).as_posix().removesuffix(".md") for path in bodies.rglob("*.md")}

    assert (set(branches), found) == (expected, expected)


def test_a_day_without_traffic_leaves_no_file(days: Days) -> None:
    row = days.rows[CRAFTS, SUNDAYS_TRAFFIC]

    assert (row["error"], row["spans"], row["cases"]) == (None, 0, 0)
    tail = days.tail(CRAFTS, WEEK)
    assert [one.day for one in tail.runs or []] == [FIRST]


def test_a_shop_is_found_by_the_spelling_of_the_traces(days: Days) -> None:
    assert shop_called(CRAFTS).spelling != CRAFTS
    assert sorted(days.intents(days.tail(CRAFTS, WEEK))) == days.topics[CRAFTS, FIRST]


def test_spans_of_nobody_and_of_an_undeclared_shop_are_loud_and_in_no_file(days: Days) -> None:
    warnings = " ".join(days.rows[TOYS, AFTER_THE_MERGE]["warnings"])

    assert f"spans of '{UNDECLARED}'" in warnings
    assert "spans without one" in warnings
    everything = _texts_of(days.repo, "").lower()
    assert [brand for brand in (STRAY_BRAND, UNDECLARED_BRAND) if brand.lower() in everything] == []


@pytest.mark.parametrize(("own", "other"), [(TOYS, CRAFTS), (CRAFTS, TOYS)])
def test_nothing_of_a_shop_holds_a_text_of_another(days: Days, own: str, other: str) -> None:
    """Each shop has a brand that stands in its texts alone."""
    written = _texts_of(days.repo, own).lower()

    assert shop_called(own).brand.lower() in written
    assert [shop.brand for shop in shops() if shop.name != own and shop.brand.lower() in written] == []
    assert other not in written


def _texts_of(repo: Path, shop: str) -> str:
    """All that was written of one shop, or of all: branches with messages and files, bodies, frames, Dagster's records."""
    parts = [git(repo, "for-each-ref", "--format=%(refname) %(contents)", f"refs/heads/tail-miner/{shop}")]
    branches = git(repo, "for-each-ref", "--format=%(refname)", f"refs/heads/tail-miner/{shop}").split()
    parts += [git(repo, "log", "-p", "--format=%an %s %b", one, "--", f"eval/tail/{shop}") for one in branches]
    parts += [path.read_text("utf-8") for path in (repo / ".tail" / "pull_requests" / shop).rglob("*.md")]
    for path in (repo / ".tail" / "frames").rglob("*"):
        if shop not in path.name:
            continue
        if path.suffix == ".json":
            parts.append(path.read_text("utf-8"))
        elif path.suffix == ".parquet":
            parts.append(pl.read_parquet(path).write_json())
    with dagster_instance(repo) as instance:
        for found in instance.get_runs():
            if found.tags["dagster/partition"].endswith(f"|{shop}" if shop else ""):
                parts += [f"{entry.message} {entry.to_json()}" for entry in instance.all_logs(found.run_id)]
    return "\n".join(parts)


def test_mining_one_shop_and_day_again_writes_nothing_and_touches_no_other(days: Days) -> None:
    before = days.refs()
    files = {path: path.read_bytes() for path in (days.repo / ".tail" / "pull_requests").rglob("*") if path.is_file()}

    again = days.mine(TOYS, OF_THE_NEXT_WEEK)

    assert again["pull_request"] == "unchanged"
    assert days.refs() == before
    assert {path: path.read_bytes() for path in files} == files
