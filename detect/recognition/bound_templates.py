"""Templates of circuits on a choice of arguments, and their kinks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import perm
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..exact.hyperplanes import near_planes
from ..exact.reduced import Reduced, reduce_network
from ..networks.box import Box, as_box, comparison_points
from ..networks.network import Network
from ..statistics.correlation import standardised
from .neuron_names import PROBES
from .templates import Circuit, Circuits

Array = npt.NDArray[np.float64]


#: Choices of arguments of one template, 16 MB of values; 63 ordered pairs of inputs are 3906.
MAX_CHOICES = 4000


class Planes(NamedTuple):
    """Hyperplanes n.x + d = 0: unit normals n [k, inputs], offsets d [k]."""

    n: Array
    d: Array


@dataclass(frozen=True, eq=False)
class BoundCircuit:
    """A circuit on a choice of inputs.

    Attributes:
        circuit: the template; columns: the inputs, counted from 0, that its arguments are.
        inputs: how many there are to choose among.
        values: [n, outputs] at the probes.

    Examples:
        >>> from .templates import circuits
        >>> minimum = BoundCircuit.at(circuits["minimum"], (0, 2), np.zeros((1, 3)))
        >>> (minimum.planes.n * np.sqrt(2)).round(9).tolist(), minimum.affine.tolist()
        ([[1.0, 0.0, -1.0]], [0.5, 0.0, 0.5])
    """

    circuit: Circuit
    columns: tuple[int, ...]
    inputs: int
    values: Array = field(repr=False)

    @classmethod
    def at(cls, circuit: Circuit, columns: tuple[int, ...], X: Array) -> BoundCircuit:
        """The circuit on those columns of the points X [n, inputs]."""
        return cls(circuit, columns, X.shape[1], circuit.values(X[:, list(columns)]))

    @property
    def on(self) -> tuple[str, ...]:
        """The arguments as texts."""
        return tuple(f"x{c + 1}" for c in self.columns)

    @property
    def reduced(self) -> Reduced:
        """The normal form that gauges are told apart in, of a template of depth 1."""
        # In (-1, 1) lie all kinks of a template.
        return reduced_template(self.circuit, self.columns, as_box((-1.0, 1.0), self.inputs))

    @cached_property
    def planes(self) -> Planes:
        """The hyperplanes at which a template of depth 1 bends; none for a deeper one."""
        if self.circuit.depth != 1:
            return Planes(np.zeros((0, self.inputs)), np.zeros(0))
        reduced = self.reduced
        kinked = np.abs(reduced.plus + reduced.minus).max(axis=1, initial=0.0) > 0
        return Planes(reduced.n[kinked], reduced.d[kinked])

    @cached_property
    def heights(self) -> Array:
        """kappa of the normal form of a template of depth 1, one per kink, first output."""
        kappa = (self.reduced.plus + self.reduced.minus)[:, 0] / 2
        return np.asarray(kappa[kappa != 0])

    @cached_property
    def affine(self) -> Array:
        """[inputs] the affine part of the normal form, first output, without its constant; 0 for a deeper one."""
        if self.circuit.depth != 1:
            return np.zeros(self.inputs)
        reduced = self.reduced
        carried = (reduced.pair + (reduced.plus - reduced.minus) / 2)[:, 0] @ reduced.n
        return np.asarray(reduced.affine[0] + carried)

    @property
    def linear(self) -> bool:
        """Whether it is a linear function of depth 1, and not constant."""
        return not len(self.planes.d) and bool(self.affine.any())


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


def bound_circuits(
    known: Circuits, inputs: int, box: Box, columns: Sequence[int] | None = None, *, on_points: bool = False
) -> Templates:
    """The circuits on every choice among `inputs` inputs (or among the given columns), cached.

    Those that are meant on points alone are among them where `on_points` says so.

    Examples:
        >>> from .templates import circuits
        >>> t = bound_circuits(circuits, 2, ((-1.0, 1.0),) * 2)
        >>> [b.on for b in t.single if b.circuit.name in ("minimum", "x1-plus-abs-x2")]
        [('x1', 'x2'), ('x1', 'x2'), ('x2', 'x1')]
    """
    chosen = tuple(range(inputs)) if columns is None else tuple(columns)
    return _bound(tuple(c for c in known.values() if on_points or not c.on_points), box, chosen)


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
            bound = BoundCircuit.at(circuit, choice, X)
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


def placed_network(circuit: Circuit, columns: Sequence[int], inputs: int) -> Network:
    """The circuit's network with the inputs `columns` of `inputs` as its arguments.

    Examples:
        >>> from .templates import circuits
        >>> placed_network(circuits["minimum"], (0, 2), 3).weights[0].tolist()
        [[1.0, 0.0, -1.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]
    """
    net = circuit.network
    first = np.zeros((net.sizes[1], inputs))
    first[:, list(columns)] = net.weights[0]
    return Network([first, *net.weights[1:]], net.biases, net.activations)


@lru_cache(maxsize=4096)
def reduced_template(circuit: Circuit, columns: tuple[int, ...], box: Box) -> Reduced:
    """A template of depth 1 on some inputs of a box, in the normal form that gauges are told apart in.

    Args:
        circuit: the template; columns: the inputs, counted from 0, that its arguments are.
        box: (low, high) of every input.
    """
    return reduce_network(placed_network(circuit, columns, len(box)), box=box)
