"""Templates of circuits on a choice of arguments, and their kinks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import perm

import numpy as np
import numpy.typing as npt

from ..exact.reduced import SAME_GAUGE, Reduced, near_planes, reduce_network
from ..networks.box import Box, as_box, comparison_points
from ..networks.network import Network
from ..statistics.correlation import standardised
from .neuron_names import PROBES
from .templates import Circuit, Circuits

Array = npt.NDArray[np.float64]

#: How far a kink of a sum of circuits may lie off the template's, as a share of its effective weight: 1.7
#: degrees, at which a neuron leaves 1e-3 of its variance unexplained (docs/measurements.md, A neuron's null in closed
#: form).
SAME_KINK = 0.03

#: Choices of arguments of one template, 16 MB of values; 63 ordered pairs of inputs are 3906.
MAX_CHOICES = 4000


@dataclass(frozen=True, eq=False)
class BoundCircuit:
    """A circuit on a choice of inputs.

    Attributes:
        circuit: the template; columns: the inputs, counted from 0, that its arguments are.
        values: [n, outputs] at the probes.
    """

    circuit: Circuit
    columns: tuple[int, ...]
    values: Array = field(repr=False)

    @property
    def on(self) -> tuple[str, ...]:
        """The arguments as texts."""
        return tuple(f"x{c + 1}" for c in self.columns)


@dataclass(frozen=True, eq=False)
class Templates:
    """Every circuit on every choice of inputs, with its values at fixed points of a box.

    Attributes:
        X: [n, d] the points; box: what they fill.
        single: the circuits of one output; table: [n, single], centred and of unit length.
        several: those of more outputs.
        skipped: names of circuits with more than `MAX_CHOICES` choices of arguments.
    """

    X: Array
    box: Box
    single: tuple[BoundCircuit, ...]
    table: Array
    several: tuple[BoundCircuit, ...]
    skipped: tuple[str, ...]


def bound_circuits(known: Circuits, inputs: int, box: Box, columns: Sequence[int] | None = None) -> Templates:
    """The circuits on every choice among `inputs` inputs (or among the given columns), cached.

    Examples:
        >>> from .templates import circuits
        >>> t = bound_circuits(circuits, 2, ((-1.0, 1.0),) * 2)
        >>> [b.on for b in t.single if b.circuit.name in ("minimum", "x1-plus-abs-x2")]
        [('x1', 'x2'), ('x1', 'x2'), ('x2', 'x1')]
    """
    chosen = tuple(range(inputs)) if columns is None else tuple(columns)
    return _bound(tuple(known.values()), box, chosen)


@lru_cache(maxsize=32)
def _bound(templates: tuple[Circuit, ...], box: Box, columns: tuple[int, ...]) -> Templates:
    X = comparison_points(box, PROBES)
    single: list[BoundCircuit] = []
    several: list[BoundCircuit] = []
    skipped = []
    for circuit in templates:
        if circuit.arity > len(columns):
            continue
        if perm(len(columns), circuit.arity) / (1 + len(circuit.symmetry)) > MAX_CHOICES:
            skipped.append(circuit.name)
            continue
        for choice in itertools.permutations(columns, circuit.arity):
            if any(tuple(choice[k] for k in order) < choice for order in circuit.symmetry):
                continue
            bound = BoundCircuit(circuit, choice, circuit.values(X[:, list(choice)]))
            (single if circuit.outputs == 1 else several).append(bound)
    table = np.column_stack([b.values[:, 0] for b in single]) if single else np.zeros((len(X), 0))
    return Templates(X, box, tuple(single), standardised(table), tuple(several), tuple(skipped))


def planes_near(W: Array, b: Array, n: Array, d: Array, box: Box) -> npt.NDArray[np.bool_]:
    """Which neurons `relu(W x + b)` bend at which hyperplanes `n x + d`, up to the tolerance of `near_planes`.

    Examples:
        >>> square = ((-1.0, 1.0),) * 2
        >>> W, n = np.array([[2.0, -2.0], [1.0, 0.0]]), np.array([[1.0, -1.0]]) / np.sqrt(2)
        >>> planes_near(W, np.zeros(2), n, np.zeros(1), square).tolist()
        [[True], [False]]
    """
    length = np.linalg.norm(W, axis=1)
    return near_planes(W / length[:, None], b / length, n, d, box)


def linear_carriers(reduced: Reduced, columns: Sequence[int]) -> Reduced:
    """The pairs and always-on neurons that carry a linear function of some inputs, and nothing else."""
    outside = np.ones(reduced.n.shape[1], dtype=bool)
    outside[list(columns)] = False
    own = np.abs(reduced.n[:, outside]).max(axis=1, initial=0.0) <= SAME_KINK
    none = np.zeros((int(own.sum()), reduced.plus.shape[1]))
    return replace(
        reduced, n=reduced.n[own], d=reduced.d[own], plus=none, minus=none, pair=reduced.pair[own],
        affine=np.where(outside, 0.0, reduced.affine),
    )  # fmt: skip


def gauge_of_kinks(reduced: Reduced, bound: BoundCircuit, scale: float) -> tuple[str | None, float]:
    """The gauge by the sides of the kinks alone: in a sum nobody says which carrier belongs to which part."""
    best: tuple[str | None, float] = (None, math.inf)
    own = reduced.scaled(1 / scale)
    for implementation in bound.circuit.gauges:
        if implementation.network.biases is not None and "always-on" in implementation.gauge:
            continue
        template = reduced_template(implementation, bound.columns, reduced.n.shape[1])
        kinked = np.abs(template.plus + template.minus).max(axis=1) > 0
        bare = replace(
            template, n=template.n[kinked], d=template.d[kinked], plus=template.plus[kinked],
            minus=template.minus[kinked], pair=0 * template.pair[kinked], affine=0 * template.affine,
        )  # fmt: skip
        away = replace(own, affine=0 * own.affine, box=template.box).distance(bare) if kinked.any() else 0.0
        if away < best[1] - 1e-9:
            best = implementation.gauge, away
    return (best[0] if best[1] <= SAME_GAUGE else None), best[1]


@lru_cache(maxsize=4096)
def reduced_template(circuit: Circuit, columns: tuple[int, ...], inputs: int) -> Reduced:
    """A template of depth 1 on some of the inputs, in the normal form that gauges are told apart in."""
    W = np.zeros((circuit.network.sizes[1], inputs))
    W[:, list(columns)] = circuit.network.weights[0]
    net = Network([W, *circuit.network.weights[1:]], circuit.network.biases)
    # A box in which all kinks of a template lie.
    return reduce_network(net, as_box((-1.0, 1.0), inputs))


@lru_cache(maxsize=4096)
def template_planes(circuit: Circuit, columns: tuple[int, ...], inputs: int) -> tuple[Array, Array]:
    """The hyperplanes at which a template of depth 1 bends; none for a deeper one."""
    if circuit.depth != 1:
        return np.zeros((0, inputs)), np.zeros(0)
    reduced = reduced_template(circuit, columns, inputs)
    kinked = np.abs(reduced.plus + reduced.minus).max(axis=1, initial=0.0) > 0
    return reduced.n[kinked], reduced.d[kinked]


@lru_cache(maxsize=4096)
def template_heights(circuit: Circuit, columns: tuple[int, ...], inputs: int) -> Array:
    """kappa of the template's normal form, one per kink, first output."""
    reduced = reduced_template(circuit, columns, inputs)
    kappa = (reduced.plus + reduced.minus)[:, 0] / 2
    return np.asarray(kappa[kappa != 0])


@lru_cache(maxsize=4096)
def template_affine(circuit: Circuit, columns: tuple[int, ...], inputs: int) -> Array:
    """The affine part of a depth-1 template's normal form, first output, without its constant."""
    if circuit.depth != 1:
        return np.zeros(inputs)
    reduced = reduced_template(circuit, columns, inputs)
    carried = (reduced.pair + (reduced.plus - reduced.minus) / 2)[:, 0] @ reduced.n
    return np.asarray(reduced.affine[0] + carried)
