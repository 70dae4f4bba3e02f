"""What is peculiar to traces in PostgreSQL: foreign types, a wrong table, a server that is away, secrets in messages."""

from __future__ import annotations

import math
import socket
from pathlib import Path

import psycopg
import pytest

from tail_pipeline.adapters.traces_postgres import PostgresTraceStore
from tail_pipeline.domain.errors import PermanentError, TailPipelineError, TransientError
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline_tests.adapters.trace_writers import (
    DSN_ENV,
    SUPPORT,
    WINDOW,
    StoreMaker,
    bad_of,
    frame_of,
    ids_of,
    make_table,
    span,
)

SECRET = "s3cret"


@pytest.fixture
def dsn(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's connection string, set in the environment."""
    monkeypatch.setenv(DSN_ENV, postgres_dsn)
    return postgres_dsn


def altered(dsn: str, rows: list[dict], *statements: str) -> PostgresTraceStore:
    """A store over the shipped table after the given changes to it; ``{t}`` is its name."""
    table = make_table(dsn, rows)
    run(dsn, *(statement.format(t=table) for statement in statements))
    return PostgresTraceStore(DSN_ENV, table, {})


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement)


def message_of(store: PostgresTraceStore, kind: type[TailPipelineError]) -> str:
    with pytest.raises(kind) as raised:
        store.check()
    assert type(raised.value) is kind
    return str(raised.value)


def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_the_shipped_ddl_can_be_run_twice(dsn: str):
    import tail_pipeline.adapters

    ddl = (Path(tail_pipeline.adapters.__file__).parent / "traces_postgres.sql").read_text(encoding="utf-8")
    run(dsn, ddl, ddl)
    PostgresTraceStore(DSN_ENV, "agent_spans", {}).check()


def test_a_table_in_another_schema_is_read(dsn: str):
    table = make_table(dsn, [span()])
    run(dsn, f"CREATE SCHEMA {table}_own", f"ALTER TABLE {table} SET SCHEMA {table}_own")
    store = PostgresTraceStore(DSN_ENV, f"{table}_own.{table}", {})
    assert ids_of(store.iter_spans(WINDOW, SUPPORT)) == ["s1"]


def test_a_table_with_capitals_in_its_name_is_read(dsn: str):
    table = make_table(dsn, [span()])
    run(dsn, f'ALTER TABLE {table} RENAME TO "Agent_{table}"')
    assert ids_of(PostgresTraceStore(DSN_ENV, f"Agent_{table}", {}).iter_spans(WINDOW, SUPPORT)) == ["s1"]


def test_a_view_is_as_good_as_a_table(dsn: str):
    table = make_table(dsn, [span()])
    run(dsn, f"CREATE VIEW {table}_view AS SELECT span_id, input, start_time FROM {table}")
    assert ids_of(PostgresTraceStore(DSN_ENV, f"{table}_view", {}).iter_spans(WINDOW, SUPPORT)) == ["s1"]


@pytest.mark.usefixtures("dsn")
def test_a_missing_table_is_named():
    assert "no_such_table" in message_of(PostgresTraceStore(DSN_ENV, "no_such_table", {}), PermanentError)


@pytest.mark.parametrize("column", ["span_id", "input", "start_time"])
def test_a_missing_required_column_is_named_with_its_table(dsn: str, column: str):
    store = altered(dsn, [], f"ALTER TABLE {{t}} RENAME COLUMN {column} TO something_else")
    message = message_of(store, PermanentError)
    assert store.table in message
    assert column in message


def test_several_missing_columns_are_named_at_once(dsn: str):
    store = altered(dsn, [], "ALTER TABLE {t} DROP COLUMN input", "ALTER TABLE {t} DROP COLUMN start_time")
    message = message_of(store, PermanentError)
    assert "input" in message
    assert "start_time" in message


def test_a_missing_mapped_column_is_named_as_the_table_would_name_it(dsn: str):
    store = PostgresTraceStore(DSN_ENV, make_table(dsn, []), {"input": "question"})
    assert "question" in message_of(store, PermanentError)


@pytest.mark.parametrize("column", ["start_time", "end_time", "feedback_time"])
def test_a_naive_time_column_is_named_with_its_table(dsn: str, column: str):
    store = altered(dsn, [], f"ALTER TABLE {{t}} ALTER COLUMN {column} TYPE timestamp")
    message = message_of(store, PermanentError)
    assert store.table in message
    assert column in message


