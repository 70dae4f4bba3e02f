"""How well `group_by_intent` finds the intents behind a week's failing messages, beside BERTopic and UMAP + HDBSCAN.

Four public intent sets stand in for production: the label of an utterance is the truth a clustering should find
again. Each set gives seeded weeks of 30 to 300 failing spans with Zipf-sized intents and some intents said once. A
third of the weeks has passing spans that share the failing intents, a third has passing spans of other intents only,
a third has no passing spans. Nothing is fitted on more than the week at hand, and every method gets the vectors of
the built-in lexical encoder.

Printed per method: adjusted Rand index (ARI) and adjusted mutual information (AMI) against the labels, clusters of
two or more found and true, the share of spans left alone, weeks that crashed (scored 0), agreement (ARI) with the
result on shuffled rows, and seconds. A span a method calls noise counts as a cluster of its own, which is kinder to
that method than one big cluster of noise. *Cold* is a fresh interpreter for 100 spans, *warm* the median over the
weeks.

Run from the root of the checkout::

    python -m benchmarks.clustering_quality [--intents PATH] [--weeks 21] [--markdown]

The BERTopic rows need `pip install bertopic` in the environment that runs this, and say so when it is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tail_pipeline.domain.clustering import MIN_BACKGROUND, group_by_intent
from tail_pipeline.domain.embedding import LexicalEncoder, canonical

ROOT = Path(__file__).resolve().parents[1]
INTENTS = Path("../shared/data/intents/intents.parquet")

DATASETS = ("banking77", "clinc150", "hwu64", "dstc11_track2")
OUT_OF_SCOPE = "oos"
"""clinc150's label for "none of the others": not an intent, so nothing to find again."""

BackgroundKind = Literal["shared", "disjoint", "none"]
BACKGROUND_KINDS: tuple[BackgroundKind, ...] = ("shared", "disjoint", "none")
BACKGROUND_SPANS = 400
FEWEST_SPANS, MOST_SPANS = 30, 300
ONCE_SHARE = 0.1
COLD_SPANS = 100
COLD_RUNS = 3

UtterancesByIntent = dict[str, list[str]]
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Week:
    """The failing spans of one week with their true intents, and what passed beside them."""

    failing: list[str]
    intents: list[str]
    background: list[str]

    def in_order(self, order: Sequence[int] | NDArray[np.intp]) -> Week:
        return Week([self.failing[row] for row in order], [self.intents[row] for row in order], self.background)


def read_utterances(path: Path, dataset: str) -> UtterancesByIntent:
    """The utterances of one intent set, by intent, both in a fixed order."""
    import polars as pl

    rows = (
        pl.scan_parquet(path)
        .filter((pl.col("dataset") == dataset) & (pl.col("intent") != OUT_OF_SCOPE))
        .select("intent", "text")
        .unique()
        .sort("intent", "text")
        .collect()
    )
    utterances: UtterancesByIntent = {}
    for intent, text in rows.iter_rows():
        utterances.setdefault(intent, []).append(text)
    return utterances


