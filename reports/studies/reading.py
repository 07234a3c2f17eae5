"""Reading: what is in the networks of a cell, one frame per reading, each row with its seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Network, Task, tasks
from mathcircuits.detect.matching import HELD, USED, nearest_point, redrawn
from mathcircuits.detect.networks import Stack, known_laws

from .cell import FORMS
from .circuitry import (
    chosen_to_read,
    circuit_frame,
    form_of,
    kink_frame,
    kink_rows,
    norm_row,
    program_frame,
    read_circuitry,
)
from .evidence import split_arguments

if TYPE_CHECKING:
    import pandas as pd

    from mathcircuits.detect import Architecture, Reading
    from mathcircuits.models import Ensemble

    from .cell import Cell

#: Networks of a cell that are followed through their training, for when features appear and when failures are lost: a
#: share of 20 is known to a tenth, and each costs as many readings as there are checkpoints. Of as many the page draws
#: every match over its null, which costs about 10 ms a neuron.
FOLLOWED = 20
#: Features that are followed where nothing says which a task needs: as many as a figure's legend takes.
FEATURES_FOLLOWED = 6
#: Seconds that a cell's failures may take to be diagnosed, and to be followed. Local steps solve equations, so that a
#: network of P parameters takes about 0.03 (P / 45)^2 seconds (measured on 45 and 396): of large ones the first few.
_DIAGNOSING, _FOLLOWING = 5.0, 10.0
#: Failures that are diagnosed at any size.
_DIAGNOSED_LEAST = 3

#: The bins of `histogram_text`, of unexplained shares: three a decade; what is smaller is exact to the eye.
NULL_EDGES = np.logspace(-9.0, 0.0, 28)
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"

Population = Literal["trained", "untrained", "derived"]


def read_cell(cell: Cell, ensemble: Ensemble) -> dict[str, pd.DataFrame]:
    """What is in a cell's networks and their untrained selves, by reading; see `read_forms` where forms alone are read.

    Formula, class, gauge, circuits and ranks are read in the networks that solved the task and a few others.
    Networks that diverged have no rows, but among the failures.
    """
    import pandas as pd

    if cell.reads == "forms":
        return read_forms(cell, ensemble)
    task = tasks[cell.task]
    finite = ensemble.finite
    known = dict(zip(finite.seeds, finite.networks() if len(finite) else [], strict=True))
    chosen = chosen_to_read(ensemble.losses.tolist(), cell.threshold, deep=len(cell.hidden) > 1)
    seeds = [seed for seed in (ensemble.seeds[k] for k in chosen) if seed in known]
    found = [(seed, read_circuitry(known[seed], task, classifies=cell.classifies)) for seed in seeds]
    untrained = {} if cell.derived else untrained_of(cell, ensemble)
    parts = []
    for group in by_shape({**untrained, **known}):
        own = {seed: known[seed] for seed in group if seed in known}
        beside = {seed: untrained[seed] for seed in group if seed in untrained}
        shape = next(iter((own or beside).values())).architecture
        frames = read_features(
            cell, own, beside, [seed for seed in seeds if seed in own], taught_by(cell, shape)
        )
        bends = kink_rows(list(own.values()), task, init=cell.init) if own else []
        parts.append({**frames, "kinks": kink_frame(zip(own, bends, strict=True))})
    features = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    return {
        **features,
        "programs": program_frame(found),
        "circuits": circuit_frame(found),
        "failures": _read_failures(cell, ensemble, known),
        "emergence": _read_emergence(cell, ensemble, features["neurons"]),
    }


def read_forms(cell: Cell, ensemble: Ensemble) -> dict[str, pd.DataFrame]:
    """Of every network of a cell its loss, and of those that solved the task the form: one frame under `FORMS`.

    Columns: seed, loss, steps, cost, parameters, final, form, path_norm, least_norm, excess. A network that diverged
    has a row without a form.
    """
    import pandas as pd

    task = tasks[cell.task]
    finite = ensemble.finite
    known = dict(zip(finite.seeds, finite.networks() if len(finite) else [], strict=True))
    rows = []
    for seed, loss, cost in zip(ensemble.seeds, ensemble.losses, ensemble.cost, strict=True):
        network = known.get(seed)
        solved = network is not None and loss < cell.threshold
        shape = ensemble.config.architecture if network is None else network.architecture
        rows.append(
            {
                "seed": seed,
                "loss": float(loss),
                "steps": 0 if cell.derived else ensemble.steps,
                "cost": float(cost),
                "parameters": shape.parameters,
                "final": "-".join(map(str, shape.sizes[1:-1])),
                "form": form_of(network, task) if solved and network is not None else None,
                **norm_row(network, task, solved),
            }
        )
    return {FORMS: pd.DataFrame(rows).astype({"form": "string"})}


def by_shape(networks: dict[int, Network]) -> list[list[int]]:
    """The seeds of networks of one architecture each: a regimen that compresses ends in several.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> by_shape({k: hand_derived(name) for k, name in enumerate(("minimum", "addition", "maximum"))})
        [[0, 2], [1]]
    """
    groups: dict[object, list[int]] = {}
    for seed, network in networks.items():
        groups.setdefault(network.architecture, []).append(seed)
    return list(groups.values())


def taught_by(cell: Cell, shape: Architecture) -> tuple[Network, ...]:
    """Networks of a shape that the cell's training taught something else; none where the study trains nothing.

    They are kept on disk and do not depend on the cell's seeds, so that all cells of a condition have the same.
    """
    from mathcircuits.models import taught_like

    if cell.derived or cell.found:
        return ()
    return taught_like(shape, tasks[cell.task], regimen=cell.regimen, steps=cell.steps).networks


def read_features(
    cell: Cell,
    known: dict[int, Network],
    untrained: dict[int, Network],
    seeds: list[int],
    taught: tuple[Network, ...] = (),
) -> dict[str, pd.DataFrame]:
    """Neurons and directions of networks of one shape, and how many dimensions the directions of `seeds` take.

    With networks that were taught something else, what these hold stands in the frame `taught`: one row per network and
    feature, one without a feature for a network that holds none.
    """
    import pandas as pd

    from mathcircuits.detect import analyse_many
    from mathcircuits.detect.matching import read_superposition, superposition_frame, targets_for

    task = tasks[cell.task]
    own: Population = "derived" if cell.derived else "trained"
    members: list[tuple[int, Population]] = [(seed, own) for seed in known]
    members += [(seed, "untrained") for seed in untrained]
    reading = analyse_many(
        [*known.values(), *untrained.values()],
        box=task.box,
        task=task,
        init=cell.init,
        deep=True,
        taught=taught or None,
    )
    frames = {"neurons": _with_nulls(reading, len(known)), "directions": reading.directions}
    for name, frame in frames.items():
        at = frame["network"].to_numpy(dtype=int)
        frame = frame.drop(columns="network")
        frame.insert(0, "population", np.array([p for _, p in members], dtype=object)[at])
        frame.insert(0, "seed", np.array([s for s, _ in members], dtype=np.int64)[at])
        frame["on"] = [", ".join(on) for on in frame["on"]]
        frames[name] = frame
    ranks = superposition_frame([]).assign(seed=[])
    # On a few points there is no saying in how many dimensions features are read.
    if seeds and not task.points:
        place = {list(known).index(seed): k for k, seed in enumerate(seeds)}
        rows = reading.directions[reading.directions["network"].isin(list(place))]
        rows = rows.assign(network=rows["network"].map(place))
        stack = Stack.of([known[seed] for seed in seeds])
        ranks = read_superposition(stack, rows, targets_for(task.arity, box=task.box))
        ranks["seed"] = np.array(seeds, dtype=np.int64)[ranks.pop("network").to_numpy(dtype=int)]
    frames["superposition"] = ranks
    nothing: list[tuple[str | None, tuple[str, ...]]] = [(None, ())]
    held = [
        (number, name, ", ".join(on))
        for number, labels in enumerate(reading.taught)
        for name, on in (sorted(labels) or nothing)
    ]
    frames["taught"] = pd.DataFrame(held, columns=["network", "feature", "on"]).astype(
        {"network": "int64", "feature": "string", "on": "string"}
    )
    frames["taught"].insert(0, "hidden", "-".join(map(str, taught[0].sizes[1:-1])) if taught else "")
    return frames


def _with_nulls(reading: Reading, trained: int) -> pd.DataFrame:
    """The neurons of a reading, and of the first networks what a page draws behind each match.

    Columns: `needed`, the unexplained share that p = 0.05 asks for, and `null`, `histogram_text` of the null's neurons.

    Args:
        reading: of the networks that were trained, and of others after them.
        trained: how many were.
    """
    import pandas as pd

    from mathcircuits.detect import InputError

    frame = reading.neurons
    needed = np.full(len(frame), np.nan)
    texts = np.full(len(frame), None, dtype=object)
    shown = frame["p"].notna() & (frame["network"] < min(trained, FOLLOWED))
    places = frame[["network", "layer", "neuron"]].to_numpy(dtype=int).tolist()
    for at in np.flatnonzero(shown):
        network, layer, neuron = places[at]
        try:
            null = reading.null_of(network, layer, neuron)
        except InputError:  # its p is a closed form
            continue
        texts[at] = histogram_text(null.histogram(NULL_EDGES))
        needed[at] = np.nan if null.needed is None else null.needed
    return frame.assign(needed=needed, null=pd.array(texts, dtype="string"))


def histogram_text(mass: npt.NDArray[np.float64]) -> str:
    """A histogram in a letter a bin, small enough for a page of thousands: 0 is empty, z is the highest bin.

    Examples:
        >>> histogram_text(np.array([0.0, 0.0001, 0.25, 0.5]))
        '01iz'
    """
    levels = np.ceil(mass / mass.max() * (len(_LETTERS) - 1)).astype(int)
    return "".join(_LETTERS[level] for level in levels)


def _read_failures(cell: Cell, ensemble: Ensemble, known: dict[int, Network]) -> pd.DataFrame:
    """Why networks failed, and for the first of them at which step they were lost.

    Of large networks only some are diagnosed, in the order of their seeds; the others have no row.
    """

    from mathcircuits.detect import diagnose_many
    from mathcircuits.detect.learning import lost_at_many

    task = tasks[cell.task]
    failed = [
        seed
        for seed, loss in zip(ensemble.seeds, ensemble.losses, strict=True)
        if not loss < cell.threshold and not cell.derived
    ]
    each = 0.03 * (ensemble.config.architecture.parameters / 45) ** 2
    failed = failed[: max(_DIAGNOSED_LEAST, int(_DIAGNOSING / each))]
    losses = dict(zip(ensemble.seeds, ensemble.losses.tolist(), strict=True))
    if cell.classifies:
        return _wrong_classes(task, {seed: known.get(seed) for seed in failed})
    found = diagnose_many(
        [known.get(seed) for seed in failed],
        task,
        losses=[losses[seed] for seed in failed],
        threshold=cell.threshold,
    )
    moments = 0 if ensemble.checkpoint_steps is None else len(ensemble.checkpoint_steps)
    followed = failed[: min(FOLLOWED, int(_FOLLOWING / (each * moments)))] if moments else []
    lost: dict[int, int | None] = {}
    if followed:
        steps, paths = checkpoints_of(ensemble, followed)
        lost = dict(zip(followed, lost_at_many(steps, paths, task, threshold=cell.threshold), strict=True))
    return _failures(
        [
            {"seed": seed, "cause": d.cause, "diagnosis": d.sentence, "lost": lost.get(seed)}
            for seed, d in zip(failed, found, strict=True)
        ]
    )


def _failures(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["seed", "cause", "diagnosis", "lost"])
    return frame.astype({"seed": "int64", "cause": "string", "diagnosis": "string", "lost": "Int64"})


def _wrong_classes(task: Task, networks: Mapping[int, Network | None]) -> pd.DataFrame:
    """At how many points classifiers are wrong: the causes of `diagnose` are those of a squared error."""
    from mathcircuits.detect.exact import certify_classes, is_piecewise_linear

    rows = []
    for seed, network in networks.items():
        cause, words = "unknown", "a classifier with smooth activations"
        if network is None:
            cause, words = "diverged", "its weights are not finite"
        elif is_piecewise_linear(network):
            proof = certify_classes(network, task)
            at = ", ".join(f"{value:g}" for value in proof.witness)
            words = f"wrong class at {proof.wrong} of {proof.points} points, such as ({at})"
        rows.append({"seed": seed, "cause": cause, "diagnosis": words, "lost": None})
    return _failures(rows)


def _read_emergence(cell: Cell, ensemble: Ensemble, neurons: pd.DataFrame) -> pd.DataFrame:
    """How close the first networks come to each feature that is followed, checkpoint by checkpoint.

    These are the features that the task is expected to need, and where that is not known those that the networks hold
    in the end.
    """
    import pandas as pd

    from mathcircuits.detect import InputError
    from mathcircuits.detect.learning import emergence_of

    columns = {
        "seed": "int64", "feature": "string", "on": "string", "step": "int64", "unexplained": "float64", "held": "bool",
    }  # fmt: skip
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    task = tasks[cell.task]
    if ensemble.checkpoint_steps is None or (task.hand_derived is None and not cell.found):
        return empty
    seeds = list(ensemble.seeds[:FOLLOWED])
    steps, paths = checkpoints_of(ensemble, seeds)
    networks = [list(row) for row in zip(*paths, strict=True)]
    asked: list[tuple[str | None, tuple[str, ...] | None]] = [(None, None)]
    if task.hand_derived is None:
        asked = list(_held_often(neurons))
    frames = [empty]
    for feature, on in asked:
        try:
            found = emergence_of(steps, networks, feature, on, task=task, seeds=seeds)
        except InputError:  # none of the features fits these layers, or every network has diverged
            continue
        frames.append(found.curves[list(columns)].astype(columns))
    return pd.concat(frames, ignore_index=True)


def _held_often(neurons: pd.DataFrame) -> list[tuple[str, tuple[str, ...]]]:
    """The features of the inputs that used neurons of trained networks hold, the most frequent first.

    Args:
        neurons: what was read in them.
    """
    held = neurons[
        (neurons["population"] == "trained")
        & (neurons["scope"] == "input")
        & (neurons["feature"] != "constant")
        & (neurons["contribution"] >= USED)
        & (neurons["unexplained"] <= HELD)
    ]
    counts = held.groupby(["feature", "on"])["seed"].nunique().sort_values(ascending=False, kind="stable")
    return [(str(feature), split_arguments(str(on))) for feature, on in counts.index[:FEATURES_FOLLOWED]]


def checkpoints_of(ensemble: Ensemble, seeds: Sequence[int]) -> tuple[list[int], list[list[Network | None]]]:
    """The checkpoints' steps, and for every seed its network at each of them, None where it is not finite."""
    assert ensemble.checkpoint_steps is not None
    steps = [int(step) for step in ensemble.checkpoint_steps]
    paths: list[list[Network | None]] = [[] for _ in seeds]
    chosen = ensemble.select(seeds)
    for step in steps:
        then = chosen.at_step(step).finite
        known = dict(zip(then.seeds, then.networks() if len(then) else [], strict=True))
        for path, seed in zip(paths, seeds, strict=True):
            path.append(known.get(seed))
    return steps, paths


