"""Texts as vectors of a model behind an endpoint, each paid for once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from tail_pipeline.adapters.model_api.client import ServedModel, failure_of, open_client
from tail_pipeline.adapters.state_dir import shown
from tail_pipeline.domain.agents import Endpoint
from tail_pipeline.domain.errors import PermanentError

if TYPE_CHECKING:
    from openai import OpenAI

EMBEDDINGS = "embeddings.sqlite"
"""The name of the cache in the state directory of a segment."""

_BATCH_TEXTS = 128
_CONCURRENCY = 4
_RETRIES = 3


class EndpointEncoder:
    """Embeddings of a model behind an endpoint, each text paid for once.

    The similarities were measured on MiniLM vectors of four public intent sets. Without a background they assume, as
    MiniLM does, that unrelated texts lie near 0 to .2.
    """

    min_similarity = 0.20
    prior_similarity = 0.32
    match_similarity = 0.75
    answer_similarity = 0.75

    def __init__(self, model: str, endpoint: Endpoint, cache_path: Path) -> None:
        """``model`` is ``endpoint/model``; the key is read from the environment when the first text is sent."""
        self.name = model
        self._served = ServedModel("embedding model", model, endpoint)
        self._cache = EmbeddingCache(cache_path, model)

    def encode(self, texts: Sequence[str], *, reference: Sequence[str]) -> Any:
        """float32 array (len(texts), dimensions); raises TransientError or PermanentError naming the endpoint."""
        distinct = sorted(set(texts))
        known = self._cache.get(distinct)
        missing = [text for text in distinct if text not in known]
        if missing:
            known |= self._fetch(missing)
        lengths = sorted({len(vector) for vector in known.values()})
        if len(lengths) > 1:
            raise PermanentError(
                f"{self._served} answered vectors of {' and '.join(map(str, lengths))} numbers: the model behind the name "
                f"changed; delete {shown(self._cache.path)} to embed everything again"
            )
        return np.stack([known[text] for text in texts])

    def _fetch(self, texts: list[str]) -> dict[str, np.ndarray]:
        batches = [texts[start : start + _BATCH_TEXTS] for start in range(0, len(texts), _BATCH_TEXTS)]
        fetched: dict[str, np.ndarray] = {}
        with (
            closing(open_client(self._served, retries=_RETRIES, connections=_CONCURRENCY)) as client,
            ThreadPoolExecutor(_CONCURRENCY) as pool,
        ):
            for found in pool.map(lambda batch: self._embed(client, batch), batches):
                fetched |= found
        return fetched

    def _embed(self, client: OpenAI, batch: list[str]) -> dict[str, np.ndarray]:
        """Vectors of one batch, in the cache as soon as they are here: another batch may fail."""
        import openai

        try:
            # Endpoints refuse an empty input; its vector must still be the same for every empty text.
            reply = client.embeddings.create(
                model=self._served.model, input=[text or "(empty)" for text in batch], encoding_format="float"
            )
            rows = sorted(reply.data, key=lambda row: row.index)
            vectors = [np.asarray(row.embedding, dtype=np.float32) for row in rows]
            order = [row.index for row in rows]
        except openai.OpenAIError as error:
            raise failure_of(error, self._served) from None
        except (AttributeError, TypeError, ValueError) as error:
            raise PermanentError(f"{self._served} answered something that is no list of embeddings") from error
        if order != list(range(len(batch))) or len({vector.shape for vector in vectors}) != 1 or not vectors[0].size:
            raise PermanentError(
                f"{self._served} answered {len(vectors)} vectors for {len(batch)} texts, or unequal ones"
            )
        if not all(np.isfinite(vector).all() for vector in vectors):
            raise PermanentError(f"{self._served} answered vectors that are not finite")
        found = dict(zip(batch, vectors, strict=True))
        self._cache.put(found)
        return found


class EmbeddingCache:
    """Vectors by model and text hash in one SQLite file, safe for several runs at once."""

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self._model = model

    def get(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        if not self.path.exists():
            return {}
        by_hash = {_hash(text): text for text in texts}
        found: dict[str, np.ndarray] = {}
        with closing(self._connect()) as connection:
            for chunk in _chunks(list(by_hash), 500):
                marks = ",".join("?" * len(chunk))
                rows = connection.execute(
                    f"SELECT hash, vector FROM embedding WHERE model = ? AND hash IN ({marks})", [self._model, *chunk]
                )
                found |= {by_hash[digest]: np.frombuffer(vector, dtype=np.float32) for digest, vector in rows}
        return found

    def put(self, vectors: dict[str, np.ndarray]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = [(self._model, _hash(text), vector.tobytes()) for text, vector in vectors.items()]
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO embedding VALUES (?, ?, ?)", rows)

    def _connect(self) -> sqlite3.Connection:
        # SQLite waits for locks, but not while the file becomes one that readers and writers share.
        with FileLock(f"{self.path}.lock"):
            connection = sqlite3.connect(self.path, timeout=60)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS embedding "
                "(model TEXT, hash BLOB, vector BLOB, PRIMARY KEY (model, hash)) WITHOUT ROWID"
            )
        return connection


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _chunks(items: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
