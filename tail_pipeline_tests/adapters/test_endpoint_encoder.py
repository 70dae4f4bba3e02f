"""The embeddings client against a server that speaks the real protocol over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tail_pipeline.adapters.model_api.embeddings import EmbeddingCache, EndpointEncoder
from tail_pipeline.domain.agents import Endpoint
from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError
from tail_pipeline_tests.model_server import (
    ModelServer,
    Reply,
    Request,
    embeddings_reply,
    error_reply,
    json_reply,
    rows_of,
    vector_of,
)

KEY_ENV = "EMBEDDINGS_TEST_KEY"
KEY = "sk-s3cret"
MakeEncoder = Callable[..., EndpointEncoder]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def cache_path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "embeddings.sqlite"


@pytest.fixture
def make_encoder(server: ModelServer, cache_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeEncoder:
    monkeypatch.setenv(KEY_ENV, KEY)

    def make(model: str = "vendor/small", cache: Path = cache_path, url: str | None = None) -> EndpointEncoder:
        return EndpointEncoder(model, Endpoint(base_url=url or server.url, api_key_env=KEY_ENV), cache)

    return make


def error_of(encoder: EndpointEncoder, kind: type[TailPipelineError], texts: tuple[str, ...] = ("one", "two")) -> str:
    with pytest.raises(kind) as raised:
        encoder.encode(texts, reference=[])
    assert type(raised.value) is kind
    return str(raised.value)


def answering(rows: Callable[[Request], list[dict]]) -> Callable[[Request], Reply]:
    return lambda request: embeddings_reply(rows(request))


def test_every_text_gets_its_vector_in_order(make_encoder: MakeEncoder):
    texts = ["a", "bbb", "cc", "Ünïcode 🙂"]
    assert make_encoder().encode(texts, reference=[]).tolist() == [vector_of(text) for text in texts]


def test_vectors_are_float32(make_encoder: MakeEncoder):
    assert make_encoder().encode(["a"], reference=[]).dtype == np.float32


def test_the_rows_are_put_in_order_when_the_server_shuffles_them(make_encoder: MakeEncoder, server: ModelServer):
    server.answer = answering(lambda request: rows_of(request.texts)[::-1])
    texts = ["a", "bbb", "cc"]
    assert make_encoder().encode(texts, reference=[]).tolist() == [vector_of(text) for text in texts]


def test_the_model_is_asked_for_by_its_own_name(make_encoder: MakeEncoder, server: ModelServer):
    make_encoder("vendor/org/model-1").encode(["a"], reference=[])
    assert server.requests[0].body["model"] == "org/model-1"


def test_the_key_from_the_environment_is_sent(make_encoder: MakeEncoder, server: ModelServer):
    make_encoder().encode(["a"], reference=[])
    assert server.requests[0].authorization == f"Bearer {KEY}"


def test_a_text_met_twice_is_sent_once(make_encoder: MakeEncoder, server: ModelServer):
    make_encoder().encode(["a", "b", "a", "a"], reference=[])
    assert [sorted(request.texts) for request in server.requests] == [["a", "b"]]


def test_many_texts_are_sent_in_batches(make_encoder: MakeEncoder, server: ModelServer):
    texts = [f"text {number}" for number in range(300)]
    make_encoder().encode(texts, reference=[])
    assert sorted(len(request.texts) for request in server.requests) == [44, 128, 128]


def test_the_vectors_of_many_texts_are_their_own(make_encoder: MakeEncoder):
    texts = [f"{number} {'x' * (number % 37)}" for number in range(700)]
    assert make_encoder().encode(texts, reference=[]).tolist() == [vector_of(text) for text in texts]


def test_an_empty_text_is_never_sent(make_encoder: MakeEncoder, server: ModelServer):
    make_encoder().encode(["", "a"], reference=[])
    assert all(text for request in server.requests for text in request.texts)


def test_an_empty_text_has_a_vector(make_encoder: MakeEncoder):
    assert make_encoder().encode([""], reference=[]).shape == (1, 3)


def test_known_texts_are_not_sent_again(make_encoder: MakeEncoder, server: ModelServer):
    first = make_encoder().encode(["a", "", "🙂"], reference=[])
    second = make_encoder().encode(["a", "", "🙂"], reference=[])
    assert (len(server.requests), first.tolist()) == (1, second.tolist())


def test_only_new_texts_are_sent(make_encoder: MakeEncoder, server: ModelServer):
    make_encoder().encode(["a", "b"], reference=[])
    make_encoder().encode(["a", "b", "c"], reference=[])
    assert server.requests[1].texts == ["c"]


def test_known_texts_need_no_key(make_encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch):
    make_encoder().encode(["a"], reference=[])
    monkeypatch.delenv(KEY_ENV)
    assert make_encoder().encode(["a"], reference=[]).tolist() == [vector_of("a")]


def test_another_model_has_vectors_of_its_own(make_encoder: MakeEncoder, server: ModelServer):
    make_encoder("vendor/small").encode(["a"], reference=[])
    make_encoder("vendor/large").encode(["a"], reference=[])
    assert [request.body["model"] for request in server.requests] == ["small", "large"]


def test_the_batches_that_arrived_are_not_paid_for_again(make_encoder: MakeEncoder, server: ModelServer):
    texts = [f"text {number:03d}" for number in range(200)]
    other_batch_is_here = threading.Event()

    def refuse_the_first_batch(request: Request) -> Reply:
        if texts[0] in request.texts:
            other_batch_is_here.wait(timeout=60)
            return error_reply(400)
        other_batch_is_here.set()
        return embeddings_reply(rows_of(request.texts))

    server.answer = refuse_the_first_batch
    error_of(make_encoder(), PermanentError, tuple(texts))
    asked_before = len(server.requests)
    server.answer = answering(lambda request: rows_of(request.texts))
    make_encoder().encode(texts, reference=[])
    assert [len(request.texts) for request in server.requests[asked_before:]] == [128]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_names_the_model_the_status_and_the_variable(
    make_encoder: MakeEncoder, server: ModelServer, status: int
):
    server.answer = lambda _request: error_reply(status)
    message = error_of(make_encoder(), PermanentError)
    assert all(part in message for part in ("vendor/small", str(status), KEY_ENV))


def test_a_refusal_does_not_show_the_key(make_encoder: MakeEncoder, server: ModelServer):
    server.answer = lambda request: json_reply(401, {"error": {"message": f"Incorrect key: {request.authorization}"}})
    with pytest.raises(PermanentError) as raised:
        make_encoder().encode(["a"], reference=[])
    assert KEY not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_refusal_is_not_tried_again(make_encoder: MakeEncoder, server: ModelServer):
    server.answer = lambda _request: error_reply(401)
    error_of(make_encoder(), PermanentError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_an_overloaded_server_is_transient_and_named(make_encoder: MakeEncoder, server: ModelServer, status: int):
    server.answer = lambda _request: error_reply(status)
    assert "vendor/small" in error_of(make_encoder(), TransientError)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_recovers_is_not_noticed(make_encoder: MakeEncoder, server: ModelServer, status: int):
    server.answer = lambda request: (
        error_reply(status) if len(server.requests) < 3 else embeddings_reply(rows_of(request.texts))
    )
    assert make_encoder().encode(["a"], reference=[]).tolist() == [vector_of("a")]


@pytest.mark.parametrize(
    "rows",
    [
        lambda request: rows_of(request.texts)[:1],
        lambda request: [*rows_of(request.texts), *rows_of(["more"])],
        lambda request: [{**row, "embedding": row["embedding"][: 1 + row["index"]]} for row in rows_of(request.texts)],
        lambda request: [{**row, "embedding": [1.0, float("nan")]} for row in rows_of(request.texts)],
        lambda request: [{**row, "embedding": [1.0, float("inf")]} for row in rows_of(request.texts)],
        lambda request: [{**row, "embedding": []} for row in rows_of(request.texts)],
        lambda request: [{**row, "index": 0} for row in rows_of(request.texts)],
        lambda _request: [],
    ],
    ids=["too few", "too many", "unequal", "NaN", "infinite", "of no length", "all for the same text", "none"],
)
def test_vectors_that_cannot_be_used_are_refused(
    make_encoder: MakeEncoder, server: ModelServer, rows: Callable[[Request], list[dict]]
):
    server.answer = answering(rows)
    assert "vendor/small" in error_of(make_encoder(), PermanentError)


def test_vectors_that_cannot_be_used_are_not_kept(make_encoder: MakeEncoder, server: ModelServer):
    server.answer = answering(lambda request: rows_of(request.texts)[:1])
    error_of(make_encoder(), PermanentError)
    server.answer = answering(lambda request: rows_of(request.texts))
    make_encoder().encode(["one", "two"], reference=[])
    assert server.requests[-1].texts == ["one", "two"]


@pytest.mark.parametrize(
    "reply",
    [
        (200, {"Content-Type": "text/html"}, b"<html>Please log in</html>"),
        (200, {"Content-Type": "application/json"}, b"{ not json"),
        (200, {"Content-Type": "application/json"}, b""),
        json_reply(200, {"error": {"message": "upstream is away"}}),
        json_reply(200, {"data": None}),
        json_reply(200, []),
        json_reply(200, {"data": [{"index": 0, "embedding": None}, {"index": 1, "embedding": None}]}),
        json_reply(200, {"data": [{"index": 0}, {"index": 1}]}),
    ],
    ids=["a login page", "broken JSON", "nothing", "an error", "null data", "a list", "null vectors", "no vectors"],
)
def test_an_answer_that_is_none_is_an_error_that_names_the_model(
    make_encoder: MakeEncoder, server: ModelServer, reply: Reply
):
    server.answer = lambda _request: reply
    with pytest.raises(TailPipelineError, match="vendor/small"):
        make_encoder().encode(["one", "two"], reference=[])


def test_a_model_whose_vectors_changed_their_length_is_refused(make_encoder: MakeEncoder, server: ModelServer):
    make_encoder().encode(["one"], reference=[])
    server.answer = answering(lambda request: [{**row, "embedding": [1.0] * 5} for row in rows_of(request.texts)])
    assert "vendor/small" in error_of(make_encoder(), PermanentError)


def test_a_refused_connection_is_transient_and_named(make_encoder: MakeEncoder):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    message = error_of(make_encoder(url=f"http://127.0.0.1:{port}/v1"), TransientError)
    assert "vendor/small" in message


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_key_is_named_by_its_variable(
    make_encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch, value: str | None
):
    if value is None:
        monkeypatch.delenv(KEY_ENV)
    else:
        monkeypatch.setenv(KEY_ENV, value)
    assert KEY_ENV in error_of(make_encoder(), PermanentError)


@pytest.mark.parametrize("key", ["“sk-s3cret”", "sk-s3cret\n", "sk-s3cret\r\nX-Evil: 1"])
def test_a_key_pasted_with_foreign_characters_is_named_by_its_variable_and_not_shown(
    make_encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch, key: str
):
    monkeypatch.setenv(KEY_ENV, key)
    message = error_of(make_encoder(), PermanentError)
    assert (KEY_ENV in message, "s3cret" in message) == (True, False)


def test_a_password_in_the_address_is_not_shown(make_encoder: MakeEncoder, server: ModelServer):
    server.answer = lambda _request: error_reply(401)
    url = server.url.replace("//", "//user:hunter2@")
    assert "hunter2" not in error_of(make_encoder(url=url), PermanentError)


# The cache


def test_an_empty_cache_knows_nothing(cache_path: Path):
    assert EmbeddingCache(cache_path, "m").get(["a"]) == {}


def test_asking_does_not_make_the_file(cache_path: Path):
    EmbeddingCache(cache_path, "m").get(["a"])
    assert not cache_path.exists()


def test_thousands_of_vectors_are_found_again(cache_path: Path):
    vectors = {f"text {number}": np.array([number, 0.5], dtype=np.float32) for number in range(2_500)}
    EmbeddingCache(cache_path, "m").put(vectors)
    found = EmbeddingCache(cache_path, "m").get(list(vectors))
    assert {text: vector.tolist() for text, vector in found.items()} == {
        text: vector.tolist() for text, vector in vectors.items()
    }


def test_the_cache_holds_no_text(cache_path: Path):
    EmbeddingCache(cache_path, "m").put({"a private question": np.zeros(3, dtype=np.float32)})
    assert all(b"private" not in path.read_bytes() for path in cache_path.parent.iterdir())


def test_concurrent_writers_lose_nothing(cache_path: Path):
    start = threading.Barrier(8)

    def write(writer: int) -> None:
        start.wait()
        for number in range(10):
            EmbeddingCache(cache_path, "m").put({f"{writer} {number}": np.full(3, writer, dtype=np.float32)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    texts = [f"{writer} {number}" for writer in range(8) for number in range(10)]
    assert len(EmbeddingCache(cache_path, "m").get(texts)) == 80


def test_concurrent_writers_of_the_same_text_do_not_stop_each_other(cache_path: Path):
    start = threading.Barrier(8)

    def write(_writer: int) -> None:
        start.wait()
        EmbeddingCache(cache_path, "m").put({"same": np.ones(3, dtype=np.float32)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert EmbeddingCache(cache_path, "m").get(["same"])["same"].tolist() == [1.0, 1.0, 1.0]


def test_a_reader_beside_a_writer_sees_whole_vectors(cache_path: Path):
    EmbeddingCache(cache_path, "m").put({"a": np.ones(3, dtype=np.float32)})

    def use(number: int) -> int:
        cache = EmbeddingCache(cache_path, "m")
        cache.put({f"text {number}": np.ones(3, dtype=np.float32)})
        return len(cache.get(["a"])["a"])

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(use, range(40))) == {3}
