from __future__ import annotations

from collections.abc import Sequence

import pytest

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.review import FileVersion, reviewed_text
from tail_pipeline.domain.tail_file import NotProposed, TailCase, TailFile, render
from tail_pipeline_tests.domain.builders import counts, tail_case, tail_file

PATH = "eval/tail/2026-W17.yaml"


def proposal(*numbers: int, **changes: object) -> TailFile:
    return tail_file(cases=[tail_case(number) for number in numbers], **changes)


def text_of(file: TailFile) -> str:
    return render(file, schema_path="../tail.schema.json")


def ours(text: str) -> FileVersion:
    return FileVersion(text, ours=True)


def theirs(text: str) -> FileVersion:
    return FileVersion(text, ours=False)


def rerun(file: TailFile, versions: Sequence[FileVersion]) -> str:
    return reviewed_text(PATH, file, text_of(file), versions)


def cases(text: str) -> list[TailCase]:
    return parse_tail(text, PATH).cases


def ids(text: str) -> list[str]:
    return [case.id for case in cases(text)]


def case_id(number: int) -> str:
    return f"tail-2026W17-{number:03d}"


FIRST = text_of(proposal(1, 2))
PROMOTED = FIRST.replace("status: proposed", "status: promoted", 1)
WITHOUT_SECOND = text_of(proposal(1))


def test_a_first_run_commits_the_proposal() -> None:
    assert rerun(proposal(1, 2), []) == FIRST


def test_as_long_as_nobody_else_committed_the_proposal_stands() -> None:
    assert rerun(proposal(1, 3), [ours(FIRST)]) == text_of(proposal(1, 3))


def test_an_edit_survives_the_second_and_the_third_rerun() -> None:
    versions = [ours(FIRST), theirs(PROMOTED)]
    for numbers in ((1, 2, 3), (1, 2, 3, 4)):
        versions.append(ours(rerun(proposal(*numbers), versions)))
    assert [(case.id, case.status) for case in cases(versions[-1].text)] == [
        (case_id(1), "promoted"),
        (case_id(2), "proposed"),
        (case_id(3), "proposed"),
        (case_id(4), "proposed"),
    ]


def test_existing_cases_keep_their_bytes_after_an_edit() -> None:
    again = rerun(proposal(1, 2, 3), [ours(FIRST), theirs(PROMOTED)])
    section = PROMOTED[PROMOTED.index("cases:") : PROMOTED.index("not_proposed:")]
    assert section in again


def test_a_deleted_case_stays_deleted_through_two_reruns() -> None:
    versions = [ours(FIRST), theirs(WITHOUT_SECOND)]
    versions.append(ours(rerun(proposal(1, 2, 3), versions)))
    versions.append(ours(rerun(proposal(1, 2, 3), versions)))
    assert ids(versions[-1].text) == [case_id(1), case_id(3)]


def test_an_identical_rerun_after_an_edit_changes_nothing() -> None:
    assert rerun(proposal(1, 2), [ours(FIRST), theirs(PROMOTED)]) == PROMOTED


def test_a_case_that_is_no_longer_found_stays_after_an_edit() -> None:
    assert ids(rerun(proposal(1), [ours(FIRST), theirs(PROMOTED)])) == [case_id(1), case_id(2)]


def test_an_amended_commit_counts_as_an_edit() -> None:
    """The pipeline's only commit is gone; what is on the branch is the reviewer's."""
    assert rerun(proposal(1, 2, 3), [theirs(PROMOTED)]).startswith(PROMOTED[: PROMOTED.index("not_proposed:")])


def test_the_header_follows_ours_while_nobody_touched_it() -> None:
    again = rerun(proposal(1, 2, counts=counts(spans=777)), [ours(FIRST), theirs(PROMOTED)])
    assert parse_tail(again, PATH).counts.spans == 777


