"""Functions that configuration names are found in the checkout or among what is installed, or the message says what is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tail_pipeline.adapters.python_callable import load_callable, load_python_checks
from tail_pipeline.domain.errors import PermanentError
from tail_pipeline.domain.rubric import Rubric


@pytest.fixture
def checkout_with(tmp_path: Path) -> Iterator[Path]:
    """A checkout with a package ``team_checks``; what it brings into the interpreter is taken out again."""
    package = tmp_path / "team_checks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tone.py").write_text("LIMIT = 3\ndef short(output, **_):\n    return len(output) <= LIMIT\n")
    (package / "broken.py").write_text("1 / 0\n")
    (package / "needy.py").write_text("import a_package_nobody_has\n")
    (tmp_path / "json.py").write_text("def loads(text):\n    return 'from the checkout'\n")
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_a_function_of_the_checkout_is_found(checkout_with: Path):
    assert load_callable("team_checks.tone:short", checkout_with)(output="yes") is True


def test_an_installed_function_is_found_before_one_of_the_checkout(checkout_with: Path):
    assert load_callable("json:loads", checkout_with)("[]") == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere:f", "there is no module nowhere, neither in the checkout nor installed"),
        ("team_checks.tones:short", "there is no module team_checks.tones, neither"),
        ("team_checks.tone:long", "the module team_checks.tone has no long"),
        ("team_checks.tone:LIMIT", "LIMIT is no function but of type int"),
        ("team_checks.broken:f", "importing team_checks.broken raised ZeroDivisionError"),
        ("team_checks.needy:f", "team_checks.needy imports a_package_nobody_has, which is not installed"),
    ],
)
def test_what_is_missing_is_named(checkout_with: Path, path: str, message: str):
    with pytest.raises(PermanentError, match=f"^python: {path}: {message}"):
        load_callable(path, checkout_with)


def test_a_rubrics_functions_are_found_by_criterion(checkout_with: Path):
    criteria = [
        {"name": "short", "weight": 1, "check": {"python": "team_checks.tone:short"}},
        {"name": "cites", "weight": 1, "check": {"contains": "§"}},
        {"name": "polite", "weight": 1, "judge": "It is polite."},
    ]
    rubric = Rubric.model_validate({"rubric_min_score": 0.8, "ragas_faithfulness": 0.8, "criteria": criteria})

    found = load_python_checks(rubric, checkout_with)

    assert {name: check(output="yes") for name, check in found.items()} == {"short": True}
