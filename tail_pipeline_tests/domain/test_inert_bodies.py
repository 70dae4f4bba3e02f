"""Whatever traces say, what GitHub shows is the page we wrote: rendered by two renderers, with HTML let through.

The measure is the same page made of harmless words: its elements and their attributes must be the same ones.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.alarm import MissingCell, compose_alarm, compose_escalation_alarm
from tail_pipeline.domain.drafting import Judged
from tail_pipeline.domain.dry_run import DryRun
from tail_pipeline.domain.escalation import TailLinks, compose_escalation, why_escalate
from tail_pipeline.domain.promotion import MergedTail, compose_promotion
from tail_pipeline.domain.pull_request import branch_of, render_body, subject
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.tail_file import Complaint, NotProposed, TailFile
from tail_pipeline.domain.trend import judge_trend
from tail_pipeline.domain.weeks import Cadence
from tail_pipeline_tests.domain.builders import DAY, WEEK, counts, tail_case, tail_file, week_numbers
from tail_pipeline_tests.strategies import BIDI_CONTROLS, ZERO_WIDTH, hostile_texts

PATH = "eval/tail/2026-W17.yaml"
AGENT = Agent.model_validate({"name": "support", "traces": {"store": "files", "path": "x"}, "owner": "owner"})
TREND = judge_trend(
    WEEK, {WEEK.shifted(-back): week_numbers(WEEK.shifted(-back), 9 - back) for back in range(3)}, Cadence.WEEKLY
)
LINKED = re.compile(r"@[\w-]|#\d|\bGH-\d|://|\bwww\.|\bmailto:|\bxmpp:", re.IGNORECASE)
DRAWN = re.compile(r":[\w+-]*[a-z][\w+-]*:|(?<!\u200b)\$", re.ASCII)
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
WORD = "word"


def week_of(text: str) -> TailFile:
    """A tail file with the text everywhere where traces, models and judges have a say."""
    cluster = {
        "observed_output": text,
        "paraphrases": [text],
        "span_ids": [text],
        "flags": [text],
        "faithfulness": 0.5,
        "judged": [Judged(criterion="tone", score=0.2, reason=text)],
    }
    said = {"title": text, "input": text, "expected": text, "context": [text], "labels": [text, "safety"]}
    cases = [
        tail_case(1, **said, cluster=cluster, expected_source="model"),
        tail_case(2, **said, dry_run=DryRun(model="m", runs=3, score=0.4, passed=False, verdict="flaky", reason=text)),
        tail_case(3, **said, dry_run=DryRun(model="m", runs=0, score=None, passed=None, verdict=None, reason=text)),
    ]
    return tail_file(
        cases=cases,
        counts=counts(over_cap=1),
        not_proposed=[NotProposed(title=text, weight=1, size=1, why="over_cap")],
        complaints=[Complaint(span_id=text, input=text, feedback="thumbs_down")],
    )


@dataclass(frozen=True)
class Said:
    """What is published about a week: bodies by what they are, and everything that is no body."""

    bodies: dict[str, str]
    names: tuple[str, ...]


def published(text: str) -> Said:
    file = week_of(text)
    escalation = compose_escalation(
        AGENT, None, file, TREND, why_escalate(file, TREND, frozenset({"safety"})), TailLinks()
    )
    alarm = compose_alarm("support", DAY, [MissingCell(DAY, "acme", under_way=False, failure=text)], owner="owner")
    unpaged = compose_escalation_alarm("support", None, WEEK, text, owner="owner")
    promotion = compose_promotion(
        MergedTail(PATH, file), file.cases, path="eval/cases.yaml", before=None, text="", reviewers=()
    )
    bodies = {
        "pull request": render_body(file, TREND, reviewer_agreement([]), path=PATH),
        "escalation": escalation.body,
        "alarm": alarm.body,
        "failed escalation": unpaged.body,
        "promotion": promotion.body,
    }
    titles = (subject(file), escalation.title, alarm.title, unpaged.title, promotion.title)
    keys = (escalation.key, alarm.key, unpaged.key, branch_of(PATH), promotion.branch)
    return Said(bodies, titles + keys)


@dataclass
class Page(HTMLParser):
    """The elements of a rendered page in order, its text, and the part of its text that is in no code."""

    elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = field(default_factory=list)
    text: str = ""
    prose: str = ""
    _code: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", ()))
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.text += data
        self.prose += "" if self._code else data

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", ()))

    def handle_decl(self, decl: str) -> None:
        self.elements.append(("declaration", ()))

    def handle_pi(self, data: str) -> None:
        self.elements.append(("instruction", ()))


def by_markdown_it(markdown: str) -> str:
    return str(MARKDOWN.render(markdown))


def by_cmark_gfm(markdown: str) -> str:
    """GitHub's own renderer, without the filter that would hide an element we let through."""
    extensions = ("table", "strikethrough", "autolink", "tasklist", "footnotes")
    command = ["cmark-gfm", "--unsafe", *(part for name in extensions for part in ("--extension", name))]
    return subprocess.run(command, input=markdown.encode(), capture_output=True, check=True).stdout.decode()


