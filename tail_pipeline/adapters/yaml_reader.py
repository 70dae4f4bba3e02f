"""Reads YAML that people edit and traces fill: safe tags only, bounded, and every value with its line.

Size and nesting are measured on the parser's events before anything is built, because composing 100,000 nested
brackets overflows the C stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tail_pipeline.adapters.yaml_fields import field_message
from tail_pipeline.adapters.yaml_syntax import Source
from tail_pipeline.domain.errors import Finding, InvalidFile

MAX_BYTES = 60_000_000
MAX_DEPTH = 50
MAX_VALUES = 1_000_000
"""Keys and values of one file, some 50,000 cases; as many take seven seconds to read."""

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
)

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Parsed YAML: plain Python data, the 1-based line of each key and list item, and how what is no text is spelt."""

    file: str
    data: Any
    lines: dict[Path, int] = field(repr=False)
    spelt: dict[Path, str] = field(repr=False)

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
    """Parse one document; raises InvalidFile with the line of what is wrong, and with the case it is in."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise InvalidFile([Finding(file, 0, f"larger than {MAX_BYTES // 1_000_000} MB; split or trim the file")])
    source = Source(text, file)
    if refused := source.refused():
        raise InvalidFile([refused])
    _check_events(source)
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        builder = _Builder(source, loader)
        data = builder.build(node, ()) if node is not None else None
    finally:
        loader.dispose()
    document = Document(file, data, builder.lines, builder.spelt)
    if builder.problems:
        raise InvalidFile([Finding(file, line, text, document.case_at(path)) for path, line, text in builder.problems])
    return document


def validated(document: Document, model: type[Model]) -> Model:
    """The document as a record; raises InvalidFile with every wrong field, each with its line."""
    if document.data is None:
        raise InvalidFile([Finding(document.file, 0, "the file is empty")])
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise InvalidFile(list(_field_findings(document, error.errors()))) from error


def _field_findings(document: Document, details: list[ErrorDetails]) -> Iterator[Finding]:
    """A finding for each wrong field; a misspelt key and the key that is missing for it are one."""
    missing = {tuple(detail["loc"]) for detail in details if detail["type"] == "missing"}
    meant: dict[Path, str] = {}
    for detail in details:
        path = tuple(detail["loc"])
        if detail["type"] == "extra_forbidden":
            beside = [str(one[-1]) for one in missing if one[:-1] == path[:-1]]
            if close := get_close_matches(str(path[-1]), beside, n=1):
                meant[path] = close[0]
                missing.discard((*path[:-1], close[0]))
    for detail in details:
        path = tuple(detail["loc"])
        if path in meant:
            yield document.finding(path, f"unknown key; did you mean {meant[path]}?")
        elif detail["type"] != "missing" or path in missing:
            yield document.finding(path, field_message(detail, document.spelt.get(path)))


@dataclass(frozen=True)
class FirstList:
    """How the first list of a document is written, and from where to where its text goes when it is in brackets.

    ``line`` is 1-based; columns are 0-based, ``column`` that of the first dash and ``mapping_column`` that of the
    keys the list stands under.
    """

    line: int
    start: int
    end: int
    column: int
    mapping_column: int
    in_brackets: bool
    in_braces: bool
    empty: bool


def first_list(text: str) -> FirstList:
    """The first list of a text that ``parse`` has accepted and that holds one in its top-level mapping."""
    events: Any = yaml.parse(text, Loader=yaml.CSafeLoader)
    mapping: Any = next(event for event in events if isinstance(event, yaml.MappingStartEvent))
    first: Any = next(event for event in events if isinstance(event, yaml.SequenceStartEvent))
    following = next(events)
    events.close()
    # The parser does not count a byte order mark.
    offset = len(text) - len(text.removeprefix("\ufeff"))
    return FirstList(
        line=first.start_mark.line + 1,
        start=first.start_mark.index + offset,
        end=following.end_mark.index + offset,
        column=first.start_mark.column,
        mapping_column=mapping.start_mark.column,
        in_brackets=bool(first.flow_style),
        in_braces=bool(mapping.flow_style),
        empty=isinstance(following, yaml.SequenceEndEvent),
    )


def _check_events(source: Source) -> None:
    """Raises InvalidFile when the text is no YAML, or YAML that must not be built."""
    bounds, event = _Bounds(), None
    try:
        for event in yaml.parse(source.text, Loader=yaml.CSafeLoader):
            if refusal := bounds.refusal(event):
                raise InvalidFile([source.finding(source.line_of(event.start_mark), refusal)])
    except yaml.YAMLError as error:
        raise InvalidFile([source.syntax_finding(error, event)]) from error


class _Bounds:
    """What a file may hold, measured on the events that have gone by."""

    def __init__(self) -> None:
        self._depth = self._values = self._documents = 0

    def refusal(self, event: yaml.Event) -> str | None:
        """Why the event must not be built; None when it may."""
        self._depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        self._values += isinstance(event, yaml.ScalarEvent)
        self._documents += isinstance(event, yaml.DocumentStartEvent)
        if self._depth > MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH} levels; put text with brackets in quotes"
        if self._values > MAX_VALUES:
            return f"more than {MAX_VALUES:,} values from here on; split or trim the file"
        if self._documents > 1:
            return "a second document begins here; a file holds one, remove the line '---'"
        if isinstance(event, yaml.AliasEvent):
            return "aliases (*name) are not allowed; repeat the value, or put text that begins with * in quotes"
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            return "anchors (&name) are not allowed; put text that begins with & in quotes"
        return None


class _Builder:
    """Builds plain data from nodes, remembering lines and spellings, and refusing duplicate keys and foreign tags."""

    def __init__(self, source: Source, loader: Any) -> None:
        self._source = source
        self._loader = loader
        self.lines: dict[Path, int] = {}
        self.spelt: dict[Path, str] = {}
        self.problems: list[tuple[Path, int, str]] = []

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, self._line(node))
        if not self._is_plain(node, path):
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
            problem = getattr(error, "problem", None) or str(error)
            self._find(node, path, f"cannot be read: {problem}; put text in quotes")
            return None
        if not isinstance(value, str):
            self.spelt[path] = node.value
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        repeated: list[yaml.ScalarNode] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                self._find(key_node, path, "a key must be a plain word")
                continue
            if not self._is_plain(key_node, path):
                continue
            key = key_node.value
            if key in result:
                repeated.append(key_node)
                continue
            self.lines[(*path, key)] = self._line(key_node)
            result[key] = self.build(value_node, (*path, key))
        self._refuse_repeated(repeated, path)
        return result

    def _refuse_repeated(self, repeated: list[yaml.ScalarNode], path: Path) -> None:
        """One finding, however many: most are a list item that lost its dash."""
        if not repeated:
            return
        first = repeated[0]
        message = f"duplicate key '{first.value}', first in line {self.lines[(*path, first.value)]}; remove one of them"
        if len(repeated) > 1:
            message += f" ({len(repeated) - 1} more keys stand twice: is a '- ' missing before '{first.value}'?)"
        self._find(first, path, message)

    def _is_plain(self, node: yaml.Node, path: Path) -> bool:
        """Whether the tag is one of YAML's own and fits the node; a finding where it is not."""
        collection = {"map": yaml.MappingNode, "seq": yaml.SequenceNode}
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        expected = collection.get(kind, yaml.ScalarNode)
        if node.tag in _PLAIN_TAGS and isinstance(node, expected):
            return True
        name = node.tag if kind == node.tag else f"!!{kind}"
        self._find(node, path, f"the tag {name} is not allowed; put text that begins with ! in quotes")
        return False

    def _find(self, node: yaml.Node, path: Path, message: str) -> None:
        self.problems.append((path, self._line(node), message))

    def _line(self, node: yaml.Node) -> int:
        return self._source.line_of(node.start_mark)
