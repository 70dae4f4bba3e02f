"""Rows appended to a cases file by hand: every byte stays, and what is read is what was there and the rows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.adapters.cases_text import new_set, with_rows
from tail_pipeline.adapters.eval_files import parse_cases
from tail_pipeline.domain.cases import Case, Provenance
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline_tests.strategies import HOSTILE_FRAGMENTS

PATH = "eval/cases.yaml"

EDGES = [
    *("", " ", "\n", "\n\n", " lead", "trail ", "\ttab", "a\n", "a\n\n\nb\n\n", "- id: x", "  - id: x\n    input: y"),
    *("---", "---\n", "...", "a\n...\nb", "\n---\ncases: []\n", "cases:\n- id: z", "%YAML 1.2", "# no comment", "null"),
    *("\r\n", "\r", "\x00", "\x85", "\u2028", "\ufeff", "🙂" * 200, "x" * 5_000, "<<<<<<< a\nb\n>>>>>>> c", "é\n é\n"),
]
TEXT = (
    st.sampled_from(EDGES)
    | st.sampled_from(HOSTILE_FRAGMENTS)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.lists(st.sampled_from([*EDGES, *HOSTILE_FRAGMENTS]), max_size=4).map("".join)
)
PROVENANCE = st.builds(
    Provenance,
    week=st.sampled_from(["2026-W17", "2026-W17-3"]),
    tail_file=st.just("eval/tail/2026-W17.yaml"),
    pull_request=st.none() | TEXT,
)


@st.composite
def row_lists(draw: st.DrawFn) -> list[Case]:
    return [
        Case(
            id=f"tail-2026W17-{number:03d}",
            input=draw(TEXT),
            context=draw(st.lists(TEXT, max_size=2)),
            expected=draw(st.none() | TEXT),
            labels=draw(st.lists(TEXT, max_size=2)),
            source="tail_miner",
            cost_weight=draw(st.integers(1, 1000)),
            provenance=draw(PROVENANCE),
        )
        for number in range(1, draw(st.integers(2, 4)))
    ]


FIRST_ITEMS = [
    "- id: a\n  input: one\n  source: poc\n",
    '-   id: "a"\n    input: "one\n\n      two"\n    source: poc # why\n',
    "- {id: a, input: one, source: poc}\n",
    "- id: a\n  source: poc\n  input: |\n    one\n    - id: b\n\n\n",
    "- id: a\n  source: poc\n  input: |+\n    one\n\n\n",
    "- id: a\n  source: poc\n  input: >-\n    one\n     two\n",
    "- source: poc\n  id: a\n  labels:\n  - x\n  input: plain\n    going on\n",
    "-\n  id: a\n  source: poc\n  input: ''\n",
]
COMMENTS = ["", "# at the end\n", "\n\n", "    # far in\n", "# one\n\n  # two\n", "   \n"]


@st.composite
def hand_written(draw: st.DrawFn) -> str:
    """A valid cases file as somebody may have laid it out."""
    outer = " " * draw(st.sampled_from([0, 0, 0, 2]))
    inner = outer + " " * draw(st.sampled_from([0, 1, 2, 4]))
    item = draw(st.sampled_from(FIRST_ITEMS))
    second = draw(st.sampled_from(["", "# between\n", "- {id: second, input: x, source: customer}\n"]))
    key = draw(st.sampled_from(["cases:", '"cases":', "'cases' :", "cases: # all of them"]))
    lines = f"{item}{second}".splitlines(keepends=True)
    body = "".join(line if line.isspace() else inner + line for line in lines)
    start = draw(st.sampled_from(["", "\ufeff# bom\n", "# head\n\n", "---\n", "--- # doc\n", "%YAML 1.1\n---\n"]))
    end = draw(st.sampled_from(["", "...\n", "...", "... # over\n\n# after\n"]))
    text = f"{start}{outer}{key}\n{body}{draw(st.sampled_from(COMMENTS))}{end}"
    if not end and draw(st.booleans()):
        text = text.rstrip("\n")
    return draw(st.sampled_from([text, text.replace("\n", "\r\n")]))


def keeps_its_value_with_a_line_break_more(text: str) -> bool:
    """False for a block text that ends with the file: a line break after it would become part of it."""
    return parse_cases(text, PATH) == parse_cases(f"{text}\n", PATH)


@given(text=hand_written(), rows=row_lists())
def test_every_byte_stays_and_the_rows_come_after_what_was_there(text: str, rows: list[Case]) -> None:
    before = parse_cases(text, PATH)
    if not text.endswith(("\n", "...")) and not keeps_its_value_with_a_line_break_more(text):
        return

    after = with_rows(text, before, rows, path=PATH)

    marker = re.search(r"^\.\.\.", text, re.MULTILINE)
    cut = marker.start() if marker else len(text)
    assert (after[:cut], after[len(after) - len(text) + cut :]) == (text[:cut], text[cut:])
    assert parse_cases(after, PATH).cases == [*before.cases, *rows]


@given(text=hand_written(), first=row_lists(), second=row_lists())
def test_a_set_grows_week_after_week(text: str, first: list[Case], second: list[Case]) -> None:
    later = [row.model_copy(update={"id": f"later-{row.id}"}) for row in second]
    before = parse_cases(text, PATH)
    try:
        once = with_rows(text, before, first, path=PATH)
    except InvalidFile:
        return

    twice = with_rows(once, parse_cases(once, PATH), later, path=PATH)

    assert parse_cases(twice, PATH).cases == [*before.cases, *first, *later]


@given(rows=row_lists())
def test_the_rows_of_a_new_file_are_read_back(rows: list[Case]) -> None:
    text = new_set(rows, path=PATH, schema_path="../cases.schema.json")

    assert text.startswith("# yaml-language-server: $schema=../cases.schema.json\ncases:\n")
    assert parse_cases(text, PATH).cases == rows


ROW = Case(id="tail-2026W17-001", input="one", source="tail_miner")
ITEM = """\
  - id: tail-2026W17-001
    input: one
    context: []
    expected: null
    labels: []
    source: tail_miner
    cost_weight: 1
    provenance: null
