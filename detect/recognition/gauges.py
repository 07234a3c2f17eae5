"""Gauge: which of a function's implementations a network is."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..exact.canonical import CanonicalForm, canonical_form
from ..exact.criteria import SAME_GAUGE
from ..exact.reduced import Reduced, plane_probes, reduce_network, tidy, two_sides
from ..features.printing import linear_text
from ..features.symmetry import Symmetry, mirrored
from ..networks.box import Box, BoxLike, as_box
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import EQUAL, TINY
from .bound_templates import BoundCircuit, Templates, bound_circuits, reduced_template
from .criteria import FLAT_POWER, NEGATIVE_SCALE, SAME_FUNCTION
from .templates import Circuit, Circuits, circuits

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Gauge:
    """How a network implements its function.

    Attributes:
        form: the functional class.
        reduced: its neurons by hyperplane and side, and what carries the affine part.
        circuit: the catalogue's circuit of that function, or None; on: its arguments, as inputs.
        scale: the network computes `scale * circuit + offset`.
        name: the catalogue's name of the implementation, or None.
        distance: of the effective weights to the nearest implementation, relative; NaN where the catalogue
            has none of the function.

    Examples:
        >>> gauge_of(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]))
        Gauge(minimum(x1, x2), x1 - relu(x1 - x2))
    """

    form: CanonicalForm
    reduced: Reduced
    circuit: Circuit | None
    on: tuple[str, ...]
    scale: float
    name: str | None
    distance: float

    @property
    def shares(self) -> Array:
        """lambda, [G, out]: the share of each hyperplane's kink on its positive side; NaN where it has none."""
        return self.reduced.shares

    @property
    def text(self) -> str:
        """The network as its neurons write it; several outputs are separated by `; `."""
        return "; ".join(self.reduced.text(output=k) for k in range(self.form.outputs))

    @property
    def description(self) -> str:
        """Where the neurons sit and what carries the affine part, in words."""
        return describe(self.reduced)

    def __repr__(self) -> str:
        what = f"{self.circuit.name}({', '.join(self.on)})" if self.circuit else "no known circuit"
        how = self.name if self.name is not None else self.description
        return f"Gauge({what}, {how})"

    def _repr_html_(self) -> str:
        rows = {
            "circuit": f"{self.circuit.name}({', '.join(self.on)})" if self.circuit else "none known",
            "gauge": self.name or "not in the catalogue",
            "as written": self.text,
            "description": self.description,
            "distance": f"{self.distance:.3g}",
        }
        cells = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table>{cells}</table>"


def gauge_of(
    network: Network | HasNetwork,
    *,
    box: BoxLike = (-1.0, 1.0),
    symmetries: Iterable[Symmetry] = (),
    catalogue: Circuits | None = None,
) -> Gauge:
    """Which implementation of its function a one-hidden-layer ReLU network is.

    Args:
        network: a Network or anything with `to_network()`, at most one ReLU layer.
        box: (low, high), or one pair per input.
        symmetries: input symmetries; implementations that they turn into each other then bear one name, the
            first of them in the catalogue.
        catalogue: circuits; by default the installed ones.

    Raises:
        InputError: for another activation, or more than one hidden layer with an activation.

    Examples:
        >>> mirror = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
        >>> gauge_of(mirror).name, gauge_of(mirror, symmetries=[Symmetry.parse(["x2", "x1"])]).name
        ('x2 - relu(x2 - x1)', 'x1 - relu(x1 - x2)')
        >>> oblique = Network([[[1, -1], [3, 1], [-3, -1], [0, 1], [0, -1]], [[-3, 1, -1, -1, 1]]])
        >>> gauge_of(oblique).name is None, gauge_of(oblique).circuit.name
        (True, 'minimum')
    """
    net = as_network(network)
    bounds = as_box(box, net.inputs)
    entries = circuits if catalogue is None else catalogue
    form, reduced = canonical_form(net, box=bounds), reduce_network(net, box=bounds)
    found = _class_of(net, bounds, entries)
    if found is None:
        return Gauge(form, reduced, None, (), math.nan, None, math.nan)
    bound, scale = found
    best = nearest_gauge(reduced, bound.circuit, bound.columns, scale)
    gauges = [c.gauge for c in bound.circuit.gauges]
    for symmetry in symmetries:
        if best.name == gauges[0]:  # no image has an earlier one
            break
        image = reduce_network(mirrored(net, symmetry), box=bounds)
        option = nearest_gauge(image, bound.circuit, bound.columns, scale)
        if option.name is not None and (
            best.name is None or gauges.index(option.name) < gauges.index(best.name)
        ):
            best = option
    return Gauge(form, reduced, bound.circuit, bound.on, scale, *best)


