"""What the pipeline needs from outside, as protocols the adapters fulfil."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import polars as pl

from tail_pipeline.domain.alarm import Alarm
from tail_pipeline.domain.escalation import Escalation, TailLinks
from tail_pipeline.domain.forgetting import Held, Subject
from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.promotion import Promotion
from tail_pipeline.domain.pull_request import PullRequest
from tail_pipeline.domain.questions import Answer, Question, Shape
from tail_pipeline.domain.review import FileVersion
from tail_pipeline.domain.spans import Batches, SegmentFilter, SpanBatch
from tail_pipeline.domain.weeks import Window


class TraceStore(Protocol):
    """Reads units of work from where the team keeps its traces.

    Raises TransientError when the store does not answer and PermanentError when its shape is wrong; both name it.
    """

    @property
    def name(self) -> str:
        """Names the store in messages, without secrets."""
        ...

    def check(self) -> None:
        """Return when the store answers and has what is needed."""
        ...

    def iter_spans(self, window: Window, segment: SegmentFilter) -> Iterator[SpanBatch]:
        """Units that started in the window; of a (trace_id, span_id) met twice the last version comes first."""
        ...

    def iter_feedback(self, window: Window, segment: SegmentFilter) -> Iterator[pl.DataFrame]:
        """(trace_id, span_id) of what was given negative feedback in the window, whenever it started.

        The span may be another of the unit's trace than the unit itself.
        """
        ...

    def fetch_units(self, trace_ids: Sequence[str], segment: SegmentFilter, since: datetime) -> Iterator[SpanBatch]:
        """All units of these traces that started at ``since`` or later."""
        ...

    def count_by_segment(self, window: Window, agent: str, column: str) -> dict[str | None, int]:
        """How many units of the window carry each value of a segment column; None counts those without one."""
        ...


class Redactor(Protocol):
    """Takes private data out before anything is written; to do it twice changes nothing more.

    Raises PermanentError, which quotes no text, when a hook of the agent's own fails.
    """

    @property
    def taken(self) -> Mapping[str, int] | None:
        """How many values were taken out of frames so far, by kind; None where texts are left as recorded."""
        ...

    def redact(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A span frame with placeholders for private values."""
        ...

    def text(self, text: str) -> str:
        """Likewise one text that is in no frame."""
        ...

    def counts(self, seen: Mapping[str | None, int], declared: Collection[str]) -> dict[str | None, int]:
        """Counts by the values of a segment column; those that nobody ``declared`` are redacted."""
        ...


class Scorer(Protocol):
    """Adds what scoring found, ``SCORED_COLUMNS`` but for those of selection, to the frames of a window."""

    def scored(self, batches: Batches) -> Iterator[pl.DataFrame]:
        """The frames in order, no row dropped.

        Raises TransientError or PermanentError, naming the judge, before the first when too much could not be scored.
        """
        ...


class Model(Protocol):
    """A language model behind an endpoint.

    Both methods may be called from several threads. They raise TransientError when the endpoint does not answer,
    PermanentError when it never will (wrong key, unknown model), and BudgetSpentError before a call too many.
    """

    @property
    def name(self) -> str:
        """``endpoint/model``, as it stands in the rubric."""
        ...

    def ask(self, question: Question[Shape]) -> Answer[Shape]:
        """An answer in the question's shape; one that cannot be used is repaired once, then a reason."""
        ...

    def reply(self, prompt: str, *, system_prompt: str | None = None) -> str:
        """What the model writes to a user who sends ``prompt``."""
        ...


@dataclass(frozen=True)
class StoredAnswer:
    """What was once paid for: a JSON value, the calls it took, and the run that ``paid_by`` names."""

    value: Any
    calls: int
    paid_by: str


class AnswerStore(Protocol):
    """Answers by the fingerprint of what was asked; may be used from several threads and runs at once."""

    def get_many(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        """Those of the keys that have an answer."""
        ...

    def put(self, key: str, answer: StoredAnswer, *, replaces: StoredAnswer | None = None) -> StoredAnswer:
        """What is kept, for good, when this returns: the answer, unless another run has kept one since.

        ``replaces`` is what was kept when the question was asked, if anything was.
        """
        ...


class ContentJudge(Protocol):
    """Scores one content against the rubric on main; what was judged before is not paid for again."""

    def judge(self, content: Content) -> Judgement: ...


class Target(Protocol):
    """The agent as it is now, for trying cases on it.

    ``answer`` may be called from several threads. It raises TransientError when the agent does not answer,
    PermanentError when it never will (wrong key, an answer of another shape), and BudgetSpentError before a call too many.
    """

    @property
    def name(self) -> str:
        """Names the agent in files and pull requests, without secrets."""
        ...

    @property
    def fingerprint(self) -> str:
        """Another one wherever the configuration says that something else answers; holds no secret."""
        ...

    def answer(self, asked: str, contexts: Sequence[str], /) -> str:
        """What the agent answers to this input, given these retrieved passages."""
        ...


@dataclass(frozen=True)
class Attempt:
    """One asking: of what (its fingerprint), what (likewise), and for which time, from 1 on."""

    target: str
    question: str
    run: int


class DryRunRecords(Protocol):
    """What the dry runs of one week got, kept as soon as it is there; may be used from several threads and runs at once."""

    def output(self, attempt: Attempt) -> str | None: ...

    def keep_output(self, attempt: Attempt, output: str) -> str:
        """The output that counts from now on: this one, or the one another run kept in the meantime."""
        ...

    def judgement(self, attempt: Attempt, rubric_sha: str, expected: str) -> Judgement | None:
        """What the output was judged; ``expected`` is the fingerprint of the expected output."""
        ...

    def keep_judgement(self, attempt: Attempt, rubric_sha: str, expected: str, judgement: Judgement) -> None: ...

    def forget(self, target: str, questions: Sequence[str]) -> None:
        """Drop outputs and judgements of these questions to this target."""
        ...


class BranchState(StrEnum):
    """How a tail branch stands; ``closed`` is a branch somebody deleted or a pull request closed unmerged."""

    ABSENT = "absent"
    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True)
