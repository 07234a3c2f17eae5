"""Wired sums: the sets of the catalogue's implementations among which a variable's neurons can be shared out.

As a function min(x1, x2) is also x1 + x2 - max(x1, x2), whatever the network does. As a sum of circuits it is read that
way only where the neurons say so: where the implementations' effective weights, hyperplane by hyperplane and side by
side, add up to the network's, and none takes back what another has put there. Two of them may share a neuron, each with
a part of its weight; none of them may be left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..exact.criteria import SAME_GAUGE
from ..exact.hyperplanes import near_planes
from ..exact.reduced import Reduced
from ..statistics.criteria import EQUAL, TINY
from .bound_templates import BoundCircuit, Planes, Templates
from .criteria import SAME_KINK
from .gauges import implementation_on_box

Array = npt.NDArray[np.float64]

#: Circuits of one sum: more make a formula that nobody reads as one.
MOST_PARTS = 3
#: Sets of implementations that are tried for one variable, fewest circuits first: a second's work.
MOST_SETS = 20_000


class WiredSum(NamedTuple):
    """Implementations whose neurons add up to a variable's, without cancelling each other.

    Attributes:
        parts: the implementations on their inputs; scales: one each.
        distance: of the sum's effective weights from the variable's, relative to its largest.
    """

    parts: tuple[BoundCircuit, ...]
    scales: tuple[float, ...]
    distance: float


class WiredSums(NamedTuple):
    """The sums of a variable.

    Attributes:
        found: of one circuit, where that is wired so, then of two and three.
        complete: whether every set was tried that `MOST_PARTS` allows.
    """

    found: tuple[WiredSum, ...]
    complete: bool


def wired_sums(reduced: Reduced, templates: Templates) -> WiredSums:
    """Every smallest set of implementations of different circuits that the neurons of one variable are the sum of.

    Args:
        reduced: of one output.
        templates: on its inputs; those of depth 1 that are more than one neuron.

    Examples:
        >>> from ..exact.reduced import reduce_network
        >>> from ..networks.network import Network
        >>> from .bound_templates import bound_circuits
        >>> from .templates import circuits
        >>> half = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
        >>> sums = wired_sums(reduce_network(half), bound_circuits(circuits, 2, ((-1.0, 1.0),) * 2))
        >>> for one in sums.found:
        ...     print([(round(s, 9), p.circuit.name) for s, p in zip(one.scales, one.parts)])
        [(1.0, 'minimum')]
        [(0.5, 'addition'), (-0.5, 'absolute-difference')]
    """
    target = _weights(reduced, reduced)
    unit = 0.0 if target is None else float(np.abs(target).max(initial=0.0))
    if target is None or unit <= TINY:
        return WiredSums((), True)
    bar, known = SAME_GAUGE * unit, _implementations(templates)
    # Most networks have a neuron that is nowhere in the catalogue.
    heavy = np.abs(target[: 2 * len(reduced.d)].reshape(2, -1)).max(axis=0, initial=0.0) > bar
    if not near_planes(reduced.n[heavy], reduced.d[heavy], *known.planes, reduced.box).any(axis=1).all():
        return WiredSums((), True)
    columns = [column for column in _columns(reduced, known) if _within(column.weights, target, bar)]
    if not columns:
        return WiredSums((), True)
    A = np.column_stack([column.weights for column in columns])
    found: list[WiredSum] = []
    taken: list[set[int]] = []
    circuits: list[set[tuple[str, tuple[str, ...]]]] = []
    left = MOST_SETS
    for count in range(1, min(MOST_PARTS, len(columns)) + 1):
        if comb(len(columns), count) > left:
            return WiredSums(tuple(found), False)
        sets = np.array(list(itertools.combinations(range(len(columns)), count)))
        left -= len(sets)
        for chosen, scales, away in _solved(A, target, sets, bar):
            own = set(chosen)
            parts = [columns[k].part(s) for k, s in zip(chosen, scales, strict=True)]
            names = {(part.circuit.name, part.on) for part, _ in parts}
            # The same circuits in another of their implementations are no other reading.
            if len(names) < count or any(other <= own for other in taken) or names in circuits:
                continue
            taken.append(own)
            circuits.append(names)
            bounds, signed = zip(*parts, strict=True)
            found.append(WiredSum(bounds, signed, away / unit))
    return WiredSums(tuple(found), True)


@dataclass(frozen=True, eq=False)
class _Column:
    """An implementation and its effective weights; `twin` has the same ones turned in sign, such as a negation."""

    bound: BoundCircuit
    weights: Array
    twin: BoundCircuit | None = None

    def part(self, scale: float) -> tuple[BoundCircuit, float]:
        """The implementation that is there at a positive scale, where one is, and the scale."""
        if scale < 0 and self.twin is not None:
            return self.twin, -scale
        return self.bound, scale


class _Implementations(NamedTuple):
    """The implementations of depth 1 that are more than one neuron, on a box; and all of their hyperplanes."""

    placed: tuple[BoundCircuit, ...]
    reduced: tuple[Reduced, ...]
    planes: Planes


@lru_cache(maxsize=32)
def _implementations(templates: Templates) -> _Implementations:
    found = []
    for bound in templates.single:
        if bound.circuit.depth != 1 or bound.circuit.network.sizes[1] < 2:
            continue
        for implementation in bound.circuit.gauges:
            own = implementation_on_box(implementation, bound.columns, templates.box)
            if own is not None:
                found.append((replace(bound, circuit=implementation), own))
    rows = [np.zeros((0, templates.X.shape[1] + 1)), *(np.column_stack([own.n, own.d]) for _, own in found)]
    planes: Array = np.unique(np.round(np.concatenate(rows), 9), axis=0)
    return _Implementations(
        tuple(placed for placed, _ in found),
        tuple(own for _, own in found),
        Planes(planes[:, :-1], planes[:, -1]),
    )


def _columns(reduced: Reduced, known: _Implementations) -> Iterator[_Column]:
    """The implementations at hyperplanes that the variable has, each set of weights once."""
    kept: dict[tuple[float, ...], _Column] = {}
    for placed, own in zip(known.placed, known.reduced, strict=True):
        weights = _weights(own, reduced)
        if weights is None or not weights.any():
            continue
        shape = tuple((np.round(weights / np.abs(weights).max(), 6) + 0.0).tolist())
        turned = tuple(-v + 0.0 for v in shape)
        if turned in kept and kept[turned].twin is None:
            kept[turned] = replace(kept[turned], twin=placed)
        elif shape not in kept and turned not in kept:
            kept[shape] = _Column(placed, weights)
    yield from kept.values()


def _weights(own: Reduced, reduced: Reduced) -> Array | None:
    """[2 G + inputs] the weights of both sides of `reduced`'s hyperplanes, and of the affine part.

    None where `own` has a hyperplane that `reduced` has not.
    """
    near = near_planes(own.n, own.d, reduced.n, reduced.d, reduced.box)
    if not near.any(axis=1).all():
        return None
    facing = own.n @ reduced.n.T
    place = np.where(near, np.abs(facing), -1.0).argmax(axis=1) if len(own.d) else np.zeros(0, dtype=np.intp)
    if len(set(place.tolist())) < len(place):
        return None
    sides = np.zeros((2, len(reduced.d)))
    for k, g in enumerate(place.tolist()):
        sign = 1.0 if facing[k, g] >= 0 else -1.0
        off = (*(own.n[k] - sign * reduced.n[g]), own.d[k] - sign * reduced.d[g])
        if np.abs(off).max() > SAME_KINK:
            return None
        pair = own.pair[k, 0]
        weights = own.plus[k, 0] + pair, own.minus[k, 0] - pair
        sides[:, g] = weights if sign > 0 else weights[::-1]
    return np.concatenate([sides.ravel(), own.affine[0]])


def _within(weights: Array, target: Array, bar: float) -> bool:
    """Whether an implementation can be part of a sum: what it weighs, the target weighs, all with one sign."""
    used = np.abs(weights) > SAME_GAUGE * np.abs(weights).max()
    shares = target[used] / weights[used]
    return bool((np.abs(target[used]) > bar).all() and (np.sign(shares) == np.sign(shares[0])).all())


def _solved(
    A: Array, target: Array, sets: npt.NDArray[np.intp], bar: float
) -> Iterator[tuple[list[int], list[float], float]]:
    """Of the sets [k, count] of columns those whose combination is the target to within `bar`, with their scales."""
    size = np.abs(A).max(axis=0)
    B = np.moveaxis(A[:, sets] / size[sets], 0, 1)
    scales = np.einsum("kcr,r->kc", np.linalg.pinv(B), target)
    terms = B * scales[:, None, :]
    away = np.abs(terms.sum(axis=2) - target).max(axis=1)
    cancelled = (np.abs(terms).sum(axis=2) - np.abs(terms.sum(axis=2))).max(axis=1)
    # Not one that is left out within the tolerance, and not several that are one.
    apart = np.linalg.svd(B, compute_uv=False)[:, -1] > SAME_GAUGE
    kept = (away <= bar) & (cancelled <= bar) & (np.abs(scales).min(axis=1) > bar) & apart
    for k in np.flatnonzero(kept).tolist():
        snapped = np.round(scales[k] / size[sets[k]] / EQUAL) * EQUAL
        yield sets[k].tolist(), snapped.tolist(), float(away[k])
