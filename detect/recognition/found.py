"""FoundCircuit: one circuit found in a network, as a row and as text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..features.formulas import Formula
from ..features.printing import linear_text
from ..features.rationals import simple
from ..networks.composition import chained, side_by_side
from ..networks.network import Network
from ..statistics.criteria import EQUAL
from .gauges import NearestGauge
from .templates import Circuit
from .variables import Site, Trace, Variable

Array = npt.NDArray[np.float64]

CIRCUIT_COLUMNS = ("circuit", "on", "output", "form", "gauge", "distance", "certified")


@dataclass(frozen=True, eq=False, repr=False)
class FoundCircuit:
    """A circuit recognised inside a network.

    Attributes:
        circuit: the template, in its first implementation.
        arguments: what its arguments are: inputs, counted from 0, or circuits found one level below.
        scale, offset: the variable is `scale * circuit + offset`.
        variable: where it is in the network.
        whole: whether it is all of that variable and not a part of a sum.
        form: its formula as this network writes it.
        gauge: the catalogue's name of that implementation, or None.
        distance: of effective weights to the nearest implementation, relative to its largest; NaN where the
            structure is another one.
        certified: substituting the template changes the output by at most this; NaN where not asked for.
    """

    circuit: Circuit
    arguments: tuple[int | FoundCircuit, ...]
    scale: float
    offset: float
    variable: Variable
    whole: bool = True
    form: str = ""
    gauge: str | None = None
    distance: float = math.nan
    certified: float = math.nan

    @classmethod
    def unwritten(
        cls,
        circuit: Circuit,
        arguments: tuple[int | FoundCircuit, ...],
        variable: Variable,
        scale: float,
        offset: float = 0.0,
        *,
        whole: bool = True,
    ) -> FoundCircuit:
        """A record that does not say yet how the network writes the circuit: its form is the template's."""
        found = cls(circuit, arguments, scale, offset, variable, whole)
        return replace(found, form=_scaled_text(found.text, scale, offset))

    def written(self, form: str, nearest: NearestGauge) -> FoundCircuit:
        """The record with how the network writes the circuit."""
        return replace(self, form=form, gauge=nearest.name, distance=nearest.distance)

    @property
    def site(self) -> Site:
        """The network's place with variables that it is at."""
        return self.variable.site

    @property
    def level(self) -> int:
        """Hidden layers below the variable."""
        return self.site.level

    @property
    def final(self) -> bool:
        """Whether the variable is an output."""
        return self.site.final

    @property
    def units(self) -> Array:
        """[u] or [k, u] the variable's coefficients over those at its site."""
        return self.variable.units

    @property
    def output(self) -> str:
        """The variable as a text: `y1` for an output, `layer 1: z1 - z0` for pre-activations."""
        return ("" if self.whole else "part of ") + self.site.label(self.units)

    @property
    def on(self) -> tuple[str, ...]:
        """The arguments as texts."""
        return tuple(f"x{a + 1}" if isinstance(a, int) else a.text for a in self.arguments)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Those of its arguments that are the network's inputs, counted from 0."""
        return tuple(a for a in self.arguments if isinstance(a, int))

    @property
    def of_inputs(self) -> bool:
        """Whether all of its arguments are inputs."""
        return len(self.inputs) == len(self.arguments)

    @property
    def text(self) -> str:
        """The circuit on its arguments, as one formula of the inputs."""
        replaced = {f"x{k + 1}": Formula(text) for k, text in enumerate(self.on)}
        return "; ".join(f.substitute(replaced).text for f in self.circuit.formula)

    @property
    def plain(self) -> Array:
        """The circuit's values as the network has them, without scale and offset."""
        return np.asarray((self.variable.values - self.offset) / self.scale)

    def at(self, trace: Trace) -> Array:
        """[n] its values at a trace's points; arguments that are circuits have the values that the network has."""
        columns = [trace.X[:, a] if isinstance(a, int) else a.plain for a in self.arguments]
        return np.asarray(self.scale * self.circuit.values(np.column_stack(columns))[:, 0] + self.offset)

    @property
    def is_input(self) -> bool:
        """Whether it is the identity of an input."""
        return self.circuit.name == "identity" and self.of_inputs

    @property
    def as_argument(self) -> int | FoundCircuit:
        """What a circuit of it has as its argument: an identity of an input is that input."""
        return self.inputs[0] if self.is_input else self

    def to_network(self, inputs: int) -> Network:
        """The templates put together: `scale * circuit(arguments) + offset` of the network's inputs.

        Args:
            inputs: the number of the network's inputs.
        """
        below = []
        for a in self.arguments:
            if isinstance(a, int):
                row = np.zeros((1, inputs))
                row[0, a] = 1.0
                below.append(Network([row]))
            else:
                below.append(replace(a, scale=1.0, offset=0.0).to_network(inputs))
        joined = chained(side_by_side(below), self.circuit.network)
        weights = [*joined.weights[:-1], self.scale * joined.weights[-1]]
        if joined.biases is None and not self.offset:
            return Network(weights)
        b = joined.bias_vectors
        return Network(weights, [*b[:-1], self.scale * b[-1] + self.offset])

    def __repr__(self) -> str:
        return f"FoundCircuit({self.circuit.name}({', '.join(self.on)}) at {self.output})"


class Fit(NamedTuple):
    """A variable is `scale * template + offset`."""

    scale: float
    offset: float


def simple_fit(template: Array, values: Array) -> Fit:
    """Scale and offset by least squares, as simple rationals where the fit is no worse for it.

    Examples:
        >>> t = np.array([0.0, 1.0, 3.0])
        >>> simple_fit(t, -t / 2 + 1)
        Fit(scale=-0.5, offset=1.0)
    """
    centre = template.mean()
    T, Y = template - centre, values - values.mean()
    scale = float(T @ Y / (T @ T))
    off = float(np.std(Y - scale * T))
    spread = float(T.std())
    scale = simple(scale, 3 * off / (spread * max(1.0, abs(scale))) + EQUAL)
    offset = simple(float(values.mean() - scale * centre), 3 * off + EQUAL)
    return Fit(scale, offset)


class BuiltOf(NamedTuple):
    """One circuit below an output, as what is built of it: level, name, gauge."""

    level: int
    circuit: str
    gauge: str | None


def signature(found: Iterable[FoundCircuit]) -> tuple[BuiltOf, ...]:
    """What a network's outputs are built of: all that is found but the outputs as circuits of the inputs."""
    kept = [f for f in found if not (f.final and f.of_inputs)]
    return tuple(sorted((BuiltOf(f.level, f.circuit.name, f.gauge) for f in kept), key=repr))


def _scaled_text(text: str, scale: float, offset: float) -> str:
    if scale == 1 and not offset:
        return text
    pieces = [bracketed(piece.strip()) for piece in text.split(";")]
    return "; ".join(linear_text([scale], [piece], offset) for piece in pieces)


def bracketed(text: str) -> str:
    """The text, in brackets where a factor before it would bind tighter than what is in it.

    Examples:
        >>> bracketed("x1 - x2"), bracketed("min(x1, x2)")
        ('(x1 - x2)', 'min(x1, x2)')
    """
    return f"({text})" if Formula(text).root.kind in ("+", "-", "neg") else text
