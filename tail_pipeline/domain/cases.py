"""The rows of ``cases.yaml``, every case a new model has to pass, and of ``cases_removed.yaml``, those it no longer has to."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tail_pipeline.domain.rubric import CostWeight


class Record(BaseModel):
    """A record of a file that people edit: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Provenance(Record):
    """Where a promoted case came from."""

    week: str
    tail_file: str
    pull_request: str | None = None


class Case(Record):
    """One case of the evaluation set; ``expected`` is null where the criteria alone decide."""

    id: Annotated[str, Field(min_length=1)]
    input: str
    context: list[str] = Field(default_factory=list)
    expected: str | None = None
    labels: list[str] = Field(default_factory=list)
    source: Literal["poc", "tail_miner", "incident", "customer", "security"]
    cost_weight: CostWeight = 1
    provenance: Provenance | None = None


class CasesFile(Record):
    """The whole of ``cases.yaml``."""

    cases: list[Case]


class RemovedCase(Record):
    """A case that somebody took out of the set, and why.

    ``duplicate``: another case asks the same. ``wrong``: its expected output never was right. ``feature_removed``:
    nobody can ask this any more. ``policy_changed``: it was right once. ``private_data``: it held what has no place
    in a repository.
    """

    id: Annotated[str, Field(min_length=1)]
    reason: Literal["duplicate", "wrong", "feature_removed", "policy_changed", "private_data"]
    who: Annotated[str, Field(min_length=1)]
    when: date


class RemovedCasesFile(Record):
    """The whole of ``cases_removed.yaml``."""

    removed: list[RemovedCase]
