"""What several tenants may read of one another's texts: a word or a run of words that enough of them used, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.embedding import canonical
from tail_pipeline.domain.tenant_privacy import (
    DIGIT,
    HIDDEN,
    MAX_RUN_WORDS,
    NAME,
    QUOTATION,
    RARE_WORD,
    TenantPrivacy,
    title_words,
)
from tail_pipeline_tests.strategies import hostile_texts

TENANTS = ("acme", "globex", "initech", "umbrella")
NAMES = {name: (name,) for name in TENANTS}
TOPIC = "export invoice spreadsheet monthly summary"

words = st.text("bcdfgklmprtz", min_size=6, max_size=9).filter(lambda word: word not in TOPIC)
vocabulary = st.lists(words, min_size=1, max_size=12, unique=True)


def privacy(texts: dict[str, list[str]], names: dict[str, tuple[str, ...]] = NAMES) -> TenantPrivacy:
    return TenantPrivacy(texts, names, min_tenants=3)


def everybody(text: str = TOPIC) -> dict[str, list[str]]:
    return {tenant: [text] for tenant in TENANTS}


@st.composite
def planted(draw: st.DrawFn, most: int = 2) -> tuple[str, dict[str, list[str]]]:
    """A canary, and texts of four tenants of whom one or two say it, anywhere and in any case."""
    canary = draw(words)
    said = draw(st.dictionaries(st.sampled_from(TENANTS), st.lists(words, max_size=6), min_size=3))
    holders = draw(st.lists(st.sampled_from(sorted(said)), min_size=1, max_size=most, unique=True))
    texts = {}
    for tenant, own in said.items():
        parts = [*TOPIC.split(), *(word for word in own if canary not in word and word not in canary)]
        if tenant in holders:
            shown = draw(
                st.sampled_from([canary, canary.upper(), f"{canary}'s", f"-{canary}!", f"x{canary[:0]} {canary}"])
            )
            parts.insert(draw(st.integers(0, len(parts))), shown)
        texts[tenant] = [" ".join(parts)]
    return canary, texts


@given(planted())
def test_a_word_of_one_or_two_tenants_is_never_common(found: tuple[str, dict[str, list[str]]]) -> None:
    canary, texts = found

    common = privacy(texts).common_words({name: [canonical(text) for text in own] for name, own in texts.items()})

    assert not any(canary in word for word in common)
    assert set(TOPIC.split()) <= set(common)


@given(planted(), st.sampled_from(["{}", "tell me about {} please", "{}s", "un{}", "my {}'s", "X-{}"]))
def test_a_text_with_a_word_of_one_or_two_tenants_is_refused_in_any_form(
    found: tuple[str, dict[str, list[str]]], form: str
) -> None:
    canary, texts = found

    assert privacy(texts).problem(form.format(canary)) == RARE_WORD


@given(words, st.integers(3, 4))
def test_a_word_of_enough_tenants_may_be_said(word: str, holders: int) -> None:
    texts = {name: [f"{TOPIC} {word}" if n < holders else TOPIC] for n, name in enumerate(TENANTS)}
    rule = privacy(texts)

    assert word in rule.common_words(texts)
    assert rule.problem(f"the {word} please") is None


@given(st.lists(words, min_size=MAX_RUN_WORDS + 1, max_size=12, unique=True), st.data())
def test_a_long_run_of_words_needs_enough_tenants_who_said_it(said: list[str], data: st.DataObject) -> None:
    """All tenants use all the words; so many say them in this order, the others backwards."""
    in_order = data.draw(st.integers(1, 4))
    texts = {name: [" ".join(said if n < in_order else said[::-1])] for n, name in enumerate(TENANTS)}
    length = data.draw(st.integers(1, len(said)))
    start = data.draw(st.integers(0, len(said) - length))

    found = privacy(texts).problem(" ".join(said[start : start + length]))

    assert found == (QUOTATION if length > MAX_RUN_WORDS and in_order < 3 else None)


@given(st.lists(words, min_size=MAX_RUN_WORDS + 1, max_size=12, unique=True))
def test_common_words_in_their_order_are_no_quotation(said: list[str]) -> None:
    """One tenant's text happens to be in the order in which the words are listed."""
    texts = {name: [" ".join(sorted(said) if n == 0 else sorted(said)[::-1])] for n, name in enumerate(TENANTS)}
    rule = privacy(texts)

    common = rule.common_words(texts)

    assert common
    assert rule.problem(" ".join(sorted(common))) is None


@given(planted())
def test_a_title_is_made_of_the_most_telling_common_words(found: tuple[str, dict[str, list[str]]]) -> None:
    _, texts = found
    rule = privacy(texts)
    forms = {name: [canonical(text) for text in own] for name, own in texts.items()}

    title = title_words(rule.common_words(forms))

    assert 1 <= len(title) <= MAX_RUN_WORDS
    assert title == tuple(rule.common_words(forms))[: len(title)]


