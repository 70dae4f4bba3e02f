"""What reviewers do to a tail file by hand, and the one finding each of it has to give."""

from __future__ import annotations

from dataclasses import dataclass

from tail_pipeline_tests.adapters.eval_texts import case, tail_text

PATH = "eval/tail/2026-W17.yaml"
ONE, TWO = "tail-2026W17-001", "tail-2026W17-002"
ANSWER = "The refund takes two weeks."


def healthy_text() -> str:
    """Two decided cases, each with a text of several lines."""
    cases = [
        case(one, status="promoted", expected=ANSWER, input=f"what of {one}\nand of my refund") for one in (ONE, TWO)
    ]
    return tail_text("2026-W17", cases)


LINES = healthy_text().splitlines()
SECOND = LINES.index(f"  - id: {TWO}") + 1
TITLE, STATUS, REASON, INPUT, TEXT, CONTEXT, EXPECTED = (SECOND + offset for offset in (1, 2, 3, 4, 5, 7, 8))
CASES = LINES.index("cases:") + 1
LAST = len(LINES)


@dataclass(frozen=True)
class Breakage:
    """``message`` is the finding's own words, without its place; ``line`` is 0 where it concerns the whole file."""

    broken: bytes
    line: int
    case: str | None
    message: str

    def shown(self, file: str = PATH) -> str:
        """The finding as people read it."""
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {f'{self.case}: ' if self.case else ''}{self.message}"


def edited(old: str, new: str) -> bytes:
    """The file with one place of its second case edited."""
    first, marker, second = healthy_text().partition(f"  - id: {TWO}")
    second = marker + second
    assert old in second
    return (first + second.replace(old, new, 1)).encode()


def answered(written: str) -> bytes:
    """The file with what a reviewer typed behind ``expected:``."""
    return edited(f"expected: {ANSWER}", f"expected: {written}".rstrip(" "))


def in_second(line: int, message: str, broken: bytes) -> Breakage:
    return Breakage(broken, line, TWO, message)


def wrong_answer(written: str, message: str) -> Breakage:
    return in_second(EXPECTED, message, answered(written))


def wrong_status(written: str, found: str, advice: str = "") -> Breakage:
    message = f"status: must be 'proposed', 'promoted' or 'rejected', found {found}{advice}"
    return in_second(STATUS, message, edited("status: promoted", f"status: {written}".rstrip()))


BOOLEAN = "; an unquoted yes, no, on or off is a boolean in YAML"
READ_AS = "expected: must be text, found {}, which YAML reads as a {}; put it in quotes"
TAB = "not valid YAML: the line begins with a tab; indent it with spaces"
CONFLICT = "merge conflict markers; keep one of the two sides and remove the lines <<<<<<<, ======= and >>>>>>>"
MISALIGNED = "not valid YAML: indented otherwise than the lines it belongs to; align it with them"
NO_KEY = (
    "not valid YAML: this line is neither 'key: value' nor indented as part of the text above it; indent or complete it"
)
TWO_COLONS = (
    "not valid YAML: a second ': ' in one line, or a line indented further than its neighbours; "
    "put the text in quotes, or align the line"
)
UNCLOSED = "not valid YAML: the quote that opens here is never closed; close it"
ANCHOR = "anchors (&name) are not allowed; put text that begins with & in quotes"
ALIAS = "aliases (*name) are not allowed; repeat the value, or put text that begins with * in quotes"
AS_TEXT = "; put it in quotes, or begin it in the line below |-"

DECISIONS = {
    "a quoted yes": wrong_status('"yes"', "'yes'"),
    "yes": wrong_status("yes", "yes", BOOLEAN),
    "Yes": wrong_status("Yes", "Yes", BOOLEAN),
    "true": wrong_status("true", "true", BOOLEAN),
    "a capital letter": wrong_status("Promoted", "'Promoted'"),
    "curly quotes": wrong_status("“promoted”", "'“promoted”'"),
    "no status": wrong_status("", "nothing"),
    "rejected without a reason": in_second(
        REASON, "rejection_reason: a rejected case needs a reason", edited("status: promoted", "status: rejected")
    ),
    "a reason without a rejection": in_second(
        REASON,
        "rejection_reason: given, but the status is promoted; set status: rejected or remove the reason",
        edited("rejection_reason: null", "rejection_reason: a typo"),
    ),
}

