"""Reading GitHub: every page of what is long, only what changed of what was read before."""

from __future__ import annotations

from pathlib import Path

from tail_pipeline.adapters.github.connection import Connection
from tail_pipeline.adapters.github.history import GitHubHistory
from tail_pipeline.adapters.github.immutable import ImmutableAnswers
from tail_pipeline.domain.ports import BranchState, StoredFile
from tail_pipeline_tests.adapters.github.runs import BRANCH, MORE, PATH, TEXT, run
from tail_pipeline_tests.adapters.places import NO_WAIT, GitHubPlace
from tail_pipeline_tests.github_server.records import Pull
from tail_pipeline_tests.github_server.server import GitHubServer

MANY = 101
"""More than a page of GitHub's."""


def requests(server: GitHubServer, since: int) -> list[str]:
    """The documented paths that were asked for, in order."""
    return [f"{one.template}".removeprefix("/repos/{owner}/{repo}") for one in server.exchanges[since:]]


def open_pull_request(server: GitHubServer, branch: str) -> None:
    """One of somebody else's."""
    repository, head = server.repository, server.person().branch(branch)
    pull = Pull(repository.new_id(), branch, head, "main", head, head)
    repository.add_issue(server.person("lead").account, branch, None, pull)


def into_develop(server: GitHubServer) -> None:
    """A second pull request of the week's branch, which leads elsewhere."""
    repository, base, head = server.repository, server.person().branch("develop"), server.person().head(BRANCH)
    pull = Pull(repository.new_id(), BRANCH, head, "develop", base, base)
    repository.add_issue(server.person("lead").account, "Into develop", None, pull)


# Long listings


def test_a_directory_of_many_weeks_is_read_whole(place: GitHubPlace, server: GitHubServer):
    weeks = {f"eval/tail/{2020 + number // 50}-W{number % 50 + 1:02d}.yaml": TEXT for number in range(MANY)}
    server.person().push("main", weeks)
    assert {file.path for file in place.opened().tail_files("eval/tail")} == set(weeks)


def test_a_directory_beyond_the_limit_of_a_listing_is_read_whole(place: GitHubPlace, server: GitHubServer):
    server.person().push(
        "main", {f"eval/notes/{number:04d}.txt": "" for number in range(1100)} | {"eval/notes/z": TEXT}
    )
    assert place.opened().read("eval/notes/z") == TEXT


def test_a_branch_among_many_is_found(place: GitHubPlace, server: GitHubServer):
    for number in range(MANY):
        server.person().branch(f"tail-miner/2026-W1{number}")
    run(place.opened())
    assert place.opened().tail_branch(BRANCH, PATH).state is BranchState.OPEN


