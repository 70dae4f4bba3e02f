"""The pull request an engineering lead finds on Monday: names, and a body that reads in the order of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from posixpath import dirname
from textwrap import TextWrapper

from tail_pipeline.domain.drafting import ExpectedSource
from tail_pipeline.domain.markdown import fenced, in_html, inline
from tail_pipeline.domain.reviewer_agreement import ReviewerAgreement
from tail_pipeline.domain.scorecard import named_ids, render_scorecard, verdict_cell
from tail_pipeline.domain.shared_sections import ACROSS_TENANTS, shared_how_to_review, shared_summary
from tail_pipeline.domain.tail_file import CASE_ID, NotProposed, TailCase, TailFile
from tail_pipeline.domain.trend import Trend, Verdict
from tail_pipeline.domain.undecided import UndecidedCase
from tail_pipeline.domain.weeks import IsoWeek

LABELS = ("tail-miner", "eval")
BRANCH_PREFIX = "tail-miner/"
MAX_BODY_CHARS = 60_000
_MAX_LISTED = 50
_MAX_SECTION_CHARS = 10_000
_MAX_EXCERPT_CHARS = 700

_FOLD = TextWrapper(100, expand_tabs=False, replace_whitespace=False, break_long_words=False, break_on_hyphens=False)
# A title in a GitHub comment is about 260 px wide; an id wraps into three lines unless its heading is as wide as it.
_ID_HEADING = f"id{'&nbsp;' * 32}"
# Below eight mermaid labels half clusters.
_MIN_CHART_TOP = 8
_CHART_STYLE = (
    '%%{init: {"xyChart": {"width": 760, "height": 280, "titleFontSize": 15}, '
    '"themeVariables": {"xyChart": {"plotColorPalette": "#8fa8d8, #d1603d"}}}}%%'
)

_COSTLY = " ⚠"
_FLAG = "⚑"
_EXPECTED: dict[ExpectedSource, str] = {
    "user_correction": "Expected, as a user corrected it",
    "passing_span": "Expected, as another answer to the same intent had it",
    "model": "Expected, as a model drafted it",
    "none": "Expected",
}
_WHY = {
    "over_cap": "over the cap",
    "known": "known: already in cases.yaml, failing again",
    "undecided": "undecided in an earlier pull request",
    "rejected_before": "rejected before",
}


@dataclass(frozen=True)
class PullRequest:
    """What is asked of the repository: one file on one branch, under review."""

    branch: str
    path: str
    text: str
    commit_message: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]


def branch_of(tail_path: str, follow_up: int = 1) -> str:
    """``eval/tail/acme/2026-W17.yaml`` → ``tail-miner/acme/2026-W17``; a follow-up carries its number, ``….2``."""
    parts = [part for part in tail_path.removesuffix(".yaml").split("/") if part != "tail"]
    place = parts[1:] if parts[0] == "eval" else parts
    return f"{BRANCH_PREFIX}{'/'.join(place)}{f'.{follow_up}' if follow_up > 1 else ''}"


def subject(file: TailFile) -> str:
    """Title of the pull request and of its commit; holds names from the configuration only, no trace text."""
    part = ACROSS_TENANTS if file.tenants else file.segment
    return f"Regression tail {file.iso_week}: {file.agent}{f' / {part}' if part else ''}"


def render_body(
    file: TailFile,
    trend: Trend | None,
    agreement: ReviewerAgreement,
    *,
    path: str,
    file_url: str | None = None,
    undecided: Sequence[UndecidedCase] = (),
) -> str:
    """Markdown for the pull request, at most ``MAX_BODY_CHARS``; tables are cut by whole rows.

    ``file_url`` leads to the file on its branch, where the provider has a page for it; ``undecided`` are the cases of
    earlier weeks that were merged without a decision. A shared file has no trend.
    """
    link = f"[`{path}`](<{file_url}>)" if file_url else f"`{path}`"
    if file.tenants:
        before = [_scorecard(file), shared_summary(file, file.tenants), shared_how_to_review(file.cases, link)]
    else:
        before = [_scorecard(file), _summary(file), _how_to_review(file, link)]
    after = [
        "" if file.tenants else _expected(file),
        _trend(trend) if trend else "",
        _track_record(agreement),
        _left_out(file),
        _still_undecided(undecided, path),
        _complaints(file),
    ]
    room = MAX_BODY_CHARS - sum(len(part) + 2 for part in (*before, *after))
    table = _cases_table(file.cases, link, room)
    parts = [*before, table, *_details(file, room - len(table)), *after]
    return "\n\n".join(part for part in parts if part) + "\n"


def trend_chart(trend: Trend) -> str:
    """A mermaid chart of the weeks that have a tail file; empty with fewer than two."""
    if len(trend.weeks) < 2:
        return ""
    labels = ", ".join(f'"{_short(one.week)}"' for one in trend.weeks)
    clusters = ", ".join(str(one.clusters) for one in trend.weeks)
    new = ", ".join(str(one.new_clusters) for one in trend.weeks)
    top = max(_MIN_CHART_TOP, *(max(one.clusters, one.new_clusters) for one in trend.weeks))
    return (
        f"```mermaid\n{_CHART_STYLE}\nxychart-beta\n"
        '  title "Clusters before the cap (bars), new ones (line)"\n'
        f"  x-axis [{labels}]\n"
        f'  y-axis "clusters" 0 --> {top}\n'
        f"  bar [{clusters}]\n"
        f"  line [{new}]\n```"
    )


def _scorecard(file: TailFile) -> str:
    if not file.cases:
        return f"## No case this week\n\n{_why_no_case(file)}"
    if all(case.input is None for case in file.cases):
        return "## Scorecard\n\nNo dry run: none of the cases has an input yet."
    return render_scorecard(file.cases)


def _why_no_case(file: TailFile) -> str:
    if file.tenants:
        return "No cluster stands for enough tenants, or all of them are known or were decided before; see below."
    if file.counts.spans == 0:
        return (
            "The trace store holds no spans for this window. If there was traffic, check the store and its `columns:`, "
            "and that agent and segment are spelt as in the traces."
        )
    if file.counts.failing == 0:
        return f"None of the {file.counts.spans} spans would fail the rubric on main."
    return (
        f"{file.counts.failing} of {file.counts.spans} spans would fail the rubric, and none of them makes a new case: "
        "they stand alone, are known, or were decided before. What was left out is listed below."
    )


def _summary(file: TailFile) -> str:
    counts, rubric = file.counts, file.rubric
    window = f"{file.window.start:%Y-%m-%d} to {file.window.end - timedelta(days=1):%Y-%m-%d}"
    unscored = f"**{counts.unscored} unscored**" if counts.unscored else "0 unscored"
    return (
        f"| days (UTC) | spans | failing | clusters | new | over the cap | stood alone |\n|---|---|---|---|---|---|---|\n"
        f"| {window} | {counts.spans} ({unscored}) | {counts.failing} | {counts.clusters} | {counts.new_clusters} "
        f"| {counts.over_cap} | {counts.unclustered} |\n\n"
        f"Failing means score < {rubric.rubric_min_score}, faithfulness < {rubric.ragas_faithfulness} or negative feedback; "
        f"{_scores_from(file)}; rubric `{rubric.sha}`.{_left_unjudged(file)}"
    )


def _scores_from(file: TailFile) -> str:
    if file.rubric.judge_model is None:
        return "scores as recorded in the trace store, no judge"
    recorded = f", {file.counts.recorded} recorded with this very rubric" if file.counts.recorded else ""
    return f"{file.counts.judged} spans judged by `{file.rubric.judge_model}`{recorded}"


def _left_unjudged(file: TailFile) -> str:
    """What the budget of calls left out, and what is known of it."""
    if not file.counts.over_budget:
        return ""
    bounds = [f" {file.audit.sentence}"] if file.audit else []
    # A bound holds for the contents of one run; those of several days do not add up.
    bounds += [f"\n- {inline(run.day)}: {run.audit.sentence}" for run in file.runs or [] if run.audit]
    return f"\n\n**{file.counts.over_budget} spans were not judged: `max_judge_calls` was spent.**{''.join(bounds)}"


def _cases_table(cases: Sequence[TailCase], link: str, room: int) -> str:
    if not cases:
        return ""
    head = (
        f"## Cases\n\n| {_ID_HEADING} | title | weight | spans | triggers | novelty | dry run |\n"
        "|---|---|--:|--:|---|---|---|\n"
    )
    rows: list[str] = []
    used = len(head)
    for number, case in enumerate(cases):
        row = _case_row(case)
        rest = f"\n{len(cases) - number} more cases are in {link}."
        if used + len(row) + len(rest) + 1 > room:
            return head + "\n".join(rows) + "\n" + rest
        rows.append(row)
        used += len(row) + 1
    return head + "\n".join(rows)


def _case_row(case: TailCase) -> str:
    triggers = ", ".join(f"{name} {count}" for name, count in case.cluster.triggers.items() if count)
    costly = _COSTLY if case.cost_weight > 1 else ""
    labels = f" ({inline(', '.join(case.labels), 60)})" if case.labels else ""
    flags = f" {_FLAG} {inline(', '.join(case.cluster.flags), 60)}" if case.cluster.flags else ""
    cells = [
        f"`{case.id}`",
        f"{inline(case.title, 120)}{labels}{costly}{flags}",
        str(case.cluster.weight),
        f"{case.cluster.size}{f' in {case.cluster.tenants} tenants' if case.cluster.tenants else ''}",
        triggers,
        case.cluster.novelty,
        verdict_cell(case),
    ]
    return f"| {' | '.join(cells)} |"


def _expected(file: TailFile) -> str:
    """Which expected outputs ask for more than a look: a model's drafts, and those that are missing."""
    proposed = [case for case in file.cases if case.status == "proposed"]
    drafts = [case for case in proposed if case.expected_source == "model"]
    missing = [case for case in proposed if case.expected_source == "none"]
    lines = []
    if drafts:
        are = "expected output is a draft" if len(drafts) == 1 else "expected outputs are drafts"
        by = f"by `{file.rubric.judge_model}`, passed by the rubric and read by nobody yet"
        lines.append(f"- **{len(drafts)} {are}** {by}: {named_ids(drafts)}")
    if missing:
        why = "no draft that passes the rubric" if file.rubric.judge_model else "no `judge_model` that drafts one"
        have = "case has" if len(missing) == 1 else "cases have"
        lacks = f"neither a correction nor a passing answer to the same intent, and {why}"
        lines.append(f"- **{len(missing)} {have} no expected output** ({lacks}): {named_ids(missing)}")
    return "## Expected outputs\n\n" + "\n".join(lines) if lines else ""


