"""What is wrong with text that is no YAML, in words for whoever edited it: the line, the case and what to do."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from tail_pipeline.domain.errors import Finding

_LINE_END = re.compile("\r\n|\r|\n")
_YAML_ONLY_LINE_END = re.compile("[\x85\u2028\u2029]")
_NOT_TEXT = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7})(?: |$)|={7}$")
_TOP_LEVEL_KEY = re.compile(r"[\"']?([A-Za-z_]\w*)[\"']?:")
_LISTS_OF_CASES = frozenset({"cases", "removed"})
_ITEM = re.compile(r"( *)-(?: |$)")
_ID = re.compile(r"( *)(- +)?(?:\{ *)?id:[ \t]+([\"']?)([^\s\"'#,{}\[\]]+)\3[ \t]*(?:[,}#].*)?$")
_ODD_INDENT = re.compile(r" *([^\S ])")

_UNQUOTED = "put the text in quotes"
_ADVICE = {
    "did not find expected alphabetic or numeric character": f"text cannot begin with * or &; {_UNQUOTED}",
    "found unknown directive name": f"text cannot begin with %; {_UNQUOTED}",
    "mapping values are not allowed in this context": (
        f"a second ': ' in one line, or a line indented further than its neighbours; {_UNQUOTED}, or align the line"
    ),
    "could not find expected ':'": (
        "this line is neither 'key: value' nor indented as part of the text above it; indent or complete it"
    ),
    "did not find expected <document start>": (
        "the document ends before this line; align it with the lines above, or remove the '...' above it"
    ),
    "found unknown escape character": (
        "a backslash between double quotes begins an escape; write it twice, or use single quotes"
    ),
    "did not find expected comment or line break": "behind | or > the text begins in the next line; move it there",
    "block sequence entries are not allowed in this context": "a '- ' item begins in a line of its own; move it there",
    "did not find expected ',' or ']'": f"a [ opens here and is not closed; close it, or {_UNQUOTED}",
    "did not find expected ',' or '}'": f"a {{ opens here and is not closed; close it, or {_UNQUOTED}",
}
"""What libyaml says, and what a person can do about it."""

_SAID_WHERE_IT_BEGAN = (
    "could not find expected ':'",
    "did not find expected ',' or ']'",
    "did not find expected ',' or '}'",
)
_MISPLACED = ("did not find expected key", "did not find expected '-' indicator")


@dataclass(frozen=True)
class Source:
    """The text of a file, its lines counted as editors count them."""

    text: str
    file: str

    @cached_property
    def lines(self) -> list[str]:
        return _LINE_END.split(self.text)

    def line_of(self, mark: Any) -> int:
        """1-based; libyaml begins a line behind U+0085, U+2028 and U+2029 as well, and may end beyond the last one."""
        line: int = mark.line + 1 - bisect_left(self._yaml_only_line_ends, mark.index)
        return min(line, len(self.lines))

    def finding(self, line: int, message: str) -> Finding:
        return Finding(self.file, line, message, self.case_before(line))

    def refused(self) -> Finding | None:
        """Why this need not be parsed at all: it is no text, or git left both sides of a conflict in it."""
        if stray := _NOT_TEXT.search(self.text):
            return self.finding(self._line_at(stray.start()), "not UTF-8 text; save the file as UTF-8")
        marker = next((n for n, line in enumerate(self.lines, 1) if line[:1] in "<>" and _CONFLICT.match(line)), None)
        if marker is None:
            return None
        return self.finding(
            marker,
            "merge conflict markers; keep one of the two sides and remove the lines <<<<<<<, ======= and >>>>>>>",
        )

    def case_before(self, line: int) -> str | None:
        """The id of the case that begins last at or before a line, as far as the text alone tells."""
        before = self.lines[:line]
        if before and (own := _ID.match(before[-1])) and own[2]:
            return own[4]
        start = next((n for n in reversed(range(len(before))) if _TOP_LEVEL_KEY.match(before[n])), None)
        key = None if start is None else _TOP_LEVEL_KEY.match(before[start])
        if start is None or key is None or key[1] not in _LISTS_OF_CASES:
            return None
        items = [(n, match[1]) for n, row in enumerate(before) if n > start and (match := _ITEM.match(row))]
        indent = items[0][1] if items else ""
        begins = max((n for n, own in items if own == indent), default=len(before))
        ids = (match for row in before[begins:] if (match := _ID.match(row)))
        return next((one[4] for one in ids if len(one[1]) == len(indent) + (0 if one[2] else 2)), None)

    def syntax_finding(self, error: yaml.YAMLError, last: yaml.Event | None) -> Finding:
        """What the parser stumbled over; ``last`` is the last event before."""
        mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
        within = getattr(error, "context", None) or ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        if mark is None:
            return self._unreadable(problem)
        line = self.line_of(mark)
        if problem in _MISPLACED and isinstance(last, yaml.ScalarEvent) and last.style in ("'", '"'):
            return self._overrun_quote(last, line)
        if context and "quoted scalar" in within and problem == "found unexpected end of stream":
            return self._not_yaml(self.line_of(context), "the quote that opens here is never closed; close it")
        if context and problem in _SAID_WHERE_IT_BEGAN:
            line = self.line_of(context)
        return self._odd_indent(line) or self._conflict_rest(line) or self._not_yaml(line, self._advice(problem, mark))

    def _advice(self, problem: str, mark: Any) -> str:
        row = self.lines[min(self.line_of(mark), len(self.lines)) - 1]
        if problem == "found character that cannot start any token":
            return f"text cannot begin with {row[mark.column : mark.column + 1]}; {_UNQUOTED}"
        if problem in _MISPLACED:
            if row[: mark.column].strip():
                return "text goes on behind a closing quote or bracket; put all of it in quotes"
            return "indented otherwise than the lines it belongs to; align it with them"
        return _ADVICE.get(problem, problem)

    def _overrun_quote(self, quoted: yaml.ScalarEvent, line: int) -> Finding:
        opened, quote = self.line_of(quoted.start_mark), quoted.style
        doubled = "''" if quote == "'" else '\\"'
        if opened == line:
            message = (
                f"text goes on behind the closing {quote}; put all of it in quotes, each {quote} in it as {doubled}"
            )
        else:
            message = f"the {quote} that opens here is closed in line {line} only; close it where its text ends"
        return self._not_yaml(opened, message)

    def _odd_indent(self, line: int) -> Finding | None:
        """A tab or another blank than a space before the text of the line; editors show them alike."""
        for number in (line, line - 1):
            odd = _ODD_INDENT.match(self.lines[number - 1]) if 0 < number <= len(self.lines) else None
            if odd and (number == line or odd[1] != "\t"):
                name = "a tab" if odd[1] == "\t" else f"a blank that is no space (U+{ord(odd[1]):04X})"
                return self._not_yaml(number, f"the line begins with {name}; indent it with spaces")
        return None

    def _conflict_rest(self, line: int) -> Finding | None:
        for number in (line, line - 1):
            if 0 < number <= len(self.lines) and _CONFLICT.match(self.lines[number - 1]):
                return self.finding(number, "what is left of merge conflict markers; remove the line")
        return None

    def _unreadable(self, problem: str) -> Finding:
        hidden = _CONTROL.search(self.text)
        if hidden is None:
            return self._not_yaml(0, problem)
        message = f"control characters such as {hidden[0]!r} are not allowed; remove them"
        return self._not_yaml(self._line_at(hidden.start()), message)

    def _not_yaml(self, line: int, message: str) -> Finding:
        return self.finding(line, f"not valid YAML: {message}")

    def _line_at(self, index: int) -> int:
        return len(_LINE_END.findall(self.text, 0, index)) + 1

    @cached_property
    def _yaml_only_line_ends(self) -> list[int]:
        return [match.start() for match in _YAML_ONLY_LINE_END.finditer(self.text)]
