"""``eval/tail/<ISO-week>.yaml``: what a reviewer decides on, and the record of what was decided.

The records and how the file is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from tail_pipeline.domain.audit import Audit
from tail_pipeline.domain.cases import Record
from tail_pipeline.domain.checks import Share
from tail_pipeline.domain.drafting import ExpectedSource, Judged
from tail_pipeline.domain.dry_run import DryRun
from tail_pipeline.domain.rubric import CostWeight
from tail_pipeline.domain.weeks import IsoWeek
from tail_pipeline.domain.yaml_text import Flow, list_items, to_yaml

MAX_LABELS = 50
MAX_NAME_CHARS = 200
MAX_COMPLAINTS = 200
MAX_PARAPHRASE_CHARS = 2_000
MAX_SPAN_IDS = 100
"""Ids kept in the file, enough to recognise a cluster by its members; the cluster frame holds them all."""

CASE_ID = re.compile(r"tail-(\d{4}W\d{2})(?:-([a-z0-9][a-z0-9_-]{0,62}))?-(\d{3,})")


_LEFT_OUT = frozenset({"faithfulness", "judged", "flags", "tenants", "words", "no_input"})
"""What of a cluster is not written where there is none."""

OF_ONE_TENANT = ("lowest_score", "observed_output", "faithfulness", "judged", "flags", "span_ids", "paraphrases")
"""What of a cluster is one tenant's, and never written where it is several tenants'."""


class CaseWindow(Record):
    start: AwareDatetime
    end: AwareDatetime


class CaseRubric(Record):
    """The rubric a file was made with."""

    sha: str
    rubric_min_score: Share
    ragas_faithfulness: Share
    judge_model: str | None


class CaseAudit(Record):
    """What is known of the contents that ``max_judge_calls`` left unjudged: a uniform sample of them, and the bound it gives."""

    population: int
    sampled: int
    failing: int
    found: int
    lower_bound: Share

    @classmethod
    def of(cls, audit: Audit) -> CaseAudit:
        """The bound is rounded down: what is stated must hold."""
        return cls(**asdict(audit) | {"lower_bound": math.floor(audit.lower_bound * 1e4) / 1e4})

    @property
    def sentence(self) -> str:
        return Audit(**self.model_dump()).sentence


Count = Annotated[int, Field(ge=0, le=10**12)]
"""No week has more, and charts and tests of the trend take it."""


class Counts(Record):
    """Spans by state, and clusters before the cap; ``unclustered`` counts spans that stood alone.

    A shared file counts the failing spans of all tenants as its spans, and those in no cross-tenant cluster as unclustered.
    ``recorded`` and ``judged`` say where the scores are from, ``over_budget`` counts the unscored left out for want of calls.
    """

    spans: Count
    scored: Count
    recorded: Count = 0
    judged: Count = 0
    unscored: Count
    over_budget: Count = 0
    failing: Count
    clusters: Count
    new_clusters: Count
    cases: Count
    over_cap: Count
    unclustered: Count
    max_clusters: Count

    @classmethod
    def sum(cls, counts: Sequence[Counts]) -> Counts:
        """The fold of a week's runs; the cap is the sum of the runs' caps."""
        return cls(**{name: sum(getattr(count, name) for count in counts) for name in cls.model_fields})


class SharedBy(Record):
    """Whose tails a shared file was made of: ``mined`` of the ``declared`` tenants; ``min_tenants`` of them make a case."""

    min_tenants: int
    declared: int
    mined: int


class Run(Record):
    """One mining day of a daily agent."""

    day: str
    window: CaseWindow
    counts: Counts
    audit: CaseAudit | None = None
    tenants: SharedBy | None = None


class CaseCluster(Record):
    """What the traffic behind a case looked like.

    ``observed_output`` is what the agent answered to ``input``, ``faithfulness`` and ``judged`` how that was scored, and
    ``flags`` what is suspicious about its texts; these three are left out of the file where there are none. A cluster of
    several ``tenants`` has the ``words`` they have in common instead of what is one tenant's, and ``no_input`` says why
    its case was mined without an input.
    """

    tenants: Annotated[int, Field(ge=2)] | None = None

    size: int
    weight: int
    triggers: dict[str, int]
    lowest_score: Share | None = None
    novelty: Literal["new", "returning", "revived"]
    first_seen: str
    observed_output: str | None = None
    faithfulness: Share | None = None
    judged: list[Judged] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)
    span_ids: list[str] = Field(default_factory=list)
    paraphrases: list[str] = Field(default_factory=list)
    words: list[str] = Field(default_factory=list)
    no_input: str | None = None


class TailCase(Record):
    """One mined case under review; ``input`` is null only in a shared file, until the reviewer writes one."""

    id: str
    title: str
    status: Literal["proposed", "promoted", "rejected"]
    rejection_reason: str | None
    input: str | None
    context: list[str]
    expected: str | None
    expected_source: ExpectedSource
    labels: list[str]
    source: Literal["tail_miner"]
    cost_weight: CostWeight
    run: str | None = None
    cluster: CaseCluster
    dry_run: DryRun | None = None


class NotProposed(Record):
    """A cluster that was found and is not up for review."""

    title: str
    weight: int
    size: int
    why: Literal["over_cap", "known", "undecided", "rejected_before"]
    case: str | None = None
    cost_weight: CostWeight = 1
    run: str | None = None


class Complaint(Record):
    """Explicit negative feedback that joined no cluster."""

    span_id: str
    input: str
    feedback: str
    run: str | None = None


class TailFile(Record):
    """The whole of a tail file; a shared one has ``tenants`` and no segment."""

    iso_week: str
    agent: str
    segment: str | None
    tenants: SharedBy | None = None
    window: CaseWindow
    rubric: CaseRubric
    counts: Counts
    audit: CaseAudit | None = None
    runs: list[Run] | None = None
    cases: list[TailCase]
    not_proposed: list[NotProposed]
    complaints: list[Complaint]

    @property
    def week(self) -> IsoWeek:
        return IsoWeek.parse(self.iso_week)


def render(file: TailFile, *, schema_path: str) -> str:
    """The bytes of the file; ``schema_path`` is where the JSON schema lies, seen from the file."""
    header: dict[str, Any] = {
        "iso_week": file.iso_week,
        "agent": file.agent,
        "segment": file.segment,
        **({"tenants": Flow(file.tenants.model_dump())} if file.tenants else {}),
        "window": Flow(file.window.model_dump()),
        "rubric": Flow(file.rubric.model_dump()),
        "counts": Flow(file.counts.model_dump()),
    }
    if file.audit is not None:
        header["audit"] = Flow(file.audit.model_dump())
    if file.runs is not None:
        header["runs"] = [Flow(_without_absent(run, "audit", "tenants")) for run in file.runs]
    sections = {
        "cases": [_case_layout(case) for case in file.cases],
        "not_proposed": [Flow(_without_empty_run(row)) for row in file.not_proposed],
        "complaints": [Flow(_without_empty_run(row)) for row in file.complaints],
    }
    return f"# yaml-language-server: $schema={schema_path}\n{to_yaml(header | sections)}"


def render_cases(cases: Sequence[TailCase], *, indent: int) -> str:
    """List items as they stand under ``cases:``, for appending to a file that a reviewer has edited."""
    return list_items([_case_layout(case) for case in cases], indent)


def _case_layout(case: TailCase) -> dict[str, Any]:
    layout = _without_empty_run(case)
    cluster = {
        name: value
        for name, value in layout["cluster"].items()
        if value not in (None, []) or name not in (*_LEFT_OUT, *(OF_ONE_TENANT if case.cluster.tenants else ()))
    }
    cluster["triggers"] = Flow(cluster["triggers"])
    if "judged" in cluster:
        cluster["judged"] = [Flow(one) for one in cluster["judged"]]
    layout["cluster"] = cluster
    if case.dry_run is not None:
        layout["dry_run"] = Flow(case.dry_run.model_dump(exclude=None if case.dry_run.reason else {"reason"}))
    return layout


def _without_empty_run(record: Record) -> dict[str, Any]:
    return _without_absent(record, "run")


def _without_absent(record: Record, *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.model_dump().items() if value is not None or name not in names}
