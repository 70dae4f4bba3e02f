"""What an earlier week left undecided, in the pull request of the next."""

from __future__ import annotations

from tail_pipeline.domain.tail_file import render
from tail_pipeline_tests.conftest import commit_all
from tail_pipeline_tests.defs.pipeline import Pipeline, week, write_spans
from tail_pipeline_tests.domain.builders import tail_case, tail_file


def test_the_next_pull_request_names_what_was_merged_without_a_decision(mining: Pipeline) -> None:
    cases = [tail_case(1, id="tail-2026W16-001"), tail_case(2, id="tail-2026W16-002", status="promoted")]
    text = render(tail_file(iso_week="2026-W16", agent="simulated-support", cases=cases), schema_path="x")
    path = mining.checkout / "eval" / "tail" / "2026-W16.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    commit_all(mining.checkout, "Merge")
    write_spans(mining.checkout, week())

    assert mining.mine().success

    section = mining.metadata("tail_pr")["body"].partition("## Still undecided")[2].partition("\n## ")[0]
    assert ("tail-2026W16-001" in section, "tail-2026W16-002" in section) == (True, False)
