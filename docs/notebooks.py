"""The notebooks of docs/notebooks, made from the scripts of examples/ and run: python docs/notebooks.py [NAME ...]

Each is a script of cells in jupytext's percent format. What it prints is kept in the notebook; what changes from run to
run beside that (times, versions, ids) is left out. `tests/project/test_notebooks.py` holds both the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "notebooks"
#: The scripts that are notebooks too, in the order in which one reads them.
NAMES = ("your_network", "reproduce_osier", "universality", "extend")
#: Seconds that a cell may take.
PATIENCE = 600
_KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def cells_of(name: str) -> nbformat.NotebookNode:
    """The notebook of a script, not yet run, without anything that changes from run to run."""
    notebook = jupytext.read(ROOT / "examples" / f"{name}.py")
    notebook.metadata = nbformat.from_dict(_KERNEL)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def run(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: where a cell raises.
    """
    # The kernel has no widgets, which one library's progress bars would rather have.
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", coalesce_streams=True).execute()
    notebook.metadata = nbformat.from_dict(_KERNEL)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def main(names: list[str]) -> None:
    """Write these notebooks, or all."""
    OUT.mkdir(exist_ok=True)
    for name in names or NAMES:
        nbformat.write(run(cells_of(name)), OUT / f"{name}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
