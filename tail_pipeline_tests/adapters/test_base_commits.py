"""A promotion into a real git repository: what moves, what stays, and what the next run makes of one that was killed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tail_pipeline.adapters.base_commits import PROMOTING, commit_to_base
from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.adapters.local_git import LocalGitRepository
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.ports import Promoted
from tail_pipeline.domain.promotion import Promotion
from tail_pipeline_tests.conftest import commit_all, git

PATH = "eval/cases.yaml"
ROW = "  - {id: tail-2026W17-001, input: Ünïcode 🙂, source: tail_miner}\n"
TENANT = "eval/cases/acme.yaml"


@dataclass(frozen=True)
class KilledCheckout(GitCheckout):
    """A process that dies before one of its git commands; the machine goes on with what was done by then."""

    dies_at: int = -1
    calls: list[str] = field(default_factory=list)

    def git(self, *arguments: str, **options: Any) -> str:
        self.calls.append(arguments[0])
        if len(self.calls) - 1 == self.dies_at:
            raise Killed
        return super().git(*arguments, **options)


class Killed(BaseException):
    """Not an error anybody handles."""


@pytest.fixture
def repository(checkout: Path) -> LocalGitRepository:
    return LocalGitRepository(checkout, "main")


def promotion(repository: LocalGitRepository, row: str = ROW, path: str = PATH) -> Promotion:
    before = repository.read(path)
    return Promotion(
        branch="tail-promote/2026-W17",
        path=path,
        before=before,
        text=f"{before or ''}{row}",
        title="Promote 1 case of 2026-W17: support",
        body="| id |\n",
        labels=("tail-miner",),
        reviewers=(),
    )


def status(checkout: Path) -> str:
    return git(checkout, "status", "--porcelain", "--untracked-files=all")


def test_the_base_branch_its_work_tree_and_its_index_get_the_rows(
    checkout: Path, repository: LocalGitRepository
) -> None:
    wanted = promotion(repository)

    published = repository.promote(wanted)

    assert published.outcome is Promoted.COMMITTED
    assert repository.read(PATH) == wanted.text == (checkout / PATH).read_text(encoding="utf-8")
    assert status(checkout) == ""
    assert git(checkout, "show", "--name-only", "--format=%an %s", "main").split("\n\n") == [
        "tail-miner Promote 1 case of 2026-W17: support",
        f"{PATH}\n",
    ]


def test_what_is_there_already_is_not_written_again(checkout: Path, repository: LocalGitRepository) -> None:
    wanted = promotion(repository)
    repository.promote(wanted)
    head = git(checkout, "rev-parse", "main")

    assert repository.promote(wanted).outcome is Promoted.UNCHANGED
    assert git(checkout, "rev-parse", "main") == head


def test_a_tenants_first_file_is_made(checkout: Path, repository: LocalGitRepository) -> None:
    repository.promote(promotion(repository, path=TENANT))

    assert repository.read(TENANT) == ROW == (checkout / TENANT).read_text(encoding="utf-8")
    assert status(checkout) == ""


def test_other_changes_of_whoever_works_there_stay_as_they_are(checkout: Path, repository: LocalGitRepository) -> None:
    (checkout / "eval" / "rubric.yaml").write_text("edited: true\n", encoding="utf-8")
    (checkout / "staged.txt").write_text("staged\n", encoding="utf-8")
    git(checkout, "add", "staged.txt")
    (checkout / "staged.txt").write_text("edited since\n", encoding="utf-8")
    (checkout / "new.txt").write_text("new\n", encoding="utf-8")
    before = (status(checkout), git(checkout, "diff"), git(checkout, "diff", "--cached"))

    repository.promote(promotion(repository))

    assert (status(checkout), git(checkout, "diff"), git(checkout, "diff", "--cached")) == before
    assert git(checkout, "show", "--name-only", "--format=", "main") == f"{PATH}\n"


@pytest.mark.parametrize("staged", [True, False])
def test_uncommitted_changes_of_the_file_are_named_and_kept(
    checkout: Path, repository: LocalGitRepository, *, staged: bool
) -> None:
    wanted = promotion(repository)
    (checkout / PATH).write_text("cases: []  # mine\n", encoding="utf-8")
    if staged:
        git(checkout, "add", PATH)
    before = (status(checkout), git(checkout, "for-each-ref"))

    with pytest.raises(PermanentError, match=rf"{PATH} has uncommitted changes in .*; commit or stash them"):
        repository.promote(wanted)
    assert (status(checkout), git(checkout, "for-each-ref")) == before


@pytest.mark.parametrize("make", ["delete", "link", "folder"])
def test_a_file_that_is_no_longer_a_file_is_left_alone(
    checkout: Path, repository: LocalGitRepository, make: str
) -> None:
    wanted, file = promotion(repository), checkout / PATH
    file.rename(checkout / "elsewhere.yaml")
    if make == "link":
        file.symlink_to(checkout / "elsewhere.yaml")
    if make == "folder":
        file.mkdir()

    with pytest.raises(PermanentError, match="uncommitted changes"):
        repository.promote(wanted)
    assert (file.is_symlink(), file.is_dir(), file.is_file()) == (make == "link", make == "folder", make == "link")


def test_a_checkout_of_another_branch_sees_nothing_of_it(checkout: Path, repository: LocalGitRepository) -> None:
    git(checkout, "switch", "--quiet", "--create", "feature")
    (checkout / PATH).write_text("cases: []  # mine\n", encoding="utf-8")
    before = (status(checkout), git(checkout, "ls-files", "--stage"))
    wanted = promotion(repository)

    assert repository.promote(wanted).outcome is Promoted.COMMITTED
    assert (repository.read(PATH), status(checkout), git(checkout, "ls-files", "--stage")) == (wanted.text, *before)


def test_a_work_tree_elsewhere_that_has_the_base_checked_out_is_brought_along(
    checkout: Path, repository: LocalGitRepository, tmp_path: Path
) -> None:
    git(checkout, "switch", "--quiet", "--create", "feature")
    git(checkout, "worktree", "add", "--quiet", str(tmp_path / "other"), "main")
    wanted = promotion(repository)

    repository.promote(wanted)

    assert (tmp_path / "other" / PATH).read_text(encoding="utf-8") == wanted.text
    assert (status(tmp_path / "other"), status(checkout)) == ("", "")


def test_an_eval_directory_deep_in_a_larger_repository_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "mono" / "agents" / "support"
    (folder / "eval").mkdir(parents=True)
    (folder / PATH).write_text("cases:\n", encoding="utf-8")
    git(tmp_path / "mono", "init", "--quiet", "--initial-branch=main")
    commit_all(tmp_path / "mono", "Start")
    repository = LocalGitRepository(folder, "main")

    repository.promote(promotion(repository))

    assert (folder / PATH).read_text(encoding="utf-8") == f"cases:\n{ROW}" == repository.read(PATH)
    assert status(tmp_path / "mono") == ""


def test_line_ends_are_those_git_makes_of_them_in_this_work_tree(
    checkout: Path, repository: LocalGitRepository
) -> None:
    (checkout / ".gitattributes").write_text("*.yaml text eol=crlf\n", encoding="utf-8")
    commit_all(checkout, "Windows")
    git(checkout, "rm", "--quiet", "--cached", PATH)
    git(checkout, "reset", "--quiet", "--hard")
    wanted = promotion(repository)

    repository.promote(wanted)

    assert (checkout / PATH).read_bytes() == wanted.text.replace("\n", "\r\n").encode()
    assert (repository.read(PATH), status(checkout)) == (wanted.text, "")


def test_an_executable_file_stays_one(checkout: Path, repository: LocalGitRepository) -> None:
    (checkout / PATH).chmod(0o755)
    commit_all(checkout, "Executable")

    repository.promote(promotion(repository))

    assert (checkout / PATH).stat().st_mode & 0o777 == 0o755
    assert (status(checkout), git(checkout, "ls-tree", "main", PATH)[:6]) == ("", "100755")


def test_no_hook_of_the_repository_runs(checkout: Path, repository: LocalGitRepository) -> None:
    for name in ("pre-commit", "reference-transaction", "post-index-change"):
        hook = checkout / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{checkout}/ran-{name}'\nexit 1\n", encoding="utf-8")
        hook.chmod(0o755)

    repository.promote(promotion(repository))

    assert list(checkout.glob("ran-*")) == []


def test_rows_that_were_appended_to_an_older_file_are_tried_again(
    checkout: Path, repository: LocalGitRepository
) -> None:
    wanted = promotion(repository)
    (checkout / PATH).write_text(f"{wanted.before}  - {{id: mine, input: x, source: poc}}\n", encoding="utf-8")
    commit_all(checkout, "A case by hand")

    with pytest.raises(TransientError, match="has changed since"):
        repository.promote(wanted)


def test_an_index_somebody_else_writes_is_waited_for(checkout: Path, repository: LocalGitRepository) -> None:
    wanted, lock = promotion(repository), checkout / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(TransientError, match="somebody else is writing the index"):
        repository.promote(wanted)
    lock.unlink()

    assert repository.promote(wanted).outcome is Promoted.COMMITTED
    assert status(checkout) == ""


def writing_steps(checkout: Path, path: str = PATH) -> range:
    """The git commands of a promotion from its first write on; the checkout is as before."""
    start = git(checkout, "rev-parse", "main").strip()
    undisturbed = KilledCheckout(checkout, "main")
    commit_to_base(undisturbed, promotion(LocalGitRepository(checkout, "main"), path=path))
    git(checkout, "reset", "--quiet", "--hard", start)
    return range(undisturbed.calls.index("update-ref"), len(undisturbed.calls))


def kill(checkout: Path, wanted: Promotion, step: int) -> None:
    with pytest.raises(Killed):
        commit_to_base(KilledCheckout(checkout, "main", dies_at=step), wanted)


@pytest.mark.parametrize("path", [PATH, TENANT], ids=["file", "new file"])
def test_a_promotion_killed_at_any_step_is_healed_by_the_next(
    checkout: Path, repository: LocalGitRepository, path: str
) -> None:
    start = git(checkout, "rev-parse", "main").strip()
    for step in writing_steps(checkout, path):
        wanted = promotion(repository, path=path)
        kill(checkout, wanted, step)
        assert repository.read(path) == wanted.before

        repository.promote(wanted)

        assert (repository.read(path), (checkout / path).read_text(encoding="utf-8")) == (wanted.text, wanted.text)
        assert (status(checkout), git(checkout, "for-each-ref", PROMOTING)) == ("", "")
        git(checkout, "reset", "--quiet", "--hard", start)


def test_after_a_kill_another_promotion_may_come_first(checkout: Path, repository: LocalGitRepository) -> None:
    start = git(checkout, "rev-parse", "main").strip()
    for step in writing_steps(checkout):
        kill(checkout, promotion(repository), step)
        other = promotion(repository, "  - {id: tail-2026W16-001, input: older, source: tail_miner}\n")

        repository.promote(other)

        assert (repository.read(PATH), (checkout / PATH).read_text(encoding="utf-8")) == (other.text, other.text)
        assert status(checkout) == ""
        git(checkout, "reset", "--quiet", "--hard", start)


def test_somebodys_own_edit_after_a_kill_is_not_taken_for_ours(checkout: Path, repository: LocalGitRepository) -> None:
    wanted = promotion(repository)
    kill(checkout, wanted, writing_steps(checkout)[-1])
    mine = f"{wanted.text}# mine\n"
    (checkout / PATH).write_text(mine, encoding="utf-8")

    with pytest.raises(PermanentError, match="uncommitted changes"):
        repository.promote(wanted)
    assert (checkout / PATH).read_text(encoding="utf-8") == mine


def test_promotions_that_race_all_land(checkout: Path, repository: LocalGitRepository) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tail_pipeline.adapters.local_git import LocalGitRepository as R\n"
        "from tail_pipeline.domain.promotion import Promotion as P\n"
        "from tail_pipeline.domain.errors import TransientError\n"
        "r = R(Path(sys.argv[1]), 'main')\n"
        "while True:\n"
        "    b = r.read('eval/cases.yaml'); t = b + f'  - {{id: {sys.argv[2]}, input: x, source: poc}}\\n'\n"
        "    try:\n"
        "        r.promote(P('x', 'eval/cases.yaml', b, t, 'Promote', '', (), ())); break\n"
        "    except TransientError: pass\n"
    )
    racers = [subprocess.Popen([sys.executable, "-c", program, str(checkout), f"racer-{n}"]) for n in range(3)]
    assert [racer.wait() for racer in racers] == [0, 0, 0]

    text = repository.read(PATH)
    assert text is not None
    assert [text.count(f"id: racer-{number},") for number in range(3)] == [1, 1, 1]
    assert ((checkout / PATH).read_text(encoding="utf-8"), status(checkout)) == (text, "")
