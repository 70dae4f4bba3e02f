"""Names that become partition keys, paths and branch names, and the segments an agent declares."""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"
"""Safe in a path, a branch name, a Dagster key and a partition key alike."""

SEGMENT_PLACEHOLDER = "{segment}"

_NAME = re.compile(NAME_PATTERN)
_DIRECTORY = re.compile(r"(?:\w|\{segment\})(?:[\w-]|\.(?!\.)|\{segment\})*", re.ASCII)


class SegmentBy(StrEnum):
    """The span column whose values split an agent's tail."""

    TENANT = "tenant"
    NODE_CLASS = "node_class"


def is_valid_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _name(value: str) -> str:
    if not is_valid_name(value):
        raise ValueError(f"'{value}' must match {NAME_PATTERN}: it becomes a path, a branch and a partition key")
    return value


def _relative_dir(value: str) -> str:
    if not all(_DIRECTORY.fullmatch(part) and not part.endswith((".", ".lock")) for part in value.split("/")):
        raise ValueError(
            f"'{value}' must be a plain relative directory: names of letters, digits, '.', '_' and '-', as branches need them"
        )
    return value


def _segment_values(value: Any) -> Any:
    """A list means that the traces spell each segment as its name."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        repeated = sorted({str(item) for item in value if value.count(item) > 1})
        if repeated:
            raise ValueError(f"declared twice: {', '.join(repeated)}")
        return {item: item for item in value}
    return value


def _segment_names(value: dict[str, Spellings]) -> dict[str, Spellings]:
    for name, spellings in value.items():
        _name(name)
        if name == "tail":
            raise ValueError(
                "'tail' is the name of the directory the segments' files are in; call the segment otherwise"
            )
        _check_spellings(name, _as_list(spellings))
    claims = Counter(spelling for spellings in value.values() for spelling in _as_list(spellings))
    if repeated := sorted(spelling for spelling, count in claims.items() if count > 1):
        raise ValueError(f"two segments claim the same value in the traces: {', '.join(repeated)}")
    return value


def _check_spellings(name: str, spellings: list[str]) -> None:
    if not all(spellings):
        raise ValueError(f"a spelling of {name} is empty; spans that carry no value belong to no segment")
    if repeated := sorted(spelling for spelling, count in Counter(spellings).items() if count > 1):
        raise ValueError(f"{name} has a spelling twice: {', '.join(repeated)}")


def _as_list(spellings: Spellings) -> list[str]:
    return [spellings] if isinstance(spellings, str) else spellings


Spellings = str | Annotated[list[str], Field(min_length=1)]
Name = Annotated[str, AfterValidator(_name)]
RelativeDir = Annotated[str, AfterValidator(_relative_dir)]


class Segments(BaseModel):
    """How an agent's tail is split, so that one part cannot pollute another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    by: Annotated[SegmentBy, Field(strict=False)]
    values: Annotated[
        dict[str, Spellings],
        BeforeValidator(_segment_values, json_schema_input_type=list[str] | dict[str, Spellings]),
        AfterValidator(_segment_names),
        Field(
            min_length=1,
            description="Segment names, or name → how the traces spell it: one spelling, or a list of them.",
        ),
    ]
    eval_dir: RelativeDir | None = Field(
        default=None, description="Per-segment rubric and cases, e.g. eval/{segment}; default: the agent's eval_dir."
    )

    def spellings_of(self, name: str) -> tuple[str, ...]:
        """How the traces spell one segment; a tenant that was renamed in them has several spellings and one tail."""
        return tuple(_as_list(self.values[name]))

    @property
    def spellings(self) -> frozenset[str]:
        """Every spelling that some segment claims."""
        return frozenset(spelling for name in self.values for spelling in self.spellings_of(name))