def build_week(
    utterances: UtterancesByIntent, kind: BackgroundKind, rng: np.random.Generator, *, spans: int | None = None
) -> Week:
    """Draw one week without replacement; a set too small for the drawn sizes gives a smaller week.

    A fifth to a third of the intents fail in earnest, another sixth at most is said once, and the others are left
    for the passing spans.
    """
    if spans is None:
        spans = int(np.exp(rng.uniform(np.log(FEWEST_SPANS), np.log(MOST_SPANS + 1))))
    names = [str(name) for name in rng.permutation(list(utterances))]
    pools = {name: [str(text) for text in rng.permutation(utterances[name])] for name in names}
    crowds = int(rng.integers(max(4, len(names) // 5), len(names) // 3 + 1))
    once = min(round(spans * ONCE_SHARE), len(names) // 6)
    sizes = [*_zipf_sizes(spans - once, crowds, rng), *[1] * once]
    drawn = [
        (name, pools[name].pop()) for name, size in zip(names, sizes, strict=False) for _ in range(size) if pools[name]
    ]
    drawn = [drawn[row] for row in rng.permutation(len(drawn))]
    failing, intents = [text for _, text in drawn], [name for name, _ in drawn]
    if kind == "none":
        return Week(failing, intents, [])
    passing = names if kind == "shared" else [name for name in names if name not in set(intents)]
    wanted = _zipf_sizes(BACKGROUND_SPANS, len(passing), rng)
    background = [
        text for name, size in zip(rng.permutation(passing), wanted, strict=True) for text in pools[name][:size]
    ]
    return Week(failing, intents, background)


def build_weeks(path: Path, dataset: str, weeks: int, seed: int) -> list[Week]:
    utterances = read_utterances(path, dataset)
    kinds = [BACKGROUND_KINDS[number % len(BACKGROUND_KINDS)] for number in range(weeks)]
    return [
        build_week(utterances, kind, np.random.default_rng([seed, DATASETS.index(dataset), number]))
        for number, kind in enumerate(kinds)
    ]


def _zipf_sizes(total: int, parts: int, rng: np.random.Generator) -> list[int]:
    shares = 1 / np.arange(1, parts + 1) ** rng.uniform(0.7, 1.3)
    return [int(size) for size in rng.multinomial(total, shares / shares.sum())]


# --- methods: the labels of a week's failing spans, -1 for noise ---


def ours(week: Week) -> Labels:
    forms = [canonical(text) for text in week.failing]
    texts = sorted(set(forms))
    background = sorted({canonical(text) for text in week.background})
    grouping = group_by_intent(texts, [False] * len(texts), background, [], LexicalEncoder())
    number_of = {texts[row]: number for number, group in enumerate(grouping.groups) for row in group}
    return np.array([number_of[form] for form in forms], dtype=np.intp)


def umap_hdbscan(week: Week) -> Labels:
    """BERTopic's UMAP settings with a fixed seed, then HDBSCAN as it comes."""
    from hdbscan import HDBSCAN
    from umap import UMAP

    vectors = lexical_vectors(week)
    reduced = UMAP(n_components=5, min_dist=0.0, metric="cosine", random_state=0).fit_transform(vectors)
    return np.asarray(HDBSCAN().fit_predict(reduced), dtype=np.intp)


def bertopic_default(week: Week) -> Labels:
    return _bertopic(week)


def bertopic_small(week: Week) -> Labels:
    """With topics as small as the clusters a reviewer is shown."""
    return _bertopic(week, min_topic_size=2)


def _bertopic(week: Week, **options: Any) -> Labels:
    from bertopic import BERTopic

    topics, _ = BERTopic(**options).fit_transform(week.failing, embeddings=lexical_vectors(week))
    return np.asarray(topics, dtype=np.intp)


def lexical_vectors(week: Week) -> NDArray[np.float32]:
    """The vectors `group_by_intent` would start from, dense, one row per span."""
    forms = [canonical(text) for text in week.failing]
    background = sorted({canonical(text) for text in week.background})
    reference = background if len(background) >= MIN_BACKGROUND else sorted(set(forms))
    matrix: Any = LexicalEncoder().encode([*forms, *background], reference=reference)
    return np.asarray(matrix[: len(forms)].toarray(), dtype=np.float32)


@dataclass(frozen=True)
class Method:
    title: str
    label: Callable[[Week], Labels]
    package: str | None = None
    """The package it needs beyond the project's own, if any."""


METHODS = {
    "ours": Method("group_by_intent", ours),
    "umap-hdbscan": Method("UMAP + HDBSCAN", umap_hdbscan),
    "bertopic": Method("BERTopic, defaults", bertopic_default, "bertopic"),
    "bertopic-small": Method("BERTopic, min_topic_size 2", bertopic_small, "bertopic"),
}


# --- scores ---


@dataclass
class Scores:
    """One value per week, for one method."""

    ari: list[float] = field(default_factory=list)
    ami: list[float] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    warm_seconds: list[float] = field(default_factory=list)
    shuffled: list[float] = field(default_factory=list)
    crashes: Counter[str] = field(default_factory=Counter)

    def add(self, week: Week, method: Method, rng: np.random.Generator) -> None:
        from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

        self.true.append(_crowds(week.intents))
        labels = self._labels(week, method)
        if labels is None:
            self.ari.append(0.0)
            self.ami.append(0.0)
            self.found.append(0)
            self.alone.append(1.0)
            return
        sizes = Counter(labels.tolist())
        self.ari.append(float(adjusted_rand_score(week.intents, labels)))
        self.ami.append(float(adjusted_mutual_info_score(week.intents, labels)))
        self.found.append(_crowds(labels.tolist()))
        self.alone.append(float(np.mean([sizes[label] == 1 for label in labels.tolist()])))
        order = rng.permutation(len(labels))
        again = self._labels(week.in_order(order), method, timed=False)
        self.shuffled.append(0.0 if again is None else float(adjusted_rand_score(labels[order], again)))

    def _labels(self, week: Week, method: Method, *, timed: bool = True) -> Labels | None:
        started = time.perf_counter()
        try:
            labels = method.label(week)
        except Exception as error:  # what somebody else's library raises on a small week is a result, our bug is not
            if method.label is ours:
                raise
            if timed:
                self.crashes[type(error).__name__] += 1
            return None
        if timed:
            self.warm_seconds.append(time.perf_counter() - started)
        return _noise_alone(labels)


def _noise_alone(labels: Labels) -> Labels:
    noise = labels < 0
    apart = labels.copy()
    apart[noise] = labels.max(initial=0) + 1 + np.arange(noise.sum())
    return apart


def _crowds(labels: Sequence[str] | Sequence[int]) -> int:
    return sum(size > 1 for size in Counter(labels).values())


def cold_seconds(name: str, week: Week) -> float:
    """Median wall time of a fresh interpreter that labels ``week``."""
    command = [sys.executable, "-m", "benchmarks.clustering_quality", "--once", name]
    seconds = []
    for _ in range(COLD_RUNS):
        started = time.perf_counter()
        subprocess.run(command, input=json.dumps(asdict(week)), text=True, check=True, cwd=ROOT, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


# --- report ---

COLUMNS = ("ARI", "AMI", "clusters", "true", "alone", "crashed", "shuffled", "cold s", "warm s")


def mean_row(scores: Scores, cold: float) -> list[str]:
    shuffled = f"{np.mean(scores.shuffled):.2f}" if scores.shuffled else "-"
    warm = f"{np.median(scores.warm_seconds):.2f}" if scores.warm_seconds else "-"
    return [
        f"{np.mean(scores.ari):.3f}",
        f"{np.mean(scores.ami):.3f}",
        f"{np.mean(scores.found):.1f}",
        f"{np.mean(scores.true):.1f}",
        f"{np.mean(scores.alone):.2f}",
        f"{sum(scores.crashes.values())}/{len(scores.ari)}",
        shuffled,
        f"{cold:.2f}",
        warm,
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    if markdown:
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [header, *rows]
    )


def report(path: Path, weeks: int, seed: int, *, markdown: bool) -> None:
    by_dataset = {dataset: build_weeks(path, dataset, weeks, seed) for dataset in DATASETS}
    kinds = [BACKGROUND_KINDS[number % len(BACKGROUND_KINDS)] for number in range(weeks)] * len(DATASETS)
    cold_week = build_week(read_utterances(path, DATASETS[0]), "shared", np.random.default_rng(seed), spans=COLD_SPANS)
    summary, details = [], []
    for name, method in METHODS.items():
        if method.package and find_spec(method.package) is None:
            skipped = f"skipped: pip install {method.package}"
            summary.append([method.title, skipped, *[""] * (len(COLUMNS) - 1)])
            continue
        print(f"{method.title} ...", file=sys.stderr)
        rng = np.random.default_rng(seed)
        per_dataset = []
        overall = Scores()
        for dataset_weeks in by_dataset.values():
            start = len(overall.ari)
            for week in dataset_weeks:
                overall.add(week, method, rng)
            per_dataset.append(overall.ari[start:])
        summary.append([method.title, *mean_row(overall, cold_seconds(name, cold_week))])
        of_kind = [
            [ari for ari, own in zip(overall.ari, kinds, strict=True) if own == kind] for kind in BACKGROUND_KINDS
        ]
        details.append([method.title, *(f"{np.mean(part):.3f}" if part else "-" for part in [*per_dataset, *of_kind])])
        for error, count in overall.crashes.items():
            print(f"  {error} on {count} weeks", file=sys.stderr)
    print(f"Means over {weeks} weeks on each of {len(DATASETS)} intent sets (seed {seed})\n")
    print(table(["method", *COLUMNS], summary, markdown=markdown))
    print("\nARI by intent set and by what passed beside the failing spans\n")
    backgrounds = ["passing: same intents", "passing: other intents", "no passing spans"]
    print(table(["method", *DATASETS, *backgrounds], details, markdown=markdown))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--intents", type=Path, default=None, help=f"intent sets as parquet (default: {INTENTS})")
    parser.add_argument("--weeks", type=int, default=21, help="weeks per intent set (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the weeks and the shuffles (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--once", choices=METHODS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if arguments.once:
        METHODS[arguments.once].label(Week(**json.load(sys.stdin)))
        return
    path = arguments.intents or (ROOT / INTENTS).resolve()
    if not path.is_file():
        shown = arguments.intents or INTENTS
        sys.exit(f"No intent sets at {shown}: pass --intents PATH to a parquet with columns dataset, intent, text.")
    if arguments.weeks < 1:
        sys.exit("--weeks must be at least 1.")
    report(path, arguments.weeks, arguments.seed, markdown=arguments.markdown)


if __name__ == "__main__":
    main()
