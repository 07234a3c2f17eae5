"""Trained parts of the zoo: tasks, regimens and seeds, solved and failed with the cause, and their checkpoints."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np

from mathcircuits.detect import MathCircuitsError, Network, analyse_many, certify, diagnose_many, tasks
from mathcircuits.detect.networks import Architecture, Stack
from mathcircuits.models import PRESETS, Ensemble, train

from .parts import JUDGED, UNREAD, Job, Row, ZooPart, network_row, neuron_rows

#: A trained network's formula counts as certified where its proved error is at most this share of the output's range.
SHARE = 0.005
#: Seconds for one certificate. Networks that miss it have no formula.
_PROOF_SECONDS = 10.0
#: Updates after which the weights are kept too, or the logged ones next to them.
CHECKPOINTS = (0, 32, 316)
#: The task that is trained by every regimen.
_BY_ALL = "minimum"
#: Inputs and hidden layers of the tasks that are trained: a failed network of more takes minutes to diagnose.
_INPUTS, _LAYERS = 3, 1
#: Seconds of one core to train and to read a network.
_SECONDS = 0.01


@dataclass(frozen=True)
class TrainedKind:
    """A task, the hidden width, and the regimen."""

    task: str
    hidden: int
    regimen: str


#: Minimal widths, where some seeds fail.
SMALL = (TrainedKind("minimum", 3, "adam"), TrainedKind("absolute", 2, "osier"))


def full_kinds() -> tuple[TrainedKind, ...]:
    """Every task on the box (-1, 1) with at most three inputs at its smallest width by Adam, one by every regimen.

    Examples:
        >>> kinds = full_kinds()
        >>> sorted({kind.regimen for kind in kinds if kind.task == "minimum"})[:3]
        ['adam', 'balanced-init', 'compress']
    """
    found: list[TrainedKind] = []
    for name in tasks:
        task = tasks[name]
        on_box = not len(task.points) and task.box == ((-1.0, 1.0),) * task.arity
        hidden = task.hidden_with_bias if task.needs_bias else task.hidden
        if on_box and task.arity <= _INPUTS and hidden is not None and len(hidden) == _LAYERS:
            regimens = tuple(PRESETS) if name == _BY_ALL else ("adam",)
            found.extend(TrainedKind(name, int(hidden[0]), regimen) for regimen in regimens)
    # With room for more than one form.
    found.append(TrainedKind("minimum", 6, "adam"))
    return tuple(found)


def trained_jobs(split: str, count: int, first_seed: int, full: bool) -> list[Job]:
    """What makes `count` networks of each kind, with seeds from `first_seed` on, and their checkpoints.

    The labels of their neurons are judged by this library, and no score counts them. Their formulas are certified.

    Examples:
        >>> trained, before = trained_jobs("train", 2, 0, full=False)[0].make()
        >>> trained.stack, [row["step"] for row in before.networks]
        (Stack(2 x Architecture(2-3-1, relu, no bias)), [0, 0, 32, 32, 316, 316])
    """
    return [
        Job(
            split, f"trained-{kind.task}-{kind.hidden}-{kind.regimen}",
            partial(_trained, split, kind, count, first_seed),
            count * _SECONDS,
        )
        for kind in (full_kinds() if full else SMALL)
    ]  # fmt: skip


def _trained(split: str, kind: TrainedKind, count: int, first_seed: int) -> list[ZooPart]:
    seeds = range(first_seed, first_seed + count)
    # Diverged networks have no finite weights, so that there is nothing to label.
    ensemble = train(
        kind.task, hidden=kind.hidden, seeds=seeds, regimen=kind.regimen, progress=False, checkpoints="log"
    ).finite
    networks = ensemble.networks()
    if not networks:
        return []
    found = diagnose_many(networks, kind.task, losses=ensemble.losses)
    rows: list[Row] = []
    for k, (network, diagnosis) in enumerate(zip(networks, found, strict=True)):
        solved = diagnosis.cause == "solved"
        rows.append(
            {
                "seed": ensemble.seeds[k], "step": int(ensemble.steps), "loss": float(ensemble.losses[k]),
                "solved": solved, "cause": None if solved else diagnosis.cause, **_proved(network, kind.task),
            }
        )  # fmt: skip
    return [
        *_by_architecture(split, kind, "trained", networks, rows, read=True),
        *_checkpoints(split, kind, ensemble),
    ]


def _proved(network: Network, task: str) -> Row:
    """The task's formula with its certified error, where the network computes it."""
    try:
        bound = float(certify(network, task, time_limit=_PROOF_SECONDS).upper)
    except MathCircuitsError:
        return {}
    if bound > SHARE * _range(network):
        return {}
    return {"formula": "; ".join(str(f) for f in tasks[task].formula), "certified": bound}


