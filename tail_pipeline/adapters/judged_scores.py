"""Scores a window with the judge: what is known is recalled, what is missing is asked, within the budget, many at once.

Nothing but fingerprints is held of a week that the budget covers. Of one that it does not, the distinct contents are on
local disk while ``JudgingOrder`` decides which are asked about.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from tail_pipeline.domain.call_budget import CallBudget
from tail_pipeline.domain.embedding import Encoder, canonical
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.judging import NOT_JUDGED, NOTHING_APPLIES, RubricJudge
from tail_pipeline.domain.judging_order import JudgingOrder
from tail_pipeline.domain.questions import BudgetSpentError
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.scoring import (
    BUDGET,
    NO_OUTPUT,
    ScoredBy,
    contents_of,
    counts_as_recorded,
    has_output,
    in_unit_interval,
    judged_columns,
)
from tail_pipeline.domain.spans import Batches, is_negative_feedback
from tail_pipeline.domain.suspicious_text import with_flags

NO_ANSWER = "the judge did not answer"
_WAITING_PER_WORKER = 4
_RESERVED_SHARE = 0.03
"""Of the budget, for repairs and for what is sent again; the order plans with the rest. Repeats near the line, where the rubric
asks for them, are planned there as one call more for each content."""
_REPEATS_EACH = 0.58
"""Repeats near the line for each content, as simulated: what decides whether the budget covers all of them."""
_REPORTS = 20


class _Seen:
    """Which contents were met before; 16 bytes of each fingerprint, for weeks of hundreds of thousands."""

    def __init__(self) -> None:
        self._marks: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._marks)

    def new_among(self, contents: Iterable[Content]) -> list[Content]:
        """The first of each that was not met before, in order."""
        new: list[Content] = []
        for content in contents:
            mark = bytes.fromhex(content.digest[:32])
            if mark not in self._marks:
                self._marks.add(mark)
                new.append(content)
        return new


@dataclass
class _Survey:
    """What is known before anything is asked, by digest: what there is to judge, what nobody has to pay for any more.

    ``planned_calls`` are those of all others, the same before this run has paid for any of them and after.
    """

    contents: _Seen = field(default_factory=_Seen)
    free: set[str] = field(default_factory=set)
    incomplete: int = 0
    missing_calls: int = 0
    planned_calls: float = 0


@dataclass
class _Found:
    """What judging came to: why contents have no judgement, those that have one without a score, and the audited ones."""

    failures: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    audited: set[str] = field(default_factory=set)
    judged: int = 0
    first_error: str | None = None


@dataclass
class _Candidate:
    """What the order of the budget knows of one distinct content, from all spans that share it."""

    digest: str
    text: str
    calls: int
    costly: bool = False
    complained: bool = False
    recorded: float | None = None

    def add(self, *, costly: bool, complained: bool, recorded: float | None) -> None:
        self.costly |= costly
        self.complained |= complained
        if recorded is not None:
            self.recorded = recorded if self.recorded is None else min(self.recorded, recorded)


class JudgedScores:
    """The ``Scorer`` of a rubric with a ``judge_model``.

    A recorded score made with this very rubric counts as it is. ``max_unscored_share`` is of the distinct contents the judge
    was asked about: above it the run fails, since a week that nobody could judge looks like a good one. ``seed`` decides the
    random part of the order of the budget.
    """

    def __init__(
        self,
        rubric: Rubric,
        judge: RubricJudge,
        *,
        budget: CallBudget,
        concurrency: int,
        max_unscored_share: float,
        seed: str,
        encoder: Encoder,
        progress: Callable[[str], None],
    ) -> None:
        self._rubric = rubric
        self._judge = judge
        self._budget = budget
        self._concurrency = concurrency
        self._max_unscored_share = max_unscored_share
        self._seed = seed
        self._encoder = encoder
        self._progress = progress
        self._repeats = int(rubric.judge_sd is not None)
        self._costly_labels = [label for label, weight in rubric.cost_weights.items() if weight > 1]

    def scored(self, batches: Batches) -> Iterator[pl.DataFrame]:
        """The frames with what scoring found; raises before the first when too much could not be scored."""
        found = _Found()
        survey = self._survey(batches, found)
        self._progress(
            f"{len(survey.contents)} distinct answers to judge with {self._rubric.judge_model}; {survey.incomplete} take "
            f"{survey.missing_calls} calls or more, {self._budget.left} of {self._budget.max_calls} are left"
        )
        if survey.missing_calls and survey.planned_calls > self._budget.max_calls:
            self._ask_in_order(batches, survey, found)
        elif survey.missing_calls:
            self._ask_all(batches, survey, found)
        self._require_scores(found)
        for batch in batches():
            yield self._filled(batch, found)

    def _survey(self, batches: Batches, found: _Found) -> _Survey:
        survey = _Survey()
        for batch in batches():
            distinct = survey.contents.new_among(contents_of(self._to_judge(batch)))
            for content, recalled in zip(distinct, self._judge.recall(distinct), strict=True):
                survey.incomplete += recalled.missing_calls > 0
                survey.missing_calls += recalled.missing_calls
                if not recalled.missing_calls:
                    self._count(content, recalled.judgement, found)
                if recalled.missing_calls or recalled.paid:
                    survey.planned_calls += recalled.missing_calls + len(recalled.paid) + _REPEATS_EACH * self._repeats
                else:
                    survey.free.add(content.digest)
                # What this very run paid for, before it was interrupted or when it was first made, stays paid for.
                self._budget.charge(sum(recalled.paid.values()))
        return survey

    def _to_judge(self, batch: pl.DataFrame) -> pl.DataFrame:
        return batch.filter(has_output() & ~counts_as_recorded(self._rubric))

    def _ask_all(self, batches: Batches, survey: _Survey, found: _Found) -> None:
        """Whatever is not complete, in the order of the spans, but costly ones first: retries may use up the budget after all."""
        asked = self._judgements(self._incomplete(batches), found)
        every = max(100, survey.incomplete // _REPORTS)
        for done, _ in enumerate(asked, start=1):
            if done % every == 0 or done == survey.incomplete:
                self._progress(f"judged {done} of {survey.incomplete} distinct answers, {self._budget.spent} calls")

    def _incomplete(self, batches: Batches) -> Iterator[Content]:
        seen = _Seen()
        costly = pl.col("labels").list.set_intersection(self._costly_labels).list.len().fill_null(0) > 0
        for turn in (costly, ~costly):
            for batch in batches():
                distinct = seen.new_among(contents_of(self._to_judge(batch).filter(turn)))
                for content, recalled in zip(distinct, self._judge.recall(distinct), strict=True):
                    if recalled.missing_calls:
                        yield content

    def _ask_in_order(self, batches: Batches, survey: _Survey, found: _Found) -> None:
        """As many as the budget allows, the most telling first; on a repeated run the same ones, which cost nothing."""
        with _kept_on_disk(self._candidates(batches, survey.free)) as kept:
            order = JudgingOrder(
                [one.text for one in kept.candidates],
                costs=[one.calls + self._repeats for one in kept.candidates],
                costly=[one.costly for one in kept.candidates],
                complained=[one.complained for one in kept.candidates],
                recorded=[one.recorded for one in kept.candidates],
                min_score=self._rubric.rubric_min_score,
                budget=self._budget.max_calls - int(_RESERVED_SHARE * self._budget.max_calls),
                seed=self._seed,
                encoder=self._encoder,
            )
            done = 0
            while chosen := order.next_round():
                number_of = {kept.candidates[number].digest: number for number in chosen}
                failing: dict[int, bool | None] = {}
                for content, judgement in self._judgements(kept.read(number_of), found):
                    passes = judgement.passes(self._rubric)
                    failing[number_of[content.digest]] = None if passes is None else not passes
                order.report(failing)
                done += len(chosen)
                self._progress(
                    f"judged {done} of {len(kept.candidates)} distinct answers in the order of the budget, "
                    f"{self._budget.spent} of {self._budget.max_calls} calls"
                )
            sampled = {kept.candidates[number].digest for number in order.audit.sampled} if order.audit else set()
            # Where calls were missing, those that have an answer are what an earlier run chose: no uniform sample.
            if not any(found.failures.get(digest) == BUDGET for digest in sampled):
                found.audited |= sampled

    def _candidates(self, batches: Batches, free: set[str]) -> Iterator[tuple[_Candidate, Content]]:
        """Every distinct content that somebody has to pay for; what its later spans say is added to it later."""
        seen: dict[str, _Candidate] = {}
        for batch in batches():
            frame = self._to_judge(batch)
            signals = frame.select("labels", is_negative_feedback(), "rubric_score").iter_rows()
            for content, (labels, complained, recorded) in zip(contents_of(frame), signals, strict=True):
                if content.digest in free:
                    continue
                new = content.digest not in seen
                candidate = seen.setdefault(
                    content.digest,
                    _Candidate(content.digest, canonical(content.input), self._judge.calls_for(content)),
                )
                candidate.add(
                    costly=self._rubric.cost_weight(labels or ()) > 1, complained=complained, recorded=recorded
                )
                if new:
                    yield candidate, content

    def _judgements(self, contents: Iterable[Content], found: _Found) -> Iterator[tuple[Content, Judgement]]:
        """As they come; a content without one is among the failures. Raises what no other content would escape."""
        with closing(_concurrently(self._judge.judge, contents, self._concurrency)) as answered:
            for content, future in answered:
                try:
                    judgement = future.result()
                except BudgetSpentError:
                    found.failures[content.digest] = BUDGET
                except TransientError as error:
                    found.failures[content.digest] = NO_ANSWER
                    found.first_error = found.first_error or str(error)
                else:
                    self._count(content, judgement, found)
                    yield content, judgement

    def _count(self, content: Content, judgement: Judgement, found: _Found) -> None:
        found.judged += 1
        if judgement.score is None and judgement.unscored_reason != NOTHING_APPLIES:
            found.unusable[content.digest] = judgement.unscored_reason or NOT_JUDGED

    def _require_scores(self, found: _Found) -> None:
        silent = sum(reason == NO_ANSWER for reason in found.failures.values())
        failed, asked = silent + len(found.unusable), silent + found.judged
        if failed <= self._max_unscored_share * asked:
            return
        share = (
            f"{failed} of {asked} distinct answers ({failed / asked:.0%}) could not be scored, allowed "
            f"{self._max_unscored_share:.0%} (max_unscored_share)"
        )
        if silent > failed / 2:
            raise TransientError(f"{found.first_error}; {share}")
        reasons = Counter(found.unusable.values()).most_common(3)
        raise PermanentError(
            f"{self._rubric.judge_model}: {share}: {', '.join(f'{reason} ({count})' for reason, count in reasons)}"
        )

    def _filled(self, batch: pl.DataFrame, found: _Found) -> pl.DataFrame:
        """The batch with its scores, from what is recorded and from what the store holds now."""
        recorded = batch.select(
            counts_as_recorded(self._rubric),
            has_output(),
            "rubric_score",
            pl.when(in_unit_interval(pl.col("ragas_faithfulness"))).then("ragas_faithfulness"),
        ).rows()
        asked = contents_of(self._to_judge(batch))
        recalled = iter(zip(asked, self._judge.recall(asked), strict=True))
        judgements: list[Judgement] = []
        by: list[ScoredBy] = []
        digests: list[str | None] = []
        for counts, has_text, score, faithfulness in recorded:
            digest, source = None, ScoredBy.RECORDED
            if counts:
                judgements.append(Judgement(score, None, faithfulness=faithfulness))
            elif not has_text:
                judgements.append(Judgement(None, NO_OUTPUT))
            else:
                content, known = next(recalled)
                digest = content.digest
                source = ScoredBy.AUDIT if digest in found.audited else ScoredBy.JUDGE
                judgements.append(_with_reason(known.judgement, found.failures.get(digest, BUDGET)))
            by.append(source)
            digests.append(digest and digest[:16])
        return with_flags(batch.hstack(judged_columns(judgements, by, digests)))


class _Kept:
    """Candidates in the order of their digests, which does not depend on that of the spans; their contents are on disk."""

    def __init__(self, connection: sqlite3.Connection, pairs: Iterable[tuple[_Candidate, Content]]) -> None:
        self._connection = connection
        self.candidates: list[_Candidate] = []
        connection.execute("CREATE TABLE content (digest TEXT PRIMARY KEY, fields TEXT) WITHOUT ROWID")
        connection.executemany("INSERT INTO content VALUES (?, ?)", self._rows(pairs))
        self.candidates.sort(key=lambda one: one.digest)

    def _rows(self, pairs: Iterable[tuple[_Candidate, Content]]) -> Iterator[tuple[str, str]]:
        for candidate, content in pairs:
            self.candidates.append(candidate)
            yield content.digest, json.dumps([content.input, content.output, content.contexts])

    def read(self, digests: Iterable[str]) -> Iterator[Content]:
        for digest in digests:
            row = self._connection.execute("SELECT fields FROM content WHERE digest = ?", [digest]).fetchone()
            text, output, contexts = json.loads(row[0])
            yield Content(text, output, tuple(contexts))


@contextmanager
def _kept_on_disk(pairs: Iterable[tuple[_Candidate, Content]]) -> Iterator[_Kept]:
    with (
        tempfile.TemporaryDirectory(prefix="tail-pipeline-") as directory,
        closing(sqlite3.connect(Path(directory) / "contents.sqlite", check_same_thread=False)) as connection,
    ):
        yield _Kept(connection, pairs)


def _concurrently(
    work: Callable[[Content], Judgement], contents: Iterable[Content], workers: int
) -> Generator[tuple[Content, Future[Judgement]]]:
    """Each content with its finished future, in the order of finishing; a bounded number is taken ahead.

    When it is closed early, what has not begun is never begun.
    """
    pending: dict[Future[Judgement], Content] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="judge") as pool:
        try:
            for content in contents:
                pending[pool.submit(work, content)] = content
                if len(pending) >= workers * _WAITING_PER_WORKER:
                    for done in wait(pending, return_when=FIRST_COMPLETED).done:
                        yield pending.pop(done), done
            while pending:
                for done in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(done), done
        finally:
            for waiting in pending:
                waiting.cancel()


def _with_reason(judgement: Judgement, reason: str) -> Judgement:
    """What nobody asked about says why."""
    return replace(
        judgement,
        unscored_reason=reason if judgement.unscored_reason == NOT_JUDGED else judgement.unscored_reason,
        faithfulness_reason=reason if judgement.faithfulness_reason == NOT_JUDGED else judgement.faithfulness_reason,
    )
