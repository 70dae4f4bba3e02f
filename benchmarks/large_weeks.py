"""Weeks of 5,000 and 100,000 failing spans: time, memory and quality beside BERTopic and plain UMAP + HDBSCAN.

A week is drawn from one public intent set. Two thirds of the intents fail, with Zipf sizes; the passing spans are a tenth
of the utterances of every intent, at most 2,000. No set has 100,000 utterances, so a failing span is an utterance drawn
with replacement where its intent has too few, with one of 12 openings ("please", "hi", nothing, …) and one of 12
endings ("thanks", a reference number, nothing, …), at random and independently; so is a passing one. ``distinct`` counts the
failing texts that are different in canonical form (lower case, digits masked).

Every method runs in a fresh interpreter on one thread. ``seconds`` is the wall time of that whole process, ``CPU s`` what
it had of the processor meanwhile, and ``MB`` its peak resident memory. `group_by_intent` starts from the texts. The
others start from the vectors it reduces a large week to (the lexical encoder's, background taken out, 128 dimensions, one
row per span), so their time lacks encoding and reduction. Spans called noise count as clusters of their own.
``shuffled`` is the agreement (ARI) with the result on the same week in another order.

Run from the root of the checkout; results are kept in a file, so a run may be done in parts and goes on where it stopped::

    python -m benchmarks.large_weeks --results FILE [--spans 5000 100000] [--seeds 5] [--bertopic-python PYTHON]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clustering_quality import INTENTS, ROOT, read_utterances, table

DATASETS = ("banking77", "clinc150", "hwu64")
MOST_PASSING = 2_000
OPENINGS = (
    *("", "", "please ", "hi, ", "hello, ", "hey there, ", "good morning, ", "could you help me: ", "quick question: "),
    *("sorry to bother you, ", "ok so ", "i need help, "),
)
ENDINGS = (
    *("", "", "!", " thanks", " thank you", " asap", " please", " urgent", " many thanks in advance"),
    *(" (ref 4711)", " - second time i ask", " it is day 12"),
)

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Labels = NDArray[np.intp]


def build_week(utterances: dict[str, list[str]], spans: int, seed: int) -> tuple[list[str], list[str], list[str]]:
    """Failing texts, their true intents, and passing texts."""
    rng = np.random.default_rng(seed)
    names = [str(name) for name in rng.permutation(list(utterances))]
    pools = {name: [str(text) for text in rng.permutation(utterances[name])] for name in names}
    passing = {name: pools[name][: max(1, len(pools[name]) // 10)] for name in names}
    failing_names = names[: len(names) * 2 // 3]
    shares = 1 / np.arange(1, len(failing_names) + 1) ** rng.uniform(0.7, 1.3)
    failing, intents = [], []
    for name, size in zip(failing_names, rng.multinomial(spans, shares / shares.sum()), strict=True):
        pool = pools[name][len(passing[name]) :]
        drawn = rng.integers(0, len(pool), size) if size > len(pool) else rng.permutation(len(pool))[:size]
        failing += _dressed([pool[place] for place in drawn], rng)
        intents += [name] * size
    order = rng.permutation(spans)
    background = _dressed([text for texts in passing.values() for text in texts][:MOST_PASSING], rng)
    return [failing[row] for row in order], [intents[row] for row in order], background


def _dressed(texts: list[str], rng: np.random.Generator) -> list[str]:
    openings, endings = (rng.integers(0, len(some), len(texts)) for some in (OPENINGS, ENDINGS))
    return [OPENINGS[a] + text + ENDINGS[b] for text, a, b in zip(texts, openings, endings, strict=True)]


def vectors_of(failing: list[str], background: list[str]) -> NDArray[np.float32]:
    """One row per span: the vectors UMAP is given in a large week."""
    from tail_pipeline.domain.embedding import LexicalEncoder, Vectors, background_direction, canonical
    from tail_pipeline.domain.large_weeks import reduced

    forms = [canonical(text) for text in failing]
    texts, passing = sorted(set(forms)), sorted({canonical(text) for text in background})
    matrix: Any = LexicalEncoder().encode([*texts, *passing], reference=passing)
    vectors = Vectors.of(matrix, background_direction(matrix[len(texts) :]))
    place = {text: row for row, text in enumerate(texts)}
    return reduced(vectors.rows(slice(0, len(texts))))[[place[form] for form in forms]]


# --- methods: labels of the spans in ``directory``, -1 for noise; each runs in an interpreter of its own ---


def ours(directory: Path, clustering: str) -> Labels:
    from tail_pipeline.domain.clustering import Clustering, group_by_intent
    from tail_pipeline.domain.embedding import LexicalEncoder, canonical

    week = json.loads((directory / "week.json").read_text())
    forms = [canonical(text) for text in week["failing"]]
    texts, passing = sorted(set(forms)), sorted({canonical(text) for text in week["background"]})
    costly = [False] * len(texts)
    grouping = group_by_intent(texts, costly, passing, [], LexicalEncoder(), clustering=Clustering(clustering))
    number_of = {texts[row]: number for number, group in enumerate(grouping.groups) for row in group}
    return np.array([number_of[form] for form in forms], dtype=np.intp)


def umap_hdbscan(directory: Path) -> Labels:
    from hdbscan import HDBSCAN
    from umap import UMAP

    return np.asarray(HDBSCAN().fit_predict(UMAP().fit_transform(np.load(directory / "vectors.npy"))), dtype=np.intp)


def bertopic(directory: Path) -> Labels:
    from bertopic import BERTopic

    failing = json.loads((directory / "week.json").read_text())["failing"]
    topics, _ = BERTopic().fit_transform(failing, embeddings=np.load(directory / "vectors.npy"))
    return np.asarray(topics, dtype=np.intp)


METHODS: dict[str, tuple[str, Callable[[Path], Labels]]] = {
    "auto": ("group_by_intent", lambda directory: ours(directory, "auto")),
    "umap_hdbscan": ("group_by_intent, `clustering: umap_hdbscan`", lambda directory: ours(directory, "umap_hdbscan")),
    "plain": ("UMAP + HDBSCAN, defaults", umap_hdbscan),
    "bertopic": ("BERTopic, defaults", bertopic),
}


@dataclass(frozen=True)
class Result:
    """One method on one week; ``shuffled`` is None where the shuffled week was not run."""

    method: str
    dataset: str
    spans: int
    seed: int
    distinct: int
    true: int
    found: int
    alone: float
    ari: float
    ami: float
    seconds: float
    cpu_seconds: float
    megabytes: float
    shuffled: float | None


def run(method: str, python: str, directory: Path) -> tuple[Labels, float, float, float]:
    """Labels, seconds, seconds of CPU and peak MB of a fresh process."""
    command = [python, "-m", "benchmarks.large_weeks", "--once", method, str(directory)]
    started = time.perf_counter()
    environment = os.environ | dict.fromkeys(ONE_THREAD, "1")
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{method} ended with {process.returncode}:\n{said.decode()[-2000:]}")
    labels = np.load(directory / f"{method}.npy")
    noise = labels < 0
    labels[noise] = labels.max(initial=0) + 1 + np.arange(noise.sum())
    return labels, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(
    utterances: dict[str, list[str]], dataset: str, spans: int, seed: int, pythons: dict[str, str], *, shuffle: bool
) -> Iterator[Result]:
    """All methods of ``pythons`` on one week."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    from tail_pipeline.domain.embedding import canonical

    failing, intents, background = build_week(utterances, spans, seed)
    order = np.random.default_rng(seed).permutation(spans)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        plain, shuffled = Path(first), Path(second)
        _write(plain, failing, background)
        if shuffle:
            _write(shuffled, [failing[row] for row in order], background)
        for method, python in pythons.items():
            print(f"{method} on {spans} of {dataset}, seed {seed}", file=sys.stderr)
            labels, seconds, cpu_seconds, megabytes = run(method, python, plain)
            again = adjusted_rand_score(labels[order], run(method, python, shuffled)[0]) if shuffle else None
            sizes = Counter(labels.tolist())
            yield Result(
                method=method,
                dataset=dataset,
                spans=spans,
                seed=seed,
                distinct=len({canonical(text) for text in failing}),
                true=len(set(intents)),
                found=sum(size > 1 for size in sizes.values()),
                alone=sum(size == 1 for size in sizes.values()) / spans,
                ari=float(adjusted_rand_score(intents, labels)),
                ami=float(adjusted_mutual_info_score(intents, labels)),
                seconds=seconds,
                cpu_seconds=cpu_seconds,
                megabytes=megabytes,
                shuffled=again,
            )


