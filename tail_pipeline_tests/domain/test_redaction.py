from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tail_pipeline.adapters.recognisers.private_values import PatternRecogniser
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.placeholders import PrivateKind, placeholder
from tail_pipeline.domain.redaction import PrivateValueRedactor, RedactConfig
from tail_pipeline.domain.spans import SPAN_SCHEMA
from tail_pipeline_tests.domain.builders import span, span_frame
from tail_pipeline_tests.labelled_private_values import labelled

MAIL, CARD = "anna@example.com", "4111 1111 1111 1111"
SALT = "support/acme"
SHOWN = placeholder(PrivateKind.EMAIL, MAIL, SALT)
STRINGS = [name for name, dtype in SPAN_SCHEMA.items() if dtype == pl.String()]
CONFIGURED = {"user_feedback", "rubric_sha"}
"""Columns whose values are checked against a list, or made by this package."""


def redactor(
    *, hook: Callable[[str], Any] | None = None, salt: str = SALT, segment_column: str | None = None, **config: Any
) -> PrivateValueRedactor:
    if hook is not None:
        config["python"] = "team.private:find"
    return PrivateValueRedactor(
        RedactConfig(**config), PatternRecogniser(), salt=salt, segment_column=segment_column, hook=hook
    )


def redact(*rows: dict[str, Any], by: PrivateValueRedactor | None = None) -> list[dict[str, Any]]:
    return (by or redactor()).redact(span_frame(rows)).to_dicts()


@pytest.mark.parametrize("column", sorted(set(STRINGS) - CONFIGURED))
def test_no_column_of_text_keeps_a_private_value(column: str) -> None:
    assert MAIL not in str(redact(span(**{column: f"from {MAIL}"}))[0])


@pytest.mark.parametrize("column", ["contexts", "labels"])
def test_no_list_of_texts_keeps_a_private_value(column: str) -> None:
    row = redact(span(**{column: ["one", f"from {MAIL}", "one"]}))[0]
    assert row[column] == ["one", f"from {SHOWN}", "one"]


def test_the_segment_is_configuration_and_stays() -> None:
    rows = redact(span(tenant="ops@acme.com", model="ops@acme.com"), by=redactor(segment_column="tenant"))
    assert rows[0]["tenant"] == "ops@acme.com"
    assert rows[0]["model"] != "ops@acme.com"


def test_nothing_else_of_a_frame_changes() -> None:
    frame = span_frame([span(1), span(2, f"I am {MAIL}", contexts=None, output=None), span(3, metadata='{"a" : 1}')])
    found = redactor().redact(frame)
    assert found.schema == frame.schema
    assert found.drop("input").equals(frame.drop("input"))
    assert found["input"].to_list() == ["where is my order", f"I am {SHOWN}", "where is my order"]


def test_a_value_has_one_placeholder_in_all_spans_and_runs() -> None:
    first = redact(span(1, f"I am {MAIL}"), span(2, "yes", output=f"Dear {MAIL.upper()}", contexts=[f"{MAIL} paid"]))
    again = redact(span(3, f"{MAIL}?"))
    assert [first[0]["input"], first[1]["output"], first[1]["contexts"], again[0]["input"]] == [
        f"I am {SHOWN}",
        f"Dear {SHOWN}",
        [f"{SHOWN} paid"],
        f"{SHOWN}?",
    ]


def test_ids_that_hold_a_value_stay_apart_and_stay_keys() -> None:
    rows = [
        span(number, trace_id=f"user{number}@example.com/1", span_id=f"user{number}@example.com/1")
        for number in range(300)
    ]
    found = redact(*rows, *rows)
    assert len({row["trace_id"] for row in found}) == 300
    assert all(row["trace_id"] == row["span_id"] for row in found)
    assert [row["trace_id"] for row in found[:300]] == [row["trace_id"] for row in found[300:]]


def test_an_id_of_digits_is_no_number_of_anybody() -> None:
    assert redact(span(trace_id="4111111111111111", span_id="14158675309"))[0]["trace_id"] == "4111111111111111"


