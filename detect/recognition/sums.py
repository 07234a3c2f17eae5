"""Sums of circuits: a variable behind the first hidden layer as several templates beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..exact.criteria import SAME_GAUGE
from ..exact.hyperplanes import near_planes
from ..exact.reduced import Reduced
from ..features.printing import linear_text
from ..features.rationals import simple
from ..statistics.criteria import EQUAL, TINY
from .bound_templates import BoundCircuit, Templates
from .criteria import LEFT_OVER, SAME_KINK, SCALE_DIGITS, WRITTEN
from .found import FoundCircuit
from .gauges import NearestGauge, nearest_gauge, nearest_gauge_of_kinks
from .variables import Site, Trace, Variable

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Part:
    """A template with kinks as one part of a sum.

    Attributes:
        bound: the template; scale: the part is `scale * bound`.
        planes: [kinks] which of the reduced network's hyperplanes its kinks take.
    """

    bound: BoundCircuit
    planes: tuple[int, ...]
    scale: float

    @property
    def affine(self) -> Array:
        """[inputs] the affine part of its normal form."""
        return self.scale * self.bound.affine


def parts_of(trace: Trace, templates: Templates, variable: Variable) -> list[FoundCircuit]:
    """The circuits that a variable is the sum of, and the linear circuit that is left beside them.

    Where no template with kinks is among them: the known linear functions that pairs pass on.

    Args:
        trace: the network's; templates: on its inputs.
        variable: one, behind the first hidden layer.
    """
    reduced = trace.reduced(variable.site, variable.units[None])
    kappa = _heights(reduced)
    fitting = _fitting(templates, reduced, kappa)
    chosen, left = _cover(fitting, _affine_beside(fitting, reduced, kappa))
    left = np.where(np.abs(left) > LEFT_OVER * max((abs(p.scale) for p in chosen), default=0.0), left, 0.0)
    # A part whose inputs carry more than it accounts for is another function.
    chosen = [part for part in chosen if not left[list(part.bound.columns)].any()]
    if not chosen:
        return passed_on(trace, templates, variable.site, variable.units[None], [])
    found = [_found_part(part, reduced, variable) for part in chosen]
    return [*found, *_found_linear(templates, reduced, left, variable)]


def _heights(reduced: Reduced) -> Array:
    """kappa [G] of the first output's kinks, 0 where there is none but for rounding."""
    kappa = (reduced.plus + reduced.minus)[:, 0] / 2
    return np.where(np.abs(kappa) > EQUAL * max(reduced.size, TINY), kappa, 0.0)


def _fitting(templates: Templates, reduced: Reduced, kappa: Array) -> list[_Part]:
    """The templates each of whose kinks is one of the reduced network's, all at one scale."""
    bent = np.flatnonzero(kappa)
    if not len(bent):
        return []
    fitting = []
    for bound in templates.single:
        n, d = bound.planes
        # One neuron is a feature; what makes a circuit of it is that others stand with it.
        if not len(d) or bound.circuit.network.sizes[1] < 2:
            continue
        near = near_planes(n, d, reduced.n[bent], reduced.d[bent], reduced.box)
        if not near.any(axis=1).all():
            continue
        planes = bent[near.argmax(axis=1)]
        ratios = kappa[planes] / bound.heights
        scale = float(ratios.mean())
        if len(set(planes.tolist())) < len(planes) or np.abs(ratios - scale).max() > SAME_KINK * abs(scale):
            continue
        signs = np.sign(np.einsum("kd,kd->k", n, reduced.n[planes]))
        turned = np.abs(reduced.n[planes] - signs[:, None] * n).max()
        shifted = np.abs(reduced.d[planes] - signs * d).max()
        if max(turned, shifted) <= SAME_KINK:
            fitting.append(_Part(bound, tuple(planes.tolist()), scale))
    return fitting


def _affine_beside(fitting: Sequence[_Part], reduced: Reduced, kappa: Array) -> Array:
    """[inputs] what the fitting parts have to account for beside their kinks: all but other kinks' affine parts."""
    takeable = {g for part in fitting for g in part.planes}
    carried = (reduced.pair + (reduced.plus - reduced.minus) / 2)[:, 0]
    affine: Array = reduced.affine[0].copy()
    for g in range(len(kappa)):
        if not kappa[g]:
            affine += reduced.pair[g, 0] * reduced.n[g]
        elif g in takeable:
            affine += carried[g] * reduced.n[g]
    return affine


def _cover(fitting: Sequence[_Part], affine: Array) -> tuple[list[_Part], Array]:
    """Parts that share no kink, those of most kinks first, and what they leave of the affine part.

    Of several with as many kinks the one that leaves least is taken.
    """
    chosen: list[_Part] = []
    left = affine.copy()
    free = {g for part in fitting for g in part.planes}
    while options := [part for part in fitting if set(part.planes) <= free]:
        best = min(options, key=lambda p: (-len(p.planes), round(float(np.abs(left - p.affine).sum()), 9)))
        chosen.append(best)
        left = left - best.affine
        free -= set(best.planes)
    return chosen, left


