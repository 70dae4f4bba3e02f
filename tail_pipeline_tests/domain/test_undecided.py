"""What was merged without a decision is named in the next pull request."""

from __future__ import annotations

from tail_pipeline.domain.pull_request import render_body
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.trend import judge_trend
from tail_pipeline.domain.undecided import UndecidedCase, undecided_cases
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline_tests.domain.builders import WEEK, tail_case, tail_file

PATH = "eval/tail/acme/2026-W17.yaml"


def body(*undecided: UndecidedCase) -> str:
    trend = judge_trend(WEEK, {}, Cadence.WEEKLY)
    return render_body(tail_file(), trend, reviewer_agreement([]), path=PATH, undecided=undecided)


def section(text: str) -> list[str]:
    return text.partition("## Still undecided\n")[2].partition("\n## ")[0].strip().splitlines()


def test_undecided_cases_of_merged_weeks_are_found_oldest_first() -> None:
    older = tail_file(iso_week="2026-W15", cases=[tail_case(1, title="Older")])
    newer = tail_file(
        iso_week="2026-W16",
        cases=[tail_case(2, status="promoted"), tail_case(3, status="rejected", rejection_reason="no"), tail_case(4)],
    )

    assert [(case.iso_week, case.title) for case in undecided_cases([newer, older])] == [
        ("2026-W15", "Older"),
        ("2026-W16", "Refund timing"),
    ]


def test_they_are_listed_with_the_file_in_which_to_decide() -> None:
    text = body(UndecidedCase("tail-2026W15-acme-001", "Refund @octocat", "2026-W15"))

    assert section(text) == [
        "Merged in earlier weeks without a decision; promote or reject them there.",
        "",
        "- `tail-2026W15-acme-001` Refund @\u200boctocat, in `eval/tail/acme/2026-W15.yaml`",
    ]


def test_a_long_list_is_cut_and_counted() -> None:
    cases = [UndecidedCase(f"tail-2026W15-{number:03d}", "x" * 300, "2026-W15") for number in range(200)]
    lines = section(body(*cases))

    listed = sum("`tail-" in line for line in lines)
    assert 10 < listed <= 50
    assert lines[-1] == f"- {200 - listed} more are in those files."


def test_without_any_there_is_no_section() -> None:
    assert "Still undecided" not in body()
