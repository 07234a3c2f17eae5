"""Parts of a condition: cell by cell the same rows and counts as of all its cells at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mathcircuits.detect import tasks
from mathcircuits.detect.universality import Orbits
from mathcircuits.models import as_regimen
from mathcircuits.reports.studies import tables as made
from mathcircuits.reports.studies.cell import Cell
from mathcircuits.reports.studies.cells import run_cell
from mathcircuits.reports.studies.evidence import held_labels
from mathcircuits.reports.studies.joining.conditionparts import (
    BY_NETWORK,
    ConditionPart,
    _joined,
    condition_part,
    networks_at,
    read_cell_again,
)
from mathcircuits.reports.studies.schema import FORMED

#: Long enough for some to solve the task, short enough for some not to.
CELLS = [
    Cell("absolute", (4,), as_regimen("adam"), seeds, steps=steps)
    for seeds, steps in (((0, 1, 2), 300), ((3, 4), 300))
]
Added = list[tuple[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def made_part(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ConditionPart, Added]:
    out = tmp_path_factory.mktemp("study")
    for cell in CELLS:
        assert run_cell(cell, out).status == "done"
    added: Added = []
    part = condition_part(
        CELLS, out, Orbits(tasks["absolute"]), lambda name, frame: added.append((name, frame))
    )
    return out, part, added


def test_no_frame_holds_more_than_a_cell(made_part: tuple[Path, ConditionPart, Added]) -> None:
    _, _, added = made_part
    assert {name for name, _ in added} == set(BY_NETWORK)
    assert max(frame["network"].nunique() for _, frame in added) == 3
    populations = pd.concat([frame for name, frame in added if name == "networks"])["population"]
    assert populations.tolist() == ["trained"] * 5 + ["untrained"] * 5


def test_the_same_as_of_all_cells_at_once(made_part: tuple[Path, ConditionPart, Added]) -> None:
    out, part, added = made_part
    orbits = Orbits(tasks["absolute"])
    whole = _joined([read_cell_again(cell, out) for cell in CELLS])
    neurons = made.neuron_table(whole, orbits)
    networks, programs = made.network_table(whole, neurons, orbits), made.program_table(whole)
    expected = {
        "neurons": neurons,
        "networks": networks,
        "programs": programs,
        "directions": made.direction_table(whole),
        "circuits": made.circuit_table(whole),
        "superposition": made.superposition_table(whole),
    }
    for name, frame in expected.items():
        rows = pd.concat([own for table, own in added if table == name], ignore_index=True)
        pd.testing.assert_frame_equal(rows, frame, obj=name)
    pd.testing.assert_frame_equal(part.tables["census"], made.census_table(whole, programs))
    pd.testing.assert_frame_equal(part.tables["ensembles"], made.ensemble_table(whole))
    counts = made.prevalence_counts(whole, held_labels(neurons, orbits), orbits)
    assert part.counts is not None
    pd.testing.assert_frame_equal(part.counts, counts)
    assert part.solved == whole.solved.sum() > 0
    read = networks[(networks["population"] == "trained") & networks["form"].notna()]
    pd.testing.assert_frame_equal(
        part.formed.reset_index(drop=True), read[list(FORMED)].reset_index(drop=True)
    )


def test_networks_by_cell_and_seed(made_part: tuple[Path, ConditionPart, Added]) -> None:
    out, *_ = made_part
    places = [(CELLS[0], 2), (CELLS[0], 0), (CELLS[1], 4)]
    found = networks_at(places, out)
    assert [name.rpartition("/")[2] for name, _ in found] == ["2", "0", "4"]
    whole = read_cell_again(CELLS[1], out).networks[1]
    assert whole is not None
    assert (found[2][1].weights[0] == whole.weights[0]).all()


def test_steps_are_those_of_the_first_cell(made_part: tuple[Path, ConditionPart, Added]) -> None:
    out, *_ = made_part
    longer = replace(CELLS[1], steps=400, seeds=(7,))
    run_cell(longer, out)
    steps: list[int] = []

    def add(name: str, frame: pd.DataFrame) -> None:
        if name == "networks":
            steps.extend(frame["steps"][frame["population"] == "trained"])

    condition_part([CELLS[0], longer], out, Orbits(tasks["absolute"]), add)
    assert set(steps) == {300}
