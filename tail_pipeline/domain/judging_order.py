"""What is judged first when there are not enough judge calls for every distinct content of a window.

costly ones → near neighbours of complaints → recorded scores below the line → groups of near-duplicates in random
order, and from each failure on to its neighbours → a uniform audit of the rest. The order was simulated against nine
others, bandits and active learning among them; what it finds on real texts is in benchmarks/judging_budget.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate

from tail_pipeline.domain.audit import Audit, AuditSample
from tail_pipeline.domain.embedding import Encoder
from tail_pipeline.domain.judge_calls import CallLedger, NeighbourWalk
from tail_pipeline.domain.neighbourhood import Neighbourhood

AUDIT_SHARE = 0.15
"""Share of the budget that is kept for the audit; only costly candidates may take from it."""

RECORDED_SHARE = 0.35
"""Share of the budget that recorded scores of another rubric may direct."""

MAX_COMPARED = 50_000
"""Candidates whose texts are compared with one another; of more, a uniform sample is, and the others come after it."""

_OPENED_SHARE = 0.25
_LEAST_OPENED = 32


class JudgingOrder:
    """Says round by round what to judge; the candidates of a round may be judged all at once.

    A candidate is one distinct content: its input text (candidates may share one), the judge calls it ``costs``, whether it
    has a cost label (``costly``), whether its user ``complained`` (it is selected whatever its score, so it is judged only
    if it is costly or nothing else is left to judge), and a score another rubric gave it, if any is ``recorded``.

    ``budget`` is in calls as ``costs`` states them and is never exceeded; what does not fit any more is skipped. Retries are the
    caller's to provide for. What a cache holds has its full cost, or a re-run would judge more than the run it repeats.

    The same candidates in another order are chosen alike under the same ``seed``. Those that agree in everything given
    here are told apart by their order alone, so give them in a fixed one, such as that of their digests.
    Raises ValueError where the sequences differ in length.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        costs: Sequence[int],
        costly: Sequence[bool],
        complained: Sequence[bool],
        recorded: Sequence[float | None],
        min_score: float,
        budget: int,
        seed: str,
        encoder: Encoder,
    ) -> None:
        if {len(costs), len(costly), len(complained), len(recorded)} != {len(texts)}:
            raise ValueError(f"{len(texts)} texts need as many costs, cost labels, complaints and recorded scores")
        self._texts = texts
        self._costly = costly
        self._recorded = [math.inf if score is None else score for score in recorded]
        self._min_score = min_score
        self._budget = budget
        self._encoder = encoder
        self._ledger = CallLedger(costs, complained, budget)
        # Three draws that know nothing of one another: an audit in the order of an earlier choice would not be uniform.
        draws = _draws(seed, list(zip(texts, costs, costly, complained, self._recorded, strict=True)))
        self._place, self._group_draw, self._audit_draw = draws
        self._shuffled = sorted(range(len(texts)), key=self._place.__getitem__)
        self._audit: AuditSample | None = None
        self._rounds = self._all_rounds()

    def next_round(self) -> list[int]:
        """Candidates to judge now, as positions in ``texts``; empty when nothing more is to be judged."""
        self._ledger.close_round()
        return next(self._rounds, [])

    def report(self, failing: Mapping[int, bool | None]) -> None:
        """What became of the last round: whether a candidate would be flagged, None where it could not be scored.

        One that is left out was not judged after all, and counts among the unjudged rest. Raises ValueError
        for a candidate that the last round did not hold.
        """
        self._ledger.record(failing)

    @property
    def audit(self) -> AuditSample | None:
        """The sample in the last round; None before it is drawn, and when nothing is left unjudged."""
        return self._audit

    def conclusion(self) -> Audit:
        """What may be said of the whole once the last round is reported.

        Complaints count as found. A candidate without a score is neither found nor missed, since full scoring would
        not flag it either.
        """
        ledger = self._ledger
        sample = self._audit or AuditSample(len(self._rest()), ())
        scored = [fails for one in sample.sampled if (fails := ledger.verdict.get(one)) is not None]
        found = {one for one, fails in ledger.verdict.items() if fails} | ledger.complained
        return Audit.of(population=sample.population, sampled=len(scored), failing=sum(scored), found=len(found))

    def _all_rounds(self) -> Iterator[list[int]]:
        ledger = self._ledger
        anyway = [one for one in self._shuffled if one in ledger.complained and not self._costly[one]]
        ordinary = [one for one in self._shuffled if one not in ledger.complained or self._costly[one]]
        if ledger.cost_of(ordinary) <= self._budget:
            yield from _unless_empty(ledger.take([*ordinary, *anyway]))
            return
        yield from _unless_empty(ledger.take(one for one in self._shuffled if self._costly[one]))
        reserve = min(ledger.left, int(AUDIT_SHARE * self._budget))
        ledger.left -= reserve
        if ledger.left:
            texts = _ComparedTexts(self._compared(), self._texts, self._encoder)
            yield from self._beside_complaints(texts)
            yield from self._recorded_below()
            yield from self._by_group(texts)
            yield from _unless_empty(ledger.take(ordinary))
        ledger.left += reserve
        yield from self._audited()

    def _compared(self) -> list[int]:
        """The candidates whose texts are compared, in random order: complaints, and as many others as there is room for."""
        complained = self._ledger.complained
        chosen = sorted(self._shuffled, key=lambda one: one not in complained)[:MAX_COMPARED]
        return sorted(chosen, key=self._place.__getitem__)

    def _beside_complaints(self, texts: _ComparedTexts) -> Iterator[list[int]]:
        complaints = [one for one in texts.candidates if one in self._ledger.complained]
        walks = [NeighbourWalk(near, ends_with_failure=False) for near in texts.nearest(complaints)]
        while walks:
            walks, asked = self._walk_on(walks)
            yield from _unless_empty(asked)

    def _recorded_below(self) -> Iterator[list[int]]:
        complained = self._ledger.complained
        below = [one for one in self._shuffled if self._recorded[one] < self._min_score and one not in complained]
        below.sort(key=self._recorded.__getitem__)
        yield from _unless_empty(self._ledger.take(below, limit=int(RECORDED_SHARE * self._budget)))

    def _by_group(self, texts: _ComparedTexts) -> Iterator[list[int]]:
        """One candidate of each group after another, then a second of each, and on from those that fail.

        One at a time would need thousands of rounds. So a quarter of what the calls left pay for is judged at once: enough
        stay for three neighbours of each, up to the last rounds, which are not made smaller than a judge answers at once.
        What this changes: a failure knows nothing of the others in its round, so that two of one cluster may both be
        followed. Where it was measured the same share of clusters was found (.86 at a fifth of the calls), in 19 rounds for 245.
        """
        ledger = self._ledger
        heads, dearest = self._heads(texts), max(ledger.costs)
        walks: list[NeighbourWalk] = []
        while True:
            walks, asked = self._walk_on(walks)
            most = max(_LEAST_OPENED, int(_OPENED_SHARE * ledger.left / dearest))
            opened = ledger.take(heads, most=most)
            if not walks and not opened:
                return
            yield from _unless_empty([*asked, *opened])
            failed = [one for one in opened if ledger.verdict.get(one)]
            walks += [NeighbourWalk(near, ends_with_failure=True) for near in texts.nearest(failed)]

    def _heads(self, texts: _ComparedTexts) -> Iterator[int]:
        """Ordinary candidates, one of each group in turn; a group of which one was judged before has had its first turn."""
        ledger = self._ledger
        turns = []
        for group in texts.near_duplicates():
            waiting = [one for one in group if not ledger.is_settled(one)]
            first = int(len(waiting) < len(group))
            draw = self._group_draw[min(group, key=self._place.__getitem__)]
            turns += [(turn, draw, one) for turn, one in enumerate(waiting, first)]
        return (one for _, _, one in sorted(turns))

    def _walk_on(self, walks: Sequence[NeighbourWalk]) -> tuple[list[NeighbourWalk], list[int]]:
        """The walks that have not ended, and what they ask to be judged now."""
        ledger = self._ledger
        going: list[NeighbourWalk] = []
        asked: list[int] = []
        for walk in walks:
            if due := walk.due(ledger):
                going.append(walk)
                asked += ledger.take(due)
        return going, asked

    def _audited(self) -> Iterator[list[int]]:
        """As many of the rest, in an order drawn for this alone, as the calls left pay for.

        It ends with the first that is too dear instead of looking for a cheaper one, which would make the sample one
        of cheap candidates.
        """
        ledger = self._ledger
        rest = sorted(self._rest(), key=self._audit_draw.__getitem__)
        paid = sum(spent <= ledger.left for spent in accumulate(ledger.costs[one] for one in rest))
        self._audit = AuditSample(len(rest), tuple(rest[:paid])) if rest else None
        yield from _unless_empty(ledger.ask(rest[:paid]))

    def _rest(self) -> list[int]:
        """What nobody judged and nothing else selects."""
        ledger = self._ledger
        return [one for one in self._shuffled if one not in ledger.verdict and one not in ledger.complained]


