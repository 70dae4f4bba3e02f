"""How many words of a title say nothing, and how many say what the cluster is about, with and without the rule that drops some.

The true clusters of weeks of four public intent sets, every fifth text with a greeting or the like in front. A word is
about the intent when it begins as a word of the intent's name does.

    python -m benchmarks.title_words [--intents PATH]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.clustering_quality import DATASETS, INTENTS, ROOT, build_weeks
from tail_pipeline.domain import titles
from tail_pipeline.domain.embedding import canonical

FILLERS = ("hi", "hello", "hey", "urgent", "sorry", "asap")
FILLED_SHARE = 0.2
WEEKS = 9
_STEM_CHARS = 4

Cluster = tuple[titles.TitleWords, list[str], set[str]]
"""The words of its week, its distinct texts, and the stems of its intent's name."""


def clusters_of(path: Path) -> list[Cluster]:
    found: list[Cluster] = []
    for dataset in DATASETS:
        for number, week in enumerate(build_weeks(path, dataset, WEEKS, seed=0)):
            rng = np.random.default_rng(number)
            failing, background = (
                [canonical(f"{rng.choice(FILLERS)} {text}" if rng.random() < FILLED_SHARE else text) for text in texts]
                for texts in (week.failing, week.background)
            )
            words = titles.TitleWords([*sorted(set(failing)), *sorted(set(background))])
            for intent in sorted(set(week.intents)):
                own = sorted({text for text, name in zip(failing, week.intents, strict=True) if name == intent})
                if len(own) > 1:
                    found.append((words, own, _stems(re.split("[_/-]", intent.lower()))))
    return found


def _stems(words: list[str]) -> set[str]:
    return {word[:_STEM_CHARS] for word in words if len(word) > 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--intents", type=Path, default=(ROOT / INTENTS).resolve())
    clusters = clusters_of(parser.parse_args().intents)
    print(f"{len(clusters)} clusters\nrule     words  fillers a title  titles about the intent")
    for rule, share in (("without", 0.0), ("with", titles.TELLING_SHARE)):
        with patch.object(titles, "TELLING_SHARE", share):
            shown = [titles.words_of(words.title(own[len(own) // 2], own).casefold()) for words, own, _ in clusters]
        fillers = sum(word in FILLERS for title in shown for word in title)
        about = sum(bool(_stems(title) & stems) for title, (_, _, stems) in zip(shown, clusters, strict=True))
        total, count = sum(map(len, shown)), len(clusters)
        print(f"{rule:7}  {total / count:5.2f}  {fillers / count:15.3f}  {about / count:.3f}")


if __name__ == "__main__":
    main()
