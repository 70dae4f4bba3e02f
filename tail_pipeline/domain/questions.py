"""Questions to a model that are answered in a fixed JSON shape, and what came back.

A model that failed says nothing about what it was asked: an answer that cannot be used is no value and a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel

Shape = TypeVar("Shape", bound=BaseModel)


def _no_problem(_value: BaseModel) -> None:
    return None


@dataclass(frozen=True)
class Question(Generic[Shape]):
    """One question: ``instructions`` are ours alone, ``text`` may hold untrusted text.

    ``problem`` says what is wrong with an answer that has the right shape, or None; it is told to the model once.
    """

    name: str
    instructions: str
    text: str
    shape: type[Shape]
    problem: Callable[[Shape], str | None] = _no_problem
    max_output_tokens: int = 2_000


@dataclass(frozen=True)
class Answer(Generic[Shape]):
    """``value`` or the ``reason`` why there is none; ``calls`` were made for it, retries and the repair included.

    ``served_by`` is the very model that answered, such as the dated snapshot behind an alias, where the endpoint says.
    """

    value: Shape | None
    reason: str | None
    calls: int
    served_by: str | None = field(default=None, compare=False)


class BudgetSpentError(Exception):
    """No further call may be made in this run; raised before the call, never after."""
