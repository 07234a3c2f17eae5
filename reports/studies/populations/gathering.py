"""Gathering: somebody's networks as the cells of a study, their functions as its tasks, and what became of each file.

DIR/population.json              the tasks, the cells, and every file with what it was taken for
DIR/functions/NAME.safetensors   a network that stands for a function which no formula was found for
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import FileError, InputError, MathCircuitsError, Network, Task, tasks
from mathcircuits.detect.features import Symmetry, mirrored
from mathcircuits.detect.networks import Domain
from mathcircuits.models import Regimen

from ..cell import Cell
from ..ensemblefiles import save_ensemble
from ..factors import WIDTH, GivenFactors
from ..storage import read_json, write_checksums, write_json
from .functions import (
    MADE,
    Function,
    group_functions,
    largest_difference,
    made_of_formula,
    of_task,
    points_of,
)
from .listing import Listed

if TYPE_CHECKING:
    from mathcircuits.models import Ensemble

Array = npt.NDArray[np.float64]
#: What is known of networks beside the files: their domain by number of inputs; None for [-1, 1].
DomainOf: TypeAlias = "Callable[[int], Domain | None]"
#: Networks of one cell: what another file beside it makes to be read again.
FOUND_BLOCK = 64
FILE = "population.json"
_FORMAT = "mathcircuits-population-1"


@dataclass(frozen=True)
class Taken:
    """A file of a population and what it was taken for.

    Attributes:
        path: as it was listed.
        status: `read`, or `unread`.
        reason: why it was not read.
        network: the id of its network in the study.
        step: of a checkpoint.
        loss: the mean squared error to its function, on the points that functions are compared on.
        solved: whether it computes the function.
        difference: the largest difference to the function on the domain.
        certified: whether that is proved for every input, and not the largest on the points.
        turned: the change of its inputs after which it does, such as `x2, x1`; empty where there is none.
    """

    path: str
    status: str
    reason: str = ""
    network: str = ""
    step: int | None = None
    loss: float | None = None
    solved: bool | None = None
    difference: float | None = None
    certified: bool | None = None
    turned: str = ""


@dataclass(frozen=True, eq=False)
class Gathered:
    """A population as cells.

    Attributes:
        tasks: its functions, those of the registry among them.
        cells: the units of work; ensembles: their networks, by key.
        files: every file.
        factors: the columns that tell the conditions apart; None where there are none.
    """

    tasks: tuple[Task, ...]
    cells: tuple[Cell, ...]
    ensembles: Mapping[str, Ensemble]
    files: tuple[Taken, ...]
    factors: GivenFactors | None = None

    @property
    def unread(self) -> dict[str, str]:
        """The files that could not be read, and why."""
        return {file.path: file.reason for file in self.files if file.status == "unread"}


@dataclass(frozen=True, eq=False)
class _Run:
    """A network and its checkpoints, the last first."""

    listed: Listed
    network: Network
    before: tuple[tuple[Listed, Network], ...] = ()

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(
            sorted(one.step for one, _ in ((self.listed, None), *self.before) if one.step is not None)
        )


def gather(
    listed: Sequence[Listed],
    *,
    task: Task | None = None,
    domain: DomainOf | None = None,
    threshold: float | None = None,
    activation: str | None = None,
) -> Gathered:
    """Read networks, find their functions, and put those of one function, size and recipe into cells.

    The functions are registered as tasks, by whose names cells, tables and pages look them up.

    Args:
        listed: what `list_networks` gives.
        task: of all of them; None for the task that each one names, or the functions that they compute.
        domain: the inputs that functions are compared on, by their number; by default [-1, 1].
        threshold: the mean squared error below which a network computes its function; None for `ONE_FUNCTION`.
        activation: between the layers of files that do not say it.

    Raises:
        FileError: where no file can be read.
        InputError: where a network does not fit its task, or one condition holds several numbers of inputs.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> from mathcircuits.reports.studies.populations.listing import list_networks
        >>> found = gather(list_networks({"by hand": [hand_derived("minimum")] * 2}))
        >>> [cell.condition for cell in found.cells], [file.network for file in found.files]
        (['minimum/3/by hand'], ['minimum/3/by hand/0', 'minimum/3/by hand/1'])
    """
    networks, unread = _read(listed, activation)
    if not networks:
        path, reason = next(iter(unread.items()))
        raise FileError(path, reason, f"none of {len(listed)} files holds a network that can be read")
    _check_shapes(networks)
    runs = _without_sizes(_runs(networks))
    functions = _functions(runs, task, domain, threshold)
    cells, ensembles, files = [], {}, []
    conditions: dict[str, dict[str, str]] = {}
    for function, own in functions:
        register(function.task)
        for cell, ensemble, taken, groups in _cells(function, own):
            cells.append(cell)
            ensembles[cell.key] = ensemble
            files += taken
            conditions[cell.regimen.name] = groups
    files += [Taken(path, "unread", reason) for path, reason in unread.items()]
    places = {one.path: k for k, one in enumerate(listed)}
    factors = GivenFactors.of(conditions)
    return Gathered(
        tuple(function.task for function, _ in functions),
        tuple(cells),
        ensembles,
        tuple(sorted(files, key=lambda file: places[file.path])),
        factors if factors.names else None,
    )


def _read(
    listed: Sequence[Listed], activation: str | None
) -> tuple[list[tuple[Listed, Network]], dict[str, str]]:
    from mathcircuits.models.files import read_network

    networks, unread = [], {}
    for one in listed:
        try:
            network = read_network(one.source, activation=activation)
        except MathCircuitsError as error:
            unread[one.path] = str(error).splitlines()[0].removeprefix(f"{one.source}: ")
            continue
        if len(network.sizes) < 3:
            unread[one.path] = "has no hidden layer, so that there is no circuit to read"
        else:
            networks.append((one, network))
    return networks, unread


def _check_shapes(networks: Sequence[tuple[Listed, Network]]) -> None:
    """Refuse a condition of several numbers of inputs or outputs."""
    shapes: dict[tuple[str, str], tuple[str, tuple[int, int]]] = {}
    for one, network in networks:
        shape = network.inputs, network.outputs
        path, first = shapes.setdefault((one.task, one.recipe), (one.path, shape))
        if first != shape:
            raise InputError(
                f"{path} is a network of {first[0]} inputs and {first[1]} outputs, {one.path} of {shape[0]} and "
                f"{shape[1]}, both in {one.recipe!r}: put them into conditions of their own, by a column or a folder"
            )


def _runs(networks: Sequence[tuple[Listed, Network]]) -> list[_Run]:
    members: dict[tuple[str, str, int], list[tuple[Listed, Network]]] = {}
    for one, network in networks:
        members.setdefault((one.task, one.recipe, one.seed), []).append((one, network))
    runs = []
    for own in members.values():
        own.sort(key=lambda member: -1 if member[0].step is None else member[0].step)
        *before, (last, network) = own
        for one, other in before:
            if other.architecture != network.architecture:
                raise InputError(
                    f"{one.path} is another network than {last.path}, {other.architecture} and "
                    f"{network.architecture}: checkpoints of one run have one shape"
                )
        runs.append(_Run(last, network, tuple(before)))
    return runs


def _without_sizes(runs: list[_Run]) -> list[_Run]:
    """Leave out the columns that repeat the hidden layers' sizes, which conditions have anyway."""
    repeats = {
        name
        for name, _ in runs[0].listed.groups
        if all(
            dict(run.listed.groups).get(name) == "-".join(map(str, run.network.sizes[1:-1])) for run in runs
        )
    }
    return [
        replace(
            run,
            listed=replace(
                run.listed, groups=tuple(pair for pair in run.listed.groups if pair[0] not in repeats)
            ),
        )
        for run in runs
    ]


