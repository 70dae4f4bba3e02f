"""A reviewer and the pipeline take turns on one week's file, in any order: nothing of the reviewer's is ever lost."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.adapters.history import numbers_of, parse_versions
from tail_pipeline.domain.drafting import DraftedCase
from tail_pipeline.domain.ports import BranchState
from tail_pipeline.domain.publication import target_branch
from tail_pipeline.domain.pull_request import LABELS, PullRequest, render_body, subject
from tail_pipeline.domain.review import reviewed_text
from tail_pipeline.domain.reviewer_agreement import reviewer_agreement
from tail_pipeline.domain.tail_building import build_tail_file
from tail_pipeline.domain.tail_file import TailFile, render
from tail_pipeline.domain.trend import judge_trend
from tail_pipeline.domain.weeks import Cadence, MiningDay
from tail_pipeline.domain.weighted_clusters import Cluster
from tail_pipeline_tests.adapters.places import METHODS, GitHubPlace, LocalPlace, Method, Place
from tail_pipeline_tests.conftest import commit_all, git
from tail_pipeline_tests.domain.builders import RUBRIC, WEEK, cluster, counts

pytestmark = pytest.mark.long

PATH = "eval/tail/2026-W17.yaml"
FIRST_BRANCH = "tail-miner/2026-W17"
_ID = re.compile(r"tail-2026W17-\d{3}")
_ITEM = re.compile(r"^ *- (?=id: )", re.MULTILINE)


class Reviewing(RuleBasedStateMachine):
    """``world`` holds, per mining day, the topics of its clusters and the spans that belong to each."""

    make_place: Callable[[Path], Place]

    def __init__(self) -> None:
        super().__init__()
        self._scratch = tempfile.TemporaryDirectory()
        self.place = self.make_place(Path(self._scratch.name)).__enter__()
        self.checkout, self.repository = self.place.checkout, self.place.repository
        self.world: dict[str, dict[str, set[int]]] = {}
        self.topic_of: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.touched: set[str] = set()
        self.edits = 0

    def teardown(self) -> None:
        self.place.__exit__()
        self._scratch.cleanup()

    @initialize(cadence=st.sampled_from([Cadence.WEEKLY, Cadence.DAILY]))
    def begin(self, cadence: Cadence) -> None:
        self.cadence = cadence

    # The pipeline

    @rule(weekday=st.integers(1, 3), topics=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3), max_size=3))
    def mine(self, weekday: int, topics: dict[str, int]) -> None:
        """Mine a day whose spans may have changed since it was mined last, then mine it again as it is."""
        day = MiningDay.parse(f"{WEEK}-{weekday if self.cadence is Cadence.DAILY else 1}")
        self.world[day.key] = {f"{day.key} {topic}": set(range(size + 1)) for topic, size in topics.items()}
        before = self._heads()
        target = self._mine(day)
        self._compare(before, target, day)
        written = self.place.written()
        self._mine(day)
        assert self.place.written() == written, "an identical re-run changed something"

    def _mine(self, day: MiningDay) -> str | None:
        """What ``tail_yaml`` and ``tail_pr`` do; the branch that was published to."""
        branch = target_branch(self.repository, PATH, self.cadence)
        clusters = [_cluster(topic, spans) for topic, spans in sorted(self.world[day.key].items())]
        file = build_tail_file(
            day=day,
            window=day.window(self.cadence),
            agent="support",
            segment=None,
            rubric=RUBRIC,
            counts=counts(clusters=len(clusters), cases=len(clusters)),
            audit=None,
            clusters=clusters,
            drafts={one.representative: _NOTHING_DRAFTED for one in clusters},
            complaints=[],
            one_run_a_week=self.cadence is not Cadence.DAILY,
            earlier_versions=parse_versions(branch, PATH),
        )
        if branch.state in (BranchState.MERGED, BranchState.CLOSED):
            return None
        proposed = render(file, schema_path="../tail.schema.json")
        text = reviewed_text(PATH, file, proposed, branch.versions)
        if branch.head is None and branch.versions and text == branch.versions[-1].text:
            return None
        final = parse_tail(text, PATH)
        body = render_body(
            final, judge_trend(WEEK, {WEEK: numbers_of(final)}, self.cadence), reviewer_agreement([]), path=PATH
        )
        title = subject(final)
        self.repository.publish(PullRequest(branch.name, PATH, text, title, title, body, LABELS, ()), branch)
        return branch.name

    def _compare(self, before: dict[str, str], target: str | None, day: MiningDay) -> None:
        after = self._heads()
        for branch, old in before.items():
            new = after[branch]
            if branch != target:
                assert new == old, f"{branch} was written to"
            elif branch in self.touched:
                missing = [block for block in _blocks(old) if block not in _blocks(new)]
                assert not missing, f"a re-run changed reviewed cases: {missing}"
                assert set(_markers(old)) <= set(_markers(new)), "a re-run lost a comment"
        for text in (after[name] for name in after if name not in before or after[name] != before[name]):
            assert not self.deleted & set(_ID.findall(text)), "a deleted case came back"
        if target:
            file = parse_tail(after[target], PATH)
            topics = {case.input for case in file.cases} | {self.topic_of[case_id] for case_id in self.deleted}
            assert set(self.world[day.key]) <= topics, "a cluster has no case"
            if file.runs is not None and "# header" not in after[target]:
                assert day.key in {run.day for run in file.runs}, "a mined day is not among the runs"

    # The reviewer, on the branch under review

    def _open(self) -> str | None:
        self.place.refresh()
        branch = target_branch(self.repository, PATH, self.cadence)
        return branch.name if branch.state is BranchState.OPEN else None

    def _edit(self, change: Callable[[str], str], *, amend: bool) -> None:
        branch = self._open()
        assert branch is not None
        git(self.checkout, "checkout", "--quiet", branch)
        file = self.checkout / PATH
        old = file.read_bytes().decode()
        new = change(old)
        file.write_bytes(new.encode())
        git(self.checkout, "add", "--all")
        how = ["--amend", "--no-edit"] if amend else ["-m", "Review"]
        git(self.checkout, "commit", "--quiet", "--allow-empty", *how)
        git(self.checkout, "checkout", "--quiet", "main")
        if new != old:
            self.touched.add(branch)
            self._note_deletions(old, new)

    def _note_deletions(self, old: str, new: str) -> None:
        before, after = set(_ID.findall(old)), set(_ID.findall(new))
        self.deleted = (self.deleted | (before - after)) - after

    @precondition(lambda self: self._open())
    @rule(number=st.integers(0, 5), amend=st.booleans())
    def decide(self, number: int, amend: bool) -> None:
        self._edit(_on_block(number, lambda block: block.replace("status: proposed", "status: promoted")), amend=amend)

    @precondition(lambda self: self._open())
    @rule(number=st.integers(0, 5), amend=st.booleans())
    def delete(self, number: int, amend: bool) -> None:
        def without(text: str) -> str:
            header, blocks, rest = _split(text)
            if not blocks:
                return text
            del blocks[number % len(blocks)]
            return "".join(
                [header if blocks else re.sub(r"^cases:", "cases: []", header, flags=re.MULTILINE), *blocks, rest]
            )

        self._edit(without, amend=amend)

    @precondition(lambda self: self._open())
    @rule(place=st.sampled_from(["header", "case", "rest"]), number=st.integers(0, 5), amend=st.booleans())
    def comment(self, place: str, number: int, amend: bool) -> None:
        self.edits += 1
        line = f"# {place} comment {self.edits}\n"
        if place == "header":
            self._edit(lambda text: line + text, amend=amend)
        elif place == "rest":
            self._edit(lambda text: text + line, amend=amend)
        else:
            self._edit(_on_block(number, lambda block: block.replace("\n", f"  {line}", 1)), amend=amend)

    @precondition(lambda self: self._open())
    @rule(amend=st.booleans())
    def reorder(self, amend: bool) -> None:
        def reversed_cases(text: str) -> str:
            header, blocks, rest = _split(text)
            return "".join([header, *blocks[::-1], rest])

        self._edit(reversed_cases, amend=amend)

    @precondition(lambda self: self._open())
    @rule(indent=st.sampled_from([0, 2, 4]), amend=st.booleans())
    def indent(self, indent: int, amend: bool) -> None:
        def indented(text: str) -> str:
            header, blocks, rest = _split(text)
            own = len(blocks[0]) - len(blocks[0].lstrip(" ")) if blocks else 0
            lines = "".join(blocks).splitlines(keepends=True)
            return header + "".join(" " * indent + line[own:] if line.strip() else line for line in lines) + rest

        self._edit(indented, amend=amend)

    @precondition(lambda self: self._open())
    @rule(windows=st.booleans(), amend=st.booleans())
    def line_ends(self, windows: bool, amend: bool) -> None:
        self._edit(lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n" if windows else "\n"), amend=amend)

    @precondition(lambda self: self._open())
    @rule()
    def squash(self) -> None:
        """An interactive rebase that joins all commits and keeps all their messages."""
        branch = self._open()
        assert branch is not None
        messages = git(self.checkout, "log", "--reverse", "--format=%B", f"main..{branch}")
        git(self.checkout, "checkout", "--quiet", branch)
        git(self.checkout, "reset", "--quiet", "--soft", git(self.checkout, "merge-base", "main", branch).strip())
        git(self.checkout, "commit", "--quiet", "--allow-empty", "-m", messages)
        git(self.checkout, "checkout", "--quiet", "main")

    @precondition(lambda self: self._open())
    @rule()
    def rebase(self) -> None:
        branch = self._open()
        assert branch is not None
        self.advance_main()
        git(self.checkout, "rebase", "--quiet", "main", branch)
        git(self.checkout, "checkout", "--quiet", "main")

    @precondition(lambda self: self._open())
    @rule()
    def merge_main_into_the_branch(self) -> None:
        branch = self._open()
        assert branch is not None
        self.advance_main()
        git(self.checkout, "checkout", "--quiet", branch)
        git(self.checkout, "merge", "--quiet", "--no-edit", "main")
        git(self.checkout, "checkout", "--quiet", "main")

    @precondition(lambda self: self._open() in self.touched)
    @rule()
    def revert_the_last_edit(self) -> None:
        branch = self._open()
        assert branch is not None
        if git(self.checkout, "log", "-1", "--format=%s", branch).strip() != "Review":
            return
        old = self._heads()[branch]
        git(self.checkout, "checkout", "--quiet", branch)
        git(self.checkout, "revert", "--no-edit", "HEAD")
        git(self.checkout, "checkout", "--quiet", "main")
        self._note_deletions(old, self._heads()[branch])

    # The reviewer, on main

    @rule()
    def advance_main(self) -> None:
        self.place.refresh()
        self.edits += 1
        (self.checkout / "README.md").write_text(f"An agent, revision {self.edits}.\n", encoding="utf-8")
        commit_all(self.checkout, "Work")

    @precondition(lambda self: self._open())
    @rule(method=st.sampled_from(METHODS), delete=st.booleans())
    def merge(self, method: Method, delete: bool) -> None:
        branch = self._open()
        assert branch is not None
        self.place.merge(branch, method, delete=delete)
        self.touched |= {f"{FIRST_BRANCH}.{number}" for number in range(2, 9)}

    @precondition(lambda self: self._open())
    @rule()
    def close(self) -> None:
        """The pull request is closed and its branch deleted."""
        branch = self._open()
        assert branch is not None
        git(self.checkout, "branch", "--quiet", "-D", branch)

    # What always holds

    @invariant()
    def every_id_keeps_its_case(self) -> None:
        for text in self._heads().values():
            for case in _parsed(text).cases:
                assert self.topic_of.setdefault(case.id, case.input) == case.input, f"{case.id} was given out twice"

    @invariant()
    def every_branch_has_one_pull_request(self) -> None:
        branches = self.place.pull_requests()
        assert len(branches) == len(set(branches))

    def _heads(self) -> dict[str, str]:
        """The file on every branch that has it."""
        self.place.refresh()
        branches = git(self.checkout, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        found = {}
        for branch in branches:
            if git(self.checkout, "ls-tree", branch, PATH):
                # Not through ``git``: its text mode would turn Windows line ends into ours.
                blob = git(self.checkout, "rev-parse", f"{branch}:{PATH}").strip()
                found[branch] = GitCheckout(self.checkout, "main").blob(blob, PATH)
        return found


_NOTHING_DRAFTED = DraftedCase(context=[], expected=None, expected_source="none")


def _cluster(topic: str, spans: set[int]) -> Cluster:
    members = tuple((f"{topic} {number}", f"{topic} {number}") for number in sorted(spans))
    return cluster(text=topic, members=members, representative=members[0], weight=len(members))


def _parsed(text: str) -> TailFile:
    return parse_tail(text, PATH)


def _split(text: str) -> tuple[str, list[str], str]:
    """Up to the cases, the cases one by one, what follows them."""
    end = text.index("not_proposed:")
    starts = [match.start() for match in _ITEM.finditer(text, 0, end)]
    if not starts:
        return text[:end], [], text[end:]
    return text[: starts[0]], [text[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)], text[end:]


def _on_block(number: int, change: Callable[[str], str]) -> Callable[[str], str]:
    def on_text(text: str) -> str:
        header, blocks, rest = _split(text)
        if blocks:
            place = number % len(blocks)
            blocks[place] = change(blocks[place])
        return "".join([header, *blocks, rest])

    return on_text


def _blocks(text: str) -> list[str]:
    return _split(text)[1]


def _markers(text: str) -> list[str]:
    return re.findall(r"# (?:header|case|rest) comment \d+", text)


class ReviewingLocally(Reviewing):
    make_place = LocalPlace


class ReviewingOnGitHub(Reviewing):
    make_place = GitHubPlace


def _few(examples: int) -> settings:
    """Each step is real git, so a failure is reported as found: shrinking it would take minutes."""
    return settings(
        max_examples=examples,
        stateful_step_count=10,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


TestReviewingLocally = ReviewingLocally.TestCase
TestReviewingLocally.settings = _few(9)
TestReviewingOnGitHub = ReviewingOnGitHub.TestCase
TestReviewingOnGitHub.settings = _few(4)
