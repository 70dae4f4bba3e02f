"""Reads YAML that people edit and traces fill: safe tags only, bounded, and every value with its line.

Size and nesting are measured on the parser's events before anything is built, because composing 100,000 nested
brackets overflows the C stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tail_pipeline.domain.errors import Finding, InvalidFile

MAX_BYTES = 60_000_000
MAX_DEPTH = 50

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
)

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Parsed YAML: plain Python data, and the 1-based line of each key and list item."""

    file: str
    data: Any
    lines: dict[Path, int] = field(repr=False)

    def line_of(self, path: Path) -> int:
        """The line of the value, or of the nearest part of the path that exists (pydantic adds union tags)."""
        place: Path = ()
        for part in path:
            if (*place, part) in self.lines:
                place = (*place, part)
        return self.lines.get(place, 1)

    def case_at(self, path: Path) -> str | None:
        """The id of the case the path lies in, for files that list cases."""
        match path:
            case ("cases" | "removed" as name, int(index), *_):
                cases = self.data.get(name) if isinstance(self.data, dict) else None
                case = cases[index] if isinstance(cases, list) and index < len(cases) else None
                case_id = case.get("id") if isinstance(case, dict) else None
                return case_id if isinstance(case_id, str) else f"{name}[{index}]"
        return None

    def finding(self, path: Path, message: str) -> Finding:
        """``message`` at the place of ``path``, led by the field's name."""
        case = self.case_at(path)
        named = path[2:] if case else path
        name = ".".join(str(part) for part in named)
        return Finding(self.file, self.line_of(path), f"{name}: {message}" if name else message, case)


def parse(text: str, file: str) -> Document:
    """Parse one document; raises InvalidFile with the line of what is wrong."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise InvalidFile([Finding(file, 0, f"larger than {MAX_BYTES // 1_000_000} MB; split or trim the file")])
    marker = next((n for n, line in enumerate(text.split("\n"), 1) if line.startswith(("<<<<<<< ", ">>>>>>> "))), None)
    if marker:
        raise InvalidFile([Finding(file, marker, "unresolved merge conflict; choose a side and remove the markers")])
    try:
        _check_events(text, file)
        loader = yaml.CSafeLoader(text)
        try:
            node = loader.get_single_node()
            builder = _Builder(file, loader)
            data = builder.build(node, ()) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise InvalidFile([_syntax_finding(error, text, file)]) from error
    if builder.findings:
        raise InvalidFile(builder.findings)
    return Document(file, data, builder.lines)


def validated(document: Document, model: type[Model]) -> Model:
    """The document as a record; raises InvalidFile with every wrong field, each with its line."""
    if document.data is None:
        raise InvalidFile([Finding(document.file, 0, "the file is empty")])
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        findings = [document.finding(tuple(detail["loc"]), _message(detail)) for detail in error.errors()]
        raise InvalidFile(findings) from error


def _check_events(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise InvalidFile([Finding(file, line, "aliases (*name) are not allowed; repeat the value")])
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                message = f"nested deeper than {MAX_DEPTH} levels"
                raise InvalidFile([Finding(file, line, message)])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth -= 1


class _Builder:
    """Builds plain data from nodes, remembering lines and refusing duplicate keys and foreign tags."""

    def __init__(self, file: str, loader: Any) -> None:
        self._file = file
        self._loader = loader
        self.lines: dict[Path, int] = {}
        self.findings: list[Finding] = []

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if not self._is_plain(node):
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
            problem = getattr(error, "problem", None) or str(error)
            self._find(node, f"cannot be read: {problem}")
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                self._find(key_node, "a key must be a plain word")
                continue
            if not self._is_plain(key_node):
                continue
            key = key_node.value
            if key in result:
                self._find(key_node, f"duplicate key '{key}'")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = self.build(value_node, (*path, key))
        return result

    def _is_plain(self, node: yaml.Node) -> bool:
        """Whether the tag is one of YAML's own and fits the node; a finding where it is not."""
        collection = {"map": yaml.MappingNode, "seq": yaml.SequenceNode}
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        expected = collection.get(kind, yaml.ScalarNode)
        if node.tag in _PLAIN_TAGS and isinstance(node, expected):
            return True
        self._find(node, f"the tag {node.tag!r} is not allowed here; write plain YAML")
        return False

    def _find(self, node: yaml.Node, message: str) -> None:
        self.findings.append(Finding(self._file, node.start_mark.line + 1, message))


def _syntax_finding(error: yaml.YAMLError, text: str, file: str) -> Finding:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    line = mark.line + 1 if mark else 0
    if not mark:
        hidden = _CONTROL.search(text)
        if hidden:
            line, problem = (
                text.count("\n", 0, hidden.start()) + 1,
                f"control characters such as {hidden[0]!r} are not allowed; remove them",
            )
    elif line <= text.count("\n") + 1 and text.split("\n")[line - 1].lstrip(" ").startswith("\t"):
        problem = f"{problem}; the line begins with a tab, and YAML is indented with spaces"
    return Finding(file, line, f"not valid YAML: {problem}")


def _message(detail: ErrorDetails) -> str:
    """Pydantic's finding in our words, with what was found."""
    found = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            return "unknown key; check the spelling or remove it"
        case "missing":
            return "is missing"
        case "model_type":
            return f"must be a mapping, found {_shown(found)}"
        case "finite_number":
            return "must be a finite number"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "union_tag_not_found":
            return f"needs the key {detail['ctx']['discriminator']}"
        case "union_tag_invalid":
            context = detail["ctx"]
            return f"{context['discriminator'].strip(chr(39))} is '{context['tag']}', expected one of {context['expected_tags']}"
        case "literal_error" if isinstance(found, bool):
            return f"must be {detail['ctx']['expected']}; an unquoted yes, no, on or off is a boolean in YAML"
        case "literal_error":
            return f"must be {detail['ctx']['expected']}, found {_shown(found)}"
    text = detail["msg"].removeprefix("Input should be ")
    return f"must be {text}, found {_shown(found)}" if text != detail["msg"] else f"{text}, found {_shown(found)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
