"""How much private data redaction finds, what it takes for private that is not, and how fast it is.

python benchmarks/redaction.py                        recall and hard negatives on the labelled set, and speed
python benchmarks/redaction.py --texts DIR [--show 20]   what is found in the Parquet files below a directory
python benchmarks/redaction.py --against presidio     the same labelled set by presidio-analyzer's recognisers, where installed
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tail_pipeline.adapters.recognisers.private_values import PatternRecogniser
from tail_pipeline.domain.redaction import PrivateValueRedactor, RedactConfig
from tail_pipeline_tests.labelled_private_values import HARD_NEGATIVES, Labelled, labelled

PER_KIND = 300
SEEDS = (1, 2, 3)
_WORDS = (
    "the contract review assistant please summarise clause about termination notice and liability for our supplier we need it by "
    "Friday because the board meets then could you also check whether indemnity covers subcontractors thanks in advance order"
).split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--against", choices=["presidio"])
    chosen = parser.parse_args()
    if chosen.texts:
        found_in(chosen.texts, chosen.show)
    elif chosen.against:
        report(*presidio(), count=200)
    else:
        redactor = PrivateValueRedactor(RedactConfig(), PatternRecogniser(), salt="benchmark")
        report(redactor.text, _in_frames)


def report(redact: Callable[[str], str], redact_all: Callable[[list[str]], object], count: int = 20_000) -> None:
    recall: dict[str, Counter[str]] = defaultdict(Counter)
    for seed in SEEDS:
        for one in labelled(seed, PER_KIND):
            recall[one.kind]["all"] += 1
            recall[one.kind]["found"] += _is_gone(one, redact)
    print(f"{'kind':12} {'texts':>6} {'recall':>7}")
    for kind, counts in recall.items():
        print(f"{kind:12} {counts['all']:6} {counts['found'] / counts['all']:7.1%}")
    changed = [text for text in HARD_NEGATIVES if redact(text) != text]
    print(f"hard negatives changed: {len(changed)} of {len(HARD_NEGATIVES)}")
    for text in changed[:10]:
        print(f"  {redact(text)}")
    for share in (0.0, 0.3, 1.0):
        texts = emails(count, share)
        redact_all(texts[:50])
        start = time.process_time()
        redact_all(texts)
        seconds = time.process_time() - start
        print(
            f"{len(texts)} texts of {sum(map(len, texts)) // len(texts)} characters, {share:.0%} with private values: "
            f"{len(texts) / seconds:,.0f} texts per second of processor time"
        )


def _is_gone(one: Labelled, redact: Callable[[str], str]) -> bool:
    return one.value not in redact(one.text)


def _in_frames(texts: list[str]) -> None:
    """As a run does it: a span frame at a time; not what it has in memory from an earlier one."""
    from tail_pipeline.domain.spans import conformed, in_batches

    redactor = PrivateValueRedactor(RedactConfig(), PatternRecogniser(), salt="benchmark")
    for frame in in_batches(conformed(pl.DataFrame({"input": texts}), "benchmark")):
        redactor.redact(frame)


def emails(count: int, private_share: float) -> list[str]:
    """Ordinary e-mails of about 1,000 characters with dates, order numbers and prices, and some with a signature."""
    rng = random.Random(7)
    values = [one.text for one in labelled(5, 50)]
    texts = []
    for number in range(count):
        words = rng.choices(_WORDS, k=155)
        words.insert(
            20, f"Order {rng.randint(10_000, 99_999)} of 2026-04-{rng.randint(1, 28):02d}, ${rng.randint(10, 999)}.00"
        )
        if rng.random() < private_share:
            words.append(f"\nKind regards\nanna.{number}@example.com\n{rng.choice(values)}")
        texts.append(" ".join(words))
    return texts


def presidio() -> tuple[Callable[[str], str], Callable[[list[str]], object]]:
    """The recognisers of presidio-analyzer for the same kinds, without a language model."""
    from presidio_analyzer import predefined_recognizers as known

    recognisers = [
        known.EmailRecognizer(), known.PhoneRecognizer(), known.CreditCardRecognizer(), known.IbanRecognizer(),
        known.UsSsnRecognizer(), known.IpRecognizer(), known.CryptoRecognizer(),
    ]  # fmt: skip

    def redact(text: str) -> str:
        spans = [
            (one.start, one.end)
            for recogniser in recognisers
            for one in recogniser.analyze(text, recogniser.supported_entities, None) or []
            if one.score >= 0.4
        ]
        for start, end in sorted(spans, reverse=True):
            text = f"{text[:start]}<X>{text[end:]}"
        return text

    return redact, lambda texts: [redact(text) for text in texts]


def found_in(directory: Path, show: int) -> None:
    """Counts by kind, and a random sample of what was found with its surroundings."""
    texts: set[str] = set()
    for path in sorted(directory.rglob("*.parquet")):
        for column in pl.read_parquet(path).iter_columns():
            if column.name.endswith(("id", "_ids")):
                continue
            if column.dtype == pl.String:
                texts |= set(column.drop_nulls())
            elif column.dtype == pl.List(pl.String):
                texts |= set(column.explode().drop_nulls())
    recogniser, series = PatternRecogniser(), pl.Series(sorted(texts))
    start = time.perf_counter()
    may_hold = recogniser.may_hold(series)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for text, bits in zip(series, may_hold, strict=True):
        for one in recogniser.find(text, bits) if bits else []:
            found[one.kind].setdefault(one.value, text[max(0, one.start - 40) : one.end + 20].replace("\n", " "))
    seconds = time.perf_counter() - start
    size = sum(map(len, texts))
    print(f"{len(texts)} texts, {size / 1e6:.1f} million characters, {(may_hold > 0).sum()} looked at: {seconds:.1f} s")
    for kind, values in sorted(found.items()):
        print(f"{kind}: {len(values)} distinct values")
        for value, around in random.Random(1).sample(sorted(values.items()), min(show, len(values))):
            print(f"    {value} | {around}")


if __name__ == "__main__":
    main()