IDS_AND_KEYS = {
    "an id that stands twice": Breakage(
        healthy_text().replace(f"id: {TWO}", f"id: {ONE}").encode(),
        SECOND,
        ONE,
        f"id: stands twice, first in line {CASES + 1}",
    ),
    "an edited id": Breakage(
        edited(f"id: {TWO}", "id: refunds"), SECOND, "refunds", "id: must read tail-2026W17-NNN; ids are never changed"
    ),
    "an id that is a number": Breakage(
        edited(f"id: {TWO}", "id: 2"),
        SECOND,
        "cases[1]",
        "id: must be text, found 2, which YAML reads as a number; put it in quotes",
    ),
    "no id": Breakage(edited(f"- id: {TWO}\n    title", "- title"), SECOND, "cases[1]", "id: is missing"),
    "a missing key": in_second(SECOND, "rejection_reason: is missing", edited("    rejection_reason: null\n", "")),
    "a misspelt key": in_second(
        REASON, "rejection_reson: unknown key; did you mean rejection_reason?", edited("rejection_reason", "rejection_reson")
    ),
    "a key typed twice": in_second(
        STATUS + 1,
        f"duplicate key 'status', first in line {STATUS}; remove one of them",
        edited("    status: promoted\n", "    status: promoted\n    status: promoted\n"),
    ),
    "an unknown key": in_second(
        STATUS, "note: unknown key; check the spelling or remove it", edited("    status:", "    note: mine\n    status:")
    ),
    "a case without its dash": Breakage(
        edited(f"  - id: {TWO}", f"    id: {TWO}"),
        SECOND,
        ONE,
        f"duplicate key 'id', first in line {CASES + 1}; remove one of them "
        "(12 more keys stand twice: is a '- ' missing before 'id'?)",
    ),
    "no list of cases": Breakage(
        healthy_text()[: healthy_text().index("  - id:")].encode() + b"not_proposed: []\ncomplaints: []\n",
        CASES,
        None,
        "cases: must be a list, found nothing; write [] for an empty one",
    ),
}  # fmt: skip

ANSWERS = {
    "a list": wrong_answer("[two, weeks]", f"expected: must be text, found ['two', 'weeks']{AS_TEXT}"),
    "a list below": wrong_answer(
        "\n      - two\n      - weeks", f"expected: must be text, found ['two', 'weeks']{AS_TEXT}"
    ),
    "a mapping": wrong_answer("{two: weeks}", f"expected: must be text, found {{'two': 'weeks'}}{AS_TEXT}"),
    "a number": wrong_answer("14", READ_AS.format("14", "number")),
    "a number with a point": wrong_answer("2.50", READ_AS.format("2.50", "number")),
    "yes": wrong_answer("Yes", READ_AS.format("Yes", "boolean")),
    "no": wrong_answer("no", READ_AS.format("no", "boolean")),
    "on": wrong_answer("on", READ_AS.format("on", "boolean")),
    "a date": wrong_answer("2026-04-20", READ_AS.format("2026-04-20", "date")),
    "a day that does not exist": wrong_answer(
        "2026-02-30", "cannot be read: day is out of range for month; put text in quotes"
    ),
    "an alias": wrong_answer("*refund", ALIAS),
    "emphasis": wrong_answer("*Two* weeks", "not valid YAML: text cannot begin with * or &; put the text in quotes"),
    "an anchor": wrong_answer("&Co takes two weeks", ANCHOR),
    "a tag that runs code": wrong_answer(
        "!!python/object/apply:os.system [ls]",
        "the tag !!python/object/apply:os.system is not allowed; put text that begins with ! in quotes",
    ),
    "an exclamation mark": wrong_answer(
        "!Important two weeks", "the tag !Important is not allowed; put text that begins with ! in quotes"
    ),
    "an at sign": wrong_answer("@support knows", "not valid YAML: text cannot begin with @; put the text in quotes"),
    "a backtick": wrong_answer("`two` weeks", "not valid YAML: text cannot begin with `; put the text in quotes"),
    "a percent sign": wrong_answer("%d weeks", "not valid YAML: text cannot begin with %; put the text in quotes"),
    "a placeholder": wrong_answer(
        "{two} weeks", "not valid YAML: text goes on behind a closing quote or bracket; put all of it in quotes"
    ),
    "an open bracket": wrong_answer(
        "[two weeks", "not valid YAML: a [ opens here and is not closed; close it, or put the text in quotes"
    ),
    "a colon": wrong_answer("The answer is: two weeks", TWO_COLONS),
    "an unclosed quote": wrong_answer('"Two weeks', UNCLOSED),
    "an apostrophe before the text": wrong_answer("'tis two weeks", UNCLOSED),
    "text behind a quote": wrong_answer(
        '"Two" weeks',
        'not valid YAML: text goes on behind the closing "; put all of it in quotes, each " in it as \\"',
    ),
    "a quote that another case closes": Breakage(
        healthy_text()
        .replace(f"expected: {ANSWER}", "expected: 'tis two weeks", 1)
        .replace(f"what of {TWO}", f"I didn't see {TWO}")
        .encode(),
        EXPECTED - (SECOND - CASES - 1),
        ONE,
        f"not valid YAML: the ' that opens here is closed in line {TEXT} only; close it where its text ends",
    ),
    "a backslash": wrong_answer(
        '"C:\\path"',
        "not valid YAML: a backslash between double quotes begins an escape; write it twice, or use single quotes",
    ),
    "text beside a bar": wrong_answer(
        "| two weeks", "not valid YAML: behind | or > the text begins in the next line; move it there"
    ),
    "200 brackets": wrong_answer(
        "[" * 200 + "]" * 200, "nested deeper than 50 levels; put text with brackets in quotes"
    ),
    "100,000 open brackets": wrong_answer(
        "[" * 100_000, "nested deeper than 50 levels; put text with brackets in quotes"
    ),
    "a NUL": wrong_answer(
        "two\0weeks", "not valid YAML: control characters such as '\\x00' are not allowed; remove them"
    ),
    "colours of a terminal": wrong_answer(
        "\x1b[31mtwo weeks", "not valid YAML: control characters such as '\\x1b' are not allowed; remove them"
    ),
    "another encoding": in_second(
        EXPECTED, "not UTF-8 text; save the file as UTF-8", answered("caf?").replace(b"caf?", b"caf\xe9")
    ),
    "a list of 5 MB": wrong_answer(
        f"[{'two, ' * 1_000_000}weeks]", "more than 1,000,000 values from here on; split or trim the file"
    ),
}

