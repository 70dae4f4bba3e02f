"""What is rendered as a tail file is read back, whatever texts it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tail_pipeline.adapters.eval_files import (
    parse_tail,
)
from tail_pipeline.domain.drafting import Judged
from tail_pipeline.domain.dry_run import DryRun
from tail_pipeline.domain.tail_file import (
    CaseAudit,
    CaseCluster,
    CaseRubric,
    CaseWindow,
    Complaint,
    Counts,
    NotProposed,
    Run,
    TailCase,
    TailFile,
    render,
)
from tail_pipeline_tests.adapters.eval_texts import case, tail_text
from tail_pipeline_tests.strategies import hostile_texts

PATH = "eval/tail/2026-W17.yaml"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["", " ", "\n", "a\n", "a\n\nb", " lead", "tab\tbed", "trail \nx", "null", "yes", "1", "1.0", "- a", "# no", "a: b",
     "'", '"', "\\", "---", "...", "\ufeff", "\u2028", "\x85", "\r\n", "\x00", "🙂", "<<<<<<< a", "x\n<<<<<<< HEAD\ny",
     "~", "=", "<<", "0x1f", "1:30", "2026-04-13", "{a}", "[a]", "%", "@", "`", "?", ": ", "é" * 130]
)  # fmt: skip
NUMBER = st.integers(0, 10**6)
SHARE = st.integers(0, 10_000).map(lambda number: number / 10_000)
TIME = st.integers(0, 10**9).map(lambda seconds: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
COUNTS = st.builds(Counts, **dict.fromkeys(Counts.model_fields, NUMBER))
WINDOWS = st.builds(CaseWindow, start=TIME, end=TIME)
DAYS = st.integers(1, 7).map(lambda day: f"2026-W17-{day}")
REASONS = st.one_of(
    st.tuples(st.sampled_from(["proposed", "promoted"]), st.none()),
    st.tuples(st.just("rejected"), TEXT.filter(lambda text: bool(text.strip()))),
)
DRY_RUNS = st.builds(
    DryRun,
    model=TEXT,
    runs=st.integers(0, 3),
    score=st.none() | SHARE,
    passed=st.none() | st.booleans(),
    verdict=st.sampled_from([None, "stable_pass", "flaky", "stable_fail"]),
    reason=st.none() | TEXT.filter(bool),
)


JUDGED = st.builds(Judged, criterion=TEXT, score=st.none() | SHARE, reason=TEXT)
AUDITS = st.builds(CaseAudit, population=NUMBER, sampled=NUMBER, failing=NUMBER, found=NUMBER, lower_bound=SHARE)


@st.composite
def tail_cases(draw: st.DrawFn, number: int) -> TailCase:
    status, reason = draw(REASONS)
    return TailCase(
        id=f"tail-2026W17-{number:03d}",
        title=draw(TEXT),
        status=status,
        rejection_reason=reason,
        input=draw(TEXT),
        context=draw(st.lists(TEXT, max_size=3)),
        expected=draw(st.none() | TEXT),
        expected_source=draw(st.sampled_from(["user_correction", "passing_span", "model", "none"])),
        labels=draw(st.lists(TEXT, max_size=3)),
        source="tail_miner",
        cost_weight=draw(st.integers(1, 1000)),
        run=draw(st.none() | DAYS),
        cluster=CaseCluster(
            size=draw(NUMBER),
            weight=draw(NUMBER),
            triggers=draw(st.dictionaries(st.sampled_from(["rubric", "ragas", "feedback"]), NUMBER)),
            lowest_score=draw(st.none() | SHARE),
            novelty=draw(st.sampled_from(["new", "returning", "revived"])),
            first_seen=draw(TEXT),
            observed_output=draw(st.none() | TEXT),
            faithfulness=draw(st.none() | SHARE),
            judged=draw(st.lists(JUDGED, max_size=2)),
            flags=draw(st.lists(TEXT, max_size=2)),
            span_ids=draw(st.lists(TEXT, max_size=5)),
            paraphrases=draw(st.lists(TEXT, max_size=3)),
        ),
        dry_run=draw(st.none() | DRY_RUNS),
    )


@st.composite
def tail_files(draw: st.DrawFn) -> TailFile:
    runs = st.builds(Run, day=DAYS, window=WINDOWS, counts=COUNTS, audit=st.none() | AUDITS)
    rows = st.builds(
        NotProposed,
        title=TEXT,
        weight=NUMBER,
        size=NUMBER,
        why=st.sampled_from(["over_cap", "known", "undecided", "rejected_before"]),
        case=st.none() | TEXT,
        run=st.none() | DAYS,
    )
    complaints = st.builds(Complaint, span_id=TEXT, input=TEXT, feedback=TEXT, run=st.none() | DAYS)
    return TailFile(
        iso_week="2026-W17",
        agent=draw(TEXT),
        segment=None,
        window=draw(WINDOWS),
        rubric=draw(
            st.builds(
                CaseRubric,
                sha=TEXT,
                rubric_min_score=SHARE,
                ragas_faithfulness=SHARE,
                judge_model=st.none() | TEXT,
            )
        ),
        counts=draw(COUNTS),
        audit=draw(st.none() | AUDITS),
        runs=draw(st.none() | st.lists(runs, max_size=3)),
        cases=[draw(tail_cases(number)) for number in range(1, draw(st.integers(1, 4)))],
        not_proposed=draw(st.lists(rows, max_size=3)),
        complaints=draw(st.lists(complaints, max_size=3)),
    )


@settings(deadline=None, max_examples=40)
@given(tail_files())
def test_a_rendered_file_is_read_back_equal(file: TailFile):
    assert parse_tail(render(file, schema_path="../tail.schema.json"), PATH) == file


@settings(deadline=None, max_examples=40)
@given(tail_files())
def test_a_rendered_file_with_windows_line_ends_is_read_back_equal(file: TailFile):
    text = render(file, schema_path="../tail.schema.json").replace("\n", "\r\n")
    assert parse_tail(text, PATH) == file


@settings(deadline=None, max_examples=40)
@given(tail_files())
def test_rendering_what_was_read_gives_the_same_bytes(file: TailFile):
    text = render(file, schema_path="../tail.schema.json")
    assert render(parse_tail(text, PATH), schema_path="../tail.schema.json") == text


@settings(max_examples=60)
@given(hostile_texts(12))
@example("@octocat\n---\n<<<<<<< HEAD\n" + "`" * 100_000)
def test_hostile_text_is_as_readable_as_any(text: str):
    said = {"title": text, "input": text, "expected": text, "context": [text], "labels": [text]}
    cases = [case("tail-2026W17-001", **said), case("tail-2026W17-002", **said)]
    assert parse_tail(tail_text("2026-W17", cases), PATH).cases == cases