def test_an_open_pull_request_among_many_is_found(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    for number in range(MANY):
        open_pull_request(server, f"feature/{number}")
    run(place.opened())
    assert len(server.repository.pulls()) == MANY + 1


def test_a_file_of_many_commits_has_them_all(place: GitHubPlace, server: GitHubServer, tmp_path: Path):
    made = [server.person().push("main", {PATH: f"{TEXT}# {number}\n"}) for number in range(MANY)]
    repository = place.opened()
    history = GitHubHistory(Connection(repository.config, tmp_path, NO_WAIT), ImmutableAnswers(tmp_path))
    assert [commit for commit, _ in history.commits_of(PATH, [made[-1]], [])] == made


def test_a_comparison_that_github_cuts_says_nothing(place: GitHubPlace, server: GitHubServer):
    before = place.opened().base_changes(None).head
    server.person().push("main", {f"docs/{number}.md": "text\n" for number in range(300)})
    assert place.opened().base_changes(before).paths is None


def test_nobody_can_say_what_changed_since_a_commit_that_was_forced_away(place: GitHubPlace, server: GitHubServer):
    old = server.person().head("main")
    before = server.person().push("main", {"README.md": "Gone.\n"})
    server.person().force("main", old)
    server.person().push("main", {"docs/new.md": "New.\n"})
    assert place.opened().base_changes(before).paths is None


def test_a_renamed_file_changed_where_it_was_and_where_it_is(place: GitHubPlace, server: GitHubServer):
    server.person().push("main", {"old.md": "A text that is long enough to be known again.\n"})
    before = server.person().head("main")
    server.person().push("main", {"old.md": None, "new.md": "A text that is long enough to be known again.\n"})
    assert place.opened().base_changes(before).paths == frozenset({"old.md", "new.md"})


# Which pull request speaks for a branch


def test_an_open_pull_request_wins_over_one_that_was_closed(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.person().close(1)
    repository = server.repository
    head = server.person().head(BRANCH)
    repository.add_issue(
        server.person().account, "Mine", None, Pull(repository.new_id(), BRANCH, head, "main", head, head)
    )
    assert place.opened().tail_branch(BRANCH, PATH).state is BranchState.OPEN


def test_a_merged_pull_request_wins_over_one_that_was_closed(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.person().merge(1)
    repository = server.repository
    head = server.person().head(BRANCH)
    later = Pull(repository.new_id(), BRANCH, head, "main", head, head)
    issue = repository.add_issue(server.person().account, "Mine", None, later)
    repository.close(issue, None)
    assert place.opened().tail_branch(BRANCH, PATH).state is BranchState.MERGED


def test_one_into_another_branch_is_not_the_one_to_renew(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    into_develop(server)
    assert run(place.opened(), text=MORE, body="## Renewed\n").number == 1


def test_one_into_another_branch_does_not_keep_a_closed_week_open(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    into_develop(server)
    server.person().close(1)
    assert place.opened().tail_branch(BRANCH, PATH).state is BranchState.CLOSED


def test_a_week_merged_into_another_branch_only_is_still_remembered(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    into_develop(server)
    server.person().merge(2)
    server.person().close(1)
    assert place.opened().tail_files("eval/tail") == [StoredFile(PATH, TEXT, BRANCH, abandoned=True)]


def test_a_retargeted_pull_request_gets_no_second_one(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.person().branch("develop")
    (issue,) = server.repository.pulls()
    assert issue.pull
    issue.pull.base = "develop"
    assert run(place.opened(), text=MORE).number == 1


def test_a_file_names_the_pull_request_that_merged_it(place: GitHubPlace, server: GitHubServer):
    url = run(place.opened()).url
    server.person().merge(1, "squash", delete_branch=True)
    assert place.opened().merged_by(PATH) == url


def test_a_file_edited_on_main_after_its_merge_names_no_pull_request(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    server.person().merge(1)
    server.person().push("main", {PATH: MORE})
    assert place.opened().merged_by(PATH) is None


# Economy


def test_what_never_changes_is_asked_for_once(place: GitHubPlace, server: GitHubServer):
    run(place.opened())
    run(place.opened())
    asked = len(server.exchanges)
    run(place.opened())
    known = {"/contents/{path}", "/git/blobs/{file_sha}", "/compare/{basehead}"}
    assert known.isdisjoint(requests(server, asked))


def test_an_identical_re_run_takes_eleven_reads(place: GitHubPlace, server: GitHubServer):
    server.person().push("main", {"eval/tail/2026-W16.yaml": TEXT})
    run(place.opened())
    run(place.opened())
    asked = len(server.exchanges)
    run(place.opened())
    references, pull_requests, commits = "/git/matching-refs/{ref}", "/pulls", "/commits"
    reading = [references, commits, references, references, pull_requests]
    assert requests(server, asked) == ["", *reading, *reading[2:4], references, commits, pull_requests]


def test_bytes_that_are_not_utf_8_are_kept_as_they_are(place: GitHubPlace, server: GitHubServer):
    git = server.repository.git
    blob = git.write_blob(b"caf\xe9\n")
    main = server.person().head("main")
    tree = git.write_tree(main, [("100644", PATH, blob)])
    commit = git.write_commit(tree, [main], "Latin", server.repository.identity(server.person().account))
    server.person().force("main", commit)
    read = [(place.opened().read(PATH) or "").encode(errors="surrogateescape") for _ in range(2)]
    assert read == [b"caf\xe9\n"] * 2


def test_a_kept_answer_cut_off_by_a_power_failure_is_asked_for_again(place: GitHubPlace, server: GitHubServer):
    server.person().push("main", {PATH: TEXT})
    place.opened().read(PATH)
    for kept in (place.opened().repo_dir / ".tail" / "github").rglob("*.json"):
        kept.write_text("", encoding="utf-8")
    assert place.opened().read(PATH) == TEXT
