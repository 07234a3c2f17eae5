"""Circuits on every choice of a network's inputs, with their values at fixed points."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import perm

import numpy as np
import numpy.typing as npt

from .box import Box
from .labels import PROBES, standardised
from .templates import Circuit, Circuits

Array = npt.NDArray[np.float64]

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
    return _bound(tuple(known.values()), inputs, box, chosen)


@lru_cache(maxsize=32)
def _bound(templates: tuple[Circuit, ...], inputs: int, box: Box, columns: tuple[int, ...]) -> Templates:
    low, high = np.array(box).T
    X = np.random.default_rng(0).uniform(low, high, (PROBES, inputs))
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
