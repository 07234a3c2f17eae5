"""Redundancy: found by algebra; a constant goes into the bias behind it."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect import Network
from mathcircuits.models import hand_derived
from mathcircuits.models.compression.redundancy import merged


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


# The parts


def test_redundant_neurons_are_found_by_algebra() -> None:
    for name in ("minimum", "minimum-of-4"):
        wide = inflated(hand_derived(name).to_network(), 9)
        X, y = points(wide)
        small, kept = merged(wide, X)
        assert np.abs(small(X) - y).max() < 1e-9
        assert [len(own) for own in kept] == list(small.sizes[1:-1])
        assert sum(small.sizes[1:-1]) < sum(wide.sizes[1:-1]) / 1.5


def test_a_constant_goes_into_the_bias_behind_it() -> None:
    network = Network([[[0.0], [1.0]], [[2.0, 1.0]]], [[3.0, 0.0], [0.5]])
    small, kept = merged(network, np.linspace(-1, 1, 50)[:, None])
    assert kept == [[1]]
    assert np.allclose(small.bias_vectors[1], 6.5)
