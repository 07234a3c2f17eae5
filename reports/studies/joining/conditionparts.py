"""Condition parts: what one condition gives to the tables of a study, its networks' rows cell by cell.

Rows of single networks are added as each cell is read and then forgotten. Of the cells' networks stays what the
condition is counted and compared by, so that memory does not hold what was read in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mathcircuits.detect import Network, tasks
from mathcircuits.detect.features import Label
from mathcircuits.detect.universality import Orbits

from .. import regimentables
from .. import tables as made
from ..cell import READINGS, Cell
from ..comparisons import Sample, sample_of
from ..ensemblefiles import load_ensemble
from ..evidence import held_labels
from ..reading import untrained_of
from ..schema import FORMED
from ..tables import Condition
from .rowwriters import Add

#: The tables of which every row is about one network: they are added cell by cell.
BY_NETWORK = ("networks", "neurons", "directions", "programs", "circuits", "superposition")
#: The columns of such tables, and of the readings of that name, that a condition is counted by.
_COUNTED = {
    "networks": (*FORMED, "network", "seed", "solved", "labelled"),
    "programs": ("network", "class", "gauge", "named", "share"),
}
_READ = {"programs": ("seed", "spec_upper", "bits")}
#: Readings that stand in no row of a single network alone.
_KEPT = ("failures", "emergence", "taught")


@dataclass(frozen=True, eq=False)
class ConditionPart:
    """What a condition gives to a study's tables besides the rows of its networks.

    Attributes:
        task: its task.
        tables: its rows of the tables that count or compare its networks, by name.
        formed: the columns `FORMED` of its trained networks that were read for their form.
        counts: its rows of the prevalence table before they are judged; None for a hand-derived network.
        sample: the networks that are compared with those of other conditions; None where they are not compared.
        solved: how many networks solved the task.
        unnamed: those among them that the catalogue has no name for: their cells' keys and their seeds.
    """

    task: str
    tables: Mapping[str, pd.DataFrame]
    formed: pd.DataFrame
    counts: pd.DataFrame | None = None
    sample: Sample | None = None
    solved: int = 0
    unnamed: tuple[tuple[str, int], ...] = ()


def condition_part(cells: Sequence[Cell], out: Path, orbits: Orbits, add: Add) -> ConditionPart:
    """What the finished cells of one condition give to the tables.

    Args:
        cells: all of one condition; out: the study's folder.
        orbits: of its task.
        add: is given the rows of `BY_NETWORK`, frame by frame, in the order of the cells.
    """
    read: list[Condition] = []
    counted: dict[str, list[pd.DataFrame]] = {name: [] for name in _COUNTED}
    untrained: list[pd.DataFrame] = []
    held: dict[tuple[str, str], frozenset[Label]] = {}
    for cell in cells:
        one = read_cell_again(cell, out)
        # All networks of a condition are said to have been trained as long as those of its first cell.
        one = replace(one, steps=read[0].steps) if read else one
        neurons = made.neuron_table(one, orbits)
        rows = {
            "networks": made.network_table(one, neurons, orbits),
            "neurons": neurons,
            "directions": made.direction_table(one),
            "programs": made.program_table(one),
            "circuits": made.circuit_table(one),
            "superposition": made.superposition_table(one),
        }
        for name, columns in _COUNTED.items():
            counted[name].append(rows[name][list(columns)])
        # A condition's untrained networks stand behind all that were trained.
        before = rows["networks"]["population"] == "untrained"
        untrained.append(rows["networks"][before])
        rows["networks"] = rows["networks"][~before]
        for name in BY_NETWORK:
            add(name, rows[name])
        held |= held_labels(neurons, orbits)
        read.append(_slim(one))
    for frame in untrained:
        add("networks", frame)
    networks, programs = (pd.concat(counted[name], ignore_index=True) for name in _COUNTED)
    condition = _joined(read)
    formed = networks[(networks["population"] == "trained") & networks["form"].notna()][list(FORMED)]
    if condition.derived:
        return ConditionPart(condition.task.name, {}, formed)
    census = made.census_table(condition, programs)
    tables = {
        "success": made.success_table(condition),
        "census": census,
        "regimens": regimentables.regimen_table(condition, networks, census),
        "causes": regimentables.cause_table(condition),
        "emergence": regimentables.emergence_table(condition),
        "emergence_curves": regimentables.emergence_curve_table(condition),
        "similarity": made.similarity_table(condition),
    }
    counts = made.prevalence_counts(condition, held, orbits)
    # What follows compares functions on a box, of which a task on points says nothing.
    if condition.task.points:
        return ConditionPart(condition.task.name, tables, formed, counts)
    return ConditionPart(
        condition.task.name,
        {**tables, "ensembles": made.ensemble_table(condition)},
        formed,
        counts,
        sample_of(condition),
        len(condition.solutions),
        _unnamed(condition, programs),
    )


def read_cell_again(cell: Cell, out: Path) -> Condition:
    """What a finished cell's files hold, as the condition of its networks."""
    ensemble = load_ensemble(cell.weights_file(out))
    finite = ensemble.finite
    known = dict(zip(finite.seeds, finite.networks() if len(finite) else [], strict=True))
    files = cell.reading_files(out)
    return Condition(
        task=tasks[cell.task],
        hidden=cell.hidden,
        width=cell.width,
        regimen=cell.regimen.name,
        threshold=cell.threshold,
        steps=ensemble.steps,
        derived=cell.derived,
        seeds=cell.seeds,
        losses=ensemble.losses,
        cells=(cell.key,) * len(cell.seeds),
        costs=ensemble.cost.astype(np.float64),
        networks=tuple(known.get(seed) for seed in ensemble.seeds),
        untrained=() if cell.derived else tuple(untrained_of(cell, ensemble).values()),
        init=cell.init,
        classifies=cell.classifies,
        **{name: pd.read_parquet(files[name]) for name in READINGS},
    )


