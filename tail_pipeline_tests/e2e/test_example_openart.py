"""The example ``openart``: nodes of OTLP traces, each class with a rubric, cases and a tail of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tail_pipeline.adapters.eval_files import parse_rubric
from tail_pipeline.demo.examples import load_example
from tail_pipeline.demo.openart import NODES, UNDECLARED, scenes_of
from tail_pipeline.demo.openart_phrases import GAPS
from tail_pipeline.demo.scratch import create_scratch_repository
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.weeks import IsoWeek
from tail_pipeline_tests.conftest import EXAMPLE_EVAL, commit_all, git
from tail_pipeline_tests.e2e.command import run
from tail_pipeline_tests.e2e.reviewer import tail_on

WEEKS = ["2026-W15", "2026-W17"]
SINGLE_SCENES = [
    (gap.node, week) for gap in GAPS for week, scenes in gap.scenes.items() if scenes == 1 and week in WEEKS
]


@dataclass
class Film:
    """The repository after two of the demo's weeks, and what was printed on the way."""

    repo: Path
    printed: str

    def tail(self, node: str, week: str) -> TailFile:
        return tail_on(self.repo, f"tail-miner/{node}/{week}", f"eval/{node}/tail/{week}.yaml")

    def tails(self) -> dict[str, str]:
        """Branch → the commit of each tail under review."""
        refs = git(self.repo, "for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", "refs/heads/tail-miner")
        return dict(line.split(" ") for line in refs.splitlines())

    def rubric(self, node: str) -> Rubric:
        path = f"eval/{node}/rubric.yaml"
        return parse_rubric((self.repo / path).read_text("utf-8"), path)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Film]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        repo = tmp_path_factory.mktemp("openart") / "scratch"
        create_scratch_repository(EXAMPLE_EVAL.parent, load_example("openart"), repo)
        done = [run("mine", "--repo", repo, "--week", week) for week in WEEKS]
        yield Film(repo, "".join(one.output for one in done))


def nodes_of(week: str) -> list[tuple[str, str, str, float]]:
    """Each node span of the week's traffic, as (scene, node class, span id, score)."""
    classes = {spelling: name for name, spelling in NODES.items()}
    found = []
    for spans in scenes_of(IsoWeek.parse(week)):
        for span in spans:
            told = {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}
            if (node := classes.get(told.get("graph.node.id", ""))) is not None:
                found.append((span["traceId"], node, span["spanId"], told["rubric_score"]))
    return found


@pytest.mark.parametrize(("node", "week"), SINGLE_SCENES)
def test_a_single_low_scene_is_a_case_of_its_node_and_of_no_other(film: Film, node: str, week: str) -> None:
    spans = {span: (scene, own, score) for scene, own, span, score in nodes_of(week)}

    [case] = [one for one in film.tail(node, week).cases if one.cluster.size == 1]

    scene, own, score = spans[case.cluster.span_ids[0]]
    assert own == node
    assert score < film.rubric(node).rubric_min_score
    for other in set(NODES) - {node}:
        tail = film.tail(other, week)
        assert scene not in {spans[span][0] for one in tail.cases for span in one.cluster.span_ids}
        assert case.input not in tail.model_dump_json()


@pytest.mark.parametrize("week", WEEKS)
def test_each_node_is_counted_and_selected_under_its_own_line_alone(film: Film, week: str) -> None:
    for node in NODES:
        tail, rubric = film.tail(node, week), film.rubric(node)
        own = [score for _, one, _, score in nodes_of(week) if one == node]
        assert (tail.counts.spans, tail.counts.failing) == (
            len(own),
            sum(score < rubric.rubric_min_score for score in own),
        )
        assert (tail.rubric.sha, tail.rubric.rubric_min_score) == (rubric.sha, rubric.rubric_min_score)


def test_the_rubrics_differ_in_criteria_and_in_lines(film: Film) -> None:
    rubrics = [film.rubric(node) for node in NODES]

    names = [{criterion.name for criterion in rubric.criteria} for rubric in rubrics]
    assert all(one.isdisjoint(other) for one in names for other in names if one is not other)
    assert len({rubric.rubric_min_score for rubric in rubrics}) == len(NODES)


def test_ids_and_places_carry_the_node(film: Film) -> None:
    for node in NODES:
        ids = {case.id for week in WEEKS for case in film.tail(node, week).cases}
        assert ids
        assert all(f"-{node}-" in case_id for case_id in ids)
    assert set(film.tails()) == {f"{node}/{week}" for node in NODES for week in WEEKS}


def test_the_safety_case_stands_first_in_its_node(film: Film) -> None:
    cases = film.tail("shot-plan", WEEKS[-1]).cases

    assert (cases[0].labels, cases[0].cluster.size) == (["safety"], 1)


def test_a_node_that_nobody_declared_is_loud(film: Film) -> None:
    assert f"spans of '{UNDECLARED}'" in film.printed
    assert UNDECLARED not in "".join(film.tail(node, WEEKS[-1]).model_dump_json() for node in NODES)


def test_a_rubric_that_is_made_stricter_moves_the_tail_of_its_own_node_alone(film: Film, tmp_path: Path) -> None:
    copy = Film(tmp_path / "copy", "")
    shutil.copytree(film.repo, copy.repo)
    line = 0.93
    rubric = copy.repo / "eval" / "prompt-repair" / "rubric.yaml"
    text = rubric.read_text("utf-8")
    rubric.write_text(text.replace("rubric_min_score: 0.82", f"rubric_min_score: {line}"), "utf-8")
    commit_all(copy.repo, "Raise the line for prompts")

    run("mine", "--repo", copy.repo, "--week", WEEKS[0])

    before, after = film.tails(), copy.tails()
    assert {branch for branch in after if after[branch] != before[branch]} == {f"prompt-repair/{WEEKS[0]}"}
    own = [score for _, node, _, score in nodes_of(WEEKS[0]) if node == "prompt-repair"]
    assert copy.tail("prompt-repair", WEEKS[0]).counts.failing == sum(score < line for score in own)
