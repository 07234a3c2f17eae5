"""Unit baselines: which units are said to take part in a circuit, by magnitude, by ablation, and by ours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mathcircuits.detect import Network, analyse_many
from mathcircuits.detect.matching import probes_for
from mathcircuits.detect.networks import Stack

from .parts import Array
from .watching import watched
from .zoofiles import Zoo

Row = dict[str, object]
#: A unit matters to ours where its ablation changes the output by more than this share of the output's spread.
_MATTERS = 0.01


def heavy_units(zoo: Zoo) -> list[Row]:
    """Units by magnitude: norm of the weights in and the bias, times that of the weights out; relative."""

    def scores(network: Network) -> list[Array]:
        found = []
        for layer in range(len(network.weights) - 1):
            size = np.linalg.norm(
                np.column_stack([network.weights[layer], network.bias_vectors[layer]]), axis=1
            )
            size *= np.linalg.norm(network.weights[layer + 1], axis=0)
            share = size / max(float(size.max()), np.finfo(float).tiny)
            found.append(share)
        return found

    return _claimed_units(zoo, scores)


def ablated_units(zoo: Zoo) -> list[Row]:
    """Units by mean ablation, one at a time: the change of the output as a share of its spread."""

    def scores(network: Network) -> list[Array]:
        stack = Stack.of([network])
        forward = stack.forward(probes_for(network.inputs).X)
        spread = max(float(forward.outputs.std()), np.finfo(float).tiny)
        found = []
        for layer, values in enumerate(forward.post):
            effect = np.zeros(values.shape[2])
            for unit in range(values.shape[2]):
                changed = values.copy()
                changed[..., unit] = values[..., unit].mean()
                difference = stack.after(layer, changed) - forward.outputs
                effect[unit] = float(np.sqrt((difference**2).mean())) / spread
            found.append(np.minimum(effect, 1.0))
        return found

    return _claimed_units(zoo, scores)


def our_units(zoo: Zoo) -> list[Row]:
    """Units whose ablation, together with the other units of the same feature, changes the output."""
    rows: list[Row] = []
    own = set(zoo.circuits["network"])
    for split, part in zoo.parts:
        names = zoo.names(split, part)
        if not own.intersection(names):
            continue
        stack = zoo.stack(split, part)
        found = analyse_many([stack.network(k) for k in range(len(stack))]).neurons
        rows.extend(
            _unit(names[n["network"]], int(n["layer"]), int(n["neuron"]), 1.0)
            for n in found[found["contribution"] > _MATTERS**2].to_dict("records")
        )
    return rows


def _claimed_units(zoo: Zoo, scores: Callable[[Network], list[Array]]) -> list[Row]:
    """Units with a score above 0, in the networks whose circuit is known."""
    return [
        _unit(name, layer, int(unit), float(values[unit]))
        for name in watched(zoo.circuits["network"], "networks")
        for layer, values in enumerate(scores(zoo.network(name)))
        for unit in np.flatnonzero(values)
    ]


def _unit(network: str, layer: int, unit: int, score: float) -> Row:
    return {"kind": "unit", "network": network, "layer": layer, "neuron": unit, "score": score}