def test_a_naive_time_column_is_refused_when_spans_are_read(dsn: str):
    store = altered(dsn, [span()], "ALTER TABLE {t} ALTER COLUMN start_time TYPE timestamp")
    with pytest.raises(PermanentError, match="start_time"):
        list(store.iter_spans(WINDOW, SUPPORT))


def test_a_segment_column_the_table_lacks_is_named(dsn: str):
    store = altered(dsn, [span()], "ALTER TABLE {t} DROP COLUMN tenant")
    with pytest.raises(PermanentError, match="tenant"):
        list(store.iter_spans(WINDOW, SegmentFilter("support", "tenant", ("acme",))))


@pytest.mark.parametrize("kind", ["json", "jsonb"])
@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ('["one", "two \\" quoted"]', ["one", 'two " quoted']),
        ("[]", []),
        ("null", None),
        (None, None),
        ('"not a list"', None),
        ('{"not": "a list"}', None),
        ("[1, true]", ["1", "true"]),
    ],
)
def test_contexts_in_json_are_read(dsn: str, kind: str, stored: str | None, read: list[str] | None):
    store = altered(dsn, [span()], f"ALTER TABLE {{t}} ALTER COLUMN contexts TYPE {kind} USING NULL")
    with psycopg.connect(dsn) as connection:
        connection.execute(f"UPDATE {store.table} SET contexts = %s::{kind}", [stored])
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["contexts"].to_list() == [read]


def test_labels_in_varchars_are_read(dsn: str):
    store = altered(dsn, [span(labels=["safety"])], "ALTER TABLE {t} ALTER COLUMN labels TYPE varchar(20)[]")
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["labels"].to_list() == [["safety"]]


@pytest.mark.parametrize("kind", ["numeric", "numeric(5,4)", "real", "double precision"])
def test_a_score_of_any_number_type_is_read(dsn: str, kind: str):
    store = altered(dsn, [span(rubric_score=0.25)], f"ALTER TABLE {{t}} ALTER COLUMN rubric_score TYPE {kind}")
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["rubric_score"].to_list() == [0.25]


def test_a_whole_number_score_is_read(dsn: str):
    store = altered(dsn, [span(rubric_score=1)], "ALTER TABLE {t} ALTER COLUMN rubric_score TYPE smallint")
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["rubric_score"].to_list() == [1.0]


@pytest.mark.parametrize("kind", ["numeric", "double precision"])
def test_a_score_that_is_not_a_number_is_kept_for_scoring_to_judge(dsn: str, kind: str):
    store = altered(dsn, [span(rubric_score=math.nan)], f"ALTER TABLE {{t}} ALTER COLUMN rubric_score TYPE {kind}")
    (score,) = frame_of(store.iter_spans(WINDOW, SUPPORT))["rubric_score"].to_list()
    assert math.isnan(score)


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ("trace_id", "uuid", "11111111-2222-3333-4444-555555555555"),
        ("trace_id", "bigint", "9007199254740993"),
        ("span_id", "integer", "17"),
        ("tenant", "varchar(30)", "acme"),
        ("session_id", "char(4)", "abcd"),
    ],
)
def test_an_id_of_another_type_is_read_as_text(dsn: str, column: str, kind: str, value: str):
    store = altered(
        dsn,
        [span("1") | {column: value}],
        f"ALTER TABLE {{t}} ALTER COLUMN {column} TYPE {kind} USING {column}::{kind}",
    )
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))[column].to_list() == [value]


def test_units_are_fetched_by_trace_ids_of_another_type(dsn: str):
    store = altered(
        dsn,
        [span(trace_id="17"), span("s2", trace_id="18")],
        "ALTER TABLE {t} ALTER COLUMN trace_id TYPE int USING trace_id::int",
    )
    assert ids_of(store.fetch_units(["17", "'; DROP TABLE x"], SUPPORT, WINDOW.start)) == ["s1"]


