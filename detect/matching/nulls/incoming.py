"""What goes into a block's neurons, and what their matches turn out to be worth beside a null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...networks.stacks import Stack

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Incoming:
    """What goes into the neurons of one block of stacked networks.

    Attributes:
        weights: [networks, units, m]; biases: [networks, units].
        variables: the activations of the layer below on the probes [networks, n, m]; None in the first layer, whose
            variables are the inputs.
    """

    weights: Array
    biases: Array
    variables: Array | None

    @classmethod
    def of(cls, stack: Stack, block: int, previous: Array | None) -> Incoming:
        """Those of known networks; `previous` as `variables`."""
        return cls(stack.weights[block], stack.biases[block], previous)

    @classmethod
    def fitted(cls, pre: Array, inputs: Array, previous: Array | None) -> Incoming:
        """Those that give the pre-activations [networks, n, units], where the weights are not known.

        Args:
            inputs: [n, d]; previous: as `variables`.
        """
        below = np.broadcast_to(inputs, (len(pre), *inputs.shape)) if previous is None else previous
        ones = np.ones((*below.shape[:2], 1))
        solved = [
            np.linalg.lstsq(columns, values, rcond=None)[0]
            for columns, values in zip(np.concatenate([below, ones], axis=2), pre, strict=True)
        ]
        found = np.stack(solved).transpose(0, 2, 1)
        return cls(found[..., :-1], found[..., -1], previous)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What each neuron's match is worth, arrays [M].

    Attributes:
        p: against the null, the largest over the laws.
        winner: the class that won under that law.
        exact: the chance that a neuron of the null matches the winner's class exactly, the largest over the laws.
        draws: how many draws vouch for p where it is extrapolated; infinite where it is not.
    """

    p: Array
    winner: Indices
    exact: Array
    draws: Array


def largest(parts: Sequence[Evidence]) -> Evidence:
    """The evidence under the law with the largest p, neuron by neuron."""
    worst = np.stack([part.p for part in parts]).argmax(axis=0)
    columns = np.arange(len(worst))
    p, winner, draws = (
        np.stack([getattr(part, name) for part in parts])[worst, columns] for name in ("p", "winner", "draws")
    )
    return Evidence(p, winner, np.max([part.exact for part in parts], axis=0), draws)
