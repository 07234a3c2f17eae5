"""Circuits of circuits: every template on every choice of what was recognised one level below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import perm

import numpy as np
import numpy.typing as npt

from ..exact.reduced import Reduced, reduce_arrays
from ..statistics.correlation import standardised
from ..statistics.criteria import TINY
from .bound_templates import MAX_CHOICES
from .criteria import HEARD, SAME_FUNCTION, WRITTEN
from .found import FoundCircuit, bracketed, simple_fit
from .gauges import nearest_gauge
from .templates import Circuit, Circuits
from .variables import Trace, Variable

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Composition:
    """A circuit on a choice of circuits found one level below."""

    circuit: Circuit
    arguments: tuple[FoundCircuit, ...]

    @property
    def points(self) -> Array:
        """[n, arity] the arguments' values as the network has them."""
        return np.column_stack([a.plain for a in self.arguments])

    @property
    def values(self) -> Array:
        """[n] the circuit's values on them."""
        return self.circuit.values(self.points)[:, 0]


@dataclass(frozen=True, eq=False)
class Compositions:
    """All compositions of a level.

    Attributes:
        options: each of them; table: [n, options] their values, centred and of unit length.
    """

    options: tuple[Composition, ...]
    table: Array

    @classmethod
    def of(cls, known: Circuits, below: Sequence[FoundCircuit]) -> Compositions:
        """Every circuit of depth 1 and one output on every choice of `below`, circuits found at one site.

        Circuits of inputs alone are left out: they are compared as such.
        """
        options = []
        for circuit in known.values():
            too_many = perm(len(below), circuit.arity) > (1 + len(circuit.symmetry)) * MAX_CHOICES
            if circuit.depth > 1 or circuit.outputs > 1 or circuit.on_points or too_many:
                continue
            for choice in permutations(range(len(below)), circuit.arity):
                arguments = tuple(below[k] for k in choice)
                again = any(tuple(choice[k] for k in order) < choice for order in circuit.symmetry)
                if not again and not all(a.is_input for a in arguments):
                    options.append(Composition(circuit, arguments))
        points = len(below[0].variable.values) if below else 0
        table = np.column_stack([o.values for o in options]) if options else np.zeros((points, 0))
        return cls(tuple(options), standardised(table))

    def fitting(self, unit: Array) -> list[Composition]:
        """The compositions that unit values [n] are, up to scale and offset, the nearest first."""
        r = unit @ self.table
        hits = np.flatnonzero(1 - r * r <= SAME_FUNCTION).tolist()
        # As for circuits of the inputs: the nearest, a positive one, the catalogue's order.
        hits.sort(key=lambda k: (round(float(1 - r[k] ** 2), 7), bool(r[k] < 0), k))
        return [self.options[k] for k in hits]


def composed(
    trace: Trace, compositions: Compositions, variable: Variable, unit: Array
) -> FoundCircuit | None:
    """A variable as the nearest circuit of what was recognised one level below.

    Args:
        trace: the network's; variable: behind its second hidden layer or deeper.
        compositions: of the circuits at the last site below; unit: [n] the variable's values, standardised.
    """
    fitting = compositions.fitting(unit)
    return written_composition(trace, fitting[0], variable) if fitting else None


def written_composition(trace: Trace, composition: Composition, variable: Variable) -> FoundCircuit:
    """The record of a variable that is a composition, with its form and gauge where the layer is a function of it.

    Args:
        trace: the network's; variable: behind its second hidden layer or deeper.
    """
    fit = simple_fit(composition.values, variable.values)
    arguments = tuple(a.as_argument for a in composition.arguments)
    found = FoundCircuit.unwritten(composition.circuit, arguments, variable, *fit)
    local = _reduced_in(trace, variable, composition.points)
    if local is None:
        return found
    names = [bracketed(text) for text in found.on]
    gauge = nearest_gauge(local, composition.circuit, range(len(arguments)), fit.scale)
    return found.written(local.text(names, digits=WRITTEN), gauge)


def _reduced_in(trace: Trace, variable: Variable, U: Array) -> Reduced | None:
    """The last hidden layer below a variable as a function of U [n, r]; None where it is not one."""
    site = variable.site
    V = variable.units @ site.M
    pre, post = trace.pre[site.level - 1], trace.post[site.level]
    heard = np.abs(V) * post.std(axis=0)
    used = heard > HEARD * max(float(heard.max()), TINY)
    design = np.column_stack([U, np.ones(len(U))])
    fit, *_ = np.linalg.lstsq(design, pre[:, used], rcond=None)
    rest = pre[:, used] - design @ fit
    if (rest.var(axis=0) > SAME_FUNCTION * pre[:, used].var(axis=0)).any():
        return None
    box = tuple((float(low), float(high)) for low, high in zip(U.min(axis=0), U.max(axis=0), strict=True))
    slope = np.full(int(used.sum()), trace.folded.slopes[site.level - 1])
    constant = np.array([variable.units @ site.m])
    matrix, shift = np.asarray(fit[:-1].T, dtype=np.float64), np.asarray(fit[-1], dtype=np.float64)
    return reduce_arrays(matrix, shift, slope, V[None, used], constant, box)