def _found_part(part: _Part, reduced: Reduced, variable: Variable) -> FoundCircuit:
    """The record of a part; its gauge is how its own kinks are written."""
    g, bound = list(part.planes), part.bound
    own = replace(
        reduced, n=reduced.n[g], d=reduced.d[g], plus=reduced.plus[g], minus=reduced.minus[g],
        pair=0 * reduced.pair[g], affine=0 * reduced.affine, constant=0 * reduced.constant,
    )  # fmt: skip
    scale = simple(part.scale, SCALE_DIGITS)
    carried = (own.plus - own.minus)[:, 0] / 2 @ own.n
    linear = scale * bound.affine - carried
    whole = replace(own, affine=np.where(np.abs(linear) > EQUAL * abs(scale), linear, 0.0)[None])
    found = FoundCircuit.unwritten(bound.circuit, bound.columns, variable, scale, whole=False)
    return found.written(whole.text(digits=WRITTEN), nearest_gauge_of_kinks(whole, bound, scale))


def _found_linear(
    templates: Templates, reduced: Reduced, left: Array, variable: Variable
) -> list[FoundCircuit]:
    """What is left [inputs] of a sum as one of the linear circuits, on inputs of its own."""
    for bound in templates.single:
        if not bound.linear:
            continue
        scale = float(left @ bound.affine / (bound.affine @ bound.affine))
        if scale > 0 and np.abs(left - scale * bound.affine).max() <= SAME_KINK * scale:
            scale = simple(scale, SCALE_DIGITS)
            found = FoundCircuit.unwritten(bound.circuit, bound.columns, variable, scale, whole=False)
            carried = _linear_carriers(reduced, bound.columns)
            return [found.written(found.form, nearest_gauge(carried, bound.circuit, bound.columns, scale))]
    return []


def _linear_carriers(reduced: Reduced, columns: Sequence[int]) -> Reduced:
    """The pairs and always-on neurons that carry a linear function of some inputs, and nothing else."""
    outside = np.ones(reduced.n.shape[1], dtype=bool)
    outside[list(columns)] = False
    own = np.abs(reduced.n[:, outside]).max(axis=1, initial=0.0) <= SAME_KINK
    none = np.zeros((int(own.sum()), reduced.plus.shape[1]))
    return replace(
        reduced, n=reduced.n[own], d=reduced.d[own], plus=none, minus=none, pair=reduced.pair[own],
        affine=np.where(outside, 0.0, reduced.affine),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _PassedOn:
    """A linear template that a pair relu(z), relu(-z) passes on.

    Attributes:
        bound: the template; scale: the pair carries `scale * bound`; away: by how much its normal is off.
    """

    bound: BoundCircuit
    scale: float
    away: float


def passed_on(
    trace: Trace, templates: Templates, site: Site, units: Array, found: Sequence[FoundCircuit]
) -> list[FoundCircuit]:
    """Pairs relu(z), relu(-z) that pass a known linear function on, and are no part of what was found.

    Args:
        trace: the network's; templates: on its inputs.
        site: behind the first hidden layer; units: [k, u] the combinations of its variables that are read.
        found: the circuits found at the site.
    """
    reduced = trace.reduced(site, units)
    used = [set(f.inputs) for f in found]
    result = []
    for g in _pure_pairs(reduced):
        support = set(np.flatnonzero(np.abs(reduced.n[g]) > SAME_KINK).tolist())
        if abs(reduced.d[g]) > SAME_KINK or any(support <= own for own in used):
            continue
        row = reduced.pair[g]
        strongest = float(row[int(np.abs(row).argmax())])
        options = [o for b in templates.single if (o := _passing(b, reduced.n[g], support, strongest))]
        if options:
            # A positive one before a negative one, then the catalogue's order.
            nearest = min(options, key=lambda option: option.scale < 0)
            read_by = units.T @ (np.abs(row) == np.abs(row).max()).astype(float)
            result.append(_found_passed_on(nearest, site, read_by))
    return result


def _pure_pairs(reduced: Reduced) -> list[int]:
    """The hyperplanes whose neurons carry a linear function, and no kink but for what training left."""
    size = max(reduced.size, TINY)
    kinks = np.maximum(np.abs(reduced.plus), np.abs(reduced.minus)).max(axis=1, initial=0.0)
    pairs = np.abs(reduced.pair).max(axis=1, initial=0.0)
    return np.flatnonzero((pairs > SAME_GAUGE * size) & (kinks <= SAME_KINK * size)).tolist()


def _passing(bound: BoundCircuit, normal: Array, support: set[int], strongest: float) -> _PassedOn | None:
    """The template as what a pair at a unit normal passes on at most `strongest`; None where it is none of it."""
    if set(bound.columns) != support or not bound.linear:
        return None
    length = float(np.linalg.norm(bound.affine))
    sign = 1.0 if normal @ bound.affine >= 0 else -1.0
    away = float(np.abs(sign * normal - bound.affine / length).max())
    return _PassedOn(bound, sign * strongest / length, away) if away <= SAME_KINK else None


def _found_passed_on(pair: _PassedOn, site: Site, read_by: Array) -> FoundCircuit:
    """The record of a passed-on function, written as the pair; `read_by` [u] are the variables that it reaches."""
    bound, factor = pair.bound, simple(pair.scale, WRITTEN)
    names = [f"x{k + 1}" for k in range(bound.inputs)]
    sides = [f"relu({linear_text(s * bound.affine, names)})" for s in (1.0, -1.0)]
    variable = Variable(site, read_by, pair.scale * bound.values[:, 0])
    found = FoundCircuit.unwritten(bound.circuit, bound.columns, variable, pair.scale, whole=False)
    gauge = NearestGauge(bound.circuit.gauge, pair.away)
    return found.written(linear_text([factor, -factor], sides), gauge)
