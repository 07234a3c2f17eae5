"""Made networks: redundant copies of one function, and the functions whose smallest networks are known."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect import Network, hand_derived

#: Task -> hidden neurons of its smallest network without biases (None where there is none) and with them.
COUNTS = {
    "identity": (2, 1),
    "negation": (2, 1),
    "addition": (2, 1),
    "subtraction": (2, 1),
    "sum-of-3": (2, 1),
    "relu": (1, 1),
    "absolute": (2, 2),
    "absolute-difference": (2, 2),
    "minimum": (3, 2),
    "maximum": (3, 2),
    "x1-plus-abs-x2": (3, 2),
    "clip": (None, 2),
    "taxicab": (4, 3),
    "sort-2": (4, 3),
}


def network_of(name: str) -> Network:
    if name == "taxicab":  # |x1| + |x2|
        return Network([[[1, 0], [-1, 0], [0, 1], [0, -1]], [[1, 1, 1, 1]]])
    return hand_derived(name)


def inflated(network: Network, seed: int, dead: int = 2) -> Network:
    """The same function with every neuron split in two, some dead ones, flips, odd scales, another order."""
    rng = np.random.default_rng(seed)
    weights = [np.array(w) for w in network.weights]
    for k in range(len(weights) - 1):
        w, v = weights[k], weights[k + 1]
        share = rng.uniform(0.2, 0.8, len(w))
        w, v = np.concatenate([w, w]), np.concatenate([v * share, v * (1 - share)], axis=1)
        if not k:
            # relu(z) = z + relu(-z): the first neuron on its other side, and what that leaves as a pair
            side = v[:, :1].copy()
            w = np.concatenate([w, -w[:1], w[:1], -w[:1]])
            v = np.concatenate([v, side, side, -side], axis=1)
            v[:, :1] = 0.0
        if k:  # no activation is ever negative
            w = np.concatenate([w, -rng.uniform(0.1, 1, (dead, w.shape[1]))])
            v = np.concatenate([v, rng.normal(size=(len(v), dead))], axis=1)
        scale = np.exp(rng.normal(size=len(w)))
        order = rng.permutation(len(w))
        weights[k], weights[k + 1] = (w * scale[:, None])[order], (v / scale)[:, order]
    return Network(weights)


def points(network: Network, count: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).uniform(-1, 1, (count, network.inputs))
    return X, network(X)
