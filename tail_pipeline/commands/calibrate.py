"""``tail-pipeline calibrate``: how far the rubric's scores and people agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tail_pipeline.commands.options import chosen_segments, print_json, repo_and_json
from tail_pipeline.domain.errors import PermanentError

if TYPE_CHECKING:
    from tail_pipeline.domain.agents import Agent
    from tail_pipeline.domain.calibration import Metric
    from tail_pipeline.domain.tail_file import TailFile

_MINED = (
    "the labels are of mined cases, all of which failed a score or a user: precision says how often the miner is right, "
    "recall, kappa and AUC leave out everything that passed"
)


@click.command()
@repo_and_json
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Answers with people's labels: .parquet, .jsonl or .csv with input, output, context and a label.",
)
@click.option(
    "--label-column", default="human_fail", show_default=True, help="True where the answer fails, or a score."
)
@click.option("--fails-below", type=float, help="The label is a person's score, and fails below this value.")
@click.option("--limit", type=click.IntRange(min=1), help="Score a random sample of so many, the same each time.")
@click.option("--reviewed", is_flag=True, help="Use reviewers' decisions in merged tail files as labels.")
@click.option("--repeats", type=click.IntRange(1, 20), default=1, show_default=True, help="Score each answer so often.")
@click.option(
    "--metric",
    type=click.Choice(["rubric", "faithfulness"]),
    default="rubric",
    show_default=True,
    help="Score to compare.",
)
@click.option("--agent", help="Whose rubric; needed where agents have different ones.")
@click.option("--segment", help="Whose rubric; needed where segments have different ones.")
def calibrate(
    repo: Path,
    as_json: bool,
    labels: Path | None,
    label_column: str,
    fails_below: float | None,
    limit: int | None,
    reviewed: bool,
    repeats: int,
    metric: Metric,
    agent: str | None,
    segment: str | None,
) -> None:
    """Compare the rubric's scores with people's labels, and suggest the threshold that agrees with them best."""
    if (labels is None) == (not reviewed):
        raise click.UsageError("give either --labels FILE or --reviewed")
    from tail_pipeline.adapters.eval_files import load_agents, load_rubric
    from tail_pipeline.adapters.history import load_merged_tails
    from tail_pipeline.adapters.judges import open_judges
    from tail_pipeline.adapters.label_files import read_labels
    from tail_pipeline.adapters.repositories import open_repository
    from tail_pipeline.adapters.state_dir import segment_state_dir
    from tail_pipeline.domain.calibration import calibrate as compare
    from tail_pipeline.domain.calibration import rate
    from tail_pipeline.domain.calibration_report import render_calibration
    from tail_pipeline.domain.call_budget import CallBudget
    from tail_pipeline.domain.labels import reviewed_answers
    from tail_pipeline.domain.reviewer_agreement import reviewer_agreement

    chosen = [(one, name) for one, names in chosen_segments(repo, agent, segment) for name in names]
    rubric_path = _only_rubric([one.rubric_path(name) for one, name in chosen])
    config = load_agents(repo)
    repository = open_repository(config.repository, repo)
    rubric = load_rubric(repository, rubric_path)
    caveats: tuple[str, ...] = ()
    if labels:
        file = read_labels(labels, column=label_column, fails_below=fails_below, limit=limit)
        groups = [(_state_of_labels(repo, chosen), file.answers)]
        if file.unlabelled:
            caveats = (f"rows without a label, left out: {file.unlabelled}",)
    else:
        merged = [(one, name, load_merged_tails(repository, one, name)) for one, name in chosen]
        groups = [(segment_state_dir(repo, one.name, name), reviewed_answers(tails)) for one, name, tails in merged]
        tails: list[TailFile] = [tail for _, _, found in merged for tail in found]
        caveats = (reviewer_agreement(tails).sentence, _MINED)
    threshold = rubric.rubric_min_score if metric == "rubric" else rubric.ragas_faithfulness
    budget = CallBudget(max(one.max_judge_calls for one, _ in chosen))
    ratings = []
    for kept_in, answers in groups:
        with open_judges(
            rubric,
            config.endpoint(rubric.judge_model) if rubric.judge_model else None,
            rubric_path=rubric_path,
            repo_dir=repo,
            kept_in=kept_in,
            repeats=repeats,
            budget=budget,
        ) as judges:
            judged = judges.judge([answer.content for answer in answers])
        ratings += [rate(answer.fails, judgements, metric) for answer, judgements in zip(answers, judged, strict=True)]
    found = compare(ratings, threshold)
    if as_json:
        print_json(
            {"metric": metric, "rubric": rubric_path, "rubric_sha": rubric.sha} | asdict(found) | {"caveats": caveats}
        )
    else:
        score = f"{metric} score of {rubric_path}" if metric == "rubric" else metric
        click.echo(render_calibration(found, score=score, caveats=caveats), nl=False)


def _state_of_labels(repo: Path, chosen: Sequence[tuple[Agent, str | None]]) -> Path:
    """A file of labels is the text of the one segment that was named, else of nobody's segment in particular."""
    from tail_pipeline.adapters.state_dir import segment_state_dir

    agent, segment = chosen[0]
    return segment_state_dir(repo, agent.name, segment if len(chosen) == 1 else None)


def _only_rubric(paths: Sequence[str]) -> str:
    distinct = sorted(set(paths))
    if len(distinct) > 1:
        raise PermanentError(
            f"there are {len(distinct)} rubrics ({', '.join(distinct)}); name one with --agent or --segment"
        )
    return distinct[0]
