"""Tail files and cases in the work tree: deleted there for a person to commit, with a record of the ids that go.

The record comes first, so that whoever is killed in between finds the ids there and the files to be deleted still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tail_pipeline.adapters.cases_text import with_removed
from tail_pipeline.adapters.eval_files import parse_cases, parse_removed_cases, parse_tail, read_text
from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.domain.cases import RemovedCase
from tail_pipeline.domain.errors import InvalidFile, PermanentError
from tail_pipeline.domain.forgetting import EvalPlace, Held, Subject
from tail_pipeline.domain.review import case_ids
from tail_pipeline.domain.tail_file import CASE_ID


@dataclass(frozen=True)
class WorkTreeFiles:
    """The files under ``eval/`` of one checkout; ``who`` and ``when`` go into the record of what is removed."""

    repo_dir: Path
    base_branch: str
    who: str
    when: date

    def held(self, subject: Subject) -> list[Held]:
        tails = [path for place in subject.places for path in self._tail_files(place)]
        sets = {place.cases_path for place in subject.places if (self.repo_dir / place.cases_path).is_file()}
        found = {"tail files": tuple(self._shown(path) for path in tails), "sets of cases": tuple(sorted(sets))}
        return [Held(what, names) for what, names in found.items() if names]

    def forget(self, subject: Subject) -> None:
        """Raises InvalidFile, before anything is deleted, where the record of removed cases takes no rows."""
        ids: dict[str, set[str]] = {}
        for place in subject.places:
            ids.setdefault(place.removed_path, set()).update(self._ids(place))
        records = {path: self._recorded(path, some) for path, some in sorted(ids.items()) if some}
        for path, text in records.items():
            scratch = self.repo_dir / f"{path}.forgetting"
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(self.repo_dir / path)
        for place in subject.places:
            for file in (*self._tail_files(place), self.repo_dir / place.cases_path):
                file.unlink(missing_ok=True)
            _remove_empty(self.repo_dir / place.tail_dir)
            _remove_empty((self.repo_dir / place.cases_path).parent)

    def remains(self, subject: Subject) -> list[str]:
        remains = [
            f"{directory} is somebody else's now, and left alone: look there for what is older than that"
            for directory in subject.taken
        ]
        remains += [
            f"{path}: {', '.join(ids)} came there by hand; take them out, and record them in {place.removed_path}"
            for place in subject.places
            for path, ids in self._strays(subject, place)
        ]
        paths = sorted({path for place in subject.places for path in (place.tail_dir, place.cases_path)})
        if count := self._commits(paths):
            remains.append(
                f"git history: {count} commits of this clone hold {', '.join(paths)}, and so does every other clone and "
                "the server; see docs/tenants.md for how to rewrite it"
            )
        return remains

    def _tail_files(self, place: EvalPlace) -> list[Path]:
        """A segment's directory whole; below that of an agent's lie those of others."""
        return sorted(path for path in (self.repo_dir / place.tail_dir).glob("*") if path.is_file())

    def _ids(self, place: EvalPlace) -> Iterator[str]:
        """Every id that was given out, also in a file that is broken."""
        for file in self._tail_files(place):
            path = self._shown(file)
            text = file.read_text(encoding="utf-8", errors="surrogateescape")
            try:
                yield from (case.id for case in parse_tail(text, path).cases)
            except InvalidFile:
                yield from case_ids(text)
        if (self.repo_dir / place.cases_path).is_file():
            yield from (case.id for case in parse_cases(self._text(place.cases_path), place.cases_path).cases)

    def _recorded(self, path: str, ids: set[str]) -> str:
        """The record with the ids it has not got yet."""
        text = self._text(path) if (self.repo_dir / path).exists() else None
        known = {row.id for row in parse_removed_cases(text, path).removed} if text is not None else set()
        rows = [RemovedCase(id=one, who=self.who, when=self.when, reason="private_data") for one in sorted(ids - known)]
        return with_removed(text, rows, path=path) if rows or text is None else text

    def _strays(self, subject: Subject, place: EvalPlace) -> Iterator[tuple[str, list[str]]]:
        """Cases of the segment in files of the eval directory that are not its own."""
        eval_dir = (self.repo_dir / place.removed_path).parent
        for file in sorted((eval_dir / "cases.yaml", *(eval_dir / "cases").glob("*.yaml"))):
            if subject.segment is None or not file.is_file() or self._shown(file) == place.cases_path:
                continue
            try:
                rows = parse_cases(self._text(self._shown(file)), self._shown(file)).cases
            except InvalidFile:
                continue
            found = [row.id for row in rows if (match := CASE_ID.fullmatch(row.id)) and match[2] == subject.segment]
            if found:
                yield self._shown(file), found

    def _commits(self, paths: list[str]) -> int:
        """How many commits that some reference leads to changed these paths."""
        if not paths:
            return 0
        try:
            checkout = GitCheckout(self.repo_dir, self.base_branch)
            return len(checkout.git("log", "--all", "--format=%H", "--", *paths).split())
        except PermanentError:
            return 0

    def _text(self, path: str) -> str:
        return read_text(self.repo_dir / path, path)

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.repo_dir).as_posix()


def _remove_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