class TailBranch:
    """A tail branch and every state its file had on it, oldest first; ``head`` is None unless the branch exists."""

    name: str
    state: BranchState
    head: str | None
    versions: tuple[FileVersion, ...]


@dataclass(frozen=True)
class StoredFile:
    """A file of the repository and where it was found: on the base branch (None) or on an unmerged tail branch.

    ``abandoned`` when nobody merged it: the branch was deleted, its pull request closed, or its merge reverted.
    """

    path: str
    text: str
    branch: str | None
    abandoned: bool = False


class Published(StrEnum):
    """What publishing did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class PublishedPullRequest:
    """``notes`` say what could not be done and did not matter enough to fail, such as a reviewer nobody can ask."""

    number: int
    url: str
    head: str
    outcome: Published
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedEscalation:
    """``notes`` say what could not be done and did not matter enough to fail, such as an owner nobody can assign."""

    url: str
    created: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BaseChanges:
    """Where the base branch is, and which files changed since an earlier commit; ``paths`` is None where nobody can say."""

    head: str
    paths: frozenset[str] | None


class Promoted(StrEnum):
    """How promoted cases went into the set: a commit on the base branch, or a pull request where that is protected.

    ``declined`` is such a pull request that somebody closed; ``unchanged`` means that there was nothing to write.
    """

    COMMITTED = "committed"
    PROPOSED = "proposed"
    DECLINED = "declined"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class PublishedPromotion:
    """``url`` leads to the commit or to the pull request."""

    outcome: Promoted
    url: str | None
    notes: tuple[str, ...] = ()


class Repository(Protocol):
    """The team's repository: what counts is on the base branch, what is under review on tail branches."""

    @property
    def name(self) -> str: ...

    def read(self, path: str) -> str | None:
        """Text of a file on the base branch; None when it is not there."""
        ...

    def tail_files(self, tail_dir: str) -> list[StoredFile]:
        """The YAML files directly in a directory: on the base branch, on unmerged and on abandoned tail branches."""
        ...

    def tail_branch(self, name: str, path: str) -> TailBranch:
        """The state of one tail branch and the history of its file."""
        ...

    def file_url(self, branch: str, path: str) -> str | None:
        """Where people read and edit a file of a branch; None without a page for it."""
        ...

    def publish(self, pull_request: PullRequest, branch: TailBranch) -> PublishedPullRequest:
        """Commit and open or update; writes nothing when nothing differs.

        ``branch`` is the state the text was composed against; raises TransientError when it has moved since.
        """
        ...

    def base_changes(self, since: str | None) -> BaseChanges:
        """What happened on the base branch after commit ``since``; it may be gone, or None at the first call."""
        ...

    def merged_by(self, path: str) -> str | None:
        """Names the pull request that last brought a file to the base branch; None where no pull request did."""
        ...

    def promote(self, promotion: Promotion) -> PublishedPromotion:
        """Put the promoted cases on the base branch, or propose them in a pull request where it is protected.

        Raises TransientError when the file on the base branch is no longer ``promotion.before``.
        """
        ...

    def links(self, file: StoredFile) -> TailLinks:
        """Where people look at a tail file; it has a pull request as soon as one was opened, whatever became of it."""
        ...

    def escalate(self, escalation: Escalation) -> PublishedEscalation:
        """Raise the issue unless one with this key exists, open or closed."""
        ...

    def raise_alarm(self, alarm: Alarm) -> str:
        """Open the issue with this key, or update it when it says something else; returns its URL.

        One that was over is opened again; one that somebody closed before that is left alone.
        """
        ...

    def held(self, subject: Subject) -> list[Held]:
        """What ``Holder.held`` promises: branches and references of the subject's weeks, and files of the provider's own."""
        ...

    def forget(self, subject: Subject) -> None:
        """What ``Holder.forget`` promises; raises PermanentError where a branch cannot be deleted."""
        ...

    def remains(self, subject: Subject) -> list[str]:
        """What ``Holder.remains`` promises: what this provider lets nobody delete by program."""
        ...

    def update_alarm(self, alarm: Alarm) -> str | None:
        """Update the issue with this key when it says something else; returns its URL, None where none was ever raised.

        One that was over before is left alone; so is one that somebody closed.
        """
        ...
