"""The sensor that requests promotions when the base branch has moved, and the job it requests."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from posixpath import dirname

import dagster as dg

from tail_pipeline.adapters.eval_files import cases_paths
from tail_pipeline.adapters.promoting import Promotable, read_promotable
from tail_pipeline.defs.cells import UNFINISHED
from tail_pipeline.defs.partitions import asset_prefix, mining_days_of, partition_key
from tail_pipeline.defs.promotion_asset import CASES, SHARED_CASES
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import BaseChanges
from tail_pipeline.domain.tail_file import TailCase

PROMOTION_TAG = "tail_pipeline/promotion"
"""On every requested run: the fingerprint of what was pending and of the file it goes to."""

MAX_SEGMENTS_PER_TICK = 10
"""Segments one tick reads, so that it ends well within Dagster's time limit of 60 s; the others are next."""

_INTERVAL_S = 60


@dataclass(frozen=True)
class _Seen:
    """The cursor: the base branch as it was looked at last, and the segments nobody is done with.

    ``again`` are looked at by every tick, in this order: one tick was too short for them, a run is under way, a file of
    theirs is broken. ``pending`` are looked at when the base branch has moved, wherever it has: their run may have
    failed, and something may be repaired.
    """

    head: str | None
    again: tuple[str | None, ...] = ()
    pending: tuple[str | None, ...] = ()

    @classmethod
    def parse(cls, cursor: str | None) -> "_Seen":
        if cursor is None:
            return cls(None)
        seen = json.loads(cursor)
        return cls(seen["head"], tuple(seen["again"]), tuple(seen["pending"]))

    def __str__(self) -> str:
        return json.dumps({"head": self.head, "again": self.again, "pending": self.pending})

    def due(self, agent: Agent, changes: BaseChanges) -> list[str | None]:
        """The segments to look at; all of them where nobody can say what changed."""
        known = set(agent.tails)
        due = [one for one in self.again if one in known]
        if changes.head == self.head:
            return due
        paths = changes.paths
        moved = [one for one in agent.tails if paths is None or one in self.pending or _concerned(agent, one, paths)]
        return list(dict.fromkeys([*due, *moved]))


def promotion_jobs(agent: Agent) -> list["dg.UnresolvedAssetJobDefinition"]:
    """The job for the segments' files, and for an agent with a shared one its own, whose partitions are days alone."""
    jobs = {f"promote_{asset_prefix(agent)}": CASES}
    if agent.has_shared_tail:
        jobs[f"promote_shared_{asset_prefix(agent)}"] = SHARED_CASES
    return [
        dg.define_asset_job(
            name,
            selection=dg.AssetSelection.assets(dg.AssetKey([asset_prefix(agent), asset])),
            description=f"Puts what reviewers promoted in one week of {agent.name} into its set of cases.",
            executor_def=dg.in_process_executor,
        )
        for name, asset in jobs.items()
    ]


def promotion_sensor(agent: Agent, jobs: Sequence["dg.UnresolvedAssetJobDefinition"]) -> dg.SensorDefinition:
    """Requests one run for each merged week with cases that were promoted and are not in the set yet.

    A run is requested once for what is pending and the file that gets it: a pull request that was declined is not
    proposed again before one of the two has changed. Where the run failed, it is requested again when the base
    branch moves.
    """

    @dg.sensor(
        name=f"{jobs[0].name}_sensor",
        jobs=jobs,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_INTERVAL_S,
        description=f"Puts what was promoted in merged tail files of {agent.name} into its set of cases.",
    )
    def sensor(context: dg.SensorEvaluationContext, checkout: Checkout) -> dg.SensorResult:
        repository = checkout.repository()
        seen = _Seen.parse(context.cursor)
        changes = repository.base_changes(seen.head)
        all_due = seen.due(agent, changes)
        due, later = all_due[:MAX_SEGMENTS_PER_TICK], all_due[MAX_SEGMENTS_PER_TICK:]
        requests: list[dg.RunRequest] = []
        unreadable: list[str] = []
        again = list(later)
        pending = [one for one in seen.pending if one not in due]
        for segment in due:
            try:
                found = read_promotable(repository, agent, segment)
            except PermanentError as error:
                # Looked at again by the next tick, until somebody has repaired the file; the others go on.
                unreadable.append(f"{segment or agent.name}: {error}")
                again.append(segment)
                continue
            job = jobs[-1] if segment is None else jobs[0]
            asked = _requests(context, agent, job.name, segment, found, changes.head)
            requests += asked.requests
            pending += [segment] if found.pending() else []
            again += [segment] if asked.under_way else []
        if unreadable and not requests and not later:
            raise PermanentError("; ".join(unreadable))
        for message in unreadable:
            context.log.error(message)
        cursor = _Seen(changes.head, tuple(again), tuple(pending))
        reason = None if requests else _why_nothing(due)
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=str(cursor))

    return sensor


@dataclass(frozen=True)
class _Asked:
    requests: list[dg.RunRequest]
    under_way: bool


def _requests(
    context: dg.SensorEvaluationContext,
    agent: Agent,
    job_name: str,
    segment: str | None,
    found: Promotable,
    head: str,
) -> _Asked:
    """The runs for the pending weeks of one segment, oldest first."""
    requests = []
    under_way = False
    for tail, cases in found.pending():
        day = tail.promotion_day(agent.cadence)
        if day is None or not mining_days_of(agent).has_partition_key(day.key):
            context.log.warning(
                f"{tail.path} has no partition of {agent.name}; run tail-pipeline promote --week {tail.file.iso_week}"
            )
            continue
        partition = partition_key(day, segment)
        fingerprint = _fingerprint(cases, found.own.text)
        last = _last_run(context.instance, job_name, partition)
        if last and last.status in UNFINISHED:
            under_way = True
            continue
        failed = last and last.status is not dg.DagsterRunStatus.SUCCESS and last.tags.get(PROMOTION_TAG) == fingerprint
        parts = [agent.name, segment or "", tail.file.iso_week, fingerprint, *([head] if failed else [])]
        requests.append(
            dg.RunRequest(
                run_key="|".join(parts),
                job_name=job_name,
                partition_key=partition,
                tags={PROMOTION_TAG: fingerprint},
            )
        )
    return _Asked(requests, under_way)


def _last_run(instance: dg.DagsterInstance, job_name: str, partition: str) -> dg.DagsterRun | None:
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, tags={"dagster/partition": partition}), limit=1)
    return runs[0] if runs else None


def _fingerprint(cases: Sequence[TailCase], text: str | None) -> str:
    parts = [*(case.model_dump_json() for case in cases), text or ""]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _concerned(agent: Agent, segment: str | None, paths: Collection[str]) -> bool:
    """Whether one of these files decides on what is pending in the segment."""
    files = {*cases_paths(agent, segment), agent.removed_cases_path(segment)}
    tail_dir = agent.tail_dir_of(segment)
    return any(path in files or dirname(path) == tail_dir for path in paths)


def _why_nothing(due: Sequence[str | None]) -> str:
    if not due:
        return "no tail file and no set of cases has changed on the base branch"
    return "every promoted case is in the set, was taken out of it, or is on its way"
