from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from tail_pipeline.domain.embedding import (
    MAX_TEXT_CHARS,
    LexicalEncoder,
    Vectors,
    background_direction,
    canonical,
)
from tail_pipeline_tests.domain.builders import ordinary_texts
from tail_pipeline_tests.strategies import hostile_texts, plain_sentences


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("Where  is\nmy ORDER", "where is my order"),
        ("order 12345", "order 0"),
        ("12.50 on 2026-04-13", "0.0 on 0-0-0"),
        ("ｆｕｌｌ　ｗｉｄｔｈ ９", "full width 0"),
        ("Straße", "strasse"),
        ("ﬁne", "fine"),
    ],
)
def test_the_canonical_form_folds_what_does_not_matter(text: str, form: str) -> None:
    assert canonical(text) == form


@given(hostile_texts())
def test_a_canonical_form_has_no_white_space_to_fold(text: str) -> None:
    form = canonical(text)
    assert " ".join(form.split()) == form


@pytest.mark.parametrize("text", ["a" * 10_000, "ﷺ" * 10_000, "a " * 10_000, "ß" * 10_000])
def test_a_canonical_form_is_bounded(text: str) -> None:
    assert len(canonical(text)) <= MAX_TEXT_CHARS


matrices = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(2, 6))


def rows_of(seed: int, count: int, width: int) -> np.ndarray:
    """Some rows with zeros among them, one of them empty now and then."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((count, width)) * (generator.random((count, width)) < 0.6)
    return values.astype(np.float32)


def expected_cosines(left: np.ndarray, right: np.ndarray, direction: np.ndarray | None) -> np.ndarray:
    """The definition, in float64 and with the direction subtracted."""

    def unit(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float64)
        if direction is not None:
            rows = rows - np.outer(rows @ direction.astype(np.float64), direction.astype(np.float64))
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 1e-3)

    return unit(left) @ unit(right).T


@given(matrices, st.booleans())
@settings(deadline=None)
def test_cosines_are_those_of_the_vectors_without_the_background(shape: tuple[int, int, int], taken_out: bool) -> None:
    left, right = rows_of(*shape), rows_of(shape[0] + 1, 5, shape[2])
    direction = background_direction(rows_of(shape[0] + 2, 9, shape[2])) if taken_out else None
    found = Vectors.of(left, direction).cosines(Vectors.of(right, direction))
    # Rows that are nearly all background have no cosine worth comparing in float32.
    clear = np.outer(Vectors.of(left, direction).norm > 0.05, Vectors.of(right, direction).norm > 0.05)
    np.testing.assert_allclose(found[clear], expected_cosines(left, right, direction)[clear], atol=2e-4)


@given(matrices, st.booleans())
@settings(deadline=None)
def test_sparse_and_dense_vectors_have_the_same_cosines(shape: tuple[int, int, int], taken_out: bool) -> None:
    rows = rows_of(*shape)
    direction = background_direction(rows_of(shape[0] + 2, 9, shape[2])) if taken_out else None
    dense, sparse = Vectors.of(rows, direction), Vectors.of(csr_matrix(rows), direction)
    clear = np.outer(dense.norm > 0.05, dense.norm > 0.05)
    np.testing.assert_allclose(sparse.cosines(sparse)[clear], dense.cosines(dense)[clear], atol=2e-4)


def test_cosines_of_more_rows_than_a_chunk_are_all_there() -> None:
    rows = np.random.default_rng(7).standard_normal((2_500, 4)).astype(np.float32)
    found = Vectors.of(rows, None).cosines(Vectors.of(rows[:3], None))
    np.testing.assert_allclose(found, expected_cosines(rows, rows[:3], None), atol=1e-4)


def test_a_vector_of_nothing_but_background_is_similar_to_nothing() -> None:
    direction = np.array([1, 0], dtype=np.float32)
    found = Vectors.of(np.array([[2, 0], [1, 1]], dtype=np.float32), direction)
    assert found.cosines(found).tolist() == [[0, 0], [0, 1]]


def test_no_rows_have_no_direction() -> None:
    assert background_direction(np.zeros((0, 3), dtype=np.float32)) is None


def test_rows_that_cancel_out_have_no_direction() -> None:
    assert background_direction(np.array([[1, 0], [-1, 0]], dtype=np.float32)) is None


def test_the_background_direction_is_the_unit_vector_along_the_mean() -> None:
    found = background_direction(np.array([[3, 0], [3, 8]], dtype=np.float32))
    assert found is not None
    np.testing.assert_allclose(found, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("texts", [[""], ["", ""], ["!"], ["日本語"], ["a"], ["", "where is my order"]])
def test_any_text_gets_a_row(texts: list[str]) -> None:
    assert LexicalEncoder().encode(texts, reference=texts).shape[0] == len(texts)


@given(st.lists(plain_sentences(), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_text_with_words_has_a_vector_of_length_one(texts: list[str]) -> None:
    matrix = LexicalEncoder().encode(texts, reference=texts)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_a_text_does_not_move_when_other_texts_come_after_it() -> None:
    """Or an unrelated new span would change which earlier ones belong together."""
    reference = ordinary_texts()
    pair = ["refund my parcel", "parcel refund please"]
    alone = Vectors.of(LexicalEncoder().encode([*pair, *reference], reference=reference), None).rows([0, 1])
    among = Vectors.of(
        LexicalEncoder().encode([*pair, *reference, "quite another matter"], reference=reference), None
    ).rows([0, 1])
    np.testing.assert_allclose(among.cosines(among), alone.cosines(alone), atol=1e-5)


def test_a_rare_shared_word_counts_more_than_a_common_one() -> None:
    texts = ["indemnity order", "indemnity parcel", "order card"]
    ordinary = ordinary_texts()
    vectors = Vectors.of(LexicalEncoder().encode([*texts, *ordinary], reference=ordinary), None)
    cosines = vectors.cosines(vectors)
    assert cosines[0, 1] > cosines[0, 2]
