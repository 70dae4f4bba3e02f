"""Functions that configuration names as ``package.module:function``: checks, and agents to try cases on."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tail_pipeline.domain.criterion_checks import PythonCheck
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.rubric import Rubric


def load_callable(path: str, repo_dir: Path) -> Callable[..., Any]:
    """The function that ``path`` names, from what is installed or else from the checkout.

    The checkout comes last, so that a file in it cannot stand in for an installed module. Raises PermanentError
    that names the module or the attribute.
    """
    module_name, _, attribute = path.partition(":")
    checkout = str(repo_dir.resolve())
    if checkout not in sys.path:
        sys.path.append(checkout)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise PermanentError(
                f"python: {path}: {module_name} imports {error.name}, which is not installed"
            ) from error
        raise PermanentError(
            f"python: {path}: there is no module {error.name}, neither in the checkout nor installed"
        ) from error
    except Exception as error:
        raise PermanentError(
            f"python: {path}: importing {module_name} raised {type(error).__name__}: {error}"
        ) from error
    found = getattr(module, attribute, None)
    if found is None:
        raise PermanentError(f"python: {path}: the module {module_name} has no {attribute}")
    if not callable(found):
        raise PermanentError(f"python: {path}: {attribute} is no function but of type {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def load_python_checks(rubric: Rubric, repo_dir: Path) -> dict[str, PythonCheck]:
    """The function of each criterion with a ``python`` check, by the criterion's name."""
    return {
        criterion.name: load_callable(criterion.check.python, repo_dir)
        for criterion in rubric.criteria
        if criterion.check and criterion.check.python
    }
