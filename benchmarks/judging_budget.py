"""What is found of a week's failing clusters when the judge cannot be asked about every span, beside uniform sampling.

A week is 5,000 utterances of one public intent set, drawn without replacement. 25 to 60 of its intents (at most two thirds)
hold a failing cluster each, with Zipf sizes from 2 up; an eighth of the failing spans fail alone, at random; 8 % fail in
all. Half of the failing intents fail always, of the other half further spans pass. Of every tenth failing cluster, but
at least two, nine of ten spans have a cost label ("regulatory"); as many passing spans as it takes to make 2 % have one
as well. 5 % of the failing and 0.2 % of the passing spans were complained about. 40 % have a score another
rubric gave them: .90 where they pass and .72 where they fail, give or take .12 (one standard deviation), so that it
ranks a failing span below a passing one in .86 of pairs. The same weeks without such scores are shown beside them. Every
span costs one call, and the judge is never wrong.

A cluster is found when one of its failing spans is judged or was complained about (``2+``: two of them, as many as an
ordinary cluster needs to become a case). Uniform sampling has the same calls, and the complaints as well. ``stated`` is
the mean lower bound the week's audit gives, ``true`` the share it is a bound on, ``held`` the share of the
weeks in which it was no larger.

Run from the root of the checkout::

    OMP_NUM_THREADS=1 python -m benchmarks.judging_budget [--intents PATH] [--weeks 10] [--markdown]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clustering_quality import INTENTS, ROOT, read_utterances, table
from tail_pipeline.domain.embedding import LexicalEncoder
from tail_pipeline.domain.judging_order import JudgingOrder

DATASETS = ("banking77", "clinc150", "hwu64")
BUDGETS = (0.1, 0.2, 0.4)
SPANS = 5_000
FAILING_SHARE, ALONE_SHARE, COSTLY_SHARE = 0.08, 1 / 8, 0.02
LINE = 0.82
ALONE = -1
SIZES = (("2-3", 2, 3), ("4-6", 4, 6), ("7+", 7, SPANS))

Flags = NDArray[np.bool_]
Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class Week:
    """Spans in random order; ``cluster`` is the number of the failing cluster of each, or ``ALONE``."""

    texts: list[str]
    failing: Flags
    cluster: Numbers
    costly: Flags
    complained: Flags
    recorded: list[float | None]

    def sizes(self) -> Numbers:
        return np.bincount(self.cluster[self.cluster != ALONE])

    def regulatory(self) -> Flags:
        """Which clusters have a span with a cost label."""
        clusters = self.cluster[self.costly & (self.cluster != ALONE)]
        return np.bincount(clusters, minlength=len(self.sizes())) > 0


def build_week(utterances: dict[str, list[str]], rng: np.random.Generator) -> Week:
    names = [str(name) for name in rng.permutation(list(utterances))]
    pools = {name: [str(text) for text in rng.permutation(utterances[name])] for name in names}
    clusters = min(int(rng.integers(25, 61)), len(names) * 2 // 3)
    alone = round(SPANS * FAILING_SHARE * ALONE_SHARE)
    shares = 1 / np.arange(1, clusters + 1)
    sizes = np.maximum(2, np.round((SPANS * FAILING_SHARE - alone) * shares / shares.sum())).astype(int)
    drawn = [
        (text, number, True)
        for number, (name, size) in enumerate(zip(names, sizes, strict=False))
        for text in pools[name][:size]
    ]
    left = {name: pools[name][size:] for name, size in zip_longest(names, sizes, fillvalue=0)}
    fails_always = {name for name in names[:clusters] if rng.random() < 0.5}
    others = rng.permutation([text for name in names if name not in fails_always for text in left[name]])
    others = others[: SPANS - len(drawn)]
    drawn += [(str(text), ALONE, row < alone) for row, text in enumerate(others)]
    drawn = [drawn[row] for row in rng.permutation(len(drawn))]
    cluster = np.array([number for _, number, _ in drawn])
    failing = np.array([fails for _, _, fails in drawn])
    regulatory = rng.choice(clusters, size=max(2, clusters // 10), replace=False)
    costly = np.isin(cluster, regulatory) & (rng.random(len(drawn)) < 0.9)
    missing = max(0, round(COSTLY_SHARE * len(drawn)) - int(costly.sum()))
    costly[rng.choice(np.flatnonzero(~failing), missing, replace=False)] = True
    complained = rng.random(len(drawn)) < np.where(failing, 0.05, 0.002)
    scores = np.clip(np.where(failing, 0.72, 0.90) + rng.normal(0, 0.12, len(drawn)), 0, 1)
    known = rng.random(len(drawn)) < 0.4
    recorded = [score if has else None for score, has in zip(scores.tolist(), known.tolist(), strict=True)]
    return Week([text for text, _, _ in drawn], failing, cluster, costly, complained, recorded)


@dataclass(frozen=True)
class Outcome:
    """Which spans were judged, and what was said of the rest, if anything."""

    judged: Flags
    stated: float | None = None
    rounds: int = 1


class RememberingEncoder(LexicalEncoder):
    """The built-in encoder, which is asked about the same week once for each budget."""

    def __init__(self) -> None:
        self._last: tuple[Sequence[str], Any] | None = None

    def encode(self, texts: Sequence[str], *, reference: Sequence[str]) -> Any:
        if self._last is None or self._last[0] != texts:
            self._last = texts, super().encode(texts, reference=reference)
        return self._last[1]


ENCODER = RememberingEncoder()


def in_judging_order(week: Week, budget: int, seed: str) -> Outcome:
    order = JudgingOrder(
        week.texts,
        costs=[1] * len(week.texts),
        costly=week.costly.tolist(),
        complained=week.complained.tolist(),
        recorded=week.recorded,
        min_score=LINE,
        budget=budget,
        seed=seed,
        encoder=ENCODER,
    )
    judged, rounds = np.zeros(len(week.texts), dtype=bool), 0
    while asked := order.next_round():
        order.report({one: bool(week.failing[one]) for one in asked})
        judged[asked], rounds = True, rounds + 1
    return Outcome(judged, order.conclusion().lower_bound, rounds)


def uniformly(week: Week, budget: int, seed: str) -> Outcome:
    judged = np.zeros(len(week.texts), dtype=bool)
    judged[np.random.default_rng(list(seed.encode())).permutation(len(judged))[:budget]] = True
    return Outcome(judged)


TITLES = ("uniform", "judging order", "judging order, no recorded scores")
COLUMNS = (
    *("clusters", "2+", *(f"{name}{more}" for name, _, _ in SIZES for more in ("", ", 2+"))),
    *("regulatory", "spans", "stated", "true", "held", "rounds"),
)


def shares(weeks: Sequence[Week], outcomes: Sequence[Outcome]) -> list[str]:
    """One row of ``COLUMNS``: shares of the clusters and spans of all weeks together."""
    sizes = np.concatenate([week.sizes() for week in weeks])
    regulatory = np.concatenate([week.regulatory() for week in weeks])
    hits, spans, true = [], [], []
    for week, outcome in zip(weeks, outcomes, strict=True):
        # Who complained is found, whether the judge would agree or not.
        flagged = week.failing | week.complained
        found = (outcome.judged & week.failing) | week.complained
        hits.append(np.bincount(week.cluster[found & (week.cluster != ALONE)], minlength=len(week.sizes())))
        spans.append((int((found & week.failing).sum()), int(week.failing.sum())))
        true.append(float(found.sum() / flagged.sum()))
    hit = np.concatenate(hits)
    row = [_share(hit >= least) for least in (1, 2)]
    row += [_share(hit[(sizes >= low) & (sizes <= high)] >= least) for _, low, high in SIZES for least in (1, 2)]
    row += [_share(hit[regulatory] >= 1), f"{np.divide(*np.sum(spans, axis=0)):.2f}"]
    stated = [outcome.stated for outcome in outcomes if outcome.stated is not None]
    if not stated:
        return [*row, "-", f"{np.mean(true):.2f}", "-", "1"]
    held = np.array(stated) <= np.array(true)
    return [
        *row,
        f"{np.mean(stated):.2f}",
        f"{np.mean(true):.2f}",
        _share(held),
        f"{np.mean([outcome.rounds for outcome in outcomes]):.0f}",
    ]


def _share(flags: Flags) -> str:
    return f"{np.mean(flags):.2f}"


def report(path: Path, count: int, seed: int, *, markdown: bool) -> None:
    weeks = [
        build_week(utterances, np.random.default_rng([seed, number, week]))
        for number, utterances in enumerate(read_utterances(path, dataset) for dataset in DATASETS)
        for week in range(count)
    ]
    sizes = np.concatenate([week.sizes() for week in weeks])
    shown = ", ".join(f"{np.mean((sizes >= low) & (sizes <= high)):.0%} of {name}" for name, low, high in SIZES)
    print(f"{len(weeks)} weeks, {len(sizes)} failing clusters: {shown} spans (seed {seed})\n")
    outcomes: dict[tuple[str, float], list[Outcome]] = {}
    for number, week in enumerate(weeks):
        print(f"week {number + 1} of {len(weeks)} ...", file=sys.stderr)
        unscored = replace(week, recorded=[None] * len(week.texts))
        for budget in BUDGETS:
            calls, draw = int(budget * len(week.texts)), f"{seed} {number}"
            found = (uniformly(week, calls, draw), *(in_judging_order(one, calls, draw) for one in (week, unscored)))
            for title, outcome in zip(TITLES, found, strict=True):
                outcomes.setdefault((title, budget), []).append(outcome)
    rows = [[title, f"{budget:.0%}", *shares(weeks, outcomes[title, budget])] for title in TITLES for budget in BUDGETS]
    print(table(["method", "calls", *COLUMNS], rows, markdown=markdown))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--intents", type=Path, default=None, help=f"intent sets as parquet (default: {INTENTS})")
    parser.add_argument("--weeks", type=int, default=10, help="weeks per intent set (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the weeks and what is drawn (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    arguments = parser.parse_args()
    path = arguments.intents or (ROOT / INTENTS).resolve()
    if not path.is_file():
        shown = arguments.intents or INTENTS
        sys.exit(f"No intent sets at {shown}: pass --intents PATH to a parquet with columns dataset, intent, text.")
    if arguments.weeks < 1:
        sys.exit("--weeks must be at least 1.")
    report(path, arguments.weeks, arguments.seed, markdown=arguments.markdown)


if __name__ == "__main__":
    main()
