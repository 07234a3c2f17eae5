"""Redundancy: found by algebra; a constant goes into the bias behind it."""

from __future__ import annotations

import numpy as np
from made_networks import inflated, points

from mathcircuits.detect import Network
from mathcircuits.models import hand_derived
from mathcircuits.models.compression.redundancy import merged

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
