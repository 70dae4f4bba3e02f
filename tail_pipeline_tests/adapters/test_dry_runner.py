"""Cases run against an agent on loopback, scored by real checks, and kept in a real file."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tail_pipeline.adapters.dry_run_records import SqliteDryRunRecords
from tail_pipeline.adapters.recognisers.private_values import PatternRecogniser
from tail_pipeline.adapters.targets import open_target
from tail_pipeline.domain.collection import AsRecorded
from tail_pipeline.domain.criterion_checks import ChecksJudge
from tail_pipeline.domain.dry_run import RUNS, DryRun
from tail_pipeline.domain.dry_runner import GIVE_UP_AFTER, MAX_CASES_AT_ONCE, DryRunner, Trial
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.judgement import Content, Judgement
from tail_pipeline.domain.ports import Attempt, ContentJudge, Redactor
from tail_pipeline.domain.redaction import PrivateValueRedactor, RedactConfig
from tail_pipeline.domain.rubric import Rubric
from tail_pipeline.domain.targets import HttpTarget
from tail_pipeline_tests.agent_server import AgentServer, Request, output_reply, text_reply

SCOPE = "support//2026-W17"


def rubric_of(pattern: str = "§", **changes: Any) -> Rubric:
    criteria = [{"name": "cites", "weight": 1, "check": {"regex": pattern}}]
    return Rubric.model_validate({"rubric_min_score": 0.82, "ragas_faithfulness": 0.78, "criteria": criteria} | changes)


def judge_of(rubric: Rubric) -> ContentJudge:
    return ChecksJudge(rubric, {}, rubric_path="eval/rubric.yaml")


def trial(number: int = 1, text: str | None = None, expected: str | None = None) -> Trial:
    return Trial(f"case-{number}", text or f"question {number}", ("4.2 Fees.",), expected)


class Setting:
    """One checkout's records and one agent; each ``run`` is a run of its own."""

    def __init__(self, path: Path, server: AgentServer) -> None:
        self.path = path
        self.records = path / ".tail" / "state" / "support" / "acme" / "dry_run.sqlite"
        self.server = server
        self.calls: Counter[str] = Counter()

    def run(
        self,
        trials: Sequence[Trial],
        *,
        rubric: Rubric | None = None,
        scope: str = SCOPE,
        judge: ContentJudge | None = None,
        path: str = "",
        fresh: bool = False,
        progress: Callable[[str], None] = lambda _line: None,
        redactor: Redactor | None = None,
    ) -> dict[str, DryRun]:
        rubric = rubric or rubric_of()
        config = HttpTarget(http=self.server.url + path)
        with (
            open_target(config, rubric, repo_dir=self.path, model=_no_model, retry_wait_s=0) as target,
            SqliteDryRunRecords(self.records, scope) as records,
        ):
            runner = DryRunner(target, judge or judge_of(rubric), rubric, records, redactor or AsRecorded())
            try:
                return runner.run(trials, fresh=fresh, progress=progress)
            finally:
                self.calls = runner.calls

    @property
    def asked(self) -> int:
        return len(self.server.requests)


def _no_model(name: str) -> Any:
    raise AssertionError(f"nobody asked for {name}")


@pytest.fixture
def setting(tmp_path: Path) -> Any:
    with AgentServer() as server:
        yield Setting(tmp_path, server)


class Turns:
    """Replies that differ from one asking of a question to the next; safe for threads, as the server has several."""

    def __init__(self, *outputs: str | int) -> None:
        self._outputs = outputs
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Any:
        with self._lock:
            number = self._asked[request.input]
            self._asked[request.input] += 1
        output = self._outputs[number % len(self._outputs)]
        return text_reply("no", output) if isinstance(output, int) else output_reply(output)


def test_every_case_is_asked_three_times(setting: Setting) -> None:
    setting.run([trial(number) for number in range(20)])

    assert Counter(request.input for request in setting.server.requests) == {f"question {n}": RUNS for n in range(20)}


@pytest.mark.parametrize(
    ("outputs", "verdict"),
    [
        (("§ 1", "§ 2", "§ 3"), "stable_pass"),
        (("no", "none", "never"), "stable_fail"),
        (("§ 1", "no", "§ 3"), "flaky"),
        (("no", "no", "§ 3"), "flaky"),
    ],
)
def test_a_case_has_the_verdict_of_its_runs(setting: Setting, outputs: tuple[str, ...], verdict: str) -> None:
    setting.server.answer = Turns(*outputs)

    assert setting.run([trial()])["case-1"].verdict == verdict


def test_an_identical_run_asks_nothing_and_says_the_same(setting: Setting) -> None:
    setting.server.answer = Turns("§ 1", "no", "§ 3", "something else")
    first = setting.run([trial(number) for number in range(5)])
    asked = setting.asked

    assert setting.run([trial(number) for number in range(5)]) == first
    assert (setting.asked - asked, setting.calls) == (0, Counter(recorded=5 * RUNS))


