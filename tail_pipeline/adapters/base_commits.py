"""Promoted cases as a commit on the base branch of a local repository, also where somebody has that checked out.

The file of the work tree comes first, its entry in the index second, the branch last: until the branch has moved, the
cases are pending, and the next run does all of it again. ``PROMOTING`` remembers meanwhile what was about to be
written, so that a half-done promotion is not taken for somebody's own edit, whatever the next run has to write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import dirname

from filelock import FileLock

from tail_pipeline.adapters.git_checkout import GitCheckout
from tail_pipeline.domain.errors import PermanentError, TransientError
from tail_pipeline.domain.promotion import Promotion

PROMOTING = "refs/promoting/cases"


def commit_to_base(checkout: GitCheckout, promotion: Promotion) -> str | None:
    """The commit that now is the head of the base branch; None when the text was there already.

    Raises TransientError when the file on the base branch is no longer ``promotion.before``, PermanentError when it
    has uncommitted changes in the work tree of whoever has the branch checked out.
    """
    git_dir = checkout.repo_dir / checkout.git("rev-parse", "--git-common-dir").strip()
    with FileLock(git_dir / "tail-promotion.lock"):
        head = checkout.base()
        sha = _blob_at(checkout, head, promotion.path)
        text = None if sha is None else checkout.blob(sha, promotion.path)
        if text == promotion.text:
            return None
        if text != promotion.before:
            raise TransientError(
                f"{promotion.path} on {checkout.base_branch} has changed since the cases were appended to it; run again"
            )
        commit = checkout.commit_file(promotion.path, promotion.text, f"{promotion.title}\n", parent=head)
        work_tree = checkout.work_tree_of(checkout.base_branch)
        if work_tree:
            prefix = checkout.git("rev-parse", "--show-prefix").strip()
            file = _CheckedOutFile(replace(checkout, repo_dir=work_tree), f"{prefix}{promotion.path}")
            unfinished = checkout.git("for-each-ref", "--format=%(objectname)", PROMOTING).strip()
            ours = [_blob_at(checkout, one, promotion.path) for one in (commit, unfinished) if one]
            file.require_one_of({sha, *ours})
            checkout.git("update-ref", PROMOTING, commit)
            file.write(commit)
        _move_base(checkout, head, commit)
        return commit


def _blob_at(checkout: GitCheckout, commit: str, path: str) -> str | None:
    return checkout.files_in(commit, dirname(path)).get(path)


def _move_base(checkout: GitCheckout, head: str, commit: str) -> None:
    moves = f"update refs/heads/{checkout.base_branch} {commit} {head}\ndelete {PROMOTING}\n"
    try:
        checkout.git("update-ref", "-m", "tail-pipeline promote", "--stdin", stdin=moves)
    except PermanentError as error:
        if checkout.base() == head:
            raise
        raise TransientError(f"{checkout.base_branch} moved while cases were promoted; run again") from error


@dataclass(frozen=True)
class _CheckedOutFile:
    """One file of a work tree and its entry in the index; ``path`` is seen from the top, where ``git`` is."""

    git: GitCheckout
    path: str

    @property
    def _file(self) -> Path:
        return self.git.repo_dir / self.path

    def require_one_of(self, blobs: set[str | None]) -> None:
        """Raises PermanentError unless work tree and index each hold one of these; None is "not there"."""
        if self._in_index() not in blobs or self._in_work_tree() not in blobs:
            raise PermanentError(
                f"{self.path} has uncommitted changes in {self.git.repo_dir}, where {self.git.base_branch} is checked out; "
                "commit or stash them there, then run again"
            )

    def write(self, commit: str) -> None:
        """Make both what they are in the commit."""
        listing = self.git.git("ls-tree", commit, "--", self.path)
        mode, _, sha = listing.partition("\t")[0].split(" ")
        self._write_file(self.git.git("cat-file", "--filters", f"{commit}:{self.path}").encode(), mode)
        try:
            self.git.git("update-index", "--add", "--cacheinfo", f"{mode},{sha},{self.path}")
            # Other entries may need it as well, which is no error.
            self.git.git("update-index", "-q", "--refresh", nothing_found=1)
        except PermanentError as error:
            if "index.lock" not in str(error):
                raise
            raise TransientError(
                f"somebody else is writing the index of {self.git.repo_dir}; run again when that is done, "
                "or remove its index.lock if no git is running"
            ) from error

    def _in_index(self) -> str | None:
        listing = self.git.git("ls-files", "--stage", "-z", "--", f":(literal){self.path}")
        entries = [entry.partition("\t")[0].split(" ") for entry in listing.split("\0") if entry]
        if not entries:
            return None
        return entries[0][1] if len(entries) == 1 else "in conflict"

    def _in_work_tree(self) -> str | None:
        """The blob that git would make of the file, with the line ends the repository wants."""
        if not self._file.is_file() or self._file.is_symlink():
            return "no file" if self._file.exists() or self._file.is_symlink() else None
        return self.git.git("hash-object", f"--path={self.path}", "--", self.path).strip()

    def _write_file(self, content: bytes, mode: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._file.with_name(f".{self._file.name}.promoting")
        scratch.write_bytes(content)
        if self._file.exists():
            scratch.chmod(self._file.stat().st_mode)
        scratch.replace(self._file)
