"""Hand-derived networks as MLPs (Osier, Mathematical Circuits in Neural Networks, 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathcircuits.detect import hand_derived as plain
from mathcircuits.detect import tasks as tasks

if TYPE_CHECKING:
    from .config import DType
    from .mlp import MLP


def hand_derived(name: str, dtype: DType = "float64") -> MLP:
    """The network that a person derived for a function, weights of 1 and -1 and the like.

    Args:
        name: a circuit's name or alias (`"minimum"`, `"final reconstructor"`, `"minimum-older-form"`),
            or the name or alias of a task that has one (`"min"`).
        dtype: `"float64"` or `"float32"`; the weights are exact in both.

    Raises:
        UnknownNameError: where none is known by that name; its message names the near ones.

    Examples:
        >>> net = hand_derived("minimum")
        >>> net, net([[0.25, 0.5], [0.5, -0.5]]).ravel().tolist()
        (MLP(2-3-1, relu, no bias, float64), [0.25, -0.5])
        >>> hand_derived("minimun")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no hand-derived network named 'minimun':
        did you mean 'minimum'? (known: ...)
    """
    from .mlp import MLP

    return MLP.from_network(plain(name), dtype)