def test_a_fresh_run_asks_everything_again_and_replaces_what_was_there(setting: Setting) -> None:
    setting.server.answer = Turns("§ 1", "§ 2", "§ 3", "no", "no", "no")
    setting.run([trial()])

    fresh = setting.run([trial()], fresh=True)

    assert (fresh["case-1"].verdict, setting.asked) == ("stable_fail", 2 * RUNS)
    assert setting.run([trial()]) == fresh


def test_a_fresh_run_leaves_other_cases_alone(setting: Setting) -> None:
    setting.run([trial(1), trial(2)])

    setting.run([trial(1)], fresh=True)
    setting.run([trial(2)])

    assert setting.asked == 3 * RUNS


def test_a_changed_rubric_scores_the_recorded_answers_again(setting: Setting) -> None:
    setting.server.answer = Turns("§ 1", "§ 2", "§ 3")
    setting.run([trial()])

    found = setting.run([trial()], rubric=rubric_of("never said"))

    assert (found["case-1"].verdict, found["case-1"].score) == ("stable_fail", 0.0)
    assert (setting.asked, setting.calls) == (RUNS, Counter(recorded=RUNS, judged=RUNS))


def test_a_moved_threshold_judges_nothing_again(setting: Setting) -> None:
    two = [
        {"name": "cites", "weight": 1, "check": {"regex": "§"}},
        {"name": "thanks", "weight": 1, "check": {"regex": "ta"}},
    ]
    setting.server.answer = Turns("§ 1")
    first = setting.run([trial()], rubric=rubric_of(criteria=two, rubric_min_score=0.4))

    second = setting.run([trial()], rubric=rubric_of(criteria=two, rubric_min_score=0.6))

    assert (first["case-1"].verdict, second["case-1"].verdict) == ("stable_pass", "stable_fail")
    assert setting.calls == Counter(recorded=RUNS)


def test_another_expected_output_is_scored_and_not_asked(setting: Setting) -> None:
    rubric = rubric_of(criteria=[{"name": "like", "weight": 1, "check": {"similarity": {}}}])
    setting.server.answer = Turns("pay in time")
    setting.run([trial(expected="pay in time")], rubric=rubric)

    found = setting.run([trial(expected="never")], rubric=rubric)

    assert (found["case-1"].score, setting.asked) == (0.0, RUNS)


@pytest.mark.parametrize(
    "changes",
    [{"scope": "support//2026-W18"}, {"scope": "support/acme/2026-W17"}, {"path": "?version=2"}],
    ids=["week", "segment", "agent"],
)
def test_nothing_is_taken_over_from_another(setting: Setting, changes: dict[str, str]) -> None:
    setting.run([trial()])

    setting.run([trial()], **changes)  # type: ignore[arg-type]

    assert setting.asked == 2 * RUNS


def test_other_passages_make_another_question(setting: Setting) -> None:
    setting.run([trial()])

    setting.run([Trial("case-1", "question 1", ("8.1 Term.",), None)])

    assert setting.asked == 2 * RUNS


def test_cases_that_ask_the_same_share_their_answers(setting: Setting) -> None:
    setting.server.answer = Turns("§ 1", "no", "§ 3")

    found = setting.run([trial(1, "same"), trial(2, "same")])

    assert (found["case-1"], setting.asked) == (found["case-2"], RUNS)


def test_a_run_without_an_answer_leaves_the_case_without_a_verdict(setting: Setting) -> None:
    setting.server.answer = Turns("§ 1", 403)

    found = setting.run([trial()])["case-1"]

    assert (found.verdict, found.passed, found.score, found.runs) == (None, None, None, 1)
    assert "refused the case with status 403" in (found.reason or "")


def test_a_run_that_was_cut_short_goes_on_where_it_was(setting: Setting) -> None:
    setting.server.answer = Turns("§ 1", 403, "§ 2", "§ 3")
    setting.run([trial()])

    assert setting.run([trial()])["case-1"].verdict == "stable_pass"
    assert setting.calls == Counter(asked=2, recorded=1, judged=2)


class Crashing:
    """A judge that takes the process down with it after some contents."""

    def __init__(self, contents: int) -> None:
        self._left = contents

    def judge(self, content: Content) -> Judgement:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return Judgement(1.0, None)


def test_what_was_answered_before_a_crash_is_not_asked_again(setting: Setting) -> None:
    with pytest.raises(KeyboardInterrupt):
        setting.run([trial()], judge=Crashing(1))
    before = setting.asked

    setting.run([trial()])

    assert (before, setting.asked) == (2, RUNS)


