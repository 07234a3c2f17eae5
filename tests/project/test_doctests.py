"""Every example in a docstring runs and prints what it says.

The modules are imported by their installed names: `pytest --doctest-modules detect` would load a second copy
of each, whose classes are not the ones that the rest of the tests see.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = ("mathcircuits.detect", "mathcircuits.models", "mathcircuits.reports")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules_of(package: str) -> list[str]:
    """The package's own name and those of all modules below it."""
    path = importlib.import_module(package).__path__
    return [package, *sorted(module.name for module in pkgutil.walk_packages(path, package + "."))]


def failures(module: ModuleType) -> str:
    """Run the module's examples: the report of those that fail, empty where none does."""
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(test, out=report.append)
    return "".join(report)


@pytest.mark.parametrize("name", [name for package in PACKAGES for name in modules_of(package)])
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = failures(importlib.import_module(name))
    assert not report, report


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_examples(package: str) -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for name in modules_of(package) for test in finder.find(importlib.import_module(name))]
    assert any(test.examples for test in tests)


def test_a_wrong_example_is_found() -> None:
    wrong = ModuleType("wrong", "One and one.\n\n    >>> 1 + 1\n    3\n")
    assert "Expected:\n    3\nGot:\n    2" in failures(wrong)
    right = ModuleType("right", "One and one.\n\n    >>> 1 + 1\n    2\n")
    assert failures(right) == ""
