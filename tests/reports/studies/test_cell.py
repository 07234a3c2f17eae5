"""Cells: what decides their hash, and how many seeds one takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mathcircuits.detect import tasks
from mathcircuits.models import as_regimen
from mathcircuits.reports import StudyConfig
from mathcircuits.reports.studies.cell import Cell
from mathcircuits.reports.studies.cells import study_cells


@pytest.fixture(autouse=True)
def own_tasks() -> Iterator[None]:
    """Tasks of one test: one whose smallest network nobody knows, and what the test registers."""
    before = dict(tasks._held())
    tasks.register("no-size", arity=1)(lambda X: X[:, 0] ** 2)
    yield
    tasks._tasks = before


# Cells


def test_a_cells_hash_changes_with_what_decides_its_weights() -> None:
    def cell(**changes: Any) -> Cell:
        fields = {
            "task": "minimum",
            "hidden": (3,),
            "regimen": as_regimen("adam"),
            "seeds": (0, 1),
            "steps": 5,
        }
        return Cell(**{**fields, **changes})

    others = [
        cell(),
        cell(task="maximum"),
        cell(hidden=(4,)),
        cell(regimen=as_regimen("adam", lr=0.01)),
        cell(seeds=(0, 2)),
        cell(steps=6),
    ]
    assert len({other.hash for other in others}) == len(others)
    assert cell().hash == cell().hash
    assert cell().key == f"minimum_3_adam_0-1_{cell().hash}"
    assert "/" not in cell(regimen=as_regimen("adam", lr=0.01)).key


def test_many_seeds_make_several_cells() -> None:
    config = StudyConfig(tasks=["no-size"], widths=[2], regimens=["adam"], seeds=600)
    found = study_cells(config)
    assert [len(cell.seeds) for cell in found] == [256, 256, 88]
    assert [seed for cell in found for seed in cell.seeds] == list(range(600))
