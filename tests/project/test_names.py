"""A name stands for one thing: no two public classes of the packages that a person works with share one."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared(folders: tuple[str, ...], root: Path) -> dict[str, list[str]]:
    """The public classes' names that stand in more than one file of the folders, with those files."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(file for folder in folders for file in (root / folder).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(root)))
    return {name: files for name, files in places.items() if len(files) > 1}


def test_no_two_classes_of_models_and_reports_share_a_name() -> None:
    assert shared(("models", "reports"), ROOT) == {}


@pytest.mark.parametrize(
    ("names", "found"), [(("Cell", "Cell"), ["Cell"]), (("Cell", "_Cell"), []), (("A", "B"), [])]
)
def test_a_shared_name_is_noticed(names: tuple[str, str], found: list[str], tmp_path: Path) -> None:
    for folder, name in zip(("models", "reports"), names, strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.py").write_text(f"class {name}:\n    pass\n")
    assert list(shared(("models", "reports"), tmp_path)) == found
