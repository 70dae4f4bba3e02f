"""What a repository holds of a tenant that left, locally and on GitHub: deleted there, or named for people to delete."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.forgetting import EvalPlace, Subject
from tail_pipeline.domain.pull_request import LABELS, PullRequest, branch_of
from tail_pipeline.domain.weeks import MiningDay
from tail_pipeline_tests.adapters.eval_texts import case, tail_text
from tail_pipeline_tests.adapters.filed import alarm, escalation
from tail_pipeline_tests.adapters.places import GitHubPlace, LocalPlace
from tail_pipeline_tests.conftest import git
from tail_pipeline_tests.domain.builders import DAY

Anywhere = LocalPlace | GitHubPlace


@pytest.fixture(params=[LocalPlace, GitHubPlace], ids=["local", "github"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Anywhere]:
    with request.param(tmp_path) as opened:
        for tenant in ("acme", "globex"):
            publish(opened, tenant, "2026-W16")
            publish(opened, tenant, "2026-W17")
        yield opened


def publish(place: Anywhere, tenant: str, week: str) -> None:
    path = f"eval/tail/{tenant}/{week}.yaml"
    text = tail_text(week, [case(f"tail-{week.replace('-', '')}-{tenant}-001")], segment=tenant)
    wanted = PullRequest(branch_of(path), path, text, "A week", "A week", f"of {tenant}", LABELS, ())
    place.repository.publish(wanted, place.repository.tail_branch(branch_of(path), path))


def subject(tenant: str = "acme") -> Subject:
    own = EvalPlace(f"eval/tail/{tenant}", f"eval/cases/{tenant}.yaml", "eval/cases_removed.yaml")
    return Subject("support", tenant, (own,))


def references(place: Anywhere) -> list[str]:
    where = place.checkout if isinstance(place, LocalPlace) else place.server.repository.git.path
    return git(where, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()


def test_branches_and_what_was_published_go_and_another_tenants_stay(place: Anywhere) -> None:
    others = [one for one in references(place) if "/acme/" not in one]
    assert len(others) < len(references(place))

    place.repository.forget(subject())

    assert references(place) == others
    assert place.repository.held(subject()) == []


def test_what_would_go_is_listed(place: Anywhere) -> None:
    names = {name for one in place.repository.held(subject()) for name in one.names}
    weeks = ("2026-W16", "2026-W17")
    assert {f"refs/heads/tail-miner/acme/{week}" for week in weeks} <= names
    assert {f"refs/published/tail-miner/acme/{week}/000001" for week in weeks} <= names
    assert not any("globex" in name for name in names)


def test_forgetting_twice_is_harmless(place: Anywhere) -> None:
    place.repository.forget(subject())
    before = references(place)
    place.repository.forget(subject())
    assert references(place) == before


def test_a_segment_whose_name_begins_like_anothers_is_not_taken_for_it(place: Anywhere) -> None:
    publish(place, "acme-2", "2026-W17")
    publish(place, "acm", "2026-W17")
    place.repository.forget(subject())
    left = [one for one in references(place) if "/acme-2/" in one or "/acm/" in one]
    assert len(left) == 4


def test_numbers_of_pull_requests_that_are_forgotten_are_not_given_out_again(place: Anywhere) -> None:
    before = set(place.pull_requests())
    place.repository.forget(subject())
    publish(place, "initech", "2026-W17")
    assert len(place.pull_requests()) == len(before) + 1


def test_escalations_of_the_tenant_go_and_alarms_that_name_it_with_what_its_run_said(tmp_path: Path) -> None:
    with LocalPlace(tmp_path) as place:
        for day in (alarm("acme", "globex"), alarm("globex", day=MiningDay(DAY.day + timedelta(days=7)))):
            place.repository.raise_alarm(day)
        for tenant in ("acme", "globex"):
            place.repository.escalate(escalation(segment=tenant))
        filed = {path.name for path in (place.checkout / ".tail").rglob("*.md")}

        place.repository.forget(subject())

        gone = filed - {path.name for path in (place.checkout / ".tail").rglob("*.md")}
        assert gone == {f"{alarm('acme').key}.md", f"{escalation(segment='acme').key}.md"}


def test_pages_on_github_that_quote_the_tenant_are_named(tmp_path: Path) -> None:
    with GitHubPlace(tmp_path) as place:
        publish(place, "acme", "2026-W17")
        publish(place, "globex", "2026-W17")
        place.repository.forget(subject())
        pages = [one.split(": ")[0] for one in place.repository.remains(subject()) if "/pull/" in one]
        assert [page.rpartition("/")[2] for page in pages] == ["1"]


def test_a_branch_that_somebody_has_checked_out_is_refused_by_name(tmp_path: Path) -> None:
    with LocalPlace(tmp_path) as place:
        publish(place, "acme", "2026-W17")
        git(place.checkout, "switch", "--quiet", "tail-miner/acme/2026-W17")
        with pytest.raises(PermanentError, match=r"branch tail-miner/acme/2026-W17 is checked out in"):
            place.repository.forget(subject())
