"""Holds exchanges against GitHub's published OpenAPI description, where it can be had.

The description comes as the npm package ``@octokit/openapi``, fetched once into the user's cache.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock
from jsonschema import Draft4Validator, FormatChecker
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tail_pipeline_tests.github_server.exchanges import Exchange

PACKAGE = "@octokit/openapi"
VERSION = "23.0.2"
_MEMBER = "package/generated/api.github.com.json"
_URI = "urn:github"
_FETCH_TIMEOUT_S = 120
_ERRORS = {301, 307, 401, 403, 404, 422, 429}
"""GitHub answers these wherever they fit; the description lists them with some operations only."""

_KNOWN_TO_DIFFER = re.compile(
    # GitHub sends "status" with every error; the description knows it in basic-error only.
    r"response has status, which"
    # PyGithub asks every listing for a page of so many, this one too, which has no pages.
    r"|/matching-refs/\S+ .*: the query has per_page,"
    # A label made by naming it on an issue has no description; the listing of pull requests says it always has one.
    r"|labels\[\d+\]\.description None is not of type 'string'"
    # "You can also pass an array of labels directly", says the text beside a schema that allows objects only.
    r"|(POST|PUT) \S+/labels .*: body: \$ \[.*\] is not of type 'object'"
)
"""Where GitHub does otherwise than its own description says."""


class DescriptionUnavailable(Exception):
    """GitHub's description cannot be had here; the message says why."""


def description() -> dict[str, Any]:
    """GitHub's description, from the cache or fetched into it. Raises DescriptionUnavailable."""
    found = _description()
    if isinstance(found, DescriptionUnavailable):
        raise found
    return found


@cache
def _description() -> dict[str, Any] | DescriptionUnavailable:
    """Tried once a process, also where it fails: without a network that takes its time."""
    path = _cache_directory() / f"github-openapi-{VERSION}.json"
    try:
        with FileLock(f"{path}.lock"):
            if not path.exists():
                _fetch(path)
    except DescriptionUnavailable as error:
        return error
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def _cache_directory() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = home / "tail-pipeline-tests"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _fetch(path: Path) -> None:
    if shutil.which("npm") is None:
        raise DescriptionUnavailable(f"npm is not here, so {PACKAGE} {VERSION} cannot be fetched")
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        command = ["npm", "pack", "--silent", "--fetch-retries=0", f"{PACKAGE}@{VERSION}"]
        try:
            subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=_FETCH_TIMEOUT_S)
            (packed,) = Path(directory).glob("*.tgz")
            with tarfile.open(packed) as archive:
                archive.extract(_MEMBER, directory, filter="data")
        except (subprocess.SubprocessError, ValueError, KeyError, tarfile.TarError) as error:
            raise DescriptionUnavailable(f"npm did not give {PACKAGE} {VERSION}: {type(error).__name__}") from error
        (Path(directory) / _MEMBER).rename(path)


def violations(exchanges: Iterable[Exchange]) -> list[str]:
    """What the description does not allow in these exchanges, one line each; empty where the description is not to be had.

    Answers that a fault put in place of the real one are not held against it; their requests are.
    """
    try:
        found = description()
    except DescriptionUnavailable:
        return []
    checker = _Checker(found)
    lines = (f"{exchange}: {problem}" for exchange in exchanges for problem in checker.problems(exchange))
    return [line for line in lines if not _KNOWN_TO_DIFFER.search(line)]


