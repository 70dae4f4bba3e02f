"""Every shipped example is complete and valid, and its traffic is the same each time it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import load_agents, parse_cases, parse_rubric
from tail_pipeline.demo import monetizy, openlaw, upstate_remedial
from tail_pipeline.demo.examples import EXAMPLE_NAMES, load_example
from tail_pipeline.demo.scratch import create_scratch_repository
from tail_pipeline_tests.conftest import EXAMPLE_EVAL
from tail_pipeline_tests.e2e.command import run

PROJECT = EXAMPLE_EVAL.parent


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_the_files_of_every_example_are_valid_where_its_demo_puts_them(name: str, tmp_path: Path) -> None:
    example = replace(load_example(name), write_traffic=lambda _folder: None)
    create_scratch_repository(PROJECT, example, tmp_path / "scratch")

    run("validate", "--repo", tmp_path / "scratch")


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_every_agent_and_segment_of_an_example_has_criteria_and_cases(name: str, tmp_path: Path) -> None:
    example = replace(load_example(name), write_traffic=lambda _folder: None)
    repo = tmp_path / "scratch"
    create_scratch_repository(PROJECT, example, repo)

    for agent in load_agents(repo).agents:
        for segment in agent.segment_names:
            rubric, cases = agent.rubric_path(segment), agent.cases_path(segment)
            assert parse_rubric((repo / rubric).read_text(encoding="utf-8"), rubric).criteria, rubric
            assert parse_cases((repo / cases).read_text(encoding="utf-8"), cases).cases, cases


@pytest.mark.parametrize("name", EXAMPLE_NAMES[1:])
def test_the_guide_of_an_example_says_the_command_and_the_readme_leads_to_it(name: str) -> None:
    folder = load_example(name).eval_dir

    assert f"make demo EXAMPLE={name}" in (PROJECT / folder / "README.md").read_text(encoding="utf-8")
    assert f"]({folder}/README.md)" in (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "write_traffic",
    [
        partial(monetizy.write_traffic, mails_per_week=2_000),
        partial(upstate_remedial.write_traffic, mails=2_000),
        openlaw.write_traffic,
    ],
)
def test_traffic_is_the_same_each_time(write_traffic: Callable[[Path], None], tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_traffic(tmp_path / name)
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})

    assert made[0] == made[1]
    assert len(made[0]) >= 7
