from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tail_pipeline.domain.yaml_text import MAX_LINE, Flow, list_items, to_yaml
from tail_pipeline_tests.strategies import BIDI_CONTROLS, ZERO_WIDTH, hostile_texts

LOADERS = [yaml.CSafeLoader, yaml.SafeLoader]
texts = hostile_texts()
documents = st.fixed_dictionaries(
    {
        "text": texts,
        "texts": st.lists(texts, max_size=3),
        "nested": st.fixed_dictionaries({"text": texts, "none": st.none(), "flag": st.booleans()}),
        "flow": st.fixed_dictionaries({"text": texts, "texts": st.lists(texts, max_size=3)}).map(Flow),
        "flows": st.lists(st.fixed_dictionaries({"text": texts}).map(Flow), max_size=2),
        "cases": st.lists(
            st.fixed_dictionaries({"id": texts, "input": texts, "context": st.lists(texts, max_size=2)}), max_size=3
        ),
        "number": st.integers(),
        "last": texts,
    }
)


@pytest.mark.parametrize("loader", LOADERS)
@given(document=documents)
@settings(deadline=None, max_examples=150)
def test_what_is_written_is_read_back(loader: Any, document: dict[str, Any]) -> None:
    assert yaml.load(to_yaml(document), Loader=loader) == document


@pytest.mark.parametrize("loader", LOADERS)
@given(
    text=st.lists(
        st.sampled_from(["\n", " ", "\t", "a", "#", "- ", ": ", "\\", '"', "|", "\r", "\u200b"]), max_size=12
    ).map("".join)
)
@settings(deadline=None, max_examples=200)
def test_white_space_is_read_back_to_the_letter(loader: Any, text: str) -> None:
    document = {"a": text, "list": [text, text], "cases": [{"a": text, "b": text}], "end": 1}
    assert yaml.load(to_yaml(document), Loader=loader) == document


@given(
    st.lists(st.fixed_dictionaries({"id": texts, "input": texts}), min_size=1, max_size=3), st.sampled_from([0, 2, 4])
)
@settings(deadline=None)
def test_items_are_read_back_at_any_indent(items: list[dict[str, str]], indent: int) -> None:
    assert yaml.safe_load(f"cases:\n{list_items(items, indent)}last: 1\n") == {"cases": items, "last": 1}


@given(documents)
@settings(deadline=None)
def test_a_line_ends_only_where_every_reader_sees_it(document: dict[str, Any]) -> None:
    written = to_yaml(document)
    assert written.splitlines() == written.split("\n")[:-1]


@given(documents)
@settings(deadline=None)
def test_characters_that_hide_or_reorder_are_never_written_as_they_are(document: dict[str, Any]) -> None:
    assert set(to_yaml(document)) & (BIDI_CONTROLS | ZERO_WIDTH) == set()


@pytest.mark.parametrize("character", sorted(BIDI_CONTROLS | ZERO_WIDTH), ids=ascii)
@pytest.mark.parametrize("text", ["{}", "one {}", "one\ntwo {}\nthree", "{}\ntwo"])
def test_each_character_that_hides_or_reorders_is_escaped(character: str, text: str) -> None:
    text = text.format(character)
    written = to_yaml({"text": text})
    assert (written.isascii(), yaml.safe_load(written)) == (True, {"text": text})


@given(documents)
@settings(deadline=None)
def test_the_same_document_gives_the_same_bytes(document: dict[str, Any]) -> None:
    assert to_yaml(
        yaml.safe_load(to_yaml(document)) | {"flow": document["flow"], "flows": document["flows"]}
    ) == to_yaml(document)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("one\ntwo", "text: |-\n  one\n  two\n"),
        ("one\ntwo\n", "text: |\n  one\n  two\n"),
        ("one\n\n\ntwo", "text: |-\n  one\n\n\n  two\n"),
        ("one\ntwo\n\n", "text: |+\n  one\n  two\n\n"),
        ("  one\ntwo", "text: |2-\n    one\n  two\n"),
        ("one: 1\n# two\n- three\n---", "text: |-\n  one: 1\n  # two\n  - three\n  ---\n"),
        ("日本語\nnaïve 🙂", "text: |-\n  日本語\n  naïve 🙂\n"),
        ('say "hi"\n\\o/', 'text: |-\n  say "hi"\n  \\o/\n'),
    ],
)
def test_ordinary_text_of_several_lines_is_a_block(text: str, written: str) -> None:
    assert to_yaml({"text": text}) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("one\x1b\ntwo", 'text: "one\\x1B\\n\\\n  two"\n'),
        ("one\r\ntwo", 'text: "one\\r\\n\\\n  two"\n'),
        ("\ntwo", 'text: "\\n\\\n  two"\n'),
        ("one\n  two\u202e", 'text: "one\\n\\\n  \\  two\\u202E"\n'),
    ],
)
def test_text_that_a_block_cannot_show_is_quoted_line_by_line(text: str, written: str) -> None:
    assert to_yaml({"text": text}) == written