class Silent:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def judge(self, content: Content) -> Judgement:
        if self._error:
            raise self._error
        return Judgement(None, "the verdicts were not usable")


@pytest.mark.parametrize(
    ("judge", "reason"),
    [
        (Silent(None), "not scored: the verdicts were not usable"),
        (Silent(TransientError("the judge does not answer")), "not scored: the judge does not answer"),
        (Silent(PermanentError("JUDGE_KEY is not set")), "not scored: JUDGE_KEY is not set"),
    ],
)
def test_an_answer_without_a_score_is_no_failure_and_is_scored_when_it_can_be(
    setting: Setting, judge: ContentJudge, reason: str
) -> None:
    unscored = setting.run([trial()], judge=judge)["case-1"]

    assert (unscored.verdict, unscored.reason) == (None, reason)
    assert (setting.run([trial()])["case-1"].verdict, setting.asked) == ("stable_pass", RUNS)


def test_an_agent_that_is_away_is_given_up_soon(setting: Setting) -> None:
    setting.server.answer = lambda _request: text_reply("no", 503)

    found = setting.run([trial(number) for number in range(100)])

    assert {one.reason for one in found.values()} == {f"not answered: {_name(setting)} answers with status 503"}
    assert setting.asked <= 3 * (GIVE_UP_AFTER + MAX_CASES_AT_ONCE)


def test_an_agent_that_stumbles_now_and_then_is_not_given_up(setting: Setting) -> None:
    setting.server.answer = lambda request: text_reply("no", 503) if "hard" in request.input else output_reply("§ 1")
    rubric = rubric_of()
    config = HttpTarget(http=setting.server.url)
    with (
        open_target(config, rubric, repo_dir=setting.path, model=_no_model, retry_wait_s=0) as target,
        SqliteDryRunRecords(setting.records, SCOPE) as records,
    ):
        runner = DryRunner(target, judge_of(rubric), rubric, records, AsRecorded())
        for number in range(3 * GIVE_UP_AFTER):
            runner.run([trial(number, f"{'hard' if number % GIVE_UP_AFTER else 'easy'} {number}")])

        assert runner.run([trial(99, "easy again")])["case-99"].verdict == "stable_pass"


def test_an_answer_no_file_can_hold_is_kept_as_far_as_it_can(setting: Setting) -> None:
    setting.server.answer = lambda _request: (
        200,
        {"Content-Type": "application/json"},
        b'{"output": "\\ud800 \\u0000 \xc2\xa7"}',
    )

    assert setting.run([trial()])["case-1"].verdict == "stable_pass"
    assert setting.run([trial()])["case-1"].verdict == "stable_pass"


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_answer_never_passes(setting: Setting, empty: str) -> None:
    setting.server.answer = lambda _request: output_reply(empty)

    found = setting.run([trial()], rubric=rubric_of("(?s)^(?!.*guarantee)"))["case-1"]

    assert (found.verdict, found.reason) == (None, "not scored: the answer is empty")


def test_progress_is_told(setting: Setting) -> None:
    lines: list[str] = []

    setting.run([trial(number) for number in range(7)], progress=lines.append)

    assert lines == [f"{n} of 7 cases run against {_name(setting)}" for n in (5, 7)]


def test_records_that_cannot_be_read_say_which_file_to_delete(setting: Setting) -> None:
    setting.records.parent.mkdir(parents=True)
    setting.records.write_bytes(b"no database at all" * 100)

    with pytest.raises(
        PermanentError, match=r"\.tail/state/support/acme/dry_run\.sqlite cannot be used .* delete the file"
    ):
        setting.run([trial()])


def test_runs_at_once_go_on_with_the_same_answers(tmp_path: Path) -> None:
    start = threading.Barrier(4)

    def keep(output: str) -> list[str]:
        start.wait()
        with SqliteDryRunRecords(tmp_path / "dry_run.sqlite", SCOPE) as records:
            return [records.keep_output(Attempt("agent", f"question {n}", 1), output) for n in range(50)]

    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(keep, ["run 1", "run 2", "run 3", "run 4"]))

    assert kept == [kept[0]] * 4


def _name(setting: Setting) -> str:
    return setting.server.url


def test_what_the_agent_looked_up_of_somebody_is_not_recorded(setting: Setting) -> None:
    setting.server.answer = Turns("§ 1, as anna@example.com asked", "no, ask ben@example.com", "§ 3")
    redactor = PrivateValueRedactor(RedactConfig(), PatternRecogniser(), salt="support/acme")

    found = setting.run([trial(number) for number in range(10)], redactor=redactor)

    assert {one.verdict for one in found.values()} == {"flaky"}
    recorded = b"".join(path.read_bytes() for path in setting.records.parent.glob("dry_run.sqlite*"))
    assert b"as <EMAIL_" in recorded
    assert b"@example.com" not in recorded
