"""The rows of ``cases.yaml``, every case a new model has to pass, and of ``cases_removed.yaml``, those it no longer has to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tail_pipeline.domain.rubric import CostWeight
from tail_pipeline.domain.yaml_text import Flow, list_items


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


def render_rows(rows: Sequence[Case], *, indent: int) -> str:
    """List items as they stand under ``cases:``, for appending to a file that people format by hand."""
    return list_items([_layout(row) for row in rows], indent)


def render_new_set(rows: Sequence[Case], *, schema_path: str) -> str:
    """A cases file with these rows; ``schema_path`` is where the JSON schema lies, seen from the file."""
    return f"# yaml-language-server: $schema={schema_path}\ncases:\n{render_rows(rows, indent=2)}"


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


def render_removed(rows: Sequence[RemovedCase], *, indent: int) -> str:
    """List items as they stand under ``removed:``, one a line."""
    return list_items([Flow(row.model_dump()) for row in rows], indent)


def _layout(row: Case) -> dict[str, Any]:
    layout = row.model_dump()
    if row.provenance is not None:
        layout["provenance"] = Flow(layout["provenance"])
    return layout
