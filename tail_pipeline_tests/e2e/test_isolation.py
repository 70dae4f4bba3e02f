"""Nobody sees another's data: random worlds, one with everything in it, and proof that a leak of each kind is noticed.

``python -m benchmarks.isolation`` plays a thousand worlds more.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tail_pipeline.defs.resources
from tail_pipeline.adapters.state_dir import STATE_DIR, segment_state_dir
from tail_pipeline.domain.spans import SegmentFilter
from tail_pipeline_tests.conftest import git
from tail_pipeline_tests.isolation.artefacts import UnknownArtefact
from tail_pipeline_tests.isolation.canaries import Owner
from tail_pipeline_tests.isolation.deployment import Deployment
from tail_pipeline_tests.isolation.running import Played, Said
from tail_pipeline_tests.isolation.scanning import play, report
from tail_pipeline_tests.isolation.worlds import ODD, SHARED, AgentPlan, Step, World, random_world

THREE_TENANTS = (AgentPlan("support", "eval", ("acme", "acme-2", "ac"), spelled_otherwise=True),)
ACME, OTHER = Owner("support", "acme"), Owner("support", "acme-2")
DAY = "2026-W16-1"
ONE_RUN = World(THREE_TENANTS, (Step("mine"),), target="python", history_in_files=True)
TWO_TENANTS_WITH_A_JUDGE = World(
    (AgentPlan("support", "eval", ("acme", "acme-2")),),
    (Step("mine"), Step("mine", owner=1)),
    judge=True,
    shared=frozenset({"text"}),
)
EVERYTHING = World(
    THREE_TENANTS,
    (Step("mine"), Step("review", choice=0), Step("promote"), Step("share"), Step("outage", choice=0)),
    target="python",
    shared=frozenset(SHARED),
    odd=frozenset({*ODD} - {"mostly_malformed"}),
)


# A smaller world says no more about a leak, and each takes seconds.
@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 2**32))
def test_no_text_of_a_random_world_is_where_it_does_not_belong(seed: int):
    scan = play(random_world(Random(seed)))
    assert not scan.leaks, report(scan.leaks)


def test_a_world_with_everything_in_it_is_mined_reviewed_shared_and_keeps_its_texts_apart():
    planted: dict[str, str] = {}

    scan = play(EVERYTHING, tamper=lambda deployment, _played: planted.update(_texts_of(deployment, ACME)))

    assert not scan.leaks, report(scan.leaks)
    assert [one for one in scan.failed if "outage of the store" not in one] == []
    # What belongs to the one that was mined was met: nothing was found out of place because nothing was found at all.
    columns = {where.split(", ")[1] for word, where in planted.items() if word in scan.seen and ", " in where}
    assert columns >= {
        "input",
        "output",
        "context",
        "another context",
        "correction",
        "label",
        "metadata",
        "trace",
        "span",
    }


def test_a_text_planted_in_any_kind_of_artefact_is_noticed():
    planted: dict[str, str] = {}

    def tamper(deployment: Deployment, played: Played) -> None:
        for place in (*PLACES, *PLACES_OF_A_RUN):
            word = deployment.aviary.word(frozenset({OTHER}), place.__name__)
            planted[word] = place.__name__
            place(deployment, word) if place in PLACES else place(deployment, played, word)

    scan = play(ONE_RUN, tamper=tamper)

    found = {planted[leak.canary.word] for leak in scan.leaks if leak.canary.word in planted}
    assert found == set(planted.values())


def test_an_artefact_that_nobody_has_classified_is_an_error():
    def tamper(deployment: Deployment, _played: Played) -> None:
        (deployment.checkout / STATE_DIR / "notes.txt").write_text("new", encoding="utf-8")

    with pytest.raises(UnknownArtefact, match=r"notes\.txt"):
        play(replace(ONE_RUN, steps=()), tamper=tamper)


def test_a_filter_that_forgets_the_tenant_is_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(SegmentFilter, "expression", lambda _self: pl.lit(value=True))

    scan = play(ONE_RUN)

    assert {leak.where.split("/")[0] for leak in scan.leaks} >= {".tail", "eval"}


def test_answers_of_a_judge_that_two_tenants_share_are_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        tail_pipeline.defs.resources,
        "segment_state_dir",
        lambda repo, agent, _segment: segment_state_dir(repo, agent, "acme"),
    )

    scan = play(TWO_TENANTS_WITH_A_JUDGE)

    # Both asked the very same, so that only what the judge said tells whose answer it was.
    assert {leak.canary.where for leak in scan.leaks} >= {"an answer of the judge to support/acme"}
    assert any(leak.where.startswith("eval/tail/acme-2/") for leak in scan.leaks), report(scan.leaks)


def _texts_of(deployment: Deployment, owner: Owner) -> dict[str, str]:
    """Word → place of what was planted in this owner's traffic."""
    return {one.word: one.where for one in deployment.aviary.known.values() if owner in one.owners}