class NearestGauge(NamedTuple):
    """The implementation of a circuit that a network is nearest to.

    Attributes:
        name: the catalogue's name of it; None beyond `SAME_GAUGE`.
        distance: of the effective weights, relative; infinite where there is none to compare with.
    """

    name: str | None
    distance: float


def nearest_gauge(reduced: Reduced, circuit: Circuit, columns: Sequence[int], scale: float) -> NearestGauge:
    """The implementation whose effective weights are nearest.

    Args:
        reduced: of the network; circuit: one of depth 1, whose arguments are the inputs `columns`.
        scale: the network computes `scale * circuit + offset`.
    """
    own = reduced.scaled(1 / scale)
    # One unit for all implementations: that of the first, so that shares of a kink count alike in each.
    first = implementation_on_box(circuit, tuple(columns), reduced.box)
    unit = None if first is None else first.size
    best = NearestGauge(None, math.inf)
    for implementation in circuit.gauges:
        template = implementation_on_box(implementation, tuple(columns), reduced.box)
        if template is not None:
            away = own.distance(template, unit, most=best.distance)
            best = _nearer(best, implementation.gauge, away)
    return _within(best)


def nearest_gauge_of_kinks(reduced: Reduced, bound: BoundCircuit, scale: float) -> NearestGauge:
    """The implementation nearest by the sides of its kinks alone.

    In a sum of circuits nothing tells which carrier of an affine part belongs to which circuit.

    Args:
        reduced: of the network, `scale * bound` and an affine part; bound: a template of depth 1.
    """
    own = reduced.scaled(1 / scale)
    best = NearestGauge(None, math.inf)
    for implementation in bound.circuit.gauges:
        if implementation.network.biases is not None and "always-on" in implementation.gauge:
            continue
        template = replace(bound, circuit=implementation).reduced
        kinked = np.abs(template.plus + template.minus).max(axis=1) > 0
        bare = replace(
            template, n=template.n[kinked], d=template.d[kinked], plus=template.plus[kinked],
            minus=template.minus[kinked], pair=0 * template.pair[kinked], affine=0 * template.affine,
        )  # fmt: skip
        away = replace(own, affine=0 * own.affine, box=template.box).distance(bare) if kinked.any() else 0.0
        best = _nearer(best, implementation.gauge, away)
    return _within(best)


def _nearer(best: NearestGauge, name: str, distance: float) -> NearestGauge:
    """The nearer of two implementations; equal ones go by the catalogue's order."""
    return NearestGauge(name, distance) if distance < best.distance - EQUAL else best


def _within(best: NearestGauge) -> NearestGauge:
    """The nearest implementation, without its name where it is too far to be that one."""
    return best if best.distance <= SAME_GAUGE else NearestGauge(None, best.distance)