def _by_architecture(
    split: str,
    kind: TrainedKind,
    prefix: str,
    networks: list[Network],
    known: list[Row],
    *,
    read: bool,
) -> list[ZooPart]:
    """Parts of one architecture each: a regimen that compresses ends in several."""
    groups: dict[Architecture, list[int]] = defaultdict(list)
    for k, network in enumerate(networks):
        groups[network.architecture].append(k)
    parts = []
    for architecture, members in groups.items():
        part = (
            f"{prefix}-{kind.task}-{'-'.join(map(str, architecture.sizes))}-{kind.regimen}-from-{kind.hidden}"
        )
        rows: list[Row] = []
        neurons: list[Row] = []
        for position, k in enumerate(members):
            row = network_row(
                split,
                part,
                position,
                architecture,
                made=prefix,
                task=kind.task,
                regimen=kind.regimen,
                **known[k],
            )
            rows.append(row)
            roles = [["trained"] * width for width in architecture.sizes[1:-1]]
            neurons.extend(neuron_rows(row, roles, [[None] * len(layer) for layer in roles], UNREAD))
        own = [networks[k] for k in members]
        if read:
            neurons = _read(neurons, rows, own, kind.task)
        parts.append(ZooPart(part, split, Stack.of(own), tuple(rows), tuple(neurons)))
    return parts


def _read(blank: list[Row], rows: list[Row], networks: list[Network], task: str) -> list[Row]:
    """The neurons of networks of one architecture with the features that this library matched."""
    found = analyse_many(networks, task=task).neurons
    matched = {
        (rows[n["network"]]["network"], int(n["layer"]), int(n["neuron"])): (n["feature"], ", ".join(n["on"]))
        for n in found[found["status"] == "matched"].to_dict("records")
    }
    labelled = []
    for row in blank:
        feature, on = matched.get((row["network"], row["layer"], row["neuron"]), (None, None))
        labelled.append({**row, "feature": feature, "on": on, "evidence": JUDGED})
    return labelled


def _checkpoints(split: str, kind: TrainedKind, ensemble: Ensemble) -> list[ZooPart]:
    """The same networks before the end, with the losses that were logged then; their neurons were not read."""
    networks: list[Network] = []
    known: list[Row] = []
    for step in _kept_steps(ensemble):
        then = ensemble.at_step(step)
        networks.extend(then.networks())
        known.extend(
            {"seed": seed, "step": step, "loss": float(loss)}
            for seed, loss in zip(then.seeds, then.losses, strict=True)
        )
    return _by_architecture(split, kind, "checkpoint", networks, known, read=False)


def _kept_steps(ensemble: Ensemble) -> list[int]:
    """The logged steps before the end that are nearest to `CHECKPOINTS`."""
    if ensemble.checkpoint_steps is None:
        return []
    logged = ensemble.checkpoint_steps[:-1]
    return sorted({int(logged[np.abs(logged - wanted).argmin()]) for wanted in CHECKPOINTS if len(logged)})


def _range(network: Network) -> float:
    """The smallest range of an output on the box, at the points at which the zoo compares functions."""
    from .zoofiles import check_points

    values = network(check_points(network.inputs))
    return float((values.max(axis=0) - values.min(axis=0)).min())