@pytest.fixture
def store_with_enum(dsn: str) -> PostgresTraceStore:
    """Feedback in an enum type that knows only two of the four words."""
    table = make_table(dsn, [span(user_feedback="thumbs_down", feedback_time=WINDOW.start)])
    run(
        dsn,
        f"CREATE TYPE {table}_feedback AS ENUM ('thumbs_up', 'thumbs_down')",
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_user_feedback_check",
        f"ALTER TABLE {table} ALTER COLUMN user_feedback TYPE {table}_feedback USING user_feedback::{table}_feedback",
    )
    return PostgresTraceStore(DSN_ENV, table, {})


def test_feedback_of_an_enum_type_is_read(store_with_enum: PostgresTraceStore):
    assert frame_of(store_with_enum.iter_spans(WINDOW, SUPPORT))["user_feedback"].to_list() == ["thumbs_down"]


def test_feedback_of_an_enum_type_that_lacks_some_words_is_found(store_with_enum: PostgresTraceStore):
    assert sum(frame.height for frame in store_with_enum.iter_feedback(WINDOW, SUPPORT)) == 1


def test_metadata_keep_their_text(dsn: str):
    store = altered(dsn, [span(metadata='{"plan": "pro"}')], "ALTER TABLE {t} ALTER COLUMN metadata TYPE text")
    assert frame_of(store.iter_spans(WINDOW, SUPPORT))["metadata"].to_list() == ['{"plan": "pro"}']


def test_a_foreign_column_name_with_quotes_is_read(make_postgres_store: StoreMaker):
    store = make_postgres_store([span()], columns={"input": 'the "question"; --'})
    assert ids_of(store.iter_spans(WINDOW, SUPPORT)) == ["s1"]


def test_a_row_with_a_null_input_is_named_and_the_others_are_kept(dsn: str):
    store = altered(
        dsn,
        [span("wrong"), span("fine")],
        "ALTER TABLE {t} ALTER COLUMN input DROP NOT NULL",
        "UPDATE {t} SET input = NULL WHERE span_id = 'wrong'",
    )
    batches = list(store.iter_spans(WINDOW, SUPPORT))
    assert ids_of(batches) == ["fine"]
    (bad,) = bad_of(batches)
    assert (bad.place, bad.reason) == (f"table {store.table} row wrong", "input is null")


def test_a_row_with_an_unknown_feedback_word_is_named(dsn: str):
    store = altered(
        dsn,
        [span()],
        "ALTER TABLE {t} DROP CONSTRAINT {t}_user_feedback_check",
        "UPDATE {t} SET user_feedback = 'meh'",
    )
    (bad,) = bad_of(store.iter_spans(WINDOW, SUPPORT))
    assert "user_feedback" in bad.reason


def test_a_server_that_cannot_hold_standard_strings_off_reads_hostile_segments(dsn: str):
    store = altered(dsn, [span(tenant="a\\'b")])
    database = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    run(dsn, f'ALTER DATABASE "{database}" SET standard_conforming_strings = off')
    try:
        found = ids_of(store.iter_spans(WINDOW, SegmentFilter("support", "tenant", ("a\\'b",))))
    finally:
        run(dsn, f'ALTER DATABASE "{database}" RESET standard_conforming_strings')
    assert found == ["s1"]


@pytest.mark.parametrize(
    ("column", "kind", "value", "problem"),
    [
        ("contexts", "text", "{what they said", "malformed array literal"),
        ("contexts", "text", "{what they\nsaid", "malformed array literal"),
        ("rubric_score", "text", 'what "they" said', "invalid input syntax for type double precision"),
        ("rubric_score", "text", "1e999", "out of range"),
    ],
)
def test_a_value_that_cannot_be_cast_is_not_quoted(dsn: str, column: str, kind: str, value: str, problem: str):
    store = altered(dsn, [span()], f"ALTER TABLE {{t}} ALTER COLUMN {column} TYPE {kind} USING NULL")
    with psycopg.connect(dsn) as connection:
        connection.execute(f"UPDATE {store.table} SET {column} = %s", (value,))

    with pytest.raises(PermanentError) as raised:
        list(store.iter_spans(WINDOW, SUPPORT))

    assert str(raised.value) == (
        f"trace store {store.name}: a value cannot be read as its span column ({problem}); map another column, or mend the rows"
    )


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_the_window_is_utc_whatever_the_time_zone_of_the_database(dsn: str, zone: str):
    store = altered(dsn, [span("in", start_time=WINDOW.start), span("out", start_time=WINDOW.end)])
    database = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    run(dsn, f"""ALTER DATABASE "{database}" SET timezone = '{zone}'""")
    try:
        found = frame_of(store.iter_spans(WINDOW, SUPPORT))["start_time"].to_list()
    finally:
        run(dsn, f'ALTER DATABASE "{database}" RESET timezone')
    assert found == [WINDOW.start]


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(DSN_ENV, raising=False)
    assert DSN_ENV in message_of(PostgresTraceStore(DSN_ENV, "agent_spans", {}), PermanentError)


