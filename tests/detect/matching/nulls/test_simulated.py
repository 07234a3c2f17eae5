"""Untrained neurons that are drawn for a null: scored as the neurons in question are, in fewer steps."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from mathcircuits.detect.matching.correlations import box_bounds, live_and_bent, unit_vectors
from mathcircuits.detect.matching.nulls.neuron_nulls import scores_of
from mathcircuits.detect.matching.nulls.simulated import simulate
from mathcircuits.detect.matching.probes import Probes, probes_for
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained


def scored_plainly(shape: Architecture, block: int, probes: Probes, networks: int) -> np.ndarray:
    """The same draws, scored as `read_block` scores neurons."""
    rng = np.random.default_rng([7, block, zlib.crc32(b"uniform")])
    stack = untrained(shape, networks, "uniform", rng)
    forward = stack.forward(probes.X)
    pre, post = forward.pre[block], forward.post[block]
    bounds = box_bounds(stack.weights[0], stack.biases[0], probes) if block == 0 else None
    live, bent = live_and_bent(pre, post, shape.activations[block], bounds)
    _, sd, unit = unit_vectors(post)
    previous = forward.post[block - 1] if block else None
    scores = scores_of(unit, previous, shape, block, live & (sd > 0), bent, probes)
    return scores.unexplained[scores.live & scores.bent]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu(0.1)", "tanh", "relu6"])
@pytest.mark.parametrize("bias", [True, False])
def test_first_layers_are_scored_as_neurons_are(activation: str, bias: bool) -> None:
    probes = probes_for(2)
    shape = Architecture((2, 1, 1), (activation,), (bias, False))
    found = np.concatenate(list(simulate(shape, 0, "uniform", probes, 7, neurons=600)))
    wide = Architecture((2, 600, 1), (activation,), (bias, False))
    np.testing.assert_allclose(found, scored_plainly(wide, 0, probes, 1), atol=1e-11)
    assert found.shape[0] > 300


@pytest.mark.parametrize(("widths", "upstream"), [((4,), True), ((9,), False), ((4, 3), True)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_deeper_layers_are_scored_as_neurons_are(
    widths: tuple[int, ...], upstream: bool, activation: str
) -> None:
    block, probes = len(widths), probes_for(2, depth=2)
    layers = block + 1
    shape = Architecture((2, *widths, 8, 1), (activation,) * layers, (True,) * layers + (False,))
    found = np.concatenate(list(simulate(shape, block, "uniform", probes, 7, neurons=400)))
    assert found.shape[1] == len(probes.classes) + upstream
    np.testing.assert_allclose(found, scored_plainly(shape, block, probes, 50), atol=1e-11)


def test_layers_on_given_inputs_go_by_those_inputs_alone() -> None:
    X = np.random.default_rng(0).uniform(0.5, 1.0, (200, 2))
    probes = probes_for(2, X=X)
    shape = Architecture((2, 1, 1), ("relu",), (True, False))
    found = np.concatenate(list(simulate(shape, 0, "uniform", probes, 7, neurons=600)))
    wide = Architecture((2, 600, 1), ("relu",), (True, False))
    np.testing.assert_allclose(found, scored_plainly(wide, 0, probes, 1), atol=1e-11)
