"""The kinks of a one-hidden-layer network as a measure: what of them is a linear part, and on which sides they sit.

Two neurons of opposite signs on opposite sides of one hyperplane carry a linear part and no kink:
`t relu(z) - t relu(-z) = t z`. Trained pairs are never quite antiparallel, so that what cancels is graded by how far
apart the two kinks are, and the side of a kink is a mean over the kinks near it. Both are continuous in the weights,
and neither changes where a neuron is split (docs/understand/similarity.md, Circuit similarity).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..statistics.criteria import ROUNDING, TINY
from .criteria import MATCHING_ROUNDS, SIDE, TAU

Array = npt.NDArray[np.float64]


def shape_kernel(first: Array, second: Array, tau: float) -> Array:
    """exp(-|u - v|^2 / (2 tau)) of all rows u [m, p] and v [k, p]: [m, k].

    For unit vectors that is exp(-(1 - <u, v>) / tau).

    Examples:
        >>> shape_kernel(np.eye(2), np.eye(2), tau=1.0).round(3).tolist()
        [[1.0, 0.368], [0.368, 1.0]]
    """
    lengths = [(rows**2).sum(axis=1) / 2 for rows in (first, second)]
    return np.asarray(np.exp(np.minimum(first @ second.T - np.add.outer(*lengths), 0.0) / tau))


def leftover(masses: Array, shapes: Array, normals: Array) -> Array:
    """What is left of kinks [m] where pairs on opposite sides and of opposite signs have turned into linear parts.

    Each kink is matched with those of the opposite sign, the nearest most, none beyond its mass. Of a matched pair the
    share `(1 - |u - u'|) cos` is a linear part, with u the kinks' unit shapes and cos the cosine between one normal and
    the other's opposite; 0 where either is negative. `|u - u'|` is the pair's own residual, relative to either kink:
    all of a pair on one hyperplane cancels.

    Args:
        masses: [m] signed. shapes: [m, points] of unit length, off the affine functions.
        normals: [m, d] unit normals, towards the side on which each neuron is active.

    Examples:
        >>> bend = np.array([[1.0, 0.0], [1.0, 0.0]])
        >>> leftover(np.array([3.0, -1.0]), bend, np.array([[1.0], [-1.0]])).tolist()
        [2.0, 0.0]
        >>> leftover(np.array([3.0, 1.0]), bend, np.array([[1.0], [-1.0]])).tolist()
        [3.0, 1.0]
    """
    up, down = np.flatnonzero(masses > 0), np.flatnonzero(masses < 0)
    gap = 2.0 * (1.0 - shapes[up] @ shapes[down].T)
    gap = np.where(gap <= ROUNDING, 0.0, gap)
    share = np.maximum(1.0 - np.sqrt(gap), 0.0) * np.maximum(-(normals[up] @ normals[down].T), 0.0)
    # A pair on one hyperplane goes before all others, and a pair that shares nothing takes nothing from them.
    weight = share / (gap + ROUNDING)
    left, right = masses[up].copy(), -masses[down]
    moved = np.zeros_like(share)
    for _ in range(MATCHING_ROUNDS):
        asked = left[:, None] * right * weight
        # The larger claim of either side: no kink gives more than it has.
        claims = np.maximum((weight @ right)[:, None], left @ weight)
        pairs = np.divide(asked, claims, out=np.zeros_like(asked), where=claims > TINY)
        moved += pairs
        left, right = np.maximum(left - pairs.sum(axis=1), 0.0), np.maximum(right - pairs.sum(axis=0), 0.0)
    rest = masses.astype(np.float64)
    rest[up] -= (share * moved).sum(axis=1)
    rest[down] += (share * moved).sum(axis=0)
    return rest


def sides(masses: Array, shapes: Array, normals: Array) -> Array:
    """On which side each kink sits [m, d]: the mean normal of the kinks of its sign near it, `SIDE` long for one side.

    A kink of equal shares on both sides of a hyperplane has 0. Arguments as for `leftover`.

    Examples:
        >>> bend = np.array([[1.0, 0.0], [1.0, 0.0]])
        >>> (sides(np.array([3.0, 1.0]), bend, np.array([[1.0], [-1.0]])) / SIDE).round(3).tolist()
        [[0.5], [0.5]]
    """
    near = np.abs(masses) * shape_kernel(shapes, shapes, TAU) * (np.multiply.outer(masses, masses) > 0)
    total = near.sum(axis=1, keepdims=True)
    return np.asarray(SIDE * np.divide(near @ normals, total, out=np.zeros_like(normals), where=total > 0))
