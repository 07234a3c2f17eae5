"""Stacks of networks as rows of parameters and back, for those who solve equations in all parameters at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .stacks import Stack

Array = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]


class ParameterLayout:
    """Where a network's parameters lie in one row: layer by layer, weights row by row, then the bias.

    Args:
        architecture: the shape.

    Attributes:
        weights: per linear layer the columns of its weights [out, in].
        biases: per linear layer the columns of its bias [out], or None.
        places: per hidden layer the columns of every unit's incoming weights and bias [unit, fan in (+ 1)], and of its
            outgoing weights [unit, fan out].

    Examples:
        >>> layout = ParameterLayout(Architecture((1, 2, 1), ("relu",), (True, False)))
        >>> layout.weights[0].tolist(), layout.biases[0].tolist(), layout.weights[1].tolist()
        ([[0], [1]], [2, 3], [[4, 5]])
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture, self.size = architecture, architecture.parameters
        self.weights: list[Columns] = []
        self.biases: list[Columns | None] = []
        layers = zip(
            architecture.offsets,
            architecture.sizes[:-1],
            architecture.sizes[1:],
            architecture.bias,
            strict=False,
        )
        for start, inputs, outputs, has_bias in layers:
            end = start + outputs * inputs
            self.weights.append(np.arange(start, end).reshape(outputs, inputs))
            self.biases.append(np.arange(end, end + outputs) if has_bias else None)
        self.places = [
            (w if b is None else np.hstack([w, b[:, None]]), after.T)
            for w, b, after in zip(self.weights[:-1], self.biases[:-1], self.weights[1:], strict=True)
        ]

    def joined(self, stack: Stack) -> Array:
        """All parameters [net, size]."""
        p = np.empty((len(stack), self.size))
        for columns, w in zip(self.weights, stack.weights, strict=True):
            p[:, columns] = w
        for own, b in zip(self.biases, stack.biases, strict=True):
            if own is not None:
                p[:, own] = b
        return p

    def split(self, p: Array) -> tuple[list[Array], list[Array | None]]:
        """Weights [net, out, in] and biases [net, out] (None where a layer has none) of a row each."""
        return [p[:, w] for w in self.weights], [None if b is None else p[:, b] for b in self.biases]

    def neurons(self, p: Array) -> list[tuple[Array, Array]]:
        """Per hidden layer every unit's incoming weights with its bias, and its outgoing ones [net, unit, fan]."""
        return [(p[:, into], p[:, out]) for into, out in self.places]

    def stack(self, p: Array) -> Stack:
        """The networks of these rows."""
        weights, biases = self.split(p)
        zeros = [np.zeros((len(p), w.shape[1])) for w in weights]
        vectors = (zero if b is None else b for b, zero in zip(biases, zeros, strict=True))
        return Stack(self.architecture, tuple(weights), tuple(vectors))
