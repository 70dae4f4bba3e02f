"""The redactor an agent's configuration asks for."""

from __future__ import annotations

from pathlib import Path

from tail_pipeline.adapters.python_callable import load_callable
from tail_pipeline.adapters.recognisers.private_values import PatternRecogniser
from tail_pipeline.domain.agents import Agent
from tail_pipeline.domain.collection import AsRecorded
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.ports import Redactor
from tail_pipeline.domain.redaction import PrivateValueRedactor


def open_redactor(agent: Agent, segment: str | None, repo_dir: Path) -> Redactor:
    """For one segment of an agent; raises PermanentError where its hook cannot be found."""
    config = agent.redact
    if not config.enabled:
        return AsRecorded()
    try:
        hook = load_callable(config.python, repo_dir) if config.python else None
    except PermanentError as error:
        raise PermanentError(f"agent {agent.name}: redact: {error}") from error
    return PrivateValueRedactor(
        config,
        PatternRecogniser(),
        salt=f"{agent.name}/{segment or ''}",
        segment_column=agent.segments.by if agent.segments else None,
        hook=hook,
    )
