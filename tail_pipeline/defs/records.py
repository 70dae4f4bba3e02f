"""What the assets that are no frames hold between steps."""

from __future__ import annotations

from dataclasses import dataclass

from tail_pipeline.domain.reviewer_agreement import ReviewerAgreement
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline.domain.trend import Trend
from tail_pipeline.domain.undecided import UndecidedCase


@dataclass(frozen=True)
class TailProposal:
    """What ``tail_yaml`` holds: the file as this run would write it on an untouched branch, and the trend it ends.

    A shared file, of ``shared_tail``, ends none: growth is in the tenants' own files, and escalates there.
    ``agreement`` is what reviewers decided on in earlier weeks, ``undecided`` what they left open; ``branch`` and
    ``head`` are where the week's file stood when it was written.
    """

    path: str
    branch: str
    head: str | None
    text: str
    file: TailFile
    trend: Trend | None
    agreement: ReviewerAgreement
    undecided: tuple[UndecidedCase, ...] = ()


@dataclass(frozen=True)
class PullRequestRecord:
    """What ``tail_pr`` holds; ``outcome`` also says why nothing was published, ``notes`` what could not be done."""

    branch: str
    outcome: str
    number: int | None = None
    url: str | None = None
    head: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PromotionRecord:
    """What ``cases`` holds: the ids that were promoted, and those that were merged before anybody decided on them.

    ``outcome`` also says why nothing was promoted; ``url`` leads to the commit or the pull request.
    """

    outcome: str
    ids: tuple[str, ...]
    undecided: tuple[str, ...]
    url: str | None = None


@dataclass(frozen=True)
class EscalationRecord:
    """What ``escalation`` holds: the verdict, why the week escalates, and the issue; ``url`` is None where none was raised."""

    verdict: str
    reasons: tuple[str, ...]
    url: str | None
