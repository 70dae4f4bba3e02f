"""How far scores that need no model agree with people: the `grounded` and `similarity` checks on public answers.

Three public sets of answers stand for production, each with people's word on whether the answer fails: mtrag_human (RAG
answers of current models), expertqa (experts on answers in their own field) and begin (short replies to a snippet). Rows
without a passage are left out where passages are compared. AUC is the chance that an answer people fail scores below one
they pass; .5 is a coin.

*Candidates* for `grounded` differ in what is counted (words, pairs of words, pieces of 4 to 6 characters), in whether
the question counts beside the passages, and in how much a short answer is trusted (the prior). The candidate is chosen on
two sets and reported on the third.

Run from the root of the checkout::

    python -m benchmarks.human_agreement [--data DIR]

The rows of rapidfuzz need `pip install rapidfuzz` in the environment that runs this, and say so when it is missing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise, product
from pathlib import Path
from statistics import mean

import polars as pl

from tail_pipeline.domain.calibration import Rating, calibrate
from tail_pipeline.domain.criterion_checks import similarity
from tail_pipeline.domain.estimates import Estimate
from tail_pipeline.domain.grounding import support
from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.words import words

DATA = Path("../shared/data/traces")
LABELS = {"mtrag_human": "human_faithfulness_fail", "expertqa": "human_fail", "begin": "human_fail"}
REFERENCES = {"mtrag_human": "reference_output", "expertqa": "expected_output"}

Pieces = Callable[[str], set[str]]


@dataclass(frozen=True)
class Answers:
    """One set: contents and whether people fail them."""

    contents: list[Content]
    fails: list[bool]

    def auc(self, scores: Sequence[float], *, resamples: int = 1) -> Estimate:
        ratings = [Rating(fails, (score,)) for fails, score in zip(self.fails, scores, strict=True)]
        found = calibrate(ratings, 0.5, resamples=resamples).auc
        assert found is not None, "each set has answers of both kinds"
        return found


@dataclass(frozen=True)
class Candidate:
    """``(found + prior) / (said + prior)`` of one kind of piece."""

    unit: str
    with_question: bool
    prior: int

    def __str__(self) -> str:
        return f"{self.unit}{', question counts' if self.with_question else ''}, prior {self.prior}"


FLOOR = Candidate("words", with_question=True, prior=0)
SHIPPED = Candidate("pieces of 5", with_question=False, prior=20)


def chunks(text: str, length: int) -> set[str]:
    line = " ".join(words(text))
    return {line[start : start + length] for start in range(max(1, len(line) - length + 1))} if line else set()


def word_pairs(text: str) -> set[str]:
    found = words(text)
    return {f"{one} {other}" for one, other in pairwise(found)}


UNITS: dict[str, Pieces] = {
    "words": lambda text: set(words(text)),
    "word pairs": word_pairs,
    "pieces of 4": lambda text: chunks(text, 4),
    "pieces of 5": lambda text: chunks(text, 5),
    "pieces of 6": lambda text: chunks(text, 6),
}
PRIORS = (0, 5, 10, 20, 40)


def read_answers(data: Path, name: str, fails: pl.Expr | None = None) -> Answers:
    """The answers of a set that had passages and a label, by ``fails`` or the set's own."""
    label = pl.col(LABELS[name]) if fails is None else fails
    frame = pl.read_parquet(data / name / "responses.parquet").filter(pl.col("context").list.len() > 0)
    frame = frame.with_columns(label.alias("fails")).drop_nulls("fails")
    rows = frame.select("input", "output", "context").iter_rows()
    return Answers(
        [Content(asked, answer, tuple(passages)) for asked, answer, passages in rows], frame["fails"].to_list()
    )


def candidate_scores(answers: Answers) -> Iterator[tuple[Candidate, list[float]]]:
    for (unit, pieces), with_question in product(UNITS.items(), (False, True)):
        counts = []
        for one in answers.contents:
            said = pieces(one.output)
            given = set[str]().union(*map(pieces, (*one.contexts, *([one.input] if with_question else []))))
            counts.append((len(said & given), len(said)))
        for prior in PRIORS:
            scores = [(found + prior) / (said + prior) if said + prior else 1.0 for found, said in counts]
            yield Candidate(unit, with_question, prior), scores


