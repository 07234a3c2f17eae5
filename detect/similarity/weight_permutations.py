"""Weight matching: the permutation of units under which two networks' weights agree best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from ..errors import InputError
from ..networks.box import check_inputs
from ..networks.network import HasNetwork, Network, as_network
from ..networks.nonlinearities import unit_slopes
from ..statistics.criteria import ROUNDING
from .measures import Array, Index


@dataclass(frozen=True)
class WeightMatching:
    """Two networks, the hidden units of the second reordered to fit the first, and the path between them.

    Attributes:
        permutations: one index array per hidden layer: unit i of the first network is unit
            `permutation[i]` of the second.
        aligned: the second network with its units in that order; the same function.
        value: cosine between all weights and biases of the first network and of the aligned one, in [-1, 1].
        before: the same cosine without reordering.
        sweeps: rounds of coordinate descent until nothing moved (1 for one hidden layer: solved exactly).
        path: losses [points] along the straight path, None without inputs; `barrier` is the most that they
            rise above the line between the ends.
    """

    permutations: tuple[Index, ...]
    aligned: Network
    value: float
    before: float
    sweeps: int
    path: Array | None = field(default=None, compare=False)
    barrier: float | None = None

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        barrier = "" if self.barrier is None else f", barrier={self.barrier:.3g}"
        return f"WeightMatching(cosine={self.value:.6g}, before={self.before:.6g}{barrier})"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain Python values, the aligned network left out."""
        return {
            "permutations": [order.tolist() for order in self.permutations],
            "value": self.value,
            "before": self.before,
            "sweeps": self.sweeps,
            "path": None if self.path is None else self.path.tolist(),
            "barrier": self.barrier,
        }


def weight_matching(
    first: Network | HasNetwork,
    second: Network | HasNetwork,
    *,
    inputs: npt.ArrayLike | None = None,
    targets: npt.ArrayLike | None = None,
    points: int = 11,
) -> WeightMatching:
    """Reorder the hidden units of the second network until its weights agree best (Git Re-Basin).

    The weight matching of Ainsworth et al. 2023: the permutations with the largest inner product of all
    weights and biases. Exact for one hidden layer (one assignment). Deeper, coordinate descent over the
    layers from three starts (as given, and swept forwards and backwards through the layers), of which the
    best is kept; it has no guarantee, but a permuted copy is found exactly by the forward sweep. The scale
    of ReLU units is not
    matched: normalise it first if the networks differ in it.

    With `inputs` the loss is followed along the straight path `(1 - t) first + t aligned`: the mean squared
    error to `targets` or, without targets, to the interpolated outputs. The barrier (Frankle et al. 2020;
    Entezari et al. 2022) is the most that it rises above the line between the two ends.

    Args:
        first, second: networks of the same sizes and activations.
        inputs: [n, d], or None for no path.
        targets: [n, outputs], or None.
        points: on the path, ends included, at least 3.

    Raises:
        InputError: where sizes or activations differ, or targets do not fit.

    Examples:
        >>> net = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> other = Network([[[-1, 0], [1, -1], [1, 0]], [[-1, -1, 1]]])
        >>> found = weight_matching(net, other, inputs=[[0.0, 1.0], [1.0, 0.5]])
        >>> found, found.permutations[0].tolist()
        (WeightMatching(cosine=1, before=-0.285714, barrier=0), [1, 2, 0])
    """
    a, b = as_network(first), as_network(second)
    if any(unit_slopes(name) is not None for name in a.activations):
        raise InputError(
            f"{a} has a slope a unit, so that its units cannot be exchanged: compare activations with soft_matching"
        )
    if a.sizes != b.sizes or a.activations != b.activations:
        raise InputError(
            f"{a} and {b} cannot be matched unit by unit: sizes and activations must be equal "
            "(compare unequal widths with soft_matching on their activations)"
        )
    layers_a, layers_b = _stacked(a), _stacked(b)
    identity_orders = [np.arange(width) for width in a.sizes[1:-1]]
    runs = []
    for start in ("given", "forwards", "backwards"):
        orders = [order.copy() for order in identity_orders]
        if start != "given":
            _sweep(layers_a, layers_b, orders, start)
        sweeps = _descend(layers_a, layers_b, orders)
        runs.append((_agreement(layers_a, layers_b, orders), orders, sweeps))
        if len(orders) <= 1:
            break  # solved exactly, whatever the start
    _, orders, sweeps = max(runs, key=lambda run: run[0])
    aligned = _reordered(b, orders)
    sizes = [_agreement(layers, layers, identity_orders) for layers in (layers_a, layers_b)]
    scale = math.sqrt(sizes[0] * sizes[1]) or 1.0  # a network of zeros only has cosine 0
    path = None if inputs is None else _path(a, aligned, inputs, targets, points)
    return WeightMatching(
        permutations=tuple(orders),
        aligned=aligned,
        value=_agreement(layers_a, layers_b, orders) / scale,
        before=_agreement(layers_a, layers_b, identity_orders) / scale,
        sweeps=sweeps,
        path=path,
        barrier=None
        if path is None
        else float(max(0.0, (path - np.linspace(path[0], path[-1], len(path))).max())),
    )


