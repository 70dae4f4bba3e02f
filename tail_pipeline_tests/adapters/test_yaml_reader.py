"""Everything a person can break in a YAML file by hand is an InvalidFile with the line, and never a crash."""

from __future__ import annotations

import contextlib
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from tail_pipeline.adapters.yaml_reader import MAX_BYTES, MAX_DEPTH, parse, validated
from tail_pipeline.domain.errors import Finding, InvalidFile

FILE = "eval/some.yaml"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    count: int = 1
    status: Literal["open", "shut"] = "open"


class Items(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    cases: list[Item]


def findings_of(text: str) -> list[Finding]:
    with pytest.raises(InvalidFile) as raised:
        validated(parse(text, FILE), Items)
    return raised.value.findings


def only_finding(text: str) -> Finding:
    (finding,) = findings_of(text)
    return finding


SYNTAX = {
    "a tab as indentation": ("cases:\n\t- id: a\n", 2, "spaces"),
    "a tab before a key": ("cases:\n- id: a\n\tcount: 2\n", 3, "spaces"),
    "an unclosed quote": ('cases:\n- id: "a\n', None, "not valid YAML"),
    "an unclosed bracket": ("cases: [\n", None, "not valid YAML"),
    "a wrong indentation": ("cases:\n  - id: a\n count: 1\n", 3, "not valid YAML"),
    "two colons": ("cases:\n- id: a: b\n", 2, "not valid YAML"),
    "an unquoted at sign": ("cases:\n- id: @someone\n", 2, "not valid YAML"),
    "a second document": ("cases: []\n---\ncases: []\n", 2, "a second document begins here"),
    "text behind the end of a document": ("cases: []\n...\ncases: []\n", 3, "the document ends before this line"),
    "an alias": ("cases:\n- id: a\n- *a\n", 3, "aliases (*name) are not allowed"),
    "an anchor": ("cases:\n- id: a\n- &b {id: b}\n", 3, "anchors (&name) are not allowed"),
    "a merge key with an alias": ("cases:\n- <<: *b\n", 2, "aliases"),
    "a merge key": ("cases:\n- <<: {id: a}\n", 2, "a key must be a plain word"),
    "a list as a key": ("cases:\n? [a]\n: b\n", 2, "a key must be a plain word"),
    "a duplicate key": ("cases: []\ncases: []\n", 2, "duplicate key 'cases'"),
    "a duplicate key that is quoted": ('cases: []\n"cases": []\n', 2, "duplicate key 'cases'"),
    "a duplicate key in a case": ("cases:\n- id: a\n  count: 1\n  count: 2\n", 4, "duplicate key 'count'"),
    "a foreign tag": ("cases:\n- id: !!python/object/apply:os.system [echo]\n", 2, "tag"),
    "a foreign tag on a list": ("cases: !!python/tuple\n- {id: a}\n", 1, "tag"),
    "a local tag": ("cases:\n- id: !secret a\n", 2, "tag"),
    "a set": ("cases: !!set {a, b}\n", 1, "tag"),
    "binary data": ("cases:\n- id: !!binary aGk=\n", 2, "tag"),
    "a day that does not exist": ("cases:\n- id: 2026-02-30\n", 2, "cannot be read"),
    "a number of thousands of digits": (f"cases:\n- id: {'9' * 5000}\n", 2, "cannot be read"),
    "text tagged as a number": ("cases:\n- id: !!int x\n", 2, "cannot be read"),
    "nothing tagged as a whole number": ("cases:\n- id: !!int ''\n", 2, "cannot be read"),
    "nothing tagged as a number": ("cases:\n- id: !!float ''\n", 2, "cannot be read"),
    "text tagged as a boolean": ("cases:\n- id: !!bool maybe\n", 2, "cannot be read"),
    "text tagged as a time": ("cases:\n- id: !!timestamp soon\n", 2, "cannot be read"),
    "a merge conflict": ("cases:\n<<<<<<< HEAD\n- id: a\n=======\n- id: b\n>>>>>>> main\n", 2, "merge conflict"),
    "the end of a merge conflict": ("cases:\n- id: a\n>>>>>>> main\n", 3, "merge conflict"),
    "a control character": ("cases:\n- id: a\x07b\n", 2, "control characters"),
    "a NUL character": ("cases:\n- id: a\x00b\n", 2, "control characters"),
    "an escaped lone surrogate": ('cases:\n- id: "\\ud800"\n', 2, "not valid YAML"),
    "100,000 brackets": ("cases:\n" + "[" * 100_000, 2, ""),
    "100,000 braces": ("cases:\n" + "{a: " * 100_000, 2, ""),
    "100,000 dashes": ("cases:\n" + "- " * 100_000, 2, "nested deeper"),
    "100,000 brackets, one a line": ("[\n" * 100_000, None, "nested deeper"),
    "100,000 braces, one a line": ("{a:\n" * 100_000, None, "nested deeper"),
}


@pytest.mark.parametrize(("text", "line", "message"), SYNTAX.values(), ids=SYNTAX)
def test_what_cannot_be_read_is_found_with_its_line(text: str, line: int | None, message: str):
    finding = only_finding(text)
    assert (finding.file, message in finding.message) == (FILE, True)
    assert line is None or finding.line == line


FIELDS = {
    "NaN": ("share: .nan", "share: must be a finite number"),
    "infinity": ("share: .inf", "share: must be"),
    "a decimal comma": ("share: 0,82", "share: must be a valid number, found '0,82'"),
    "a percentage": ("share: 82%", "found '82%'"),
    "more than one": ("share: 1.5", "must be less than or equal to 1, found 1.5"),
    "a whole number with a point": ("count: 2.0", "count: must be a valid integer, found 2.0"),
    "a quoted number": ('count: "2"', "count: must be a valid integer, found '2'"),
    "a boolean for a number": ("count: yes", "count: must be a valid integer, found yes"),
    "a boolean for a word": ("status: yes", "an unquoted yes, no, on or off is a boolean in YAML"),
    "an unknown word": ("status: ajar", "status: must be 'open' or 'shut', found 'ajar'"),
    "nothing": ("status:", "found nothing"),
    "an unknown key": ("colour: red", "colour: unknown key"),
    "a misspelt key": ("Count: 1", "Count: unknown key"),
    "a list for a word": ("status: [open]", "found ['open']"),
    "a very long word": (f"status: {'x' * 5000}", "…"),
}


@pytest.mark.parametrize(("line", "message"), FIELDS.values(), ids=FIELDS)
def test_a_wrong_field_is_found_with_its_line_and_case(line: str, message: str):
    finding = only_finding(f"cases:\n- id: first\n- id: second\n  {line}\n")
    assert (finding.line, finding.case, message in finding.message) == (4, "second", True)


def test_a_missing_field_is_found_at_its_case():
    finding = only_finding("cases:\n- id: first\n- count: 1\n")
    assert (finding.line, finding.case, finding.message) == (3, "cases[1]", "id: is missing")


def test_a_day_where_text_belongs_is_found():
    assert "2026" in only_finding("cases:\n- id: 2026-04-13\n").message


def test_a_long_value_is_not_repeated_in_full():
    assert len(only_finding(f"cases:\n- id: a\n  status: {'x' * 5000}\n").message) < 200


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_is_said_to_be_empty(text: str):
    assert only_finding(text).message == "the file is empty"


@pytest.mark.parametrize("text", ["- id: a\n", "just words\n", "17\n"])
def test_a_file_that_is_no_mapping_is_refused_as_a_whole(text: str):
    finding = only_finding(text)
    assert (finding.line, finding.case) == (1, None)


def test_every_wrong_field_of_a_file_is_found_at_once():
    text = "cases:\n- id: 1\n- id: b\n  count: x\n  share: 2\n- id: c\nmore: 1\n"
    assert [(finding.line, finding.case) for finding in findings_of(text)] == [
        (2, "cases[0]"),
        (4, "b"),
        (5, "b"),
        (7, None),
    ]


def test_every_forbidden_tag_and_duplicate_key_is_found_at_once():
    assert [finding.line for finding in findings_of("cases: !x []\ncases: []\nmore: !y z\n")] == [1, 2, 3]


def test_windows_line_ends_are_accepted():
    text = "cases:\r\n- id: a\r\n  count: 2\r\n"
    assert validated(parse(text, FILE), Items) == Items(cases=[Item(id="a", count=2)])


def test_lines_are_counted_right_with_windows_line_ends():
    assert only_finding("cases:\r\n- id: a\r\n  count: x\r\n").line == 3


def test_a_block_of_text_with_windows_line_ends_reads_as_one_with_plain_ones():
    text = "cases:\n- id: |-\n    one\n    two\n"
    assert parse(text.replace("\n", "\r\n"), FILE).data == parse(text, FILE).data


def test_a_byte_order_mark_is_accepted():
    assert parse("\ufeffcases: []\n", FILE).data == {"cases": []}


def test_a_heading_underlined_with_equal_signs_is_no_merge_conflict():
    assert parse("cases:\n- id: |-\n    Title\n    =======\n", FILE).data == {"cases": [{"id": "Title\n======="}]}


def test_a_quoted_conflict_in_a_text_is_no_merge_conflict():
    assert (
        parse("cases:\n- id: |-\n    <<<<<<< HEAD\n    >>>>>>> main\n", FILE).data["cases"][0]["id"].startswith("<<<<")
    )


def test_a_separator_inside_a_line_starts_no_line():
    assert parse('cases: [{id: "a\u2028<<<<<<< b"}]\n', FILE).data == {"cases": [{"id": "a\u2028<<<<<<< b"}]}


def test_a_word_that_looks_like_a_boolean_is_kept_as_a_key():
    assert parse("yes: 1\non: 2\n1: 3\n", FILE).data == {"yes": 1, "on": 2, "1": 3}


def test_a_foreign_tag_on_a_key_is_refused():
    with pytest.raises(InvalidFile, match="tag"):
        parse("!!python/object/apply:os.system x: 1\n", FILE)


@pytest.mark.parametrize("kind", ["map", "seq"])
def test_a_word_tagged_as_a_collection_is_refused(kind: str):
    with pytest.raises(InvalidFile):
        parse(f"cases: !!{kind} word\n", FILE)


def test_nesting_up_to_the_limit_is_read():
    parse("[" * MAX_DEPTH + "]" * MAX_DEPTH, FILE)


def test_a_file_of_more_than_the_limit_is_refused_unread():
    assert "larger than" in only_finding("# " + "x" * MAX_BYTES).message


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", ">>>>>>> 1a2b3c", "<<<<<<< Updated upstream"])
def test_each_conflict_marker_is_recognised(marker: str):
    assert "merge conflict" in only_finding(f"cases: []\n{marker}\n").message


def test_the_message_lists_every_finding_with_its_place():
    with pytest.raises(InvalidFile) as raised:
        validated(parse("cases:\n- id: a\n  count: x\n  share: 2\n", FILE), Items)
    assert str(raised.value).startswith("2 errors:\n  eval/some.yaml:3: a: count: ")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_what_a_yaml_writer_writes_is_read_as_it_was(value: object):
    text = yaml.safe_dump({"root": value})
    assert parse(text, FILE).data == {"root": value}


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_at_all_crashes_the_reader(text: str):
    with contextlib.suppress(InvalidFile):
        parse(text, FILE)


@settings(deadline=None, max_examples=60)
@given(st.text("abc:-[]{}!&*#|>'\"\\%@ \n\t?,<=0123.~", max_size=40))
def test_no_arrangement_of_yaml_signs_crashes_the_reader(text: str):
    with contextlib.suppress(InvalidFile):
        parse(text, FILE)
