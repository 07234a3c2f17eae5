"""Mirroring: networks seen through a symmetry of their inputs."""

from __future__ import annotations

import numpy as np

from .network import Network
from .task import Symmetry


def mirrored(network: Network, symmetry: Symmetry) -> Network:
    """The network of x -> f(symmetry(x)).

    Examples:
        >>> mirrored(Network([[[1.0, 2.0]]]), Symmetry.parse(["-x2", "x1"])).weights[0].tolist()
        [[2.0, -1.0]]
    """
    if symmetry.permutation == tuple(range(network.inputs)) and min(symmetry.signs) > 0:
        return network
    W = np.zeros_like(network.weights[0])
    W[:, list(symmetry.permutation)] = network.weights[0] * np.array(symmetry.signs)
    return Network([W, *network.weights[1:]], network.biases, network.activations)
