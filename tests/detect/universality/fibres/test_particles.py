"""Evidence, read-outs and errors of particles, against integrals and networks."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Network, canonical_form
from mathcircuits.detect.networks import sobol_points
from mathcircuits.detect.universality.fibres.particles import Problem
from mathcircuits.detect.universality.fibres.targets import target_of

MINIMUM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
TWO = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1], [1, 1, -1]]])
CLIP = Network([[[1.0], [1.0]], [[1.0, -1.0]]], [[0.5, -0.5], [-0.5]])


def problem(network: Network, width: int, scale: float, bias: bool = False) -> Problem:
    target = target_of(canonical_form(network), bias)
    return Problem(target, width, np.array([scale] * width + [0.4] * bias))


def test_evidence_is_the_integral_over_read_outs() -> None:
    chosen = problem(MINIMUM, 1, 0.7)
    layers = chosen.start(3, np.random.default_rng(0))
    v = np.linspace(-8, 8, 20_001)
    readouts = np.broadcast_to(v[:, None, None, None], (len(v), 3, 1, 1))
    density = np.exp(-(v**2) / (2 * 0.49)) / np.sqrt(2 * np.pi * 0.49)
    for temperature in (0.02, 0.5):
        inside = np.exp(-chosen.errors(layers, readouts) / (2 * temperature)) * density[:, None]
        expected = np.log(inside.sum(axis=0) * (v[1] - v[0]))
        # The outputs' moments carry a thousandth of the temperature, which adds 1/2000 to every exponent.
        assert chosen.evidence(layers, temperature) == pytest.approx(expected - 0.0005, abs=1e-9)


@pytest.mark.parametrize(
    ("network", "bias"), [(MINIMUM, False), (MINIMUM, True), (TWO, False), (TWO, True), (CLIP, True)]
)
def test_errors_are_those_of_networks(network: Network, bias: bool) -> None:
    chosen = problem(network, 3, 0.7, bias)
    rng = np.random.default_rng(1)
    layers = chosen.start(2, rng)
    readouts = rng.normal(size=(2, 3 + bias, network.outputs))
    X = sobol_points(((-1.0, 1.0),) * network.inputs, 14)
    for W, v, error in zip(layers.W, readouts, chosen.errors(layers, readouts), strict=True):
        hidden = W[:3, : network.inputs]
        biases = [W[:3, -1], v[3]] if bias else None
        difference = Network([hidden, v[:3].T], biases)(X) - network(X)
        assert error == pytest.approx((difference**2).mean(), rel=0.02)


def test_read_outs_have_the_law_that_the_temperature_gives() -> None:
    chosen = problem(TWO, 2, 0.7)
    layers = chosen.start(2, np.random.default_rng(2))
    drawn = chosen.draw(layers, 0.3, 40_000, np.random.default_rng(3))
    assert drawn.shape == (40_000, 2, 2, 2)
    for n in range(2):
        # The logarithm of the density is -v'v / (2 b^2) - (v'K v - 2 v'H) / (2 out temperature).
        precision = np.eye(2) / 0.49 + layers.K[n] / 0.6
        mean = np.linalg.solve(precision, layers.H[n] / 0.6)
        assert drawn[:, n].mean(axis=0) == pytest.approx(mean, abs=0.02)
        for output in range(2):
            assert np.cov(drawn[:, n, :, output].T) == pytest.approx(np.linalg.inv(precision), abs=0.02)


def test_one_neuron_in_place_of_another_changes_its_own_moments_alone() -> None:
    chosen = problem(CLIP, 3, 0.7, bias=True)
    rng = np.random.default_rng(4)
    layers = chosen.start(5, rng)
    changed = chosen.with_neuron(layers, rng.integers(3, size=5), rng.normal(size=(5, 2)))
    afresh = chosen.layers(changed.W)
    assert pytest.approx(afresh.K, abs=1e-14) == changed.K
    assert pytest.approx(afresh.H, abs=1e-14) == changed.H
    assert (changed.W != layers.W).any(axis=2).sum() == 5
