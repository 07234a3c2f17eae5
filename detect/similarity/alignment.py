"""Which unit of one layer is which of another: matchings, returned and scored.

`correlation_matching`, `soft_matching` and `partial_matching` take activations `X [n, d_x]` and `Y [n,
d_y]` on the same inputs and return a `Matching`: a `Similarity` (with its nulls and its policy for dead
units, see `measures.py`) that also holds the matching. They use the signed Pearson correlation, so they are
blind to permutations and to positive scales and offsets of single units, which is what a ReLU network is
free to choose, and not to signs or rotations. `weight_permutations.py` matches
the units of two networks by their weights instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import identity, kron, vstack

from ..errors import InputError
from .measures import Array, Index, LayerLike, LiveUnits, Measure, Null, Prepared, Similarity, evaluate

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
    max_unexplained: float = 0.01,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Matching:
    """The share of units that have a counterpart, each at most one; the others stay alone.

    Two units are counterparts if they correlate positively with `1 - r^2 <= max_unexplained`; among the
    one-to-one matchings of counterparts the one with the largest total correlation is taken. The value is 2
    k / (d_x + d_y) for k
    pairs of live units: 1 if every unit of either layer has its own, 0 if none has.

    Args:
        X, Y: activations [n, d_x] and [n, d_y] on the same inputs.
        max_unexplained: the part of a unit's variance that its counterpart may leave unexplained, in (0, 1]; 0.01
            is the gate of a match (docs/understand/evidence.md, Criteria), about 4.7 degrees between ReLU neurons.
        null, draws, seed: see `measures.py`.

    Raises:
        InputError: as for `correlation_matching`, and for `max_unexplained` outside (0, 1].

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> X, other = rng.normal(size=(50, 3)), rng.normal(size=(50, 1))
        >>> found = partial_matching(X, np.hstack([other, X[:, :1]]))
        >>> found.value, found.pairs.tolist()
        (0.4, [[0, 1]])
    """
    if not 0 < max_unexplained <= 1:
        raise InputError(
            f"max_unexplained {max_unexplained}: give the tolerated 1 - r^2, above 0 and up to 1"
        )
    lowest = math.sqrt(1.0 - max_unexplained)

    def solve(C: Array) -> Array:
        counterparts = np.where((lowest <= C) & (C > 0.0), C, 0.0)
        return np.where(counterparts > 0.0, _one_to_one(counterparts), 0.0)

    name = f"partial_matching({max_unexplained:g})"
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


def _standardised(layer: LiveUnits) -> Prepared:
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
