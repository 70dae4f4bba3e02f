"""Asset checks of real runs: what they say, how serious it is, and which can be run again on their own."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from tail_pipeline.defs.build import build_definitions
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.defs.pipeline import AGENT, FAILING, Pipeline, configure, pipeline, span, write_spans

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
TOPICS = ["refund", "export", "password", "invoice", "shipping", "calendar"]


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    assert result.success
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def recheck(mining: Pipeline) -> dg.AssetCheckEvaluation:
    """``file_matches_rubric`` alone and without a partition, as its button in the UI runs it."""
    key = dg.AssetCheckKey(dg.AssetKey([AGENT, "tail_yaml"]), "file_matches_rubric")
    job = build_definitions(mining.checkout).resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection={key})
    return checks_of(alone.execute_in_process(instance=mining.instance))["file_matches_rubric"]


def clusters(count: int) -> list[dict[str, object]]:
    """``count`` topics of two failing spans each."""
    return [
        span(10 * n + copy, f"{topic} {topic} {copy}", FAILING)
        for n, topic in enumerate(TOPICS[:count])
        for copy in range(2)
    ]


def change_rubric(checkout: Path, old: str, new: str) -> None:
    rubric = checkout / "eval" / "rubric.yaml"
    text = rubric.read_text(encoding="utf-8")
    assert old in text
    rubric.write_text(text.replace(old, new), encoding="utf-8")
    commit_all(checkout, "Change the rubric")


def test_an_ordinary_week_passes_every_check(mining: Pipeline) -> None:
    write_spans(mining.checkout, clusters(3))

    checks = checks_of(mining.mine())

    assert {name: check.passed for name, check in checks.items()} == {
        "bad_spans": True,
        "unscored_share": True,
        "unclustered_share": True,
        "cap_hit": True,
        "dry_run": True,
        "judge_budget": True,
        "file_matches_rubric": True,
    }


def test_an_empty_week_passes_every_check(mining: Pipeline) -> None:
    write_spans(mining.checkout, [])

    assert all(check.passed for check in checks_of(mining.mine()).values())


def test_a_row_that_cannot_be_used_is_a_warning_with_count_share_and_reason(mining: Pipeline) -> None:
    path = write_spans(mining.checkout, [span(n, f"question {n}") for n in range(99)])
    with path.open("a", encoding="utf-8") as file:
        file.write("{torn\n")

    check = checks_of(mining.mine())["bad_spans"]

    assert (check.passed, check.severity) == (False, WARN)
    assert "1 of 100 rows of the trace store (1.00%)" in (check.description or "")
    assert {name: value.value for name, value in check.metadata.items()} == {"bad_spans": 1, "rows": 100, "share": 0.01}


def test_an_undeclared_segment_is_counted_named_and_fails_a_check(checkout: Path) -> None:
    configure(checkout, "    segments: {by: tenant, values: [acme]}\n")
    rows = [{**span(n, f"question {n}"), "tenant": "acme"} for n in range(20)]
    rows += [{**span(600, "who am I"), "tenant": "initech"}, {**span(601, "nobody"), "tenant": None}]
    write_spans(checkout, rows)
    with pipeline(checkout) as mining:
        check = checks_of(mining.mine("2026-W17-1|acme"))["undeclared_segments"]

    assert (check.passed, check.severity) == (False, ERROR)
    assert "1 spans of 'initech', 1 spans without one" in (check.description or "")


def test_a_passing_segment_does_not_hide_what_another_failed(checkout: Path) -> None:
    configure(checkout, "    max_clusters: 1\n    segments: {by: tenant, values: [acme, globex]}\n")
    write_spans(checkout, [{**row, "tenant": "acme"} for row in clusters(3)])
    with pipeline(checkout) as mining:
        for segment in ("acme", "globex"):
            mining.mine(f"2026-W17-1|{segment}")
        key = dg.AssetCheckKey(dg.AssetKey([AGENT, "weighted_clusters"]), "cap_hit")
        history = mining.instance.event_log_storage.get_asset_check_execution_history(key, limit=10)

    states = {one.event.asset_check_evaluation.partition: one.status.value for one in history if one.event}
    assert states == {"2026-W17-1|acme": "FAILED", "2026-W17-1|globex": "SUCCEEDED"}


def test_spans_without_any_signal_warn_because_nothing_could_fail(mining: Pipeline) -> None:
    write_spans(mining.checkout, [span(n, f"question {n}", None) for n in range(5)])

    check = checks_of(mining.mine())["unscored_share"]

    assert not check.passed
    assert "none of 5 spans has a score, a faithfulness or feedback" in (check.description or "")


def test_spans_with_feedback_alone_are_normal_without_a_judge(mining: Pipeline) -> None:
    write_spans(mining.checkout, [{**span(n, f"question {n}", None), "user_feedback": "thumbs_up"} for n in range(5)])

    check = checks_of(mining.mine())["unscored_share"]

    assert check.passed
    assert "5 of 5 spans (100.0%) have no score, which is normal without a judge" in (check.description or "")


def test_failing_spans_that_all_stand_alone_warn(mining: Pipeline) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    write_spans(mining.checkout, [span(n, letter * 8, FAILING) for n, letter in enumerate(letters)])

    check = checks_of(mining.mine())["unclustered_share"]

    assert (check.passed, check.severity) == (False, WARN)
    assert "26 of 26 failing spans (100%)" in (check.description or "")


def test_clusters_beyond_the_cap_warn(checkout: Path) -> None:
    configure(checkout, "    max_clusters: 2\n")
    write_spans(checkout, clusters(5))
    with pipeline(checkout) as mining:
        check = checks_of(mining.mine())["cap_hit"]

    assert (check.passed, check.severity) == (False, WARN)
    assert "3 clusters beyond the cap of 2" in (check.description or "")


def test_a_rubric_changed_after_mining_shows_when_the_check_is_run_again_alone(mining: Pipeline) -> None:
    write_spans(mining.checkout, clusters(2))
    assert checks_of(mining.mine())["file_matches_rubric"].passed

    change_rubric(mining.checkout, "rubric_min_score: 0.82", "rubric_min_score: 0.9")
    check = recheck(mining)

    assert (check.passed, check.severity) == (False, WARN)
    assert "mine the week again" in (check.description or "")
    assert mining.mine().success
    assert recheck(mining).passed


def test_a_week_that_was_decided_on_is_not_held_against_a_new_rubric(mining: Pipeline) -> None:
    write_spans(mining.checkout, clusters(2))
    mining.mine()
    git(mining.checkout, "merge", "--quiet", "--ff-only", "tail-miner/2026-W17")

    change_rubric(mining.checkout, "rubric_min_score: 0.82", "rubric_min_score: 0.9")

    assert recheck(mining).passed


def test_a_file_broken_in_review_is_an_error_because_the_next_week_cannot_be_mined(mining: Pipeline) -> None:
    write_spans(mining.checkout, clusters(2))
    mining.mine()
    git(mining.checkout, "checkout", "--quiet", "tail-miner/2026-W17")
    file = mining.checkout / "eval/tail/2026-W17.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("cases:", "cases: [", 1), encoding="utf-8")
    commit_all(mining.checkout, "Review")
    git(mining.checkout, "checkout", "--quiet", "main")

    check = recheck(mining)

    assert (check.passed, check.severity) == (False, ERROR)
    assert not mining.mine("2026-W18-1").success


def test_a_run_of_one_segment_neither_reads_nor_names_another_segments_file(checkout: Path) -> None:
    configure(checkout, "    segments: {by: tenant, values: [acme, globex]}\n")
    write_spans(checkout, [{**row, "tenant": tenant} for tenant in ("acme", "globex") for row in clusters(2)])
    with pipeline(checkout) as mining:
        mining.mine("2026-W17-1|acme")
        git(checkout, "checkout", "--quiet", "tail-miner/acme/2026-W17")
        file = checkout / "eval/tail/acme/2026-W17.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace("cases:", "cases: [", 1), encoding="utf-8")
        commit_all(checkout, "Review")
        git(checkout, "checkout", "--quiet", "main")

        own = checks_of(mining.mine("2026-W17-1|globex"))["file_matches_rubric"]
        everybodys = recheck(mining)

    assert own.passed
    assert "acme" not in f"{own.description} {own.metadata}"
    assert not everybodys.passed
