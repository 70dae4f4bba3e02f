from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tail_pipeline.domain.markdown import fenced, in_html, inline, plain
from tail_pipeline_tests.strategies import BIDI_CONTROLS, hostile_texts, plain_sentences

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
REFERENCES = re.compile(r"@[\w-]|#\d|\bGH-\d|https?://|://|\bwww\.|\bmailto:|\bxmpp:", re.IGNORECASE)
"""What GitHub makes a mention, a reference or a link of, after rendering."""

LIST_ITEM = [
    "bullet_list_open",
    "list_item_open",
    "paragraph_open",
    "inline",
    "paragraph_close",
    "list_item_close",
    "bullet_list_close",
]
texts = hostile_texts(12)


def in_list_item(text: str) -> Token:
    """The inline content of a list item that holds nothing but the text."""
    tokens = MARKDOWN.parse(f"- start {inline(text, 10_000)}\n")
    assert [token.type for token in tokens] == LIST_ITEM
    return tokens[3]


def in_table(text: str) -> list[Token]:
    """The cells of a row: the text between two others."""
    row = f"| first | {inline(text, 10_000)} | last |"
    tokens = MARKDOWN.parse(f"| a | b | c |\n|---|---|---|\n{row}\n\nafter\n")
    return [token for token in tokens if token.type == "inline"][3:]


def shown(token: Token) -> str:
    assert token.children is not None
    return "".join(child.content for child in token.children)


def kinds(token: Token) -> set[str]:
    return {child.type for child in token.children or []}


def letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


@given(texts)
@settings(deadline=None)
def test_in_a_list_item_there_is_nothing_but_text(text: str) -> None:
    assert kinds(in_list_item(text)) == {"text"}


@given(texts)
@settings(deadline=None)
def test_in_a_table_cell_there_is_nothing_but_text(text: str) -> None:
    cells = in_table(text)
    assert set().union(*(kinds(cell) for cell in cells)) == {"text"}


@given(texts)
@settings(deadline=None)
def test_a_table_cell_keeps_to_its_place(text: str) -> None:
    cells = [shown(cell) for cell in in_table(text)]
    assert (len(cells), cells[0], cells[-2:]) == (4, "first", ["last", "after"])


@given(texts)
@settings(deadline=None)
def test_at_the_start_of_a_paragraph_there_is_nothing_but_text(text: str) -> None:
    tokens = MARKDOWN.parse(f"before\n\n{inline(text, 10_000)}\n\nafter\n")
    assert {token.type for token in tokens} == {"paragraph_open", "inline", "paragraph_close"}


@given(texts)
@settings(deadline=None)
def test_no_mention_reference_or_link_is_left_in_the_rendered_text(text: str) -> None:
    assert [REFERENCES.findall(shown(token)) for token in (in_list_item(text), in_table(text)[1])] == [[], []]


@given(texts)
@settings(deadline=None)
def test_no_letter_of_the_text_is_lost(text: str) -> None:
    token = in_list_item(text)
    assert letters(shown(token)) == "start" + letters(text)


@given(plain_sentences())
@settings(deadline=None)
def test_plain_text_is_written_as_it_is(text: str) -> None:
    assert inline(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "the total is 3.50 (net), ok?",
        "a < b && c > d",
        "C:\\temp\\*.log | more",
        "snake_case and `code`",
        "1. first",
        "- item",
        "naïve 日本語 🙂",
        '"quoted" - it\'s fine!',
    ],
)
def test_what_is_no_reference_is_shown_to_the_letter(text: str) -> None:
    assert shown(in_table(text)[1]) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask @octocat", "ask @\u200boctocat"),
        ("fixes #1", "fixes #\u200b1"),
        ("see GH-12", "see GH\u200b-12"),
        ("at https://x.y/z", "at https:/\u200b/x.y/z"),
        ("at www.x.com", "at www\u200b.x.com"),
        ("a@b.com", "a@\u200bb.com"),
        ("done :tada: at 10:30:45", "done :\u200btada: at 10:30:45"),
        ("from $5 to $6", "from \u200b$5 to \u200b$6"),
    ],
)
def test_a_reference_stays_readable(text: str, expected: str) -> None:
    assert shown(in_table(text)[1]) == expected


@pytest.mark.parametrize("between", ["\u200b", "\u202e", "\x00", "\xad", "\u2060"])
@pytest.mark.parametrize("text", ["@{}octocat", "#{}12", "GH{}-12", "http:/{}/x.y", "www{}.x.com"])
def test_an_unseen_character_inside_a_reference_does_not_hide_it(text: str, between: str) -> None:
    assert REFERENCES.findall(shown(in_table(text.format(between))[1])) == []


@given(texts)
@settings(deadline=None)
def test_a_line_is_one_line_without_characters_that_reorder_it(text: str) -> None:
    line = inline(text)
    assert (len(line.splitlines()) <= 1, set(line) & BIDI_CONTROLS) == (True, set())


@pytest.mark.parametrize(
    ("length", "expected"), [(9, "aaaaaaaaa"), (10, "aaaaaaaaaa"), (11, "aaaaaaaaa…"), (500, "aaaaaaaaa…")]
)
def test_a_long_line_is_cut_and_says_so(length: int, expected: str) -> None:
    assert inline("a" * length, 10) == expected


@given(texts, st.integers(1, 30))
@settings(deadline=None)
def test_a_cut_line_shows_no_more_than_its_limit(text: str, limit: int) -> None:
    token = MARKDOWN.parse(f"- x{inline(text, limit)}\n")[3]
    assert len(shown(token).replace("\u200b", "")) <= limit + 1


@given(texts)
@settings(deadline=None)
def test_between_html_tags_there_is_nothing_but_text(text: str) -> None:
    element = f"<summary>{in_html(text, 10_000)}</summary>"
    tokens = MARKDOWN.parse(f"{element}\n\nafter\n")
    assert [token.type for token in tokens] == ["html_block", "paragraph_open", "inline", "paragraph_close"]
    assert re.findall("<[^>]*>", element) == ["<summary>", "</summary>"]


@given(texts)
@settings(deadline=None)
def test_between_html_tags_no_letter_is_lost_and_nothing_refers_to_anything(text: str) -> None:
    seen = html.unescape(in_html(text, 10_000))
    assert (letters(seen), REFERENCES.findall(seen)) == (letters(text), [])


@given(texts)
@settings(deadline=None)
def test_a_fence_cannot_be_closed_by_its_text(text: str) -> None:
    tokens = MARKDOWN.parse(f"{fenced(text)}\n\nafter\n")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@given(texts)
@settings(deadline=None)
def test_no_mention_reference_or_link_is_left_in_a_fence(text: str) -> None:
    assert REFERENCES.findall(MARKDOWN.parse(fenced(text))[0].content) == []


@given(texts)
@settings(deadline=None)
def test_no_letter_is_lost_in_a_fence(text: str) -> None:
    assert letters(MARKDOWN.parse(fenced(text))[0].content) == letters(text)


@given(st.lists(plain_sentences(), min_size=1, max_size=4))
@settings(deadline=None)
def test_plain_lines_stand_in_a_fence_as_they_are(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert fenced(text) == f"```text\n{text}\n```"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=150))
def test_a_terminal_shows_what_was_written(text: str) -> None:
    assert plain(inline(text)) == text


def test_a_terminal_shows_a_path_as_it_is() -> None:
    assert plain(inline("eval/tail/acme/2026-W17.yaml:3: <not> valid & 'YAML'")) == (
        "eval/tail/acme/2026-W17.yaml:3: <not> valid & 'YAML'"
    )
