"""Cases that a tail file once held and holds no more: a reviewer rejects a case with a reason, and never deletes it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tail_pipeline.adapters.eval_files import parse_tail
from tail_pipeline.adapters.yaml_reader import parse
from tail_pipeline.domain.disappearance import FileState, Inputs, lost_cases, owed_cases
from tail_pipeline.domain.errors import Finding, InvalidFile
from tail_pipeline.domain.review import case_ids

_DECIDED = re.compile(r"^ +status:[ \t]*[\"']?(?:promoted|rejected)\b", re.MULTILINE)


@dataclass(frozen=True)
class EarlierText:
    """A tail file at one commit; ``published`` and ``ours`` as in ``FileState``."""

    text: str
    published: bool
    ours: bool


def lost_from_tail(
    path: str,
    now: str | None,
    *,
    on_base: str | None,
    since: Sequence[EarlierText],
    base: str,
    private: Collection[str] = (),
) -> Iterator[Finding]:
    """What is missing from the file as it is ``now``, None where it is deleted.

    ``since`` are its states after the base, oldest first. Nothing while the file is not valid. ``private`` are the
    cases that may leave it because they are recorded as removed for the private data in them; when all are, so may it.
    """
    if now is None:
        texts = [*([on_base] if on_base is not None else []), *(one.text for one in since)]
        if private and all(_inputs(path, text).keys() <= set(private) for text in texts):
            return
        if on_base is not None and _DECIDED.search(on_base):
            message = f"is on {base} with decided cases and deleted here; decisions stay for good, put the file back"
            yield Finding(path, 0, message)
        elif on_base is None and any(one.published for one in since):
            yield Finding(path, 0, "was deleted; restore it, or close the pull request unmerged")
        return
    try:
        cases = parse_tail(now, path).cases
    except InvalidFile:
        return
    document = parse(now, path)
    earlier = [EarlierText(on_base, published=True, ours=False)] if on_base is not None else []
    owed = owed_cases([FileState(_inputs(path, one.text), one.published, one.ours) for one in (*earlier, *since)])
    places = {case.id: index for index, case in enumerate(cases)}
    for lost in lost_cases(owed, {case.id: case.input for case in cases}, private):
        if lost.renamed:
            place = ("cases", places[lost.renamed], "id")
            yield document.finding(place, f"was {lost.id} when it was published; ids are never changed")
        else:
            message = "is gone; a case is never deleted: put it back, with status: rejected and a rejection_reason"
            yield Finding(path, document.line_of(("cases",)), message, lost.id)


def _inputs(path: str, text: str) -> Inputs:
    """The cases of an earlier state, which somebody may have left broken for a while."""
    try:
        return {case.id: case.input for case in parse_tail(text, path).cases}
    except InvalidFile:
        return dict.fromkeys(case_ids(text))
