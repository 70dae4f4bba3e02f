"""Real traces through real stores: mtrag_human replayed over eight weeks, mtrag_un at its own times."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl
import psycopg
import pytest

from tail_pipeline.adapters.eval_files import parse_rubric, parse_tail
from tail_pipeline.adapters.traces_files import FileTraceStore
from tail_pipeline.defs.runs import mine_cells
from tail_pipeline.domain.agents import AgentsConfig
from tail_pipeline.domain.collection import AsRecorded, SpanCollector
from tail_pipeline.domain.scoring import RecordedScores
from tail_pipeline.domain.selection import is_failing, with_triggers
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline.domain.weeks import Cadence, IsoWeek, MiningDay
from tail_pipeline_tests.conftest import EXAMPLE_EVAL, git
from tail_pipeline_tests.real_data import MTRAG_HUMAN, MTRAG_UN, REPLAY_WEEKS, mtrag_human, mtrag_un

pytestmark = pytest.mark.long

DDL = Path(__file__).parents[2] / "tail_pipeline" / "adapters" / "traces_postgres.sql"
Shared = Callable[[str], Path]


def test_the_rule_pulls_195_of_the_363_human_judged_responses(shared_data: Shared) -> None:
    rubric = parse_rubric((EXAMPLE_EVAL / "rubric.yaml").read_text(encoding="utf-8"), "rubric.yaml")
    spans = mtrag_human(shared_data(MTRAG_HUMAN))

    scored = with_triggers(RecordedScores().score(spans), rubric)

    assert (scored.height, scored.filter(is_failing()).height) == (363, 195)


def test_eight_weeks_from_files_and_the_first_three_from_a_table_give_the_same_tails(
    shared_data: Shared, checkout: Path, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = mtrag_human(shared_data(MTRAG_HUMAN))
    shuffled = spans.sample(fraction=1.0, shuffle=True, seed=3)
    (checkout / "traces").mkdir()
    shuffled.write_parquet(checkout / "traces" / "responses.parquet")
    from_files = _mined(checkout, {"store": "files", "path": "traces/*.parquet"}, "from-files")
    monkeypatch.setenv("TRACES_DSN", postgres_dsn)
    with _table(postgres_dsn, "mtrag", spans):
        table = {"store": "postgres", "dsn_env": "TRACES_DSN", "table": "mtrag"}
        from_postgres = _mined(checkout, table, "from-postgres", REPLAY_WEEKS[:3])

    assert list(from_files) == [str(week) for week in REPLAY_WEEKS]
    first = {week: text.replace("from-postgres", "from-files") for week, text in from_postgres.items()}
    assert {week: from_files[week] for week in first} == first
    counts = [parse_tail(text, f"eval/tail/{week}.yaml").counts for week, text in from_files.items()]
    assert (sum(count.spans for count in counts), sum(count.failing for count in counts)) == (363, 195)


def test_real_times_fall_into_the_weeks_after_them(shared_data: Shared, tmp_path: Path) -> None:
    source = pl.read_parquet(shared_data(MTRAG_UN))
    mtrag_un(shared_data(MTRAG_UN)).write_ndjson(tmp_path / "turns.jsonl")
    store = FileTraceStore(tmp_path, "*.jsonl", {})
    expected = dict(source.group_by("iso_week").len().sort("iso_week").iter_rows())

    read = {}
    for week in sorted({IsoWeek.parse(name) for name in expected}):
        window = MiningDay(week.shifted(1).monday).window(Cadence.WEEKLY)
        collector = SpanCollector(store, window, SegmentFilter("any"), AsRecorded(), timedelta(days=30))
        read[str(week)] = sum(frame.height for frame in collector.frames())

    assert read == expected


def test_a_gap_in_real_traffic_is_an_unknown_week_until_it_is_mined(shared_data: Shared, checkout: Path) -> None:
    (checkout / "traces").mkdir()
    mtrag_un(shared_data(MTRAG_UN)).write_parquet(checkout / "traces" / "turns.parquet")
    agent = _agent(checkout, {"store": "files", "path": "traces/*.parquet"}, "un")
    days = [MiningDay(IsoWeek.parse(week).monday) for week in ("2024-W38", "2024-W44", "2024-W39", "2024-W40")]

    mined = {cell.day.key: cell for cell in mine_cells(checkout, [(agent, day, None) for day in days])}

    verdicts = {key: (cell.proposal.file.counts.spans > 0, cell.proposal.trend.verdict) for key, cell in mined.items()}
    assert verdicts["2024-W38-1"] == (True, "unknown")
    assert verdicts["2024-W44-1"] == (True, "unknown")
    assert [verdicts[key][0] for key in ("2024-W39-1", "2024-W40-1")] == [False, False]
    assert verdicts["2024-W40-1"][1] == "unknown"


def _agent(checkout: Path, traces: dict[str, str], name: str) -> object:
    config = {
        "repository": {"provider": "local"},
        "agents": [{"name": name, "eval_dir": "eval", "traces": traces, "start_week": "2024-W01"}],
    }
    (checkout / "eval" / "agents.yaml").write_text(str(config), encoding="utf-8")
    return AgentsConfig.model_validate(config).agents[0]


def _mined(
    checkout: Path, traces: dict[str, str], name: str, weeks: Sequence[IsoWeek] = REPLAY_WEEKS
) -> dict[str, str]:
    """The tail files of the weeks, from branches that are gone afterwards."""
    agent = _agent(checkout, traces, name)
    for cell in mine_cells(checkout, [(agent, MiningDay(week.monday), None) for week in weeks]):
        assert cell.error is None, cell.error
    texts = {str(week): git(checkout, "show", f"tail-miner/{week}:eval/tail/{week}.yaml") for week in weeks}
    for ref in git(checkout, "for-each-ref", "--format=%(refname)", "refs/heads/tail-miner", "refs/published").split():
        git(checkout, "update-ref", "-d", ref)
    shutil.rmtree(checkout / ".tail")
    return texts


class _table:  # noqa: N801 reads as what it is in a with statement
    """The shipped table under another name, filled with spans."""

    def __init__(self, dsn: str, name: str, spans: pl.DataFrame) -> None:
        self._dsn, self._name, self._spans = dsn, name, spans

    def __enter__(self) -> None:
        ddl = DDL.read_text(encoding="utf-8").replace("agent_spans", self._name)
        columns = [name for name in self._spans.columns if name not in ("truncated", "orphan")]
        with psycopg.connect(self._dsn) as connection, connection.cursor() as cursor:
            cursor.execute(ddl)
            with cursor.copy(f"COPY {self._name} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in self._spans.select(columns).iter_rows():
                    copy.write_row(row)

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self._dsn) as connection:
            connection.execute(f"DROP TABLE {self._name}")
