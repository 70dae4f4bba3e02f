"""How well clusters of different tenants are linked to cross-tenant cases, and found again on another day by their words.

Tenants fail at intents of four public sets, a few of them each, with popular ones in many tails; a cluster has one to four
texts, and most texts of a tenant hold a word that only this tenant uses. Their own clustering is taken to be right. On the
second day all users are others and so are the texts.

    python -m benchmarks.cross_tenant_cases [--intents PATH] [--days 4]
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.clustering_quality import DATASETS, INTENTS, ROOT, UtterancesByIntent, read_utterances
from tail_pipeline.domain.clustering import link_clusters
from tail_pipeline.domain.embedding import LexicalEncoder, canonical
from tail_pipeline.domain.novelty import EarlierCase, EarlierStatus, HistoryIndex
from tail_pipeline.domain.tenant_privacy import TenantPrivacy

MIN_TENANTS = 3
JARGON_SHARE = 0.6
Cluster = tuple[str, str, list[str]]
"""Tenant, true intent, texts."""


def one_day(
    utterances: UtterancesByIntent, tenants: int, intents: list[str], rng: np.random.Generator
) -> list[Cluster]:
    popularity = 1 / np.arange(1, len(intents) + 1)
    day = []
    for number in range(tenants):
        own_word = "".join(rng.choice(list("bcdfghjklmnpqrstvwxyz"), 7))
        count = min(int(rng.integers(4, 9)), len(intents))
        for place in rng.choice(len(intents), count, replace=False, p=popularity / popularity.sum()):
            known = utterances[intents[place]]
            texts = [
                known[row]
                for row in rng.choice(len(known), min(int(rng.choice([1, 1, 2, 3, 4, 4])), len(known)), replace=False)
            ]
            spoken = [canonical(f"{text} {own_word}" if rng.random() < JARGON_SHARE else text) for text in texts]
            day.append((f"tenant {number}", intents[place], spoken))
    return day


class Day:
    """The cross-tenant clusters of one day, and the space they were found in."""

    def __init__(self, clusters: list[Cluster], history: list[EarlierCase], *, owners_count: bool = True) -> None:
        self.texts = sorted({text for _, _, texts in clusters for text in texts})
        place = {text: row for row, text in enumerate(self.texts)}
        rows = [sorted({place[text] for text in texts}) for _, _, texts in clusters]
        owners = [tenant if owners_count else str(number) for number, (tenant, _, _) in enumerate(clusters)]
        encoder = LexicalEncoder()
        linked = link_clusters(self.texts, rows, owners, HistoryIndex.texts_of(history), encoder)
        label = np.empty(len(clusters), int)
        for number, group in enumerate(linked.groups):
            label[group] = number
        self.ari = float(adjusted_rand_score([intent for _, intent, _ in clusters], label))
        index = HistoryIndex(history, linked.earlier, encoder.match_similarity)
        self.cases: list[EarlierCase] = []
        self.intents: list[str] = []
        self.matches: list[str | None] = []
        for group in linked.groups:
            said: dict[str, list[str]] = {}
            for number in group:
                said.setdefault(clusters[number][0], []).extend(clusters[number][2])
            intent, count = Counter(clusters[number][1] for number in group).most_common(1)[0]
            if len(said) < MIN_TENANTS or count < len(group) / 2:
                continue
            words = TenantPrivacy(said, {}, MIN_TENANTS).common_words(said)
            text = " ".join(sorted(words)) or "no words in common"
            self.cases.append(EarlierCase(str(len(self.cases)), EarlierStatus.UNDECIDED, (text,), words_only=True))
            self.intents.append(intent)
            within = sorted({row for number in group for row in rows[number]})
            found = index.match(linked.texts.rows(within), [self.texts[row] for row in within], ())
            self.matches.append(found.id if found else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--intents", type=Path, default=(ROOT / INTENTS).resolve())
    parser.add_argument("--days", type=int, default=4)
    arguments = parser.parse_args()
    print("tenants  ARI  ARI, owners ignored  found again: precision  recall")
    for tenants in (5, 12, 60):
        ari, without, right, matched, there = [], [], 0, 0, 0
        for dataset in DATASETS:
            utterances = read_utterances(arguments.intents, dataset)
            for number in range(arguments.days):
                rng = np.random.default_rng([number, tenants])
                names = sorted(utterances)
                intents = [names[row] for row in rng.permutation(len(names))[:40]]
                first, second = (one_day(utterances, tenants, intents, rng) for _ in range(2))
                before = Day(first, [])
                ari.append(before.ari)
                without.append(Day(first, [], owners_count=False).ari)
                after = Day(second, before.cases)
                for intent, match in zip(after.intents, after.matches, strict=True):
                    there += intent in before.intents
                    matched += match is not None
                    right += match is not None and before.intents[int(match)] == intent
        print(f"{tenants:7}  {np.mean(ari):.2f}  {np.mean(without):.2f}  {right / matched:.2f}  {right / there:.2f}")


if __name__ == "__main__":
    main()
