"""The notebooks are their scripts, run: the same cells, with outputs and without errors."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]


def maker() -> ModuleType:
    """docs/notebooks.py, which makes them."""
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "docs" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOTEBOOKS = maker()


def kept(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS.OUT / f"{name}.ipynb", as_version=4)


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]


def test_there_is_one_for_every_name_and_no_other() -> None:
    assert {path.stem for path in NOTEBOOKS.OUT.glob("*.ipynb")} == set(NOTEBOOKS.NAMES)


@pytest.mark.parametrize("name", NOTEBOOKS.NAMES)
def test_a_notebook_is_its_script_with_outputs(name: str) -> None:
    notebook = kept(name)
    nbformat.validate(notebook)
    assert cells(notebook) == cells(NOTEBOOKS.cells_of(name)), f"run python docs/notebooks.py {name}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ]


@pytest.mark.long
@pytest.mark.parametrize("name", NOTEBOOKS.NAMES)
def test_a_notebook_runs(name: str) -> None:
    found = NOTEBOOKS.run(NOTEBOOKS.cells_of(name))
    assert [cell.get("execution_count") for cell in found.cells] == [
        cell.get("execution_count") for cell in kept(name).cells
    ]
