"""Trained parts of the zoo: a few tasks and many seeds, solved and failed, each failure with its cause."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mathcircuits.detect import Network, analyse_many, certify, diagnose_many, tasks
from mathcircuits.detect.networks import Stack
from mathcircuits.models import train

from .parts import JUDGED, Row, ZooPart, network_row

#: A trained network's formula counts as certified where its proved error is at most this share of the output's range.
SHARE = 0.005


@dataclass(frozen=True)
class TrainedKind:
    """A task, the hidden width and the gradient steps."""

    task: str
    hidden: int
    steps: int


#: Minimal widths, where some seeds fail, and one with room.
SMALL = (TrainedKind("minimum", 3, 3000),)
FULL = (
    TrainedKind("minimum", 3, 6000), TrainedKind("absolute", 2, 3000), TrainedKind("maximum", 6, 6000),
    TrainedKind("absolute-difference", 2, 6000), TrainedKind("x1-plus-abs-x2", 3, 6000),
)  # fmt: skip


def trained_parts(split: str, count: int, first_seed: int, full: bool) -> list[ZooPart]:
    """`count` networks of each kind, with seeds from `first_seed` on.

    The labels of their neurons are judged by this library, and no score counts them. Their formulas are certified.

    Examples:
        >>> part = trained_parts("train", 2, 0, full=False)[0]
        >>> part.stack, [row["solved"] for row in part.networks]
        (Stack(2 x Architecture(2-3-1, relu, no bias)), [..., ...])
    """
    return [_trained(split, kind, count, first_seed) for kind in (FULL if full else SMALL)]


def _trained(split: str, kind: TrainedKind, count: int, first_seed: int) -> ZooPart:
    seeds = range(first_seed, first_seed + count)
    ensemble = train(kind.task, hidden=kind.hidden, seeds=seeds, steps=kind.steps, progress=False)
    networks: list[Network] = ensemble.networks()
    part = f"trained-{kind.task}-{kind.hidden}"
    found = diagnose_many(networks, kind.task, losses=ensemble.losses)
    formula = "; ".join(str(f) for f in tasks[kind.task].formula)
    rows: list[Row] = []
    for k, (network, loss, diagnosis) in enumerate(zip(networks, ensemble.losses, found, strict=True)):
        bound = float(certify(network, kind.task).upper) if math.isfinite(loss) else math.inf
        proved = bound <= SHARE * _range(network)
        rows.append(
            network_row(
                split, part, k, network.architecture, made="trained", seed=seeds[k], task=kind.task,
                formula=formula if proved else None, certified=bound if proved else None, loss=float(loss),
                solved=diagnosis.cause == "solved", cause=None if diagnosis.cause == "solved" else diagnosis.cause,
            )
        )  # fmt: skip
    read = analyse_many(networks, task=kind.task).neurons
    neurons = [
        {
            "network": rows[n["network"]]["network"], "split": split, "layer": int(n["layer"]),
            "neuron": int(n["neuron"]),
            "role": "trained", "feature": n["feature"] if n["status"] == "matched" else None,
            "on": ", ".join(n["on"]) if n["status"] == "matched" else None, "evidence": JUDGED,
        }
        for n in read.to_dict("records")
    ]  # fmt: skip
    return ZooPart(part, split, Stack.of(networks), tuple(rows), tuple(neurons))


def _range(network: Network) -> float:
    """The smallest range of an output on the box, at the points at which the zoo compares functions."""
    from .zoofiles import check_points

    values = network(check_points(network.inputs))
    return float((values.max(axis=0) - values.min(axis=0)).min())
