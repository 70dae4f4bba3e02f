from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tail_pipeline.domain.embedding import canonical
from tail_pipeline.domain.markdown import fenced, in_html, inline
from tail_pipeline.domain.placeholders import (
    PLACEHOLDER,
    PrivateKind,
    numbering,
    of_values,
    placeholder,
    renamed,
    without_numbers,
)

ANNA = placeholder(PrivateKind.EMAIL, "anna@example.com", "support/acme")
BEN = placeholder(PrivateKind.EMAIL, "ben@example.com", "support/acme")
PHONE = placeholder(PrivateKind.PHONE, "+14155550134", "support/acme")

kinds = st.sampled_from(list(PrivateKind))
placeholders = st.builds(placeholder, kinds, st.text(min_size=1), st.text())
typed = st.builds("<{}_{}>".format, kinds, st.integers(0, 99_999))
case_texts = st.lists(
    st.lists(st.one_of(placeholders, typed, st.text(max_size=5)), max_size=6).map("".join), max_size=5
)


def numbered(texts: list[str]) -> list[str]:
    names = numbering(texts)
    return [renamed(text, names) for text in texts]


@given(kinds, st.text(), st.text())
def test_a_value_always_has_the_same_placeholder_and_it_is_known_as_one(
    kind: PrivateKind, value: str, salt: str
) -> None:
    found = placeholder(kind, value, salt)
    assert found == placeholder(kind, value, salt)
    assert of_values(found) == {found}
    assert re.fullmatch(rf"<{kind}_[0-9]{{7}}>", found)


def test_tenants_cannot_compare_their_placeholders() -> None:
    values = [f"user{number}@example.com" for number in range(200)]
    same = sum(
        placeholder(PrivateKind.EMAIL, value, "a/acme") == placeholder(PrivateKind.EMAIL, value, "a/globex")
        for value in values
    )
    assert same <= 1


def test_values_are_counted_by_order_of_appearance_and_kind() -> None:
    texts = [f"{BEN} wrote to {ANNA}, call {PHONE}", f"{ANNA} answered {BEN}"]
    assert numbered(texts) == ["<EMAIL_1> wrote to <EMAIL_2>, call <PHONE_1>", "<EMAIL_2> answered <EMAIL_1>"]


@given(case_texts)
def test_a_case_that_is_numbered_stays_as_it_is(texts: list[str]) -> None:
    once = numbered(texts)
    assert numbered(once) == once


@given(case_texts)
def test_numbering_keeps_values_apart_and_all_else_as_it_was(texts: list[str]) -> None:
    names = numbering(texts)
    assert len(set(names.values())) == len(names)
    assert set(names) == of_values("\n".join(texts)) - {name for name in names if name in names.values()}
    for before, after in zip(texts, numbered(texts), strict=True):
        assert PLACEHOLDER.split(before)[::3] == PLACEHOLDER.split(after)[::3]


def test_what_somebody_typed_stays_and_its_number_is_passed_over() -> None:
    assert numbered([f"why does it say <EMAIL_1>, I am {ANNA}"]) == ["why does it say <EMAIL_1>, I am <EMAIL_2>"]


def test_texts_with_different_values_are_paraphrases() -> None:
    assert canonical(f"a refund for {ANNA}") == canonical(f"a refund for {BEN}") == canonical("a refund for <EMAIL_1>")


def test_where_it_does_not_matter_which_value_it_was_only_the_kind_is_shown() -> None:
    assert without_numbers(f"{ANNA} and <EMAIL_1>") == "<EMAIL> and <EMAIL_1>"


@given(placeholders)
def test_a_placeholder_is_shown_in_markdown_and_not_taken_for_a_tag(found: str) -> None:
    page = MarkdownIt().render(f"{inline(found)}\n\n{fenced(found)}\n\n<summary>{in_html(found)}</summary>")
    escaped = found.replace("<", "&lt;").replace(">", "&gt;")
    assert page.replace("&#x5f;", "_").count(escaped) == 3
