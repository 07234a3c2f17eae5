"""Weighted directions: they have the areas of caps under both laws, at any depth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import betainc

from mathcircuits.detect import UnknownNameError
from mathcircuits.detect.matching.nulls.sphere import directions_around

NO_OFFSET = np.zeros(1)


def signed(d: int, most: int) -> np.ndarray:
    """All directions with up to `most` entries of one size [K, d]."""
    rows = []
    for k in range(1, min(most, d) + 1):
        for at in itertools.combinations(range(d), k):
            for signs in itertools.product((1.0, -1.0), repeat=k):
                row = np.zeros(d)
                row[list(at)] = signs
                rows.append(row / np.sqrt(k))
    return np.array(rows)


@pytest.mark.parametrize("d", [2, 3, 6])
@pytest.mark.parametrize("angle", [1e-3, 1e-2, 5e-2])
def test_isotropic_caps_have_their_area(d: int, angle: float) -> None:
    centres = signed(d, 2)
    drawn = directions_around(centres)
    weight = drawn.weights("normal", NO_OFFSET)[0]
    within = (drawn.vectors @ centres.T).max(axis=1) >= np.cos(angle)
    area = len(centres) * 0.5 * betainc((d - 1) / 2, 0.5, np.sin(angle) ** 2)
    # Of a plain sample of 2 000 none would lie so close in six dimensions: the area is 1e-16 to 4e-6 there.
    assert weight[within].sum() == pytest.approx(area, rel=0.06)
    assert weight.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("d", [2, 3, 5])
def test_the_law_of_a_cube_is_that_of_its_draws(d: int) -> None:
    drawn = directions_around(signed(d, 2))
    cube = np.random.default_rng(0).uniform(-1, 1, (200_000, d))
    cube /= np.linalg.norm(cube, axis=1, keepdims=True)
    weight = drawn.weights("uniform", NO_OFFSET)[0]
    for power in (1, 3):
        largest = np.abs(drawn.vectors).max(axis=1) ** power
        assert weight @ largest == pytest.approx((np.abs(cube).max(axis=1) ** power).mean(), rel=0.01)


def test_the_law_given_an_offset_is_that_of_draws_with_a_bias_of_the_same_interval() -> None:
    rng = np.random.default_rng(0)
    cube = rng.uniform(-1, 1, (2_000_000, 3))
    size = np.linalg.norm(cube[:, :2], axis=1)
    here = cube[np.abs(cube[:, 2] / size - 0.9) < 0.02, :2]
    largest = np.abs(here).max(axis=1) / np.linalg.norm(here, axis=1)
    drawn = directions_around(signed(2, 2))
    alone, given = drawn.weights("uniform", np.array([0.9]))
    seen = np.abs(drawn.vectors).max(axis=1)
    assert given @ seen == pytest.approx(largest.mean(), abs=0.002)
    assert abs(alone @ seen - largest.mean()) > 0.008


def test_one_variable_has_two_directions_and_unknown_laws_are_refused() -> None:
    drawn = directions_around(np.empty((0, 1)))
    assert drawn.weights("uniform", NO_OFFSET) == pytest.approx(np.full((2, 2), 0.5))
    with pytest.raises(UnknownNameError, match="no init law named 'cubic'"):
        drawn.weights("cubic", NO_OFFSET)


def test_without_centres_all_draws_lie_anywhere() -> None:
    drawn = directions_around(np.empty((0, 4)))
    weight = drawn.weights("normal", NO_OFFSET)[0]
    assert weight == pytest.approx(np.full(len(weight), 1 / len(weight)))
