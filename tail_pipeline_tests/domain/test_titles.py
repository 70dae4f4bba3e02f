from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.placeholders import PrivateKind, placeholder
from tail_pipeline.domain.titles import MAX_TITLE_WORDS, TitleWords, words_of
from tail_pipeline_tests.strategies import hostile_texts, plain_sentences

WEEK = ["where is my refund", "refund my order", "cancel the order", "order a summary of the indemnity clause"]


@given(hostile_texts(), st.lists(hostile_texts(), max_size=3))
def test_a_title_is_never_empty(representative: str, members: list[str]) -> None:
    assert TitleWords(members).title(representative, members).strip() != ""


@given(hostile_texts(12), st.lists(hostile_texts(), max_size=3))
def test_a_title_holds_nothing_but_words(representative: str, members: list[str]) -> None:
    """An apostrophe or a hyphen may stand inside a word, as in "don't" and "out-of-state"."""
    title = TitleWords(members).title(representative, members)
    title = "".join(character for character in title if not unicodedata.combining(character))
    between = re.sub(r"(?<=[^\W_])['’-](?=[^\W_])", "", title)
    assert title == "(no words)" or between.replace(" ", "").isalnum()


@given(st.lists(plain_sentences(), min_size=1, max_size=4))
def test_a_title_takes_its_words_from_the_representative_in_order(texts: list[str]) -> None:
    found = words_of(TitleWords(texts).title(texts[0], texts).casefold())
    places = [list(dict.fromkeys(words_of(texts[0]))).index(word) for word in found]
    assert places == sorted(places)


@given(plain_sentences())
def test_a_title_has_at_most_six_words(text: str) -> None:
    assert len(TitleWords([text]).title(text, [text]).split()) <= MAX_TITLE_WORDS


def test_a_title_names_what_sets_the_cluster_apart() -> None:
    text = "can you order a summary of the indemnity clause for my new order please thanks again dear team"
    title = TitleWords([*WEEK, text, *(["order please thanks again dear team new"] * 20)]).title(text, [text])
    assert {"indemnity", "clause", "summary"} <= set(words_of(title.casefold()))


def test_a_greeting_of_many_texts_is_left_out_of_a_title() -> None:
    own = ["hello refund the parcel", "refund my parcel", "parcel refund please"]
    greetings = [f"hello {word}" for word in ("cancel", "address", "invoice", "voucher", "login", "delivery")]
    assert TitleWords([*own, *greetings]).title(own[0], own) == "Refund parcel"


def test_a_word_of_all_members_stays_in_the_title_of_a_large_cluster() -> None:
    """That it is common in the week is the doing of this very cluster."""
    own = [f"damaged goods {word}" for word in "ab ac ad ae af ag ah ai aj ak al".split()]
    own += [f"damaged goods {word} scratch box corner lid handle edge" for word in "am an ao ap aq".split()]
    assert {"damaged", "goods"} <= set(words_of(TitleWords([*own, "park"]).title(own[-1], own).casefold()))


def test_words_that_say_nothing_are_left_out_of_a_title() -> None:
    assert TitleWords(WEEK).title("where is my refund", ["where is my refund"]) == "Refund"


def test_a_text_of_nothing_but_small_words_keeps_them() -> None:
    assert TitleWords(WEEK).title("what is this", ["what is this"]) == "What is this"


@pytest.mark.parametrize("text", ["", "   ", "!?!", "___", "🙂🙂"])
def test_a_text_without_words_says_so(text: str) -> None:
    assert TitleWords([text]).title(text, [text]) == "(no words)"


def test_a_text_without_blanks_still_has_a_title() -> None:
    """Chinese and Japanese do not put blanks between words."""
    text = "我想知道为什么我的退款到现在还没有到账而且客服也一直没有回复我的任何消息请尽快处理一下"
    assert TitleWords([text]).title(text, [text]) != "(no words)"


def test_no_placeholder_gets_into_a_title() -> None:
    anna = placeholder(PrivateKind.EMAIL, "anna@example.com", "support/acme")
    assert TitleWords(WEEK).title(f"refund {anna} twice", [f"refund {anna} twice"]) == "Refund twice"
