"""What a quiet tenant's clusters are told from, on a real instance: passing texts of its own earlier days, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import polars as pl
import pytest

from tail_pipeline.domain.clustering import ENOUGH_BACKGROUND
from tail_pipeline_tests.conftest import git, make_checkout
from tail_pipeline_tests.defs.pipeline import AGENT, FAILING, Pipeline, configure, pipeline, span, write_spans
from tail_pipeline_tests.defs.shared_traffic import make_daily
from tail_pipeline_tests.domain.builders import ordinary_texts

SUNDAY, MONDAY, TUESDAY, WEDNESDAY = "2026-W16-7", "2026-W17-1", "2026-W17-2", "2026-W17-3"
FEW = 60
"""Passing texts a day: too few alone, enough with those of one day more."""

GAP = ["the export of my invoice hangs", "my invoice export hangs again", "why does the invoice export hang"]
ANSWERED = "how can i track the parcel"
"""Asked in vain on the last day by acme; answered on an earlier one."""


def asked_on(key: str, tenant: str, texts: list[str], score: float = 0.95) -> list[dict[str, Any]]:
    start = datetime.strptime(f"{key} +0000", "%G-W%V-%u %z") - timedelta(hours=12)
    return [
        span(number, text, score, tenant=tenant)
        | {"trace_id": f"{tenant}-{key}-{score}-{number}", "start_time": start + timedelta(minutes=number)}
        for number, text in enumerate(texts)
    ]


def traffic() -> list[dict[str, Any]]:
    """Of acme three quiet days with other texts each; of globex one day, of everything anybody says."""
    said = ordinary_texts()
    rows = asked_on(SUNDAY, "acme", said[:20])
    rows += asked_on(MONDAY, "acme", [*said[20 : 20 + FEW], ANSWERED])
    rows += asked_on(WEDNESDAY, "acme", said[80 : 80 + FEW])
    rows += asked_on(WEDNESDAY, "acme", [*GAP, ANSWERED, ANSWERED], FAILING)
    rows += asked_on(TUESDAY, "globex", said)
    rows += asked_on(WEDNESDAY, "globex", said[:20])
    return rows + asked_on(WEDNESDAY, "globex", GAP, FAILING)


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which acme was mined on all days and globex on the first three, the last of them with all texts."""
    checkout = make_checkout(tmp_path_factory.mktemp("days"))
    configure(checkout, "    segments: {by: tenant, values: [acme, globex]}\n")
    make_daily(checkout)
    write_spans(checkout, traffic())
    with pipeline(checkout) as mining:
        for day in (SUNDAY, MONDAY, TUESDAY):
            assert mining.mine(f"{day}|acme").success
        assert mining.mine(f"{TUESDAY}|globex").success
    return checkout


@pytest.fixture
def mining(mined: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(Path(copytree(mined, tmp_path / "checkout", symlinks=True))) as running:
        yield running


def frame(mining: Pipeline, name: str, day: str, tenant: str) -> Path:
    return mining.checkout / ".tail" / "frames" / AGENT / name / day / f"{tenant}.parquet"


def background(mining: Pipeline, partition: str) -> tuple[int, int, list[str]]:
    """Texts, how many of them are of earlier days, and which days those are."""
    said = mining.metadata("weighted_clusters", partition)
    return said["background_texts"], said["background_from_earlier_days"], said["earlier_days_read"]


def test_a_quiet_day_is_told_from_whole_earlier_days_until_they_are_enough(mining: Pipeline) -> None:
    assert mining.mine(f"{WEDNESDAY}|acme").success

    texts, earlier, days = background(mining, f"{WEDNESDAY}|acme")
    assert (texts, earlier, days) == (2 * FEW + 1, FEW + 1, [TUESDAY, MONDAY])
    assert texts >= ENOUGH_BACKGROUND


def test_no_text_of_another_tenant_is_in_the_background(mining: Pipeline) -> None:
    """Globex has enough for two on the day before."""
    frame(mining, "scored_spans", MONDAY, "acme").unlink()
    assert mining.mine(f"{WEDNESDAY}|acme").success
    assert background(mining, f"{WEDNESDAY}|acme") == (FEW + 20, 20, [TUESDAY, SUNDAY])


def test_earlier_days_that_are_not_stored_are_done_without(mining: Pipeline) -> None:
    for day in (SUNDAY, MONDAY, TUESDAY):
        frame(mining, "scored_spans", day, "acme").unlink()
    assert mining.mine(f"{WEDNESDAY}|acme").success
    assert background(mining, f"{WEDNESDAY}|acme") == (FEW, 0, [])


def test_a_day_with_enough_of_its_own_reads_no_earlier_one(mining: Pipeline) -> None:
    write_spans(mining.checkout, [*traffic(), *asked_on(TUESDAY, "globex", GAP, FAILING)])
    assert mining.mine(f"{TUESDAY}|globex").success
    assert background(mining, f"{TUESDAY}|globex") == (len(ordinary_texts()), 0, [])


def test_a_day_mined_again_after_the_same_earlier_ones_gives_the_same_bytes(mining: Pipeline) -> None:
    seen = []
    for _ in range(2):
        assert mining.mine(f"{WEDNESDAY}|acme").success
        clusters = frame(mining, "weighted_clusters", WEDNESDAY, "acme").read_bytes()
        seen.append((clusters, git(mining.checkout, "rev-parse", "tail-miner/acme/2026-W17")))
    assert seen[0] == seen[1]


def test_an_answer_of_an_earlier_day_is_not_offered(mining: Pipeline) -> None:
    """Nobody has scored it with the rubric of this run, and its row may be gone by the time the file is written again."""
    assert mining.mine(f"{WEDNESDAY}|acme").success
    clusters = pl.read_parquet(frame(mining, "weighted_clusters", WEDNESDAY, "acme"))
    assert clusters.filter(pl.col("text") == ANSWERED)["answered_by"].to_list() == [None]


def test_private_values_that_an_earlier_run_left_in_reach_no_background(mining: Pipeline) -> None:
    """Redacted they are the same text all day long, and the day before it is looked at as well."""
    path = frame(mining, "scored_spans", MONDAY, "acme")
    earlier = pl.read_parquet(path)
    written = [f"mail {chr(97 + number % 26)}@example.org" for number in range(earlier.height)]
    earlier.with_columns(pl.Series("input", written)).write_parquet(path)
    assert mining.mine(f"{WEDNESDAY}|acme").success
    assert background(mining, f"{WEDNESDAY}|acme") == (FEW + 21, 21, [TUESDAY, MONDAY, SUNDAY])
