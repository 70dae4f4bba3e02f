"""The files under eval/: what a reviewer can get wrong is found all at once, with its file, line and case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import (
    EvalFindings,
    check_eval_files,
    load_agents,
    load_configuration,
    load_rubric,
    parse_cases,
    parse_rubric,
    parse_tail,
    undecided,
    write_schemas,
)
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.domain.errors import Finding, InvalidFile, PermanentError
from tail_pipeline_tests.adapters.eval_texts import (
    AGENT,
    RUBRIC,
    agents_text,
    case,
    put,
    tail_file,
    tail_text,
)

PATH = "eval/tail/2026-W17.yaml"
ONE, TWO = "tail-2026W17-001", "tail-2026W17-002"


def tail_findings(text: str, path: str = PATH) -> list[Finding]:
    with pytest.raises(InvalidFile) as raised:
        parse_tail(text, path)
    return raised.value.findings


def line_with(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def changed(old: str, new: str, text: str | None = None) -> str:
    """A tail file with two cases in which one place was edited by hand."""
    whole = text if text is not None else tail_text("2026-W17", [case(ONE), case(TWO)])
    assert old in whole
    return whole.replace(old, new, 1)


def edited(old: str, new: str) -> str:
    """The same, with the edit in the second case."""
    first, marker, second = tail_text("2026-W17", [case(ONE), case(TWO)]).partition(f"id: {TWO}")
    assert old in second
    return first + marker + second.replace(old, new, 1)


# A tail file after a reviewer's hands


def test_an_untouched_file_is_valid():
    assert parse_tail(tail_text("2026-W17", [case(ONE)]), PATH) == tail_file("2026-W17", [case(ONE)])


BROKEN = {
    "rejected without a reason": ("status: proposed", "status: rejected", "status", "a rejected case needs a reason"),
    "a status that is a boolean": ("status: proposed", "status: yes", "status: yes", "boolean in YAML"),
    "a misspelt status": ("status: proposed", "status: promote", "status: promote", "found 'promote'"),
    "a reason without a rejection": (
        "rejection_reason: null", "rejection_reason: dull", "rejection_reason: dull", "the status is proposed"),
    "a reworded id": (f"id: {TWO}", "id: my-case", "my-case", "ids are never changed"),
    "an id of another week": (f"id: {TWO}", "id: tail-2026W18-002", "2026W18", "must read tail-2026W17-NNN"),
    "an id of a segment": (f"id: {TWO}", "id: tail-2026W17-acme-002", "acme", "must read tail-2026W17-NNN"),
    "a cost weight with a point": ("cost_weight: 1", "cost_weight: 2.0", "cost_weight: 2.0", "valid integer"),
    "a cost weight of nothing": ("cost_weight: 1", "cost_weight: 0", "cost_weight: 0", "greater than or equal to 1"),
    "an unknown key": ("cost_weight: 1", "colour: red\n    cost_weight: 1", "colour", "unknown key"),
    "an expected output that is a number": ("expected: an answer", "expected: 17", "expected: 17", "which YAML reads as a number"),
    "labels that are one word": ("labels: []", "labels: safety", "labels: safety", "valid list"),
    "a lowest score that is not a number": (
        "lowest_score: 0.25", "lowest_score: .nan", "lowest_score: .nan", "finite number"),
    "a decimal comma": ("lowest_score: 0.25", "lowest_score: 0,25", "lowest_score: 0,25", "valid number"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_case_is_found_with_its_line(old: str, new: str, at: str, message: str):
    text = edited(old, new) if not old.startswith("id:") else changed(old, new)
    found = tail_findings(text)
    assert message in found[0].message
    line = line_with(text, f"id: {TWO}") + 1 if at == "status" else line_with(text, at)
    assert at == "status" or found[0].line == line


@pytest.mark.parametrize(
    ("old", "new"),
    [("status: proposed", "status: rejected"), ("status: proposed", "status: yes"), ("size: 2", "size: x")],
)
def test_a_broken_case_is_found_with_its_id(old: str, new: str):
    assert [finding.case for finding in tail_findings(edited(old, new))] == [TWO]


@pytest.mark.parametrize("reason", ["''", '"  "', "null", "~", ""])
def test_an_empty_reason_is_no_reason(reason: str):
    text = edited("status: proposed", "status: rejected").replace(
        "rejection_reason: null", f"rejection_reason: {reason}"
    )
    assert any("needs a reason" in finding.message for finding in tail_findings(text))


def test_an_id_that_stands_twice_is_found_with_the_line_of_the_first():
    text = changed(f"id: {TWO}", f"id: {ONE}")
    (finding,) = tail_findings(text)
    assert (finding.case, f"first in line {line_with(text, f'id: {ONE}')}" in finding.message) == (ONE, True)


def test_every_broken_case_is_found_at_once():
    cases = [case(f"tail-2026W17-00{number}") for number in range(1, 5)]
    text = (
        tail_text("2026-W17", cases)
        .replace("cost_weight: 1\n", "cost_weight: x\n", 1)
        .replace(f"id: {TWO}\n    title: Refund timing", f"id: {TWO}\n    title: 5")
        .replace("id: tail-2026W17-004", "id: tail-2026W17-003")
    )
    assert [finding.case for finding in tail_findings(text)] == [ONE, TWO, "tail-2026W17-003"]


def test_decisions_and_ids_are_checked_together():
    text = edited("status: proposed", "status: rejected").replace(f"id: {ONE}", "id: mine")
    assert {finding.case for finding in tail_findings(text)} == {"mine", TWO}


def test_a_file_named_for_another_week_is_found():
    (finding,) = tail_findings(tail_text("2026-W17"), "eval/tail/2026-W18.yaml")
    assert "the file is named otherwise" in finding.message


def test_a_file_on_a_branch_is_named_with_its_branch():
    text = changed("status: proposed", "status: yes")
    assert tail_findings(text, f"tail-miner/2026-W17:{PATH}")[0].file == f"tail-miner/2026-W17:{PATH}"


@pytest.mark.parametrize("week", ["2026-W54", "2026-W00", "2025-W53"])
def test_a_week_that_does_not_exist_is_found(week: str):
    text = tail_text("2026-W17").replace("iso_week: 2026-W17", f"iso_week: {week}")
    (finding,) = tail_findings(text, f"eval/tail/{week}.yaml")
    assert finding.line == 2


def test_a_run_that_is_no_day_is_found_with_its_line_and_case():
    text = tail_text("2026-W17", [case(ONE, run="2026-W17-3")]).replace("run: 2026-W17-3", "run: wednesday")
    (finding,) = tail_findings(text)
    assert (finding.line, finding.case) == (line_with(text, "wednesday"), ONE)


def test_a_naive_time_is_found():
    text = tail_text("2026-W17").replace("2026-04-13T00:00:00Z", "2026-04-13T00:00:00")
    assert [finding.line for finding in tail_findings(text)] == [line_with(text, "window:")]


def test_windows_line_ends_are_accepted():
    text = tail_text("2026-W17", [case(ONE, input="one\ntwo\n")])
    assert parse_tail(text.replace("\n", "\r\n"), PATH) == parse_tail(text, PATH)


def test_undecided_cases_are_listed():
    found = undecided(tail_text("2026-W17", [case(ONE), case(TWO, status="promoted")]), PATH)
    assert [(finding.case, "undecided" in finding.message) for finding in found] == [(ONE, True)]


def test_a_promoted_case_without_an_expected_output_is_listed():
    found = undecided(tail_text("2026-W17", [case(ONE, status="promoted", expected=None)]), PATH)
    assert [(finding.case, "without an expected" in finding.message) for finding in found] == [(ONE, True)]


# cases.yaml

CASE = "- {id: poc-1, input: a question, source: poc}"


def test_an_empty_set_of_cases_is_valid():
    assert parse_cases("cases: []\n", "eval/cases.yaml").cases == []


def test_a_duplicate_case_is_found_with_the_line_of_the_first():
    with pytest.raises(InvalidFile, match=r"eval/cases\.yaml:3: poc-1: id: stands twice, first in line 2"):
        parse_cases(f"cases:\n{CASE}\n{CASE}\n", "eval/cases.yaml")


def test_a_duplicate_case_on_the_same_line_is_found():
    with pytest.raises(InvalidFile, match="stands twice"):
        parse_cases(f"cases: [{CASE[2:]}, {CASE[2:]}]\n", "eval/cases.yaml")


def test_a_provenance_that_names_no_week_is_found_with_its_line_and_case():
    text = f"cases:\n{CASE[:-1]},\n   provenance: {{week: last spring, tail_file: x}}}}\n"
    with pytest.raises(InvalidFile, match=r"eval/cases\.yaml:3: poc-1: "):
        parse_cases(text, "eval/cases.yaml")


# Rubric and agents

RUBRIC_ERRORS = {
    "a decimal comma": ("rubric_min_score: 0,82\nragas_faithfulness: 0.78\n", 1),
    "NaN": ("rubric_min_score: 0.82\nragas_faithfulness: .nan\n", 2),
    "points instead of a share": ("rubric_min_score: 82\nragas_faithfulness: 0.78\n", 1),
    "an unknown key": (RUBRIC + "min_score: 0.8\n", 3),
    "a list at the top": ("- rubric_min_score: 0.82\n", 1),
    "a criterion nobody decides": (RUBRIC + "criteria:\n- {name: tone, weight: 1.0}\n", 4),
    "weights of nothing": (RUBRIC + "criteria:\n- {name: tone, weight: 0.0, judge: Is friendly.}\n", 3),
    "a judge without its endpoint": (RUBRIC + "judge_model: gpt-5\n", 3),
    "a cost weight of nothing": (RUBRIC + "cost_weights:\n  safety: 0\n", 4),
}


@pytest.mark.parametrize(("text", "line"), RUBRIC_ERRORS.values(), ids=RUBRIC_ERRORS)
def test_a_broken_rubric_is_found_with_its_line(text: str, line: int):
    with pytest.raises(InvalidFile) as raised:
        parse_rubric(text, "eval/rubric.yaml")
    assert [finding.line for finding in raised.value.findings] == [line]


CHECK_ERRORS = {
    "nothing checked": ("check: {}", 0, "needs exactly one of contains, regex"),
    "two things checked": ("check:\n    regex: a\n    max_length: 5", 0, "found regex and max_length"),
    "an unknown kind": ("check:\n    pattern: a", 1, "check.pattern: unknown key"),
    "a word that is a number": ("check:\n    contains: [a,\n    17]", 2, "must be text, found 17"),
    "no word": ("check:\n    contains: []", 1, "at least 1 item"),
    "an empty word": ("check:\n    contains: ''", 1, "at least 1 character"),
    "a broken pattern": ("check:\n    regex: '('", 1, "not a regular expression: missing ) at position 1"),
    "a broken schema": ("check:\n    json_schema: {type: strin}", 1, "not a JSON schema: type: 'strin'"),
    "a broken pattern in a schema": ("check:\n    json_schema: {pattern: '('}", 1, "not a JSON schema: pattern"),
    "a schema elsewhere": ("check:\n    json_schema: {$ref: 'http://x/y'}", 1, "refers to http://x/y"),
    "patterns for keys": (
        "check:\n    json_schema: {items: {patternProperties: {}}}", 1, "patternProperties cannot be timed"),
    "no length": ("check:\n    max_length: 0", 1, "greater than or equal to 1"),
    "a length of half a character": ("check:\n    max_length: 1.5", 1, "must be a valid integer"),
    "points instead of a share": ("check:\n    similarity: {\n    at_least: 70}", 2, "less than or equal to 1"),
    "a measure that is no mapping": ("check:\n    grounded: true", 1, "must be a mapping, found true"),
    "a function without its module": ("check:\n    python: answer", 1, "found 'answer'"),
}  # fmt: skip


@pytest.mark.parametrize(("check", "below", "message"), CHECK_ERRORS.values(), ids=CHECK_ERRORS)
def test_a_broken_check_is_found_with_its_line(check: str, below: int, message: str):
    text = f"{RUBRIC}criteria:\n- name: tone\n  weight: 1.0\n  {check}\n"
    with pytest.raises(InvalidFile) as raised:
        parse_rubric(text, "eval/rubric.yaml")
    (finding,) = raised.value.findings
    assert (finding.line, message in finding.message) == (6 + below, True)


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    """A work tree with one agent, its rubric and no cases."""
    put(tmp_path, "eval/agents.yaml", agents_text())
    put(tmp_path, "eval/rubric.yaml", RUBRIC)
    put(tmp_path, "eval/cases.yaml", "cases: []\n")
    return tmp_path


def configuration_findings(root: Path) -> list[Finding]:
    with pytest.raises(InvalidFile) as raised:
        load_configuration(root)
    return raised.value.findings


def test_a_valid_configuration_is_loaded(work_tree: Path):
    assert [agent.name for agent in load_configuration(work_tree).agents] == ["support"]


def test_a_broken_rubric_of_one_agent_leaves_the_others_their_code_location(work_tree: Path):
    agents = "  - {{name: {0}, eval_dir: {0}, traces: {{store: files, path: '*.jsonl'}}}}\n"
    text = f"repository: {{provider: local}}\nagents:\n{agents.format('drafter')}{agents.format('verifier')}"
    put(work_tree, "eval/agents.yaml", text)
    put(work_tree, "drafter/rubric.yaml", RUBRIC)
    judged = "judge_model: vllm/judge\ncriteria:\n- {name: tone, weight: 1.0, judge: Is friendly.}\n"
    for broken in (RUBRIC + judged, "rubric_min_score: high\n"):
        put(work_tree, "verifier/rubric.yaml", broken)
        assert [agent.name for agent in load_configuration(work_tree).agents] == ["drafter", "verifier"]
    put(work_tree, "drafter/rubric.yaml", "rubric_min_score: low\n")
    assert {one.file for one in configuration_findings(work_tree)} == {"drafter/rubric.yaml", "verifier/rubric.yaml"}


def test_mistakes_in_agents_and_rubric_are_found_together(work_tree: Path):
    put(
        work_tree,
        "eval/agents.yaml",
        agents_text("- {name: support, cadence: hourly, traces: {store: files, path: x}}"),
    )
    put(work_tree, "eval/rubric.yaml", "rubric_min_score: 2\nragas_faithfulness: x\n")
    places = [(finding.file, finding.line) for finding in configuration_findings(work_tree)]
    assert places == [("eval/agents.yaml", 3), ("eval/rubric.yaml", 1), ("eval/rubric.yaml", 2)]


def test_the_rubrics_of_all_agents_and_segments_are_checked_together(work_tree: Path):
    segments = "segments: {by: node_class, values: [plan, repair], eval_dir: 'eval/{segment}'}"
    put(
        work_tree,
        "eval/agents.yaml",
        agents_text(f"- {{name: video, traces: {{store: files, path: x}}, {segments}}}"),
    )
    put(work_tree, "eval/plan/rubric.yaml", "rubric_min_score: 2\nragas_faithfulness: 0.5\n")
    found = [(finding.file, finding.line) for finding in configuration_findings(work_tree)]
    assert found == [("eval/plan/rubric.yaml", 1), ("eval/repair/rubric.yaml", 0)]


@pytest.mark.parametrize("find", [configuration_findings, lambda root: check_eval_files(root).errors])
def test_a_judge_at_an_undeclared_endpoint_is_found_with_its_line(
    work_tree: Path, find: Callable[[Path], list[Finding]]
):
    judged = "judge_model: vllm/judge\ncriteria:\n- {name: tone, weight: 1.0, judge: Is friendly.}\n"
    put(work_tree, "eval/rubric.yaml", RUBRIC + judged)
    (finding,) = find(work_tree)
    assert (finding.file, finding.line, "unknown endpoint 'vllm'" in finding.message) == ("eval/rubric.yaml", 3, True)


def test_missing_agents_and_rubric_are_found_together(tmp_path: Path):
    assert [finding.file for finding in configuration_findings(tmp_path)] == ["eval/agents.yaml", "eval/rubric.yaml"]


def test_a_file_that_is_not_utf8_is_found_with_its_line(work_tree: Path):
    (work_tree / "eval/rubric.yaml").write_bytes(b"# one\n# caf\xe9\n")
    (finding,) = configuration_findings(work_tree)
    assert (finding.file, finding.line, "UTF-8" in finding.message) == ("eval/rubric.yaml", 2, True)


TRACES = "traces: {store: files, path: 'traces/*'}"
BROKEN_AGENTS = {
    "a segment that climbs out": ([f"- {{name: a, {TRACES}, segments: {{by: tenant, values: ['../x']}}}}"], "'../x'"),
    "a segment with a slash": ([f"- {{name: a, {TRACES}, segments: {{by: tenant, values: ['x/y']}}}}"], "'x/y'"),
    "a segment with capitals": ([f"- {{name: a, {TRACES}, segments: {{by: tenant, values: [Acme]}}}}"], "'Acme'"),
    "a segment declared twice": ([f"- {{name: a, {TRACES}, segments: {{by: tenant, values: [x, x]}}}}"], "twice"),
    "segments that are mappings": (
        [f"- {{name: a, {TRACES}, segments: {{by: tenant, values: [{{acme: Acme}}]}}}}"], "segments"),
    "segments that are lists": ([f"- {{name: a, {TRACES}, segments: {{by: tenant, values: [[acme]]}}}}"], "segments"),
    "segments that are numbers": ([f"- {{name: a, {TRACES}, segments: {{by: tenant, values: [1, 2]}}}}"], "segments"),
    "no segment": ([f"- {{name: a, {TRACES}, segments: {{by: tenant, values: []}}}}"], "segments"),
    "two segments of one spelling": (
        [f"- {{name: a, {TRACES}, segments: {{by: tenant, values: {{x: Acme, y: Acme}}}}}}"], "Acme"),
    "segments by something else": ([f"- {{name: a, {TRACES}, segments: {{by: country, values: [x]}}}}"], "by"),
    "segments in one directory": (
        [f"- {{name: a, {TRACES}, segments: {{by: tenant, values: [x], eval_dir: eval/all}}}}"], "{segment}"),
    "an agent that climbs out": ([f"- {{name: ../a, {TRACES}}}"], "'../a'"),
    "a directory that climbs out": ([f"- {{name: a, eval_dir: ../eval, {TRACES}}}"], "'../eval'"),
    "an absolute directory": ([f"- {{name: a, eval_dir: /eval, {TRACES}}}"], "'/eval'"),
    "two agents of one name": (
        [f"- {{name: a, {TRACES}}}", f"- {{name: a, eval_dir: other, {TRACES}}}"], "duplicate agent 'a'"),
    "two agents of one name in Dagster": (
        [f"- {{name: a-b, {TRACES}}}", f"- {{name: a_b, eval_dir: other, {TRACES}}}"], "same name in Dagster"),
    "two agents in one directory": ([f"- {{name: a, {TRACES}}}", f"- {{name: b, {TRACES}}}"], "eval/tail/"),
    "two agents on one branch": (
        [f"- {{name: a, eval_dir: eval/x, {TRACES}}}", f"- {{name: b, {TRACES}, segments: {{by: tenant, values: [x]}}}}"],
        "branch"),
    "two agents on one branch by their directories": (
        [f"- {{name: a, eval_dir: eval/x, {TRACES}}}", f"- {{name: b, eval_dir: x, {TRACES}}}"], "branch"),
    "an unknown store": (["- {name: a, traces: {store: csv, path: x}}"], "store"),
    "no store": (["- {name: a, traces: {path: x}}"], "store"),
    "no traces": (["- {name: a}"], "traces: is missing"),
    "a table that is an injection": (
        ["- {name: a, traces: {store: postgres, dsn_env: D, table: 'x; DROP TABLE y'}}"], "DROP TABLE"),
    "an unknown column": (["- {name: a, traces: {store: files, path: x, columns: {question: q}}}"], "question"),
    "a week that is none": ([f"- {{name: a, {TRACES}, start_week: 2026-W54}}"], "2026-W54"),
    "an embedding of an unknown endpoint": ([f"- {{name: a, {TRACES}, embedding: {{model: acme/x}}}}"], "acme"),
    "a cap of nothing": ([f"- {{name: a, {TRACES}, max_clusters: 0}}"], "max_clusters"),
    "no agent": ([], "agents"),
}  # fmt: skip


@pytest.mark.parametrize(("agents", "message"), BROKEN_AGENTS.values(), ids=BROKEN_AGENTS)
def test_a_broken_agent_is_found(work_tree: Path, agents: list[str], message: str):
    put(
        work_tree, "eval/agents.yaml", agents_text(*agents) if agents else "repository: {provider: local}\nagents: []\n"
    )
    with pytest.raises(InvalidFile, match=r"eval/agents\.yaml:") as raised:
        load_agents(work_tree)
    assert message in str(raised.value)


def test_the_line_of_a_broken_agent_is_its_own(work_tree: Path):
    put(work_tree, "eval/agents.yaml", agents_text(AGENT, f"- name: b\n    {TRACES}\n    eval_dir: eval"))
    with pytest.raises(InvalidFile) as raised:
        load_agents(work_tree)
    assert [finding.line for finding in raised.value.findings] == [6]


# The whole of eval/ at once


def test_a_valid_work_tree_has_no_errors(work_tree: Path):
    sha = parse_rubric(RUBRIC, "eval/rubric.yaml").sha
    assert check_eval_files(work_tree) == EvalFindings([], [], [], {"eval/rubric.yaml": sha})


def test_errors_of_several_files_are_found_together(work_tree: Path):
    put(work_tree, "eval/rubric.yaml", "rubric_min_score: 2\nragas_faithfulness: 0.78\n")
    put(work_tree, "eval/cases.yaml", f"cases:\n{CASE}\n{CASE}\n")
    put(work_tree, PATH, edited("status: proposed", "status: rejected"))
    put(work_tree, "eval/tail/2026-W18.yaml", "cases:\n\t- x\n")
    errors = check_eval_files(work_tree).errors
    assert [(error.file, error.case) for error in errors] == [
        ("eval/cases.yaml", "poc-1"),
        ("eval/rubric.yaml", None),
        (PATH, TWO),
        ("eval/tail/2026-W18.yaml", None),
    ]


def test_undecided_cases_are_no_errors(work_tree: Path):
    put(work_tree, PATH, tail_text("2026-W17", [case(ONE)]))
    found = check_eval_files(work_tree)
    assert (found.errors, [finding.case for finding in found.undecided]) == ([], [ONE])


def test_a_file_under_review_that_was_mined_under_another_rubric_says_so(work_tree: Path):
    put(work_tree, PATH, tail_text("2026-W17", [case(ONE)]))
    put(work_tree, "eval/tail/2026-W16.yaml", tail_text("2026-W16", [case("tail-2026W16-001", status="promoted")]))
    put(work_tree, "eval/rubric.yaml", "rubric_min_score: 0.9\nragas_faithfulness: 0.78\n")
    assert [(finding.file, "score < 0.9" in finding.message) for finding in check_eval_files(work_tree).outdated] == [
        (PATH, True)
    ]


def test_the_tail_files_of_segments_are_checked(work_tree: Path):
    put(work_tree, "eval/tail/acme/2026-W17.yaml", "nonsense\n")
    assert [error.file for error in check_eval_files(work_tree).errors] == ["eval/tail/acme/2026-W17.yaml"]


def test_missing_files_are_found(work_tree: Path):
    (work_tree / "eval/rubric.yaml").unlink()
    (work_tree / "eval/cases.yaml").unlink()
    assert [(error.file, error.message) for error in check_eval_files(work_tree).errors] == [
        ("eval/cases.yaml", "the file is missing"),
        ("eval/rubric.yaml", "the file is missing"),
    ]


def test_the_shipped_example_is_valid(checkout: Path):
    assert check_eval_files(checkout).errors == []


def test_schemas_are_written_the_same_way_twice(tmp_path: Path):
    first = [path.read_bytes() for path in write_schemas(tmp_path)]
    assert [path.read_bytes() for path in write_schemas(tmp_path)] == first


# The rubric of a run


def test_a_rubric_that_is_not_on_the_base_branch_is_named(checkout: Path):
    with pytest.raises(PermanentError, match=r"eval/other/rubric\.yaml is not on the base branch"):
        load_rubric(LocalGitRepository(checkout, "main"), "eval/other/rubric.yaml")


def test_a_rubric_comes_from_the_base_branch_and_not_from_the_work_tree(checkout: Path):
    put(checkout, "eval/rubric.yaml", "rubric_min_score: 0.1\nragas_faithfulness: 0.1\n")
    assert load_rubric(LocalGitRepository(checkout, "main"), "eval/rubric.yaml").rubric_min_score == 0.82