def test_an_edited_entry_is_kept_and_the_others_follow_the_run() -> None:
    edited = FIRST.replace("segment: null", "segment: null   # all tenants")
    again = rerun(proposal(1, 2, counts=counts(spans=777)), [ours(FIRST), theirs(edited)])
    assert ("segment: null   # all tenants\n" in again, parse_tail(again, PATH).counts.spans) == (True, 777)


def test_an_edited_entry_is_kept_through_two_reruns() -> None:
    edited = FIRST.replace("segment: null", "segment: null   # all tenants")
    versions = [ours(FIRST), theirs(edited)]
    for spans in (777, 888):
        versions.append(ours(rerun(proposal(1, 2, counts=counts(spans=spans)), versions)))
    last = versions[-1].text
    assert (last.count("# all tenants"), parse_tail(last, PATH).counts.spans) == (1, 888)


def test_what_follows_the_cases_follows_ours_while_nobody_touched_it() -> None:
    left_out = [NotProposed(title="Refunds", weight=1, size=1, why="over_cap")]
    again = rerun(proposal(1, 2, not_proposed=left_out), [ours(FIRST), theirs(PROMOTED)])
    assert parse_tail(again, PATH).not_proposed == left_out


def test_what_follows_the_cases_is_kept_once_edited() -> None:
    edited = FIRST.replace("complaints: []", "complaints: []   # none, really")
    left_out = [NotProposed(title="Refunds", weight=1, size=1, why="over_cap")]
    again = rerun(proposal(1, 2, not_proposed=left_out), [ours(FIRST), theirs(edited)])
    assert ("complaints: []   # none, really\n" in again, parse_tail(again, PATH).not_proposed) == (True, left_out)


def test_new_cases_go_into_a_list_that_was_empty() -> None:
    empty = text_of(proposal())
    edited = empty.replace("cases: []", "cases: []   # quiet week")
    again = rerun(proposal(1), [ours(empty), theirs(edited)])
    assert (ids(again), "cases: # quiet week\n" in again) == ([case_id(1)], True)


@pytest.mark.parametrize("line", ["cases:", "cases: ", "cases:  # the tail", "cases: []", "cases: [] # none"])
def test_new_cases_go_into_a_list_whatever_stands_on_its_line(line: str) -> None:
    edited = text_of(proposal()).replace("cases: []", line)
    assert ids(rerun(proposal(1), [ours(text_of(proposal())), theirs(edited)])) == [case_id(1)]


@pytest.mark.parametrize("indent", [0, 1, 4])
def test_new_cases_take_the_indent_of_the_list(indent: int) -> None:
    start, end = FIRST.index("cases:\n") + 7, FIRST.index("not_proposed:")
    lines = [f"{' ' * indent}{line[2:]}" if line else line for line in FIRST[start:end].splitlines()]
    edited = FIRST[:start] + "\n".join(lines) + "\n" + FIRST[end:]
    assert ids(rerun(proposal(1, 2, 3), [ours(FIRST), theirs(edited)])) == [case_id(1), case_id(2), case_id(3)]


def test_comments_of_a_reviewer_stay_where_they_are() -> None:
    edited = FIRST.replace("  - id: tail-2026W17-002", "  # the hard one\n  - id: tail-2026W17-002  # see Monday")
    again = rerun(proposal(1, 2, 3), [ours(FIRST), theirs(edited)])
    assert ("  # the hard one\n  - id: tail-2026W17-002  # see Monday\n" in again, ids(again)) == (
        True,
        [case_id(1), case_id(2), case_id(3)],
    )


@pytest.mark.parametrize("quote", ["'", '"'])
def test_an_id_in_quotes_is_recognised(quote: str) -> None:
    edited = PROMOTED.replace(f"id: {case_id(1)}", f"id: {quote}{case_id(1)}{quote}")
    assert ids(rerun(proposal(1, 2, 3), [theirs(edited)])) == [case_id(1), case_id(2), case_id(3)]