def _functions(
    runs: Sequence[_Run], task: Task | None, domain: DomainOf | None, threshold: float | None
) -> list[tuple[Function, list[_Run]]]:
    """The functions of runs, each with its runs; positions are those in the list."""
    groups: dict[tuple[str, int, int], list[_Run]] = {}
    for run in runs:
        name = task.name if task is not None else run.listed.task
        groups.setdefault((name, run.network.inputs, run.network.outputs), []).append(run)
    found: list[tuple[Function, list[_Run]]] = []
    for (name, inputs, outputs), own in groups.items():
        members = [run.network for run in own]
        if name:
            known = tasks[name] if task is None else task
            if (inputs, outputs) != (known.arity, known.outputs):
                raise InputError(
                    f"{own[0].listed.path}: {inputs} -> {outputs} cannot compute {known.name!r} ({known.arity} -> "
                    f"{known.outputs}): put it with another task"
                )
            found.append((of_task(members, known, threshold), own))
            continue
        where = None if domain is None else domain(inputs)
        functions = group_functions(members, Domain.of(where, inputs), threshold)
        found += [(function, own) for function in functions]
    merged: dict[str, int] = {}
    for function, _ in found:
        merged[function.task.name] = merged.get(function.task.name, 0) + 1
    twice = [name for name, count in merged.items() if count > 1]
    if twice:
        raise InputError(
            f"some networks are said to compute {twice[0]!r}, others without a task do: name the task of all, or none"
        )
    return found


