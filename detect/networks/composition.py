"""Networks put together from others: padded to a depth, side by side, one behind the other, scales moved downstream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .network import Network

Array = npt.NDArray[np.float64]


def padded(network: Network, depth: int) -> Network:
    """The same function with `depth` hidden layers: each value is carried by a pair relu(z), relu(-z).

    Examples:
        >>> padded(Network([[[2.0]]]), 2)
        Network(1-2-2-1, relu, no bias)
    """
    weights, biases = list(network.weights), list(network.bias_vectors)
    for _ in range(depth - len(network.activations)):
        W, b = weights.pop(), biases.pop()
        eye = np.eye(len(W))
        weights += [np.concatenate([W, -W]), np.concatenate([eye, -eye], axis=1)]
        biases += [np.concatenate([b, -b]), np.zeros(len(W))]
    return Network(weights, biases if network.biases is not None else None)


def side_by_side(networks: Sequence[Network]) -> Network:
    """Networks of the same inputs as one, their outputs one after the other, padded to one depth.

    Examples:
        >>> side_by_side([Network([[[1.0]]]), Network([[[1.0]], [[2.0]]])])([[3.0]]).tolist()
        [[3.0, 6.0]]
    """
    depth = max(len(n.activations) for n in networks)
    parts = [padded(n, depth) for n in networks]
    weights = [np.concatenate([p.weights[0] for p in parts])]
    for k in range(1, depth + 1):
        shapes = [p.weights[k].shape for p in parts]
        block = np.zeros((sum(s[0] for s in shapes), sum(s[1] for s in shapes)))
        row = column = 0
        for p, (r, c) in zip(parts, shapes, strict=True):
            block[row : row + r, column : column + c] = p.weights[k]
            row, column = row + r, column + c
        weights.append(block)
    if depth == 0:
        weights = [np.concatenate([p.weights[0] for p in parts])]
    biases = [np.concatenate([p.bias_vectors[k] for p in parts]) for k in range(depth + 1)]
    return Network(weights, biases if any(p.biases is not None for p in parts) else None)


def chained(first: Network, then: Network) -> Network:
    """The network of `then(first(x))`: the read-out of one and the first layer of the other multiplied out."""
    W, b = then.weights[0], then.bias_vectors[0]
    weights = (*first.weights[:-1], W @ first.weights[-1], *then.weights[1:])
    biases = (*first.bias_vectors[:-1], W @ first.bias_vectors[-1] + b, *then.bias_vectors[1:])
    plain = first.biases is None and then.biases is None
    return Network(weights, None if plain else biases)


def scaled_downstream(network: Network) -> tuple[list[Array], list[Array]]:
    """Weights and biases with each ReLU neuron's positive scale pushed downstream: its largest weight is then 1 or -1.

    Examples:
        >>> weights, biases = scaled_downstream(Network([[[2.0, -4.0]], [[3.0]]]))
        >>> weights[0].tolist(), weights[1].tolist(), biases[0].tolist()
        ([[0.5, -1.0]], [[12.0]], [0.0])
    """
    weights = [w.copy() for w in network.weights]
    biases = [b.copy() for b in network.bias_vectors]
    for k, name in enumerate(network.activations):
        if name != "relu":
            continue
        scale = np.abs(weights[k]).max(axis=1)
        scale = np.where(scale > 0, scale, 1.0)
        weights[k] /= scale[:, None]
        biases[k] /= scale
        weights[k + 1] = weights[k + 1] * scale
    return weights, biases
