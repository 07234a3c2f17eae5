"""The kinks of a measure: what cancels into a linear part, on which sides the rest sits, and invariance to splits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mathcircuits.detect.similarity.criteria import SIDE, TAU
from mathcircuits.detect.similarity.kink_measures import leftover, shape_kernel, sides

Array = np.ndarray[Any, np.dtype[np.float64]]


def turned(*degrees: float) -> Array:
    """Unit vectors at angles, for shapes and for normals."""
    return np.array([[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees])


def test_the_kernel_of_unit_vectors_is_that_of_their_deficit() -> None:
    u, v = turned(0, 30, 180), turned(0, 9)
    assert shape_kernel(u, v, TAU) == pytest.approx(np.exp((u @ v.T - 1) / TAU))


def test_only_opposite_signs_on_opposite_sides_cancel() -> None:
    bend = turned(0, 0)
    for masses, normals, expected in [
        ([3.0, -1.0], [[1.0], [-1.0]], [2.0, 0.0]),
        ([-1.0, 3.0], [[1.0], [-1.0]], [0.0, 2.0]),
        ([3.0, 1.0], [[1.0], [-1.0]], [3.0, 1.0]),
        ([3.0, -1.0], [[1.0], [1.0]], [3.0, -1.0]),
    ]:
        assert leftover(np.array(masses), bend, np.array(normals)) == pytest.approx(expected)


@pytest.mark.parametrize("degrees", [0.0, 1.0, 5.0, 20.0, 59.9, 60.1, 90.0])
def test_what_is_left_of_a_pair_is_its_own_residual(degrees: float) -> None:
    shapes, normals = turned(0, degrees), np.array([[1.0], [-1.0]])
    gap = 2 * math.sin(math.radians(degrees) / 2)
    assert leftover(np.array([1.0, -1.0]), shapes, normals) == pytest.approx(
        min(1, gap) * np.array([1, -1]), abs=1e-6
    )


def test_a_pair_on_one_hyperplane_goes_before_near_ones() -> None:
    """1 at 0 degrees, -1 opposite it, and -1 opposite 5 degrees: the first two cancel, the third stays."""
    left = leftover(np.array([1.0, -1.0, -1.0]), turned(0, 0, 5), np.array([[1.0], [-1.0], [-1.0]]))
    assert left == pytest.approx([0, 0, -1], abs=1e-6)
    # What one partner cannot take, the next does.
    left = leftover(np.array([2.0, -1.0, -1.0]), turned(0, 0, 5), np.array([[1.0], [-1.0], [-1.0]]))
    gap = 2 * math.sin(math.radians(2.5))
    assert left == pytest.approx([gap, 0, -gap], abs=1e-6)


def test_nothing_jumps_where_two_partners_change_places() -> None:
    normals = np.array([[1.0], [-1.0], [-1.0]])
    found = [
        leftover(np.array([1.0, -1.0, -1.0]), turned(0, 10, -a), normals) for a in np.arange(9.9, 10.1, 0.01)
    ]
    assert np.abs(np.diff(found, axis=0)).max() < 0.01


def test_splitting_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    masses, angles = rng.normal(size=12), rng.uniform(0, 360, 12)
    # Shapes turn twice as fast as normals: both sides of a hyperplane are one kink.
    shapes, normals = turned(*2 * angles), turned(*angles)
    left, facing = leftover(masses, shapes, normals), sides(masses, shapes, normals)
    assert np.abs(left).sum() < 0.95 * np.abs(masses).sum()
    order, share = rng.permutation(24), rng.uniform(0.1, 0.9, 12)
    parts = np.concatenate([share * masses, (1 - share) * masses])[order]
    twice = [np.concatenate([rows, rows])[order] for rows in (shapes, normals)]
    back = np.argsort(order)
    again = leftover(parts, *twice)[back]
    assert again[:12] + again[12:] == pytest.approx(left)
    assert sides(parts, *twice)[back][:12] == pytest.approx(facing)


def test_the_side_is_the_balance_of_a_hyperplane() -> None:
    bend, normals = turned(0, 0), np.array([[1.0], [-1.0]])
    assert sides(np.array([1.0, 1.0]), bend, normals) == pytest.approx(0)
    assert sides(np.array([3.0, 1.0]), bend, normals) == pytest.approx(SIDE / 2)
    assert sides(np.array([3.0, -1.0]), bend, normals) == pytest.approx(SIDE * normals)
    far = sides(np.array([1.0, 1.0]), turned(0, 60), normals)
    assert far == pytest.approx(SIDE * normals, abs=1e-6)


def test_no_kinks() -> None:
    none = np.zeros((0, 2))
    assert leftover(np.zeros(0), none, none).shape == (0,)
    assert sides(np.zeros(0), none, none).shape == (0, 2)
