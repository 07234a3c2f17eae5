"""Hyperplanes on a box: which are one, which neurons bend, and what is affine but for a corner."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.exact.hyperplanes import (
    affine_basis,
    group_planes,
    in_box_units,
    near_planes,
    nearly_affine,
    neurons_on_box,
)

SQUARE = ((-1.0, 1.0), (-1.0, 1.0))


def direction(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


@pytest.mark.parametrize(("degrees", "same"), [(0, True), (4.999, True), (5.001, False), (90, False)])
def test_hyperplanes_are_one_within_five_degrees_from_either_side(degrees: float, same: bool) -> None:
    own, zero = direction(30)[None], np.zeros(1)
    for other in (direction(30 + degrees), -direction(30 + degrees), direction(30 - degrees)):
        assert near_planes(own, zero, other[None], zero, SQUARE).tolist() == [[same]]
        assert near_planes(own, zero, 7 * other[None], zero, SQUARE).tolist() == [[same]]


def test_offsets_count_from_the_middle_of_the_box_in_half_widths() -> None:
    n = np.array([[1.0]])
    wide = ((0.0, 200.0),)
    # x = 100 and x = 105 are 0.05 half-widths apart, x = 110 is 0.1.
    assert near_planes(n, np.array([-100.0]), n, np.array([-105.0]), wide).item()
    assert not near_planes(n, np.array([-100.0]), n, np.array([-110.0]), wide).item()
    planes = in_box_units(np.array([[2.0, 0.0]]), np.array([-1.0]), ((0.0, 1.0), (0.0, 3.0)))
    assert planes.unit.tolist() == [[1.0, 0.0]]
    assert (planes.offset.item(), planes.length.item()) == (0.0, 1.0)


def test_the_strongest_leads_a_group_and_signs_are_against_it() -> None:
    unit = np.stack([direction(4), -direction(0), direction(-4), direction(60)])
    groups = group_planes(unit, np.zeros(4), [1, 0, 2, 3])
    assert groups.group.tolist() == [0, 0, 0, 1]
    assert groups.sign.tolist() == [-1, 1, -1, 1]
    assert groups.leaders == [1, 3]
    # From an end of the fan the other end is another hyperplane.
    assert group_planes(unit, np.zeros(4), [0, 1, 2, 3]).group.tolist() == [0, 0, 1, 2]


def test_a_tolerance_below_what_a_cosine_resolves() -> None:
    unit = np.stack([direction(0), direction(1e-6), direction(1e-9), -direction(0)])
    groups = group_planes(unit, np.zeros(4), range(4), tolerance=1e-9, oriented=True)
    assert groups.group.tolist() == [0, 1, 0, 2]


def test_no_hyperplanes() -> None:
    none = np.zeros((0, 2))
    assert group_planes(none, np.zeros(0), []).leaders == []
    assert near_planes(none, np.zeros(0), direction(0)[None], np.zeros(1), SQUARE).shape == (0, 1)
    assert near_planes(direction(0)[None], np.zeros(1), none, np.zeros(0), SQUARE).shape == (1, 0)


def test_neurons_on_a_box_that_is_not_centred() -> None:
    # x1 + x2 + b on [0, 1] x [0, 3] takes the values b to b + 4.
    W, b = np.ones((4, 2)), np.array([-1.0, 0.0, -4.0, 2.0])
    found = neurons_on_box(W, b, ((0.0, 1.0), (0.0, 3.0)))
    # What only touches 0 in a corner does not bend.
    assert found.bent.tolist() == [True, False, False, False]
    assert (found.middle - found.reach).tolist() == b.tolist()
    assert not neurons_on_box(np.zeros((1, 2)), np.zeros(1), SQUARE).bent.any()


def test_affine_but_for_a_corner() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    basis = affine_basis(X)
    assert np.allclose(basis.T @ basis, np.eye(3))
    assert nearly_affine(3 * X[:, 0] - X[:, 1] + 2, basis)
    assert nearly_affine(np.maximum(X.sum(axis=1) + 1.6, 0), basis)
    assert not nearly_affine(np.maximum(X.sum(axis=1), 0), basis)