def _slim(one: Condition) -> Condition:
    """A cell's condition without what stands in the rows of its networks."""
    kept = {name: getattr(one, name) for name in READINGS}
    for name, frame in kept.items():
        if name in _READ:
            kept[name] = frame[list(_READ[name])]
        elif name not in _KEPT:
            kept[name] = frame.iloc[:0]
    return replace(one, **kept)


def _joined(parts: Sequence[Condition]) -> Condition:
    """The condition of the networks of its cells."""
    frames = {
        name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in READINGS
    }
    # Cells of one shape stand beside the same networks that were taught something else.
    frames["taught"] = frames["taught"].drop_duplicates(ignore_index=True)

    def all_of(name: str) -> tuple[object, ...]:
        return tuple(entry for part in parts for entry in getattr(part, name))

    together: dict[str, Any] = {name: all_of(name) for name in ("seeds", "cells", "networks", "untrained")}
    for name in ("losses", "costs"):
        together[name] = np.concatenate([getattr(part, name) for part in parts])
    return replace(parts[0], **together, **frames)


def _unnamed(condition: Condition, programs: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """The cells' keys and the seeds of the solved networks that the catalogue has no name for."""
    places = zip(condition.cells, condition.seeds, strict=True)
    by_id = {condition.network_id(seed): (key, seed) for key, seed in places}
    return tuple(by_id[name] for name, _ in made.unnamed_solutions(condition, programs))


def networks_at(places: Sequence[tuple[Cell, int]], out: Path) -> list[tuple[str, Network]]:
    """Trained networks by their cells and seeds, with their ids, in that order.

    Args:
        places: cells and seeds, those of one cell one after the other; out: the study's folder.
    """
    found: list[tuple[str, Network]] = []
    for cell in dict.fromkeys(cell for cell, _ in places):
        seeds = [seed for of, seed in places if of == cell]
        chosen = load_ensemble(cell.weights_file(out)).select(seeds)
        found += [
            (cell.network_id(seed), network) for seed, network in zip(seeds, chosen.networks(), strict=True)
        ]
    return found
