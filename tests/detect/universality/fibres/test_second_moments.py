"""Second moments in closed form are those of many points; any number of turns of a neuron is the same neuron."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.universality.fibres.second_moments import _quarter_moments, moments_on

SQUARE = ((-1.0, 1.0), (-1.0, 1.0))


def sums(X: np.ndarray, U: np.ndarray, W: np.ndarray) -> np.ndarray:
    return np.maximum(U @ X.T, 0) @ np.maximum(W @ X.T, 0).T / len(X)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_on_a_square_they_are_in_closed_form(rng: np.random.Generator) -> None:
    # A midpoint rule of 600^2 points: its error is the square of the step where neurons bend, 1e-5 and less.
    line = (np.arange(600) + 0.5) / 300 - 1
    X = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    axes = np.array([[1.0, 0], [-1, 0], [0, 1], [1, 1], [-1, -1], [1, -1]])
    U, W = np.concatenate([rng.normal(size=(6, 2)), axes]), np.concatenate([axes, rng.normal(size=(4, 2))])
    assert moments_on(SQUARE, False)(U, W) == pytest.approx(sums(X, U, W), abs=1e-5)
    wide = tuple((3 * low, 3 * high) for low, high in SQUARE)
    assert moments_on(wide, False)(U, W) == pytest.approx(9 * sums(X, U, W), abs=1e-4)


def test_by_hand() -> None:
    # E relu(x1)^2 = 1/6; E relu(x1) relu(x2) = 1/16; relu(x1) relu(-x1) = 0.
    U = np.array([[1.0, 0], [0, 1], [-1, 0]])
    expected = [[1 / 6, 1 / 16, 0], [1 / 16, 1 / 6, 1 / 16], [0, 1 / 16, 1 / 6]]
    assert moments_on(SQUARE, False)(U, U) == pytest.approx(np.array(expected), abs=1e-15)


def test_every_quarter_of_any_turn_joins_the_next() -> None:
    angles = np.arange(-7, 8) * np.pi / 4
    for before, after in zip(_quarter_moments(angles - 1e-9), _quarter_moments(angles + 1e-9), strict=True):
        assert after == pytest.approx(before, abs=1e-7)


@pytest.mark.parametrize("inputs", [2, 3])
def test_of_normal_inputs_they_are_the_arc_cosine_kernel(inputs: int, rng: np.random.Generator) -> None:
    box = ((-1.0, 1.0),) * inputs
    X, U = rng.normal(size=(400_000, inputs)), rng.normal(size=(3, inputs))
    U = np.concatenate([U, -U[:1]])
    assert moments_on(box, False, "normal")(U, U) == pytest.approx(sums(X, U, U), abs=0.05)


@pytest.mark.parametrize(("inputs", "bias"), [(1, False), (1, True), (2, True), (3, False), (3, True)])
def test_elsewhere_they_are_sums_over_points(inputs: int, bias: bool, rng: np.random.Generator) -> None:
    box = ((-1.0, 2.0),) * inputs
    X = rng.uniform(-1, 2, (400_000, inputs))
    X = np.column_stack([X, np.ones(len(X))]) if bias else X
    U, W = rng.normal(size=(2, 3, inputs + bias)), rng.normal(size=(2, 4, inputs + bias))
    found = moments_on(box, bias)(U, W)
    assert found.shape == (2, 3, 4)
    for one, u, w in zip(found, U, W, strict=True):
        assert one == pytest.approx(sums(X, u, w), abs=0.02)