def _details(file: TailFile, room: int) -> list[str]:
    """Per case, folded: what was asked, answered and proposed; as many whole cases as there is room for."""
    blocks: list[str] = []
    for case in file.cases:
        texts = [
            ("Input", case.input),
            ("The agent answered", case.cluster.observed_output),
            (_EXPECTED[case.expected_source], case.expected),
        ]
        parts = [f"{name}:\n\n{fenced(_excerpt(text))}" for name, text in texts if text]
        if case.cluster.words:
            parts.append(f"Words in common: {inline(', '.join(case.cluster.words))}")
        if case.cluster.paraphrases:
            asked = "\n".join(f"- {inline(text)}" for text in case.cluster.paraphrases)
            parts.insert(1, f"Others asked:\n\n{asked}")
        if judged := _judged(case, file.rubric.rubric_min_score):
            parts.insert(-1 if case.expected else len(parts), f"How it was scored:\n\n{judged}")
        block = (
            f"<details><summary><code>{case.id}</code> {in_html(case.title, 120)}</summary>\n\n"
            + "\n\n".join(parts)
            + "\n\n</details>"
        )
        room -= len(block) + 2
        if room < 0:
            break
        blocks.append(block)
    return blocks


def _judged(case: TailCase, needed: float) -> str:
    """The cluster's lowest score, faithfulness, and the criteria the answer did not fully meet, worst first.

    A judge quotes what it read, so its words are made inert.
    """
    told = []
    if case.cluster.lowest_score is not None:
        told.append(f"- lowest score of the cluster {case.cluster.lowest_score:g}, where {needed:g} is needed")
    if case.cluster.faithfulness is not None:
        told.append(f"- faithfulness to the passages {case.cluster.faithfulness:.2f}")
    found = sorted(
        ((one.score, one) for one in case.cluster.judged if one.score is not None and one.score < 1),
        key=lambda pair: pair[0],
    )
    told += [f"- `{one.criterion}` {score:.2f}: {inline(one.reason)}" for score, one in found]
    return "\n".join(told)


