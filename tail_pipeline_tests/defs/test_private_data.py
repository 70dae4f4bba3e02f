"""Private values planted in every text of the traffic, and everything a run leaves behind searched for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tail_pipeline_tests.conftest import commit_all, git, make_checkout
from tail_pipeline_tests.defs.pipeline import (
    FAILING,
    Pipeline,
    configure,
    failure_of,
    persistent_pipeline,
    span,
    tail_of,
    week,
    write_spans,
)

MAIL, PHONE, KEY = "canary.mail@example.com", "+1 415 867 5309", "ghp_" + "a1B2" * 9
CANARIES = (MAIL, PHONE, "14158675309", KEY)
BRANCH, PATH = "tail-miner/acme/2026-W17", "eval/tail/acme/2026-W17.yaml"
SEGMENTS = "    segments: {by: tenant, values: [acme]}\n"


def private_week() -> list[dict[str, Any]]:
    """A week whose failing spans, of one tenant, hold a value in every text."""
    rows = [row | {"tenant": "acme"} for row in week()]
    for number in range(4):
        rows.append(
            rows[0]
            | span(
                300 + number,
                f"please send the invoice of {MAIL} to {PHONE} once more" + " today" * number,
                FAILING,
                session_id=f"session of {MAIL}",
                output=f"I have sent it to {MAIL} with {KEY}",
                contexts=[f"{MAIL} is called on {PHONE}"],
                metadata=json.dumps({"user": MAIL, "authorization": f"Bearer {KEY}"}),
                model=f"model of {MAIL}",
                node_class=f"node of {MAIL}",
                user_feedback="corrected",
                correction=f"Write to {MAIL}: sent to {PHONE}",
                tenant="acme",
            )
        )
    columns = {name: None for row in rows for name in row}
    bad = {"span_id": f"bad {MAIL}", "tenant": "acme", "start_time": None}
    undeclared = span(400, "hello", tenant=MAIL)
    by_mail = span(401, f"hello from {PHONE}", tenant="acme", trace_id=f"t/{MAIL}") | {"span_id": f"s/{MAIL}"}
    return [columns | {"contexts": [], "labels": []} | row for row in (*rows, bad, undeclared, by_mail)]


def everything_below(directory: Path) -> Iterator[tuple[str, str]]:
    """Name and content of each file; of Parquet its rows, which are compressed in the file."""
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or "traces" in path.relative_to(directory).parts:
            continue
        content = path.read_bytes()
        if content[:4] == b"PAR1":
            yield str(path), str(pl.read_parquet(path).rows())
        else:
            yield str(path), content.decode("utf-8", errors="replace")


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pipeline, str]]:
    repo = make_checkout(tmp_path_factory.mktemp("private"))
    configure(repo, f"{SEGMENTS}    max_bad_span_share: 0.5\n")
    write_spans(repo, private_week())
    with persistent_pipeline(repo) as running:
        result = running.mine("2026-W17-1|acme")
        assert result.success
        yield running, git(repo, "log", "--all", "--patch")


def test_nothing_that_a_run_leaves_behind_holds_a_private_value(mined: tuple[Pipeline, str]) -> None:
    running, committed = mined
    found = [*everything_below(running.checkout), *everything_below(running.checkout.parent / "dagster")]
    found.append(("commits", committed))
    assert len(found) > 20
    assert [(name, canary) for name, text in found for canary in CANARIES if canary in text] == []


def test_a_case_still_makes_sense(mined: tuple[Pipeline, str]) -> None:
    running, _ = mined
    (case,) = [one for one in tail_of(running.checkout, BRANCH, PATH).cases if "invoice" in one.input]
    assert "invoice of <EMAIL_1> to <PHONE_1>" in case.input
    assert case.expected == "Write to <EMAIL_1>: sent to <PHONE_1>"
    assert case.context == ["<EMAIL_1> is called on <PHONE_1>"]
    assert case.cluster.size == 4


def test_the_run_says_what_it_took_out(mined: tuple[Pipeline, str]) -> None:
    running, _ = mined
    metadata = running.metadata("spans", "2026-W17-1|acme")
    assert "| KEY | 8 |" in metadata["redacted"]
    assert "EMAIL" in metadata["undeclared_segments"]


def test_where_redaction_is_off_the_run_says_so(mining: Pipeline) -> None:
    configure(mining.checkout, "    redact: {enabled: false}\n")
    write_spans(mining.checkout, week())

    assert mining.mine().success

    assert "off" in mining.metadata("spans")["redacted"]


def test_a_hook_of_the_checkout_takes_out_more(mining: Pipeline) -> None:
    configure(mining.checkout, '    redact: {python: "redaction_hook_of_a_team:customers"}\n')
    hook = "import re\n\n\ndef customers(text):\n    return re.findall('CUST[0-9]+', text)\n"
    (mining.checkout / "redaction_hook_of_a_team.py").write_text(hook, encoding="utf-8")
    write_spans(mining.checkout, [row | {"input": f"{row['input']} for CUST7"} for row in week()])

    assert mining.mine().success

    texts = [case.input for case in tail_of(mining.checkout).cases]
    assert texts
    assert all("<PRIVATE_1>" in text and "CUST7" not in text for text in texts)


def test_a_hook_that_is_missing_fails_the_run_and_is_named(mining: Pipeline) -> None:
    configure(mining.checkout, '    redact: {python: "no_such_hook:find"}\n')
    write_spans(mining.checkout, week())

    assert "redact: python: no_such_hook:find" in failure_of(mining.mine())


def test_a_case_that_was_written_before_redaction_is_known_again(mining: Pipeline) -> None:
    cases = mining.checkout / "eval" / "cases.yaml"
    text = cases.read_text(encoding="utf-8").rstrip()
    known = f"\n  - id: old-001\n    input: please send the invoice of {MAIL} to {PHONE}\n    source: poc\n"
    cases.write_text(text + known, encoding="utf-8")
    commit_all(mining.checkout, "A case with private data")
    asked = "please send the invoice of {} to +44 20 7946 09{:02d}"
    rows = [week()[0] | span(300 + n, asked.format(f"user{n}@example.org", n), FAILING) for n in range(3)]
    write_spans(mining.checkout, [*week(), *rows])

    assert mining.mine().success

    assert [(one.why, one.case) for one in tail_of(mining.checkout).not_proposed] == [("known", "old-001")]
