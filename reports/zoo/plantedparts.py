"""Planted parts of the zoo: networks whose neurons hold known features, or known to hold none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mathcircuits.detect.networks import Stack, untrained

from ..benchmark.detection.planting import (
    NOTHING,
    Planted,
    plant,
    plant_deep,
    plant_mixtures,
    ridges,
    rotate_layer,
    shape,
    turned,
)
from .parts import CONSTRUCTION, Job, ZooPart, features_of, network_row, neuron_rows

#: What makes the networks of a part, the role of each neuron and the truth.
Maker = Callable[[np.random.Generator], tuple[Stack, list[list[str]], Planted]]
#: Degrees between a decoy and the feature that it resembles: the correlation is above 0.9, and it is no copy.
DECOY_DEGREES = (12.0, 20.0)
#: Degrees of noise up to which the detection benchmark asks for every planted neuron, at 2, 3 and 4 inputs.
NOISE = {2: 0.2, 3: 2.0, 4: 2.0}
#: Seconds of one core for a network.
_SECONDS = 0.001


def planted_jobs(split: str, count: int, seed: Any, full: bool) -> list[Job]:
    """What makes the planted and the untrained networks of a split, `count` of each kind.

    Args:
        split: its name; count: networks a part; seed: the entropy of their generators; full: whether to add the larger
            shapes.

    Examples:
        >>> jobs = planted_jobs("train", 4, [0, 0], full=False)
        >>> [part.name for job in jobs[:2] for part in job.make()]
        ['planted-2-8-1', 'planted-3-8-1']
    """
    return [
        Job(
            split,
            name,
            partial(_planted, split, name, count, [*seed, number], full),
            _SECONDS * count,
        )
        for number, name in enumerate(_makers(count, full))
    ]


def _planted(split: str, name: str, count: int, seed: Any, full: bool) -> list[ZooPart]:
    stack, roles, made = _makers(count, full)[name](np.random.default_rng(seed))
    return [_labelled(name, split, stack, roles, made)]


def _makers(count: int, full: bool) -> dict[str, Maker]:
    shapes = (2, 3, 4) if full else (2, 3)
    makers: dict[str, Maker] = {
        **{f"planted-{inputs}-8-1": _flat(inputs, 8, count) for inputs in shapes},
        **{f"units-{inputs}-12-1": _with_dead_and_linear(inputs, 12, count) for inputs in (2, 3)},
        **{f"decoys-{inputs}-8-1": _with_decoys(inputs, 8, count) for inputs in (2, 3)},
        "deep-3-8-8-1": _deep(3, 8, count),
        "rotated-3-8-8-1": _rotated(3, 8, count),
        "mixtures-3-8-8-1": _mixed(3, 8, count),
        **{f"untrained-{inputs}-8-1": _untrained(inputs, 8, count) for inputs in shapes},
    }
    if full:
        makers |= {"planted-3-24-1": _flat(3, 24, count), "untrained-3-24-1": _untrained(3, 24, count)}
    return makers


def _labelled(name: str, split: str, stack: Stack, roles: list[list[str]], made: Planted) -> ZooPart:
    architecture = stack.architecture
    widths = [architecture.sizes[block + 1] for block in architecture.active]
    starts = np.cumsum([0, *widths])
    known = [features_of(architecture, layer) for layer in range(len(widths))]
    networks, neurons = [], []
    for k, (row_roles, truth) in enumerate(zip(roles, made.truth, strict=True)):
        null = "untrained" in name
        row = network_row(split, name, k, architecture, made="untrained" if null else "planted", null=null)
        networks.append(row)
        spans = [slice(starts[m], starts[m + 1]) for m in range(len(widths))]
        held = [[None if t == NOTHING else known[m][t] for t in truth[span]] for m, span in enumerate(spans)]
        neurons.extend(neuron_rows(row, [row_roles[span] for span in spans], held, CONSTRUCTION))
    return ZooPart(name, split, stack, tuple(networks), tuple(neurons))


def _roles(made: Planted) -> list[list[str]]:
    return [["untrained" if t == NOTHING else "planted" for t in row] for row in made.truth]


def _flat(inputs: int, width: int, count: int) -> Maker:
    def make(rng: np.random.Generator) -> tuple[Stack, list[list[str]], Planted]:
        made = plant(inputs, width, 3, NOISE[inputs], count, rng, bias=inputs != 3)
        return made.stack, _roles(made), made

    return make


def _untrained(inputs: int, width: int, count: int) -> Maker:
    def make(rng: np.random.Generator) -> tuple[Stack, list[list[str]], Planted]:
        stack = untrained(shape(inputs, width, 1, bias=True), count, "uniform", rng)
        made = Planted(stack, np.full((count, width), NOTHING, dtype=np.intp))
        return stack, _roles(made), made

    return make


def _with_dead_and_linear(inputs: int, width: int, count: int) -> Maker:
    """Of the four units that `plant` makes dead on the box, two become always active: the bias changes its sign."""

    def make(rng: np.random.Generator) -> tuple[Stack, list[list[str]], Planted]:
        made = plant(inputs, width, 3, NOISE[inputs], count, rng, bias=True, split=1, dead=4)
        w, b = made.stack.weights[0], made.stack.biases[0].copy()
        roles = _roles(made)
        dead = b < -np.abs(w).sum(axis=2)
        for k, row in enumerate(roles):
            for rank, unit in enumerate(np.flatnonzero(dead[k] & (made.truth[k] == NOTHING))):
                row[unit] = "dead" if rank % 2 else "linear"
                b[k, unit] *= 1.0 if rank % 2 else -1.0
        stack = Stack(made.stack.architecture, made.stack.weights, (b, *made.stack.biases[1:]))
        return stack, roles, made

    return make


def _with_decoys(inputs: int, width: int, count: int) -> Maker:
    """Two planted neurons, and three that only resemble a feature."""

    def make(rng: np.random.Generator) -> tuple[Stack, list[list[str]], Planted]:
        made = plant(inputs, width, 2, 0.0, count, rng, bias=True)
        w, b = made.stack.weights[0].copy(), made.stack.biases[0].copy()
        roles = _roles(made)
        _, directions = ridges(inputs)
        for k, row in enumerate(roles):
            free = rng.permutation(np.flatnonzero(made.truth[k] == NOTHING))[:3]
            for unit in free:
                near = directions[rng.integers(len(directions))]
                way = turned(near[None], float(rng.uniform(*DECOY_DEGREES)), rng)[0]
                if (directions @ way).max() > np.cos(np.radians(DECOY_DEGREES[0] / 2.0)):
                    continue  # turned towards another feature
                w[k, unit], b[k, unit], row[unit] = way, 0.0, "decoy"
        return (
            Stack(made.stack.architecture, (w, *made.stack.weights[1:]), (b, *made.stack.biases[1:])),
            roles,
            made,
        )

    return make


def _deep(inputs: int, width: int, count: int) -> Maker:
    def make(rng: np.random.Generator) -> tuple[Stack, list[list[str]], Planted]:
        made = plant_deep(inputs, width, 2, 0.0, count, rng, bias=False)
        return made.stack, _roles(made), made

    return make


def _rotated(inputs: int, width: int, count: int) -> Maker:
    """The second layer is the first one, rotated: its features are directions, and no neuron holds one."""

    def make(rng: np.random.Generator) -> tuple[Stack, list[list[str]], Planted]:
        below = plant(inputs, width, 3, 0.0, count, rng, bias=True)
        truth = np.hstack([below.truth, np.full((count, width), NOTHING, dtype=np.intp)])
        roles = [[*row, *["rotated"] * width] for row in _roles(below)]
        stack = rotate_layer(below, rng)
        return stack, roles, Planted(stack, truth)

    return make


def _mixed(inputs: int, width: int, count: int) -> Maker:
    def make(rng: np.random.Generator) -> tuple[Stack, list[list[str]], Planted]:
        made, mixes = plant_mixtures(inputs, width, 3, count, rng)
        roles = [
            ["mixture" if mixed else role for role, mixed in zip(row, mixing, strict=True)]
            for row, mixing in zip(_roles(made), mixes, strict=True)
        ]
        return made.stack, roles, made

    return make
