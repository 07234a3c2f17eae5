"""The reduced form of a one-hidden-layer network: what its neurons weigh at each hyperplane and on each side.

The normal form fixes the kinks and the affine part; what is left open is on which side of each kink the neurons sit,
and what carries the affine part along (docs/understand/normalform.md, Class and gauge). Both are read off the *reduced*
network: neurons on one hyperplane are added up on either side; where the sides have opposite signs, the weaker one
and as much of the stronger are a pair `t relu(z) - t relu(-z) = t z`, which carries a linear part; always-on neurons
are summed into one affine part. Permutation, positive rescaling, splitting and dead neurons change none of it. All
exact reduced minima lie on one line, `lambda (x1 - relu(x1 - x2)) + (1 - lambda) (x2 - relu(x2 - x1))`, whose
coordinate lambda is the share of the kink's mass on the side x1 > x2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ..features.printing import linear_text
from ..features.rationals import simple
from ..networks.box import Box, BoxLike, as_box, comparison_points
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import EQUAL, ROUNDING, TINY
from .canonical import one_layer
from .criteria import LEADING, SILENT, WRITTEN_DIGITS
from .hyperplanes import affine_basis, group_planes, in_box_units, nearly_affine, neurons_on_box

Array = npt.NDArray[np.float64]

#: Points at which two reduced forms are compared.
_POINTS = 256


@dataclass(frozen=True, eq=False, repr=False)
class Reduced:
    """f(x) = affine x + constant + sum_g plus_g relu(z_g) + minus_g relu(-z_g) + pair_g z_g, z_g = n_g.x + d_g.

    Attributes:
        n: [G, inputs] unit normals, the first entry that is not small is positive; d: [G] offsets.
        plus, minus: [G, out] what the neurons on either side weigh; never of opposite signs.
        pair: [G, out] what pairs of neurons on both sides carry.
        affine: [out, inputs] and constant: [out], what always-on neurons and the read-out's bias add.
        box: (low, high) per input.

    Examples:
        >>> r = reduce_network(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]))
        >>> r, r.shares.ravel().tolist()
        (Reduced(x1 - relu(x1 - x2)), [1.0, nan])
    """

    n: Array
    d: Array
    plus: Array
    minus: Array
    pair: Array
    affine: Array
    constant: Array
    box: Box

    @property
    def shares(self) -> Array:
        """[G, out] the share of each kink's mass on its positive side, in [0, 1]; NaN where there is no kink."""
        mass = self.plus + self.minus
        kinked = np.abs(mass) > SILENT * self.size
        return np.where(kinked, self.plus / np.where(kinked, mass, 1.0), np.nan)

    @property
    def size(self) -> float:
        """The largest effective weight."""
        parts = (self.plus, self.minus, self.pair, self.affine)
        return float(max(np.abs(part).max(initial=0.0) for part in parts))

    def distance(self, other: Reduced, unit: float | None = None, *, most: float = math.inf) -> float:
        """The largest difference of effective weights, vectors c n and c d, relative to `unit`.

        Hyperplanes are matched one to one, heaviest first, each with the one that it differs least from; one
        without a partner counts with its whole weight. Constants are left out: a function is recognised up to
        its offset.

        Args:
            other: of the same inputs and outputs; unit: by default `other`'s largest effective weight.
            most: a distance above this is infinite, and is not worked out.
        """
        unit = other.size if unit is None else unit
        if unit == 0:
            return 0.0 if self.size == 0 else math.inf
        worst, bar = float(np.abs(self.affine - other.affine).max(initial=0.0)), most * unit
        if worst > bar:
            return math.inf
        own, others, apart = self._mass, other._mass, _apart(self, other)
        free = np.ones(len(others), dtype=bool)
        for g in np.argsort(-own, kind="stable").tolist():
            row = np.where(free, apart[g], math.inf)
            k = int(np.argmin(row)) if len(row) else -1
            if k >= 0 and row[k] < max(own[g], others[k]):
                worst = max(worst, float(row[k]))
                free[k] = False
            else:
                worst = max(worst, float(own[g]))
            if worst > bar:
                return math.inf
        worst = max(worst, float(others[free].max(initial=0.0)))
        return worst / unit if worst <= bar else math.inf

    @cached_property
    def _mass(self) -> Array:
        """[G] the largest effective weight of each hyperplane."""
        parts = np.maximum(np.maximum(np.abs(self.plus), np.abs(self.minus)), np.abs(self.pair))
        return np.asarray(parts.max(axis=1, initial=0.0))

    @cached_property
    def lengths(self) -> Array:
        """[G] the longest of each hyperplane's vectors c (n, d), longest first.

        Those of two networks within a distance t of each other differ, place by place, by at most
        t sqrt(1 + d^2) of the unit.
        """
        return -np.sort(-np.linalg.norm(self._vectors, axis=-1).max(axis=(0, 2), initial=0.0))

    @cached_property
    def _vectors(self) -> Array:
        """[3, G, out, inputs + 1] the vectors c (n, d) of both sides and of the pair."""
        planes = np.concatenate([self.n, self.d[:, None]], axis=1)
        return np.asarray(np.stack([self.plus, self.minus, self.pair])[..., None] * planes[None, :, None])

    @cached_property
    def _behind(self) -> Array:
        """`_vectors` with the planes seen from behind: sides exchanged, normals turned, of the pair both signs."""
        return np.asarray(self._vectors[[1, 0, 2]] * np.array([-1.0, -1.0, 1.0])[:, None, None, None])

    def scaled(self, factor: float) -> Reduced:
        """The reduced network of factor * f."""
        plus, minus, pair = self.plus * factor, self.minus * factor, self.pair * factor
        return Reduced(
            self.n, self.d, plus, minus, pair, self.affine * factor, self.constant * factor, self.box
        )

    def text(
        self,
        names: Sequence[str] | None = None,
        output: int = 0,
        digits: float = WRITTEN_DIGITS,
        *,
        exact: bool = False,
    ) -> str:
        """The output as its neurons write it, in the closed grammar.

        Two sides of one weight are an absolute value. Numbers within `digits` of a simple rational, relative
        to the largest weight, are written as that.

        Args:
            names: texts of the arguments; by default x1, x2, ...
            output: which output; digits: relative tolerance of the numbers.
            exact: whether numbers are written in full (see `linear_text`), so that the text is the function.
        """
        d = self.n.shape[1]
        names = [f"x{k + 1}" for k in range(d)] if names is None else list(names)
        size = max(self.size, TINY)
        linear, constant = self.affine[output].copy(), float(self.constant[output])
        kinks: list[tuple[float, str]] = []
        for g in range(len(self.d)):
            top = float(np.abs(self.n[g]).max())
            normal = [_plain(v / top, digits) for v in self.n[g]]
            offset = _plain(self.d[g] / top, digits)
            p, m, t = (float(a[g, output]) for a in (self.plus, self.minus, self.pair))
            linear, constant = linear + t * self.n[g], constant + t * float(self.d[g])
            sides = [(p, 1.0, "relu"), (m, -1.0, "relu")]
            if abs(p - m) <= max(digits, EQUAL) * size:
                sides = [((p + m) / 2, 1.0, "abs")]
            for value, sign, name in sides:
                if abs(value) > max(SILENT, digits) * size:
                    inner = linear_text([sign * v for v in normal], names, sign * offset, exact=exact)
                    kinks.append((_plain(value * top, digits), f"{name}({inner})"))
        linear = np.array([_plain(v, digits) if abs(v) > digits * size else 0.0 for v in linear])
        constant = _plain(constant, digits) if abs(constant) > digits * size else 0.0
        values = [*linear, *(value for value, _ in kinks)]
        return linear_text(values, [*names, *(text for _, text in kinks)], constant, exact=exact)

    def __repr__(self) -> str:
        outputs = range(self.plus.shape[1])
        return f"Reduced({'; '.join(self.text(output=k) for k in outputs)})"


