"""Cells of a box: they cover it, and too many planes are given up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.cells import TooManyCells, kink_planes, largest_on_sections, polygon_cells
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


def test_planes_are_told_apart_in_units_of_the_box() -> None:
    """3e-16 apart they are one on the unit cube, and two on a cube of 1e-9."""
    f = from_network(Network([[[1.0, 0, 0], [1.0, 0, 0]], [[1.0, 1.0]]], [[0.0, 3e-16], None]))
    counts = [len(kink_planes(f, ((-width, width),) * 3)) for width in (1.0, 1e-9)]
    assert counts == [1, 2]


@pytest.mark.parametrize("steepness", [1e-9, 1e-14, 1e-16])
def test_a_plane_far_from_the_box_spoils_no_section(steepness: float) -> None:
    """|x1| - |x2| - x3/2 is at most 1.5; a unit that bends far outside the box made the bound several times that."""
    rows = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [steepness, 0, steepness]]
    f = from_network(Network([rows, [[1, 1, -1, -1, 0.1], [0, 0, 0, 0, 1]]], [[0, 0, 0, 0, 1], None]))
    value, point, _ = largest_on_sections(f, ((-1.0, 1.0),) * 3)
    assert value == pytest.approx(1.1, abs=1e-8)
    assert np.abs(point).max() <= 1
