"""Which unit of one layer is which of another: matchings, returned and scored, and matchings of weights.

`correlation_matching`, `soft_matching` and `partial_matching` take activations `X [n, d_x]` and `Y [n,
d_y]` on the same inputs and return a `Matching`: a `Similarity` (with its nulls and its policy for dead
units, see `measures.py`) that also holds the matching. They use the signed Pearson correlation, so they are
blind to permutations and to positive scales and offsets of single units, which is what a ReLU network is
free to choose, and not to signs or rotations. `weight_matching` takes two networks instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import identity, kron, vstack

from .box import check_inputs
from .errors import InputError
from .measures import Array, Index, Layer, LayerLike, Measure, Null, Prepared, Similarity, evaluate
from .network import HasNetwork, Network, as_network

#: Up to this many copies of units transport is one exact assignment (milliseconds); above, a linear program.
_LARGEST_ASSIGNMENT = 256


@dataclass(frozen=True, repr=False)
class Matching(Similarity):
    """A `Similarity` of units, with the matching behind it.

    Attributes:
        pairs: [k, 2] indices (unit of X, unit of Y) that carry mass, in the order of X's units.
        correlations: [k] Pearson correlation of each pair.
        plan: [d_x, d_y] the mass that each pair carries; rows and columns of dead units are zero.

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(50, 3))
        >>> found = correlation_matching(X, 2 * X[:, [2, 0, 1]])
        >>> found, found.pairs.tolist()
        (Matching(correlation_matching=1, n=50, 3 x 3 units), [[0, 1], [1, 2], [2, 0]])
    """

    pairs: Index = field(default_factory=lambda: np.empty((0, 2), dtype=np.intp), compare=False)
    correlations: Array = field(default_factory=lambda: np.empty(0), compare=False)
    plan: Array = field(default_factory=lambda: np.empty((0, 0)), compare=False)


def correlation_matching(
    X: LayerLike, Y: LayerLike, *, null: Null = None, draws: int = 199, seed: int = 0
) -> Matching:
    """One-to-one matching of units by largest total correlation; the value is the pairs' mean correlation.

    The bipartite matching of Li et al. 2015 ("Convergent learning"): positive correlation counts, a unit
    and its mirror are not the same. The mean is over the min(d_x, d_y) matched pairs of live units; those
    that the wider layer has left over do not lower it. In [-1, 1].

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: for arrays that are not two-dimensional, finite and of equal n, and for an unusable null.

    Examples:
        >>> X = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
        >>> round(correlation_matching(X, [[0.0, 3.0], [0.0, 0.0], [5.0, 0.0]]).value, 6)
        1.0
    """
    return _matched("correlation_matching", _one_to_one, _mean_of_matched, X, Y, null, draws, seed)


def soft_matching(
    X: LayerLike, Y: LayerLike, *, null: Null = None, draws: int = 199, seed: int = 0
) -> Matching:
    """Matching of units by optimal transport, for unequal widths; its value is the transported correlation.

    The largest `sum P_ij corr(x_i, y_j)` over plans P whose rows sum to 1 / d_x and columns to 1 / d_y (the
    correlation form of Khosla & Williams 2023), over live units. For equal widths it is the one-to-one
    matching. Every unit counts here, so a layer with units that the other lacks scores lower. In [-1, 1].

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `correlation_matching`.

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> found = soft_matching(X, X[:, [0, 0, 1, 1]])
        >>> round(found.value, 6), found.plan.tolist()
        (1.0, [[0.25, 0.25, 0.0, 0.0], [0.0, 0.0, 0.25, 0.25]])
    """
    return _matched("soft_matching", transport, _transported, X, Y, null, draws, seed)


def partial_matching(
    X: LayerLike,
    Y: LayerLike,
    *,
    unexplained: float = 0.01,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Matching:
    """The share of units that have a counterpart, each at most one; the others stay alone.

    Two units are counterparts if they correlate positively with `1 - r^2 <= unexplained`; among the
    one-to-one matchings of counterparts the one with the largest total correlation is taken. The value is 2
    k / (d_x + d_y) for k
    pairs of live units: 1 if every unit of either layer has its own, 0 if none has.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        unexplained: the part of a unit's variance that its counterpart may leave unexplained, in (0, 1]; 0.01
            is the gate of a match (docs/statistics.md, Criteria), about 4.7 degrees between ReLU neurons.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `correlation_matching`, and for `unexplained` outside (0, 1].

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> X, other = rng.normal(size=(50, 3)), rng.normal(size=(50, 1))
        >>> found = partial_matching(X, np.hstack([other, X[:, :1]]))
        >>> found.value, found.pairs.tolist()
        (0.4, [[0, 1]])
    """
    if not 0 < unexplained <= 1:
        raise InputError(f"unexplained {unexplained}: give the tolerated 1 - r^2, above 0 and up to 1")
    lowest = math.sqrt(1.0 - unexplained)

    def solve(C: Array) -> Array:
        counterparts = np.where((lowest <= C) & (C > 0.0), C, 0.0)
        return np.where(counterparts > 0.0, _one_to_one(counterparts), 0.0)

    name = f"partial_matching({unexplained:g})"
    return _matched(name, solve, _share_matched, X, Y, null, draws, seed)


def matching_measure(kind: str = "correlation_matching") -> Measure:
    """A matching as a `Measure`, whose value alone is computed, for all pairs of many layers.

    Examples:
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> round(evaluate(matching_measure("soft_matching"), X, X[:, ::-1]).value, 6)
        1.0
    """
    kinds = {
        "correlation_matching": (_one_to_one, _mean_of_matched),
        "soft_matching": (transport, _transported),
    }
    if kind not in kinds:
        raise InputError(f"matching {kind!r}: give one of {', '.join(kinds)}")
    return _measure(kind, *kinds[kind])


def transport(C: Array) -> Array:
    """The plan [a, b] with row sums 1 / a and column sums 1 / b that carries the largest sum of `P * C`.

    Exact: an assignment between copies of the units where their least common multiple is small, else scipy's
    linear program (HiGHS).

    Examples:
        >>> transport(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.9]])).round(3).tolist()
        [[0.333, 0.0, 0.167], [0.0, 0.333, 0.167]]
    """
    a, b = C.shape
    copies = math.lcm(a, b)
    if copies <= _LARGEST_ASSIGNMENT:
        rows, columns = linear_sum_assignment(
            np.repeat(np.repeat(C, copies // a, axis=0), copies // b, axis=1), maximize=True
        )
        plan = np.zeros((a, b))
        np.add.at(plan, (rows // (copies // a), columns // (copies // b)), 1.0 / copies)
        return plan
    sums = vstack([kron(identity(a), np.ones((1, b))), kron(np.ones((1, a)), identity(b))], format="csr")
    margins = np.concatenate([np.full(a, 1 / a), np.full(b, 1 / b)])
    # One of the a + b sums follows from the others; without it rounding cannot make the program infeasible.
    solved = linprog(-C.ravel(), A_eq=sums[:-1], b_eq=margins[:-1], method="highs")
    if not solved.success:
        raise InputError(f"transport between {a} and {b} units failed: {solved.message}")
    return np.asarray(solved.x, dtype=np.float64).reshape(a, b)


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


def _measure(name: str, solve: Callable[[Array], Array], score: Callable[[Array, Array], float]) -> Measure:
    def compare(x: Prepared, y: Prepared) -> float:
        C = _correlations(x, y)
        return score(C, solve(C))

    return Measure(name, _standardised, compare)


def _matched(
    name: str,
    solve: Callable[[Array], Array],
    score: Callable[[Array, Array], float],
    X: LayerLike,
    Y: LayerLike,
    null: Null,
    draws: int,
    seed: int,
) -> Matching:
    measure = _measure(name, solve, score)
    found = evaluate(measure, X, Y, null=null, draws=draws, seed=seed)
    record = {item.name: getattr(found, item.name) for item in fields(Similarity)}
    x, y = measure.ready(X, "X"), measure.ready(Y, "Y")
    whole = np.zeros((found.d_x, found.d_y))
    if x.empty or y.empty:
        return Matching(**record, plan=whole)
    C = _correlations(x, y)
    plan = solve(C)
    rows, columns = np.nonzero(plan)
    whole[np.ix_(x.layer.live, y.layer.live)] = plan
    pairs = np.stack([x.layer.live[rows], y.layer.live[columns]], axis=1)
    return Matching(**record, pairs=pairs, correlations=C[rows, columns], plan=whole)


def _standardised(layer: Layer) -> Prepared:
    """Columns of mean 0 and length 1, so that a cross product is a correlation."""
    Z = layer.centred / np.abs(layer.centred).max(axis=0)
    return Prepared(layer, (Z / np.linalg.norm(Z, axis=0),))


def _correlations(x: Prepared, y: Prepared) -> Array:
    return np.clip(x.rows[0].T @ y.rows[0], -1.0, 1.0)


def _one_to_one(C: Array) -> Array:
    """The 0-1 plan of the assignment with the largest total."""
    plan = np.zeros(C.shape)
    plan[linear_sum_assignment(C, maximize=True)] = 1.0
    return plan


def _mean_of_matched(C: Array, plan: Array) -> float:
    return float((C * plan).sum() / min(C.shape))


def _transported(C: Array, plan: Array) -> float:
    return float((C * plan).sum())


def _share_matched(C: Array, plan: Array) -> float:
    return float(2 * plan.sum() / sum(C.shape))


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
            if gain[units, best].sum() > gain[units, orders[layer]].sum() + 1e-12 * np.abs(gain).sum():
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
