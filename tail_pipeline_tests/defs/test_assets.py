"""Real partitions materialized on a real instance: what a run leaves behind, and what it does when something is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import (
    AGENT,
    BRANCH,
    FAILING,
    ORDINARY,
    REFUNDS,
    STATUTES,
    TAIL_PATH,
    Pipeline,
    configure,
    failure_of,
    materialize,
    pipeline,
    span,
    tail_of,
    week,
    write_spans,
)

pytestmark = pytest.mark.long


def test_a_week_becomes_a_branch_with_a_tail_file_and_a_body(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())

    assert mining.mine().success

    cases = tail_of(mining.checkout).cases
    assert [(case.id, case.cluster.size, case.cost_weight) for case in cases] == [
        ("tail-2026W17-001", 2, 10),
        ("tail-2026W17-002", 3, 1),
    ]
    body = (mining.checkout / ".tail" / "pull_requests" / "2026-W17.md").read_text(encoding="utf-8")
    assert all(f"`{case.id}`" in body for case in cases)


def test_an_agent_may_have_its_weeks_grouped_as_large_ones(checkout: Path) -> None:
    configure(checkout, "    clustering: umap_hdbscan\n")
    crowd = [f"order {topic} of {place} went missing" for topic in REFUNDS + ORDINARY for place in "abc"]
    crowd += [f"{text} since {month}" for text in REFUNDS + ORDINARY for month in ("may", "june", "july")]
    rows = [*week(), *(span(300 + number, text, FAILING) for number, text in enumerate(crowd))]
    write_spans(checkout, [{**week()[0], "labels": [], **row} for row in rows])
    with pipeline(checkout) as running:
        assert running.mine().success

    found = tail_of(checkout)
    assert found.counts.failing == len(REFUNDS + STATUTES + crowd)
    assert (found.cases[0].cost_weight, found.cases[0].cluster.size) == (10, 2)


def test_the_work_tree_and_main_stay_as_they_were(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    before = git(mining.checkout, "rev-parse", "HEAD", "main")

    mining.mine()

    assert git(mining.checkout, "status", "--porcelain") == ""
    assert git(mining.checkout, "rev-parse", "HEAD", "main") == before


def test_an_identical_rerun_changes_no_byte(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    mining.mine()
    before = _state(mining.checkout)

    mining.mine()

    assert _state(mining.checkout) == before
    assert mining.metadata("tail_pr")["outcome"] == "unchanged"


def test_rows_in_another_order_give_the_same_file(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    mining.mine()
    before = git(mining.checkout, "rev-parse", BRANCH)

    write_spans(mining.checkout, week()[::-1])
    mining.mine()

    assert git(mining.checkout, "rev-parse", BRANCH) == before


def test_what_a_reviewer_wrote_survives_three_reruns_with_new_spans(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    mining.mine()
    git(mining.checkout, "checkout", "--quiet", BRANCH)
    file = mining.checkout / TAIL_PATH
    edited = file.read_text(encoding="utf-8").replace("expected: null", "expected: The refund page.  # mine", 1)
    file.write_text(edited, encoding="utf-8")
    commit_all(mining.checkout, "Review")
    git(mining.checkout, "checkout", "--quiet", "main")

    for run in range(3):
        extra = [span(300 + 10 * run + n, f"export run {run} fails with error", FAILING) for n in range(2)]
        write_spans(mining.checkout, extra, f"extra-{run}.jsonl")
        assert mining.mine().success

    text = git(mining.checkout, "show", f"{BRANCH}:{TAIL_PATH}")
    assert text.count("expected: The refund page.  # mine") == 1
    assert len(parse_tail(text, TAIL_PATH).cases) > 2


def test_a_merged_week_is_left_alone(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    mining.mine()
    git(mining.checkout, "merge", "--quiet", "--ff-only", BRANCH)
    head = git(mining.checkout, "rev-parse", BRANCH)

    write_spans(mining.checkout, [span(400 + n, "a late export problem", FAILING) for n in range(3)], "late.jsonl")
    mining.mine()

    assert git(mining.checkout, "rev-parse", BRANCH) == head
    assert mining.metadata("tail_pr")["outcome"] == "merged: not reopened"


def test_a_deleted_branch_is_not_brought_back(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    mining.mine()
    git(mining.checkout, "branch", "--quiet", "-D", BRANCH)

    mining.mine()

    assert git(mining.checkout, "branch", "--list", BRANCH) == ""
    assert mining.metadata("tail_pr")["outcome"] == "closed: not reopened"


def test_a_week_without_spans_has_a_file_and_a_body_that_say_so(mining: Pipeline) -> None:
    write_spans(mining.checkout, [])

    assert mining.mine().success

    file = tail_of(mining.checkout)
    assert (file.counts.spans, file.cases) == (0, [])
    assert "holds no spans for this window" in mining.metadata("tail_pr")["body"]


def test_a_week_without_failing_spans_says_that_none_failed(mining: Pipeline) -> None:
    write_spans(mining.checkout, [span(n, text) for n, text in enumerate(ORDINARY)])

    mining.mine()

    assert tail_of(mining.checkout).counts.failing == 0
    assert "None of the 20 spans would fail" in mining.metadata("tail_pr")["body"]


def test_no_pull_request_is_opened_for_an_empty_week_when_the_agent_does_not_want_one(checkout: Path) -> None:
    configure(checkout, "    open_empty_pr: false\n")
    write_spans(checkout, [span(0, "all is well")])
    with pipeline(checkout) as mining:
        mining.mine()

        assert git(checkout, "branch", "--list", "tail-miner/*") == ""


def test_unscored_spans_are_counted_and_never_pass_for_good_ones(mining: Pipeline) -> None:
    rows = [span(0, "good"), span(1, "unknown", None), span(2, "impossible", 7.5)]
    write_spans(mining.checkout, rows)

    mining.mine()

    counts = tail_of(mining.checkout).counts
    assert (counts.spans, counts.scored, counts.unscored, counts.failing) == (3, 1, 2, 0)
    assert "**2 unscored**" in mining.metadata("tail_pr")["body"]


def test_a_complaint_of_this_week_about_last_weeks_answer_is_in_this_weeks_tail(mining: Pipeline) -> None:
    late = {"user_feedback": "thumbs_down", "feedback_time": span(50, "")["start_time"]}
    older = span(1, "cancel my plan now")["start_time"].replace(day=8)
    rows = [{**row, **late, "start_time": older} for row in week()[:1]]
    rows += [{**rows[0], "span_id": "second", "trace_id": "second"}]
    write_spans(mining.checkout, rows)

    mining.mine()

    file = tail_of(mining.checkout)
    assert (file.counts.spans, [case.cluster.triggers["feedback"] for case in file.cases]) == (2, [2])
    assert mining.metadata("spans")["late_feedback"] == 2


def test_feedback_given_after_the_window_does_not_change_the_week(mining: Pipeline) -> None:
    after = span(0, "")["start_time"].replace(day=21)
    rows = [{**row, "user_feedback": "thumbs_down", "feedback_time": after} for row in week()[:5]]
    write_spans(mining.checkout, rows)

    mining.mine()

    assert tail_of(mining.checkout).counts.failing == 0


def test_bad_rows_are_counted_and_named_and_the_good_ones_kept(mining: Pipeline) -> None:
    path = write_spans(mining.checkout, [span(n, text) for n, text in enumerate(ORDINARY * 5)])
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[3] = '{"span_id": "x", "input": null, "start_time": "2026-04-13T08:00:00Z"}'
    lines[7] = "{torn"
    path.write_text("\n".join(lines), encoding="utf-8")

    assert mining.mine().success

    metadata = mining.metadata("spans")
    assert (metadata["spans"], metadata["bad_spans"]) == (98, 2)
    assert r"traces\/a\.jsonl\:4\: input is null" in metadata["bad_spans_named"]
    assert r"traces\/a\.jsonl\:8\: not valid JSON" in metadata["bad_spans_named"]


def test_too_many_bad_rows_fail_the_run_and_name_the_first(mining: Pipeline) -> None:
    path = write_spans(mining.checkout, [span(0, "fine")])
    path.write_text(path.read_text(encoding="utf-8") + "{torn\n", encoding="utf-8")

    result = mining.mine()

    assert not result.success
    assert "1 of 2 rows cannot be used (50.0%, allowed 5.0%)" in failure_of(result)
    assert "traces/a.jsonl:2: not valid JSON" in failure_of(result)


def test_a_truncated_gzip_keeps_what_was_read(checkout: Path) -> None:
    configure(checkout)
    agents = checkout / "eval" / "agents.yaml"
    agents.write_text(agents.read_text(encoding="utf-8").replace("*.jsonl", "*.jsonl.gz"), encoding="utf-8")
    plain = write_spans(checkout, [span(n, f"{text} {'x' * n}") for n, text in enumerate(ORDINARY * 50)])
    whole = gzip.compress(plain.read_bytes())
    plain.with_suffix(".jsonl.gz").write_bytes(whole[: len(whole) * 3 // 4])
    with pipeline(checkout) as mining:
        assert mining.mine().success

        metadata = mining.metadata("spans")
        assert 0 < metadata["spans"] < 1000
        assert "cut or corrupt from here on" in metadata["bad_spans_named"]


def test_a_store_that_is_down_is_tried_again_and_then_named(mining: Pipeline) -> None:
    result = mining.mine()

    retries = [event for event in result.all_events if event.is_step_up_for_retry]
    assert (result.success, len(retries)) == (False, 2)
    error = next(event for event in result.all_events if event.is_step_failure).step_failure_data.error
    assert error is not None
    assert "trace store files traces/*.jsonl: no file matches" in error.to_string()


def test_a_permanent_error_is_not_tried_again(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    git(mining.checkout, "branch", "--quiet", "-m", "main", "trunk")

    result = mining.mine()

    assert [event for event in result.all_events if event.is_step_up_for_retry] == []
    assert "has no branch 'main'" in failure_of(result)


def test_a_rubric_that_is_not_on_main_does_not_count(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    rubric = mining.checkout / "eval" / "rubric.yaml"
    rubric.write_text("rubric_min_score: 0.1\nragas_faithfulness: 0.1\n", encoding="utf-8")

    mining.mine()

    assert tail_of(mining.checkout).counts.failing == 5


def test_a_judge_without_its_key_is_an_error_and_not_a_silent_fallback(
    mining: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write_spans(mining.checkout, week())
    text = "judge_model: openai/gpt-5\nrubric_min_score: 0.82\nragas_faithfulness: 0.78\n"
    criteria = "criteria: [{name: tone, weight: 1.0, judge: It is friendly.}]\n"
    (mining.checkout / "eval" / "rubric.yaml").write_text(text + criteria, encoding="utf-8")
    commit_all(mining.checkout, "Judge")

    result = mining.mine()

    assert "openai/gpt-5" in failure_of(result)
    assert "OPENAI_API_KEY is not set" in failure_of(result)


def test_a_history_that_cannot_be_read_fails_the_run(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    (mining.checkout / "eval" / "tail").mkdir()
    (mining.checkout / "eval" / "tail" / "2026-W16.yaml").write_text("cases: [", encoding="utf-8")
    commit_all(mining.checkout, "Broken")

    result = mining.mine()

    assert "eval/tail/2026-W16.yaml:" in failure_of(result)
    assert git(mining.checkout, "branch", "--list", "tail-miner/*") == ""


def test_each_tenant_has_its_own_file_and_sees_no_other_tenants_text(checkout: Path) -> None:
    configure(checkout, "    segments: {by: tenant, values: [acme, globex]}\n")
    rows = [{**row, "tenant": "acme"} for row in week()]
    rows += [span(500 + n, "globex canary question fails", FAILING, tenant="globex") for n in range(3)]
    write_spans(checkout, rows)
    with pipeline(checkout) as mining:
        for tenant in ("acme", "globex"):
            assert mining.mine(f"2026-W17-1|{tenant}").success

    acme = tail_of(checkout, "tail-miner/acme/2026-W17", "eval/tail/acme/2026-W17.yaml")
    globex = tail_of(checkout, "tail-miner/globex/2026-W17", "eval/tail/globex/2026-W17.yaml")
    assert [case.id for case in globex.cases] == ["tail-2026W17-globex-001"]
    assert "canary" not in acme.model_dump_json()
    assert len(acme.cases) == 2


def test_segments_spelt_otherwise_in_the_traces_are_mapped(checkout: Path) -> None:
    configure(checkout, '    segments: {by: tenant, values: {acme: "Acme Corp."}}\n')
    write_spans(checkout, [{**span(n, text), "tenant": "Acme Corp."} for n, text in enumerate(ORDINARY)])
    with pipeline(checkout) as mining:
        result = mining.mine("2026-W17-1|acme")

        assert mining.metadata("spans", "2026-W17-1|acme")["spans"] == 20
        assert all(check.passed for check in result.get_asset_check_evaluations())


def test_a_file_never_names_a_rubric_that_did_not_score_it(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    mining.mine()
    before = git(mining.checkout, "rev-parse", BRANCH)
    rubric = mining.checkout / "eval" / "rubric.yaml"
    rubric.write_text(rubric.read_text(encoding="utf-8").replace("0.82", "0.1"), encoding="utf-8")
    commit_all(mining.checkout, "Lower the line")

    materialize(mining, "tail_yaml", "tail_pr", partition="2026-W17-1")

    assert git(mining.checkout, "rev-parse", BRANCH) == before


def test_a_case_of_a_deleted_branch_returns_the_next_week(mining: Pipeline) -> None:
    again = [
        {**row, "start_time": row["start_time"].replace(day=20), "span_id": f"again-{row['span_id']}"} for row in week()
    ]
    write_spans(mining.checkout, week() + again)
    mining.mine()
    git(mining.checkout, "branch", "--quiet", "-D", BRANCH)

    mining.mine("2026-W18-1")

    later = tail_of(mining.checkout, "tail-miner/2026-W18", "eval/tail/2026-W18.yaml")
    assert {(case.cluster.novelty, case.cluster.first_seen) for case in later.cases} == {("returning", "2026-W17")}


def test_every_asset_says_what_its_run_did(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())

    mining.mine()

    shown = {name: mining.metadata(name) for name in ("spans", "scored_spans", "weighted_clusters", "tail_yaml")}
    assert all(values["window_start"] == "2026-04-13 00:00 UTC" for values in shown.values())
    assert (shown["spans"]["spans"], shown["scored_spans"]["failing"]) == (25, 5)
    assert shown["weighted_clusters"]["clusters"] == shown["tail_yaml"]["clusters"] == 2
    assert shown["weighted_clusters"]["map"].startswith("![map of the week](data:image/png;base64,")
    assert shown["tail_yaml"]["trend"].startswith("![trend](data:image/png;base64,")
    assert shown["tail_yaml"]["verdict"] == "unknown"


def test_an_escalation_is_raised_once_and_only_by_a_run_that_may_page(checkout: Path) -> None:
    configure(checkout)
    rows = []
    for number, days in enumerate((31, 7, 14)):
        month = 3 if number == 0 else 4
        for topic in range(2 * number + 2):
            for copy in range(2):
                key = 1000 * number + 10 * topic + copy
                row = span(0, f"{_WORDS[topic]} {_WORDS[topic]} {copy}", FAILING)
                moved = row["start_time"].replace(month=month, day=days)
                rows.append({**row, "start_time": moved, "span_id": f"s{key}", "trace_id": f"t{key}"})
    write_spans(checkout, rows)
    with pipeline(checkout) as mining:
        for number in (15, 16, 17):
            assert mining.mine(f"2026-W{number}-1").success
        issues = checkout / ".tail" / "escalations"
        assert mining.metadata("tail_yaml")["verdict"] == "growing"

        _escalate(mining, page=False)
        assert not issues.exists()
        _escalate(mining, page=True)
        written = [(path.name, path.stat().st_mtime_ns) for path in issues.glob("*.md")]
        _escalate(mining, page=True)

    assert [name for name, _ in written] == ["simulated-support.2026-W17.md"]
    assert [(path.name, path.stat().st_mtime_ns) for path in issues.glob("*.md")] == written


def test_a_frame_is_replaced_whole_or_not_at_all(mining: Pipeline) -> None:
    write_spans(mining.checkout, week())
    mining.mine()
    frames = mining.checkout / ".tail" / "frames" / AGENT / "spans"
    before = pl.read_parquet(frames / "2026-W17-1.parquet")

    with write_spans(mining.checkout, [span(0, "fine")]).open("a", encoding="utf-8") as file:
        file.write("{torn\n")
    assert not mining.mine().success

    assert [path.name for path in frames.iterdir()] == ["2026-W17-1.parquet"]
    assert pl.read_parquet(frames / "2026-W17-1.parquet").equals(before)


_WORDS = ["refund", "export", "password", "invoice", "shipping", "calendar"]


def _escalate(mining: Pipeline, *, page: bool) -> None:
    from tail_pipeline.defs.build import build_definitions

    key = dg.AssetKey([AGENT, "escalation"])
    definitions = build_definitions(mining.checkout)
    graph = definitions.resolve_asset_graph()
    result = dg.materialize(
        [definitions.get_assets_def(one) for one in graph.get_all_asset_keys()],
        selection=[key],
        partition_key="2026-W17-1",
        instance=mining.instance,
        resources=definitions.resources,
        run_config={"ops": {f"{AGENT}__escalation": {"config": {"page": page}}}},
    )
    assert result.success


def _state(checkout: Path) -> tuple[str, bytes]:
    body = checkout / ".tail" / "pull_requests" / "2026-W17.md"
    return git(checkout, "for-each-ref"), body.read_bytes()