def reduce_network(network: Network | HasNetwork, *, box: BoxLike = (-1.0, 1.0)) -> Reduced:
    """The reduced form of a network with at most one ReLU (or leaky ReLU) layer.

    Hyperplanes within 5 degrees of the strongest one (and as close in offset) are one, since trained pairs are
    never quite antiparallel; a neuron that is affine on the box but for a corner (1% of its variance) counts
    as always on, with its least-squares fit on fixed points.

    Raises:
        InputError: for another activation, or more than one hidden layer with an activation.
    """
    net = as_network(network)
    bounds = as_box(box, net.inputs)
    f = one_layer(net)
    if not f.layers:
        none = np.zeros((0, net.outputs))
        return Reduced(np.zeros((0, f.inputs)), np.zeros(0), none, none, none, f.readout, f.offset, bounds)
    layer = f.layers[0]
    return reduce_arrays(layer.weights, layer.bias, layer.slope, f.readout[:, f.inputs :], f.offset, bounds)


def reduce_arrays(W: Array, b: Array, slope: Array, V: Array, c: Array, box: Box) -> Reduced:
    """The reduced form of `V act(W x + b) + c`; W [m, d], b and slope [m], V [out, m], c [out]."""
    arrays = tuple(np.asarray(a, dtype=np.float64) for a in (W, b, slope, V, c))
    return _reduce(tuple(a.tobytes() for a in arrays), tuple(a.shape for a in arrays), box)


