"""Scoring: somebody else's networks against the benchmark's tasks: the same verdicts, the same ladder.

How they were trained does not matter, nor how large they are: networks of one task with equally many hidden layers are
one condition. Beside each stands an untrained network of its own shape, drawn by torch's law.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mathcircuits.detect import InputError, Network, Task, tasks
from mathcircuits.detect.features import SOLVED

from ...studies.cell import Cell
from ...studies.circuitry import (
    chosen_to_read,
    circuit_frame,
    circuit_rows,
    kink_frame,
    kink_rows,
    program_frame,
    read_circuitry,
)
from ...studies.populations.listing import TABLE, list_networks
from ...studies.reading import by_shape, fresh_loss, read_features
from .verdictresults import VerdictResult

if TYPE_CHECKING:
    from ...studies.tables import Condition

#: What the condition of somebody's networks is called where a study has the regimen.
THEIRS = "networks"
#: Untrained networks of a condition whose circuits are looked for: beside 3 of 20, what 72 of 72 solved networks hold
#: has a Fisher p of 1e-15.
UNTRAINED_READ = 20


def score(
    networks_by_task: Mapping[str, Sequence[Any]],
    *,
    threshold: float = SOLVED,
    name: str = THEIRS,
    init: str | None = None,
    seed: int = 0,
) -> VerdictResult:
    """Verdicts and ladders of networks, judged as those of the benchmark are.

    Args:
        networks_by_task: by task name, whatever `mathcircuits.models.load` takes: Networks, anything with
            `to_network()`, torch modules, paths.
        threshold: the fresh mean squared error below which a network has solved its task; the others do not count.
        name: stands in the column `regimen`.
        init: init law of the untrained networks beside them, `"uniform"` or `"normal"`; None draws from both in turn.
        seed: of these.

    Returns:
        A result of grid `networks`, to be read, written, or compared with another (`compare`).

    Raises:
        InputError: where there is no network, or one does not fit its task.
        UnknownTask: for a task that is not registered.
        FileError: where a file cannot be read.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> found = score({"absolute": [hand_derived("absolute")] * 72})
        >>> rows = found.verdicts.set_index(["kind", "name"])
        >>> rows.loc[[("feature", "positiveness"), ("circuit", "absolute")], "verdict"].tolist()
        ['forced', 'forced']
    """
    import pandas as pd

    from mathcircuits.detect.universality import Orbits

    from ...studies import comparisons
    from ...studies import tables as made
    from ...studies.evidence import held_labels
    from ...studies.manifest import reading_versions
    from ...studies.schema import empty
    from .verdictrows import condition_rows, verdict_rows

    if not any(len(networks) for networks in networks_by_task.values()):
        raise InputError("no networks to score: give a mapping of task names to lists of networks")
    frames: dict[str, list[pd.DataFrame]] = {}
    counts, samples, untrained = [], [], {}
    for task_name, sources in networks_by_task.items():
        task = tasks[task_name]
        orbits = Orbits(task)
        for condition in _conditions(task, sources, threshold, name, init, seed):
            neurons = made.neuron_table(condition, orbits)
            networks = made.network_table(condition, neurons, orbits)
            programs = made.program_table(condition)
            parts = {
                "networks": networks, "programs": programs, "circuits": made.circuit_table(condition),
                "census": made.census_table(condition, programs), "success": made.success_table(condition),
            }  # fmt: skip
            for table, frame in parts.items():
                frames.setdefault(table, []).append(frame)
            counts.append(made.prevalence_counts(condition, held_labels(neurons, orbits), orbits))
            samples.append(comparisons.sample_of(condition))
            keys = (task.name, condition.sizes, condition.regimen)
            untrained[keys] = untrained_circuits(condition.untrained, task)
    tables = {
        table: pd.concat([empty(table), *(part for part in parts if len(part))], ignore_index=True)
        for table, parts in frames.items()
    }
    tables["prevalence"] = made.verdicts(pd.concat(counts, ignore_index=True))
    return VerdictResult(
        "networks",
        "",
        {**reading_versions(), "solved": threshold, "init": init, "seed": seed},
        condition_rows(tables),
        verdict_rows(tables, untrained),
        *comparisons.ladder_tables(samples),
    )


def networks_in(folder: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """The files of networks in a folder, listed as `study --networks` does, by their tasks.

    Args:
        folder: one folder per task, such as minimum/0.onnx, or a `networks.csv` with a column `task`; of checkpoints of
            one run the last one counts.

    Raises:
        FileError: where there are none.
        InputError: where a network's task is not said.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> networks_in("no/such/folder")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no/such/folder: is not there; give a folder of networks, or a table ...
    """
    last = {
        (one.task, one.groups, one.seed): one
        for one in sorted(list_networks(folder), key=lambda one: -1 if one.step is None else one.step)
    }
    found: dict[str, list[Path]] = {}
    for one in last.values():
        if not one.task:
            for parts in (Path(other.path).parts for other in last.values()):
                if len(parts) > 1 and parts[0] not in tasks:
                    # One folder that is no task keeps the others from being tasks; this names it.
                    assert tasks[parts[0]]
            raise InputError(
                f"{one.path}: its task is not said: give a folder with one folder per task, such as minimum/0.onnx, or "
                f"a {TABLE} with a column task; `mathcircuits study --networks` finds out what networks compute"
            )
        found.setdefault(one.task, []).append(Path(one.source))
    return found


def untrained_circuits(networks: Iterable[Network], task: Task) -> tuple[Counter[str], int]:
    """How many of the first untrained networks hold each circuit, and how many were looked at.

    Examples:
        >>> untrained_circuits([Network([[[1.0], [-0.3]], [[0.2, 0.4]]])] * 3, tasks["absolute"])
        (Counter(), 3)
    """
    chosen = list(networks)[:UNTRAINED_READ]
    counts = Counter(
        name for network in chosen for name in {str(row["circuit"]) for row in circuit_rows(network, task)}
    )
    return counts, len(chosen)


def _conditions(
    task: Task, sources: Sequence[Any], solved: float, name: str, init: str | None, seed: int
) -> list[Condition]:
    """The networks of one task, those with equally many hidden layers together."""
    from mathcircuits.models.files import read_network

    groups: dict[int, list[Network]] = {}
    for place, source in enumerate(sources):
        network = read_network(source)
        if (network.inputs, network.outputs) != (task.arity, task.outputs):
            what = source if isinstance(source, str | os.PathLike) else f"network {place}"
            raise InputError(
                f"{what}: {network.inputs} -> {network.outputs} cannot compute {task.name!r} ({task.arity} -> "
                f"{task.outputs}): put it with another task"
            )
        groups.setdefault(len(network.sizes) - 2, []).append(network)
    return [_condition(task, groups[depth], solved, name, init, seed) for depth in sorted(groups)]


def _condition(
    task: Task, networks: Sequence[Network], solved: float, name: str, init: str | None, seed: int
) -> Condition:
    import pandas as pd

    from mathcircuits.detect.networks import known_laws, untrained
    from mathcircuits.models import Regimen

    from ...studies.config import relative_width
    from ...studies.tables import Condition

    known = dict(enumerate(networks))
    laws = known_laws(init)
    beside = {
        k: untrained(network.architecture, 1, laws[k % len(laws)], np.random.default_rng([seed, k])).network(
            0
        )
        for k, network in known.items()
    }
    # The widest of each layer, as where a regimen compresses.
    hidden = tuple(map(max, zip(*(network.sizes[1:-1] for network in networks), strict=True)))
    losses = np.array([fresh_loss(network, task) for network in networks])
    chosen = chosen_to_read(losses.tolist(), solved, deep=len(hidden) > 1)
    found = [(k, read_circuitry(known[k], task)) for k in chosen]
    cell = Cell(task.name, hidden, Regimen(name=name), tuple(known))
    parts = []
    for group in by_shape(known):
        own = {k: known[k] for k in group}
        frames = read_features(cell, own, {k: beside[k] for k in group}, [k for k in chosen if k in own])
        bends = kink_rows(list(own.values()), task)
        parts.append({**frames, "kinks": kink_frame(zip(own, bends, strict=True))})
    features: dict[str, Any] = {
        key: pd.concat([part[key] for part in parts], ignore_index=True) for key in parts[0]
    }
    return Condition(
        task=task,
        hidden=hidden,
        width=relative_width(task, hidden),
        regimen=name,
        threshold=solved,
        steps=0,
        derived=False,
        seeds=tuple(known),
        losses=losses,
        cells=("",) * len(networks),
        costs=np.full(len(networks), np.nan),
        networks=tuple(networks),
        untrained=tuple(beside.values()),
        programs=program_frame(found),
        circuits=circuit_frame(found),
        failures=pd.DataFrame(columns=["seed", "cause", "diagnosis", "lost"]),
        emergence=pd.DataFrame(columns=["seed", "feature", "on", "step", "unexplained", "held"]),
        **features,
    )