def _in_a_record(deployment: Deployment, word: str) -> None:
    _append(deployment.checkout / STATE_DIR / "frames" / "support" / "tail_pr" / DAY / "acme.json", word)


def _in_a_frame(deployment: Deployment, word: str) -> None:
    path = deployment.checkout / STATE_DIR / "frames" / "support" / "spans" / DAY / "acme.parquet"
    pl.read_parquet(path).with_columns(pl.lit(word).alias("model")).write_parquet(path)


def _in_a_table(deployment: Deployment, word: str) -> None:
    path = deployment.checkout / STATE_DIR / "state" / "support" / "acme" / "dry_run.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO output VALUES ('scope', 'target', 'question', 1, ?)", (word,))
        connection.commit()


def _in_a_pull_request(deployment: Deployment, word: str) -> None:
    _append(deployment.checkout / STATE_DIR / "pull_requests" / "acme" / "2026-W16.md", word)


def _in_an_alarm(deployment: Deployment, word: str) -> None:
    _append(deployment.checkout / STATE_DIR / "alarms" / f"support.{DAY}.md", word)


def _in_an_escalation(deployment: Deployment, word: str) -> None:
    _append(deployment.checkout / STATE_DIR / "escalations" / "support.acme.2026-W16.md", word)


def _in_a_log_line(deployment: Deployment, word: str) -> None:
    (run,) = deployment.instance.get_runs()
    deployment.instance.report_engine_event(f"read {word}", run)


def _in_a_set_of_cases(deployment: Deployment, word: str) -> None:
    deployment.push("main", "eval/cases/acme.yaml", f"cases: []  # {word}\n")


def _in_what_everybody_has(deployment: Deployment, word: str) -> None:
    deployment.push("main", "eval/rubric.yaml", f"rubric_min_score: 0.82  # {word}\nragas_faithfulness: 0.78\n")


def _in_what_tenants_share(deployment: Deployment, word: str) -> None:
    deployment.push("main", "eval/tail/2026-W16.yaml", f"title: {word}\n")


def _in_a_commit_message(deployment: Deployment, word: str) -> None:
    git(
        deployment.checkout, "-c", "user.name=R", "-c", "user.email=r@localhost", "commit", "-qm", word, "--allow-empty"
    )


def _in_an_object_without_a_path(deployment: Deployment, word: str) -> None:
    theirs = next(word for word, where in _texts_of(deployment, ACME).items() if where.endswith("input"))
    (deployment.checkout / STATE_DIR / "both").write_text(f"{theirs} {word} {theirs}", encoding="utf-8")
    git(deployment.checkout, "hash-object", "-w", f"{STATE_DIR}/both")
    (deployment.checkout / STATE_DIR / "both").unlink()


def _in_a_temporary_file(_deployment: Deployment, word: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", delete=False) as file:
        file.write(word)


def _in_a_request(deployment: Deployment, word: str) -> None:
    deployment.told.asked.append((ACME, f"judge {word}"))


def _on_a_terminal(_deployment: Deployment, played: Played, word: str) -> None:
    played.said.append(Said("command", word, frozenset()))


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


PLACES = (
    *(_in_a_record, _in_a_frame, _in_a_table, _in_a_pull_request, _in_an_alarm, _in_an_escalation, _in_a_log_line),
    *(_in_a_set_of_cases, _in_what_everybody_has, _in_what_tenants_share, _in_a_commit_message),
    *(_in_an_object_without_a_path, _in_a_temporary_file, _in_a_request),
)
PLACES_OF_A_RUN = (_on_a_terminal,)
