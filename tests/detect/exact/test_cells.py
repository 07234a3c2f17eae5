"""Cells of a box: they cover it, and too many planes are given up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.cells import TooManyCells, kink_planes, polygon_cells
from mathcircuits.detect.exact.piecewise import from_network
from mathcircuits.detect.networks.network import Network


def random_network(
    rng: np.random.Generator, sizes: tuple[int, ...], activation: str = "relu", gain: float = 1.0
) -> Network:
    """Weights and biases like nn.Linear's, times a gain."""
    W = [rng.uniform(-gain, gain, (b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return Network(W, [rng.uniform(-gain, gain, b) / np.sqrt(a) for a, b in pairwise(sizes)], activation)


def test_cells_cover_the_box() -> None:
    """Areas add up to the box's, and every vertex is in it."""
    f = from_network(random_network(np.random.default_rng(11), (2, 12, 6, 1)))
    cells = polygon_cells(f, ((-1.0, 1.0), (0.0, 3.0)))
    V = cells.vertices
    u, w = V[:, 1:-1] - V[:, :1], V[:, 2:] - V[:, :1]
    areas = np.abs((u[..., 0] * w[..., 1] - u[..., 1] * w[..., 0]).sum(axis=1)) / 2
    assert areas.sum() == pytest.approx(6.0, rel=1e-12)
    assert (areas > 0).all()
    with pytest.raises(TooManyCells, match="more than 10 cells: raise node_limit"):
        polygon_cells(f, ((-1.0, 1.0), (0.0, 3.0)), limit=10)
    with pytest.raises(InputError, match="cells are enumerated in one and two dimensions"):
        polygon_cells(from_network(Network([[[1.0, 1.0, 1.0]]])), ((-1.0, 1.0),) * 3)


def test_many_planes_are_given_up() -> None:
    f = from_network(random_network(np.random.default_rng(12), (3, 16, 4, 1)))
    assert kink_planes(f, ((-1.0, 1.0),) * 3) is None
