"""Padding, joining and chaining keep the functions."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect.features.task import hand_derived
from mathcircuits.detect.networks.composition import chained, padded, side_by_side
from mathcircuits.detect.networks.network import Network

# Putting networks together


def test_padding_joining_and_chaining_keep_the_functions() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (50, 2))
    f = Network([rng.normal(size=(4, 2)), rng.normal(size=(2, 4))], [rng.normal(size=4), rng.normal(size=2)])
    g = hand_derived("minimum-older-form")
    line = Network(rng.normal(size=(1, 2, 2)))
    for depth in (1, 2, 3):
        assert np.allclose(padded(f, depth)(X), f(X))
        assert len(padded(f, depth).activations) == depth
    joined = side_by_side([f, g, line])
    assert np.allclose(joined(X), np.concatenate([f(X), g(X), line(X)], axis=1))
    assert np.allclose(chained(f, g)(X), g(f(X)))
    assert np.allclose(chained(line, f)(X), f(line(X)))
    assert np.allclose(side_by_side([line, line])(X), np.tile(line(X), 2))