"""


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("cases: []\n", f"cases:\n{ITEM}"),
        ("# head\ncases: [ ]  # none yet\n# end\n", f"# head\ncases:  # none yet\n# end\n{ITEM}"),
        ("cases: []", f"cases:\n{ITEM}"),
        ("\ufeffcases: []\n", f"\ufeffcases:\n{ITEM}"),
        ("cases: []\r\n...\r\n", f"cases:\r\n{ITEM}...\n".replace("\r", "").replace("\n", "\r\n")),
    ],
)
def test_an_empty_set_gives_up_its_brackets_and_nothing_else(text: str, after: str) -> None:
    assert with_rows(text, parse_cases(text, PATH), [ROW], path=PATH) == after


def test_a_row_reads_like_those_people_write() -> None:
    row = ROW.model_copy(
        update={
            "input": "two\nlines",
            "provenance": Provenance(week="2026-W17", tail_file="eval/tail/2026-W17.yaml", pull_request="#12"),
        }
    )
    text = "cases:\n- id: a\n  input: b\n  source: poc\n"

    assert with_rows(text, parse_cases(text, PATH), [row], path=PATH) == text + (
        "- id: tail-2026W17-001\n"
        "  input: |-\n"
        "    two\n"
        "    lines\n"
        "  context: []\n"
        "  expected: null\n"
        "  labels: []\n"
        "  source: tail_miner\n"
        "  cost_weight: 1\n"
        '  provenance: {week: 2026-W17, tail_file: eval/tail/2026-W17.yaml, pull_request: "#12"}\n'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# x\ncases: [{id: a, input: b, source: poc}]\n",
            r"eval/cases\.yaml:2: cases: the list is written in brackets",
        ),
        ("# x\ncases: [\n]\n", r"eval/cases\.yaml:2: cases: the list is written in brackets"),
        ("cases: !!seq\n- {id: a, input: b, source: poc}\n", r"eval/cases\.yaml:1: cases: the list carries a tag"),
        ("{cases: []}\n", r"eval/cases\.yaml:1: cases: the file is written in braces"),
        (
            "cases:\n- id: a\n  source: poc\n  input: |\n    b",
            r"eval/cases\.yaml:5: .* end its last case with a line break",
        ),
    ],
)
def test_a_list_that_nothing_can_be_appended_to_says_where_and_what_to_do(text: str, message: str) -> None:
    with pytest.raises(InvalidFile, match=message):
        with_rows(text, parse_cases(text, PATH), [ROW], path=PATH)
