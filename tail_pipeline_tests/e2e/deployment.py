"""A deployment as the README describes it: the shipped dagster.yaml on PostgreSQL, a daemon and a webserver."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
Found = TypeVar("Found")

_BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
_LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { id } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message }
  }
}"""
_CHECK = """
query ($asset: AssetKeyInput!, $name: String!) {
  assetNodeOrError(assetKey: $asset) {
    ... on AssetNode {
      assetCheckOrError(checkName: $name) {
        ... on AssetCheck {
          canExecuteIndividually
          executionForLatestMaterialization { status evaluation { success severity description } }
        }
      }
    }
  }
}"""
_WORKSPACE = """{
  workspaceOrError {
    ... on Workspace {
      locationEntries { loadStatus locationOrLoadError { __typename ... on PythonError { message } } }
    }
  }
}"""
_TICKS = {
    kind: f"query ($owner: {kind.title()}Selector!) {{ {kind}OrError({kind}Selector: $owner) {{ ... on {kind.title()} {{ "
    f"{kind}State {{ ticks {{ status timestamp runIds error {{ message }} }} }} }} }} }}"
    for kind in ("schedule", "sensor")
}
_REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "tail_pipeline.definitions"}


class Process:
    """A command with all its children, in a process group of its own."""

    def __init__(self, command: Sequence[object], log: Path, environment: dict[str, str]) -> None:
        self.log = log
        self._command = [str(part) for part in command]
        self._environment = environment
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Kill it as a lost machine would, with the code servers and run workers in its group."""
        if self._running is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()
        self._running = None

    def tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-20_000:] if self.log.exists() else ""


@dataclass
class Deployment:
    """What a browser sees of it through GraphQL, and its instance for what no page shows."""

    url: str
    webserver: Process
    daemon: Process
    instance: dg.DagsterInstance
    database: str

    def graphql(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def backfill(self, assets: Sequence[Sequence[str]], partitions: Sequence[str]) -> str:
        """Launch as the button of the asset graph does; returns the id of the backfill."""
        params = {"assetSelection": [{"path": path} for path in assets], "partitionNames": partitions}
        answer = self.graphql(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def launch(self, job: str, partition: dict[str, str] | None = None, checks: Sequence[dict[str, Any]] = ()) -> str:
        """Launch one partition of a job, given as its tags, or only some checks; returns the id of the run."""
        selector = {**_REPOSITORY, "jobName": job}
        if checks:
            selector |= {"assetSelection": [], "assetCheckSelection": list(checks)}
        tags = [{"key": key, "value": value} for key, value in (partition or {}).items()]
        params = {"selector": selector, "mode": "default", "runConfigData": "{}", "executionMetadata": {"tags": tags}}
        answer = self.graphql(_LAUNCH, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["id"])

    def reload(self) -> None:
        """Load the code location anew, as the button of the deployment's page does."""
        mutation = (
            "mutation ($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"
        )
        answer = self.graphql(mutation, name=_REPOSITORY["repositoryLocationName"])["reloadRepositoryLocation"]
        assert answer["__typename"] == "WorkspaceLocationEntry", answer

    def finished_backfill(self, backfill_id: str) -> str:
        """The final status of a backfill."""
        query = (
            "query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
        )
        running = {"REQUESTED", "CANCELING", "FAILING"}

        def final() -> str | None:
            status = self.graphql(query, id=backfill_id)["partitionBackfillOrError"]["status"]
            return None if status in running else str(status)

        return wait_for(final, f"the end of backfill {backfill_id}")

    def finished_run(self, run_id: str) -> str:
        """The final status of a run."""

        def final() -> str | None:
            status = self.graphql("query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)[
                "runOrError"
            ]["status"]
            return str(status) if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

        return wait_for(final, f"the end of run {run_id}")

    def check(self, asset: Sequence[str], name: str) -> Any:
        """The newest execution of a check, as the Checks tab of its asset shows it."""
        return self.graphql(_CHECK, asset={"path": asset}, name=name)["assetNodeOrError"]["assetCheckOrError"][
            "executionForLatestMaterialization"
        ]

    def ticks(self, kind: str, name: str) -> list[dict[str, Any]]:
        """What a schedule or a sensor did so far, newest first, as its page shows it."""
        owner = {**_REPOSITORY, f"{kind}Name": name}
        found = self.graphql(_TICKS[kind], owner=owner)[f"{kind}OrError"][f"{kind}State"]["ticks"]
        return [tick for tick in found if tick["status"] != "STARTED"]

    def put_back(self, schedule: str, moment: datetime) -> None:
        """Have the stored state of a schedule say that no daemon has looked at it since ``moment``.

        That is what a daemon finds that was away for so long; nothing else is changed, and no clock is.
        """
        [state] = [one for one in self.instance.all_instigator_state() if one.instigator_name == schedule]
        seen = moment.timestamp()
        data = state.instigator_data._replace(start_timestamp=seen, last_iteration_timestamp=seen)
        self.instance.update_instigator_state(state.with_data(data))

    def runs(self, **filters: Any) -> list[dg.DagsterRun]:
        """The runs a filter finds, oldest first."""
        return list(self.instance.get_runs(filters=dg.RunsFilter(**filters)))[::-1]

    def events(self, run_id: str, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
        return [entry.dagster_event for entry in self.instance.all_logs(run_id, of_type=kind) if entry.dagster_event]

    def written(self) -> str:
        """The end of what daemon and webserver wrote, run workers included."""
        return "\n".join(f"--- {one.log.name}\n{one.tail()}" for one in (self.webserver, self.daemon))


@contextmanager
def deployed(
    checkout: Path, home: Path, postgres_url: str, *, workspace: Path = ROOT / "workspace.yaml", **environment: str
) -> Iterator[Deployment]:
    """The shipped instance with a webserver that answers and a daemon, for one checkout."""
    home.mkdir()
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    env = {
        **os.environ,
        **environment,
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_URL": postgres_url,
        "TAIL_PIPELINE_REPO": str(checkout),
        "PYTHONPATH": str(ROOT),
    }
    port = free_port()
    served = ["--workspace", workspace]
    webserver = Process(
        [BIN / "dagster-webserver", "-h", "127.0.0.1", "-p", port, *served], home / "webserver.log", env
    )
    daemon = Process([BIN / "dagster-daemon", "run", *served], home / "daemon.log", env)
    with ExitStack() as stack:
        # The tables are made once, here, before two processes try to.
        instance = stack.enter_context(_instance(home, postgres_url))
        for one in (webserver, daemon):
            stack.callback(one.stop)
            one.start()
        deployment = Deployment(f"http://127.0.0.1:{port}", webserver, daemon, instance, postgres_url)
        try:
            wait_for(lambda: _answers(deployment), "the webserver")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{deployment.written()}") from error
        yield deployment


def wait_for(condition: Callable[[], Found | None], what: str, deadline_s: float = 360) -> Found:
    """What ``condition`` returns as soon as it is not None or False; the limit is for machines that do much else meanwhile."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come within {deadline_s:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(deployment: Deployment) -> bool:
    """Whether the webserver is up with the code location loaded; raises when that cannot be loaded."""
    try:
        workspace = deployment.graphql(_WORKSPACE)["workspaceOrError"]
    except (urllib.error.URLError, ConnectionError):
        return False
    for location in workspace["locationEntries"]:
        found = location["locationOrLoadError"] or {}
        assert found.get("__typename") != "PythonError", found["message"]
    return all(location["loadStatus"] == "LOADED" for location in workspace["locationEntries"])


@contextmanager
def _instance(home: Path, postgres_url: str) -> Iterator[dg.DagsterInstance]:
    """The instance in this process; its configuration names the variable with the address."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_POSTGRES_URL", postgres_url)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance
