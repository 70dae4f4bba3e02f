"""What a background from earlier days does for a tenant whose own day has too few passing texts for one.

A tenant is 24 intents of one public set: some have a case already, some are gaps that nobody has met, the others pass. A day
has 20 to 60 spans of which 5 to 20 fail, at a few cases and a few new gaps; on two days of three the intents that fail
also pass now and then. No text is drawn twice. Printed by what the day is clustered against: the adjusted Rand index of the
clusters; precision and recall of `known` over clusters; and of the new gaps with two spans or more the share that a
reviewer is shown, as a proposed cluster of two spans or more in which it has the majority.

The second table takes the newest texts up to a number, whatever the least is that clustering asks for.

    python -m benchmarks.small_tenants [--intents PATH] [--days 60] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.clustering_quality import DATASETS, INTENTS, ROOT, UtterancesByIntent, read_utterances
from tail_pipeline.domain import clustering
from tail_pipeline.domain.embedding import LexicalEncoder, canonical
from tail_pipeline.domain.novelty import EarlierCase, EarlierStatus, HistoryIndex

INTENTS_A_TENANT = 24
WITH_A_CASE, NEW_GAPS = 8, 4
TEXTS_A_CASE = 4
EARLIER_DAYS = 28
SHARED = 2 / 3
"""Share of the days on which the failing intents also pass."""

SIZES = (20, 30, 50, 70, 100, 200)


@dataclass(frozen=True)
class TenantDay:
    """Failing texts with their intents, passing texts of the day and of the days before (newest first), and cases by intent."""

    failing: dict[str, str]
    passing: list[list[str]]
    cases: dict[str, list[str]]


def tenant_day(utterances: UtterancesByIntent, rng: np.random.Generator) -> TenantDay:
    names = [str(name) for name in rng.permutation(sorted(utterances))][:INTENTS_A_TENANT]
    pools = {name: [str(text) for text in rng.permutation(utterances[name])] for name in names}
    with_case, new = names[:WITH_A_CASE], names[WITH_A_CASE : WITH_A_CASE + NEW_GAPS]
    cases = {name: [canonical(pools[name].pop()) for _ in range(TEXTS_A_CASE)] for name in with_case}
    failing_today = [*with_case[: int(rng.integers(1, 4))], *new[: int(rng.integers(1, NEW_GAPS + 1))]]
    spans, fail = int(rng.integers(20, 61)), int(rng.integers(5, 21))
    failing = {
        canonical(pools[name].pop()): name
        for name in _drawn(failing_today, fail, rng)
        if len(pools[name]) > TEXTS_A_CASE
    }
    ordinary = names[WITH_A_CASE + NEW_GAPS :]
    if rng.random() < SHARED:
        ordinary = [*ordinary, *with_case, *new]
    rng.shuffle(ordinary)
    passing = []
    for _ in range(1 + EARLIER_DAYS):
        wanted = _drawn(ordinary, max(1, spans - fail), rng)
        # What is asked every day is asked in the same words now and then.
        passing.append(
            [canonical(pools[name].pop() if len(pools[name]) > TEXTS_A_CASE else pools[name][0]) for name in wanted]
        )
    return TenantDay(failing, passing, cases)


def _drawn(names: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    shares = 1 / np.arange(1, len(names) + 1)
    return [names[row] for row in rng.choice(len(names), count, p=shares / shares.sum())]


def with_earlier_days(day: TenantDay) -> list[str]:
    """The passing texts of the day, and of whole earlier days, newest first, until they are enough."""
    texts: set[str] = set()
    for number, passing in enumerate(day.passing):
        if number and len(texts) >= clustering.ENOUGH_BACKGROUND:
            break
        texts |= set(passing)
    return sorted(texts)


def newest(day: TenantDay, count: int) -> list[str]:
    return sorted(list(dict.fromkeys(text for passing in day.passing for text in passing))[:count])


@dataclass
class Scores:
    """Sums over all days of one way to get a background."""

    ari: list[float] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, day: TenantDay, background: Sequence[str]) -> None:
        encoder = LexicalEncoder()
        texts = sorted(day.failing)
        history = [EarlierCase(name, EarlierStatus.KNOWN, tuple(own)) for name, own in day.cases.items()]
        grouping = clustering.group_by_intent(
            texts, [False] * len(texts), background, HistoryIndex.texts_of(history), encoder
        )
        index = HistoryIndex(history, grouping.earlier, encoder.match_similarity)
        label = np.empty(len(texts), int)
        shown = set()
        for number, group in enumerate(grouping.groups):
            label[group] = number
            intent, count = Counter(day.failing[texts[row]] for row in group).most_common(1)[0]
            case = index.match(grouping.failing.rows(group), [texts[row] for row in group], ())
            self.counts["matched"] += case is not None
            self.counts["right"] += case is not None and case.id == intent
            self.counts["have a case"] += intent in day.cases
            if case is None and len(group) > 1 and count > len(group) / 2:
                shown.add(intent)
        self.texts.append(len(background))
        self.ari.append(float(adjusted_rand_score([day.failing[text] for text in texts], label)))
        for intent, size in Counter(day.failing.values()).items():
            if size > 1 and intent not in day.cases:
                self.counts["new"] += 1
                self.counts["shown"] += intent in shown

    def row(self, name: str) -> str:
        of = self.counts
        precision, recall = of["right"] / max(of["matched"], 1), of["right"] / of["have a case"]
        name = f"{name} ({np.mean(self.texts):.0f} texts)"
        return f"| {name} | {np.mean(self.ari):.3f} | {precision:.3f} | {recall:.3f} | {of['shown'] / of['new']:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--intents", type=Path, default=(ROOT / INTENTS).resolve())
    parser.add_argument("--days", type=int, default=60, help="per intent set (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    alone, earlier, by_size = Scores(), Scores(), {size: Scores() for size in SIZES}
    for dataset in DATASETS:
        utterances = read_utterances(arguments.intents, dataset)
        for number in range(arguments.days):
            day = tenant_day(utterances, np.random.default_rng([arguments.seed, number]))
            alone.add(day, sorted(set(day.passing[0])))
            earlier.add(day, with_earlier_days(day))
            with patch.object(clustering, "MIN_BACKGROUND", 1):
                for size, scores in by_size.items():
                    scores.add(day, newest(day, size))
    head = "| background | ARI | known: precision | known: recall | new gaps shown |\n|---|---|---|---|---|"
    print(head, alone.row("the day alone"), earlier.row("with earlier days"), sep="\n")
    print("", head, *(scores.row("the newest") for scores in by_size.values()), sep="\n")


if __name__ == "__main__":
    main()