def untrained_networks(ensemble: Ensemble) -> dict[int, Network]:
    """The networks of an ensemble as their seeds would start them at the sizes that they ended with, by seed."""
    from dataclasses import replace

    from mathcircuits.models.fitting import network_of, started

    shapes: dict[tuple[int, ...], list[int]] = {}
    for sizes, seed in zip(ensemble.sizes, ensemble.seeds, strict=True):
        shapes.setdefault(sizes, []).append(seed)
    networks: dict[int, Network] = {}
    for sizes, seeds in shapes.items():
        config = replace(ensemble.config, sizes=sizes, dtype="float32")
        parameters, _ = started(config, ensemble.regimen, tasks[ensemble.task], seeds)
        networks |= {seed: network_of(config, row) for seed, row in zip(seeds, parameters, strict=True)}
    return {seed: networks[seed] for seed in ensemble.seeds}


def untrained_of(cell: Cell, ensemble: Ensemble) -> dict[int, Network]:
    """Networks that learned nothing beside those of a cell, by seed.

    Those of its own seeds before training; of networks that were trained elsewhere copies that keep their shape, every
    neuron's offset b / |w| and how strongly it is read, and point elsewhere.
    """
    if not cell.found:
        return untrained_networks(ensemble)
    laws = known_laws(cell.init)
    origin = nearest_point(tasks[cell.task].box)
    finite = ensemble.finite
    return {
        seed: redrawn(
            Stack.of([network]), 1, laws[seed % len(laws)], np.random.default_rng([seed]), origin
        ).network(0)
        for seed, network in zip(finite.seeds, finite.networks() if len(finite) else [], strict=True)
    }


def fresh_loss(network: Network, task: Task) -> float:
    """Mean squared error on 4096 Sobol points of the box, or on every point of a task on points."""
    from mathcircuits.detect.networks import sobol_points

    X = task.sample(0) if task.points else sobol_points(task.box, 12)
    return float(np.mean((network(X) - task(X)) ** 2))
