"""The work tree against the base branch: what may never disappear, and which tail files are up for review.

The base comes from git in the checkout, without network and for every provider alike; what is checked is the work
tree as it is, committed or not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tail_pipeline.adapters.case_sets import CaseSet, lost_from_set, read_case_set, still_standing
from tail_pipeline.adapters.eval_files import AGENTS_PATH, eval_dirs, load_agents, read_text
from tail_pipeline.adapters.git_checkout import ComparisonBase, GitCheckout
from tail_pipeline.adapters.lost_tail_cases import EarlierText, lost_from_tail
from tail_pipeline.adapters.tail_branches import carries_trailer, is_ours
from tail_pipeline.adapters.yaml_reader import parse, validated
from tail_pipeline.domain.agents import AgentsConfig
from tail_pipeline.domain.errors import Finding, InvalidFile, PermanentError


@dataclass(frozen=True)
class Compared:
    """What disappeared, and the tail files that differ from the base; ``changed_tails`` is None where there is no base.

    ``notes`` say what it was compared with, or why not.
    """

    errors: list[Finding]
    notes: list[str]
    changed_tails: frozenset[str] | None = None

    def is_under_review(self, path: str) -> bool:
        return self.changed_tails is None or path in self.changed_tails


@dataclass(frozen=True)
class WorkTree:
    """The files as they are on disk."""

    repo_dir: Path

    def below(self, directory: str) -> list[str]:
        found = (self.repo_dir / directory).glob("**/*.yaml")
        return sorted(path.relative_to(self.repo_dir).as_posix() for path in found if path.is_file())

    def text(self, path: str) -> str:
        return read_text(self.repo_dir / path, path)


@dataclass(frozen=True)
class BaseTree:
    """The files of the base commit in the eval directories, and what became of them in commits since."""

    checkout: GitCheckout
    base: ComparisonBase
    eval_dirs: list[str]

    def below(self, directory: str) -> list[str]:
        return sorted(path for path in self._blobs if path.startswith(f"{directory}/") and path.endswith(".yaml"))

    def text(self, path: str) -> str:
        return self.checkout.blob(self._blobs[path], path)

    def edited(self) -> frozenset[str]:
        """The files that the work tree has otherwise or not at all."""
        return self.checkout.edited_since(self.base.commit, self.eval_dirs)

    def committed_since(self) -> frozenset[str]:
        return self.checkout.paths_committed("HEAD", self.base.commit, self.eval_dirs)

    def states_since(self, path: str) -> list[EarlierText]:
        """The file in each commit between the base and HEAD that changed it, oldest first."""
        states = []
        for commit, message in self.checkout.commits_of(path, ["HEAD"], [self.base.commit]):
            blob = self.checkout.files_below(commit, [path]).get(path)
            text = self.checkout.blob(blob, path) if blob else ""
            states.append(EarlierText(text, published=carries_trailer(message), ours=is_ours(message, text)))
        return states

    @cached_property
    def _blobs(self) -> dict[str, str]:
        return self.checkout.files_below(self.base.commit, self.eval_dirs)


def compare_with_base(repo_dir: Path, *, review: bool) -> Compared:
    """Compare every eval directory; ``review`` also asks for what the pipeline's own commits since the base held.

    A file that cannot be read is left to whoever checks it on its own.
    """
    work_tree = WorkTree(repo_dir)
    try:
        config = load_agents(repo_dir)
    except InvalidFile:
        return Compared([], [f"not compared with the base branch: {AGENTS_PATH} cannot be read"])
    checkout = GitCheckout(repo_dir, config.repository.base_branch)
    try:
        point = checkout.comparison_base()
    except PermanentError as error:
        standing = [one for place in eval_dirs(config) for one in still_standing(read_case_set(work_tree, place))]
        return Compared(standing, [f"not compared with the base branch: {str(error).splitlines()[0]}"])
    base = BaseTree(checkout, point, sorted({*eval_dirs(config), *_eval_dirs_at(checkout, point.commit)}))
    now = {place: read_case_set(work_tree, place) for place in base.eval_dirs}
    private = frozenset(one for case_set in now.values() for one in case_set.private)
    errors, notes = _lost_cases(now, base)
    missing, changed = _lost_tail_cases(work_tree, base, private, review=review)
    compared_with = f"compared with {point.ref} at {point.commit[:12]}"
    return Compared([*errors, *missing], [compared_with, *notes], changed)


def _lost_cases(now: Mapping[str, CaseSet], base: BaseTree) -> tuple[list[Finding], list[str]]:
    """What the sets of cases lost, and which of the base's files could not be read."""
    before = {place: read_case_set(base, place) for place in base.eval_dirs}
    errors: list[Finding] = []
    for place in base.eval_dirs:
        arrived = {
            case_id
            for other in base.eval_dirs
            if other != place
            for case_id in now[other].cases.keys() - before[other].cases.keys()
        }
        errors += still_standing(now[place])
        errors += lost_from_set(place, before[place], now[place], arrived_elsewhere=arrived, base=base.base.ref)
    unreadable = sorted(path for one in before.values() for path in one.unreadable)
    return errors, [f"{path} on {base.base.ref} cannot be read, so nothing is missed from it" for path in unreadable]


def _lost_tail_cases(
    work_tree: WorkTree, base: BaseTree, private: Collection[str], *, review: bool
) -> tuple[list[Finding], frozenset[str]]:
    """What the tail files lost, and which of them differ from the base."""
    on_disk = {path for place in base.eval_dirs for path in work_tree.below(place)}
    on_base = {path for place in base.eval_dirs for path in base.below(place)}
    changed = _tails((on_disk - on_base) | base.edited(), base.eval_dirs)
    errors: list[Finding] = []
    for path in sorted(changed | (_tails(base.committed_since(), base.eval_dirs) if review else set())):
        try:
            now = work_tree.text(path) if path in on_disk else None
        except InvalidFile:
            continue
        before = base.text(path) if path in on_base else None
        since = base.states_since(path) if review else []
        errors += lost_from_tail(path, now, on_base=before, since=since, base=base.base.ref, private=private)
    return errors, frozenset(changed)


def _tails(paths: Collection[str], eval_dirs: Sequence[str]) -> set[str]:
    """Those of the paths that are tail files."""
    return {
        path
        for path in paths
        for place in eval_dirs
        if path.startswith(f"{place}/")
        and path.endswith(".yaml")
        and "tail" in path.removeprefix(f"{place}/").split("/")[:-1]
    }


def _eval_dirs_at(checkout: GitCheckout, commit: str) -> list[str]:
    """Those of the agents at a commit: one that is gone since takes its cases nowhere."""
    blob = checkout.files_below(commit, [AGENTS_PATH]).get(AGENTS_PATH)
    if blob is None:
        return []
    try:
        return eval_dirs(validated(parse(checkout.blob(blob, AGENTS_PATH), AGENTS_PATH), AgentsConfig))
    except InvalidFile:
        return []
