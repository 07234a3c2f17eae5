"""A criterion stands in one place: no tolerance is written inline, and no criterion's name has two numbers."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: The largest number that reads like a tolerance: shares, rates and levels are larger.
TOLERANCE = 1e-3


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names in capitals that a module assigns, each with the expression of its value."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        elif isinstance(node, ast.Assign):
            targets, value = list(node.targets), node.value
        else:
            continue
        for target in targets:
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            parts = (
                value.elts
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                else [value] * len(names)
            )
            for name, part in zip(names, parts, strict=True):
                if isinstance(name, ast.Name) and name.id.isupper() and part is not None:
                    yield name.id, part


def inline_tolerances(source: str) -> list[tuple[int, float]]:
    """Line and value of each small float that is not part of a named constant."""
    tree = ast.parse(source)
    named = {id(part) for _, value in constants(tree) for part in ast.walk(value)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
        if 0 < node.value <= TOLERANCE and id(node) not in named
    ]


def is_number(value: ast.expr) -> bool:
    """Whether a constant's value is a number or numbers, as far as its expression shows."""
    return not any(
        (isinstance(part, ast.Constant) and not isinstance(part.value, int | float))
        or isinstance(part, ast.Dict)
        for part in ast.walk(value)
    )


def assigned_twice(modules: dict[str, str]) -> dict[str, list[str]]:
    """The names of criteria that several modules assign numbers to, each with those modules."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path, source in modules.items():
        for name, value in constants(ast.parse(source)):
            if is_number(value):
                homes[name].append(path)
    return {
        name: paths
        for name, paths in homes.items()
        if len(paths) > 1 and any(Path(path).stem == "criteria" for path in paths)
    }


@pytest.mark.parametrize("path", sources("detect", "models"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_tolerance_is_written_inline(path: Path) -> None:
    assert inline_tolerances(path.read_text()) == []


def test_an_inline_tolerance_is_noticed() -> None:
    assert inline_tolerances("def same(a, b):\n    return abs(a - b) <= 1e-9\n") == [(2, 1e-9)]
    assert inline_tolerances("def f(x, tolerance=1e-8):\n    return x > 1 - tolerance\n") == [(1, 1e-8)]
    assert inline_tolerances("small = 1e-6\n") == [(1, 1e-6)]
    assert (
        inline_tolerances('"""1e-9"""\nSMALL, LARGE = 1e-9, 1e9\n_STEPS: tuple = (1e-3, 1e-4)\nx = 0.05\n')
        == []
    )


def test_a_criterion_is_assigned_in_one_module() -> None:
    modules = {
        str(path.relative_to(ROOT)): path.read_text() for path in sources("detect", "models", "reports")
    }
    assert assigned_twice(modules) == {}


def test_a_second_home_is_noticed() -> None:
    modules = {
        "detect/matching/criteria.py": "HELD, USED = 1e-3, 0.01\n",
        "reports/table.py": "HELD = 2**22\n",
    }
    assert assigned_twice(modules) == {"HELD": list(modules)}
    # A label of the same name is no second number.
    modules["reports/table.py"] = 'HELD, KINDS = "held", ("a", "b")\n'
    assert assigned_twice(modules) == {}


@pytest.mark.parametrize(
    "path",
    [path for path in sources("detect", "models") if path.stem == "criteria"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_criterion_is_explained_and_used(path: Path) -> None:
    source = path.read_text()
    lines, tree = source.splitlines(), ast.parse(source)
    unexplained = [
        node.lineno
        for node in tree.body
        if isinstance(node, ast.Assign) and not lines[node.lineno - 2].startswith("#:")
    ]
    assert not unexplained
    imported = {
        alias.name
        for other in sources("detect", "models", "reports")
        for node in ast.walk(ast.parse(other.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    own = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert {name for name, _ in constants(tree)} <= imported | own
