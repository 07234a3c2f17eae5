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


def test_a_kink_that_is_split_over_many_neurons_is_held() -> None:
    """An exact 2-13-1 minimum whose kink is split over eleven copies: each costs 1/121 of the kink, all are used."""
    kink, carriers_of = [[1.0, -1.0]] * 11, [[1.0, 0.0], [-1.0, 0.0]]
    net = Network([[*kink, *carriers_of], [[*[-1 / 11] * 11, 1, -1]]])
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    assert net(X)[:, 0] == pytest.approx(X.min(axis=1))
    (own,), (whole,) = carriers([net]), carriers([MINIMUM])
    assert own.held_labels() == whole.held_labels()
    assert ("greaterness", ("x1", "x2")) in own.held_labels()[0]
    assert own.contribution[0, :11] == pytest.approx(whole.contribution[0, 0])
    # Copies that the output does not read are no evidence, together either.
    unread = Network([net.weights[0], [[*[-1e-4] * 11, 1, -1]]])
    assert ("greaterness", ("x1", "x2")) not in carriers([unread])[0].held_labels()[0]
