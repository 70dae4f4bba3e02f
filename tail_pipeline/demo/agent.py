"""The simulated agent to try the first example's cases on: what the fictional assistant Clausewise answers today."""

from __future__ import annotations

import re

from tail_pipeline.demo import phrases
from tail_pipeline.demo.simulated_agent import SimulatedAgent

LEARNT = (
    phrases.NARROW_TLDR,
    phrases.NDA_SHARING,
    phrases.RENEWAL_REMINDER,
    phrases.TRANSLATION,
)
STILL_FAILING = (
    phrases.INJECTION,
    phrases.LONG_TABLE,
    phrases.NDA_BREACH,
    phrases.NDA_RESIDUALS,
    phrases.NDA_RETURN,
    phrases.NDA_TERM,
    phrases.OUT_OF_STATE,
    phrases.WORKING_DAYS,
)
UNSURE = (phrases.COMPARE_AND_EXPORT, phrases.TONE)

_CLAUSE = re.compile(r"\b\d{1,2}\.\d\b")


class _Clausewise(SimulatedAgent):
    """Cites the clauses that the passages begin with, whatever others they mention."""

    def slots_of(self, asked: str, contexts: list[str]) -> dict[str, str]:
        clauses = [match[0] for passage in contexts for match in _CLAUSE.finditer(passage)]
        return super().slots_of(asked, contexts) | dict(zip(("n", "m"), clauses, strict=False))


answer = _Clausewise(
    good_at=(*LEARNT, *phrases.ORDINARY),
    still_failing=STILL_FAILING,
    unsure=UNSURE,
    slots=phrases.SLOTS,
    at_a_loss=phrases.VAGUE_ANSWERS[0],
)
