"""The path norm of a network: what weight decay penalises, whatever the scales of its neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...networks.network import HasNetwork, Network, as_network
from .problem import BIASES

if TYPE_CHECKING:
    from .problem import Biases


def path_norm(network: Network | HasNetwork, *, biases: Biases = "free") -> float:
    """The sum over hidden neurons of |outgoing weights| |incoming weights|, in Euclidean lengths.

    With one hidden layer of ReLUs it is half the least sum of squares of the weights over all positive rescalings of
    the neurons, and so what weight decay comes to (Neyshabur et al. 2015, In search of the real inductive bias). In
    deeper networks it is the same sum over paths, with absolute values of the weights between hidden neurons: unchanged
    by rescaling too, but no such minimum.

    Args:
        network: a Network or anything with `to_network()`, with at least one hidden layer.
        biases: "penalised" to take each neuron's bias as one more incoming weight and to add half the sum of squares of
            the outputs' biases, as decay of all parameters does; else ("free", "none") they cost nothing.

    Raises:
        InputError: for a network without a hidden layer, or an unknown `biases`.

    Examples:
        >>> path_norm(Network([[[3.0, 4.0]], [[2.0]]])), path_norm(Network([[[30.0, 40.0]], [[0.2]]]))
        (10.0, 10.0)
        >>> path_norm(Network([[[3.0]], [[2.0]]], [[4.0], [1.0]]), biases="penalised")
        10.5
    """
    net = as_network(network)
    if biases not in BIASES:
        raise InputError(f"biases {biases!r}: give one of {', '.join(BIASES)}")
    if len(net.weights) < 2:
        raise InputError(f"{net!r} has no hidden neurons: a path norm is of a network that has")
    given = biases == "penalised" and net.biases is not None
    bias = [np.zeros(len(w)) for w in net.weights] if not given or net.biases is None else list(net.biases)
    paths = np.linalg.norm(np.column_stack([net.weights[0], bias[0]]), axis=1)
    for weights, own in zip(net.weights[1:-1], bias[1:-1], strict=True):
        paths = np.abs(weights) @ paths + np.abs(own)
    return float(np.linalg.norm(net.weights[-1], axis=0) @ paths + bias[-1] @ bias[-1] / 2)
