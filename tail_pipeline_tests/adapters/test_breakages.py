"""Everything a reviewer can break in a tail file by hand is one finding with its file, line and case."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.cli import main
from tail_pipeline.domain.errors import InvalidFile
from tail_pipeline_tests.adapters.breakages import BREAKAGES, HARMLESS, PATH, TWO, Breakage, edited, healthy_text
from tail_pipeline_tests.adapters.eval_texts import RUBRIC, agents_text, put


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    put(tmp_path, "eval/agents.yaml", agents_text())
    put(tmp_path, "eval/rubric.yaml", RUBRIC)
    put(tmp_path, "eval/cases.yaml", "cases: []\n")
    return tmp_path


def validate(work_tree: Path, tail: bytes) -> Result:
    put(work_tree, PATH, "")
    (work_tree / PATH).write_bytes(tail)
    return CliRunner().invoke(main, ["validate", "--repo", str(work_tree)])


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_validate_has_one_finding_for_each_breakage(work_tree: Path, breakage: Breakage):
    printed = validate(work_tree, breakage.broken).stdout

    assert [line for line in printed.splitlines() if line.startswith("error: ")] == [f"error: {breakage.shown()}"]


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_a_breakage_on_a_branch_reads_the_same(breakage: Breakage):
    with pytest.raises(InvalidFile) as raised:
        parse_tail(breakage.broken.decode(errors="surrogateescape"), f"tail-miner/2026-W17:{PATH}")

    assert str(raised.value) == f"1 error:\n  {breakage.shown(f'tail-miner/2026-W17:{PATH}')}"


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_changes_no_decision_is_accepted(work_tree: Path, text: bytes):
    done = validate(work_tree, text)

    assert (done.exit_code, done.stderr) == (0, "")


def test_a_file_of_cases_names_the_last_case_before_the_line(work_tree: Path):
    put(work_tree, "eval/cases.yaml", "cases:\n- {id: poc-1, input: a, source: poc}\n- id: poc-2\n  input: [b\n")

    assert (
        "error: eval/cases.yaml:4: poc-2: not valid YAML: a [ opens"
        in validate(work_tree, healthy_text().encode()).stdout
    )


HONEST = {
    "before the first case": ("cases:\n  # two: [\n  [\n", None),
    "in another part of the file": (f"cases:\n  - id: {TWO}\ncomplaints: [\n", None),
    "in a case whose id does not come first": (f"cases:\n  - id: {TWO}\n  - title: [\n", None),
    "in a file without cases": ("agents:\n  - id: support\n    name: [\n", None),
    "in a quoted id": (f"cases:\n  - id: '{TWO}'  # mine\n    title: [\n", TWO),
    "in a list of a case": (f"cases:\n  - id: {TWO}\n    rows:\n      - id: other\n    title: [\n", TWO),
    "in a text that quotes a case": (f"cases:\n  - id: {TWO}\n    input: |-\n      - id: other\n    title: [\n", TWO),
}


@pytest.mark.parametrize(("text", "case"), HONEST.values(), ids=HONEST)
def test_a_case_is_named_only_where_the_text_tells(text: str, case: str | None):
    with pytest.raises(InvalidFile) as raised:
        parse_tail(text, PATH)
    assert [finding.case for finding in raised.value.findings] == [case]


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_lines_are_counted_as_editors_count_them(separator: str):
    text = edited("status: promoted", "status: yes").decode().replace("title: Refund", f'title: "a{separator}" #')
    with pytest.raises(InvalidFile) as raised:
        parse_tail(text, PATH)
    (finding,) = raised.value.findings
    assert text.split("\n")[finding.line - 1] == "    status: yes"


HOSTILE_BYTES = (b"\t", b"\r", b"\n", b"\0", b"\xff", b"\xc3", b"'", b'"', b"[", b"{", b"&a ", b"*a", b"!!str ", b": ",
                 b"- ", b"#", b"|", b">", b"---\n", b"...\n", b"<<<<<<< ", b"%", b"?", b"\xef\xbb\xbf", b"\xc2\x85",
                 b"\xe2\x80\xa8", b"    ", b"\\", b"@", b"<<: ", b"=")  # fmt: skip


EDITS = st.lists(
    st.tuples(
        st.integers(0, len(healthy_text())),
        st.sampled_from([0, 0, 1, 3, 40]),
        st.sampled_from(HOSTILE_BYTES) | st.binary(max_size=3),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300)
@given(EDITS)
@example([(0, 0, b"\r"), (1722, 3, b"\t")])
def test_no_edit_of_bytes_gives_anything_but_findings_with_lines_of_the_file(edits: list[tuple[int, int, bytes]]):
    data = bytearray(healthy_text().encode())
    for place, length, typed in edits:
        data[place : place + length] = typed

    try:
        parse_tail(data.decode(errors="surrogateescape"), PATH)
        findings = []
    except InvalidFile as error:
        findings = error.findings

    lines = data.count(b"\n") + data.count(b"\r") + 1
    assert all(0 <= finding.line <= lines and finding.message for finding in findings)
