"""Piecewise-linear functions: compositions are their formulas, and dropped units count as zero."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.exact.piecewise import from_formulas, from_network
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.task import hand_derived

MINIMUM = hand_derived("minimum")


# --- formulas as compositions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "median(x1, x2, x3, x4)",
        "median(x5, x4, x3, x2, x1)",
        "max(x1, abs(x2 - 1/3), -x3) * 3/2",
        "clip(x1, -x2, pi) + relu(2*x3) + relu(-2*x3)",
        "mean(x1, x2)**1 + x3**0 - (1/2)**3",
    ],
)
def test_compositions_are_their_formulas(text: str) -> None:
    X = np.random.default_rng(10).uniform(-2, 2, (500, 5))
    np.testing.assert_allclose(from_formulas([Formula(text)], 5)(X)[:, 0], Formula(text)(X), atol=1e-13)


def test_equal_arguments_share_a_unit() -> None:
    f = from_formulas([Formula("min(x1, x2) + max(x1, x2) + abs(2*x1 - 2*x2)")], 2)
    assert f.units == 1


def test_dropped_units_count_as_zero() -> None:
    f = from_network(MINIMUM)
    kept = f.without(np.array([True, False, False]))
    assert kept(np.array([[0.5, -0.5]])).tolist() == [[0.5]]