metadata = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
    )
    | st.sampled_from([MAIL, f"a {CARD} b", 4111111111111111, '{"mail": "anna@example.com"}', "+14158675309"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "phone", MAIL]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(metadata)
def test_metadata_stays_json_and_loses_its_values(value: Any) -> None:
    text = redact(span(metadata=json.dumps(value)))[0]["metadata"]
    json.loads(text)
    assert MAIL not in text
    assert "4111111111111111" not in text


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ('{"password": "hunter"}', "hunter"),
        ('{"account_number": "1234567890"}', "1234567890"),
        ('{"user": {"phone": 2128675309}}', "2128675309"),
        ('{"x": "{\\"pwd\\": \\"hunter2\\"}"}', "hunter2"),
    ],
)
def test_the_key_a_value_stands_under_says_what_it_is(document: str, value: str) -> None:
    assert value in document
    found = redact(span(metadata=document))[0]["metadata"]
    assert value not in found
    json.loads(found)


def test_metadata_that_is_too_deep_to_be_walked_is_redacted_as_a_text() -> None:
    deep = "[" * 5_000 + f'"{MAIL}"' + "]" * 5_000
    assert MAIL not in redact(span(metadata=deep))[0]["metadata"]


def test_an_answer_in_json_stays_json() -> None:
    assert json.loads(redact(span(output='{"card": 4111111111111111, "ok": true}'))[0]["output"])["ok"] is True


@pytest.mark.parametrize(
    ("allow", "text"),
    [
        (["support@acme.com"], "Support@ACME.com"),
        (["*@acme.com"], "anna.b@acme.com"),
        (["+1 800 867-5309"], "(800) 867-5309"),
        (["203.0.113.7"], "203.0.113.7"),
    ],
)
def test_what_is_allowed_stays(allow: list[str], text: str) -> None:
    assert redactor(allow=allow).text(f"ask {text} or {MAIL}") == f"ask {text} or {SHOWN}"


def test_an_allowed_domain_does_not_allow_those_that_end_like_it() -> None:
    assert "anna@notacme.com" not in redactor(allow=["*@acme.com"]).text("anna@notacme.com")


def test_a_hook_takes_out_more() -> None:
    by = redactor(hook=lambda text: [word for word in text.split() if word.startswith("CUST")])
    row = redact(span(text=f"CUST77 is {MAIL}", output="CUST77 and CUST78"), by=by)[0]
    first, second = (placeholder(PrivateKind.PRIVATE, value, SALT) for value in ("CUST77", "CUST78"))
    assert (row["input"], row["output"]) == (f"{first} is {SHOWN}", f"{first} and {second}")
    assert by.taken == {"PRIVATE": 3, "EMAIL": 1}


def test_what_a_hook_names_is_covered_to_its_end_also_where_something_else_begins_before_it() -> None:
    found = redactor(hook=lambda _text: ["example.com room 7"]).text(f"{MAIL} room 7")
    assert "room 7" not in found
    assert "example" not in found


def _raises(_text: str) -> Iterable[str]:
    raise KeyError(f"cannot look up {MAIL}")


@pytest.mark.parametrize("hook", [_raises, lambda text: text, lambda _text: [1], lambda _text: None])
def test_a_hook_that_fails_is_named_and_quotes_no_text(hook: Callable[[str], Any]) -> None:
    with pytest.raises(PermanentError, match=r"team\.private:find") as raised:
        redactor(hook=hook).redact(span_frame([span(text=f"I am {MAIL}")]))
    assert MAIL not in str(raised.value)
    assert raised.value.__cause__ is None


def test_values_are_counted_once_for_each_span_they_stood_in() -> None:
    by = redactor()
    redact(span(1, f"{MAIL} {MAIL}"), span(2, f"{MAIL} {MAIL}"), span(3, "yes", contexts=[CARD]), by=by)
    assert by.taken == {"EMAIL": 4, "CARD": 1}


def test_undeclared_segments_are_redacted_and_declared_ones_are_not() -> None:
    seen = {"ops@acme.com": 2, MAIL: 3, MAIL.upper(): 1, "globex": 4, None: 5}
    assert redactor().counts(seen, ["ops@acme.com"]) == {"ops@acme.com": 2, SHOWN: 4, "globex": 4, None: 5}


@given(st.lists(st.sampled_from([one.text for one in labelled(4, 4)]), max_size=4))
def test_a_frame_that_is_redacted_stays_as_it_is(texts: list[str]) -> None:
    once = redactor().redact(span_frame([span(number, text, contexts=[text]) for number, text in enumerate(texts)]))
    assert redactor().redact(once).equals(once)


@pytest.mark.parametrize("config", [{"allow": [" "]}, {"python": "no function"}, {"enabled": "yes"}, {"alow": []}])
def test_a_mistake_in_the_configuration_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RedactConfig.model_validate(config)