def _cells(
    function: Function, runs: Sequence[_Run]
) -> list[tuple[Cell, Ensemble, list[Taken], dict[str, str]]]:
    """The cells of a function: networks of one size, recipe, kind and schedule of checkpoints, in blocks.

    Beside each its networks, its files, and the levels of the columns that tell its condition from others.
    """
    members: dict[tuple[Any, ...], list[int]] = {}
    kinds: dict[tuple[tuple[int, ...], str], set[str]] = {}
    for k in function.members:
        shape, recipe = runs[k].network.architecture, runs[k].listed.recipe
        kinds.setdefault((shape.sizes, recipe), set()).add(str(shape))
        members.setdefault((shape.sizes, recipe, shape, runs[k].steps), []).append(k)
    found = []
    for (sizes, recipe, shape, _), positions in members.items():
        name = recipe
        if len(kinds[sizes, recipe]) > 1:
            # Networks of several kinds are not one condition.
            biased = "bias" if any(shape.bias) else "no bias"
            name = f"{recipe}, {' '.join(dict.fromkeys(shape.activations))}, {biased}"
        positions.sort(key=lambda k: runs[k].listed.seed)
        for start in range(0, len(positions), FOUND_BLOCK):
            block = positions[start : start + FOUND_BLOCK]
            groups = {
                # The tables have a column of this name.
                f"{column} given" if column == WIDTH else column: level
                for column, level in runs[block[0]].listed.groups
            }
            found.append((*_cell(function, [runs[k] for k in block], block, name), groups))
    return found


def _cell(
    function: Function, runs: Sequence[_Run], positions: Sequence[int], recipe: str
) -> tuple[Cell, Ensemble, list[Taken]]:
    from mathcircuits.models import Ensemble, MLPConfig

    task = function.task
    turns = [function.turned[k] for k in positions]
    networks = [mirrored(run.network, turn) for run, turn in zip(runs, turns, strict=True)]
    shape = networks[0].architecture
    steps = runs[0].steps
    X = points_of(task.domain)
    target = task(X)
    losses = np.array([function.losses[k] for k in positions])
    weights, biases = _stacked(networks)
    history: dict[str, Any] = {}
    logged = np.zeros((0, len(runs)))
    if len(steps) > 1:
        moments = [
            [mirrored(network, turn) for _, network in run.before] + [last]
            for run, turn, last in zip(runs, turns, networks, strict=True)
        ]
        parts = [_stacked([run[m] for run in moments]) for m in range(len(steps))]
        logged = np.array(
            [[float(np.mean((run[m](X) - target) ** 2)) for run in moments] for m in range(len(steps))]
        )
        history = {
            "checkpoint_steps": np.array(steps, dtype=np.int64),
            "checkpoints": tuple(np.stack(layer) for layer in zip(*(w for w, _ in parts), strict=True)),
            "checkpoint_biases": tuple(
                None if layer[0] is None else np.stack(layer)
                for layer in zip(*(b for _, b in parts), strict=True)
            ),
        }
    seeds = tuple(run.listed.seed for run in runs)
    regimen = Regimen(name=recipe)
    ensemble = Ensemble(
        task=task.name,
        config=MLPConfig(shape.sizes, shape.bias, shape.activations, "float64"),
        regimen=regimen,
        steps=steps[-1] if steps else 0,
        seeds=seeds,
        weights=weights,
        biases=biases,
        losses=losses,
        logged_steps=np.array(steps if len(steps) > 1 else (), dtype=np.int64),
        logged_losses=logged,
        **history,
    )
    digest = _digest(ensemble)
    cell = Cell(
        task.name, shape.sizes[1:-1], regimen, seeds, ensemble.steps, found=digest, solved=function.threshold
    )
    files = []
    for run, turn, loss, network in zip(runs, turns, losses.tolist(), networks, strict=True):
        difference, certified = largest_difference(network, task)
        same = turn == Symmetry(tuple(range(task.arity)), (1,) * task.arity)
        last = Taken(
            run.listed.path,
            "read",
            network=cell.network_id(run.listed.seed),
            step=run.listed.step,
            loss=loss,
            solved=loss < function.threshold,
            difference=difference,
            certified=certified,
            turned="" if same else ", ".join(turn.images),
        )
        files += [
            replace(
                last,
                path=one.path,
                step=one.step,
                loss=None,
                solved=None,
                difference=None,
                certified=None,
            )
            for one, _ in run.before
        ]
        files.append(last)
    return cell, ensemble, files