Renderer = Callable[[str], str]


@pytest.fixture(scope="module", params=[by_markdown_it, by_cmark_gfm], ids=lambda one: one.__name__)
def render(request: pytest.FixtureRequest) -> Renderer:
    if request.param is by_cmark_gfm and shutil.which("cmark-gfm") is None:
        pytest.skip("cmark-gfm is not installed (Debian package cmark-gfm)")
    return request.param  # type: ignore[no-any-return]


def page_of(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def pages(render: Renderer, text: str) -> dict[str, Page]:
    return {name: page_of(render(body)) for name, body in published(text).bodies.items()}


texts = hostile_texts(12).filter(str.strip)
LONG_LINE = "@octocat fixes #1 <b>| ``` :+1: $x$ " * 3_000


def linked_or_drawn(page: Page) -> list[str]:
    """What GitHub would turn into something else, wherever it stands; a colour of our chart looks like a reference."""
    return LINKED.findall(page.text) + DRAWN.findall(page.prose)


@pytest.fixture(scope="module")
def harmless(render: Renderer) -> dict[str, Page]:
    return pages(render, WORD)


@given(texts)
@settings(max_examples=25)
def test_no_text_makes_an_element_or_an_attribute(render: Renderer, harmless: dict[str, Page], text: str) -> None:
    found = {name: page.elements for name, page in pages(render, text).items()}
    assert found == {name: page.elements for name, page in harmless.items()}


@given(texts)
@settings(max_examples=25)
def test_no_text_leaves_what_github_would_link_or_draw(render: Renderer, harmless: dict[str, Page], text: str) -> None:
    found = {name: linked_or_drawn(page) for name, page in pages(render, text).items()}
    assert found == {name: linked_or_drawn(page) for name, page in harmless.items()}


def test_a_line_of_100_kb_is_as_inert_as_any(render: Renderer, harmless: dict[str, Page]) -> None:
    found = pages(render, LONG_LINE)
    assert [page.elements for page in found.values()] == [page.elements for page in harmless.values()]
    assert [linked_or_drawn(page) for page in found.values()] == [linked_or_drawn(page) for page in harmless.values()]


@given(texts)
def test_no_character_hides_reorders_or_commands(text: str) -> None:
    strange = (BIDI_CONTROLS | ZERO_WIDTH | frozenset(map(chr, (*range(9), *range(11, 32), 127)))) - {"\u200b"}
    assert {one for body in published(text).bodies.values() for one in set(body) & strange} == set()


@given(texts)
@settings(max_examples=25)
def test_no_text_of_a_trace_enters_a_title_a_branch_or_a_commit_message(text: str) -> None:
    assert published(text).names == published(WORD).names