class _Checker:
    """Reads of the description only what the exchanges need."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._description = found
        resource = Resource.from_contents(found, default_specification=DRAFT4)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)

    def problems(self, exchange: Exchange) -> Iterator[str]:
        operation = self._description["paths"].get(exchange.template or "", {}).get(exchange.method.lower())
        if operation is None:
            yield "GitHub documents no such operation"
            return
        pointer = f"/paths/{_escaped(exchange.template or '')}/{exchange.method.lower()}"
        yield from self._query_problems(exchange, operation)
        yield from self._body_problems(exchange, operation, pointer)
        if exchange.fault is None:
            yield from self._response_problems(exchange, operation, pointer)

    def _query_problems(self, exchange: Exchange, operation: Mapping[str, Any]) -> Iterator[str]:
        known = {one["name"]: one for one in self._parameters(operation) if one["in"] == "query"}
        for name, text in exchange.query.items():
            if name not in known:
                yield f"the query has {name}, which GitHub does not know here"
            elif problem := self._first(known[name]["schema"], _read(text, known[name]["schema"])):
                yield f"the query's {name}: {problem}"
        for name, parameter in known.items():
            if parameter.get("required") and name not in exchange.query:
                yield f"the query lacks {name}"

    def _parameters(self, operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for one in operation.get("parameters", ()):
            yield self._at(one["$ref"].removeprefix("#")) if "$ref" in one else one

    def _body_problems(self, exchange: Exchange, operation: Mapping[str, Any], pointer: str) -> Iterator[str]:
        described = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if described is None:
            if exchange.body:
                yield "a body where GitHub takes none"
            return
        if exchange.body is None:
            if operation["requestBody"].get("required"):
                yield "no body where GitHub needs one"
            return
        if exchange.status == 422 and exchange.fault is None:
            return  # the client was told
        yield from self._content_problems(
            f"{pointer}/requestBody/content/application~1json/schema", exchange.body, "body"
        )

    def _response_problems(self, exchange: Exchange, operation: Mapping[str, Any], pointer: str) -> Iterator[str]:
        status = str(exchange.status)
        response = operation["responses"].get(status)
        if response is None and exchange.status not in _ERRORS:
            yield f"GitHub documents no {status} here"
            return
        at = f"{pointer}/responses/{status}"
        if response and "$ref" in response:
            at = response["$ref"].removeprefix("#")
            response = self._at(at)
        if response and "schema" in response.get("content", {}).get("application/json", {}):
            yield from self._content_problems(f"{at}/content/application~1json/schema", exchange.response, "response")
        elif int(status) >= 300:
            schema = "validation-error" if status == "422" else "basic-error"
            yield from self._content_problems(f"/components/schemas/{schema}", exchange.response, "response")
        elif exchange.response is not None:
            yield f"GitHub sends no body with {status}"

    def _content_problems(self, pointer: str, value: Any, what: str) -> Iterator[str]:
        if problem := self._first({"$ref": f"{_URI}#{pointer}"}, value):
            yield f"{what}: {problem}"
        unknown = sorted(self._unknown(self._at(pointer), value))
        if unknown:
            yield f"{what} has {', '.join(unknown)}, which GitHub does not describe"

    def _first(self, schema: Mapping[str, Any], value: Any) -> str | None:
        validator = _OpenApi30Validator(schema, registry=self._registry, format_checker=_FORMATS)
        for error in validator.iter_errors(value):
            deepest = _deepest(error)
            return f"{deepest.json_path} {deepest.message[:300]}"
        return None

    def _unknown(self, schema: Mapping[str, Any], value: Any) -> set[str]:
        """The names in an object, or in the objects of a list, that a schema says nothing of."""
        while "$ref" in schema:
            schema = self._at(schema["$ref"].removeprefix("#"))
        if isinstance(value, list) and "items" in schema:
            return {name for one in value for name in self._unknown(schema["items"], one)}
        closed = "properties" in schema and not schema.get("additionalProperties") and "oneOf" not in schema
        if not isinstance(value, dict) or not closed:
            return set()
        return set(value) - set(schema["properties"])

    def _at(self, pointer: str) -> Any:
        found: Any = self._description
        for part in pointer.split("/")[1:]:
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found


def _deepest(error: Any) -> Any:
    """The most telling of the errors behind a failed ``anyOf`` or ``oneOf``: the one furthest into the value."""
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    return error


def _escaped(template: str) -> str:
    return template.replace("~", "~0").replace("/", "~1")


def _read(text: str, schema: Mapping[str, Any]) -> Any:
    """A query's text as the type its schema asks for."""
    kind = schema.get("type")
    with suppress(ValueError):
        return int(text) if kind == "integer" else json.loads(text) if kind in {"boolean", "number"} else text
    return text


# OpenAPI 3.0 is JSON Schema draft 4 but for ``nullable``, beside whatever else a schema asks.


def _nullable(check: Any) -> Any:
    def checked(validator: Validator, asked: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if not (value is None and schema.get("nullable")):
            yield from check(validator, asked, value, schema) or ()

    return checked


_OpenApi30Validator = extend(  # type: ignore[no-untyped-call]
    Draft4Validator, {name: _nullable(check) for name, check in Draft4Validator.VALIDATORS.items() if name != "$ref"}
)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)
