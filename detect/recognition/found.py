"""FoundCircuit: one circuit found in a network, as a row and as text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..features.formulas import Formula
from ..networks.composition import chained, side_by_side
from ..networks.network import Network
from .templates import Circuit

if TYPE_CHECKING:
    pass

Array = npt.NDArray[np.float64]

CIRCUIT_COLUMNS = ("circuit", "on", "output", "form", "gauge", "distance", "certified")


@dataclass(frozen=True, eq=False, repr=False)
class FoundCircuit:
    """A circuit recognised inside a network.

    Attributes:
        circuit: the template, in its first implementation.
        arguments: what its arguments are: inputs, counted from 0, or circuits found one level below.
        scale, offset: the variable is `scale * circuit + offset`.
        output: the variable as a text: `y1` for an output, `layer 1: z1 - z0` for pre-activations.
        form: its formula as this network writes it.
        gauge: the catalogue's name of that implementation, or None.
        distance: of effective weights to the nearest implementation, relative to its largest; NaN where the
            structure is another one.
        certified: substituting the template changes the output by at most this; NaN where not asked for.
        whole: whether it is all of that variable and not a part of a sum.
        level: hidden layers below the variable; final: whether it is an output.
        site: which of the network's places with variables it is at, from the inputs up.
        units: its coefficients over the variables there; values: its values on the templates' points.
    """

    circuit: Circuit
    arguments: tuple[int | FoundCircuit, ...]
    scale: float
    offset: float
    output: str
    form: str
    gauge: str | None
    distance: float
    certified: float
    whole: bool
    level: int
    site: int
    final: bool
    units: Array = field(repr=False)
    values: Array = field(repr=False)

    @property
    def on(self) -> tuple[str, ...]:
        """The arguments as texts."""
        return tuple(f"x{a + 1}" if isinstance(a, int) else a.text for a in self.arguments)

    @property
    def text(self) -> str:
        """The circuit on its arguments, as one formula of the inputs."""
        replaced = {f"x{k + 1}": Formula(text) for k, text in enumerate(self.on)}
        return "; ".join(f.substitute(replaced).text for f in self.circuit.formula)

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
