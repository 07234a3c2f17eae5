"""Readable weights: the gauge keeps the function, pairs lie on the axes, numbers become fractions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mathcircuits.detect import Network
from mathcircuits.models import hand_derived
from mathcircuits.models.compression.readable_weights import (
    _bases,
    in_standard_gauge,
    readable_forms,
    snapped,
)

BOX2 = ((-1.0, 1.0),) * 2


def rotated_minimum_of_4() -> Network:
    """The hand-derived network with its pass-through pairs on oblique directions, as elimination leaves them."""
    first, second, third = (np.array(w) for w in hand_derived("minimum-of-4").to_network().weights)
    pairs: dict[int, tuple[int, int]] = {}
    for i, row in enumerate(first):
        if (row != 0).sum() == 1:
            axis = int(np.flatnonzero(row)[0])
            plus, minus = pairs.get(axis, (-1, -1))
            pairs[axis] = (i, minus) if row[axis] > 0 else (plus, i)
    (a, b), mix = pairs.values(), np.array([[0.8, 0.5], [-0.3, 0.9]])
    directions = mix @ first[[a[0], b[0]]]
    read = second[:, [a[0], b[0]]] @ np.linalg.inv(mix)
    for k, (plus, minus) in enumerate((a, b)):
        first[plus], first[minus] = directions[k], -directions[k]
        second[:, plus], second[:, minus] = read[:, k], -read[:, k]
    return Network([first, second, third])


def points(network: Network, count: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).uniform(-1, 1, (count, network.inputs))
    return X, network(X)


def columns(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.T.copy())[None]


def test_rotated_pairs_are_put_on_the_axes() -> None:
    rotated = rotated_minimum_of_4()
    X, y = points(rotated)
    assert np.abs(y - X.min(axis=1, keepdims=True)).max() < 1e-12
    form = next(readable_forms(rotated, ((-1.0, 1.0),) * 4, columns(X), columns(y)))
    assert np.abs(form(X) - y).max() < 1e-12
    # Osier's form: two 2-input neurons, two pairs on the axes
    assert sorted(len(np.flatnonzero(row)) for row in form.weights[0]) == [1, 1, 1, 1, 2, 2]
    assert {0.0, 1.0} == {abs(float(value)) for w in form.weights for value in w.ravel()}


def test_the_standard_gauge_keeps_the_function() -> None:
    rng = np.random.default_rng(6)
    for bias in (False, True):
        network = Network(
            [rng.normal(size=(5, 2)), rng.normal(size=(4, 5)), rng.normal(size=(2, 4))],
            [rng.normal(size=5), rng.normal(size=4), rng.normal(size=2)] if bias else None,
        )
        X, y = points(network)
        form = in_standard_gauge(network, BOX2, X)
        assert np.abs(form(X) - y).max() < 1e-9 * np.abs(y).max()
        assert sum(form.sizes[1:-1]) <= sum(network.sizes[1:-1])


def test_numbers_that_are_no_fractions_are_left() -> None:
    network = Network([[[1.0, -0.5], [0.61803, 1.0]], [[0.33333333, 1.41421]]])
    rounded, free = snapped(network, 1e-3)
    assert free.tolist() == [False, False, True, False, False, True]
    assert rounded.weights[1][0, 0] == 1 / 3


def test_a_basis_on_inputs_that_hardly_weigh_is_passed_over() -> None:
    # By its first two inputs alone the last row of `rest` would be read off 1e-2 as 1 beside 1e3.
    rest = np.array([[1.0, 0.0, 1.0], [0.0, 1e-2, 10.0]])
    found = list(_bases(rest, 2, 1.0))
    assert found
    for basis, out in found:
        assert np.isfinite(basis).all()
        assert basis.any(axis=1).all()
        assert out @ basis == pytest.approx(rest, abs=1e-2)
    assert len(found) < 3
