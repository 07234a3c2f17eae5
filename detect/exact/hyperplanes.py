"""Hyperplanes of ReLU neurons on a box: which neurons bend inside it, which bend at one place, what is affine.

The steps that every reading of a network by its kinks shares (docs/understand/normalform.md, Class and gauge):
`reduced`, which keeps weights, and circuit similarity, which keeps functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..networks.box import Box
from ..statistics.criteria import ROUNDING
from .criteria import AFFINE_RESIDUAL, SAME_HYPERPLANE

Array = npt.NDArray[np.float64]


class Neurons(NamedTuple):
    """Pre-activations `W x + b` on a box.

    Attributes:
        bent: [m] whether each changes its sign inside the box, up to rounding.
        middle: [m] its value at the box's middle; reach: [m] by how much it departs from that in the box.
    """

    bent: npt.NDArray[np.bool_]
    middle: Array
    reach: Array


def neurons_on_box(W: Array, b: Array, box: Box) -> Neurons:
    """Where in their range the pre-activations W x + b of neurons (W [m, d], b [m]) lie on a box.

    Examples:
        >>> neurons_on_box(np.array([[1.0], [1.0], [1.0]]), np.array([0.0, 1.0, -2.0]), ((-1.0, 1.0),)).bent.tolist()
        [True, False, False]
    """
    bounds = np.array(box)
    centre, half = bounds.mean(axis=1), np.diff(bounds, axis=1)[:, 0] / 2
    middle, reach = W @ centre + b, np.abs(W) @ half
    slack = ROUNDING * (np.abs(W) @ np.abs(bounds).max(axis=1) + np.abs(b))
    return Neurons(reach - np.abs(middle) > slack, middle, reach)


def affine_basis(X: Array) -> Array:
    """An orthonormal basis [n, d + 1] of the affine functions on points X [n, d]."""
    return np.linalg.qr(np.column_stack([np.ones(len(X)), X]))[0]


def nearly_affine(values: Array, basis: Array) -> bool:
    """Whether values [n] are affine but for `AFFINE_RESIDUAL` of their variance; `basis` as of `affine_basis`.

    Examples:
        >>> X = np.linspace(-1, 1, 101)[:, None]
        >>> basis = affine_basis(X)
        >>> nearly_affine(np.maximum(X[:, 0] + 0.9, 0), basis), nearly_affine(np.maximum(X[:, 0], 0), basis)
        (True, False)
    """
    centred, rest = values - values.mean(), values - basis @ (basis.T @ values)
    return bool(rest @ rest <= AFFINE_RESIDUAL * (centred @ centred))


class BoxPlanes(NamedTuple):
    """Hyperplanes with the box's half-widths as units and its middle as origin.

    Directions and offsets that are close mean the same on any box then.

    Attributes:
        unit: [m, d] unit normals; offset: [m] signed distances from the middle.
        length: [m] of the normals that they were made from, in those units.
    """

    unit: Array
    offset: Array
    length: Array


def in_box_units(n: Array, d: Array, box: Box) -> BoxPlanes:
    """The hyperplanes n.x + d = 0 (n [m, inputs] of any length but 0, d [m]) in the units of a box."""
    bounds = np.array(box)
    middle, half = bounds.mean(axis=1), np.diff(bounds, axis=1)[:, 0] / 2
    scaled = n * half
    length = np.linalg.norm(scaled, axis=1)
    return BoxPlanes(scaled / length[:, None], (n @ middle + d) / length, length)


def near_planes(n: Array, d: Array, others: Array, offsets: Array, box: Box) -> npt.NDArray[np.bool_]:
    """Which hyperplanes (n [m, inputs], d [m]) are which others [K, inputs]: [m, K], within 5 degrees."""
    own, theirs = in_box_units(n, d, box), in_box_units(others, offsets, box)
    found = [
        _near(unit, offset, theirs.unit, theirs.offset, SAME_HYPERPLANE)[1]
        for unit, offset in zip(own.unit, own.offset, strict=True)
    ]
    return np.array(found, dtype=bool).reshape(len(d), len(offsets))


class PlaneGroups(NamedTuple):
    """Hyperplanes that count as one.

    Attributes:
        group: [m] which group each is in; sign: [m] 1 where it faces as the group's leader does, else -1.
        leaders: the first member of each group.
    """

    group: npt.NDArray[np.intp]
    sign: Array
    leaders: list[int]


def group_planes(
    unit: Array,
    offset: Array,
    order: Iterable[int],
    *,
    tolerance: float = SAME_HYPERPLANE,
    oriented: bool = False,
) -> PlaneGroups:
    """Each hyperplane joins the first group whose leader is near it, or leads a new one.

    Args:
        unit, offset: [m, d] and [m], in the units of a box (`in_box_units`).
        order: in which they are taken, the strongest first.
        tolerance: radians between normals, and as much between offsets.
        oriented: whether a hyperplane that faces the other way is another one.

    Examples:
        >>> unit = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.01]])
        >>> group_planes(unit, np.zeros(3), range(3))
        PlaneGroups(group=array([0, 1, 0]), sign=array([ 1.,  1., -1.]), leaders=[0, 1])
    """
    group, sign, leaders = np.zeros(len(offset), dtype=np.intp), np.ones(len(offset)), list[int]()
    for i in order:
        if leaders:
            facing, near = _near(unit[i], offset[i], unit[leaders], offset[leaders], tolerance)
            hits = np.flatnonzero(near & (facing > 0) if oriented else near)
            if len(hits):
                group[i], sign[i] = hits[0], facing[hits[0]]
                continue
        group[i] = len(leaders)
        leaders.append(int(i))
    return PlaneGroups(group, sign, leaders)


def _near(
    unit: Array, offset: float | Array, units: Array, offsets: Array, tolerance: float
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Signs of hyperplanes [G] against one, and which of them are that one but for the tolerance, in radians."""
    facing = np.where(units @ unit < 0, -1.0, 1.0)
    # The chord: a cosine is 1 to rounding for all angles below 1e-8.
    apart = facing[:, None] * unit - units
    close = np.einsum("gd,gd->g", apart, apart) <= (2 * math.sin(tolerance / 2)) ** 2
    return facing, close & (np.abs(offsets - facing * offset) <= tolerance)
