"""The pull request's body: our part is renewed, what people write around or into it is theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.adapters.github.body_section import MAX_CHARS, section, updated
from tail_pipeline.domain.errors import PermanentError

OURS = "## Scorecard\n\n3 of 20 cases\n"
NEW = "## Scorecard\n\n4 of 20 cases\n"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60)


def renewed(current: str | None, body: str = NEW) -> str:
    new, note = updated(current, body)
    assert note is None
    assert new is not None
    return new


@given(TEXT)
def test_an_unchanged_section_is_not_written_again(body: str):
    assert updated(section(body), body) == (None, None)


@given(st.tuples(TEXT, TEXT).filter(lambda pair: pair[0].strip() != pair[1].strip()))
def test_a_renewed_section_reads_like_a_new_one(bodies: tuple[str, str]):
    assert renewed(section(bodies[0]), bodies[1]).strip() == section(bodies[1]).strip()


@given(TEXT.filter(lambda text: "tail-miner" not in text), TEXT.filter(lambda text: "tail-miner" not in text))
def test_what_people_write_around_the_section_is_kept(before: str, after: str):
    new = renewed(before + section(OURS).removesuffix("\n") + after)
    assert new == before + section(NEW).removesuffix("\n") + after


def test_a_body_saved_in_a_browser_is_still_ours():
    saved = section(OURS).replace("\n", "\r\n")
    assert updated(saved, OURS) == (None, None)


def test_an_edited_section_is_left_alone_with_a_note():
    new, note = updated(section(OURS).replace("3 of 20", "three of 20"), NEW)
    assert (new, note) == (None, "somebody edited our part of its body, so the body is left alone")


@pytest.mark.parametrize("current", [None, "", "My own words.", section(OURS).replace("<!-- tail-miner: end -->", "")])
def test_a_body_without_markers_is_left_alone_with_a_note(current: str | None):
    new, note = updated(current, NEW)
    assert (new, note) == (None, "the markers of its body were removed, so the body is left alone")


def test_a_marker_quoted_from_a_trace_ends_nothing():
    body = f"{OURS}\n```\n<!-- tail-miner: end -->\n```\n"
    assert renewed(section(body)) == section(NEW)


def test_a_section_that_no_longer_fits_is_left_alone_with_a_note():
    new, note = updated("x" * (MAX_CHARS - len(section(OURS))) + section(OURS), NEW * 10)
    assert new is None
    assert note is not None


def test_a_body_beyond_githubs_limit_is_refused_before_it_is_sent():
    with pytest.raises(PermanentError, match="65536"):
        section("x" * MAX_CHARS)
