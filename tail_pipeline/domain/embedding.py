"""Texts as vectors: the canonical form, the built-in encoder, and cosines with the background taken out.

The *background* is what this agent's users ordinarily say: the week's passing spans. Texts of one product share a
strong common direction (its vocabulary, its politeness); taking it out leaves what sets intents apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = Any
"""float32 rows: a NumPy array or a SciPy CSR matrix."""

MAX_TEXT_CHARS = 2_000
"""An intent shows in the first lines; a pasted document behind it would drown them."""

_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")
_CHUNK_ROWS = 1_024
_NO_LENGTH = 1e-6


def canonical(text: str) -> str:
    """The form in which two texts count as the same: NFKC, lower case, numbers masked, white space folded."""
    folded = unicodedata.normalize("NFKC", text[: MAX_TEXT_CHARS * 2]).casefold()
    return _SPACE.sub(" ", _DIGITS.sub("0", folded)).strip()[:MAX_TEXT_CHARS].strip()


class Encoder(Protocol):
    """Turns canonical texts into one row vector each (float32, any length, need not be normalised)."""

    @property
    def name(self) -> str:
        """Identifies the vector space, for caches and for the tail file."""
        ...

    @property
    def min_similarity(self) -> float:
        """Least cosine at which two texts may share a cluster, whatever the background says."""
        ...

    @property
    def prior_similarity(self) -> float:
        """Cosine to cut at, give or take a fifth, when there is no background to learn it from."""
        ...

    @property
    def match_similarity(self) -> float:
        """Cosine of centroids at which a cluster is the same case as one of an earlier week."""
        ...

    @property
    def answer_similarity(self) -> float:
        """Cosine of two texts at which an answer to one may serve as a draft for the other."""
        ...

    def encode(self, texts: Sequence[str], *, reference: Sequence[str]) -> Matrix:
        """Vectors of ``texts``; ``reference`` are the ordinary ones among them, for encoders that learn what is ordinary."""
        ...


class LexicalEncoder:
    """Words and character n-grams, weighed by how rare they are in the reference texts; no download, no network.

    Word 1-2-grams at half weight beside word-bounded character 3-5-grams, sublinear term frequency, no
    dimension reduction: on four public intent sets it scored above TF-IDF + SVD and within .07 ARI of a neural encoder.
    The similarities were chosen on three of those sets and scored on the fourth; see benchmarks/clustering_quality.md.
    """

    name = "built-in lexical"
    min_similarity = 0.06
    prior_similarity = 0.08
    match_similarity = 0.50
    answer_similarity = 0.60

    def encode(self, texts: Sequence[str], *, reference: Sequence[str]) -> Matrix:
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import CountVectorizer

        place = {text: row for row, text in enumerate(texts)}
        rows = [place[text] for text in reference]
        blocks = []
        words = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}
        characters = {"analyzer": "char_wb", "ngram_range": (3, 5)}
        for options, weight in ((words, 0.5), (characters, 1.0)):
            counter = CountVectorizer(lowercase=False, dtype=np.float32, **options)
            # A leading letter keeps the vocabulary non-empty when every text is empty.
            counts = counter.fit_transform(["a", *texts])[1:]
            ordinary = counts[rows]
            documents = ordinary.shape[0]
            document_frequency = np.asarray((ordinary > 0).sum(axis=0)).ravel()
            idf = (np.log((1 + documents) / (1 + document_frequency)) + 1).astype(np.float32)
            counts.data = (np.log(counts.data) + 1) * idf[counts.indices]
            blocks.append(_unit_rows(counts.tocsr()) * np.float32(weight))
        return _unit_rows(hstack(blocks, format="csr"))


@dataclass(frozen=True)
class Vectors:
    """Row vectors of which only the part orthogonal to the background direction counts.

    The projection is kept beside the matrix instead of subtracted from it, so a sparse matrix stays sparse.
    """

    matrix: Matrix
    direction: NDArray[np.float32] | None
    along: NDArray[np.float32]
    norm: NDArray[np.float32]

    @classmethod
    def of(cls, matrix: Any, direction: NDArray[np.float32] | None) -> Vectors:
        """``direction`` is a unit vector to take out; None keeps the vectors as they are."""
        along = (
            np.zeros(matrix.shape[0], dtype=np.float32)
            if direction is None
            else np.asarray(matrix @ direction, dtype=np.float32).ravel()
        )
        return cls(matrix, direction, along, _rest_length(matrix, along))

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def rows(self, index: Sequence[int] | NDArray[np.intp] | slice) -> Vectors:
        return Vectors(self.matrix[index], self.direction, self.along[index], self.norm[index])

    def centroids(self, groups: Sequence[Sequence[int]]) -> Vectors:
        """The mean of the unit rows of each group, given as positions.

        The cosine of two centroids is the mean cosine between the groups over the root of the mean cosines within them.
        """
        from scipy.sparse import csr_matrix

        sizes = [len(group) for group in groups]
        place = np.array([row for group in groups for row in group], dtype=np.intp)
        length = self.norm[place] * np.repeat(sizes, sizes)
        share = np.divide(1, length, out=np.zeros(len(place)), where=self.norm[place] > _NO_LENGTH).astype(np.float32)
        owner = np.repeat(np.arange(len(groups)), sizes)
        mean: Any = csr_matrix((share, (owner, place)), shape=(len(groups), len(self)))
        matrix, along = mean @ self.matrix, np.asarray(mean @ self.along, dtype=np.float32)
        return Vectors(matrix, self.direction, along, _rest_length(matrix, along))

    def mean_similarities(self) -> NDArray[np.float32]:
        """Of centroids: the mean cosine between the rows of each two groups, square."""
        similarity = self.cosines(self)
        similarity *= self.norm[:, None]
        similarity *= self.norm[None, :]
        return similarity

    def onto(self, basis: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coordinates of the rows, background taken out, on the columns of ``basis``; dense, (len(self), columns)."""
        coordinates = np.asarray(self.matrix @ basis, dtype=np.float32)
        return coordinates if self.direction is None else coordinates - np.outer(self.along, self.direction @ basis)

    def cosines(self, other: Vectors) -> NDArray[np.float32]:
        """Dense (len(self), len(other)) float32; a row without anything but background is similar to nothing."""
        out = np.empty((len(self), len(other)), dtype=np.float32)
        transposed = other.matrix.T
        for start in range(0, len(self), _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            block = self.matrix[rows] @ transposed
            block = block.toarray() if hasattr(block, "toarray") else block
            block = block - np.outer(self.along[rows], other.along)
            scale = np.outer(self.norm[rows], other.norm)
            out[rows] = np.divide(block, scale, out=np.zeros_like(block), where=scale > _NO_LENGTH)
        return np.clip(out, -1, 1, out=out)


def background_direction(matrix: Any) -> NDArray[np.float32] | None:
    """Unit vector along the mean of the background rows; None without rows or without a mean."""
    if matrix.shape[0] == 0:
        return None
    mean = np.asarray(matrix.mean(axis=0), dtype=np.float32).ravel()
    length = float(np.linalg.norm(mean))
    return mean / np.float32(length) if length > 0 else None


def _rest_length(matrix: Any, along: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length of each row without its part ``along`` the background."""
    squared = matrix.multiply(matrix).sum(axis=1) if hasattr(matrix, "multiply") else (matrix**2).sum(axis=1)
    rest = np.asarray(squared, dtype=np.float32).ravel() - along**2
    length: NDArray[np.float32] = np.sqrt(np.maximum(rest, 0))
    return length


def _unit_rows(matrix: Any) -> Any:
    from sklearn.preprocessing import normalize

    return normalize(matrix, norm="l2", axis=1, copy=False)
