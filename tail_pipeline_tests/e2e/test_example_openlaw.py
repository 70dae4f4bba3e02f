"""The example ``openlaw``: what one of two agents in a repository learns never counts for the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from tail_pipeline.adapters.eval_files import parse_cases
from tail_pipeline.demo import openlaw_phrases as phrases
from tail_pipeline.demo.openlaw import FIRST_WEEK, SECOND_WEEK, TURNS_PER_WEEK
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.weeks import IsoWeek
from tail_pipeline_tests.conftest import EXAMPLE_EVAL, git
from tail_pipeline_tests.e2e.command import run
from tail_pipeline_tests.e2e.reviewer import review_and_merge, tail_on

AGENTS = ("drafter", "verifier")
EXPECTED = "Finding - the cap has no carve-out for fraud."


class Repository(NamedTuple):
    """W08 of both agents mined, the verifier's reviewed, merged and promoted, then W09 of both mined."""

    path: Path
    tails: Mapping[tuple[str, IsoWeek], TailFile]
    promoted: str
    agents: Mapping[str, str]
    """Span id → the agent whose turn it was."""
    topics: Mapping[str, str]
    main_before: str


def path_of(agent: str, week: IsoWeek) -> str:
    return f"eval/{agent}/tail/{week}.yaml"


@pytest.fixture(scope="module")
def openlaw(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        repo = tmp_path_factory.mktemp("openlaw") / "scratch"
        run("demo", "--example", "openlaw", "--to", repo, "--project", EXAMPLE_EVAL.parent)
        spans = pl.scan_parquet(repo / "traces" / "*.parquet").select("span_id", "agent", "metadata").collect()
        agents = {span_id: agent for span_id, agent, _ in spans.iter_rows()}
        topics = {span_id: json.loads(metadata)["topic"] for span_id, _, metadata in spans.iter_rows()}
        main = git(repo, "rev-parse", "main").strip()
        path, branch = path_of("verifier", FIRST_WEEK), f"tail-miner/verifier/{FIRST_WEEK}"
        (promoted,) = [
            case.id
            for case in tail_on(repo, branch, path).cases
            if topics[case.cluster.span_ids[0]] == phrases.VERIFIER_CARVE_OUT.name
        ]
        review_and_merge(repo, branch, path, {promoted: EXPECTED})
        run("promote", "--repo", repo)
        run("mine", "--repo", repo, "--week", SECOND_WEEK)
        tails = {
            (agent, week): tail_on(repo, f"tail-miner/{agent}/{week}", path_of(agent, week))
            for agent in AGENTS
            for week in (FIRST_WEEK, SECOND_WEEK)
        }
        return Repository(repo, tails, promoted, agents, topics, main)


def test_each_agent_reads_its_own_rows_of_the_shared_store(openlaw: Repository) -> None:
    for (agent, _), tail in openlaw.tails.items():
        spans = {span_id for case in tail.cases for span_id in case.cluster.span_ids}

        assert tail.agent == agent
        assert tail.counts.spans == TURNS_PER_WEEK
        assert {openlaw.agents[span_id] for span_id in spans} == {agent}
        assert {openlaw.agents[complaint.span_id] for complaint in tail.complaints} <= {agent}


def test_each_agent_is_held_to_its_own_rubric(openlaw: Repository) -> None:
    lines = {agent: openlaw.tails[agent, FIRST_WEEK].rubric.rubric_min_score for agent in AGENTS}
    lowest = {
        openlaw.topics[case.cluster.span_ids[0]]: case.cluster.lowest_score
        for case in openlaw.tails["verifier", FIRST_WEEK].cases
    }

    assert lines == {"drafter": 0.82, "verifier": 0.9}
    assert (lowest[phrases.FALSE_ALARM.name] or 0) > lines["drafter"], "the drafter would pass with it"


def test_the_promoted_case_is_in_the_verifiers_cases_and_the_drafters_are_as_they_were(openlaw: Repository) -> None:
    cases = {agent: f"eval/{agent}/cases.yaml" for agent in AGENTS}
    promoted = parse_cases(git(openlaw.path, "show", f"main:{cases['verifier']}"), cases["verifier"]).cases[-1]

    assert (promoted.id, promoted.expected) == (openlaw.promoted, EXPECTED)
    assert git(openlaw.path, "diff", openlaw.main_before, "main", "--", "eval/drafter") == ""


def test_what_is_known_to_the_verifier_is_new_to_the_drafter_though_asked_in_the_same_words(
    openlaw: Repository,
) -> None:
    verifier, drafter = openlaw.tails["verifier", SECOND_WEEK], openlaw.tails["drafter", SECOND_WEEK]
    proposed = {openlaw.topics[case.cluster.span_ids[0]]: case for case in drafter.cases}

    assert [row.case for row in verifier.not_proposed if row.why == "known"] == [openlaw.promoted]
    assert phrases.VERIFIER_CARVE_OUT.phrasings == phrases.DRAFTER_CARVE_OUT.phrasings
    assert proposed[phrases.DRAFTER_CARVE_OUT.name].cluster.novelty == "new"
    assert "known" not in {row.why for row in drafter.not_proposed}


def test_what_is_undecided_at_the_drafter_says_nothing_about_the_verifier(openlaw: Repository) -> None:
    own = {case.id for case in openlaw.tails["drafter", FIRST_WEEK].cases}
    undecided = [row.case for row in openlaw.tails["drafter", SECOND_WEEK].not_proposed if row.why == "undecided"]

    assert undecided
    assert set(undecided) <= own
    assert [row for row in openlaw.tails["verifier", SECOND_WEEK].not_proposed if row.why == "undecided"] == []


def test_the_branch_of_one_agent_changes_nothing_of_the_other(openlaw: Repository) -> None:
    for agent in AGENTS:
        branch = f"tail-miner/{agent}/{SECOND_WEEK}"
        changed = git(openlaw.path, "diff", "--name-only", f"main...{branch}").split()

        assert changed == [path_of(agent, SECOND_WEEK)]
