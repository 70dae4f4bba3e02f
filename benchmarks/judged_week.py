"""A week of spans that were all judged before: how long scoring it again takes, in how much memory, and what it took at first.

    python benchmarks/judged_week.py [--spans 50000]

Each size runs in a process of its own. The judge answers in the same process, so that only our side is measured; the client
has a benchmark of its own (judge_client.py).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

QUESTION_WORDS = "refund parcel invoice voucher address clause notice statute renewal export login fee".split()
DUPLICATES = 0.12
"""Share of spans that repeat an earlier question and answer to the letter, give or take white space."""

RUBRIC = {
    "rubric_min_score": 0.82,
    "ragas_faithfulness": 0.78,
    "judge_model": "vendor/judge",
    "criteria": [
        {"name": "policy", "weight": 0.6, "judge": "Follows the policy."},
        {"name": "tone", "weight": 0.3, "judge": "Is friendly."},
        {"name": "cites", "weight": 0.1, "check": {"regex": r"§ ?\d+"}},
    ],
}


def spans(count: int, first: int) -> pl.DataFrame:
    """1.5 kB each, a fifth of them with passages."""
    from tail_pipeline.domain.spans import SPAN_SCHEMA

    rows = []
    for number in range(first, first + count):
        source = number // 2 if number % 1000 < DUPLICATES * 1000 else number
        word = QUESTION_WORDS[source % len(QUESTION_WORDS)]
        passage = f"§ {source % 90} {word} " * 20
        rows.append(
            {
                "trace_id": f"t{number}",
                "span_id": f"s{number}",
                "input": f"question {source} about {word}",
                "output": f"Answer {source}. " + f"The {word} is due under § {source % 90}. " * 30,
                "contexts": [passage] if source % 5 == 0 else [],
            }
        )
    return pl.DataFrame([{name: row.get(name) for name in SPAN_SCHEMA} for row in rows], schema=SPAN_SCHEMA)


class InProcessJudge:
    """Answers at once."""

    name = "vendor/judge"

    def __init__(self) -> None:
        self.calls = 0

    def ask(self, question: Any) -> Any:
        from tail_pipeline.domain.questions import Answer

        self.calls += 1
        if question.name == "statements":
            value: Any = {"statements": ["One.", "Two."]}
        elif question.name == "statement_verdicts":
            value = {"verdicts": [{"statement": n, "reason": "r", "supported": True} for n in (1, 2)]}
        else:
            value = {
                "verdicts": [
                    {"criterion": name, "reason": "r", "score": 0.9}
                    for name in re.findall(r"^- (\w+):", question.instructions, re.MULTILINE)
                ]
            }
        return Answer(question.shape.model_validate(value), None, 1)


def measure(count: int) -> dict[str, float]:
    from tail_pipeline.adapters.answer_store import SqliteAnswerStore
    from tail_pipeline.adapters.frame_spool import batches_of, frame_spool
    from tail_pipeline.adapters.judged_scores import JudgedScores
    from tail_pipeline.domain.call_budget import CallBudget
    from tail_pipeline.domain.embedding import LexicalEncoder
    from tail_pipeline.domain.judging import RubricJudge
    from tail_pipeline.domain.rubric import Rubric
    from tail_pipeline.domain.scoring import SCORED_COLUMNS
    from tail_pipeline.domain.selection import with_triggers
    from tail_pipeline.domain.spans import SPAN_SCHEMA

    rubric = Rubric.model_validate(RUBRIC)
    found: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as directory,
        frame_spool(SPAN_SCHEMA) as read,
        frame_spool(SPAN_SCHEMA | SCORED_COLUMNS) as written,
        SqliteAnswerStore(Path(directory) / "answers.sqlite") as answers,
    ):
        week = read.write(spans(min(5_000, count - first), first) for first in range(0, count, 5_000))
        for run in ("first", "again"):
            model = InProcessJudge()
            judge = RubricJudge(rubric, model=model, answers=answers, python_checks={}, paid_by="run")
            scorer = JudgedScores(
                rubric,
                judge,
                budget=CallBudget(10**9),
                concurrency=4,
                max_unscored_share=0.2,
                seed="run",
                encoder=LexicalEncoder(),
                progress=lambda _line: None,
            )
            began = time.perf_counter()
            written.write(with_triggers(batch, rubric) for batch in scorer.scored(lambda: batches_of(week)))
            found |= {f"{run}_s": time.perf_counter() - began, f"{run}_calls": model.calls}
    found["peak_mib"] = peak_mib()
    return found


def peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=50_000)
    parser.add_argument("--one", action="store_true", help="measure in this process and print JSON")
    chosen = parser.parse_args(arguments)
    if chosen.one:
        print(json.dumps(measure(chosen.spans)))
        return
    for count in sizes(chosen.spans):
        command = [sys.executable, __file__, "--one", "--spans", str(count)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        once, again = found["first_calls"] / count * 10_000, found["again_calls"]
        print(
            f"{count:>7} spans   first {found['first_s']:6.1f} s, {once:,.0f} calls per 10,000 spans (every span: "
            f"{every_span(count) / count * 10_000:,.0f})   again {found['again_s']:5.1f} s, {again:.0f} calls   "
            f"peak {found['peak_mib']:.0f} MiB"
        )


def every_span(count: int) -> int:
    """Calls if nothing were shared: one a span, and two more where there are passages."""
    sources = (number // 2 if number % 1000 < DUPLICATES * 1000 else number for number in range(count))
    return count + 2 * sum(source % 5 == 0 for source in sources)


def sizes(largest: int) -> Iterator[int]:
    yield from (largest // 4, largest // 2, largest)


if __name__ == "__main__":
    main(sys.argv[1:])