def _stacked(network: Network) -> list[Array]:
    """Each layer's weights with its biases as a last column [out, in + 1]."""
    vectors = network.bias_vectors
    return [np.column_stack([w, b]) for w, b in zip(network.weights, vectors, strict=True)]


def _permuted(layer: Array, rows: Index | None, columns: Index | None) -> Array:
    """A stacked layer with its units and the units it reads put in another order; the bias column stays."""
    if rows is not None:
        layer = layer[rows]
    return layer if columns is None else layer[:, [*columns, layer.shape[1] - 1]]


def _agreement(a: Sequence[Array], b: Sequence[Array], orders: Sequence[Index]) -> float:
    """The inner product of all weights and biases, the second network's units put in order."""
    ends = [None, *orders, None]
    products = (
        np.vdot(x, _permuted(y, ends[k + 1], ends[k])) for k, (x, y) in enumerate(zip(a, b, strict=True))
    )
    return float(sum(products))


def _gain(a: Sequence[Array], b: Sequence[Array], orders: Sequence[Index], layer: int, sides: str) -> Array:
    """What pairing unit i of hidden layer `layer` with unit j adds to the agreement [h, h]."""
    before = orders[layer - 1] if layer else None
    after = orders[layer + 1] if layer + 1 < len(orders) else None
    gain = np.zeros((len(a[layer]), len(a[layer])))
    if sides != "backwards":
        gain += a[layer] @ _permuted(b[layer], None, before).T
    if sides != "forwards":
        gain += a[layer + 1][:, :-1].T @ _permuted(b[layer + 1], after, None)[:, :-1]
    return gain


def _sweep(a: Sequence[Array], b: Sequence[Array], orders: list[Index], direction: str) -> None:
    """Match layer after layer by the weights on the side that is already in order."""
    layers = range(len(orders)) if direction == "forwards" else reversed(range(len(orders)))
    for layer in layers:
        orders[layer] = linear_sum_assignment(_gain(a, b, orders, layer, direction), maximize=True)[1]


def _descend(a: Sequence[Array], b: Sequence[Array], orders: list[Index]) -> int:
    """Solve layer by layer until none moves; returns the number of rounds."""
    rounds = 0
    moved = bool(orders)
    while moved:
        moved, rounds = False, rounds + 1
        for layer in range(len(orders)):
            gain = _gain(a, b, orders, layer, "both")
            best = linear_sum_assignment(gain, maximize=True)[1]
            units = np.arange(len(best))
            # A gain at rounding level is a tie: without this the descent could go round for ever.
            if gain[units, best].sum() > gain[units, orders[layer]].sum() + ROUNDING * np.abs(gain).sum():
                orders[layer], moved = best, True
        if len(orders) == 1:
            break
    return rounds


def _reordered(network: Network, orders: Sequence[Index]) -> Network:
    ends = [None, *orders, None]
    weights, biases = [], []
    for k, layer in enumerate(_stacked(network)):
        permuted = _permuted(layer, ends[k + 1], ends[k])
        weights.append(permuted[:, :-1])
        biases.append(permuted[:, -1])
    return Network(weights, None if network.biases is None else biases, network.activations)


def _path(a: Network, b: Network, inputs: npt.ArrayLike, targets: npt.ArrayLike | None, points: int) -> Array:
    """The loss at even steps of the straight path from one network to the other."""
    if points < 3:
        raise InputError(f"{points} points on the path: give at least 3, its ends and one between")
    X = check_inputs(inputs, a.inputs)
    ends = a(X), b(X)
    wanted = None if targets is None else np.asarray(targets, dtype=np.float64)
    if wanted is not None and wanted.shape != ends[0].shape:
        raise InputError(
            f"targets of shape {wanted.shape}: the networks give {ends[0].shape} on these inputs"
        )
    losses = []
    for t in np.linspace(0.0, 1.0, points):
        weights = [(1 - t) * u + t * v for u, v in zip(a.weights, b.weights, strict=True)]
        biases = [(1 - t) * u + t * v for u, v in zip(a.bias_vectors, b.bias_vectors, strict=True)]
        outputs = Network(weights, biases, a.activations)(X)
        aim = (1 - t) * ends[0] + t * ends[1] if wanted is None else wanted
        losses.append(float(((outputs - aim) ** 2).mean()))
    return np.array(losses)
