"""What three runs of a case against the agent as it is now say of the case.

A run that was not answered or not scored says nothing: the case gets no verdict and a reason, and never a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tail_pipeline.domain.cases import Record
from tail_pipeline.domain.checks import Share
from tail_pipeline.domain.judgement import Judgement
from tail_pipeline.domain.rubric import Rubric

RUNS = 3
NO_INPUT = "the case has no input yet"

Verdict = Literal["stable_pass", "flaky", "stable_fail"]
_MAX_REASON_CHARS = 300


class DryRun(Record):
    """What came of a case: ``score`` is the median of its runs, in 0..1; ``runs`` were answered and scored.

    Without a verdict there is a ``reason``, and neither score nor ``passed``. With one, ``reason`` says why a run failed whose
    score alone would pass.
    """

    model: str
    runs: int
    score: Share | None
    passed: bool | None
    verdict: Verdict | None
    reason: str | None = None


@dataclass(frozen=True)
class RunOutcome:
    """One run: ``passed`` and ``score``, or the ``reason`` why it has neither, or fails in spite of its score."""

    passed: bool | None
    score: float | None
    reason: str | None = None


def not_run(target: str, reason: str, *, runs: int = 0) -> DryRun:
    """A case without a verdict: it never counts as passed."""
    return DryRun(
        model=target, runs=runs, score=None, passed=None, verdict=None, reason=_line(reason) or "no reason was given"
    )


def conclude(target: str, outcomes: Sequence[RunOutcome]) -> DryRun:
    """Three passes are stable, three failures as well, anything between is flaky; less than three say nothing."""
    scored = [one for one in outcomes if one.passed is not None and one.score is not None]
    if len(scored) < RUNS:
        return not_run(
            target, next((one.reason for one in outcomes if one.passed is None), None) or "", runs=len(scored)
        )
    passes = [one.passed for one in scored]
    verdict: Verdict = "stable_pass" if all(passes) else "flaky" if any(passes) else "stable_fail"
    return DryRun(
        model=target,
        runs=len(scored),
        score=round(median(one.score for one in scored if one.score is not None), 4),
        passed=verdict == "stable_pass",
        verdict=verdict,
        reason=next((_line(one.reason) for one in scored if one.reason), None),
    )


def outcome_of(judgement: Judgement, rubric: Rubric) -> RunOutcome:
    """What a judgement says under the rubric's thresholds as they are now."""
    passed = judgement.passes(rubric)
    if passed is None or judgement.score is None:
        return RunOutcome(None, None, f"not scored: {judgement.unscored_reason or 'the judge gave no reason'}")
    if passed or judgement.score < rubric.rubric_min_score:
        return RunOutcome(passed, judgement.score)
    if judgement.broken_floors:
        return RunOutcome(passed, judgement.score, f"broken floor: {', '.join(judgement.broken_floors)}")
    return RunOutcome(passed, judgement.score, f"faithfulness {judgement.faithfulness:.2f}")


def _line(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _MAX_REASON_CHARS else f"{line[: _MAX_REASON_CHARS - 1]}…"