def _excerpt(text: str) -> str:
    """The beginning of a text; lines that a code block would make people scroll for are folded between words."""
    shown = text if len(text) <= _MAX_EXCERPT_CHARS else f"{text[:_MAX_EXCERPT_CHARS]}\n[the rest is in the file]"
    return "\n".join(_FOLD.fill(line) for line in shown.split("\n"))


def _trend(trend: Trend) -> str:
    reason = f"{trend.reason[:1].upper()}{trend.reason[1:]}"
    lines = [f"## Trend: {trend.verdict}", f"{reason}. {trend.remark}"]
    if trend.verdict is Verdict.CLOSING:
        lines.append("**The tail is closing.**")
    if trend.missing:
        lines.append(f"No tail file for {', '.join(map(str, trend.missing))}: unknown, not zero.")
    if quiet := [str(one.week) for one in trend.weeks if one.spans == 0]:
        lines.append(f"No spans in {', '.join(quiet)}: unknown, not zero.")
    lines.append(trend_chart(trend))
    return "\n\n".join(line for line in lines if line)


def _track_record(agreement: ReviewerAgreement) -> str:
    """How often reviewers took what was mined; nothing before their first decision."""
    if not agreement.all.decided:
        return ""
    by_trigger = ", ".join(f"{name} {one.promoted} of {one.decided}" for name, one in agreement.by_trigger.items())
    return f"## Track record\n\n{agreement.sentence} By trigger: {by_trigger}."