def _stacked(networks: Sequence[Network]) -> tuple[tuple[Array, ...], tuple[Array | None, ...]]:
    """Weights [net, out, in] and biases [net, out] of networks of one shape."""
    weights = tuple(np.stack(layer) for layer in zip(*(n.weights for n in networks), strict=True))
    rows = zip(*(n.bias_vectors for n in networks), strict=True)
    return weights, tuple(
        np.stack(row) if has else None for row, has in zip(rows, networks[0].architecture.bias, strict=True)
    )


def _digest(ensemble: Ensemble) -> str:
    arrays = [*ensemble.weights, *ensemble.biases, *(ensemble.checkpoints or ()), ensemble.losses]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def write_population(found: Gathered, out: Path) -> None:
    """Write what was gathered into a study's folder: its tasks, its cells' networks and the list of files.

    Raises:
        FileError: where it cannot be written.
    """
    records = [_task_record(task, out) for task in found.tasks]
    for cell in found.cells:
        if not cell.trained(out):
            save_ensemble(cell.weights_file(out), found.ensembles[cell.key])
            write_checksums(cell.checksums_file(out), [cell.weights_file(out)])
    cells = [
        {
            "task": cell.task,
            "hidden": list(cell.hidden),
            "recipe": cell.regimen.name,
            "seeds": list(cell.seeds),
            "steps": cell.steps,
            "found": cell.found,
            "solved": cell.solved,
        }
        for cell in found.cells
    ]
    files = [asdict(file) for file in found.files]
    write_json(out / FILE, {"format": _FORMAT, "tasks": records, "cells": cells, "files": files})


def read_population(out: Path) -> tuple[list[Cell], list[Taken]]:
    """The cells and the files of a population's study; its tasks are registered.

    Raises:
        FileError: where `population.json` or a function's network is missing or damaged.
    """
    content = read_json(out / FILE)
    if content.get("format") != _FORMAT:
        raise FileError(
            out / FILE, f"is not a list of a population (format {_FORMAT})", "run the study again"
        )
    for record in content["tasks"]:
        register(_task_of(record, out))
    cells = [
        Cell(
            cell["task"], tuple(cell["hidden"]), Regimen(name=cell["recipe"]), tuple(cell["seeds"]), cell["steps"],
            found=cell["found"], solved=cell["solved"],
        )
        for cell in content["cells"]
    ]  # fmt: skip
    return cells, [Taken(**file) for file in content["files"]]


def register(task: Task) -> None:
    """Make a population's function known by its name, which tables and pages look it up by.

    Examples:
        >>> register(tasks["minimum"])
        >>> tasks["minimum"].name
        'minimum'
    """
    known = tasks.get(task.name)
    if known != task:
        tasks.add(task, replace=known is not None and known.source == MADE)


def _task_record(task: Task, out: Path) -> dict[str, Any]:
    from mathcircuits.models import save

    record: dict[str, Any] = {"name": task.name}
    if not task.formula and isinstance(task.target, Network):
        name = re.sub(r"[^A-Za-z0-9]+", "-", task.name)
        (out / "functions").mkdir(parents=True, exist_ok=True)
        record["network"] = str(save(task.target, out / "functions" / f"{name}.safetensors").relative_to(out))
    elif task.source != MADE:
        return record  # the registry has it
    else:
        record["formula"] = task.text
    return {
        **record,
        "arity": task.arity,
        "outputs": task.outputs,
        "box": [] if task.points else [list(pair) for pair in task.box],
        "points": [list(point) for point in task.points],
        "symmetries": [list(symmetry.images) for symmetry in task.symmetries],
        "needs_bias": task.needs_bias,
    }


def _task_of(record: Mapping[str, Any], out: Path) -> Task:
    from mathcircuits.models.files import read_network

    if "arity" not in record:
        return tasks[record["name"]]
    box, points = (tuple(map(tuple, record[name])) for name in ("box", "points"))
    if "formula" in record:
        return made_of_formula(record["formula"], record["name"], record["arity"], box, points)
    return Task(
        name=record["name"],
        arity=record["arity"],
        target=read_network(out / record["network"]),
        outputs=record["outputs"],
        box=box,
        points=points,
        symmetries=tuple(Symmetry.parse(images) for images in record["symmetries"]),
        needs_bias=record["needs_bias"],
        source=MADE,
    )
