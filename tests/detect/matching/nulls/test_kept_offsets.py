"""Null networks keep offsets and scales, point in the law's directions, and do not depend on the gauge."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.matching.nulls.kept_offsets import lengths, nearest_point, redrawn
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack


def drawn(sizes: tuple[int, ...], activation: str = "relu", count: int = 4, seed: int = 0) -> Stack:
    hidden = len(sizes) - 2
    shape = Architecture(sizes, (activation,) * hidden, (True,) * (hidden + 1))
    return untrained(shape, count, "uniform", np.random.default_rng(seed))


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_every_layer_keeps_its_offsets_and_the_read_out_its_masses(law: str) -> None:
    stack = drawn((3, 5, 4, 2))
    null = redrawn(stack, 3, law, np.random.default_rng(1))
    assert len(null) == 12
    for block in (0, 1):
        own = np.repeat(stack.biases[block] / lengths(stack)[block], 3, axis=0)
        np.testing.assert_allclose(null.biases[block] / lengths(null)[block], own)
    own = np.repeat(stack.weights[2] * lengths(stack)[1][:, None, :], 3, axis=0)
    np.testing.assert_allclose(null.weights[2] * lengths(null)[1][:, None, :], own)
    assert not np.allclose(null.weights[0][0], null.weights[0][1])


def test_where_the_activation_has_a_scale_weights_keep_their_length() -> None:
    stack = drawn((3, 5, 4, 1), "tanh")
    null = redrawn(stack, 2, "normal", np.random.default_rng(1))
    for block in (0, 1):
        np.testing.assert_allclose(lengths(null)[block], np.repeat(lengths(stack)[block], 2, axis=0))
        np.testing.assert_array_equal(null.biases[block], np.repeat(stack.biases[block], 2, axis=0))


def test_a_positive_rescaling_of_neurons_changes_no_null_network() -> None:
    stack = drawn((2, 4, 3, 1))
    first, second = (np.exp(np.random.default_rng(7).normal(size=(4, n))) for n in (4, 3))
    scaled = Stack(
        stack.architecture,
        (
            stack.weights[0] * first[:, :, None],
            stack.weights[1] * second[:, :, None] / first[:, None, :],
            stack.weights[2] / second[:, None, :],
        ),
        (stack.biases[0] * first, stack.biases[1] * second, stack.biases[2]),
    )
    X = np.random.default_rng(8).uniform(-1, 1, (50, 2))
    one, other = (
        redrawn(s, 5, "uniform", np.random.default_rng(3)).forward(X).outputs for s in (stack, scaled)
    )
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_the_longest_row_of_a_cube_stays_as_diagonal_as_it_is() -> None:
    """Predicted: the mean of max|w| / |w| over each network's strongest neuron is that of fresh networks, to 0.02."""
    stack = drawn((2, 8, 1), count=400)
    null = redrawn(stack, 5, "uniform", np.random.default_rng(2))

    def of_strongest(s: Stack) -> float:
        length = np.linalg.norm(s.weights[0], axis=2)
        at = (length * np.abs(s.weights[1][:, 0])).argmax(axis=1)
        rows = s.weights[0][np.arange(len(s)), at]
        return float((np.abs(rows).max(axis=1) / np.linalg.norm(rows, axis=1)).mean())

    assert of_strongest(null) == pytest.approx(of_strongest(stack), abs=0.02)
    isotropic = redrawn(stack, 5, "normal", np.random.default_rng(2))
    assert of_strongest(isotropic) > of_strongest(stack) + 0.02


def test_one_input_has_offsets_on_the_layers_own_scale() -> None:
    stack = drawn((1, 6, 1), count=200)
    small = Stack(stack.architecture, stack.weights, tuple(b / 100 for b in stack.biases))
    at = [
        np.abs(n.biases[0] / n.weights[0][:, :, 0])
        for n in (redrawn(small, 5, "normal", np.random.default_rng(0)),)
    ]
    assert 0.002 < float(np.median(at[0])) < 0.05
    none = Stack(stack.architecture, stack.weights, tuple(np.zeros_like(b) for b in stack.biases))
    assert (redrawn(none, 5, "normal", np.random.default_rng(0)).biases[0] == 0.0).all()


def test_offsets_are_measured_from_the_boxs_nearest_point() -> None:
    stack = drawn((2, 4, 1))
    corner = nearest_point(((3.0, 5.0), (-2.0, -1.0)))
    assert corner.tolist() == [3.0, -1.0]
    null = redrawn(stack, 3, "normal", np.random.default_rng(0), corner)
    own, other = (
        (s.weights[0] @ corner + s.biases[0]) / np.linalg.norm(s.weights[0], axis=2) for s in (stack, null)
    )
    np.testing.assert_allclose(other, np.repeat(own, 3, axis=0))


def test_neurons_without_weights_stay_without_effect() -> None:
    stack = drawn((2, 3, 1), count=1)
    weights = stack.weights[0].copy()
    weights[0, 1] = 0.0
    null = redrawn(
        Stack(stack.architecture, (weights, stack.weights[1]), stack.biases),
        4,
        "normal",
        np.random.default_rng(0),
    )
    assert (null.weights[1][:, 0, 1] == 0.0).all()