def _left_out(file: TailFile) -> str:
    if not file.not_proposed:
        return ""
    rows = [
        f"| {inline(row.title, 120)}{_COSTLY if row.cost_weight > 1 else ''} | {row.weight} | {row.size} "
        f"| {_why_left_out(row)} |"
        for row in file.not_proposed
    ]
    cut = file.counts.over_cap
    capped = (
        f"**{cut} {'cluster is' if cut == 1 else 'clusters are'} over the cap** (`max_clusters: {file.counts.max_clusters}`).\n\n"
        if cut
        else ""
    )
    return _bounded(f"## Not proposed\n\n{capped}| cluster | weight | spans | why |\n|---|---|---|---|", rows, "\n\n")


def _why_left_out(row: NotProposed) -> str:
    if row.why == "known" and row.case and CASE_ID.fullmatch(row.case):
        return f"promoted before, failing again (`{row.case}`)"
    return f"{_WHY[row.why]}{f' (`{row.case}`)' if row.case else ''}"


def _still_undecided(cases: Sequence[UndecidedCase], path: str) -> str:
    if not cases:
        return ""
    place = dirname(path)
    rows = [f"- `{case.id}` {inline(case.title, 120)}, in `{place}/{case.iso_week}.yaml`" for case in cases]
    head = "## Still undecided\n\nMerged in earlier weeks without a decision; promote or reject them there.\n"
    return _bounded(head, rows, "\n- ", where="those files")


def _complaints(file: TailFile) -> str:
    if not file.complaints:
        return ""
    rows = [f"- `{row.feedback}` {inline(row.input)}" for row in file.complaints]
    return _bounded("## Complaints that stand alone\n", rows, "\n- ")


def _bounded(head: str, rows: Sequence[str], before_rest: str, *, where: str = "the file") -> str:
    """The head and whole rows, up to ``_MAX_LISTED`` of them or ``_MAX_SECTION_CHARS``, and how many more there are."""
    shown: list[str] = []
    room = _MAX_SECTION_CHARS
    for row in rows[:_MAX_LISTED]:
        room -= len(row) + 1
        if room < 0:
            break
        shown.append(row)
    more = len(rows) - len(shown)
    return "\n".join([head, *shown]) + (f"{before_rest}{more} more are in {where}." if more else "")


def _how_to_review(file: TailFile, link: str) -> str:
    if not file.cases:
        return "## How to review\n\nNothing to decide. Merge it, so that the trend knows the week."
    return (
        "## How to review\n\nAbout a minute a case, in the order of the table:\n\n"
        f"1. Open {link} on this branch and read the `input` of each case, and what the agent answered.\n"
        "2. Make `expected` what it should have answered and set `status: promoted`; or set `status: rejected` and say why in "
        "`rejection_reason`. What you commit here is never overwritten.\n"
        "3. Merge once `tail-pipeline validate --review` passes; it names every undecided case with its line."
    )


def _short(week: IsoWeek) -> str:
    return f"W{week.week:02d}"
