"""Plays a world: mines, reviews, promotes, escalates, breaks things and mends them, and keeps what was said meanwhile."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

import dagster as dg
from click.testing import CliRunner

from tail_pipeline.adapters.eval_files import cases_paths, parse_tail
from tail_pipeline.cli import main
from tail_pipeline.defs.cells import mining_job_name, shared_job_name
from tail_pipeline.defs.deadline import DEADLINE_JOB, deadline_automation
from tail_pipeline.defs.failures import failure_message
from tail_pipeline.defs.partitions import asset_prefix, partition_key
from tail_pipeline.defs.progress import PROGRESS_LOGGER
from tail_pipeline.defs.resources import Checkout
from tail_pipeline.domain.pull_request import branch_of
from tail_pipeline.domain.tail_file import TailCase, render
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.github_server import faults
from tail_pipeline_tests.isolation.canaries import Owner
from tail_pipeline_tests.isolation.deployment import Deployment
from tail_pipeline_tests.isolation.worlds import OUTAGES, Outage, Step


@dataclass(frozen=True)
class Said:
    """What was printed or returned while something was done, for its readers; None where several may read it."""

    where: str
    text: str
    readers: frozenset[Owner] | None


@dataclass
class Played:
    """What came of a world: cells that were mined, those that failed and why, and everything that was said."""

    mined: int = 0
    failed: list[str] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    exchanges: list[tuple[int, int, Owner | None]] = field(default_factory=list)


class Player:
    """Takes one step of a world after the other."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._world = deployment.world
        self._cursors: dict[str, str | None] = {}
        self.played = Played()

    def play(self) -> Played:
        for number, step in enumerate(self._world.steps):
            owner = self._world.owners[step.owner % len(self._world.owners)]
            day = self._world.days[step.day % len(self._world.days)]
            self._take(f"step {number}, {step.action}", step, owner, day)
        return self.played

    def _take(self, where: str, step: Step, owner: Owner, day: MiningDay) -> None:  # noqa: C901, PLR0912 one line an action
        match step.action:
            case "mine" | "mine_fresh":
                self._mine(where, owner, day, fresh=step.action == "mine_fresh")
            case "mine_all":
                for one in self._world.owners[:3]:
                    self._mine(where, one, day)
            case "share":
                self._share(where, owner, day)
            case "review_shared":
                self._share(where, owner, day)
                self._review(Owner(owner.agent, None), day, step.choice)
                self._command(where, None, "promote")
            case "mine_by_command":
                # After the last tenant of a day the command also makes what they share.
                shares = self._deployment.agent(owner).has_shared_tail
                self._deployment.told.several = Owner(owner.agent, None) if shares else None
                reader = None if shares else owner
                self._command(where, reader, "mine", *_chosen(owner), "--day", day.key)
                self._deployment.told.several = None
            case "review":
                self._review(owner, day, step.choice)
            case "promote":
                self._promote(where, owner, day)
            case "promote_by_command":
                self._command(where, None, "promote")
            case "escalate":
                self._command(where, None, "escalate", "--week", str(day.iso_week))
            case "deadline":
                self._deadline(where, day, by_command=step.choice % 2 == 0)
            case "sensors":
                self._sensors(where, day)
            case "validate":
                self._command(where, None, "validate")
            case "break_cases":
                self._break(where, owner, day, self._cases_path(owner), step)
            case "break_tail":
                week = self._world.days[0].iso_week.shifted(-1)
                self._break(where, owner, day, self._deployment.agent(owner).tail_path(owner.segment, week), step)
            case "outage":
                self._outage(where, owner, day, OUTAGES[step.choice % len(OUTAGES)])

    # Runs

    def _mine(self, where: str, owner: Owner, day: MiningDay, *, fresh: bool = False) -> bool:
        agent = self._deployment.agent(owner)
        config: dict[str, object] = {"ops": {f"{asset_prefix(agent)}__tail_yaml": {"config": {"fresh": fresh}}}}
        if not self._world.history_in_files:
            config["loggers"] = {PROGRESS_LOGGER: {}}
        return self._run(where, owner, mining_job_name(agent), partition_key(day, owner.segment), config)

    def _share(self, where: str, owner: Owner, day: MiningDay) -> None:
        """Three tenants of an agent are mined, and then the file that they share is made, once they share one."""
        agent = self._deployment.agent(owner)
        if not agent.has_shared_tail:
            return
        for segment in agent.segment_names[:3]:
            self._mine(where, Owner(agent.name, segment), day)
        self._run(where, Owner(agent.name, None), shared_job_name(agent), day.key)

    def _promote(self, where: str, owner: Owner, day: MiningDay) -> None:
        agent = self._deployment.agent(owner)
        self._run(where, owner, f"promote_{asset_prefix(agent)}", partition_key(day, owner.segment))

    def _run(self, where: str, owner: Owner, job: str, partition: str, config: dict[str, object] | None = None) -> bool:
        deployment = self._deployment
        with self._reading(where, owner):
            result = deployment.definitions.resolve_job_def(job).execute_in_process(
                partition_key=partition, instance=deployment.instance, run_config=config, raise_on_error=False
            )
        self.played.mined += result.success
        if not result.success:
            self.played.failed.append(f"{where}, {owner} {partition}: {failure_message(result.all_events)}")
        return result.success

    def _deadline(self, where: str, day: MiningDay, *, by_command: bool) -> None:
        if by_command:
            self._command(where, None, "check-deadline", "--day", day.key)
            return
        config = {"ops": {"find_missing_cells": {"config": {"day": day.day.isoformat()}}}}
        with self._reading(where, None, readers=frozenset()):
            self._deployment.definitions.resolve_job_def(DEADLINE_JOB).execute_in_process(
                instance=self._deployment.instance, run_config=config, raise_on_error=False
            )

    def _sensors(self, where: str, day: MiningDay) -> None:
        """One tick of every sensor, at one o'clock of the mining day: alarms, escalations and promotions."""
        deployment = self._deployment
        now = datetime.combine(day.day, time(13), UTC)
        alarms = deadline_automation(deployment.config.agents, now=lambda: now)
        wanted = [one for one in deployment.definitions.sensors or [] if isinstance(one, dg.SensorDefinition)]
        wanted = [one for one in wanted if one.name != "mining_failure_sensor"]
        wanted += [
            one for one in alarms.sensors or [] if isinstance(one, dg.SensorDefinition) and "failure" in one.name
        ]
        for sensor in wanted:
            self._tick(f"{where} {sensor.name}", sensor)

    def _tick(self, where: str, sensor: dg.SensorDefinition) -> None:
        deployment = self._deployment
        # A run failure sensor without a cursor begins with what happens after its first tick.
        context = dg.build_sensor_context(
            instance=deployment.instance,
            cursor=self._cursors.get(sensor.name),
            repository_def=deployment.repository_definition,
            resources={"checkout": Checkout(repo_dir=str(deployment.checkout), retry_wait_s=0)},
        )
        with self._reading(where, None, readers=frozenset()) as told:
            try:
                tick = sensor.evaluate_tick(context)
            except Exception as error:  # noqa: BLE001 what a tick raises is shown in the UI, whoever reads it
                told(f"{type(error).__name__}: {error}")
                return
        self._cursors[sensor.name] = tick.cursor
        requests = [f"{one.run_key} {one.run_config} {one.tags}" for one in tick.run_requests or []]
        reactions = [str(one.error) for one in tick.dagster_run_reactions or [] if one.error]
        text = "\n".join([tick.skip_message or "", tick.cursor or "", *requests, *reactions])
        self.played.said.append(Said(f"{where}: tick", text, frozenset()))

    def _command(self, where: str, reader: Owner | None, *arguments: str) -> None:
        """A command as somebody types it; what it prints may quote nobody's texts, the terminal is everybody's."""
        with self._reading(where, reader, readers=frozenset()) as told:
            done = CliRunner().invoke(main, [*arguments, "--repo", str(self._deployment.checkout)])
            told(done.output)
            if done.exception and not isinstance(done.exception, SystemExit):
                raise done.exception

    @contextmanager
    def _reading(
        self, where: str, reader: Owner | None, *, readers: frozenset[Owner] | None = None
    ) -> Iterator[Callable[[str], None]]:
        """Whose run is under way meanwhile; what is printed is for ``readers``, by default for that owner alone."""
        printed = io.StringIO()
        server = self._deployment.github
        first = len(server.exchanges) if server else 0
        self._deployment.told.reader = reader
        try:
            with redirect_stdout(printed), redirect_stderr(printed):
                yield printed.write
        finally:
            self._deployment.told.reader = None
            if server:
                self.played.exchanges.append((first, len(server.exchanges), reader))
            who = readers if readers is not None else frozenset({reader} if reader else set())
            self.played.said.append(Said(f"{where}: terminal", printed.getvalue(), who))

    # People

    def _review(self, owner: Owner, day: MiningDay, choice: int) -> None:
        """Every case of the week is promoted, rejected or left, and the branch is merged or stays open."""
        deployment = self._deployment
        agent = deployment.agent(owner)
        path = agent.tail_path(owner.segment, day.iso_week)
        branch = branch_of(path)
        text = deployment.read(branch, path)
        if text is None:
            return
        file = parse_tail(text, path)
        cases = [self._decided(case, owner, (number + choice) % 3) for number, case in enumerate(file.cases)]
        reviewed = render(file.model_copy(update={"cases": cases}), schema_path=agent.schema_path(path))
        if reviewed != text:
            deployment.push(branch, path, reviewed)
        if choice % 3 != 2 and deployment.read("main", path) is None:
            deployment.merge(branch, squash=choice % 2 == 0, delete=choice % 3 == 0)

    def _decided(self, case: TailCase, owner: Owner, decision: int) -> TailCase:
        word = self._deployment.aviary.word(frozenset({owner}), f"written by the reviewer of {owner}")
        if decision == 0:
            decided = {"status": "promoted", "rejection_reason": None, "expected": f"It should be {word}."}
            return case.model_copy(update=decided)
        if decision == 1:
            return case.model_copy(update={"status": "rejected", "rejection_reason": f"Not ours: {word}"})
        return case

    def _cases_path(self, owner: Owner) -> str:
        return cases_paths(self._deployment.agent(owner), owner.segment)[-1]

    def _break(self, where: str, owner: Owner, day: MiningDay, path: str, step: Step) -> None:
        """Somebody breaks a file of one owner; that one and the next are mined, everything is checked, it is mended."""
        deployment = self._deployment
        before = deployment.read("main", path)
        word = deployment.aviary.word(frozenset({owner}), f"in a broken file of {owner}", "written")
        broken = (
            f"cases:\n  - {{id: x, input: [{word}], source: {word}, status: {word}}}\n",
            f"cases:\n  - id: [{word}\n",
            f"agent: 5\niso_week: {word}\ncases: {word}\n",
            f"cases:\n  - id: x\n    input: &a {word}\n    expected: *a\n",
        )
        deployment.push("main", path, broken[step.choice % len(broken)])
        others = [one for one in self._world.owners if one != owner]
        self._mine(where, owner, day)
        if others:
            self._mine(where, others[step.owner % len(others)], day)
        self._sensors(where, day)
        self._command(where, None, "validate")
        self._deadline(where, day, by_command=step.choice % 2 == 0)
        if before is None:
            deployment.remove(path)
        else:
            deployment.push("main", path, before)

    # What fails

    def _outage(self, where: str, owner: Owner, day: MiningDay, kind: Outage) -> None:
        """Something does not answer while a cell is mined; afterwards the cell is mined again, and alarms were raised."""
        deployment = self._deployment
        deployment.told.failing = kind
        with self._broken(kind, owner, day):
            self._mine(f"{where} of the {kind}", owner, day)
            self._sensors(where, day)
            self._deadline(where, day, by_command=False)
        deployment.told.failing = None
        if kind == "repository":
            self._mine(where, owner, day)

    @contextmanager
    def _broken(self, kind: Outage, owner: Owner, day: MiningDay) -> Iterator[None]:
        deployment = self._deployment
        if kind == "store" and self._world.store != "postgres":
            traces = deployment.checkout / "traces"
            away = traces.rename(traces.with_name("traces.away"))
            try:
                yield
            finally:
                away.rename(traces)
        elif kind == "repository" and deployment.github:
            for fault in (faults.dropped().afterwards(), faults.bad_gateway(), faults.bad_gateway()):
                deployment.github.faults.next("POST", "/pulls|/git/", fault)
            yield
            deployment.github.faults.stop()
        elif kind == "repository":
            branch = branch_of(deployment.agent(owner).tail_path(owner.segment, day.iso_week))
            lock = deployment.checkout / ".git" / "refs" / "heads" / f"{branch}.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.touch()
            yield
            lock.unlink(missing_ok=True)
        else:
            yield


def _chosen(owner: Owner) -> tuple[str, ...]:
    return ("--agent", owner.agent, *(("--segment", owner.segment) if owner.segment else ()))