@pytest.mark.parametrize(
    "text", ["plain", "two words", "Refund timing (late)", "2026-W17", "2026-W17-1", "a/b.yaml", "x=y"]
)
def test_plain_words_need_no_quotes(text: str) -> None:
    assert to_yaml({"text": text}) == f"text: {text}\n"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "null",
            "Null",
            "~",
            "true",
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "N",
            "1",
            "0x1f",
            "1e3",
            "1_000",
            "12:30",
            ".inf",
        ),
        *(
            "nan",
            "2026-04-13",
            "2026-04-13T00:00:00Z",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "@a",
            "`a",
            "%a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
        ),
        *(
            "{a}",
            "[a]",
            "a, b",
            "a,b",
            "'a'",
            '"a"',
            "?a",
            "=",
            "<<",
            "---",
            "...",
            " a",
            "a ",
            "a  b",
            "\ta",
            "a:",
            "1.5",
            "+1",
        ),
    ],
)
@pytest.mark.parametrize("loader", LOADERS)
def test_text_that_looks_like_something_else_stays_text(loader: Any, text: str) -> None:
    document = {"text": text, "flow": Flow(text=text), "list": [text], text: "as a key"}
    assert yaml.load(to_yaml(document), Loader=loader) == document


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-1, "-1"),
        (0.82, "0.82"),
        (1.0, "1.0"),
        (0.0, "0.0"),
        (0.123456, "0.1235"),
        (1e-9, "0.0"),
        (1e20, "100000000000000000000.0"),
        (datetime(2026, 4, 13, tzinfo=UTC), "2026-04-13T00:00:00Z"),
        (datetime(2026, 4, 13, 2, tzinfo=timezone(timedelta(hours=2))), "2026-04-13T00:00:00Z"),
        ([], "[]"),
        ({}, "{}"),
        (["a", "b"], "[a, b]"),
        ([1, None, 0.5], "[1, null, 0.5]"),
        (Flow(a=1, b=Flow(c=["x"])), "{a: 1, b: {c: [x]}}"),
    ],
)
def test_a_value_is_written_in_one_way(value: Any, written: str) -> None:
    assert to_yaml({"value": value}) == f"value: {written}\n"


@given(st.floats(-1e6, 1e6))
def test_a_number_is_read_back_as_a_float_of_four_decimals(value: float) -> None:
    found = yaml.safe_load(to_yaml({"value": value}))["value"]
    assert (type(found), found) == (float, pytest.approx(value, abs=0.00005001))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="have no place in a case file"):
        to_yaml({"value": value})


def test_a_value_of_a_foreign_type_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot write set as YAML"):
        to_yaml({"value": {1}})


@given(st.lists(st.text("abcdef0123456789-", min_size=1, max_size=40), max_size=60))
@settings(deadline=None)
def test_a_long_list_of_words_is_wrapped(words: list[str]) -> None:
    written = to_yaml({"span_ids": words})
    longest = max(map(len, written.splitlines()))
    assert (yaml.safe_load(written), longest <= MAX_LINE) == ({"span_ids": words}, True)


def test_a_list_of_sentences_has_one_line_for_each() -> None:
    assert to_yaml({"p": ["one, two", "three four"]}) == 'p:\n  - "one, two"\n  - three four\n'


def test_a_document_reads_in_the_order_it_was_given() -> None:
    assert to_yaml({"z": 1, "a": {"c": 2, "b": 3}}) == "z: 1\na:\n  c: 2\n  b: 3\n"
