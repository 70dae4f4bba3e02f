"""Answers that were paid for are there for good, for every thread, run and process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.adapters.answer_store import SqliteAnswerStore
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import StoredAnswer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def key_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".tail" / "state" / "support" / "acme" / "answers.sqlite"


@given(st.dictionaries(st.integers(0, 2_000), JSON, max_size=20))
def test_what_is_put_is_got_again(tmp_path_factory: pytest.TempPathFactory, values: dict[int, object]) -> None:
    answers = {key_of(str(number)): StoredAnswer(value, number, "run") for number, value in values.items()}
    path = tmp_path_factory.mktemp("answers") / "answers.sqlite"
    with SqliteAnswerStore(path) as store:
        for key, answer in answers.items():
            store.put(key, answer)
    with SqliteAnswerStore(path) as store:
        assert store.get_many([*answers, key_of("nobody asked")]) == answers


def test_more_keys_than_one_query_takes_are_found(path: Path) -> None:
    keys = [key_of(str(number)) for number in range(1_201)]
    with SqliteAnswerStore(path) as store:
        for number, key in enumerate(keys):
            store.put(key, StoredAnswer(number, 1, "run"))
        found = store.get_many(keys)
    assert [found[key].value for key in keys] == list(range(1_201))


def test_an_answer_takes_the_place_of_the_one_it_goes_on_from(path: Path) -> None:
    with SqliteAnswerStore(path) as store:
        first = store.put(key_of("a"), StoredAnswer([1], 1, "run"))
        store.put(key_of("a"), StoredAnswer([1, 2], 5, "other"), replaces=first)
        assert store.get_many([key_of("a")]) == {key_of("a"): StoredAnswer([1, 2], 5, "other")}


def test_of_two_runs_at_once_both_go_on_with_the_answer_that_came_first(path: Path) -> None:
    with SqliteAnswerStore(path) as one, SqliteAnswerStore(path) as other:
        kept = [one.put(key_of("a"), StoredAnswer(1, 1, "one")), other.put(key_of("a"), StoredAnswer(2, 1, "other"))]
        assert kept == [StoredAnswer(1, 1, "one")] * 2


def test_threads_of_two_runs_write_at_once(path: Path) -> None:
    def run(name: str) -> None:
        with SqliteAnswerStore(path) as store, ThreadPoolExecutor(8) as pool:
            keys = [key_of(f"{name} {number}") for number in range(100)]
            list(pool.map(lambda key: store.put(key, StoredAnswer(name, 1, name)), keys))

    with ThreadPoolExecutor(2) as runs:
        list(runs.map(run, ["one", "two"]))
    with SqliteAnswerStore(path) as store:
        found = store.get_many([key_of(f"{name} {number}") for name in ("one", "two") for number in range(100)])
    assert len(found) == 200


def test_an_answer_survives_the_process_that_is_killed_behind_it(path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tail_pipeline.adapters.answer_store import SqliteAnswerStore\n"
        "from tail_pipeline.domain.ports import StoredAnswer\n"
        "SqliteAnswerStore(Path(sys.argv[1])).put(sys.argv[2], StoredAnswer('kept', 1, 'run'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path), key_of("a")], check=False)
    with SqliteAnswerStore(path) as store:
        assert store.get_many([key_of("a")])[key_of("a")].value == "kept"


def test_a_file_that_is_no_database_says_what_to_delete(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(PermanentError, match=r"\.tail/state/support/acme/answers\.sqlite cannot be used .* delete it"):
        SqliteAnswerStore(path)


def test_a_damaged_page_is_told_when_it_is_read(path: Path) -> None:
    with SqliteAnswerStore(path) as store:
        store.put(key_of("a"), StoredAnswer("x" * 10_000, 1, "run"))
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with (
        SqliteAnswerStore(path) as store,
        pytest.raises(PermanentError, match=r"\.tail/state/support/acme/answers\.sqlite cannot be used"),
    ):
        store.get_many([key_of("a")])
