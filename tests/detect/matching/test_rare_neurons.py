"""Neurons that act in a corner: moments and effects against integrals, at few and many inputs."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

from mathcircuits.detect import Network, analyse
from mathcircuits.detect.matching.rare_neurons import rare_neuron


@pytest.mark.parametrize("inputs", [1, 2, 4, 10, 40])
@pytest.mark.parametrize("slope", [1.0, -3.0])
def test_moments_in_a_corner_are_the_integrals(inputs: int, slope: float) -> None:
    # relu(sum(x) - (d - e)) lives on a simplex of edge e: its powers integrate to k! e^(d + k) / (d + k)!.
    edge = 0.1
    neuron = rare_neuron(
        np.full(inputs, slope), -abs(slope) * (inputs - edge), "relu", ((-1.0, 1.0),) * inputs
    )
    first, second = (
        factorial(k) * edge ** (inputs + k) / factorial(inputs + k) * abs(slope) ** k / 2.0**inputs
        for k in (1, 2)
    )
    assert neuron.mean == pytest.approx(first, rel=0.15)
    assert neuron.sd == pytest.approx(np.sqrt(second - first**2), rel=0.1)
    assert 0.2 < (neuron.values > 0).mean() < 0.8


def test_boxes_of_other_sides_and_inputs_without_weight() -> None:
    # relu(2 x1 - 19.8) on [0, 10] x [5, 6]: 0.01 of the box, mean 0.2 / 2 there.
    neuron = rare_neuron(np.array([2.0, 0.0]), -19.8, "relu", ((0.0, 10.0), (5.0, 6.0)))
    assert neuron.mean == pytest.approx(0.01 * 0.1, rel=0.1)
    assert neuron.X[:, 0].min() >= 0.0
    assert neuron.X[:, 0].max() <= 10.0
    assert neuron.X[:, 1].mean() == pytest.approx(5.5, abs=0.05)


def test_a_neuron_in_a_corner_is_neither_constant_nor_without_effect() -> None:
    # A spike of height 50 on three inputs, beside a plain comparison whose variance is about 0.2.
    spike = Network([[[1, 1, 1], [1, -1, 0]], [[2000.0, 1.0]]], [[-2.975, 0.0], None])
    found = analyse(spike, init="uniform").neurons
    row = found.iloc[0]
    assert row["feature"] != "constant"
    assert row["status"] == "unmatched"
    assert 0.0 < row["unexplained"] < 1.0
    edge = 0.025
    square = 2000.0**2 * 2 * edge**5 / factorial(5) / 8
    plain = Network([[[1, -1, 0]], [[1.0]]], [[0.0], None])
    variance = plain(np.random.default_rng(0).uniform(-1, 1, (200_000, 3))).var()
    assert row["contribution"] == pytest.approx(square / (square + variance), rel=0.15)
    alone = analyse(plain, init="uniform").neurons
    assert found.iloc[1]["feature"] == alone.iloc[0]["feature"] == "greaterness"
    assert found.iloc[1]["p"] == alone.iloc[0]["p"]


def test_a_rare_neuron_below_other_layers_and_one_that_nothing_reads() -> None:
    w = [[1.0, 1.0], [1.0, -1.0]]
    deep = Network([w, [[5.0, 1.0]], [[1.0]]], [[-1.99, 0.0], [0.0], None])
    assert 0.0 < analyse(deep, init="uniform").neurons.iloc[0]["contribution"] < 1e-3
    unread = Network([w, [[0.0, 1.0]]], [[-1.99, 0.0], None])
    assert analyse(unread, init="uniform").neurons.iloc[0]["contribution"] == 0.0


@pytest.mark.parametrize("inputs", [2, 3, 8, 20])
def test_a_deep_neuron_in_a_corner_is_found_where_it_acts(inputs: int) -> None:
    # relu(sum(relu(x + 1)) - (2 d - e)) is the first layer's corner, one layer later.
    edge = 0.05
    first = np.vstack([np.eye(inputs), np.eye(inputs)[0]])
    second = np.vstack([[*np.ones(inputs), 0.0], [*np.zeros(inputs), 1.0]])
    network = Network([first, second, [[3.0, 1.0]]], [np.ones(inputs + 1), [edge - 2 * inputs, 0.0], None])
    frame = analyse(network, init="uniform").neurons.query("layer == 1")
    row = frame.iloc[0]
    assert row["status"] == "unmatched"
    assert row["feature"] != "constant"
    square = 9 * 2 * edge ** (inputs + 2) / factorial(inputs + 2) / 2.0**inputs
    # The other neuron is x1 + 1, of variance 1/3.
    assert row["contribution"] == pytest.approx(square / (square + 1 / 3), rel=0.25)
    assert np.isnan(row["p"])


def test_a_deep_neuron_that_never_acts_stays_dead() -> None:
    # relu(x1) + relu(-x1) <= 1 < 1.5, which bounds layer by layer do not see.
    network = Network([[[1.0], [-1.0]], [[1.0, 1.0], [1.0, 0.0]], [[1.0, 1.0]]], [[0, 0], [-1.5, 0.0], None])
    row = analyse(network, init="uniform").neurons.query("layer == 1").iloc[0]
    assert (row["status"], row["feature"], row["contribution"]) == ("dead", "constant", 0.0)


def test_an_output_that_is_silent_elsewhere_is_all_the_rare_neurons() -> None:
    only = analyse(Network([[[1.0, 1.0]], [[1.0]]], [[-1.99], None]), init="uniform").neurons.iloc[0]
    assert only["contribution"] == 1.0
