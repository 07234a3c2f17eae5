"""What substituting a template changes: the whole, a part, and what has no certificate."""

from __future__ import annotations

import math

import numpy as np

from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.search import recognise
from mathcircuits.detect.recognition.templates import circuits

SQUARE = ((-1.0, 1.0),) * 2


def test_a_variable_that_is_off_by_a_little_costs_that_little() -> None:
    off = 1e-3
    network = Network([[[1, -1], [1, 0], [-1, 0]], [[-1 + off, 1, -1]]])
    (found,) = recognise(network, SQUARE, circuits)
    assert found.circuit.name == "minimum"
    # Off by relu(x1 - x2) / 1000, at most 2 in the box, beside what the fitted scale takes up.
    assert 0 < found.certified <= 3 * off


def test_a_part_of_a_sum_is_turned_onto_its_own_hyperplanes() -> None:
    turn = 1e-3
    W = np.array([[1, -1, 0, 0], [1, 0, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, -1, 0]], dtype=float)
    W[0, 2] = turn
    found = recognise(Network([W, [[-1, 1, -1, 1, 1]]]), ((-1.0, 1.0),) * 4, circuits)
    (minimum,) = [f for f in found if f.circuit.name == "minimum"]
    assert not minimum.whole
    assert turn / 2 < minimum.certified < 4 * turn


def test_inside_a_network_with_leaky_layers_nothing_is_certified() -> None:
    # Two variables of a first layer of ReLUs: a minimum, and x3 beside a kink that is no circuit; then a leak.
    first = np.zeros((6, 4))
    first[0, :2], first[1, 0], first[2, 0] = (1, -1), 1, -1
    first[3, 2], first[4, 2], first[5, 3] = 1, -1, 1
    second = [[-1, 1, -1, 0, 0, 0], [0, 0, 0, 1, -1, 1]]
    biases = [[0, 0, 0, 0, 0, 0.3], [0.0, 0.0], [0.0]]
    for slope, certain in (("relu", True), ("leaky_relu(0.25)", False)):
        network = Network([first, second, [[1.0, 0.5]]], biases, ["relu", slope])
        inside = [f for f in recognise(network, ((-1.0, 1.0),) * 4, circuits) if not f.final]
        assert {f.whole for f in inside} == {True, False}
        assert all(math.isfinite(f.certified) == certain for f in inside)
