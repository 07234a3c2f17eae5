"""Local descent: the Jacobian, locked signs, and networks on their own."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import (
    Network,
    tasks,
)
from mathcircuits.detect.learning.local_descent import descend, forward, residuals_and_jacobian
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.parameter_layout import ParameterLayout
from mathcircuits.detect.networks.stacks import Stack

# Local steps


@pytest.mark.parametrize("activation", ["relu", "leaky_relu(0.3)"])
def test_the_jacobian_is_that_of_differences(activation: str) -> None:
    rng = np.random.default_rng(2)
    shape = Architecture((2, 3, 2, 2), (activation,) * 2, (True, False, True))
    stack = untrained(shape, 2, "uniform", rng)
    x, y = rng.uniform(-1, 1, (1, 2, 7)), rng.uniform(-1, 1, (1, 2, 7))
    slopes = (0.0, 0.0) if activation == "relu" else (0.3, 0.3)
    layout = ParameterLayout(shape)
    p = layout.joined(stack)
    passed = forward(*layout.split(p), slopes, x)
    J = residuals_and_jacobian(layout, p, passed, y)[1]
    assert J.shape == (2, 6 + 3 + 6 + 4 + 2, 14)
    for k in range(layout.size):
        moved = np.zeros(layout.size)
        moved[k] = 1e-6
        up, down = (forward(*layout.split(p + sign * moved), slopes, x).outputs for sign in (1, -1))
        assert np.allclose((up - down).reshape(2, -1) / 2e-6, J[:, k], atol=1e-6)


def test_local_steps_lower_the_loss_and_keep_locked_signs() -> None:
    rng = np.random.default_rng(4)
    stack = untrained(Architecture((2, 4, 1), ("relu",), (False, False)), 30, "uniform", rng)
    X = rng.uniform(-1, 1, (200, 2))
    Y = tasks["minimum"](X)
    start = ((stack.forward(X).outputs - Y) ** 2).mean(axis=(1, 2))
    found = descend(stack, X, Y, 1e-12, 60)
    assert (found.losses <= start).all()
    assert np.allclose(found.losses, ((found.stack.forward(X).outputs - Y) ** 2).mean(axis=(1, 2)))
    assert (found.losses < 1e-10).any()


def test_a_network_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(6)
    stack = untrained(Architecture((1, 3, 1), ("relu",), (True, True)), 6, "uniform", rng)
    X = np.linspace(-1, 1, 100)[:, None]
    together, alone = descend(stack, X, np.abs(X), 1e-10, 50), descend(stack[2:3], X, np.abs(X), 1e-10, 50)
    assert alone.losses[0] == pytest.approx(together.losses[2], rel=1e-6, abs=1e-12)
    assert alone.tries[0] == together.tries[2]


def test_a_network_without_gradient_stays() -> None:
    dead = Stack.of([Network([[[0.0], [0.0]], [[0.0, 0.0]]])])
    X = np.linspace(-1, 1, 20)[:, None]
    found = descend(dead, X, np.abs(X), 1e-10, 50)
    assert found.losses[0] == pytest.approx(np.mean(X**2))
    assert found.tries[0] == 0
