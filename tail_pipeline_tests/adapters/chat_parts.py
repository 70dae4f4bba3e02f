"""A question, the answers to it and a clock that is told the time, for the tests of the chat client."""

from __future__ import annotations

import threading
from typing import Any

from pydantic import BaseModel

from tail_pipeline.domain.questions import Question
from tail_pipeline.domain.rubric import Share

MODEL = "loop/org/judge-1"


class Grade(BaseModel):
    """What the judge of these tests is asked for."""

    score: Share
    why: str


GOOD: dict[str, Any] = {"score": 0.5, "why": "half of it"}
QUESTION = Question("grade", "Grade the text.", "Some text to grade.", Grade, max_output_tokens=50)


class ToldTime:
    """Time passes only where somebody sleeps; ``waits`` are the sleeps in order."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._now = 1_000.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self._now += seconds
