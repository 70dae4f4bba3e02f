"""The example ``monetizy``, with a seventh of its mails that pass: a gap is known in the week after it became a case."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from tail_pipeline.adapters.eval_files import parse_cases
from tail_pipeline.demo import monetizy_phrases as phrases
from tail_pipeline.demo.monetizy import EXAMPLE, FIRST_WEEK, PLANTED, SECOND_WEEK, write_traffic
from tail_pipeline.demo.scratch import create_scratch_repository
from tail_pipeline.domain.tail_file import TailFile
from tail_pipeline_tests.conftest import EXAMPLE_EVAL
from tail_pipeline_tests.e2e.command import run
from tail_pipeline_tests.e2e.reviewer import review_and_merge, tail_on

FIRST_PATH, SECOND_PATH = f"eval/tail/{FIRST_WEEK}.yaml", f"eval/tail/{SECOND_WEEK}.yaml"
MAILS = 8_000
RETRY = "Only the mails that had not gone out are sent; nobody gets one twice."


class Weeks(NamedTuple):
    """What the repository holds after W20 was mined and reviewed, and W21 mined."""

    repo: Path
    first: TailFile
    second: TailFile
    promoted: str
    rejected: str
    topics: dict[str, str]
    """Span id → the topic it was made from."""

    def share_about(self, topic: str, span_ids: list[str]) -> float:
        return sum(self.topics[span_id] == topic for span_id in span_ids) / len(span_ids)


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        repo = tmp_path_factory.mktemp("monetizy") / "scratch"
        traffic = partial(write_traffic, mails_per_week=MAILS)
        create_scratch_repository(EXAMPLE_EVAL.parent, replace(EXAMPLE, write_traffic=traffic), repo)
        run("mine", "--repo", repo, "--week", FIRST_WEEK)
        spans = pl.scan_parquet(repo / "traces" / "*.parquet").select("span_id", "metadata").collect()
        topics = {span_id: json.loads(metadata)["topic"] for span_id, metadata in spans.iter_rows()}
        first = tail_on(repo, f"tail-miner/{FIRST_WEEK}", FIRST_PATH)
        found = {topics[case.cluster.span_ids[0]]: case.id for case in first.cases}
        promoted, rejected = found[phrases.DROPPED_SESSION.name], found[phrases.PUSHY.name]
        decisions = {promoted: RETRY, rejected: "no: matter of taste, the house style decides"}
        review_and_merge(repo, f"tail-miner/{FIRST_WEEK}", FIRST_PATH, decisions)
        run("promote", "--repo", repo)
        run("mine", "--repo", repo, "--week", SECOND_WEEK)
        second = tail_on(repo, f"tail-miner/{SECOND_WEEK}", SECOND_PATH)
        return Weeks(repo, first, second, promoted, rejected, topics)


def test_every_mail_of_the_week_is_counted(weeks: Weeks) -> None:
    assert (weeks.first.counts.spans, weeks.second.counts.spans) == (MAILS, MAILS)


def test_retries_after_a_dropped_session_are_one_case_whatever_their_wording(weeks: Weeks) -> None:
    (case,) = [case for case in weeks.first.cases if case.id == weeks.promoted]
    (planted,) = [turns.count for turns in PLANTED[FIRST_WEEK] if turns.topic is phrases.DROPPED_SESSION]

    assert case.cluster.size == planted
    assert weeks.share_about(phrases.DROPPED_SESSION.name, case.cluster.span_ids) == 1
    others = [one for one in weeks.first.cases if one.id != case.id]
    assert [weeks.share_about(phrases.DROPPED_SESSION.name, one.cluster.span_ids) for one in others] == [0] * len(
        others
    )


def test_mails_to_people_who_opted_out_stand_first(weeks: Weeks) -> None:
    first = weeks.first.cases[0]

    assert (first.labels, weeks.share_about(phrases.OPTED_OUT.name, first.cluster.span_ids)) == (["regulatory"], 1)
    assert first.cluster.size < weeks.first.cases[1].cluster.size


def test_the_promoted_case_is_in_the_set_of_cases_behind_those_that_were_there(weeks: Weeks) -> None:
    shipped = parse_cases(
        (EXAMPLE_EVAL / "examples" / "monetizy" / "cases.yaml").read_text("utf-8"), "cases.yaml"
    ).cases
    cases = parse_cases((weeks.repo / "eval" / "cases.yaml").read_text("utf-8"), "cases.yaml").cases

    assert cases[:-1] == shipped
    assert (cases[-1].id, cases[-1].expected, cases[-1].source) == (weeks.promoted, RETRY, "tail_miner")


def test_the_same_gap_is_known_in_the_next_week_and_not_proposed_again(weeks: Weeks) -> None:
    known = [row for row in weeks.second.not_proposed if row.why == "known"]

    assert [row.case for row in known] == [weeks.promoted]
    assert known[0].size > 1
    proposed = [span_id for case in weeks.second.cases for span_id in case.cluster.span_ids]
    assert phrases.DROPPED_SESSION.name not in {weeks.topics[span_id] for span_id in proposed}


def test_a_rejected_gap_is_not_proposed_again_either(weeks: Weeks) -> None:
    assert [row.case for row in weeks.second.not_proposed if row.why == "rejected_before"] == [weeks.rejected]


def test_what_is_new_in_the_second_week_is_proposed(weeks: Weeks) -> None:
    proposed = {weeks.topics[case.cluster.span_ids[0]] for case in weeks.second.cases}

    assert proposed >= {phrases.TIME_ZONE.name, phrases.SUBJECT_TEST.name, phrases.BOUNCED.name}
