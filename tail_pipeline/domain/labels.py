"""Answers with a person's word on whether they fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tail_pipeline.domain.judgement import Content
from tail_pipeline.domain.tail_file import TailFile


@dataclass(frozen=True)
class Labelled:
    """One answer; ``fails`` is a person's verdict."""

    content: Content
    fails: bool


def reviewed_answers(tails: Iterable[TailFile]) -> list[Labelled]:
    """The answers reviewers decided on: promoted means that the answer fails, rejected that it passes.

    Undecided cases and cases without an observed answer are left out. The expected output is left out as well: the
    score that brought the case in was made without it.
    """
    return [
        Labelled(
            Content(case.input, case.cluster.observed_output, tuple(case.context)), fails=case.status == "promoted"
        )
        for tail in tails
        for case in tail.cases
        if case.status != "proposed" and case.input is not None and case.cluster.observed_output is not None
    ]