LAYOUT = {
    "a tab": in_second(STATUS, TAB, edited("    status", "\tstatus")),
    "a tab behind blanks": in_second(STATUS, TAB, edited("    status", "  \tstatus")),
    "a tab before a line of text": in_second(TEXT + 1, TAB, edited("      and of", "\tand of")),
    "blanks of a web page": in_second(
        STATUS,
        "not valid YAML: the line begins with a blank that is no space (U+00A0); indent it with spaces",
        edited("    status", "\xa0\xa0\xa0\xa0status"),
    ),
    "a key indented too far": in_second(STATUS, TWO_COLONS, edited("    status", "      status")),
    "a key indented too little": in_second(STATUS, MISALIGNED, edited("    status", "   status")),
    "a case indented too little": in_second(SECOND, MISALIGNED, edited("  - id", " - id")),
    "a case indented too far": in_second(SECOND, MISALIGNED, edited("  - id", "   - id")),
    "a line of text indented too little": in_second(TEXT + 1, NO_KEY, edited("      and of", "    and of")),
    "a line of text at the margin": in_second(TEXT + 1, NO_KEY, edited("      and of", "and of")),
    "no blank behind a colon": in_second(STATUS, NO_KEY, edited("status: ", "status:")),
    "no colon": in_second(STATUS, NO_KEY, edited("status: ", "status ")),
    "a merge conflict": in_second(
        STATUS,
        CONFLICT,
        edited(
            "    status: promoted\n",
            "<<<<<<< HEAD\n    status: promoted\n=======\n    status: rejected\n>>>>>>> main\n",
        ),
    ),
    "a merge conflict with Windows line ends": in_second(
        STATUS, CONFLICT, edited("    status: promoted\n", "<<<<<<< HEAD\n    status: promoted\n=======\n").replace(b"\n", b"\r\n")
    ),
    "a merge conflict without names": in_second(
        STATUS, CONFLICT, edited("    status: promoted\n", "<<<<<<<\n    status: promoted\n|||||||\n=======\n>>>>>>>\n")
    ),
    "the rest of a merge conflict": in_second(
        STATUS + 1,
        "what is left of merge conflict markers; remove the line",
        edited("    status: promoted\n", "    status: promoted\n=======\n"),
    ),
    "a second document in a case": in_second(
        STATUS + 1,
        "a second document begins here; a file holds one, remove the line '---'",
        edited("    status: promoted\n", "    status: promoted\n---\n"),
    ),
    "a second document": Breakage(
        f"{healthy_text()}---\n{healthy_text()}".encode(),
        LAST + 1,
        None,
        "a second document begins here; a file holds one, remove the line '---'",
    ),
    "an empty file": Breakage(b"", 0, None, "the file is empty"),
    "blank lines only": Breakage(b"\n  \n", 0, None, "the file is empty"),
    "UTF-16": Breakage(healthy_text().encode("utf-16"), 1, None, "not UTF-8 text; save the file as UTF-8"),
    "a web page": Breakage(b"<!DOCTYPE html>\n", 1, None, "must be a mapping, found '<!DOCTYPE html>'"),
}  # fmt: skip

BREAKAGES = {
    f"{kind}: {name}": breakage
    for kind, table in (("status", DECISIONS), ("key", IDS_AND_KEYS), ("expected", ANSWERS), ("layout", LAYOUT))
    for name, breakage in table.items()
}

HARMLESS = {
    "nothing": healthy_text().encode(),
    "Windows line ends": healthy_text().replace("\n", "\r\n").encode(),
    "mixed line ends": healthy_text().replace("\n", "\r\n", 20).encode(),
    "a byte order mark": b"\xef\xbb\xbf" + healthy_text().encode(),
    "no newline at the end": healthy_text().rstrip("\n").encode(),
    "the end of the document": f"---\n{healthy_text()}...\n".encode(),
    "a comment": edited("status: promoted", "status: promoted  # sure"),
    "an answer of 5 MB": answered("two weeks " * 500_000),
    "500,000 lines of an answer": answered("|-\n" + "      two weeks\n" * 500_000),
    "a conflict that the trace quotes": edited("      and of", "      <<<<<<< HEAD\n      ======="),
}
"""Edits that change nothing about the decisions."""
