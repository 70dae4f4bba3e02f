"""Runs cases against the agent as it is now: asks, has the answers scored, and records both as soon as they are there."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from tail_pipeline.domain.dry_run import RUNS, DryRun, RunOutcome, conclude, outcome_of
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.ports import Attempt, ContentJudge, DryRunRecords, Redactor, Target
from tail_pipeline.domain.questions import BudgetSpentError
from tail_pipeline.domain.rubric import Rubric

MAX_CASES_AT_ONCE = 8
MAX_OUTPUT_CHARS = 1_000_000
GIVE_UP_AFTER = 5
"""Cases in a row that a target left without any answer, after which it is asked no more: each may have cost a timeout."""

_PROGRESS_EVERY = 5


@dataclass(frozen=True)
class Trial:
    """A case as the agent and the judge see it."""

    case_id: str
    input: str
    contexts: tuple[str, ...]
    expected: str | None

    @property
    def question(self) -> str:
        """Fingerprint of what the agent is asked: the expected output is the judge's alone."""
        return _digest([self.input, list(self.contexts)])


class DryRunner:
    """Runs cases against one target; what is recorded is not asked and not judged again.

    ``calls`` counts what was ``asked`` of the target and ``judged`` in this run, and what was ``recorded`` of each.
    """

    def __init__(
        self, target: Target, judge: ContentJudge, rubric: Rubric, records: DryRunRecords, redactor: Redactor
    ) -> None:
        self._target = target
        self._judge = judge
        self._rubric = rubric
        self._records = records
        self._redactor = redactor
        self._lock = threading.Lock()
        self._unanswered = 0
        self._given_up: str | None = None
        self.calls: Counter[str] = Counter()

    def run(
        self, trials: Sequence[Trial], *, fresh: bool = False, progress: Callable[[str], None] = lambda _line: None
    ) -> dict[str, DryRun]:
        """The result of each case by its id; ``fresh`` forgets what is recorded of these cases first."""
        questions: dict[str, list[Trial]] = {}
        for trial in trials:
            questions.setdefault(trial.question, []).append(trial)
        if fresh:
            self._records.forget(self._target.fingerprint, list(questions))
        found: dict[str, DryRun] = {}
        pool = ThreadPoolExecutor(MAX_CASES_AT_ONCE, thread_name_prefix="dry-run")
        try:
            for future in as_completed([pool.submit(self._run_question, same) for same in questions.values()]):
                found |= future.result()
                if len(found) % _PROGRESS_EVERY == 0 or len(found) == len(trials):
                    progress(f"{len(found)} of {len(trials)} cases run against {self._target.name}")
        finally:
            pool.shutdown(cancel_futures=True)
        return {trial.case_id: found[trial.case_id] for trial in trials}

    def _run_question(self, trials: Sequence[Trial]) -> Mapping[str, DryRun]:
        """The cases that ask the very same share their answers; their runs go one after another.

        The first run without an answer is the last: the case has no verdict any more.
        """
        outcomes: dict[str, list[RunOutcome]] = {trial.case_id: [] for trial in trials}
        for number in range(1, RUNS + 1):
            attempt = Attempt(self._target.fingerprint, trials[0].question, number)
            try:
                output = self._output(attempt, trials[0])
            except (TransientError, PermanentError, BudgetSpentError) as error:
                for found in outcomes.values():
                    found.append(RunOutcome(None, None, self._redactor.text(f"not answered: {error}")))
                break
            for trial in trials:
                outcomes[trial.case_id].append(self._outcome(attempt, trial, output))
        return {case_id: conclude(self._target.name, found) for case_id, found in outcomes.items()}

    def _output(self, attempt: Attempt, trial: Trial) -> str:
        if (recorded := self._records.output(attempt)) is not None:
            self._count("recorded")
            return recorded
        if self._given_up is not None:
            raise TransientError(self._given_up)
        try:
            answer = self._target.answer(trial.input, trial.contexts)
        except TransientError as error:
            self._note_silence(str(error))
            raise
        self._unanswered = 0
        self._count("asked")
        # The agent may have looked up what no trace of the case holds.
        return self._records.keep_output(attempt, self._redactor.text(_storable(answer)))

    def _outcome(self, attempt: Attempt, trial: Trial, output: str) -> RunOutcome:
        if not output.strip():
            # As in mining: to a judge, nothing said is nothing said wrong.
            return RunOutcome(None, None, "not scored: the answer is empty")
        key = (self._rubric.sha, _digest(trial.expected))
        judgement = self._records.judgement(attempt, *key)
        if judgement is None:
            try:
                judgement = self._judge.judge(Content(trial.input, output, trial.contexts, trial.expected))
            except (TransientError, PermanentError, BudgetSpentError) as error:
                return RunOutcome(None, None, self._redactor.text(f"not scored: {error}"))
            self._count("judged")
            if judgement.score is not None:
                self._records.keep_judgement(attempt, *key, judgement)
        return outcome_of(judgement, self._rubric)

    def _note_silence(self, reason: str) -> None:
        with self._lock:
            self._unanswered += 1
            if self._unanswered >= GIVE_UP_AFTER and self._given_up is None:
                self._given_up = reason

    def _count(self, what: str) -> None:
        with self._lock:
            self.calls[what] += 1


def _storable(answer: str) -> str:
    """The answer as it can be kept: bounded, and without lone surrogates, which no file and no judge takes."""
    return answer[:MAX_OUTPUT_CHARS].encode("utf-8", errors="replace").decode("utf-8")


def _digest(value: object) -> str:
    """Of the exact text: an answer that differs in white space alone may still break a pattern."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
