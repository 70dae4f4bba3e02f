"""The systems that ship as examples: what each is configured with, its simulated traffic, and the days that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.weeks import MiningDay


@dataclass(frozen=True)
class Example:
    """One system. ``eval_dir`` holds its configuration, relative to this project; no code belongs to it.

    ``write_traffic`` fills an empty directory with trace files, the same bytes every time; the mining days from
    ``first_day`` to ``last_day`` show what it is about.
    """

    eval_dir: str
    write_traffic: Callable[[Path], None]
    first_day: MiningDay
    last_day: MiningDay


_MODULES: Mapping[str, str] = {
    "simulated-support": "traffic",
    "monetizy": "monetizy",
    "upstate-remedial": "upstate_remedial",
    "openlaw": "openlaw",
    "pricefox": "pricefox",
    "openart": "openart",
}
"""Name → the module beside this one that makes its traffic, loaded when it is asked for."""

EXAMPLE_NAMES = tuple(_MODULES)


def load_example(name: str) -> Example:
    """Raises PermanentError for a name that is none of ``EXAMPLE_NAMES``."""
    if name not in _MODULES:
        raise PermanentError(f"no example is called '{name}'; there are: {', '.join(EXAMPLE_NAMES)}")
    example = import_module(f"tail_pipeline.demo.{_MODULES[name]}").EXAMPLE
    assert isinstance(example, Example)
    return example