def _write(directory: Path, failing: list[str], background: list[str]) -> None:
    (directory / "week.json").write_text(json.dumps({"failing": failing, "background": background}))
    np.save(directory / "vectors.npy", vectors_of(failing, background))


# --- report ---

COLUMNS = (
    "weeks",
    "distinct",
    "ARI",
    "ARI by set",
    "AMI",
    "clusters",
    "true",
    "alone",
    "shuffled",
    "seconds",
    "CPU s",
    "MB",
)


def report(results: list[Result], spans: list[int]) -> str:
    """A Markdown table for each size; means over the weeks that were run."""
    parts = []
    for size in spans:
        rows = []
        for method, (title, _label) in METHODS.items():
            own = [one for one in results if one.method == method and one.spans == size]
            rows.append([title, *_means(own)] if own else [title, "not measured", *[""] * (len(COLUMNS) - 1)])
        parts.append(f"## {size:,} failing spans\n\n{table(['method', *COLUMNS], rows, markdown=True)}")
    return "\n\n".join(parts)


def _means(own: list[Result]) -> list[str]:
    by_set = [[one.ari for one in own if one.dataset == dataset] for dataset in DATASETS]
    shuffled = [one.shuffled for one in own if one.shuffled is not None]
    return [
        str(len(own)),
        f"{np.mean([one.distinct for one in own]):,.0f}",
        f"{np.mean([one.ari for one in own]):.3f} ± {np.std([one.ari for one in own]):.3f}",
        " / ".join(f"{np.mean(part):.2f} ({len(part)})" if part else "-" for part in by_set),
        f"{np.mean([one.ami for one in own]):.3f}",
        f"{np.mean([one.found for one in own]):.0f}",
        f"{np.mean([one.true for one in own]):.0f}",
        f"{np.mean([one.alone for one in own]):.3f}",
        f"{np.mean(shuffled):.2f} ({len(shuffled)})" if shuffled else "-",
        f"{np.median([one.seconds for one in own]):.0f}",
        f"{np.median([one.cpu_seconds for one in own]):.0f}",
        f"{np.max([one.megabytes for one in own]):,.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, help="JSON lines; weeks that are in it are not run again")
    parser.add_argument("--intents", type=Path, default=None, help=f"intent sets as parquet (default: {INTENTS})")
    parser.add_argument("--spans", type=int, nargs="*", default=[5_000, 100_000])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--datasets", nargs="*", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--no-shuffle", action="store_true", help="leave the shuffled weeks out")
    parser.add_argument("--bertopic-python", help="interpreter with bertopic; without it BERTopic is not measured")
    parser.add_argument("--once", nargs=2, metavar=("METHOD", "DIRECTORY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        warnings.filterwarnings("ignore")
        method, directory = arguments.once
        np.save(Path(directory) / f"{method}.npy", METHODS[method][1](Path(directory)))
        return
    path = arguments.intents or (ROOT / INTENTS).resolve()
    if not path.is_file():
        shown = arguments.intents or INTENTS
        sys.exit(f"No intent sets at {shown}: pass --intents PATH to a parquet with columns dataset, intent, text.")
    if not arguments.results:
        sys.exit("--results FILE is needed: where the measurements are kept.")
    kept = arguments.results.read_text().splitlines() if arguments.results.is_file() else []
    results = [Result(**json.loads(line)) for line in kept]
    done = {(one.method, one.dataset, one.spans, one.seed) for one in results}
    pythons = dict.fromkeys(arguments.methods, sys.executable) | {"bertopic": arguments.bertopic_python}
    for spans in arguments.spans:
        for seed in arguments.seeds:
            for dataset in arguments.datasets:
                wanted = {
                    method: python
                    for method, python in pythons.items()
                    if python and method in arguments.methods and (method, dataset, spans, seed) not in done
                }
                if not wanted:
                    continue
                utterances = read_utterances(path, dataset)
                for one in measure(utterances, dataset, spans, seed, wanted, shuffle=not arguments.no_shuffle):
                    results.append(one)
                    with arguments.results.open("a") as file:
                        file.write(json.dumps(asdict(one)) + "\n")
    print(report(results, arguments.spans))


if __name__ == "__main__":
    main()