# A network's gauge and its circuits ask for one form, one after the other.
@lru_cache(maxsize=16)
def _reduce(contents: tuple[bytes, ...], shapes: tuple[tuple[int, ...], ...], box: Box) -> Reduced:
    """`reduce_arrays` of arrays given by their bytes and shapes; the form's arrays are not to be written to."""
    W, b, slope, V, c = (
        np.frombuffer(own).reshape(shape) for own, shape in zip(contents, shapes, strict=True)
    )
    own = neurons_on_box(W, b, box)
    kinked = own.bent & (slope != 1)
    factor = np.where(kinked, 0.0, np.where(own.middle > 0, 1.0, slope))
    affine, constant = (V * factor) @ W, c + (V * factor) @ b
    # The side that leaks is a neuron of its own.
    on, out = V[:, kinked], V[:, kinked] * -slope[kinked]
    W, b = W[kinked], b[kinked]
    X, flat = plane_probes(box)
    bent = np.ones(len(b), dtype=bool)
    for k in np.flatnonzero((own.middle > 0.5 * own.reach)[kinked]):
        values = np.maximum(X @ W[k] + b[k], 0.0)
        if nearly_affine(values, flat) and not out[:, k].any():
            fit, *_ = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), values, rcond=None)
            affine, constant = affine + np.outer(on[:, k], fit[:-1]), constant + on[:, k] * fit[-1]
            bent[k] = False
    W, b, on, out = W[bent], b[bent], on[:, bent], out[:, bent]
    length = np.linalg.norm(W, axis=1)
    n, d = W / length[:, None], b / length
    on, out = (on * length).T, (out * length).T
    mass = np.maximum(np.abs(on), np.abs(out)).max(axis=1, initial=0.0)
    planes = in_box_units(n, d, box)
    group, sign, leaders = group_planes(planes.unit, planes.offset, np.argsort(-mass, kind="stable"))
    G = len(leaders)
    plus, minus = np.zeros((G, V.shape[0])), np.zeros((G, V.shape[0]))
    same = sign > 0
    np.add.at(plus, group[same], on[same])
    np.add.at(minus, group[same], out[same])
    np.add.at(minus, group[~same], on[~same])
    np.add.at(plus, group[~same], out[~same])
    # The plane of a group is its members' mean by mass.
    weight = mass + ROUNDING * (mass.max(initial=0.0) or 1.0)
    means = np.zeros((G, W.shape[1] + 1))
    np.add.at(means, group, (sign * weight)[:, None] * np.concatenate([n, d[:, None]], axis=1))
    means /= np.linalg.norm(means[:, :-1], axis=1)[:, None] if G else 1.0
    normals, offsets = means[:, :-1], means[:, -1]
    if G:
        first = np.take_along_axis(normals, (np.abs(normals) > LEADING).argmax(axis=1)[:, None], 1)[:, 0]
        turn = first < 0
        normals = np.where(turn[:, None], -normals, normals)
        offsets = np.where(turn, -offsets, offsets)
        plus, minus = np.where(turn[:, None], minus, plus), np.where(turn[:, None], plus, minus)
    opposed = plus * minus < 0
    t = np.where(opposed, np.sign(plus) * np.minimum(np.abs(plus), np.abs(minus)), 0.0)
    plus, minus = plus - t, minus + t
    # What cancels to rounding against what was summed is nothing; no network has fewer than one unit of size.
    floor = ROUNDING * float(mass.sum() + np.abs(affine).max(initial=0.0))
    plus, minus, t = (np.where(np.abs(a) <= floor, 0.0, a) for a in (plus, minus, t))
    kept = (np.abs(plus) + np.abs(minus) + np.abs(t)).max(axis=1, initial=0.0) > 0
    affine = np.where(np.abs(affine) <= floor, 0.0, affine)
    parts = (
        normals[kept] + 0.0, offsets[kept] + 0.0, plus[kept], minus[kept], t[kept], affine, np.array(constant),
    )  # fmt: skip
    for part in parts:
        part.setflags(write=False)
    return Reduced(*parts, box)


def _plain(value: float, tolerance: float) -> float:
    """For reading: up to quarters, since nearly every number of three digits has a twelfth nearby."""
    return simple(value, tolerance, most=4)


@lru_cache(maxsize=32)
def plane_probes(box: Box) -> tuple[Array, Array]:
    """Fixed points [n, d] of the box, and an orthonormal basis [n, d + 1] of the affine functions on them."""
    X = comparison_points(box, _POINTS, seed=3)
    return X, affine_basis(X)


def _apart(a: Reduced, b: Reduced) -> Array:
    """[G, K] the largest difference of the effective weights of every two hyperplanes."""
    facing = (a.n @ b.n.T >= 0)[None, :, :, None, None]
    apart = a._vectors[:, :, None] - np.where(facing, b._vectors[:, None], b._behind[:, None])
    apart *= apart
    return np.asarray(np.sqrt(apart.sum(axis=-1)).max(axis=(0, 3), initial=0.0))


def tidy(row: Array) -> Array:
    """A direction with a largest entry of 1, entries below a ten-thousandth dropped."""
    scaled = row / np.abs(row).max()
    return np.where(np.abs(scaled) < WRITTEN_DIGITS, 0.0, scaled)


def two_sides(n: Array, d: float, names: Sequence[str]) -> tuple[str, str]:
    """The plane n.x + d = 0 as the texts of an equation's two sides, both with positive coefficients."""
    top = float(np.abs(n).max())
    scaled = tidy(n)
    high = linear_text(np.maximum(scaled, 0.0), names, max(d / top, 0.0))
    low = linear_text(np.maximum(-scaled, 0.0), names, max(-d / top, 0.0))
    return high, low
