"""Files of answers with people's labels: Parquet, JSON lines or CSV.

Columns: ``input``, ``output``, ``contexts`` or ``context`` (a list, one text, or a JSON list in a text), ``expected``
(optional), and a label: true where the answer fails, or a person's score with the value it fails below.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.labels import Labelled

SAMPLE_SEED = 0
_SHOWN_PROBLEMS = 5
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Row = Mapping[str, Any]
NumberedRow = tuple[int, Row]


@dataclass(frozen=True)
class LabelFile:
    """``answers`` in the file's order; ``unlabelled`` rows had no label and were left out."""

    answers: list[Labelled]
    unlabelled: int


def read_labels(path: Path, *, column: str, fails_below: float | None = None, limit: int | None = None) -> LabelFile:
    """The labelled answers of a file; with ``limit`` a random sample of so many, the same on every machine.

    Raises PermanentError that names the file and missing columns, or the rows that cannot be used.
    """
    rows, columns = _rows(path, ["input", "output", "contexts", "context", "expected", column])
    context = next((name for name in ("contexts", "context") if name in columns), None)
    missing = [name for name in ("input", "output", column) if name not in columns]
    if missing:
        raise PermanentError(
            f"{path.name} has no column {' and no column '.join(missing)}; it has {', '.join(columns)}. "
            "Name the label's column with --label-column"
        )
    answers, problems, unlabelled = [], [], 0
    for number, row in rows:
        if row.get(column) is None or row[column] == "":
            unlabelled += 1
            continue
        try:
            answers.append(_labelled(row, context, column, fails_below))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        more = f"\n  and {len(problems) - _SHOWN_PROBLEMS} more rows" if len(problems) > _SHOWN_PROBLEMS else ""
        shown = "".join(f"\n  {problem}" for problem in problems[:_SHOWN_PROBLEMS])
        raise PermanentError(f"{path.name} cannot be used:{shown}{more}")
    if limit is not None and limit < len(answers):
        chosen = random.Random(SAMPLE_SEED).sample(range(len(answers)), limit)  # noqa: S311 a sample, no secret
        answers = [answers[place] for place in sorted(chosen)]
    return LabelFile(answers, unlabelled)


def _labelled(row: Row, context: str | None, column: str, fails_below: float | None) -> Labelled:
    expected = row.get("expected")
    return Labelled(
        Content(
            input=_text(row, "input"),
            output=_text(row, "output"),
            contexts=_contexts(row.get(context), context) if context else (),
            expected=None if expected is None else _text(row, "expected"),
        ),
        fails=_fails(row[column], column, fails_below),
    )


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if isinstance(value, str):
        return value
    raise ValueError(f"{name} is {'missing' if value is None else f'no text but {value!r:.40}'}")


def _contexts(value: Any, name: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        listed = _json_list(value)
        value = [value] if listed is None else listed
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name} is neither a text nor a list of texts")
    return tuple(value)


def _json_list(text: str) -> list[Any] | None:
    """CSV has no lists, so a JSON one in its place is read as one."""
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else None


def _fails(value: Any, column: str, fails_below: float | None) -> bool:
    if fails_below is None:
        word = _WORDS.get(value.strip().lower()) if isinstance(value, str) else value
        if not isinstance(word, bool):
            raise ValueError(f"{column} is {value!r:.40}, neither true nor false; for scores give --fails-below")
        return word
    try:
        score = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        score = float("nan")
    if score != score:  # noqa: PLR0124 the one number that differs from itself
        raise ValueError(f"{column} is {value!r:.40}, which is no score")
    return score < fails_below


def _from_parquet(path: Path, wanted: Sequence[str]) -> tuple[Iterator[NumberedRow], list[str]]:
    frame = pl.scan_parquet(path)
    columns = frame.collect_schema().names()
    rows = frame.select(name for name in columns if name in wanted).collect()
    return enumerate(rows.iter_rows(named=True), 1), columns


def _from_csv(path: Path, wanted: Sequence[str]) -> tuple[Iterator[NumberedRow], list[str]]:
    frame = pl.read_csv(path, infer_schema=False)
    rows = frame.select(name for name in frame.columns if name in wanted)
    return enumerate(rows.iter_rows(named=True), 1), frame.columns


def _from_json_lines(path: Path, wanted: Sequence[str]) -> tuple[Iterator[NumberedRow], list[str]]:
    rows: list[NumberedRow] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"row {number} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"row {number} is no JSON object")
            columns |= dict.fromkeys(row)
            rows.append((number, {name: row[name] for name in wanted if name in row}))
    return iter(rows), list(columns)


_READERS = {".parquet": _from_parquet, ".csv": _from_csv, ".jsonl": _from_json_lines}


def _rows(path: Path, wanted: Sequence[str]) -> tuple[Iterator[NumberedRow], list[str]]:
    """Rows with the number people see, and the names of all columns."""
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise PermanentError(f"{path.name} is no label file; there are: {', '.join(_READERS)}")
    try:
        return reader(path, wanted)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise PermanentError(f"{path.name} cannot be read: {error}") from error