def describe(reduced: Reduced, names: Sequence[str] | None = None) -> str:
    """Where the neurons sit and what carries the affine part, in words.

    Examples:
        >>> describe(reduce_network(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])))
        'the kink at x1 = x2 from the side x1 > x2; x1 carried by a pair'
    """
    names = [f"x{k + 1}" for k in range(reduced.n.shape[1])] if names is None else list(names)
    size = max(reduced.size, TINY)
    parts = []
    shares = reduced.shares
    for g in range(len(reduced.d)):
        high, low = two_sides(reduced.n[g], float(reduced.d[g]), names)
        known = shares[g][~np.isnan(shares[g])]
        if len(known) and np.abs(reduced.plus[g] + reduced.minus[g]).max() > SAME_GAUGE / 2 * size:
            on = [float(v) for v in known]
            if all(v > 1 - SAME_GAUGE for v in on):
                side = f"the side {high} > {low}"
            elif all(v < SAME_GAUGE for v in on):
                side = f"the side {high} < {low}"
            else:
                side = f"both sides, {', '.join(f'{v:.0%}' for v in on)} where {high} > {low}"
            parts.append(f"the kink at {high} = {low} from {side}")
    carried = [
        linear_text(tidy(reduced.n[g]), names, float(reduced.d[g] / np.abs(reduced.n[g]).max()))
        for g in range(len(reduced.d))
        if np.abs(reduced.pair[g]).max() > SAME_GAUGE / 2 * size
    ]
    if carried:
        parts.append(f"{', '.join(carried)} carried by {'a pair' if len(carried) == 1 else 'pairs'}")
    always = [
        linear_text(tidy(row), names) for row in reduced.affine if np.abs(row).max() > SAME_GAUGE / 2 * size
    ]
    if always:
        parts.append(f"{', '.join(always)} carried by always-on neurons")
    return "; ".join(parts) or "nothing but a constant"


def _class_of(network: Network, box: Box, known: Circuits) -> tuple[BoundCircuit, float] | None:
    """The circuit of depth 1 that the network computes up to scale and offset, and the scale."""
    templates = bound_circuits(known, network.inputs, box)
    Y = network(templates.X)
    best: tuple[float, BoundCircuit, float] | None = None
    for bound in _alike(templates, Y):
        fit = one_scale(bound.values, Y)
        if fit is None or fit.unexplained > SAME_FUNCTION:
            continue
        # Of two that fit equally well the one with a positive scale: -x1 is a negation.
        key = round(fit.unexplained, 9) + (NEGATIVE_SCALE if fit.scale < 0 else 0.0)
        if best is None or key < best[0]:
            best = key, bound, fit.scale
    return None if best is None else best[1:]


def _alike(templates: Templates, Y: Array) -> list[BoundCircuit]:
    """Templates of depth 1 and as many outputs as values Y [n, out]; of one output those alone that Y may be."""
    if Y.shape[1] > 1:
        found = [bound for bound in templates.several if bound.circuit.outputs == Y.shape[1]]
    else:
        centred = Y[:, 0] - Y[:, 0].mean()
        power = float(centred @ centred)
        # With room for rounding: what is close is fitted again.
        near = (centred @ templates.table) ** 2 >= (1 - 2 * SAME_FUNCTION) * power
        found = [templates.single[k] for k in np.flatnonzero(near).tolist()]
    return [bound for bound in found if bound.circuit.depth <= 1]


class ScaleFit(NamedTuple):
    """`values = scale * template + offsets`, and the share of the values' variance that this leaves."""

    scale: float
    unexplained: float


def one_scale(template: Array, values: Array) -> ScaleFit | None:
    """The least-squares `values = scale * template + offsets` with one scale; None where either is constant.

    Examples:
        >>> t = np.array([[0.0], [1.0], [2.0]])
        >>> one_scale(t, 3 * t + 1)
        ScaleFit(scale=3.0, unexplained=0.0)
    """
    T, Y = template - template.mean(axis=0), values - values.mean(axis=0)
    power, total = float((T * T).sum()), float((Y * Y).sum())
    if power <= FLAT_POWER * T.size or total <= FLAT_POWER * max(1.0, float(np.abs(values).max()) ** 2):
        return None
    scale = float((T * Y).sum()) / power
    rest = Y - scale * T
    return ScaleFit(scale, float((rest * rest).sum()) / total) if scale else None


@lru_cache(maxsize=4096)
def implementation_on_box(circuit: Circuit, columns: tuple[int, ...], box: Box) -> Reduced | None:
    """The implementation on those inputs; None where it is another function on that box (always-on neurons)."""
    X, _ = plane_probes(box)
    arguments = X[:, list(columns)]
    wanted = circuit.values(arguments)
    if np.abs(circuit.network(arguments) - wanted).max() > EQUAL * max(1.0, float(np.abs(wanted).max())):
        return None
    return reduced_template(circuit, columns, box)