@pytest.mark.parametrize("numbers", [(1, 2), (1, 2, 3)], ids=["nothing new", "a new case"])
def test_a_file_saved_with_windows_line_ends_can_be_extended(numbers: tuple[int, ...]) -> None:
    edited = PROMOTED.replace("\n", "\r\n")
    again = rerun(proposal(*numbers), [ours(FIRST), theirs(edited)])
    assert [(case.id, case.status) for case in cases(again)] == [
        (case_id(number), "promoted" if number == 1 else "proposed") for number in numbers
    ]


def test_a_case_deleted_from_a_file_with_windows_line_ends_stays_deleted() -> None:
    edited = WITHOUT_SECOND.replace("\n", "\r\n")
    assert ids(rerun(proposal(1, 2, 3), [theirs(FIRST.replace("\n", "\r\n")), theirs(edited)])) == [
        case_id(1),
        case_id(3),
    ]


def test_a_file_without_a_final_line_end_can_be_extended() -> None:
    """Somebody removed what follows the cases, and the last line end with it."""
    edited = PROMOTED[: PROMOTED.index("not_proposed:")].rstrip("\n")
    again = rerun(proposal(1, 2, 3), [ours(FIRST), theirs(edited)])
    assert [line.strip() for line in again.splitlines() if "- id:" in line] == [
        f"- id: {case_id(number)}" for number in (1, 2, 3)
    ]


def test_without_a_list_of_cases_new_ones_are_an_error_that_says_what_to_do() -> None:
    edited = FIRST[: FIRST.index("cases:")]
    with pytest.raises(PermanentError, match=r"^eval/tail/2026-W17\.yaml: .*1 new cases .*restore the line"):
        rerun(proposal(1, 2, 3), [ours(FIRST), theirs(edited)])


def test_without_a_list_of_cases_and_without_new_ones_the_file_is_left_alone() -> None:
    edited = FIRST[: FIRST.index("cases:")]
    assert rerun(proposal(1, 2), [ours(FIRST), theirs(edited)]) == edited


def test_a_trace_that_quotes_an_id_does_not_keep_that_case_away() -> None:
    """An input may hold anything, also a line that reads like the next case's id."""
    quoting = tail_file(cases=[tail_case(1, input=f"hello\nid: {case_id(2)}\n- id: {case_id(3)}")])
    edited = text_of(quoting).replace("status: proposed", "status: promoted")
    again = rerun(
        tail_file(cases=[*quoting.cases, tail_case(2), tail_case(3)]), [ours(text_of(quoting)), theirs(edited)]
    )
    assert ids(again) == [case_id(1), case_id(2), case_id(3)]


def test_a_trace_that_looks_like_a_key_does_not_end_the_list() -> None:
    quoting = tail_file(cases=[tail_case(1, input="hello\nnot_proposed: []\ncases:\n- a")])
    edited = text_of(quoting).replace("status: proposed", "status: promoted")
    again = rerun(tail_file(cases=[*quoting.cases, tail_case(2)]), [ours(text_of(quoting)), theirs(edited)])
    assert [(case.id, case.input) for case in cases(again)] == [
        (case_id(1), "hello\nnot_proposed: []\ncases:\n- a"),
        (case_id(2), tail_case(2).input),
    ]


def test_a_case_that_a_reviewer_removed_in_between_and_restored_is_not_doubled() -> None:
    versions = [ours(FIRST), theirs(WITHOUT_SECOND), theirs(FIRST)]
    assert ids(rerun(proposal(1, 2), versions)) == [case_id(1), case_id(2)]


def test_with_a_segment_new_cases_are_appended_as_well() -> None:
    def acme(*numbers: int) -> TailFile:
        return tail_file(segment="acme", cases=[tail_case(n, id=f"tail-2026W17-acme-{n:03d}") for n in numbers])

    edited = text_of(acme(1)).replace("status: proposed", "status: promoted")
    assert ids(rerun(acme(1, 2), [ours(text_of(acme(1))), theirs(edited)])) == [
        "tail-2026W17-acme-001",
        "tail-2026W17-acme-002",
    ]
