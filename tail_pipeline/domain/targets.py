"""How the agent in production is reached, for trying cases on it as it is now: the records of ``target:``."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag

from tail_pipeline.domain.cases import Record
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.rubric import Rubric

MODEL_PRIMARY = "model_primary"
_KINDS = ("model", "http", "python")


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    # Reading the port is what finds out whether it is one.
    if (
        parts.port == 0
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or re.search(r"[\s`\x00-\x1f\x7f]", value)
    ):
        raise ValueError("must be an http:// or https:// address without blanks")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password; name the environment variable of a bearer token as token_env")
    return value


def _path_in_checkout(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/") or not value.strip():
        raise ValueError(f"'{value}' must be a path inside the checkout, such as prompts/support.md")
    return value


class ModelTarget(Record):
    """A model behind an endpoint, with the agent's system prompt."""

    model: Annotated[str, Field(pattern=rf"^({MODEL_PRIMARY}|[a-z0-9][a-z0-9_-]*/[^\s`]+)$")] = Field(
        description="endpoint/model, or model_primary for the one the rubric names."
    )
    system_prompt: Annotated[str, AfterValidator(_path_in_checkout)] | None = Field(
        default=None, description="A text file of the checkout; read when a case is run."
    )

    def resolved(self, rubric: Rubric) -> str:
        """``endpoint/model``; raises PermanentError where the rubric names no ``model_primary``."""
        if self.model != MODEL_PRIMARY:
            return self.model
        if rubric.model_primary is None:
            raise PermanentError(
                "the target is model_primary, and the rubric names none; set model_primary in the rubric, or a model under target"
            )
        return rubric.model_primary


class HttpTarget(Record):
    """A service that takes ``{"input": …, "context": […]}`` and answers ``{"output": …}`` or plain text."""

    http: Annotated[str, AfterValidator(_http_url)] = Field(description="Where cases are posted to.")
    token_env: str | None = Field(default=None, description="Environment variable of a bearer token.")


class PythonTarget(Record):
    """A function called with an input and a list of contexts, from several threads; returns the answer."""

    python: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")] = Field(
        description="package.module:function, in the checkout or installed."
    )


def _kind_of(value: Any) -> str | None:
    """The one of the three keys that is there; None where it is none of them, or two."""
    if isinstance(value, ModelTarget | HttpTarget | PythonTarget):
        return next(kind for kind in _KINDS if kind in type(value).model_fields)
    given = [kind for kind in _KINDS if kind in value] if isinstance(value, dict) else []
    return given[0] if len(given) == 1 else None


TargetConfig = ModelTarget | HttpTarget | PythonTarget

TargetField = Annotated[
    Annotated[ModelTarget, Tag("model")] | Annotated[HttpTarget, Tag("http")] | Annotated[PythonTarget, Tag("python")],
    Discriminator(
        _kind_of,
        custom_error_type="target_kind",
        custom_error_message="needs exactly one of the keys model, http and python",
    ),
]
"""A target as it stands in YAML: which one it is shows in the key."""


def name_of(target: TargetConfig, rubric: Rubric) -> str:
    """The target as people see it, in files and pull requests: nothing of an address that could be a secret."""
    match target:
        case ModelTarget():
            return rubric.model_primary or MODEL_PRIMARY if target.model == MODEL_PRIMARY else target.model
        case HttpTarget():
            parts = urlsplit(target.http)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        case PythonTarget():
            return target.python
