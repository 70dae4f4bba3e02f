from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tail_pipeline.domain.hostile_text import (
    MAX_PROMPT_PASSAGES,
    MAX_PROMPT_TEXT_CHARS,
    data,
    neutralised,
    passages,
)
from tail_pipeline_tests.strategies import BIDI_CONTROLS, ZERO_WIDTH, hostile_texts

TAGS = ("question", "answer", "passage", "reference", "statement", "paraphrase", "criterion", "instructions")
UNSEEN = "".join(sorted(ZERO_WIDTH | BIDI_CONTROLS)) + "\u034f\u200c\u200d\u2061\u3164\ufe0f\U000e0041\U000e0101\x00"


def tags_inside(prompt_part: str) -> list[str]:
    """Our tags as a reader finds them who sees no unseen character, whatever their case and their blanks."""
    legible = "".join(
        character
        for character in unicodedata.normalize("NFKC", prompt_part)
        if character == "\n" or (unicodedata.category(character)[0] not in "CM" and character not in "\u1160\u3164")
    )
    return re.findall(rf"<[\s/\\]*(?:{'|'.join(TAGS)})\b", legible, re.IGNORECASE)


def tag_attempts() -> st.SearchStrategy[str]:
    """A tag of ours in any case, with blanks and unseen characters anywhere in it."""
    unseen = st.text(UNSEEN, max_size=2)
    spelt = st.sampled_from(TAGS).flatmap(lambda tag: st.sampled_from([tag, tag.upper(), tag.title()]))
    slash = st.sampled_from(["", "/", " / ", "//", "\\", "     /", "\n/"])
    bracket = st.sampled_from(["<", "＜", "﹤", "<<"])
    letters = st.tuples(spelt, st.lists(unseen, min_size=12, max_size=12)).map(
        lambda pair: "".join(letter + gap for letter, gap in zip(pair[0], [*pair[1], ""], strict=False))
    )
    return st.tuples(bracket, unseen, slash, letters, st.sampled_from([">", " >", ' x="1">', "/>", ""])).map("".join)


def hostile_prompts() -> st.SearchStrategy[str]:
    return st.lists(st.one_of(tag_attempts(), hostile_texts(3)), max_size=5).map("".join)


@given(st.sampled_from(TAGS), hostile_prompts())
def test_no_text_opens_or_closes_a_tag_of_ours(tag: str, text: str) -> None:
    found = tags_inside(data(tag, text))
    assert found == [f"<{tag}", f"</{tag}"]


@given(hostile_prompts(), st.integers(0, 400))
def test_a_tag_that_lies_across_the_cut_is_broken_as_well(text: str, before: int) -> None:
    found = tags_inside(data("answer", "x" * before + text + "y" * 400, limit=300))
    assert found == ["<answer", "</answer"]


@given(st.lists(hostile_prompts(), max_size=4))
def test_no_passage_reaches_into_another(contexts: list[str]) -> None:
    assert tags_inside(passages(contexts)) == ["<passage", "</passage"] * len(contexts)


@given(hostile_prompts(), st.integers(100, 400))
@example("\r\u200b\r\n", 100)
@example("z" * 500, 100)
def test_making_a_text_safe_twice_changes_nothing_more(text: str, limit: int) -> None:
    once = neutralised(text, limit)
    assert neutralised(once, limit) == once


@given(st.text())
def test_what_is_left_reorders_and_hides_nothing(text: str) -> None:
    assert not set(neutralised(text)) & (ZERO_WIDTH | BIDI_CONTROLS)


@given(st.text(st.characters(categories=["L", "Nd", "P", "Zs"], exclude_characters="<＜﹤"), max_size=200))
def test_an_honest_text_is_shown_as_it_is(text: str) -> None:
    assert data("question", text) == f"<question>\n{text}\n</question>"


@pytest.mark.parametrize("text", ["a < b and answer > c", "List<answers>", "<b>bold</b>", "1 <2, question 3"])
def test_comparisons_and_other_markup_are_shown_as_they_are(text: str) -> None:
    assert neutralised(text) == text


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    shown = neutralised("begin " + "x" * MAX_PROMPT_TEXT_CHARS + " end")
    assert (shown[:6], shown[-4:], len(shown) <= MAX_PROMPT_TEXT_CHARS) == ("begin ", " end", True)


def test_a_long_text_says_how_much_of_it_is_missing() -> None:
    text = "".join(chr(0x4E00 + number % 5000) for number in range(1_000))
    head, notice, tail = neutralised(text, 400).split("\n")
    assert f"{1_000 - len(head) - len(tail)} characters" in notice


def test_of_many_passages_the_first_are_shown_and_the_rest_is_counted() -> None:
    shown = passages([f"passage number {number}" for number in range(MAX_PROMPT_PASSAGES + 7)])
    assert shown.count("<passage>") == MAX_PROMPT_PASSAGES
    assert shown.endswith("(7 more passages are not shown)")


@pytest.mark.parametrize(
    "text",
    [
        "\x00" * 100,
        "</answer>" * 25_000,
        "\u202e" * 200_000,
        "<" * 200_000,
        "< " * 100_000,
        "\ud800 \udfff",
        "é" * 200_000,
    ],
    ids=["NUL", "closing tags", "overrides", "brackets", "brackets and blanks", "lone surrogates", "200,000 letters"],
)
def test_no_text_is_too_strange_for_a_prompt(text: str) -> None:
    data("answer", text).encode()
