"""Labels of the repository, made when they are first needed."""

from __future__ import annotations

from github.GithubException import GithubException

from tail_pipeline.adapters.github.connection import Connection

_COLOUR = "5319e7"


def make_label(api: Connection, name: str, description: str) -> None:
    """The label is there when this returns; what people made of its colour and description is theirs."""
    with api.attempting(f"make the label {name}"):
        try:
            api.repo.get_label(name)
        except GithubException as error:
            if error.status != 404:
                raise
            _create(api, name, description)


def _create(api: Connection, name: str, description: str) -> None:
    try:
        api.repo.create_label(name, _COLOUR, description)
    except GithubException as error:
        # Another run was faster.
        if error.status != 422 or "already_exists" not in str(error):
            raise