def print_grounded(sets: Mapping[str, Answers]) -> None:
    scored = {name: dict(candidate_scores(answers)) for name, answers in sets.items()}
    aucs = {
        name: {one: sets[name].auc(scores).value for one, scores in found.items()} for name, found in scored.items()
    }
    candidates = list(scored["begin"])
    best = [
        max((one for one in candidates if one.unit == unit), key=lambda one: mean(a[one] for a in aucs.values()))
        for unit in UNITS
    ]
    print(f"| grounded | {' | '.join(f'{name} ({len(answers.fails)})' for name, answers in sets.items())} |")
    print("| --- | --- | --- | --- |")
    for one in dict.fromkeys([FLOOR, Candidate("words", with_question=False, prior=0), *best, SHIPPED]):
        shown = [sets[name].auc(scored[name][one], resamples=1000) for name in sets]
        print(f"| {one} | {' | '.join(f'{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})' for auc in shown)} |")
    shipped = [answers.auc([support(one) or 0.0 for one in answers.contents]).value for name, answers in sets.items()]
    print(f"| the check as shipped | {' | '.join(f'{auc:.3f}' for auc in shipped)} |")
    print("\n| held out | chosen on the other two | AUC | words, question counts |")
    print("| --- | --- | --- | --- |")
    for name in sets:
        others = [aucs[other] for other in sets if other != name]
        chosen = max(candidates, key=lambda one: sum(auc[one] for auc in others))
        print(f"| {name} | {chosen} | {aucs[name][chosen]:.3f} | {aucs[name][FLOOR]:.3f} |")


def print_narrower_labels(data: Path) -> None:
    """Where people also fail what no comparison with passages can see, the part of their label that one can."""
    narrowed = {
        "expertqa, of the claims less than .78 supported": ("expertqa", pl.col("human_support_rate") < 0.78),
        "begin, without generic answers": (
            "begin",
            pl.when(pl.col("begin_label") != "Generic").then(pl.col("human_fail")),
        ),
    }
    floors = [FLOOR, Candidate("words", with_question=False, prior=0)]
    print(f"\n| people fail | {' | '.join(map(str, floors))} | the check as shipped |")
    print("| --- | --- | --- | --- |")
    for label, (name, fails) in narrowed.items():
        answers = read_answers(data, name, fails)
        scores = dict(candidate_scores(answers))
        shipped = answers.auc([support(one) or 0.0 for one in answers.contents]).value
        words_only = " | ".join(f"{answers.auc(scores[one]).value:.3f}" for one in floors)
        print(f"| {label} ({len(answers.fails)}) | {words_only} | {shipped:.3f} |")


def similarities() -> dict[str, Callable[[str, str], float]]:
    found: dict[str, Callable[[str, str], float]] = {"word F1 (the check as shipped)": similarity}
    if find_spec("rapidfuzz") is None:
        print("rapidfuzz is not installed: its rows are missing\n")
        return found
    from rapidfuzz import fuzz, utils

    for name in ("ratio", "token_sort_ratio", "token_set_ratio", "token_ratio", "partial_token_sort_ratio"):
        measure = getattr(fuzz, name)
        found[f"rapidfuzz {name}"] = lambda one, other, measure=measure: measure(
            one, other, processor=utils.default_process
        )
    return found


def print_similarity(data: Path) -> None:
    frames = {name: pl.read_parquet(data / name / "responses.parquet") for name in REFERENCES}
    # The reference cannot be compared with itself.
    frames["mtrag_human"] = frames["mtrag_human"].filter(pl.col("model") != "reference")
    measures = similarities()
    print(f"| similarity | {' | '.join(f'{name} ({len(frame)})' for name, frame in frames.items())} |")
    print("| --- | --- | --- |")
    for measure, score in measures.items():
        cells = []
        for name, frame in frames.items():
            answers = Answers([], frame["human_fail"].to_list())
            pairs = frame.select("output", REFERENCES[name]).iter_rows()
            auc = answers.auc([score(output, expected) for output, expected in pairs], resamples=1000)
            cells.append(f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})")
        print(f"| {measure} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the sets, each with a responses.parquet")
    data = parser.parse_args().data
    print_grounded({name: read_answers(data, name) for name in LABELS})
    print_narrower_labels(data)
    print()
    print_similarity(data)


if __name__ == "__main__":
    main()
