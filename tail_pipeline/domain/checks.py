"""The kinds of ``check:`` a criterion in ``rubric.yaml`` may have; ``criterion_checks`` runs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1)]


def _as_list(value: Any) -> Any:
    """One text may stand without its list."""
    return [value] if isinstance(value, str) else value


def _compiles(pattern: str) -> str:
    import regex

    try:
        regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


def _is_schema(schema: dict[str, Any]) -> dict[str, Any]:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    dialect: Any = validator_for(schema, default=Draft202012Validator)
    try:
        dialect.check_schema(schema, format_checker=dialect.FORMAT_CHECKER)
    except SchemaError as error:
        place = ".".join(str(part) for part in error.absolute_path)
        raise ValueError(f"not a JSON schema: {f'{place}: ' if place else ''}{error.message}") from error
    for keyword, value in _entries(schema):
        if keyword == "$ref" and isinstance(value, str) and not value.startswith("#"):
            raise ValueError(f"refers to {value}, and nothing is fetched; put it under $defs and refer to #/$defs/…")
        if keyword == "patternProperties":
            raise ValueError("patternProperties cannot be timed on hostile keys; use propertyNames with a pattern")
    return schema


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key of every mapping, at whatever depth."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield from value.items()
    for one in inner:
        yield from _entries(one)


CallablePath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]
"""``package.module:function``."""


class Measured(BaseModel):
    """A measure in 0..1, as it is or held against a line."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    at_least: Share | None = Field(
        default=None, description="1 from this value on and 0 below it; absent: the measure itself is the score."
    )


class Check(BaseModel):
    """What code decides about an answer: exactly one of these."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    contains: Annotated[
        list[_Text] | None,
        BeforeValidator(_as_list, json_schema_input_type=_Text | list[_Text] | None),
        Field(default=None, min_length=1, description="All of these stand in the output, in whatever case."),
    ]
    regex: Annotated[_Text, AfterValidator(_compiles)] | None = Field(
        default=None, description="Matches somewhere in the output."
    )
    json_schema: Annotated[dict[str, Any], AfterValidator(_is_schema)] | None = Field(
        default=None, description="The output is JSON, and valid under this schema."
    )
    max_length: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Characters, at most.")
    similarity: Measured | None = Field(
        default=None, description="Words shared with the expected output; does not apply where there is none."
    )
    grounded: Measured | None = Field(
        default=None,
        description="How much of the output's wording stands in the contexts; does not apply where there are none.",
    )
    python: CallablePath | None = Field(
        default=None,
        description="package.module:function, called with input, output, contexts and expected; a bool, or 0..1.",
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Check:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"needs exactly one of {', '.join(type(self).model_fields)}; found {' and '.join(given) or 'none'}"
            )
        return self
