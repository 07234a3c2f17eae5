"""Holders: which neurons hold a feature, at their own scale, in many networks at once."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Network, hand_derived
from mathcircuits.detect.universality.holders import by_architecture, carriers

MINIMUM = hand_derived("minimum")


# --- carriers ---


def test_the_coordinate_is_the_neuron_s_own_scale() -> None:
    (own,) = carriers([Network([[[3, -3], [1, 0], [-1, 0]], [[-1 / 3, 1, -1]]])])
    k = own.labels.index(("greaterness", ("x1", "x2")))
    assert own.coordinate(0, 0, k) == pytest.approx((3, 0), abs=1e-9)
    assert own.unexplained[0, 0, k] == pytest.approx(0, abs=1e-12)
    assert own.used.tolist() == [[True, True, True]]


def test_dead_linear_and_unused_neurons_hold_nothing() -> None:
    dead_linear_unused = Network([[[-1, -1], [1, 0], [0, 1], [1, -1]], [[1, 1, 0, 1]]], [[-5, 5, 0, 0], None])
    (own,) = carriers([dead_linear_unused])
    assert own.candidate.tolist() == [[False, False, True, True]]
    assert own.used.tolist() == [[False, False, False, True]]
    assert own.held_labels() == [{("greaterness", ("x1", "x2"))}]


def test_many_networks_are_read_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    nets = [Network([rng.normal(size=(5, 2)), rng.normal(size=(1, 5))]) for _ in range(7)]
    (together,) = carriers(nets)
    for k, net in enumerate(nets):
        (alone,) = carriers([net])
        assert np.allclose(together.r[k], alone.r[0])
        assert np.allclose(together.contribution[k], alone.contribution[0])
    assert by_architecture([nets[0], None, MINIMUM, nets[1]])[nets[0].architecture] == [0, 3]