class _ComparedTexts:
    """The neighbourhood of some candidates, in terms of candidates."""

    def __init__(self, candidates: Sequence[int], texts: Sequence[str], encoder: Encoder) -> None:
        self.candidates = candidates
        self._position = {one: position for position, one in enumerate(candidates)}
        self._neighbourhood = Neighbourhood([texts[one] for one in candidates], encoder)

    def near_duplicates(self) -> list[list[int]]:
        return [self._named(group) for group in self._neighbourhood.near_duplicates()]

    def nearest(self, candidates: Sequence[int]) -> list[list[int]]:
        found = self._neighbourhood.nearest([self._position[one] for one in candidates])
        return [self._named(near) for near in found]

    def _named(self, positions: Sequence[int]) -> list[int]:
        return [self.candidates[position] for position in positions]


def _draws(seed: str, candidates: Sequence[tuple[str, int, bool, bool, float]]) -> tuple[list[int], ...]:
    """Three independent random numbers for each candidate, which its row has no part in.

    The same text said again draws anew: a sample of texts with all who said them would be no sample of candidates.
    """
    draws: tuple[list[int], ...] = ([0] * len(candidates), [0] * len(candidates), [0] * len(candidates))
    again, last = 0, None
    for row in sorted(range(len(candidates)), key=candidates.__getitem__):
        text = candidates[row][0]
        again, last = (again + 1 if text == last else 0), text
        digest = blake2b(f"{seed}\0{again}\0{text}".encode(), digest_size=24).digest()
        for number, draw in enumerate(draws):
            draw[row] = int.from_bytes(digest[8 * number : 8 * number + 8])
    return draws


def _unless_empty(candidates: list[int]) -> Iterator[list[int]]:
    """A round, where there is anything to judge: an empty one says that all is done."""
    if candidates:
        yield candidates