def test_a_word_of_all_tenants_of_a_large_cluster_goes_before_one_of_some() -> None:
    """That it is common on the day is the doing of this very cluster."""
    crowd = {f"t{n}": ["damaged goods" if n < 5 else "get damaged goods"] for n in range(12)}
    rule = TenantPrivacy(crowd | {"t12": ["park a bicycle"], "t13": ["bicycle park"]}, {}, 3)

    assert title_words(rule.common_words(crowd)) == ("damaged", "goods", "get")


def test_a_greeting_that_stands_everywhere_is_in_no_title() -> None:
    exports = {f"t{n}": ["invoice export fails" if n < 4 else "hello invoice export fails"] for n in range(8)}
    parking = {f"u{n}": ["park a bicycle" if n < 4 else "hello park a bicycle"] for n in range(8)}
    rule = TenantPrivacy(exports | parking, {}, 3)

    assert set(title_words(rule.common_words(exports))) == {"invoice", "export", "fails"}
    assert "hello" in rule.common_words(exports)


def test_a_run_of_one_tenant_counts_across_no_border_of_two_texts() -> None:
    texts = {
        name: ["one two three".replace("two", "tulip"), "four five six".replace("four", "fern")] for name in TENANTS
    }
    texts |= {"acme": ["once tulip three fern five six"]}

    assert privacy(texts).problem("once tulip three fern five six") in (RARE_WORD, QUOTATION)
    assert privacy(everybody("a b c d e f")).problem("a b c d e f") is None


@pytest.mark.parametrize(
    "text",
    ["Acme", "the ACME portal", "acme's invoice", "acmecorp", "my-acme-account", "Ａcme", "ácme", "ac\u200bme"],
)
def test_no_spelling_of_a_tenants_name_passes(text: str) -> None:
    rule = privacy(everybody(f"{TOPIC} acme"))

    assert rule.problem(text) in (NAME, HIDDEN)
    assert not any("acme" in word for word in rule.common_words(everybody(f"{TOPIC} acme acmes acme-like")))


def test_each_word_of_how_a_tenant_is_spelt_names_it() -> None:
    rule = privacy(everybody(), NAMES | {"acme": ("acme", "Northwind Traders Ltd.")})

    assert [rule.names_tenant(text) for text in ("northwind", "the traders", "NorthwindTraders", "the north")] == [
        *(True, True, True, False)
    ]


def test_a_word_in_the_names_of_enough_tenants_names_none_of_them() -> None:
    rule = privacy(everybody(), {f"t{n}": (f"{name} bank", f"{name} bank plc") for n, name in enumerate(TENANTS)})

    assert not rule.names_tenant("which bank is it")
    assert rule.names_tenant("globex bank")


def test_a_tenant_that_spells_itself_often_does_not_make_its_name_common() -> None:
    rule = privacy(everybody(), {"acme": ("acme", "acme one", "acme two", "acme three")})

    assert rule.names_tenant("acme")


@pytest.mark.parametrize("text", ["order 12", "half ½", "no. ٣", "chapter Ⅳ"])
def test_no_digit_of_any_script_passes(text: str) -> None:
    assert privacy({}).problem(text) == DIGIT


@pytest.mark.parametrize("text", ["write to <EMAIL>", "<b>now</b>", "a\u202eb", "tab\x00"])
def test_no_placeholder_tag_or_hidden_character_passes(text: str) -> None:
    assert privacy({}).problem(text) == HIDDEN


def test_the_name_of_a_placeholder_is_no_common_word() -> None:
    texts = everybody("export to <EMAIL_4821307> fails")

    common = privacy(texts).common_words({name: [canonical(text) for text in own] for name, own in texts.items()})

    assert set(common) == {"export", "fails"}


def test_words_of_the_closed_class_occur_everywhere() -> None:
    texts = everybody() | {"acme": ["whether they don't"]}

    assert privacy(texts).problem("Don't they, whether or not?") is None


def test_words_nobody_used_are_the_writers_own() -> None:
    assert privacy(everybody()).problem("Please help with a download of figures.") is None


def test_a_text_without_blanks_is_compared_by_pairs_of_characters() -> None:
    texts = {
        "acme": ["秘密の鳳凰計画について"],
        "globex": ["請求書の出力"],
        "initech": ["請求書の出力"],
        "umbrella": ["請求書の出力"],
    }
    rule = privacy(texts)

    assert rule.problem("鳳凰を教えて") == RARE_WORD
    assert rule.problem("請求書") is None


def test_a_text_without_accents_is_the_same_text() -> None:
    assert privacy(everybody() | {"acme": ["über Zürichs Käsekuchen"]}).problem("Kasekuchen") == RARE_WORD


@given(st.dictionaries(st.sampled_from(TENANTS), st.lists(hostile_texts(), max_size=3)), hostile_texts())
def test_what_passes_holds_no_word_of_too_few_tenants_whatever_they_wrote(
    texts: dict[str, list[str]], written: str
) -> None:
    if privacy(texts).problem(written) is not None:
        return
    for word in re.findall(r"[a-z]{5,}", written.casefold()):
        whole = re.compile(rf"(?<![^\W\d_]){word}(?![^\W\d_])")
        holders = [name for name, own in texts.items() if any(whole.search(text.casefold()) for text in own)]
        assert len(holders) in (0, 3, 4)