def test_an_empty_variable_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(DSN_ENV, "")
    assert DSN_ENV in message_of(PostgresTraceStore(DSN_ENV, "agent_spans", {}), PermanentError)


def test_the_variable_is_read_when_used_and_not_before(dsn: str, monkeypatch: pytest.MonkeyPatch):
    table = make_table(dsn, [span()])
    monkeypatch.delenv(DSN_ENV)
    store = PostgresTraceStore(DSN_ENV, table, {})
    monkeypatch.setenv(DSN_ENV, dsn)
    assert ids_of(store.iter_spans(WINDOW, SUPPORT)) == ["s1"]


def test_a_server_that_is_down_is_transient_and_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(DSN_ENV, f"postgresql://miner:{SECRET}@127.0.0.1:{closed_port()}/traces")
    store = PostgresTraceStore(DSN_ENV, "agent_spans", {})
    assert store.name in message_of(store, TransientError)


def test_a_missing_database_does_not_show_the_password(dsn: str, monkeypatch: pytest.MonkeyPatch):
    options = psycopg.conninfo.make_conninfo(dsn, dbname="nowhere", password=SECRET)
    monkeypatch.setenv(DSN_ENV, options)
    assert SECRET not in message_of(PostgresTraceStore(DSN_ENV, "agent_spans", {}), TransientError)


@pytest.mark.parametrize(
    "malformed",
    [
        "postgresql://miner:{s}@127.0.0.1:{p}/traces",
        "host=127.0.0.1 port={p} user=miner password={s} dbname=traces",
        "postgresql://miner:{s}@127.0.0.1:notaport/traces",
        "postgresql://miner:{s}@[::1/traces",
        "postgresql://miner:%zz{s}@127.0.0.1:{p}/traces",
        "postgresql://miner:{s}@127.0.0.1:{p}/traces?nonsense={s}",
        "postgresql://miner:{s}@127.0.0.1:{p}/traces?{s}",
        "postgresql://miner:x/{s}@127.0.0.1:{p}/traces",
        "host=127.0.0.1 port={p} password=two {s}",
        "host=127.0.0.1 port={p} password='{s}",
        "host=127.0.0.1 port={p} {s}=password",
        "postgres//miner:{s}@127.0.0.1:{p}/traces",
        "{s}",
        "postgresql://miner:{s}@127.0.0.1:{p}/traces?connect_timeout={s}",
        "postgresql://miner:{s}@[::1/traces\n",
        'postgresql://miner:a"{s}@[::1/traces',
        'host=127.0.0.1 port={p} password=a" "{s}',
        "postgresql://miner:line\n{s}@[::1/traces",
        '"postgresql://miner:{s}@[::1/traces"',
        "postgresql://miner:{s}@127.0.0.1:99999999/traces",
        "postgresql://miner:{s}@127.0.0.1:{p}/traces?sslmode={s}",
    ],
)
def test_no_part_of_a_password_is_shown_however_the_connection_string_is_mistyped(
    monkeypatch: pytest.MonkeyPatch, malformed: str
):
    monkeypatch.setenv(DSN_ENV, malformed.format(s=SECRET, p=closed_port()))
    with pytest.raises(TailPipelineError) as raised:
        PostgresTraceStore(DSN_ENV, "agent_spans", {}).check()
    assert SECRET not in str(raised.value)
    assert DSN_ENV in str(raised.value)


def test_the_cause_of_a_failed_connection_is_not_chained(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(DSN_ENV, f"postgresql://miner:{SECRET}@[::1/traces")
    with pytest.raises(TailPipelineError) as raised:
        PostgresTraceStore(DSN_ENV, "agent_spans", {}).check()
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
