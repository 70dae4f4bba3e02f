"""A calibration in words, for the person who sets a threshold."""

from __future__ import annotations

from collections.abc import Iterator

from tail_pipeline.domain.calibration import Agreement, Calibration
from tail_pipeline.domain.estimates import Estimate
from tail_pipeline.domain.repeat_correlation import RepeatError


def render_calibration(found: Calibration, *, score: str, caveats: tuple[str, ...] = ()) -> str:
    """Lines of plain text; ``score`` names what was calibrated, ``caveats`` are about where the labels come from."""
    return "\n".join(_lines(found, score, caveats)) + "\n"


def _lines(found: Calibration, score: str, caveats: tuple[str, ...]) -> Iterator[str]:
    unscored = sum(found.unscored.values())
    yield f"{score} of {found.contents} answers, {found.failing} of which people fail; {unscored} unscored"
    for reason, count in found.unscored.items():
        yield f"  unscored: {count} × {reason}"
    yield ""
    yield f"ranking    AUC {_shown(found.auc)}"
    if found.repeats and found.mean_auc:
        yield f"           AUC {_shown(found.mean_auc)} of the mean of {found.repeats.repeats} scores"
    yield f"now        fails below {found.at_threshold.threshold:g}"
    yield from _agreement(found.at_threshold)
    if found.suggestion:
        chosen = found.suggestion
        between = f"95 % interval {chosen.threshold.low:.3f} to {chosen.threshold.high:.3f}"
        yield f"suggested  fails below {chosen.threshold.value:.3f}: the largest kappa on these answers; {between}"
        yield from _agreement(chosen.agreement)
        if chosen.unseen_kappa is not None:
            yield f"           kappa {chosen.unseen_kappa:.2f} to be expected on other answers, by bootstrap"
    if found.repeats:
        yield from _repeats(found.repeats)
    notes = (*found.notes, *caveats)
    if notes:
        yield ""
        yield from (f"note: {note}" for note in notes)


def _agreement(found: Agreement) -> Iterator[str]:
    yield f"           kappa     {_shown(found.kappa)}"
    yield f"           precision {_shown(found.precision)}: the share of the {found.below} below it that people fail"
    yield f"           recall    {_shown(found.recall)}: the share of what people fail that is below it"


def _repeats(found: RepeatError) -> Iterator[str]:
    yield f"repeats    sd {found.sd:.3f} of one score, from {found.contents} answers scored {found.repeats} times"
    if found.correlation is None or found.remaining is None:
        yield "           scores do not vary, so nothing can be said about their errors"
        return
    yield f"           correlation {found.correlation:.2f} at most between the errors of two scores of one answer"
    kept, at_best = found.remaining, found.repeats**-0.5
    yield f"           the mean of {found.repeats} keeps {kept:.0%} of the error of one; {at_best:.0%} if errors were independent"


def _shown(estimate: Estimate | None) -> str:
    return "not known" if estimate is None else str(estimate)
