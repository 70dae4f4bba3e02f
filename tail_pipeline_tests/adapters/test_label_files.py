"""Files with people's labels: the three formats say the same, and what cannot be used is named by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tail_pipeline.adapters.label_files import read_labels
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.labels import Labelled

ROWS: list[dict[str, Any]] = [
    {"input": "q1", "output": "a1", "contexts": ["one", "two"], "expected": "e1", "bad": True, "stars": 1.0},
    {"input": "q2", "output": "a2", "contexts": [], "expected": None, "bad": False, "stars": 3.0},
    {"input": "q3", "output": "a3", "contexts": ["three"], "expected": None, "bad": None, "stars": None},
]
ANSWERS = [
    Labelled(Content("q1", "a1", ("one", "two"), "e1"), fails=True),
    Labelled(Content("q2", "a2"), fails=False),
]


def written(directory: Path, suffix: str, rows: list[dict[str, Any]]) -> Path:
    path = directory / f"labels{suffix}"
    if suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif suffix == ".csv":
        lists = [row | {"contexts": json.dumps(row["contexts"])} if "contexts" in row else row for row in rows]
        pl.DataFrame(lists).write_csv(path)
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(params=[".parquet", ".csv", ".jsonl"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_format_gives_the_same_answers(tmp_path: Path, suffix: str):
    assert read_labels(written(tmp_path, suffix, ROWS), column="bad").answers == ANSWERS


def test_a_score_fails_below_the_value_given(tmp_path: Path, suffix: str):
    path = written(tmp_path, suffix, ROWS)
    found = {below: read_labels(path, column="stars", fails_below=below).answers for below in (1.0, 2.0, 3.5)}

    assert {below: [one.fails for one in answers] for below, answers in found.items()} == {
        1.0: [False, False],
        2.0: [True, False],
        3.5: [True, True],
    }


def test_rows_without_a_label_are_left_out_and_counted(tmp_path: Path, suffix: str):
    assert read_labels(written(tmp_path, suffix, ROWS), column="bad").unlabelled == 1


@pytest.mark.parametrize(
    ("context", "contexts"),
    [
        ({"context": "a passage"}, ("a passage",)),
        ({"context": '["a", "b"]'}, ("a", "b")),
        ({"context": "[a note] in brackets"}, ("[a note] in brackets",)),
        ({"context": None}, ()),
        ({}, ()),
    ],
)
def test_a_context_may_be_a_text_a_list_or_nothing(
    tmp_path: Path, context: dict[str, str | None], contexts: tuple[str, ...]
):
    path = written(tmp_path, ".jsonl", [{"input": "q", "output": "a", "bad": True} | context])

    assert read_labels(path, column="bad").answers == [Labelled(Content("q", "a", contexts), fails=True)]


def test_a_sample_is_the_same_each_time_and_in_the_files_order(tmp_path: Path):
    rows = [{"input": str(number), "output": "a", "bad": False} for number in range(50)]
    path = written(tmp_path, ".jsonl", rows)
    one, other = ([int(row.content.input) for row in read_labels(path, column="bad", limit=10).answers] for _ in "ab")

    assert (one, len(set(one))) == (sorted(other), 10)


def test_a_limit_above_the_number_of_rows_keeps_them_all(tmp_path: Path):
    assert read_labels(written(tmp_path, ".jsonl", ROWS), column="bad", limit=9).answers == ANSWERS


def test_missing_columns_are_named_with_those_there_are(tmp_path: Path, suffix: str):
    path = written(tmp_path, suffix, [{"question": "q", "output": "a"}])
    with pytest.raises(
        PermanentError, match=r"has no column input and no column bad; it has question, output\. Name the"
    ):
        read_labels(path, column="bad")


def test_rows_that_cannot_be_used_are_named_together(tmp_path: Path):
    rows = [
        {"input": "q", "output": "a", "bad": True},
        {"input": "q", "output": None, "bad": True},
        {"input": 5, "output": "a", "bad": True},
        {"input": "q", "output": "a", "bad": 0.5},
        {"input": "q", "output": "a", "contexts": [1], "bad": True},
    ]
    with pytest.raises(PermanentError) as raised:
        read_labels(written(tmp_path, ".jsonl", rows), column="bad")

    assert str(raised.value).splitlines() == [
        "labels.jsonl cannot be used:",
        "  row 2: output is missing",
        "  row 3: input is no text but 5",
        "  row 4: bad is 0.5, neither true nor false; for scores give --fails-below",
        "  row 5: contexts is neither a text nor a list of texts",
    ]


@pytest.mark.parametrize("value", ["good", float("nan"), True])
def test_a_score_that_is_none_is_named(tmp_path: Path, value: Any):
    path = written(tmp_path, ".jsonl", [{"input": "q", "output": "a", "stars": value}])
    with pytest.raises(PermanentError, match=r"row 1: stars is .*, which is no score"):
        read_labels(path, column="stars", fails_below=2)


def test_many_bad_rows_are_counted_after_the_first_five(tmp_path: Path):
    path = written(tmp_path, ".jsonl", [{"input": "q", "output": None, "bad": True}] * 8)
    with pytest.raises(PermanentError, match=r"row 5: .*\n  and 3 more rows$"):
        read_labels(path, column="bad")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("labels.xlsx", "", r"labels.xlsx is no label file; there are: .parquet, .csv, .jsonl"),
        ("labels.jsonl", '{"input": ', r"labels.jsonl cannot be read: row 1 is no JSON: "),
        ("labels.jsonl", "5\n", r"labels.jsonl cannot be read: row 1 is no JSON object"),
        ("labels.parquet", "no parquet", r"labels.parquet cannot be read: "),
        ("labels.csv", "", r"labels.csv cannot be read: "),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str, text: str, message: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(PermanentError, match=message):
        read_labels(tmp_path / name, column="bad")
